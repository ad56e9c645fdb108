"""A throw-away project with seeds, a manifest and a database, for tests of the engine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import sqlalchemy as sa

from tdm_seed import dialects
from tdm_seed.engine import Progress, Seeder
from tdm_seed.engine.digest import TableDigest
from tdm_seed.engine.status import SeedStatus
from tdm_seed.engine.verify import Verified
from tdm_seed.environments import Environment, Project
from tdm_seed.values import Applied, Changes, Plan, StepResult

#: The variable that the manifests take the database from, so that no password stands in a file.
VARIABLE = "PLAYGROUND_URL"

METADATA = sa.MetaData()
COUNTRY = sa.Table(
    "country",
    METADATA,
    sa.Column("code", sa.String(2), primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
)
CITY = sa.Table(
    "city",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("country_code", sa.ForeignKey("country.code"), nullable=False),
)
ITEM = sa.Table(
    "item",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("label", sa.String(200)),
)

MANIFEST = f"""\
url = "${{{VARIABLE}}}"
scenarios = ["*"]
random_seed = 7
now = 2026-01-05T00:00:00Z
[volumes]
items = 3
"""

#: A seed that adds one row to ``item``, by its number.
ONE_ITEM = """
def upgrade(db):
    db.upsert("item", [{{"id": {0}, "label": "{1}"}}], key="id")

def downgrade(db):
    db.delete("item", [{{"id": {0}}}], key="id")
