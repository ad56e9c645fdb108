"""Which seeds a project has, and what its files may be called."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tdm_seed.errors import SeedError, TdmSeedError, UsageError
from tdm_seed.revisions import discover
from tdm_seed.values import Kind, Layer, Mode, Seed, Transaction
from tests.ordinary_user import OrdinaryUser

DIALECTS = ("sqlite", "postgresql", "mysql", "mariadb")
UPGRADE = "def upgrade(db):\n    pass\n"


def project(root: Path, files: dict[str, str]) -> Path:
    """Write files below ``seeds`` and return that folder."""
    seeds = root / "seeds"
    seeds.mkdir(exist_ok=True)
    for name, text in files.items():
        path = seeds / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return seeds


def found(root: Path, files: dict[str, str]) -> tuple[Seed, ...]:
    """Discover the seeds that files make."""
    return discover(project(root, files), DIALECTS)


def test_a_seed_is_what_its_place_and_its_header_say(tmp_path: Path) -> None:
    """Layer and group come from the folders, the rest from the file, and nothing of it is run."""
    script = (
        '"""A cart\n  left behind.\n\nMore about it."""\n'
        'depends_on = ["countries"]\n'
        'requires_schema: str = "ae10"\n'
        "schema_until = 'bf20'\n"
        "mode = 'always'\n"
        "transaction = 'chunk'\n"
        "labels = ('smoke', 'slow')\n"
        "dialects = ['mysql']\n"
        "raise RuntimeError('never run')\n"
        "def upgrade(db): ...\n"
        "def downgrade(db): ...\n"
    )
    (seed,) = found(tmp_path, {"scenario/checkout/old/20260109_1000_carts.py": script})
    assert seed.checksum.startswith("1:sha256:")
    path = tmp_path / "seeds/scenario/checkout/old/20260109_1000_carts.py"
    expected = Seed(
        revision="20260109_1000_carts",
        name="carts",
        layer=Layer.SCENARIO,
        kind=Kind.PYTHON,
        path=path,
        group="checkout/old",
        checksum=seed.checksum,
        files=(path,),
        description="A cart left behind.",
        depends_on=("countries",),
        requires_schema="ae10",
        schema_until="bf20",
        mode=Mode.ALWAYS,
        transaction=Transaction.CHUNK,
        labels=("smoke", "slow"),
        dialects=("mysql",),
        has_verify=False,
        has_downgrade=True,
    )
    assert expected == seed
    assert seed.qualified_name == "checkout/old/carts"


def test_seeds_are_sorted_by_revision_across_layers(tmp_path: Path) -> None:
    """The order of the result is that of the revisions, wherever the files lie."""
    seeds = found(
        tmp_path,
        {
            "scenario/20260101_0000_a.py": UPGRADE,
            "reference/20260102_0000_b.sql": "SELECT 1;",
            "reference/z/20260101_0001_c.csv": "x\n",
        },
    )
    expected = ["20260101_0000_a", "20260101_0001_c", "20260102_0000_b"]
    assert expected == [seed.revision for seed in seeds]
    assert [Kind.PYTHON, Kind.DATA, Kind.SQL] == [seed.kind for seed in seeds]


def test_the_layer_decides_how_often_a_seed_runs(tmp_path: Path) -> None:
    """Reference seeds follow their file, scenarios run once."""
    reference, scenario = found(
        tmp_path, {"reference/20260101_0000_a.py": UPGRADE, "scenario/20260101_0001_b.py": UPGRADE}
    )
    assert (Mode.ON_CHANGE, Mode.ONCE) == (reference.mode, scenario.mode)


def test_files_of_the_scripts_stem_are_its_data(tmp_path: Path) -> None:
    """Whatever their suffix; declared files and shared code follow."""
    (seed,) = found(
        tmp_path,
        {
            "reference/20260101_0000_a.py": "from ._names import X\ndata = ['more.txt']\n" + UPGRADE,
            "reference/20260101_0000_a.csv": "",
            "reference/20260101_0000_a.toml": "",
            "reference/20260101_0000_a.geo.json": "",
            "reference/more.txt": "",
            "reference/_names.py": "X = 1",
        },
    )
    stem = "20260101_0000_a"
    expected = [f"{stem}.py", f"{stem}.csv", f"{stem}.geo.json", f"{stem}.toml", "more.txt", "_names.py"]
    assert expected == [file.name for file in seed.files]


def test_what_is_no_seed_is_left_alone(tmp_path: Path) -> None:
    """Private, hidden, generated and unrelated files."""
    seeds = found(
        tmp_path,
        {
            "reference/__init__.py": "",
            "reference/_names.py": "not ( python",
            "reference/_drafts/20260101_0000_draft.py": "",
            "reference/.hidden.py": "",
            "reference/__pycache__/x.cpython-311.pyc": "",
            "reference/notes.md": "",
            "reference/names.csv": "",
            "reference/settings.toml": "",
            "reference/20260101_0000_a.py.orig": "",
            "reference/20260101_0000_a.py~": "",
            "environments/dev.toml": "",
            "fixtures/photo.png": "",
            "README.md": "",
        },
    )
    assert () == seeds


def test_an_empty_project_has_no_seeds(tmp_path: Path) -> None:
    """Layer folders need not exist."""
    assert () == found(tmp_path, {})


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    """With what makes one."""
    with pytest.raises(UsageError, match=r"there is no folder .*seeds(.|\n)*Seeds live in"):
        discover(tmp_path / "seeds", DIALECTS)


@pytest.mark.parametrize(
    ("files", "file", "words"),
    [
        (["reference/helpers.py"], "reference/helpers.py", "_helpers.py if it is code that seeds share"),
        (["reference/helpers.py"], "reference/helpers.py", "YYYYMMDD_HHMM_helpers.py"),
        (["reference/insert.sql"], "reference/insert.sql", "Rename it to YYYYMMDD_HHMM_insert.sql."),
        (
            ["reference/20260101_0000_Big-Shop.PY"],
            "reference/20260101_0000_Big-Shop.PY",
            "Rename it to 20260101_0000_big_shop.py",
        ),
        (["reference/20260101_0000_.py"], "reference/20260101_0000_.py", "20260101_0000_name.py"),
        (["reference/20261301_0000_a.py"], "reference/20261301_0000_a.py", "does not exist, 20261301_0000"),
        (["reference/20260101_2460_a.sql"], "reference/20260101_2460_a.sql", "YYYYMMDD_HHMM_a.sql"),
        (["reference/20260101_a.py"], "reference/20260101_a.py", "YYYYMMDD_HHMM_a.py"),
        (["reference/20260101_0000_a.b.py"], "reference/20260101_0000_a.b.py", "20260101_0000_a_b.py"),
        (["reference/2026-01-01_prices.csv"], "reference/2026-01-01_prices.csv", "YYYYMMDD_HHMM_prices.csv"),
        (["reference/20260230_0000_a.jsonl"], "reference/20260230_0000_a.jsonl", "does not exist"),
        (
            ["reference/20260101_0000_a.py", "reference/20260101_0000_a.sql"],
            "reference/20260101_0000_a.py",
            "same revision as 20260101_0000_a.sql",
        ),
        (
            ["reference/20260101_0000_a.csv", "reference/20260101_0000_a.json"],
            "reference/20260101_0000_a.csv",
            "same revision as 20260101_0000_a.json",
        ),
        (["reference/20260101_0000_a.toml"], "reference/20260101_0000_a.toml", "no data beside it"),
        (
            ["reference/20260101_0000_a.py", "scenario/x/20260102_0000_a.csv"],
            "scenario/x/20260102_0000_a.csv",
            "seeds/reference/20260101_0000_a.py has already",
        ),
        (["20260101_0000_a.py"], "20260101_0000_a.py", "Move it into reference or scenario."),
        (["referense/20260101_0000_a.csv"], "referense/20260101_0000_a.csv", "would never run"),
    ],
)
def test_a_name_that_cannot_be_is_refused(tmp_path: Path, files: list[str], file: str, words: str) -> None:
    """The error names the file as the project knows it, and says what to call it."""
    with pytest.raises(SeedError) as raised:
        found(tmp_path, {name: UPGRADE if name.lower().endswith("py") else "SELECT 1;" for name in files})
    assert f"seeds/{file}" == raised.value.place.file
    assert words in str(raised.value)


def test_declared_data_may_have_any_name(tmp_path: Path) -> None:
    """A file that would be a misnamed data seed is none when a script reads it."""
    (seed,) = found(
        tmp_path,
        {
            "reference/20260101_0000_a.py": "data = ['2026-prices.csv', '../raw/20260101_0000_b.csv']\n" + UPGRADE,
            "reference/2026-prices.csv": "",
            "raw/20260101_0000_b.csv": "",
        },
    )
    assert ["2026-prices.csv", "20260101_0000_b.csv"] == [file.name for file in seed.files[1:]]


def test_a_declared_file_that_is_not_there(tmp_path: Path) -> None:
    """The line of the header, and where it was looked for."""
    with pytest.raises(SeedError) as raised:
        found(tmp_path, {"scenario/x/20260101_0000_a.py": UPGRADE + "data = ['../b.csv']\n"})
    assert ("seeds/scenario/x/20260101_0000_a.py", 3) == (raised.value.place.file, raised.value.place.line)
    assert "../b.csv, which does not exist" in str(raised.value)
    assert "Looked for at seeds/scenario/b.csv" in str(raised.value)


def test_a_folder_is_no_data(tmp_path: Path) -> None:
    """Declaring one would leave open which files count."""
    with pytest.raises(SeedError, match="which is a folder"):
        found(tmp_path, {"reference/20260101_0000_a.py": UPGRADE + "data = ['b']\n", "reference/b/c.txt": ""})


def test_errors_name_files_below_the_projects_root(tmp_path: Path) -> None:
    """Where the seeds folder lies deeper, its whole way is shown."""
    seeds = project(tmp_path, {"reference/helpers.py": ""})
    with pytest.raises(TdmSeedError) as raised:
        discover(seeds, DIALECTS, root=tmp_path.parent)
    assert f"{tmp_path.name}/seeds/reference/helpers.py" == raised.value.place.file


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    """The line of the first bad byte."""
    seeds = project(tmp_path, {"reference/20260101_0000_a.sql": ""})
    (seeds / "reference/20260101_0000_a.sql").write_bytes(b"-- x\nSELECT '\xe9';")
    with pytest.raises(SeedError, match=r"20260101_0000_a.sql:2: is not UTF-8: byte 0xe9"):
        discover(seeds, DIALECTS)


def test_a_file_that_may_not_be_read(ordinary_user: OrdinaryUser) -> None:
    """What the operating system says."""
    seeds = project(ordinary_user.folder, {"reference/20260101_0000_a.sql": "SELECT 1;"})
    assert 1 == len(discover(seeds, DIALECTS))
    (seeds / "reference/20260101_0000_a.sql").chmod(0)
    with ordinary_user.at_work(), pytest.raises(SeedError, match="cannot be read: Permission denied"):
        discover(seeds, DIALECTS)


def test_a_dangling_link_cannot_be_read(tmp_path: Path) -> None:
    """A link to nothing is an error of that file."""
    seeds = project(tmp_path, {"reference/x": ""})
    (seeds / "reference/20260101_0000_a.csv").symlink_to(tmp_path / "nothing.csv")
    with pytest.raises(SeedError, match=r"20260101_0000_a\.csv: cannot be read: No such file"):
        discover(seeds, DIALECTS)


def test_two_thousand_seeds_are_read_at_once(tmp_path: Path) -> None:
    """Under half a second of CPU, so that `status` and `plan` feel instant (0.22 s where this was written)."""
    script = '"""Rows."""\ndepends_on = ["first"]\n' + UPGRADE + "\ndef verify(db):\n    assert db.scalar('SELECT 1')\n"
    files = {f"reference/20260101_{i // 60:02}{i % 60:02}_p{i}.py": script for i in range(1000)}
    files |= {f"scenario/g/20260102_{i // 60:02}{i % 60:02}_s{i}.sql": "-- X.\nSELECT 1;" for i in range(500)}
    files |= {f"reference/20260103_{i // 60:02}{i % 60:02}_d{i}.csv": "a,b\n1,2\n" for i in range(500)}
    seeds = project(tmp_path, files)
    spent = []
    for _ in range(2):  # the first run may pay for what else the machine does
        began = time.process_time()
        assert 2000 == len(discover(seeds, DIALECTS))
        spent.append(time.process_time() - began)
    assert min(spent) < 0.5


def test_reading_seeds_needs_no_database_library() -> None:
    """Importing SQLAlchemy costs a third of a second, which looking at files must not pay."""
    code = "import sys, tdm_seed.revisions, tdm_seed.revisions.plan; sys.exit('sqlalchemy' in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
