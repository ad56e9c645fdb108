"""Appending rows with COPY in its text format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ENUM
from sqlalchemy.engine import Connection

from tdm_seed.dialects.binding import binder, unchanged
from tdm_seed.dialects.columns import portions
from tdm_seed.dialects.postgresql.lines import lines
from tdm_seed.dialects.postgresql.sending import copying, driver_of, statement
from tdm_seed.errors import TdmSeedError

#: Rows per COPY. Rows are taken before the COPY begins, so that a generator of rows may read from the connection.
BATCH = 10_000

_QUICKER = {sa.BOOLEAN: unchanged, ENUM: unchanged}


def load(connection: Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Stream rows into a table and give the number that the server kept.

    Values pass through SQLAlchemy's bind processors first, as an INSERT's would. They are converted and written while
    those before them are on their way. COPY takes numbers for GENERATED ALWAYS columns without being asked.
    """
    into = statement(table, columns)
    driver = driver_of(connection)
    bind = binder(connection, [table.columns[name] for name in columns], _QUICKER)
    loaded = sent = 0
    with driver.cursor() as cursor:
        for portion in portions(rows, BATCH):
            misfit = None
            blocks: Iterable[tuple[int, bytes]] = ((len(values[0]), lines(driver, bind(values))) for values in portion)
            if not sent:
                blocks = list(blocks)  # where few rows are all there is, one that does not fit leaves none
            with copying(cursor, into, sent) as copy:
                try:
                    for size, block in blocks:
                        copy.write(block)
                        sent += size
                except TdmSeedError as error:
                    misfit = error  # to end the COPY in order lets the transaction go on
            if misfit is not None:
                raise misfit
            loaded += cursor.rowcount
    return loaded
