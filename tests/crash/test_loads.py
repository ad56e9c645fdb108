"""A large load that is killed, anywhere, leaves rows and schema as a clean run does once it has been run again."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from tdm_seed import chunked
from tdm_seed.engine import Progress
from tdm_seed.errors import TdmSeedError
from tdm_seed.loading import large, telling
from tests.crash.shop import PATIENCE, Running, wait_for
from tests.engine.conftest import playground
from tests.engine.playground import Playground

DRIVER = Path(__file__).with_name("load_driver.py")
TABLES = (
    "CREATE TABLE customer (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL)",
    *(
        f"CREATE TABLE {name} (id INTEGER NOT NULL PRIMARY KEY, number VARCHAR(20) NOT NULL, customer_id INTEGER "
        f"NOT NULL, note VARCHAR(60), CONSTRAINT {name}_number UNIQUE (number), "
        f"CONSTRAINT {name}_customer FOREIGN KEY (customer_id) REFERENCES customer (id))"
        for name in ("purchase", "visit")
    ),
    *(f"CREATE INDEX {name}_by_customer ON {name} (customer_id, note)" for name in ("purchase", "visit")),
)
#: Loads rows that nobody has counted, and a file: a CSV or, in chunks, columns, which two connections load where they can.
SEED = """
def upgrade(db):
    db.upsert("customer", [{{"id": i, "name": f"customer {{i}}"}} for i in range(1, 501)])
    db.load("purchase", (
        {{"id": i, "number": f"{{db.random.getrandbits(40)}}", "customer_id": i % 500 + 1, "note": f"note {{i % 977}}"}}
        for i in db.range("rows")
    ))
    db.load("visit", db.{file}())

def verify(db):
    db.expect("SELECT count(*) FROM purchase", equals=db.volume("rows"))
    db.expect("SELECT count(*) FROM visit", equals=db.volume("rows"))
