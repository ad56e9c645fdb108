"""Finding a project and reading its configuration."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tdm_seed.environments import Project
from tdm_seed.errors import UsageError


def write(root: Path, files: dict[str, str]) -> Path:
    """Write files below a folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_a_project_is_found_from_any_folder_inside_it(tmp_path: Path) -> None:
    """The nearest folder upwards that is configured or holds manifests."""
    write(tmp_path, {"tdm-seed.toml": "", "a/b/c.txt": ""})

    assert tmp_path == Project.load(tmp_path / "a" / "b").root


@pytest.mark.parametrize(
    "files",
    [
        {"tdm-seed.toml": ""},
        {"pyproject.toml": "[tool.tdm-seed]\n"},
        {"seeds/environments/dev.toml": ""},
    ],
)
def test_each_kind_of_project_is_recognised(tmp_path: Path, files: dict[str, str]) -> None:
    """A file of its own, a table in pyproject.toml, or just manifests."""
    write(tmp_path, files)

    project = Project.load(tmp_path)

    assert (tmp_path, tmp_path / "seeds", "dev") == (project.root, project.seeds, project.default_environment)


def test_a_pyproject_without_our_table_is_passed_by(tmp_path: Path) -> None:
    """A package inside the project has its own pyproject.toml."""
    write(tmp_path, {"tdm-seed.toml": "", "package/pyproject.toml": '[project]\nname = "x"\n'})

    assert tmp_path == Project.load(tmp_path / "package").root


def test_no_project_anywhere_says_how_to_make_one(tmp_path: Path) -> None:
    """The remedy is init."""
    with pytest.raises(UsageError, match="does not belong to a project") as caught:
        Project.load(tmp_path)

    assert "seeds/environments/" in (caught.value.hint or "")


def test_every_key_is_read(tmp_path: Path) -> None:
    """Paths are relative to the root, and texts may use variables."""
    write(
        tmp_path,
        {
            "db/alembic.ini": "",
            "tdm-seed.toml": """
                seeds = "db/seeds"
                alembic = "db/alembic.ini"
                history_table = "${TABLE:-what_was_seeded}"
                history_schema = "ops"
                version_table = "versions"
                version_table_schema = "meta"
                default_environment = "local"
                url = "sqlite:///${FILE}"
            """,
        },
    )

    project = Project.load(tmp_path, environ={})

    assert tmp_path / "db" / "seeds" == project.seeds
    assert tmp_path / "db" / "alembic.ini" == project.alembic
    assert ("what_was_seeded", "ops") == (project.history_table, project.history_schema)
    assert ("versions", "meta") == (project.version_table, project.version_table_schema)
    assert "local" == project.default_environment
    assert tmp_path / "tdm-seed.toml" == project.config_file


def test_two_files_with_keys_are_refused(tmp_path: Path) -> None:
    """Nobody could tell which one wins."""
    write(tmp_path, {"tdm-seed.toml": 'seeds = "a"\n', "pyproject.toml": '[tool.tdm-seed]\nseeds = "b"\n'})

    with pytest.raises(UsageError, match="both tdm-seed.toml and"):
        Project.load(tmp_path)


def test_an_empty_file_gives_way_to_the_one_with_keys(tmp_path: Path) -> None:
    """Only keys can contradict one another."""
    write(tmp_path, {"tdm-seed.toml": "", "pyproject.toml": '[tool.tdm-seed]\nseeds = "b"\n'})

    assert tmp_path / "b" == Project.load(tmp_path).seeds


