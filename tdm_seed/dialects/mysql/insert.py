"""Appending rows to MySQL and MariaDB: LOAD DATA where it may be, INSERTs of many rows where not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import pymysql
import sqlalchemy as sa
from pymysql.constants import SERVER_STATUS
from sqlalchemy.dialects.mysql import ENUM
from sqlalchemy.engine import Connection

from tdm_seed.dialects.binding import binder, unchanged
from tdm_seed.dialects.columns import Columns, portions
from tdm_seed.dialects.failed import RowRefused
from tdm_seed.dialects.mysql import literals, local_infile

#: Rows that are sent together. They are taken before, so that a generator of rows may use the connection.
BATCH = 10_000
#: Rows from which LOAD DATA pays: it takes three statements where an INSERT is one.
FILE_FROM = 50
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
    files = takes_files(connection, table, filled)
    bind = binder(connection, filled, {ENUM: unchanged})
    loaded = sent = 0
    for portion in portions(rows, BATCH):
        batch = [bind(values) for values in portion]
        size = sum(len(values[0]) for values in batch)
        written = b"".join(map(local_infile.lines, batch)) if files and size >= FILE_FROM else None
        if written is not None and by_file(connection, table, filled, written, size):
            loaded += size
        else:
            loaded += _by_insert(connection, table, filled, batch, sent)
        sent += size
    return loaded


def takes_files(connection: Connection, table: sa.Table, columns: Sequence[sa.Column[Any]]) -> bool:
    """Tell whether LOAD DATA may be used, and can be taken back."""
    return local_infile.takes(columns) and _engine(table) in (None, "InnoDB") and local_infile.allowed(connection)


def takes_literals(connection: Connection, table: sa.Table, columns: Sequence[sa.Column[Any]]) -> bool:
    """Tell whether INSERTs of literals with backslashes can be used, and taken back."""
    driver: Any = connection.connection.driver_connection
    backslashes = not driver.server_status & SERVER_STATUS.SERVER_STATUS_NO_BACKSLASH_ESCAPES
    return local_infile.takes(columns) and _engine(table) == "InnoDB" and backslashes


def _engine(table: sa.Table) -> str | None:
    found: str | None = table.kwargs.get("mysql_engine") or table.kwargs.get("mariadb_engine")
    return found


def by_file(
    connection: Connection, table: sa.Table, columns: Sequence[sa.Column[Any]], content: bytes | memoryview, rows: int
) -> bool:
    """Load lines of so many rows; False where that did not go as it should, and nothing is kept of it."""
    return _whole(
        connection, lambda _: local_infile.load(connection, table, columns, content) == (rows, 0)  # no warning either
    )  # fmt: skip


def by_literals(
    connection: Connection, table: sa.Table, columns: Sequence[sa.Column[Any]], content: memoryview, ends: Any
) -> bool:
    """Insert literals, with a comma behind each row, of which each ``ends`` there; False as above."""
    insert = _insert(connection, table, columns)

    def send(cursor: Any) -> bool:
        kept = begin = 0
        while begin < len(content):
            place = max(int(ends.searchsorted(begin + _STATEMENT, "right")) - 1, int(ends.searchsorted(begin, "right")))
            end = int(ends[place])
            kept += cursor.execute(insert + str(content[begin : end - 1], "utf-8"))
            begin = end
        return kept == len(ends)

    return _whole(connection, send)


def _whole(connection: Connection, send: Callable[[Any], bool]) -> bool:
    """Send rows; where that fails or says so, take back what was kept of them."""
    driver: pymysql.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    with driver.cursor() as cursor:
        cursor.execute("SAVEPOINT tdm_seed_rows")
        try:
            if send(cursor):
                return True
        except pymysql.DatabaseError as error:
            if isinstance(error, pymysql.OperationalError) and not driver.open:
                raise
        cursor.execute("ROLLBACK TO SAVEPOINT tdm_seed_rows")
        return False


def _insert(connection: Connection, table: sa.Table, columns: Sequence[sa.Column[Any]]) -> str:
    preparer = connection.dialect.identifier_preparer
    names = ", ".join(preparer.quote(column.name) for column in columns)
    return f"INSERT INTO {preparer.format_table(table)} ({names}) VALUES ".replace("%%", "%")


def _by_insert(
    connection: Connection, table: sa.Table, columns: Sequence[sa.Column[Any]], batch: Sequence[Columns], sent: int
) -> int:
    driver: pymysql.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    insert = _insert(connection, table, columns)
    loaded = place = 0
    with driver.cursor() as cursor:
        for values in _statements(chain.from_iterable(literals.rows(each, driver.escape) for each in batch)):
            try:
                loaded += cursor.execute(insert + ", ".join(values))
            except (pymysql.IntegrityError, pymysql.DataError, pymysql.OperationalError) as error:
                if not driver.open or len(values) == 1:
                    raise RowRefused(sent + place, error) from error
                row, alone = _refused(cursor, insert, values)
                raise RowRefused(sent + place + row, alone or error) from error
            place += len(values)
    return loaded


def _statements(rows: Iterator[str]) -> Iterator[list[str]]:
    """Give as many rows as go into one statement."""
    values: list[str] = []
    size = 0
    for value in rows:
        if values and size + len(value) > _STATEMENT:
            yield values
            values, size = [], 0
        values.append(value)
        size += len(value)
    yield values


def _refused(cursor: Any, insert: str, values: Sequence[str]) -> tuple[int, pymysql.Error | None]:
    """Find the row that was refused, and what is said of it alone: rows are tried one by one and taken back."""
    cursor.execute("SAVEPOINT tdm_seed_refused")
    try:
        for place, value in enumerate(values):
            try:
                cursor.execute(insert + value)
            except pymysql.Error as error:
                return place, error
        return 0, None
    finally:
        cursor.execute("ROLLBACK TO SAVEPOINT tdm_seed_refused")
