"""Appending rows to MySQL and MariaDB: LOAD DATA where it may be, INSERTs of many rows where not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import pymysql
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.binding import bound
from tdm_seed.dialects.failed import RowRefused
from tdm_seed.dialects.mysql import local_infile

#: Rows that are sent together. They are taken before, so that a generator of rows may use the connection.
BATCH = 10_000
#: Rows from which LOAD DATA pays: it takes three statements where an INSERT is one.
_FILE_FROM = 50
#: Characters of an INSERT, which has to fit into max_allowed_packet (16 MiB by default, 1 MiB on old servers).
_STATEMENT = 500_000

Row = Sequence[Any]


def load(connection: Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """Append rows and give the number that the server kept.

    LOAD DATA LOCAL passes over what it does not like, with a warning at best. So where it kept other rows than were
    sent, or warned, its rows are taken back and inserted, which gives either the error or the right rows.

    Raises:
        RowRefused: the server refused one; those of earlier statements are still there.
    """
    filled = [table.columns[name] for name in columns]
    may = by_file(connection, table, filled)
    remaining = bound(connection, filled, rows)
    loaded = sent = 0
    while batch := list(islice(remaining, BATCH)):
        if may and len(batch) >= _FILE_FROM and _by_file(connection, table, filled, batch):
            loaded += len(batch)
        else:
            loaded += _by_insert(connection, table, filled, batch, sent)
        sent += len(batch)
    return loaded


def by_file(connection: Connection, table: sa.Table, columns: Sequence[sa.Column[Any]]) -> bool:
    """Tell whether LOAD DATA takes these columns, and may."""
    reflected = table.kwargs.get("mysql_engine") or table.kwargs.get("mariadb_engine")
    return local_infile.takes(columns) and reflected in (None, "InnoDB") and local_infile.allowed(connection)


def _by_file(connection: Connection, table: sa.Table, columns: Sequence[sa.Column[Any]], batch: Sequence[Row]) -> bool:
    """Load the batch; False where that did not go as it should, and nothing is kept of it."""
    driver: pymysql.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    content = local_infile.lines(columns, batch)
    with driver.cursor() as cursor:
        cursor.execute("SAVEPOINT tdm_seed_file")
        try:
            kept, warnings = local_infile.load(connection, table, columns, content)
            if kept == len(batch) and not warnings:
                return True
        except pymysql.DatabaseError as error:
            if isinstance(error, pymysql.OperationalError) and not driver.open:
                raise
        cursor.execute("ROLLBACK TO SAVEPOINT tdm_seed_file")
        return False


def _by_insert(
    connection: Connection, table: sa.Table, columns: Sequence[sa.Column[Any]], batch: Sequence[Row], sent: int
) -> int:
    driver: pymysql.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    preparer = connection.dialect.identifier_preparer
    names = ", ".join(preparer.quote(column.name) for column in columns)
    insert = f"INSERT INTO {preparer.format_table(table)} ({names}) VALUES ".replace("%%", "%")
    loaded = place = 0
    with driver.cursor() as cursor:
        for values in _statements(batch, driver.escape):
            try:
                loaded += cursor.execute(insert + ", ".join(values))
            except (pymysql.IntegrityError, pymysql.DataError, pymysql.OperationalError) as error:
                if not driver.open or len(values) == 1:
                    raise RowRefused(sent + place, error) from error
                raise RowRefused(sent + place + _refused(cursor, insert, values), error) from error
            place += len(values)
    return loaded


def _statements(batch: Sequence[Row], escape: Callable[[Any], str]) -> Iterator[list[str]]:
    """Write rows as values, as many as go into one statement."""
    values: list[str] = []
    size = 0
    for row in batch:
        value = f"({', '.join(map(escape, row))})"
        if values and size + len(value) > _STATEMENT:
            yield values
            values, size = [], 0
        values.append(value)
        size += len(value)
    yield values


def _refused(cursor: Any, insert: str, values: Sequence[str]) -> int:
    """Find the row that was refused: the server does not say, so they are tried one by one and taken back."""
    cursor.execute("SAVEPOINT tdm_seed_refused")
    try:
        for place, value in enumerate(values):
            try:
                cursor.execute(insert + value)
            except pymysql.Error:
                return place
        return 0
    finally:
        cursor.execute("ROLLBACK TO SAVEPOINT tdm_seed_refused")
