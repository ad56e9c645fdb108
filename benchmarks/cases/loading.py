"""Filling a table with its keys and indexes: a seed with one db.load against the database's own client."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from benchmarks import project
from benchmarks.case import Case, Place
from benchmarks.cases import _orders
from benchmarks.cases._orders import CUSTOMERS, ORDER
from tdm_seed.errors import UsageError

ROWS = 500_000

#: What the seed loads, by the name of the case: the source is beside the seed, or a generator in it; ``chunks`` commits
#: them in chunks.
SOURCES = {
    "parquet": "db.parquet()",
    "chunks": "db.parquet()",
    "csv": "db.csv()",
    "tuples": "iter(made(db.volume('orders'))), columns=COLUMNS",
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
    client = {"postgresql": psql, "mysql": local_infile, "sqlite": sqlite_import}[place.database]
    for source in SOURCES:
        yield Loading(place, source, f"{source}/{client.__name__.replace('_', '-')}", client)
    for way in (core, orm, to_sql):
        yield Loading(place, "tuples", f"tuples/{way.__name__.replace('_', '-')}", way)


class Loading(Case):
    """One source loaded by a seed, and the same rows by somebody else; both leave the same schema."""

    def __init__(self, place: Place, source: str, name: str, theirs: Callable[[Place], None]) -> None:
        self.name = f"loading/{name}"
        self.rows = place.rows
        self.alternative = (theirs.__doc__ or "").partition("\n")[0].rstrip(".")
        self._place, self._theirs, self._source = place, theirs, source
        self._folder = place.folder / f"ours-{source}"
        seeds = self._folder / "seeds" / "reference"
        if not seeds.exists():
            seeds.mkdir(parents=True)
            (seeds / "20260101_0000_customers.py").write_text(CUSTOMER_SEED)
            (seeds / "20260101_0001_orders.py").write_text(
                SEED.format(source=SOURCES[source], transaction="chunk" if source == "chunks" else "seed")
            )
            if "parquet" in SOURCES[source]:
                _orders.write_parquet(seeds / "20260101_0001_orders.parquet", place.rows)
            elif "csv" in SOURCES[source]:
                _orders.write_csv(seeds / "20260101_0001_orders.csv", place.rows)

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
        """Sum up the rows and describe the table: a digest of millions of rows would take longer than their loading."""
        columns = ORDER.columns
        summed = (
            *(sa.func.sum(columns[name]) for name in ("id", "customer_id", "total", "items")),
            *(sa.func.max(columns[name]) for name in ("number", "placed_at", "status", "note")),
            sa.func.sum(sa.func.length(columns.number)),
            sa.func.count(columns.note),
            sa.func.count(sa.distinct(columns.number)),
        )
        with project.connected(self._place.url) as connection:
            inspector = sa.inspect(connection)
            schema = (
                [index["name"] for index in inspector.get_indexes("orders")],
                [key["name"] for key in inspector.get_foreign_keys("orders")],
                inspector.get_pk_constraint("orders")["constrained_columns"],
            )
            found = connection.execute(sa.select(sa.func.count(), *summed)).one()
            return [str(value) for value in found], schema


# ---- theirs ---------------------------------------------------------------------------------------------------------


def psql(place: Place) -> None:
    r"""psql: indexes and keys dropped, \\copy of a ready text file, and all built again, in one transaction."""
    ready = _ready(place, "text", lambda path: _orders.write_text(path, place.rows))
    commands = [
        "BEGIN",
        "ALTER TABLE orders DROP CONSTRAINT orders_customer, DROP CONSTRAINT orders_pkey",
        "DROP INDEX orders_number, orders_by_customer",
        f"\\copy orders FROM '{ready}'",
        "SET LOCAL maintenance_work_mem = '256MB'",
        "ALTER TABLE orders ADD PRIMARY KEY (id)",
        "CREATE UNIQUE INDEX orders_number ON orders (number)",
        "CREATE INDEX orders_by_customer ON orders (customer_id, placed_at)",
        "ALTER TABLE orders ADD CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id)",
        "COMMIT",
        "ANALYZE orders",
    ]
    url = make_url(place.url).set(drivername="postgresql")
    words = [word for command in commands for word in ("-c", command)]
    _run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", url.render_as_string(hide_password=False), *words])


def local_infile(place: Place) -> None:
    """LOAD DATA LOCAL INFILE of a ready file, sent by PyMySQL, with keys and indexes in place."""
    import pymysql

    ready = _ready(place, "text", lambda path: _orders.write_text(path, place.rows, booleans=("0", "1")))
    url = make_url(place.url)
    connection = pymysql.connect(
        host=url.host or "localhost",
        port=url.port or 3306,
        user=url.username,
        password=url.password or "",
        database=url.database,
        unix_socket=str(url.query["unix_socket"]) if "unix_socket" in url.query else None,
        local_infile=True,
        charset="utf8mb4",
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("LOAD DATA LOCAL INFILE %s INTO TABLE orders CHARACTER SET utf8mb4", (str(ready),))
        connection.commit()


def sqlite_import(place: Place) -> None:
    """sqlite3's .import of a ready CSV file into the table with its indexes, at default pragmas."""
    ready = _ready(place, "csv", lambda path: _orders.write_csv(path, place.rows, header=False, booleans=("0", "1")))
    file = make_url(place.url).database or ""
    commands = [".mode csv", f".import {ready} orders", "UPDATE orders SET note = NULL WHERE note = ''"]
    _run(["sqlite3", "-bail", file, *commands])


