"""Manifests and configuration that are changed in place, and files that are written all or not at all."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdm_seed.environments.editing import Edit, configured, with_scenario, write
from tdm_seed.errors import UsageError
from tdm_seed.revisions.new import NewFile
from tests.ordinary_user import OrdinaryUser


def listed(folder: Path, text: str, name: str = "new", inherited: tuple[str, ...] = ()) -> str:
    """A manifest's text with one scenario more."""
    manifest = folder / "dev.toml"
    manifest.write_bytes(text.encode())
    return with_scenario(manifest, folder, name, inherited).content.decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("scenarios = []    # none yet\n[volumes]\n", 'scenarios = ["new"]    # none yet\n[volumes]\n'),
        ('scenarios = ["a"]\n', 'scenarios = ["a", "new"]\n'),
        (
            'scenarios = [\n  "a",  # why a\n  "b"  # why b\n]\nlocale = "de"\n',
            'scenarios = [\n  "a",  # why a\n  "b",  # why b\n  "new"\n]\nlocale = "de"\n',
        ),
        ('scenarios = [\r\n  "a",\r\n]\r\n', 'scenarios = [\r\n  "a",\r\n  "new",\r\n]\r\n'),
        ('scenarios = "${SCENARIOS:-a}"  # by hand\n', 'scenarios = "${SCENARIOS:-a},new"  # by hand\n'),
        ('scenarios = ""\n', 'scenarios = "new"\n'),
        ('\ufeffscenarios = ["a"]\n', '\ufeffscenarios = ["a", "new"]\n'),
    ],
)
def test_a_scenario_is_added_and_nothing_else_is_touched(tmp_path: Path, before: str, after: str) -> None:
    """Neither comments nor line ends nor the byte order mark."""
    assert after == listed(tmp_path, before)


def test_inherited_scenarios_are_kept_where_the_manifest_had_no_list(tmp_path: Path) -> None:
    """For a list of its own goes before that of the manifest it extends; it stands above the first table."""
    before = 'extends = "base"\r\n# how many\r\n[volumes]\r\nusers = 1\r\n'

    after = listed(tmp_path, before, inherited=("busy_shop",))

    assert {"extends": "base", "scenarios": ["busy_shop", "new"], "volumes": {"users": 1}} == tomllib.loads(after)
    assert "# how many\r\n" in after
    assert after.count("\n") == after.count("\r\n")


comments = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=8)
names = st.lists(st.from_regex(r"[a-z_/*]{1,6}", fullmatch=True), max_size=3)


@given(names=names, comment=comments, spread=st.booleans(), above=st.booleans(), comma=st.booleans())
def test_any_list_of_scenarios_can_be_added_to(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], comment: str, spread: bool, above: bool, comma: bool
) -> None:
    """However it is laid out, each comment stays."""
    items = [f'"{name}"' for name in names]
    glue = f",  # {comment}\n  " if spread else ", "
    inside = glue.join(items) + ("," if comma and items else "")
    array = f"[  # {comment}\n  {inside}\n]" if spread else f"[{inside}]"
    text = (f"# {comment}\n" if above else "") + f"scenarios = {array}\nlocale = 'de'  # {comment}\n[volumes]\na = 1\n"

    after = listed(tmp_path_factory.mktemp("manifest"), text)

    assert {**tomllib.loads(text), "scenarios": [*names, "new"]} == tomllib.loads(after)
    assert text.count(f"# {comment}") == after.count(f"# {comment}")


