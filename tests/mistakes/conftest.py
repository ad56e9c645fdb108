"""A project with two applied seeds, copied for every case, and the command line run on it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tdm_seed.cli import main
from tests.mistakes import project


@dataclass(frozen=True)
class Said:
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> dict[str, Any]:
        """The one error object that it printed."""
        found: dict[str, Any] = json.loads(self.out)["error"]
        return found


Tool = Callable[..., Said]


@pytest.fixture
def tool(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Run a command line in this process."""

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "path", list(sys.path))  # a project's folder is put in front of it
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main(arguments)
        out, err = capfd.readouterr()
        return Said(int(left.value.code or 0), out, err)

    return run


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that cases copy, with its two seeds applied."""
    from tdm_seed.engine import Seeder
    from tdm_seed.environments import Project

    root = tmp_path_factory.mktemp("pattern") / "project"
    project.make(root)
    with Seeder(Project.load(root).environment("dev", environ={})) as seeder:
        assert 2 == len(seeder.upgrade())
    return root


@pytest.fixture
def place(pattern: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, which is the current folder."""
    root = tmp_path / "project"
    shutil.copytree(pattern, root, ignore=shutil.ignore_patterns("*.lock", "__pycache__"))
    monkeypatch.chdir(root)
    for name in ("TDM_SEED_ENV", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return root