def test_an_unknown_key_is_named_with_its_line_and_the_one_meant(tmp_path: Path) -> None:
    """A key with a slip of the pen would otherwise do nothing, silently."""
    write(tmp_path, {"pyproject.toml": '[project]\nname = "x"\n\n[tool.tdm-seed]\nhistory_tabel = "h"\n'})

    with pytest.raises(UsageError) as caught:
        Project.load(tmp_path)

    assert ("pyproject.toml", 5) == (caught.value.place.file, caught.value.place.line)
    assert "'history_tabel'" in caught.value.message
    assert "Did you mean history_table?" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb = \n", 2), ('a = 1\n\nb = "open\n', 3), ("a = [1,\n", 1), ("seeds = 5\n", 1)],
)
def test_a_wrong_file_is_named_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    """Not TOML, or a value of the wrong type."""
    write(tmp_path, {"tdm-seed.toml": text})

    with pytest.raises(UsageError) as caught:
        Project.load(tmp_path)

    assert ("tdm-seed.toml", line) == (caught.value.place.file, caught.value.place.line)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    """TOML is UTF-8; a byte order mark is let pass."""
    (tmp_path / "tdm-seed.toml").write_bytes(b"\xef\xbb\xbfseeds = 's'\n")
    assert tmp_path / "s" == Project.load(tmp_path).seeds

    (tmp_path / "tdm-seed.toml").write_bytes(b"seeds = 'caf\xe9'\n")
    with pytest.raises(UsageError, match="not UTF-8"):
        Project.load(tmp_path)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"alembic.ini": ""}, "alembic.ini"),
        ({"pyproject.toml": '[tool.alembic]\nscript_location = "m"\n'}, "pyproject.toml"),
        ({"alembic.ini": "", "pyproject.toml": "[tool.alembic]\n"}, "alembic.ini"),
        ({"pyproject.toml": '[project]\nname = "x"\n'}, None),
    ],
)
def test_alembic_is_found_at_the_root(tmp_path: Path, files: dict[str, str], expected: str | None) -> None:
    """Its ini file first, then its table in pyproject.toml."""
    write(tmp_path, {"tdm-seed.toml": "", **files})

    assert (tmp_path / expected if expected else None) == Project.load(tmp_path).alembic


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"db/alembic.ini": ""}, "db/alembic.ini"),
        ({"db/pyproject.toml": "[tool.alembic]\n"}, "db/pyproject.toml"),
        ({"db/env.py": ""}, "db"),
    ],
)
def test_alembic_may_be_named_by_its_folder(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    """A folder stands for the configuration or the env.py that it holds."""
    write(tmp_path, {"tdm-seed.toml": 'alembic = "db"\n', **files})

    assert tmp_path / expected == Project.load(tmp_path).alembic


@pytest.mark.parametrize("files", [{}, {"db/readme": ""}])
def test_alembic_that_is_not_there_is_refused(tmp_path: Path, files: dict[str, str]) -> None:
    """What was named must exist."""
    write(tmp_path, {"tdm-seed.toml": '\nalembic = "db"\n', **files})

    with pytest.raises(UsageError, match=r"^alembic: |tdm-seed.toml:2: alembic: ") as caught:
        Project.load(tmp_path)

    assert 2 == caught.value.place.line


def test_a_password_in_the_configuration_is_refused_and_not_repeated(tmp_path: Path) -> None:
    """It would be committed."""
    write(tmp_path, {"tdm-seed.toml": 'url = "postgresql://app:hunter2@db/shop"\n'})

    with pytest.raises(UsageError, match="a password is written out") as caught:
        Project.load(tmp_path)

    assert "hunter2" not in str(caught.value)


def test_environments_are_listed_without_reading_them(tmp_path: Path) -> None:
    """A broken manifest does not hide the others; what cannot be a name is left out."""
    write(
        tmp_path,
        {
            "seeds/environments/test.toml": "broken",
            "seeds/environments/base.toml": "",
            "seeds/environments/Not A Name.toml": "",
            "seeds/environments/notes.txt": "",
        },
    )

    assert ("base", "test") == Project.load(tmp_path).environments()


def test_relative_folders_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument the search begins where the command was started."""
    write(tmp_path, {"tdm-seed.toml": "", "a/b/c.txt": ""})
    monkeypatch.chdir(tmp_path / "a" / "b")

    assert tmp_path == Project.load().root
    assert tmp_path == Project.load(Path("..")).root


def test_reading_a_project_imports_no_database_library(tmp_path: Path) -> None:
    """Those imports take a third of a second, and most commands need none of them."""
    write(tmp_path, {"seeds/environments/dev.toml": 'url = "sqlite://"\n'})
    script = (
        "import sys, tdm_seed.environments as e, tdm_seed.environments.hosts\n"
        "e.Project.load().environment('dev')\n"
        "print([name for name in ('sqlalchemy', 'alembic') if name in sys.modules])"
    )
    root = str(Path(__file__).parents[2])

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "[]" == done.stdout.strip()
