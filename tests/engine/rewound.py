"""A database with everything that makes going back hard, and what there is to compare afterwards."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from tdm_seed.dialects.rewinding import Kept, Rewound
from tdm_seed.engine import Progress, rewinding
from tdm_seed.engine.session import Session
from tests.engine.playground import Playground

NOW = datetime(2026, 1, 5, tzinfo=UTC)

#: A self reference, a circle, a table without a key, identity ALWAYS, columns that are computed, partitions, tables
#: that inherit, an odd name, a trigger of the application's, sequences, and materialised views, one over a view.
POSTGRESQL = (
    "CREATE TABLE person (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, boss int REFERENCES person, name text, "
    "loud text GENERATED ALWAYS AS (upper(name)) STORED, home varchar(2) REFERENCES country ON UPDATE CASCADE "
    "ON DELETE CASCADE, badge int UNIQUE)",
    "CREATE TABLE hen (id serial PRIMARY KEY, egg int NOT NULL)",
    "CREATE TABLE egg (id serial PRIMARY KEY, hen int NOT NULL REFERENCES hen)",
    "ALTER TABLE hen ADD FOREIGN KEY (egg) REFERENCES egg ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED",
    "CREATE TABLE loose (n int, said json, person int REFERENCES person ON DELETE SET NULL ON UPDATE SET NULL)",
    "CREATE TABLE part (id int, k int, note text, PRIMARY KEY (id, k)) PARTITION BY RANGE (k)",
    "CREATE TABLE low PARTITION OF part FOR VALUES FROM (0) TO (10)",
    "CREATE TABLE high PARTITION OF part FOR VALUES FROM (10) TO (20)",
    "CREATE TABLE parent (id int PRIMARY KEY, word text)",
    "CREATE TABLE heir (more int) INHERITS (parent)",
    'CREATE TABLE "od""d %t:x.y" ("a.b" text COLLATE "C" PRIMARY KEY, "n\nl" int)',
    "CREATE TYPE mood AS ENUM ('sad', 'glad')",
    "CREATE TABLE felt (mood mood, at timestamptz, what numeric, PRIMARY KEY (mood, at))",
    "CREATE SEQUENCE free",
    "CREATE MATERIALIZED VIEW headcount AS SELECT count(*) AS n FROM person",
    "CREATE VIEW shown AS SELECT n FROM headcount",
    "CREATE MATERIALIZED VIEW doubled AS SELECT n * 2 AS n FROM shown",
    "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN INSERT INTO loose (n) VALUES (99); RETURN NULL; END $$",
    "CREATE TRIGGER noted AFTER INSERT OR DELETE ON person FOR EACH ROW EXECUTE FUNCTION noted()",
    "CREATE TRIGGER off AFTER UPDATE ON person FOR EACH ROW EXECUTE FUNCTION noted()",
    "ALTER TABLE person DISABLE TRIGGER off",
    "INSERT INTO country VALUES ('de', 'Germany'), ('ie', 'Ireland')",
    "INSERT INTO city (name, country_code) VALUES ('Cork', 'ie')",
    "INSERT INTO person (boss, name, home, badge) VALUES (1, 'Ann', 'de', 1), (1, 'Bob', 'ie', 2), (2, 'Cy', 'de', 3)",
    "INSERT INTO hen (egg) VALUES (1), (2); INSERT INTO egg (hen) VALUES (1), (2)",
    """INSERT INTO loose VALUES (1, '{"b": 1, "a": 2}', 1), (1, '{"b": 1, "a": 2}', 1)""",
    "INSERT INTO part VALUES (1, 1, 'x'), (1, 11, 'y')",
    "INSERT INTO parent VALUES (1, 'x'); INSERT INTO heir VALUES (2, 'y', 2)",
    """INSERT INTO "od""d %t:x.y" VALUES ('a', 1), ('A', 2)""",
    "INSERT INTO felt VALUES ('sad', '2026-01-01 00:00+00', 1.0)",
    "REFRESH MATERIALIZED VIEW headcount; REFRESH MATERIALIZED VIEW doubled",
)

_CATALOGUE = """
SELECT 'trigger', tgrelid::regclass::text, CASE WHEN tgisinternal THEN '' ELSE tgname END, tgenabled::text,
    concat(tgdeferrable, tginitdeferred) FROM pg_trigger WHERE NOT starts_with(tgname, 'tdm_seed_rows_')