"""
MANIFEST = """
url = "${{PLAYGROUND_URL}}"
random_seed = 7
now = 2026-01-05T00:00:00Z
[volumes]
rows = {}
"""

#: How many rows each of the two tables gets in a second, at the least, on a busy machine.
SLOWEST = 2_000

#: Where a run dies, and for the how manieth time it comes there: loads tell twenty times how far they are.
ENDS = [("after load", 1), ("before history", 1), ("before commit", 1), ("after commit", 1)]
POINTS = {
    "seed": [("during load", 15), ("during load", 22), *ENDS],
    "chunk": [
        ("after journal", 1),
        ("during index drop", 1),
        ("after index drop", 1),
        ("during load", 3),
        ("during load", 29),
        ("after chunk", 3),
        ("after chunk", 6),
        ("after chunk", 16),
        ("during rebuild", 1),
        ("after rebuild", 1),
        *ENDS,
    ],
}
#: Where the indexes of a table are down meanwhile.
BARE = [("indexes down", 2), ("before rebuild", 1)]
REBUILDS = {
    ("seed", "postgresql"): [*BARE, ("during rebuild", 3)],
    ("seed", "sqlite"): [*BARE, ("during rebuild", 1)],
}


@dataclass(frozen=True)
class Load:
    """A project with one seed that loads many rows, and its processes."""

    play: Playground
    rows: int
    processes: list[Running]

    @property
    def product(self) -> str:
        """The name of the database."""
        return self.play.url.partition(":")[0].partition("+")[0]

    @property
    def patience(self) -> float:
        """How many seconds a run may take; a server also takes back what a killed one has written."""
        return PATIENCE + self.rows / SLOWEST

    def drive(self, point: str = "", number: int = 0) -> Running:
        """Start an upgrade that kills itself at a point."""
        arguments = [sys.executable, str(DRIVER), point, str(number), str(self.rows)]
        number = len(self.processes)
        self.processes.append(Running(self.play.root, number, arguments, self.play.environ(), patience=self.patience))
        return self.processes[-1]

    def found(self) -> list[Any]:
        """Give the digests of all tables, the schema in the words of the database, and what the history sums up."""
        asked = {
            "postgresql": "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = '{0}'::regclass "
            "UNION ALL SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE conrelid = '{0}'::regclass ORDER BY 1",
            "mysql": "SHOW CREATE TABLE {0}",
            "sqlite": "SELECT sql FROM sqlite_master WHERE tbl_name = '{0}' ORDER BY 1",
        }[self.product]
        last = self.play.history()[-1]
        schema = [self.play.rows(asked.format(name)) for name in ("purchase", "visit")]
        return [self.play.digest(), schema, last.state, last.changes]

    def empty(self) -> None:
        """Begin anew."""
        quick = "DELETE FROM" if self.product == "sqlite" else "TRUNCATE TABLE"
        others = ("customer", *(name for name in self.play.tables() if name.startswith("seed_history")))
        self.play.sql(f"{quick} purchase", f"{quick} visit", *(f"DELETE FROM {table}" for table in others))


def made(folder: Path, url: str, kind: str, rows: int) -> Load:
    """Make the project, its tables and its seed, which commits as a whole or in chunks."""
    play = playground(folder, url)
    play.sql(*TABLES)
    play.manifest(text=MANIFEST.format(rows))
    suffix = "csv" if kind == "seed" else "arrow"
    revision = play.seed("purchases", f'transaction = "{kind}"\n{SEED.format(file=suffix)}')
    visits = [(i, f"v{i * 7919 % rows:09}", i % 500 + 1, f"note {i % 977}") for i in range(1, rows + 1)]
    names = ("id", "number", "customer_id", "note")
    if suffix == "csv":
        lines = (",".join(map(str, visit)) for visit in visits)
        play.write(f"seeds/reference/{revision}.csv", "\n".join([",".join(names), *lines, ""]))
    else:
        table = pa.table(dict(zip(names, map(list, zip(*visits, strict=True)), strict=True)))
        with pa.ipc.new_file(str(play.root / f"seeds/reference/{revision}.arrow"), table.schema) as file:
            file.write_table(table, max_chunksize=rows // 40)
    return Load(play, rows, [])


@pytest.fixture(params=["seed", "chunk"])
def load(request: pytest.FixtureRequest, tmp_path: Path, database_url: str) -> Iterator[Load]:
    """The project on every kind of database in turn."""
    load = made(tmp_path / "project", database_url, request.param, request.config.getoption("rows"))
    yield load
    for each in load.processes:
        each.process.kill()
        each.process.wait()


@pytest.mark.crash
def test_a_large_load_that_dies_is_completed_by_the_next_run(load: Load, request: pytest.FixtureRequest) -> None:
    """At each of its points, and at moments that are drawn; the schema is what it was, indexes and all."""
    run = load.drive()
    assert 0 == run.end(), run.err
    clean, seconds = load.found(), float(run.out.split()[-1])
    kind = request.node.callspec.params["load"]
    named = [*POINTS[kind], *REBUILDS.get((kind, load.product), [])]
    kills: list[tuple[str, int, float]] = [(point, number, 0.0) for point, number in named]
    drawn = random.Random(f"loads {kind}")
    kills += [("", 0, drawn.uniform(0, seconds)) for _ in range(max(1, request.config.getoption("runs") // 2))]
    died = 0
    for point, number, delay in kills:
        load.empty()
        run = load.drive(point, number)
        wait_for(lambda run=run: "ready" in run.out, run)
        if not point:
            with suppress(subprocess.TimeoutExpired):
                run.process.wait(delay)
            run.process.kill()
        assert run.end() in (0, -signal.SIGKILL), run.err
        died += run.process.returncode == -signal.SIGKILL
        assert not point or run.process.returncode == -signal.SIGKILL, (point, number)
        load.play.upgrade(lock_timeout=load.patience)
        assert clean == load.found(), (point, number, delay)
        assert [] == load.play.ran()
    print(f"{load.product}, {kind}: {died} of {len(kills)} runs were killed, {load.rows:,} rows each")


#: What cuts every session of the database but the one that asks.
CUTS = {
    "postgresql": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    "mysql": "SELECT concat('KILL ', id) FROM information_schema.processlist "
    "WHERE db = database() AND id <> connection_id()",
}


@dataclass
class Cut(Progress):
    """Lets the server end all sessions when a load has told so often how far it is."""

    load: Load
    left: int

    def loaded(self, table: str, rows: int, expected: int | None) -> None:
        """Count, and cut."""
        self.left -= 1
        if self.left == 0:
            found = self.load.play.rows(CUTS[self.load.product])
            for (statement,) in found if self.load.product == "mysql" else ():
                with suppress(sa.exc.DBAPIError):  # it has ended by itself
                    self.load.play.sql(statement)


@pytest.mark.parametrize("kind", ["seed", "chunk"])
@pytest.mark.parametrize("product", ["postgresql", "mysql"])
def test_a_load_whose_connection_is_cut_is_completed_by_the_next_run(
    product: str, kind: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so, with exit code 1, wherever in the rows that was."""
    for module, name, value in ((chunked, "CHUNK", 700), (large, "LARGE", 300), (telling, "_EVERY", 300)):
        monkeypatch.setattr(module, name, value)
    load = made(tmp_path / "project", request.getfixturevalue(f"{product}_url"), kind, 3_000)
    load.play.upgrade()
    clean = load.found()
    for left in (2, 9, 12) if kind == "seed" else (2, 9, 12, 22):
        load.empty()
        with pytest.raises(TdmSeedError, match="connection to the server was lost") as caught:
            load.play.upgrade(progress=Cut(load, left))
        assert 1 == caught.value.exit_code
        assert "Run the command again." in str(caught.value.hint)
        load.play.upgrade()
        assert clean == load.found()
        assert [] == load.play.ran()
