"""Bringing many rows into a given state: an upsert seed against SQLAlchemy's own upsert, with a list of dicts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from benchmarks import project
from benchmarks.case import Case, Place
from benchmarks.cases import _orders
from benchmarks.cases._orders import COLUMNS, ORDER
from benchmarks.cases.loading import CUSTOMER_SEED, content

ROWS = 200_000

#: What the seed is given, by the name of the case: a file beside the seed, or a generator in it.
SOURCES = {
    "parquet": "db.parquet()",
    "tuples": "iter(made(db.volume('orders'))), columns=COLUMNS",
}
BEFORE_SEED = """\
depends_on = ["customers"]

def upgrade(db):
    if db.volume("present"):
        db.load("orders", db.parquet())
"""
SEED = """\
from benchmarks.cases._orders import COLUMNS, made

depends_on = ["before"]

def upgrade(db):
    db.upsert("orders", {source})
"""
#: How many of the rows were others before: every so manieth, 0 for none. What is missing here was empty.
STATES = {"new": None, "unchanged": 0, "a-tenth-changed": 10}


def cases(place: Place) -> Iterator[Case]:
    """Give the three states that a table may be found in."""
    for source in SOURCES:
        for state in STATES:
            yield Upsert(place, source, state)


class Upsert(Case):
    """One upsert of all orders, keyed by ``id``."""

    def __init__(self, place: Place, source: str, state: str) -> None:
        self.name = f"upsert/{source}/{state}"
        self.rows = place.rows
        self.alternative = f"SQLAlchemy Core, a list of dicts executed with {_CLAUSE[place.database]}"
        self._place, self._source, self._state = place, source, state
        self._folder = place.folder / f"upsert-{source}-{state}"
        seeds = self._folder / "seeds" / "reference"
        seeds.mkdir(parents=True)
        (seeds / "20260101_0000_customers.py").write_text(CUSTOMER_SEED)
        (seeds / "20260101_0001_before.py").write_text(BEFORE_SEED)
        (seeds / "20260101_0002_orders.py").write_text(SEED.format(source=SOURCES[source]))
        _orders.write_parquet(seeds / "20260101_0001_before.parquet", place.rows, STATES[state] or 0)
        if source == "parquet":
            _orders.write_parquet(seeds / "20260101_0002_orders.parquet", place.rows)

    def prepare(self) -> None:
        """Begin with customers, and with no orders or with all of them."""
        project.create_anew(self._place.url, ORDER)
        present = int(STATES[self._state] is not None)
        with project.seeder(self._folder, self._place.url, {"present": present}) as seeder:
            seeder.upgrade(["before"])
        _dicts(self.rows)

    def ours(self) -> None:
        """Run the seed, with all that belongs to one."""
        with project.seeder(self._folder, self._place.url, {"orders": self.rows}) as seeder:
            seeder.upgrade(["orders"])

    def theirs(self) -> None:
        """Hand the rows to SQLAlchemy, in one transaction."""
        engine = project.engine(self._place.url)
        with engine.begin() as connection:
            connection.execute(_statement(self._place.database), _dicts(self.rows))
        engine.dispose()

    def content(self) -> object:
        """Sum up the rows and describe the table."""
        return content(self._place.url)

    def remark(self, ours: float, theirs: float) -> str:
        """Say how many times as fast ours is."""
        return f"{theirs / ours:.1f} times as fast"


@cache
def _dicts(count: int) -> list[dict[str, Any]]:
    """Make the rows once: making them is no part of what is measured."""
    return [dict(zip(COLUMNS, row, strict=True)) for row in _orders.made(count)]


_CLAUSE = {
    "sqlite": "INSERT … ON CONFLICT DO UPDATE",
    "postgresql": "INSERT … ON CONFLICT DO UPDATE",
    "mysql": "INSERT … ON DUPLICATE KEY UPDATE",
}


def _statement(database: str) -> sa.Insert:
    """Write the upsert that SQLAlchemy has for this database."""
    others = [column.name for column in ORDER.columns if not column.primary_key]
    if database == "mysql":
        insert = mysql.insert(ORDER)
        return insert.on_duplicate_key_update({name: insert.inserted[name] for name in others})
    given: Any = postgresql.insert(ORDER) if database == "postgresql" else sqlite.insert(ORDER)
    statement: sa.Insert = given.on_conflict_do_update(
        index_elements=[ORDER.c.id], set_={name: given.excluded[name] for name in others}
    )
    return statement