UNION ALL SELECT 'key', conrelid::regclass::text, conname, pg_get_constraintdef(oid), concat(condeferred, convalidated)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'column', attrelid::regclass::text, attname, format_type(atttypid, atttypmod), ''
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = 'public'::regnamespace
"""


def state(play: Playground) -> dict[str, Any]:
    """Read every row as text, where every sequence is, and the catalogue."""
    found: dict[str, Any] = {"catalogue": sorted(play.rows(_CATALOGUE))}
    relations = (
        "SELECT relkind, oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relkind IN ('r', 'm', 'S') AND NOT starts_with(relname, 'seed_history') ORDER BY 2"
    )
    for kind, name in play.rows(relations):
        query = f"SELECT last_value, is_called FROM {name}" if kind == "S" else f"SELECT t::text FROM ONLY {name} t"
        found[name] = sorted(play.rows(query.replace("ONLY", "") if kind == "m" else query))
    return found


class Rewinds:
    """A session that goes back to what was kept."""

    def __init__(self, session: Session, kept: Kept) -> None:
        self.session = session
        self.kept = kept

    def __call__(self) -> Rewound:
        """Go back."""
        return rewinding.restore(self.session, self.kept, NOW)


@contextmanager
def kept(play: Playground, progress: Progress | None = None) -> Iterator[Rewinds]:
    """Seed, keep the rows, and be ready to go back."""
    play.ran()
    with Session(play.environment(), 5, progress or Progress()) as session:
        with session.lock() as lock:
            found = rewinding.prepare(session, lock, "key")
        yield Rewinds(session, found)


@contextmanager
def again(play: Playground, first: Rewinds) -> Iterator[Rewinds]:
    """Connect once more, and be ready to go back to the same."""
    with Session(play.environment(), 5, Progress()) as session:
        yield Rewinds(session, first.kept)


def counted(done: Rewound) -> dict[str, tuple[int, int, int]]:
    """Give the rows deleted, updated and inserted of each table."""
    return {each.table: (each.deleted, each.updated, each.inserted) for each in done.tables}


def does(play: Playground, statements: Sequence[str], *, commits: bool = True) -> None:
    """Run statements in one transaction, as far as the database takes them."""
    with suppress(sa.exc.DBAPIError), play.connection() as connection:
        for statement in statements:
            with suppress(sa.exc.DBAPIError), connection.begin_nested():
                connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
        if not commits:
            connection.rollback()


def dies(play: Playground, point: str, *words: str) -> None:
    """Go back, or ``keep`` the rows, in a process that kills itself at a point."""
    died = subprocess.run(
        [sys.executable, "-c", DRIVER, point, *words],
        cwd=play.root,
        env=play.environ(),
        capture_output=True,
        timeout=60,
    )
    assert (-signal.SIGKILL, b"") == (died.returncode, died.stderr)


DRIVER = """
import os, signal, sys
from datetime import UTC, datetime
from tdm_seed.engine import Progress, rewinding
from tdm_seed.engine.session import Session
from tdm_seed.environments import Project

class Killed(Progress):
    def reached(self, point):
        if point == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGKILL)

with Session(Project.load().environment("dev"), 5, Killed()) as session:
    if sys.argv[2:]:
        with session.lock() as lock:
            rewinding.prepare(session, lock, "key")
    else:
        rewinding.restore(session, rewinding.find(session), datetime.now(UTC))
"""
