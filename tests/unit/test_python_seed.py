"""A Python seed as it runs: what it may import and read, and where it fails."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tdm_seed.errors import DatabaseError, SeedError
from tdm_seed.revisions import Script, discover, open_script, where
from tdm_seed.values import Seed

NAME = "scenario/shop/20260101_0000_a"


def seed(root: Path, script: str, **files: str) -> Seed:
    """Write a seed and files beside it, ``_`` for the dot in their names, and discover it."""
    folder = root / "seeds/scenario/shop"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "20260101_0000_a.py").write_text(script)
    for name, text in files.items():
        stem, _, suffix = name.rpartition("_")
        (folder / f"{stem}.{suffix}").write_text(text)
    return discover(root / "seeds", ())[0]


def opened(root: Path, script: str, **files: str) -> Script:
    """Write a seed and open it."""
    return open_script(seed(root, script, **files), root, ("sqlite",))


def test_functions_are_called_with_the_database(tmp_path: Path) -> None:
    """Each of them, and with nothing else."""
    script = opened(
        tmp_path,
        "def upgrade(db): db.append('up')\ndef verify(db): db.append('proven')\ndef downgrade(db): db.append('down')\n",
    )
    db: list[str] = []
    script.upgrade(db)
    script.verify(db)
    script.downgrade(db)
    assert ["up", "proven", "down"] == db
    assert (True, True) == (script.has_verify, script.has_downgrade)


def test_verify_and_downgrade_need_not_be_there(tmp_path: Path) -> None:
    """A missing verify proves nothing; a missing downgrade refuses."""
    script = opened(tmp_path, "def upgrade(db): ...\n")
    script.verify(None)
    with pytest.raises(SeedError, match=r"shop/20260101_0000_a\.py: has no downgrade\n  Write"):
        script.downgrade(None)


def test_shared_code_is_found_by_every_form_of_import(tmp_path: Path) -> None:
    """Absolute and relative, at the top and inside functions, one through another."""
    script = opened(
        tmp_path,
        "from seeds.scenario.shop._names import FIRST\n"
        "import seeds.scenario.shop._names as names\n"
        "import seeds.scenario.shop._names\n"
        "from ._names import FIRST as relative\n"
        "from . import _names\n"
        "from seeds.scenario import shop\n"
        "from ._names import *\n"
        "def upgrade(db):\n"
        "    from ._more import LAST\n"
        "    import os.path\n"
        "    whole = seeds.scenario.shop._names\n"
        "    assert whole is names is _names is shop._names and os.path\n"
        "    assert FIRST is relative is names.FIRST\n"
        "    db.append((FIRST, LAST))\n",
        _names_py="FIRST = ['Ada']\n",
        _more_py="from ._names import FIRST\nLAST = FIRST + ['Lovelace']\n",
    )
    db: list[Any] = []
    script.upgrade(db)
    assert [(["Ada"], ["Ada", "Lovelace"])] == db


def test_two_projects_do_not_see_each_others_code(tmp_path: Path) -> None:
    """The same names in one process, and nothing stays behind."""
    before = set(sys.modules)
    scripts = [
        opened(
            tmp_path / name,
            "from seeds.scenario.shop._names import NAME\n"
            "def upgrade(db):\n    from seeds.scenario.shop._names import NAME as now\n    db.append((NAME, now))\n",
            _names_py=f"NAME = {name!r}\n",
        )
        for name in ("one", "two")
    ]
    db: list[Any] = []
    for script in scripts:
        script.upgrade(db)
    assert [("one", "one"), ("two", "two")] == db
    assert set() == {name for name in set(sys.modules) - before if "seed" in name}


def test_no_seed_sees_what_another_left_in_shared_code(tmp_path: Path) -> None:
    """So the order in which seeds run cannot matter."""
    a = seed(
        tmp_path,
        "from ._names import SEEN\ndef upgrade(db):\n    SEEN.append(1)\n    db.append(len(SEEN))\n",
        _names_py="SEEN = []\n",
    )
    db: list[int] = []
    for _ in range(2):
        open_script(a, tmp_path, ("sqlite",)).upgrade(db)
    assert [1, 1] == db


def test_dataclasses_work_in_a_seed_and_in_shared_code(tmp_path: Path) -> None:
    """They look their module up, also with annotations that are texts."""
    code = (
        "from __future__ import annotations\n"
        "import dataclasses, typing\n"
        "@dataclasses.dataclass\nclass Row:\n    name: str\n    kind: typing.ClassVar[int] = 1\n"
    )
    script = opened(
        tmp_path,
        code + "from ._rows import Row as Other\n"
        "def upgrade(db):\n"
        "    @dataclasses.dataclass\n    class Local:\n        row: Row\n        count: dataclasses.InitVar[int] = 1\n"
        "    db += [Row('a').name, Other('b').name, *typing.get_type_hints(Row), Local(Row('c')).row.name]\n",
        _rows_py=code,
    )
    db: list[str] = []
    script.upgrade(db)
    assert ["a", "b", "name", "kind", "c"] == db


def test_an_import_that_cannot_be_seen_is_refused(tmp_path: Path) -> None:
    """It would go past the checksum."""
    script = opened(
        tmp_path,
        "def upgrade(db):\n    __import__('seeds.scenario.shop._nam' + 'es')\n",
        _names_py="X = 1\n",
    )
    with pytest.raises(SeedError, match=r"a\.py:2: imports _names\.py in a way(.|\n)*Write an import statement"):
        script.upgrade(None)


READS = [
    "open(HERE / 'names.txt').close()",
    "open(str(HERE / 'names.txt'), 'rb').close()",
    "open(bytes(HERE / 'names.txt')).close()",
    "(HERE / 'names.txt').read_text()",
    "(HERE / '..' / 'shop' / 'names.txt').read_bytes()",
    "os.close(os.open(HERE / 'names.txt', os.O_RDONLY))",
    "shutil.copyfile(HERE / 'names.txt', HERE / 'copied.txt')",
]
IMPORTS = "import os, pathlib, shutil\nHERE = pathlib.Path(__file__).parent\n"


@pytest.mark.parametrize("read", READS)
def test_reading_an_undeclared_file_says_to_declare_it(tmp_path: Path, read: str) -> None:
    """Whichever way it is opened."""
    script = opened(tmp_path, f"{IMPORTS}def upgrade(db):\n    {read}\n", names_txt="Ada\n")
    with pytest.raises(SeedError) as raised:
        script.upgrade(None)
    assert 'data = ["names.txt"]' in str(raised.value)
    place = raised.value.place
    assert ("20260101_0000_a", f"seeds/{NAME}.py", 4) == (place.seed, place.file, place.line)


@pytest.mark.parametrize("read", READS)
def test_reading_a_declared_file_is_fine(tmp_path: Path, read: str) -> None:
    """Whichever way it is opened."""
    opened(tmp_path, f"{IMPORTS}data = ['names.txt']\ndef upgrade(db):\n    {read}\n", names_txt="Ada\n").upgrade(None)


def test_reading_while_the_module_loads_counts_too(tmp_path: Path) -> None:
    """The top level of the file is part of the seed."""
    with pytest.raises(SeedError, match=r"a\.py:3: reads names\.txt, which it does not declare"):
        opened(tmp_path, f"{IMPORTS}X = open(HERE / 'names.txt')\ndef upgrade(db): ...\n", names_txt="")


def test_only_reading_below_the_seeds_folder_is_watched(tmp_path: Path) -> None:
    """Writing, files elsewhere, and everything outside of a seed are not our affair."""
    (tmp_path / "elsewhere.txt").write_text("")
    script = opened(
        tmp_path,
        f"{IMPORTS}def upgrade(db):\n    (HERE / 'log.txt').write_text('x')\n"
        "    (HERE / '../../../elsewhere.txt').read_text()\n",
        names_txt="",
    )
    script.upgrade(None)
    assert "" == (tmp_path / "seeds/scenario/shop/names.txt").read_text()


def test_another_thread_is_not_watched_while_a_seed_runs(tmp_path: Path) -> None:
    """The rule holds for the seed, not for the process."""
    read: list[str] = []

    class Database:
        def other(self) -> None:
            path = tmp_path / "seeds/scenario/shop/names.txt"
            thread = threading.Thread(target=lambda: read.append(path.read_text()))
            thread.start()
            thread.join()

    opened(tmp_path, "def upgrade(db): db.other()\n", names_txt="Ada").upgrade(Database())
    assert ["Ada"] == read


def test_a_link_is_watched_by_its_own_place(tmp_path: Path) -> None:
    """A link below the seeds folder is a file of it, wherever it leads."""
    (tmp_path / "far.txt").write_text("Ada")
    script = f"{IMPORTS}def upgrade(db): (HERE / 'names.txt').read_text()\n"
    a = seed(tmp_path, script)
    (a.path.parent / "names.txt").symlink_to(tmp_path / "far.txt")
    with pytest.raises(SeedError, match="does not declare"):
        open_script(a, tmp_path, ("sqlite",)).upgrade(None)
    declared = seed(tmp_path, "data = ['names.txt']\n" + script)
    open_script(declared, tmp_path, ("sqlite",)).upgrade(None)


def test_leaving_the_process_is_an_error_of_the_seed(tmp_path: Path) -> None:
    """At the top of the file as well as in a function."""
    script = opened(tmp_path, "import sys\ndef upgrade(db):\n    sys.exit(3)\n")
    with pytest.raises(SeedError, match=r"seed 20260101_0000_a, seeds/.*a\.py:3: calls exit\(3\)"):
        script.upgrade(None)
    with pytest.raises(SeedError, match=r"a\.py:1: calls exit\(\)"):
        opened(tmp_path, "raise SystemExit\ndef upgrade(db): ...\n")


def test_a_module_that_fails_names_its_line(tmp_path: Path) -> None:
    """In the seed or in shared code, whichever raised."""
    with pytest.raises(SeedError, match=r"a\.py:1: fails while its file is loaded: ZeroDivisionError: "):
        opened(tmp_path, "1 / 0\ndef upgrade(db): ...\n")
    with pytest.raises(SeedError, match=r"shop/_bad\.py:2: fails while its file is loaded: NameError: "):
        opened(tmp_path, "from ._bad import X\ndef upgrade(db): ...\n", _bad_py="\nX = nothing\n")
    with pytest.raises(SeedError, match=r"a\.py:1: fails while its file is loaded: ModuleNotFoundError: "):
        opened(tmp_path, "import no_such_module_anywhere\ndef upgrade(db): ...\n")


def test_what_only_the_compiler_refuses_is_named_too(tmp_path: Path) -> None:
    """The syntax tree of `return` at the top level is fine, its compilation is not."""
    with pytest.raises(SeedError, match=r"a\.py:1: is not valid Python: 'return' outside function"):
        opened(tmp_path, "return\ndef upgrade(db): ...\n")


def test_a_generator_is_no_upgrade(tmp_path: Path) -> None:
    """Calling one runs nothing, which nobody would notice."""
    script = opened(tmp_path, "\ndef upgrade(db):\n    yield db\n")
    with pytest.raises(SeedError, match=r"a\.py:2: upgrade holds a yield"):
        script.upgrade(None)


def failing() -> Iterator[int]:
    """Raise from outside the seed, in the middle of rows."""
    yield 0
    raise ValueError("outside")


def test_where_is_the_innermost_line_of_the_seed(tmp_path: Path) -> None:
    """In shared code too; frames of others are passed over."""
    a = seed(
        tmp_path,
        "from ._deep import call\ndef upgrade(db):\n    call(db)\n",
        _deep_py="def call(db):\n    for _ in db():\n        pass\n",
    )
    with pytest.raises(ValueError, match="outside") as raised:
        open_script(a, tmp_path, ("sqlite",)).upgrade(failing)
    assert (a.path.parent / "_deep.py", 2) == where(raised.value, a)
    assert where(ValueError(), a) is None


def test_errors_of_the_database_learn_where_the_seed_called_it(tmp_path: Path) -> None:
    """What they know already is kept."""

    class Database:
        def execute(self) -> None:
            raise DatabaseError("refused", table="country")

        def csv(self) -> None:
            raise SeedError("bad value", file="x.csv", row=3)

    script = opened(tmp_path, "def upgrade(db):\n    db.execute()\ndef downgrade(db):\n    db.csv()\n")
    with pytest.raises(DatabaseError) as raised:
        script.upgrade(Database())
    assert f"seed 20260101_0000_a, seeds/{NAME}.py:2, table country: refused" == str(raised.value)
    with pytest.raises(SeedError) as other:
        script.downgrade(Database())
    assert "seed 20260101_0000_a, x.csv, row 3: bad value" == str(other.value)


def test_what_a_seed_prints_is_its_own_affair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is held back."""
    opened(tmp_path, "def upgrade(db): print('hello')\n").upgrade(None)
    assert "hello\n" == capsys.readouterr().out


def test_a_byte_order_mark_and_windows_newlines_run(tmp_path: Path) -> None:
    """A literal over two lines holds the same text in every checkout."""
    a = seed(tmp_path, "def upgrade(db): ...\n")
    a.path.write_bytes(b"\xef\xbb\xbfdef upgrade(db):\r\n    db.append('''a\r\nb''')\r\n")
    db: list[str] = []
    open_script(a, tmp_path, ("sqlite",)).upgrade(db)
    assert ["a\nb"] == db
