"""The shop of the repository, copied with a database of its own, as runs that are killed or cut find it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tdm_seed.environments import Environment, Project
from tdm_seed.schema_version import SchemaVersion
from tests.engine.playground import Playground

REPOSITORY = Path(__file__).parents[2]
DRIVER = Path(__file__).with_name("driver.py")
CONFIGURATION = 'seeds = "seeds"\nalembic = "examples/shop/alembic.ini"\n'
#: Where the manifest of the environment ``test`` takes its database from.
VARIABLE = "TEST_DATABASE_URL"
#: How many seeds an upgrade of it applies, and how many tables they fill.
SEEDS, TABLES = 9, 17
#: Seconds after which a test gives up waiting for a process: generous, for the machine may be busy.
PATIENCE = 60.0

#: A seed that writes, says that it runs, and goes on when it is told to. What it writes, a later seed puts right, so
#: that the content in the end is that of a clean run.
GATE = """
import time
from pathlib import Path

HERE = Path(__file__).parents[2]


def upgrade(db):
    db.upsert("currencies", [{"code": "EUR", "numeric_code": "978", "name": "of the gate"}], key="code")
    (HERE / "running").touch()
    end = time.monotonic() + 60
    while not (HERE / "go").exists() and time.monotonic() < end:
        time.sleep(0.02)
"""


@dataclass
class Shop(Playground):
    """A copy of the shop; its environment is ``test``."""

    processes: list[Running] = field(default_factory=list)

    def environment(self, name: str = "test", **overrides: Any) -> Environment:
        """Read the environment."""
        return Project.load(self.root).environment("test", environ={VARIABLE: self.url}, **overrides)

    def environ(self, **variables: str) -> dict[str, str]:
        """Give the variables that a process needs; none of ours reaches it that would change what it does."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TDM_SEED", "SEED_COUNT"))}
        return {**kept, VARIABLE: self.url, "PYTHONPATH": os.pathsep.join(sys.path), **variables}

    def start(self, *words: str, **variables: str) -> Running:
        """Start the program in a process of its own."""
        return self._running(self.arguments(*words), self.environ(**variables))

    def drive(self, point: str = "", seed: int = 0) -> Running:
        """Start an upgrade that kills itself when the ``seed``-th seed has come to ``point``; see the driver."""
        return self._running([sys.executable, str(DRIVER), point, str(seed)], self.environ())

    def _running(self, arguments: list[str], environ: dict[str, str]) -> Running:
        self.processes.append(Running(self.root, len(self.processes), arguments, environ))
        return self.processes[-1]

    def stop(self) -> None:
        """End what a test that failed has left running."""
        for each in self.processes:
            if each.process.poll() is None:
                each.process.kill()
                each.process.wait()

    def gate(self) -> str:
        """Add a seed that waits to be told to go on."""
        return self.seed("gate", GATE)

    def open_gate(self) -> None:
        """Let that seed go on, now and in later runs."""
        (self.root / "go").touch()

    def recorded(self) -> list[str]:
        """List the seeds in the history, in their order."""
        if "seed_history" not in self.tables():
            return []
        return [seed for (seed,) in self.rows("SELECT seed FROM seed_history WHERE state = 'applied' ORDER BY id")]

    def kept_and_recorded(self) -> tuple[int, int]:
        """Count the rows there are, and those that the history says were added, at one moment."""
        if "seed_history" not in self.tables():
            recorded = "SELECT 0"
        else:
            recorded = "SELECT coalesce(sum(inserted) - sum(deleted), 0) FROM seed_history"
        kept = " + ".join(f"(SELECT count(*) FROM {table})" for table in self.data_tables())
        ((rows, said),) = self.rows(f"SELECT {kept}, ({recorded})")
        return int(rows), int(said)

    def data_tables(self) -> list[str]:
        """List the tables that are neither ours nor Alembic's."""
        return [name for name in self.tables() if not name.startswith(("seed_history", "alembic_version"))]


class Running:
    """A process whose output goes to files, so that nothing waits for anybody to read it."""

    def __init__(
        self, root: Path, number: int, arguments: list[str], environ: dict[str, str], *, patience: float = PATIENCE
    ) -> None:
        self.patience = patience
        self._out, self._err = root / f"{number}.out", root / f"{number}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(arguments, cwd=root, env=environ, stdout=out, stderr=err)

    @property
    def out(self) -> str:
        """What it has said so far."""
        return self._out.read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        """What it has complained about so far."""
        return self._err.read_text(encoding="utf-8")

    def end(self) -> int:
        """Wait for its exit code."""
        try:
            return self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


def wait_for(what: Callable[[], object], *processes: Running) -> None:
    """Wait until something is true; fail as soon as one of the processes has ended before."""
    end = time.monotonic() + max((each.patience for each in processes), default=PATIENCE)
    while not what():
        ended = [each for each in processes if each.process.poll() is not None]
        assert not ended or what(), [(each.process.returncode, each.out, each.err) for each in ended]
        assert time.monotonic() < end, [(each.out, each.err) for each in processes]
        time.sleep(0.01)


def copied(root: Path, url: str) -> Shop:
    """Copy the shop and run its migrations."""
    leave = shutil.ignore_patterns("__pycache__", "*.db*")
    shutil.copytree(REPOSITORY / "seeds", root / "seeds", ignore=leave)
    shutil.copytree(REPOSITORY / "examples", root / "examples", ignore=leave)
    (root / "tdm-seed.toml").write_text(CONFIGURATION, encoding="utf-8")
    shop = Shop(root, url)
    version = SchemaVersion.of(shop.environment().project)
    assert version is not None
    version.migrate(url)
    return shop
