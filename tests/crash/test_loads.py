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

import pytest

from tests.crash.shop import Running, wait_for
from tests.engine.conftest import playground
from tests.engine.playground import Playground

DRIVER = Path(__file__).with_name("load_driver.py")
ROWS = 20_000
TABLES = (
    "CREATE TABLE customer (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL)",
    "CREATE TABLE purchase (id INTEGER NOT NULL PRIMARY KEY, number VARCHAR(20) NOT NULL, customer_id INTEGER NOT NULL, "
    "note VARCHAR(60), CONSTRAINT purchase_number UNIQUE (number), "
    "CONSTRAINT purchase_customer FOREIGN KEY (customer_id) REFERENCES customer (id))",
    "CREATE INDEX purchase_by_customer ON purchase (customer_id, note)",
)
SEED = f"""
def upgrade(db):
    db.upsert("customer", [{{"id": i, "name": f"customer {{i}}"}} for i in range(1, 501)])
    db.load("purchase", (
        {{"id": i, "number": f"{{db.random.getrandbits(40)}}", "customer_id": i % 500 + 1, "note": f"note {{i % 977}}"}}
        for i in range({ROWS})
    ))

def verify(db):
    db.expect("SELECT count(*) FROM purchase", equals={ROWS})
"""


POINTS = {
    "seed": ["after load", "before history", "before commit", "after commit"],
    "chunk": [
        "after journal",
        "during index drop",
        "after index drop",
        "after chunk",
        "after chunk",
        "during rebuild",
        "after rebuild",
        "after load",
        "before history",
        "before commit",
        "after commit",
    ],
}


@dataclass(frozen=True)
class Load:
    """A project with one seed that loads many rows, and its processes."""

    play: Playground
    processes: list[Running]

    def drive(self, point: str = "", number: int = 0) -> Running:
        """Start an upgrade that kills itself at a point."""
        arguments = [sys.executable, str(DRIVER), point, str(number)]
        self.processes.append(Running(self.play.root, len(self.processes), arguments, self.play.environ()))
        return self.processes[-1]

    def found(self) -> list[Any]:
        """Give the digests of all tables, the schema in the words of the database, and what the history sums up."""
        product = self.play.url.partition(":")[0].partition("+")[0]
        asked = {
            "postgresql": "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'purchase'::regclass "
            "UNION ALL SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE conrelid = 'purchase'::regclass ORDER BY 1",
            "mysql": "SHOW CREATE TABLE purchase",
            "sqlite": "SELECT sql FROM sqlite_master WHERE tbl_name = 'purchase' ORDER BY 1",
        }
        last = self.play.history()[-1]
        return [self.play.digest(), self.play.rows(asked[product]), last.state, last.changes]

    def empty(self) -> None:
        """Begin anew."""
        tables = ("purchase", "customer", *(name for name in self.play.tables() if name.startswith("seed_history")))
        self.play.sql(*(f"DELETE FROM {table}" for table in tables))


@pytest.fixture(params=["seed", "chunk"])
def load(request: pytest.FixtureRequest, tmp_path: Path, database_url: str) -> Iterator[Load]:
    """The project, its tables and its seed, which commits as a whole or in chunks."""
    play = playground(tmp_path / "project", database_url)
    play.sql(*TABLES)
    play.seed("purchases", f'transaction = "{request.param}"\n{SEED}')
    made = Load(play, [])
    yield made
    for each in made.processes:
        each.process.kill()
        each.process.wait()


@pytest.mark.crash
def test_a_large_load_that_dies_is_completed_by_the_next_run(load: Load, request: pytest.FixtureRequest) -> None:
    """At each of its points, and at moments that are drawn; the schema is what it was, indexes and all."""
    run = load.drive()
    assert 0 == run.end(), run.err
    clean, seconds = load.found(), float(run.out.split()[-1])
    kind = request.node.callspec.params["load"]
    kills: list[tuple[str, int, float]] = [
        (point, POINTS[kind][: place + 1].count(point) * 3, 0.0) for place, point in enumerate(POINTS[kind])
    ]
    drawn = random.Random(f"loads {kind}")
    kills += [("", 0, drawn.uniform(0, seconds)) for _ in range(max(1, request.config.getoption("runs") // 2))]
    for point, number, delay in kills:
        load.empty()
        run = load.drive(point, number if point == "after chunk" else 1)
        wait_for(lambda run=run: "ready" in run.out, run)
        if not point:
            with suppress(subprocess.TimeoutExpired):
                run.process.wait(delay)
            run.process.kill()
        assert run.end() in (0, -signal.SIGKILL), run.err
        assert not point or run.process.returncode == -signal.SIGKILL, (point, number)
        load.play.upgrade()
        assert clean == load.found(), (point, number, delay)
        assert [] == load.play.ran()
