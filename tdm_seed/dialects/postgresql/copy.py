"""Appending rows with COPY."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection

from tdm_seed.dialects.binding import bound
from tdm_seed.dialects.failed import RowRefused

#: Rows per COPY. Rows are taken before the COPY begins, so that a generator of rows may read from the connection.
BATCH = 10_000
#: Where the server was, in the words that it adds to an error.
_LINE = re.compile(r"^COPY .*, line (\d+)", re.MULTILINE)


def load(connection: Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Stream rows into a table in COPY's text format and give the number that the server kept.

    Values pass through SQLAlchemy's bind processors first, as an INSERT's would. COPY takes numbers for GENERATED
    ALWAYS columns without being asked.
    """
    target = sql.Identifier(*filter(None, (table.schema, table.name)))
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(target, names)
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    remaining, loaded = bound(connection, [table.columns[name] for name in columns], rows), 0
    sent = 0
    with driver.cursor() as cursor:
        while batch := list(islice(remaining, BATCH)):
            try:
                with cursor.copy(statement) as copy:
                    for row in batch:
                        copy.write_row(row)
            except psycopg.Error as error:
                if found := _LINE.search(error.diag.context or ""):
                    raise RowRefused(sent + int(found[1]) - 1, error) from error
                raise
            loaded += cursor.rowcount
            sent += len(batch)
    return loaded
