"""What a shell offers behind Tab, by the protocol that its script speaks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Small


def completing(words: str, place: int, root: Path) -> list[str]:
    """Ask as bash does: the words of the line, and the place of the one that was begun."""
    code = "import sys; from tdm_seed.cli import main; main([])"
    environ = os.environ | {
        "_TDM_SEED_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(place),
    }
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env=environ, capture_output=True, text=True)
    assert "" == done.stderr
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "place", "offered"),
    [
        ("tdm-seed dow", 1, ["downgrade"]),
        ("tdm-seed upgrade --dry", 2, ["--dry-run"]),
        ("tdm-seed upgrade --env ", 3, ["dev", "small"]),
        ("tdm-seed stamp --environment s", 3, ["small"]),
        ("tdm-seed upgrade ", 2, ["countries", "greetings", "people"]),
        ("tdm-seed show 20260101_0", 2, ["20260101_0900_countries"]),
        ("tdm-seed upgrade --again gr", 3, ["greetings"]),
        ("tdm-seed revision --for ", 3, ["dev", "small"]),
        ("tdm-seed revision --depends-on pe", 3, ["people"]),
    ],
)
def test_commands_options_environments_and_seeds_are_offered(
    project: Small, words: str, place: int, offered: list[str]
) -> None:
    """A seed by its name, or by its revision where a timestamp was begun."""
    assert offered == completing(words, place, project.root)


def test_what_is_only_extended_is_not_offered(project: Small) -> None:
    """It has no database; with one, or where the project names one for all, it is an environment like any other."""
    project.write("seeds/environments/base.toml", "")
    for name, extends in (("middle", "base"), ("third", "middle"), ("fourth", "small")):
        project.write(f"seeds/environments/{name}.toml", f'extends = "{extends}"\n')
    assert ["dev", "fourth", "small", "third"] == completing("tdm-seed upgrade --env ", 3, project.root)
    project.write("tdm-seed.toml", 'url = "sqlite:///all.db"\n')
    assert ["base"] == completing("tdm-seed upgrade --env ba", 3, project.root)


def test_nothing_is_offered_and_nothing_said_where_the_project_cannot_be_read(project: Small) -> None:
    """A shell has no place for an error."""
    project.write("seeds/reference/20260101_1100_broken.py", "def upgrade(:\n")
    assert [] == completing("tdm-seed upgrade ", 2, project.root)


def test_no_database_is_asked(project: Small) -> None:
    """Offering takes none, so one that does not answer does not matter."""
    project.write("seeds/environments/dev.toml", 'url = "postgresql://nowhere.invalid/shop"\n')
    assert "people" in completing("tdm-seed upgrade ", 2, project.root)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    """As the page says: sourced from the shell's own start."""
    code = "from tdm_seed.cli import main; main([])"
    environ = os.environ | {"_TDM_SEED_COMPLETE": f"{shell}_source"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True)
    assert "_TDM_SEED_COMPLETE=" + shell + "_complete" in done.stdout
