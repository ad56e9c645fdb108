"""Appending rows with COPY."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.engine import Connection

#: Rows per COPY. Rows are taken before the COPY begins, so that a generator of rows may read from the connection.
BATCH = 10_000


def load(connection: Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Stream rows into a table in COPY's text format and give the number that the server kept.

    Values pass through SQLAlchemy's bind processors first, as an INSERT's would. COPY takes numbers for GENERATED
    ALWAYS columns without being asked.
    """
    processors = [_processor(table.columns[name], connection) for name in columns]
    needed = [(place, process) for place, process in enumerate(processors) if process]
    target = sql.Identifier(*filter(None, (table.schema, table.name)))
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(target, names)
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    remaining, loaded = iter(rows), 0
    with driver.cursor() as cursor:
        while batch := list(islice(remaining, BATCH)):
            with cursor.copy(statement) as copy:
                for row in batch:
                    copy.write_row(_processed(row, needed) if needed else row)
            loaded += cursor.rowcount
    return loaded


def _processed(row: Sequence[Any], needed: Sequence[tuple[int, Any]]) -> list[Any]:
    values = list(row)
    for place, process in needed:
        values[place] = process(values[place])
    return values


def _processor(column: sa.Column[Any], connection: Connection) -> Any:
    kind = column.type.data_type if isinstance(column.type, DOMAIN) else column.type
    process = kind.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    if process is None or not isinstance(kind, sa.ARRAY):
        return process
    return lambda value: value if isinstance(value, str) else process(value)  # text is an array as the server writes it
