"""Filling a table with its keys and indexes: a seed with one db.load against the database's own client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from benchmarks import project
from benchmarks.case import Case, Place
from benchmarks.cases import _clients as clients
from benchmarks.cases import _orders
from benchmarks.cases._orders import CUSTOMERS, ORDER
from tdm_seed.dialects.mysql import local_infile

ROWS = 500_000

#: What the seed loads, by the name of the case: the source is beside the seed, or a generator in it; ``-chunks``
#: commits them in chunks.
SOURCES = {
    "parquet": "db.parquet()",
    "csv": "db.csv()",
    "tuples": "iter(made(db.volume('orders'))), columns=COLUMNS",
    "parquet-chunks": "db.parquet()",
}
CUSTOMER_SEED = f"""\
def upgrade(db):
    db.load("customers", [(n, str(n)) for n in range(1, {CUSTOMERS + 1})], columns=["id", "name"])
"""
SEED = """\
from benchmarks.cases._orders import COLUMNS, made

depends_on = ["customers"]
transaction = "{transaction}"

def upgrade(db):
    db.load("orders", {source})
"""


def cases(place: Place) -> Iterator[Case]:
    """Give each source against the client's own way, then what people write in Python today."""
    client = {"postgresql": clients.psql, "mysql": clients.mariadb, "sqlite": clients.sqlite_import}[place.database]
    for source in SOURCES:
        its_csv = source == "csv" and client is clients.psql
        yield Loading(place, source, clients.psql_csv if its_csv else client)
    if place.database == "postgresql":
        yield Loading(place, "parquet", clients.psql_in_place)
    if place.database == "sqlite":
        yield Loading(place, "parquet", clients.sqlite_import_unsafe)
    if place.database == "mysql":
        for source in ("parquet", "parquet-chunks"):
            yield PrimaryKeyOnly(place, source, client)
        for source in ("parquet", "tuples"):
            yield Fallback(place, source, clients.executemany)
    for way in (clients.core, clients.orm, clients.to_sql):
        yield Loading(place, "tuples", way)


class Loading(Case):
    """One source loaded by a seed, and the same rows by somebody else; both leave the same schema."""

    #: What the name of the case ends with.
    variant = ""

    def __init__(self, place: Place, source: str, theirs: Callable[[Place], None]) -> None:
        self.name = f"loading/{source}/{theirs.__name__.replace('_', '-')}{self.variant}"
        self.rows = place.rows
        self.alternative = (theirs.__doc__ or "").partition("\n")[0].rstrip(".")
        self._place, self._theirs, self._source = place, theirs, source
        self._folder = place.folder / f"ours-{source}"
        seeds = self._folder / "seeds" / "reference"
        if not seeds.exists():
            seeds.mkdir(parents=True)
            (seeds / "20260101_0000_customers.py").write_text(CUSTOMER_SEED)
            transaction = "chunk" if source.endswith("-chunks") else "seed"
            text = SEED.format(source=SOURCES[source], transaction=transaction)
            (seeds / "20260101_0001_orders.py").write_text(text)
            writes: dict[str, Callable[[Path, int], Path]] = {
                "parquet": _orders.write_parquet,
                "csv": _orders.write_csv,
            }
            kind = source.partition("-")[0]
            if kind in writes:
                writes[kind](seeds / f"20260101_0001_orders.{kind}", place.rows)

    def prepare(self) -> None:
        """Begin with customers, and with no orders."""
        project.create_anew(self._place.url, ORDER)
        with project.seeder(self._folder, self._place.url) as seeder:
            seeder.upgrade(["customers"])
        if self._source == "tuples":
            _orders.made(self.rows)

    def ours(self) -> None:
        """Run the seed, with all that belongs to one."""
        with project.seeder(self._folder, self._place.url, {"orders": self.rows}) as seeder:
            seeder.upgrade()

    def theirs(self) -> None:
        """Load the same rows."""
        self._theirs(self._place)

    def content(self) -> object:
        """Sum up the rows and describe the table."""
        return content(self._place.url)


def content(url: str) -> object:
    """Sum up the orders and describe their table: a digest of millions of rows would take longer than their loading."""
    columns = ORDER.columns
    summed = (
        *(sa.func.sum(columns[name]) for name in ("id", "customer_id", "total", "items")),
        *(sa.func.max(columns[name]) for name in ("number", "placed_at", "status", "note")),
        sa.func.sum(sa.func.length(columns.number)),
        sa.func.count(sa.func.nullif(columns.note, "")),  # no client makes NULL of an empty field of a CSV
        sa.func.count(sa.distinct(columns.number)),
    )
    with project.connected(url) as connection:
        inspector = sa.inspect(connection)
        schema = (
            [index["name"] for index in inspector.get_indexes("orders")],
            [key["name"] for key in inspector.get_foreign_keys("orders")],
            inspector.get_pk_constraint("orders")["constrained_columns"],
        )
        found = connection.execute(sa.select(sa.func.count(), *summed)).one()
        return [str(value) for value in found], schema


class PrimaryKeyOnly(Loading):
    """The same into a table that has nothing but its primary key."""

    variant = "-primary-key"

    def prepare(self) -> None:
        """Drop the other keys."""
        super().prepare()
        with project.connected(self._place.url) as connection:
            connection.exec_driver_sql(
                "ALTER TABLE orders DROP FOREIGN KEY orders_customer, DROP INDEX orders_number, "
                "DROP INDEX orders_by_customer"
            )


class Fallback(PrimaryKeyOnly):
    """The same from a server that takes no local files."""

    def ours(self) -> None:
        """Run the seed as if LOAD DATA LOCAL were switched off."""
        before = local_infile.allowed
        local_infile.allowed = _never
        try:
            super().ours()
        finally:
            local_infile.allowed = before


def _never(connection: Connection) -> bool:
    return False