def core(place: Place) -> None:
    """SQLAlchemy Core: connection.execute(insert(orders), a list of dicts)."""
    engine = project.engine(place.url)
    with engine.begin() as connection:
        connection.execute(
            sa.insert(ORDER), [dict(zip(_orders.COLUMNS, row, strict=True)) for row in _orders.made(place.rows)]
        )
    engine.dispose()


def orm(place: Place) -> None:
    """SQLAlchemy's ORM: bulk_save_objects of 1,000 at a time."""
    from sqlalchemy.orm import Session, registry

    class Order:
        def __init__(self, **values: object) -> None:
            for name, value in values.items():
                setattr(self, name, value)

    mapped = registry()
    mapped.map_imperatively(Order, ORDER)
    engine = project.engine(place.url)
    with Session(engine) as session:
        objects = []
        for row in _orders.made(place.rows):
            objects.append(Order(**dict(zip(_orders.COLUMNS, row, strict=True))))
            if len(objects) == 1_000:
                session.bulk_save_objects(objects)
                objects = []
        session.bulk_save_objects(objects)
        session.commit()
    engine.dispose()
    mapped.dispose()


def to_sql(place: Place) -> None:
    """pandas: DataFrame.to_sql(method="multi", chunksize=1000)."""
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]

    frame = pd.DataFrame(_orders.made(place.rows), columns=list(_orders.COLUMNS))
    engine = project.engine(place.url)
    with engine.begin() as connection:
        frame.to_sql(
            "orders", connection, if_exists="append", index=False, method="multi", chunksize=1_000,
            dtype={column.name: column.type for column in ORDER.columns},
        )  # fmt: skip
    engine.dispose()


def _ready(place: Place, name: str, write: Callable[[Path], Path]) -> Path:
    """Write a file once, which is not theirs to be timed for: the sitting runs each side once before."""
    path = place.folder / f"theirs.{name}"
    return path if path.exists() else write(path)


def _run(words: list[str]) -> None:
    if shutil.which(words[0]) is None:
        raise UsageError(
            f"there is no {words[0]} on this machine", hint="It is what this case compares with: install it."
        )
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode or "ERROR" in done.stderr:
        raise UsageError(f"{words[0]} failed: {done.stderr.strip()}")
