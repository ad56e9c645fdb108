"""Appending rows with COPY in its text format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.binding import bound
from tdm_seed.dialects.postgresql.lines import lines
from tdm_seed.dialects.postgresql.sending import copying, driver_of, statement

#: Rows per COPY. Rows are taken before the COPY begins, so that a generator of rows may read from the connection.
BATCH = 10_000


def load(connection: Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Stream rows into a table and give the number that the server kept.

    Values pass through SQLAlchemy's bind processors first, as an INSERT's would. COPY takes numbers for GENERATED
    ALWAYS columns without being asked.
    """
    into = statement(table, columns)
    remaining = bound(connection, [table.columns[name] for name in columns], rows)
    loaded = sent = 0
    driver = driver_of(connection)
    with driver.cursor() as cursor:
        while batch := list(islice(remaining, BATCH)):
            with copying(cursor, into, sent) as copy:
                copy.write(lines(driver, batch))
            loaded += cursor.rowcount
            sent += len(batch)
    return loaded
