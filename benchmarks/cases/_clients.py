"""What loads are measured against: the clients of the databases, and what people write in Python."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pymysql
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from benchmarks import project
from benchmarks.case import Place
from benchmarks.cases import _orders
from benchmarks.cases._orders import ORDER
from tdm_seed.errors import UsageError
from tdm_seed.testing.servers import download
from tdm_seed.testing.servers.account import Account
from tdm_seed.testing.servers.places import cache_directory, cached, system_key
from tdm_seed.testing.servers.product import program_environment

#: Bytes of a statement of PyMySQL's executemany, with which it is quickest.
BEST = 256_000

# ---- clients --------------------------------------------------------------------------------------------------------


def psql(place: Place) -> None:
    r"""psql: indexes and keys dropped, \copy of a ready text file, and all built again, in one transaction."""
    _psql(place, _rebuilt(f"\\copy orders FROM '{_text(place)}'"))


def psql_csv(place: Place) -> None:
    r"""psql: the same with \copy of the very CSV that ours reads."""
    _psql(place, _rebuilt(f"\\copy orders FROM '{_csv(place)}' WITH (FORMAT csv, HEADER)"))


def _rebuilt(copy: str) -> list[str]:
    return [
        "BEGIN",
        "ALTER TABLE orders DROP CONSTRAINT orders_customer, DROP CONSTRAINT orders_pkey",
        "DROP INDEX orders_number, orders_by_customer",
        copy,
        "SET LOCAL maintenance_work_mem = '256MB'",
        "ALTER TABLE orders ADD PRIMARY KEY (id)",
        "CREATE UNIQUE INDEX orders_number ON orders (number)",
        "CREATE INDEX orders_by_customer ON orders (customer_id, placed_at)",
        "ALTER TABLE orders ADD CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id)",
        "COMMIT",
        "ANALYZE orders",
    ]


def psql_in_place(place: Place) -> None:
    r"""psql: \copy of a ready text file into the table with its indexes and keys in place."""
    _psql(place, [f"\\copy orders FROM '{_text(place)}'", "ANALYZE orders"])


def mariadb(place: Place) -> None:
    """Mariadb --local-infile=1: LOAD DATA of a ready text file, with the keys of the table in place."""
    program, libraries = _mariadb()
    url = make_url(place.url)
    socket = url.query.get("unix_socket")
    reached = {"socket": socket} if socket else {"host": url.host, "port": url.port}
    options = {**reached, "user": url.username}
    words = [f"--{option}={value}" for option, value in options.items() if value]
    load = f"LOAD DATA LOCAL INFILE '{_text(place, ('0', '1'))}' INTO TABLE orders CHARACTER SET utf8mb4"
    environment = {**program_environment(libraries), **({"MYSQL_PWD": url.password} if url.password else {})}
    _run([program, "--no-defaults", "--local-infile=1", *words, "-e", load, str(url.database)], environment)


@cache
def _mariadb() -> tuple[str, tuple[Path, ...]]:
    """Find the client on the machine, or fetch it as the server is for tests, with the libraries that came with it."""
    if found := shutil.which("mariadb"):
        return found, ()
    kept = cached(
        cache_directory({}, Account.current()),
        system_key("mariadb-client"),
        lambda root: download.fetch(("mariadb-client-core", "mariadb-client-core-10.6"), root),
        lambda root: (root / "usr/bin/mariadb").exists(),
    )
    return str(kept / "usr/bin/mariadb"), download.library_directories(kept)


def executemany(place: Place) -> None:
    """PyMySQL: executemany of tuples, statements of 256 kB, its best size."""
    names = ", ".join(_orders.COLUMNS)
    marks = ", ".join(["%s"] * len(_orders.COLUMNS))
    details = _orders.COLUMNS.index("details")
    rows = [(*row[:details], json.dumps(row[details]), *row[details + 1 :]) for row in _orders.made(place.rows)]
    connection = _pymysql(place)
    with connection, connection.cursor() as cursor:
        cursor.max_stmt_length = BEST
        cursor.executemany(f"INSERT INTO orders ({names}) VALUES ({marks})", rows)
        connection.commit()


def _pymysql(place: Place) -> pymysql.Connection[Any]:
    url = make_url(place.url)
    return pymysql.connect(
        host=url.host or "localhost",
        port=url.port or 3306,
        user=url.username,
        password=url.password or "",
        database=url.database,
        unix_socket=str(url.query["unix_socket"]) if "unix_socket" in url.query else None,
        charset="utf8mb4",
    )


def sqlite_import(place: Place) -> None:
    """sqlite3: .import of a ready CSV file into the table with its indexes, at default pragmas."""
    _sqlite3(place)


def sqlite_import_unsafe(place: Place) -> None:
    """sqlite3: the same without a journal (journal_mode and synchronous OFF), which no crash survives."""
    _sqlite3(place, "PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF")


def _sqlite3(place: Place, *pragmas: str) -> None:
    ready = _ready(place, "csv", lambda path: _orders.write_csv(path, place.rows, header=False, booleans=("0", "1")))
    _run(["sqlite3", "-bail", make_url(place.url).database or "", *pragmas, ".mode csv", f".import {ready} orders"])


# ---- Python ---------------------------------------------------------------------------------------------------------


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


def _text(place: Place, booleans: tuple[str, str] = ("f", "t")) -> Path:
    return _ready(place, "text", lambda path: _orders.write_text(path, place.rows, booleans=booleans))


def _csv(place: Place) -> Path:
    return _ready(place, "headed.csv", lambda path: _orders.write_csv(path, place.rows))


def _psql(place: Place, commands: Sequence[str]) -> None:
    url = make_url(place.url).set(drivername="postgresql")
    words = [word for command in commands for word in ("-c", command)]
    _run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", url.render_as_string(hide_password=False), *words])


def _run(words: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    if shutil.which(words[0]) is None:
        raise UsageError(
            f"there is no {words[0]} on this machine", hint="It is what this case compares with: install it."
        )
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if done.returncode or "ERROR" in done.stderr:
        raise UsageError(f"{words[0]} failed: {done.stderr.strip()}")
