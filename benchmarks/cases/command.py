"""`tdm-seed reset` as a command of its own, beside a program that does no more than import SQLAlchemy."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from statistics import median

import sqlalchemy as sa

from benchmarks import project
from benchmarks.case import Case, Place
from benchmarks.cases import reset
from benchmarks.cases._tables import GoingBack, make, schema
from benchmarks.sitting import DifferentRows

ROWS = 1_000

SETTINGS = reset.SETTINGS
TABLES = 30
#: Milliseconds of CPU that the command may take.
AT_MOST = 250
_VARIABLE = "TDM_SEED_BENCHMARK_URL"
_MANIFEST = f"""\
url = "${{{_VARIABLE}}}"
random_seed = 7
now = 2026-01-05T00:00:00Z
reset = "allow"
"""


def cases(place: Place) -> Iterator[Case]:
    """Give the one case."""
    case = Command(place)
    yield case
    case.close()


class Command(GoingBack):
    """A seeded schema of which one table was written goes back to its rows; all that can be cached is."""

    def __init__(self, place: Place) -> None:
        self.name = "command/reset"
        self.rows = place.rows
        self.alternative = 'python -c "import sqlalchemy"'
        self._url, self._folder = place.url, place.folder / "command"
        self._metadata = schema(TABLES)
        self._used: list[float] = []
        for name, text in {
            "tdm-seed.toml": 'seeds = "seeds"\n',
            "seeds/environments/test.toml": _MANIFEST,
            "seeds/reference/20260101_0000_first.sql": "SELECT 1;\n",
        }.items():
            (self._folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self._folder / name).write_text(text)
        with project.connected(place.url) as connection:
            make(connection, self._metadata, max(place.rows // TABLES, 1))
        self._reset("--adopt")
        self._seeded = self._found()

    def prepare(self) -> None:
        """Write a row, as a test would."""
        with project.connected(self._url) as connection:
            connection.execute(sa.insert(self._metadata.tables["t000"]), {"name": "new"})

    def ours(self) -> None:
        """Put it back, and note the CPU that this took."""
        self._side = "ours"
        before = _cpu()
        way = self._reset()["way"]
        self._used.append(_cpu() - before)
        if way != "rows":
            raise DifferentRows(f"{self.name}: it has not gone back by rows but by {way}")

    def _reset(self, *words: str) -> dict[str, object]:
        """Run the command as installed: with the compiled modules that Python keeps of what is."""
        command = [sys.executable, "-m", "tdm_seed", "reset", "--env", "test", "--yes", "--json", *words]
        environ = {**os.environ, _VARIABLE: self._url}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        done = subprocess.run(command, cwd=self._folder, env=environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DifferentRows(f"{self.name}: {done.stderr}")
        found: dict[str, object] = json.loads(done.stdout)
        return found

    def theirs(self) -> None:
        """Do nothing but what every program with SQLAlchemy begins with."""
        self._side = "theirs"
        subprocess.run([sys.executable, "-c", "import sqlalchemy"], check=True)

    def remark(self, ours: float, theirs: float) -> str:
        """Say how much CPU the command took, user and system."""
        return f"{median(self._used[1:] or self._used) * 1000:.0f} ms of CPU (at most {AT_MOST})"

    def close(self) -> None:
        """Leave the database as it was found."""
        self._reset("--empty")
        with project.connected(self._url) as connection:
            self._metadata.drop_all(connection)


def _cpu() -> float:
    """Give the CPU seconds of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