"""


@dataclass
class Playground:
    """A project in a folder, and its database with the tables ``country``, ``city`` and ``item``."""

    root: Path
    url: str
    written: int = field(default=0)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path

    def manifest(self, name: str = "dev", text: str = MANIFEST) -> Path:
        """Write an environment."""
        return self.write(f"seeds/environments/{name}.toml", text)

    def seed(self, name: str, text: str, *, layer: str = "reference", suffix: str = ".py") -> str:
        """Write a seed behind those written before and give its revision."""
        self.written += 1
        revision = f"20260105_{self.written:04}_{name}"
        self.write(f"seeds/{layer}/{revision}{suffix}", text)
        return revision

    def item(self, name: str, number: int, *, layer: str = "reference", header: str = "") -> str:
        """Write a seed of one item and give its revision."""
        return self.seed(name, header + ONE_ITEM.format(number, name), layer=layer)

    def path(self, revision: str) -> Path:
        """Find a seed's script."""
        return next(path for path in sorted(self.root.glob(f"seeds/*/{revision}.*")))

    # ---- running ----------------------------------------------------------------------------------------------------

    def environment(self, name: str = "dev", **overrides: Any) -> Environment:
        """Read an environment."""
        return Project.load(self.root).environment(name, environ={VARIABLE: self.url}, **overrides)

    def seeder(
        self, environment: str = "dev", *, progress: Progress | None = None, lock_timeout: float = 5, **overrides: Any
    ) -> Seeder:
        """Make a Seeder."""
        return Seeder(self.environment(environment, **overrides), progress=progress, lock_timeout=lock_timeout)

    def upgrade(
        self,
        *targets: str,
        environment: str = "dev",
        again: tuple[str, ...] = (),
        dry_run: bool = False,
        migrate: bool = False,
        progress: Progress | None = None,
        **overrides: Any,
    ) -> list[StepResult]:
        """Upgrade in a session of its own."""
        with self.seeder(environment, progress=progress, **overrides) as seeder:
            return seeder.upgrade(targets, again=again, dry_run=dry_run, migrate=migrate)

    def ran(self, *targets: str, **given: Any) -> list[str]:
        """Upgrade and give the names of the seeds that ran."""
        return [result.seed.name for result in self.upgrade(*targets, **given)]

    def downgrade(self, target: str, environment: str = "dev", **overrides: Any) -> list[str]:
        """Downgrade and give the names of the seeds that were reverted."""
        with self.seeder(environment, **overrides) as seeder:
            return [result.seed.name for result in seeder.downgrade(target)]

    def plan(self, *targets: str, environment: str = "dev", **overrides: Any) -> Plan:
        """Plan an upgrade."""
        with self.seeder(environment, **overrides) as seeder:
            return seeder.plan(targets)

    def status(self, environment: str = "dev", **overrides: Any) -> dict[str, SeedStatus]:
        """Give where every seed stands, by its name or, when its file is gone, its revision."""
        with self.seeder(environment, **overrides) as seeder:
            names = {seed.revision: seed.name for seed in seeder.seeds}
            return {names.get(each.seed, each.seed): each for each in seeder.status().seeds}

    def history(self) -> list[Applied]:
        """Read the history."""
        with self.seeder() as seeder:
            return seeder.history()

    def verify(self, *targets: str, environment: str = "dev", **overrides: Any) -> dict[str, Verified]:
        """Verify the applied seeds, by name."""
        with self.seeder(environment, **overrides) as seeder:
            return {each.seed.name: each for each in seeder.verify(targets)}

    def digest(self) -> list[TableDigest]:
        """Digest all tables."""
        with self.seeder() as seeder:
            return seeder.digest()

    def arguments(self, *words: str) -> list[str]:
        """Give the command line of the program in a process of its own."""
        return [sys.executable, "-m", "tdm_seed", *words]

    def environ(self, **variables: str) -> dict[str, str]:
        """Give the variables that such a process needs."""
        return {**os.environ, VARIABLE: self.url, "PYTHONPATH": os.pathsep.join(sys.path), **variables}

    def command(self, *words: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run the program in a process of its own."""
        return subprocess.run(
            self.arguments(*words),
            cwd=self.root,
            env=self.environ(**(environ or {})),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    # ---- the database, past the tool --------------------------------------------------------------------------------

    @contextmanager
    def connection(self) -> Iterator[sa.Connection]:
        """Connect to the database in a transaction."""
        dialect, url = dialects.resolve(self.url)
        engine = dialect.engine(url, "test")
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()

    def sql(self, *statements: str) -> None:
        """Run statements."""
        with self.connection() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement, execution_options={"no_parameters": True})

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Run a query."""
        with self.connection() as connection:
            found = connection.exec_driver_sql(query, execution_options={"no_parameters": True})
            return [tuple(row) for row in found]

    def items(self) -> list[int]:
        """List the numbers of the items."""
        return [number for (number,) in self.rows("SELECT id FROM item ORDER BY id")]

    def tables(self) -> list[str]:
        """List the tables."""
        with self.connection() as connection:
            return sorted(sa.inspect(connection).get_table_names())

    def content(self) -> dict[str, list[tuple[Any, ...]]]:
        """Read every row of every table, to compare before and after; who last held the lock is no content."""
        return {
            table: sorted(self.rows(f"SELECT * FROM {table}"), key=repr)
            for table in self.tables()
            if not table.endswith("_lock")
        }


def per_table(results: list[StepResult]) -> dict[str, dict[str, Changes]]:
    """Give what each seed did to each table."""
    return {result.seed.name: dict(result.tables) for result in results}


class Points(Progress):
    """Notes what a run tells."""

    def __init__(self) -> None:
        self.drift: list[str] = []
        self.done: list[str] = []
        self.begun: list[str] = []
        self.waited: list[str] = []
        self.points: list[str] = []

    def started(self, step: Any, place: int, total: int) -> None:
        """Note a seed that begins."""
        self.begun.append(step.seed.name)

    def finished(self, result: StepResult) -> None:
        """Note a seed that is done."""
        self.done.append(result.seed.name)

    def drifted(self, drift: Any) -> None:
        """Note a disagreement."""
        self.drift.append(f"{drift.seed}: {drift.reason}")

    def waiting(self, holder: str) -> None:
        """Note who holds the lock."""
        self.waited.append(holder)

    def reached(self, point: str) -> None:
        """Note a point."""
        self.points.append(point)