def test_a_list_that_is_none_is_left_to_a_person(tmp_path: Path) -> None:
    """Who is told what to add."""
    with pytest.raises(UsageError, match="cannot be added to") as caught:
        listed(tmp_path, "scenarios = 3\n")

    assert ("dev.toml", 'Write it by hand: add "new" to scenarios.') == (caught.value.place.file, caught.value.hint)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '[tool.tdm-seed]\nseeds = "seeds"\n'),
        ("[project]\nname = 'x'", "[project]\nname = 'x'\n\n[tool.tdm-seed]\nseeds = \"seeds\"\n"),
        ("[tool.ruff]\n# mine\nx = 1\n\n\n", '[tool.ruff]\n# mine\nx = 1\n\n[tool.tdm-seed]\nseeds = "seeds"\n'),
        ("[[tool.a]]\r\nx = 1\r\n", '[[tool.a]]\r\nx = 1\r\n\r\n[tool.tdm-seed]\r\nseeds = "seeds"\r\n'),
        ("tool.x.y = 1\n", 'tool.x.y = 1\n\n[tool.tdm-seed]\nseeds = "seeds"\n'),
    ],
)
def test_the_configuration_is_appended(tmp_path: Path, before: str, after: str) -> None:
    """As a table of its own behind everything else."""
    shared = tmp_path / "pyproject.toml"
    shared.write_bytes(before.encode())

    assert after == configured(shared, tmp_path, {"seeds": "seeds"}).content.decode()


@pytest.mark.parametrize("text", ["tool = { x = 1 }\n", "tool = 1\n"])
def test_a_tool_that_is_closed_is_left_to_a_person(tmp_path: Path, text: str) -> None:
    """With another way to go."""
    shared = tmp_path / "pyproject.toml"
    shared.write_text(text)

    with pytest.raises(UsageError, match="cannot be added to") as caught:
        configured(shared, tmp_path, {"seeds": "seeds"})

    assert "tdm-seed.toml" in (caught.value.hint or "")


def contents(folder: Path) -> dict[str, str]:
    """Every file of a folder, and every folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_text() if path.is_file() else "/"
        for path in sorted(folder.rglob("*"))
    }


def test_files_are_made_and_changed(tmp_path: Path) -> None:
    """With the folders they need; permissions and links stay."""
    old, link = tmp_path / "real.toml", tmp_path / "old.toml"
    old.write_text("before")
    old.chmod(0o640)
    link.symlink_to(old)

    write([NewFile(tmp_path / "a" / "b" / "new.py", "text"), NewFile(tmp_path / "copy", old)], [Edit(link, b"after")])

    assert ("text", "before", "after") == tuple(
        (tmp_path / name).read_text() for name in ("a/b/new.py", "copy", "real.toml")
    )
    assert link.is_symlink()
    assert 0o640 == old.stat().st_mode & 0o777


def test_nothing_is_kept_when_one_of_the_files_is_there_already(tmp_path: Path) -> None:
    """And that one is not overwritten."""
    (tmp_path / "second.py").write_text("mine")
    (tmp_path / "old.toml").write_text("before")
    before = contents(tmp_path)

    with pytest.raises(UsageError, match="is there already, and nothing is overwritten") as caught:
        write(
            [NewFile(tmp_path / "a" / "first.py", "x"), NewFile(tmp_path / "second.py", "x")],
            [Edit(tmp_path / "old.toml", b"after")],
        )

    assert str(tmp_path / "second.py") == caught.value.place.file
    assert before == contents(tmp_path)


def test_nothing_is_kept_when_what_was_written_does_not_prove_good(tmp_path: Path) -> None:
    """Whatever the proof raises, the interruption of a person included."""
    (tmp_path / "old.toml").write_text("before")
    before = contents(tmp_path)

    def prove() -> None:
        assert "after" == (tmp_path / "old.toml").read_text()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write([NewFile(tmp_path / "a" / "new.py", "x")], [Edit(tmp_path / "old.toml", b"after")], prove)

    assert before == contents(tmp_path)


def test_a_copy_that_cannot_be_read_leaves_nothing(tmp_path: Path) -> None:
    """Not even an empty file."""
    with pytest.raises(UsageError, match="cannot be written: Is a directory"):
        write([NewFile(tmp_path / "a" / "new.csv", tmp_path)])

    assert {} == contents(tmp_path)


def test_a_read_only_file_is_not_exchanged(ordinary_user: OrdinaryUser) -> None:
    """Though its folder would let us."""
    old = ordinary_user.folder / "old.toml"
    old.write_text("before")
    old.chmod(0o444)

    with ordinary_user.at_work(), pytest.raises(UsageError, match="cannot be written: Permission denied"):
        write([NewFile(ordinary_user.folder / "new.py", "x")], [Edit(old, b"after")])

    assert {"old.toml": "before"} == contents(ordinary_user.folder)
