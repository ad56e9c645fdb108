"""Appending rows with INSERT, where COPY would go past rules or is refused because of policies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.autocommit import commits_by_itself
from tdm_seed.dialects.binding import binder
from tdm_seed.dialects.columns import portions
from tdm_seed.dialects.failed import RowRefused
from tdm_seed.dialects.postgresql.sending import driver_of

#: Rows in one statement, and the parameters that the protocol can count.
BATCH, _PARAMETERS = 500, 65_535

Row = Sequence[Any]


def load(
    connection: Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Row], *, overriding: bool
) -> int:
    """Insert rows and give the number that the server says it kept; a rule may hide what became of them.

    Raises:
        RowRefused: the server refused one.
    """
    preparer = connection.dialect.identifier_preparer
    names = ", ".join(preparer.quote(name) for name in columns)
    own = " OVERRIDING SYSTEM VALUE" if overriding else ""
    insert = f"INSERT INTO {preparer.format_table(table)} ({names}){own} VALUES "
    one = f"({', '.join(['%s'] * len(columns))})"
    size = max(1, min(BATCH, _PARAMETERS // len(columns)))
    bind = binder(connection, [table.columns[name] for name in columns])
    savepoints = not commits_by_itself(connection)
    loaded = sent = 0
    with driver_of(connection).cursor() as cursor:
        for portion in portions(rows, size):
            batch = [row for values in portion for row in zip(*bind(values), strict=True)]
            if savepoints:
                cursor.execute("SAVEPOINT tdm_seed_rows")
            try:
                cursor.execute(insert + ", ".join([one] * len(batch)), list(chain.from_iterable(batch)))
            except psycopg.DatabaseError as error:
                if cursor.connection.closed or not savepoints:
                    raise
                raise RowRefused(sent + _refused(cursor, insert + one, batch), error) from error
            loaded += max(0, cursor.rowcount)
            sent += len(batch)
            if savepoints:
                cursor.execute("RELEASE tdm_seed_rows")
    return loaded


def _refused(cursor: psycopg.Cursor[Any], insert: str, batch: Sequence[Row]) -> int:
    """Find the row that was refused: the server does not say, so they are tried one by one and taken back."""
    cursor.execute("ROLLBACK TO tdm_seed_rows")
    try:
        for place, row in enumerate(batch):
            try:
                cursor.execute(insert, row)
            except psycopg.DatabaseError:
                return place
        return 0
    finally:
        cursor.execute("ROLLBACK TO tdm_seed_rows")
