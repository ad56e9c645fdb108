"""Appending columns of Arrow to MySQL and MariaDB, written column by column for LOAD DATA or for INSERTs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.ahead import encoded
from tdm_seed.dialects.appending import Plainly, Taken
from tdm_seed.dialects.mysql import insert


def load(
    connection: Connection, table: sa.Table, columns: Sequence[str], schema: Any, batches: Iterator[Any],
    plainly: Plainly, *, at_hand: bool,
) -> Taken | None:  # fmt: skip
    """Send the batches whose values arrive as the plain way would bring them, and leave the others to that.

    So is a batch that the server did not take as it stands. None where rows cannot be taken back, where the types of
    a column are never sent so, or where numpy is missing.
    """
    filled = [table.columns[name] for name in columns]
    files = insert.takes_files(connection, table, filled)
    if not files and not insert.takes_literals(connection, table, filled):
        return None
    try:
        from tdm_seed.dialects.mysql.fields import Fields
    except ImportError:
        return None
    fields = Fields.of(filled, schema.types)
    if fields is None:
        return None
    write = fields.lines if files else fields.literals
    rows = kept = 0
    for batch, written in encoded(batches, partial(_written, write), at_hand=at_hand):
        size = batch.num_rows
        if written is None:
            done = False
        elif files:
            done = insert.by_file(connection, table, filled, written[0], size)
        else:
            done = insert.by_literals(connection, table, filled, *written)
        kept += size if done else plainly(batch, rows)
        rows += size
    return Taken(rows, kept)


def _written(write: Callable[[Any], Any], batch: Any) -> tuple[memoryview, Any] | None:
    """Write the rows of a batch, and say where each ends; None where they are too few, or one has to be looked at."""
    from tdm_seed.dialects import arrow

    joined = write(batch) if batch.num_rows >= insert.FILE_FROM else None
    return None if joined is None else (arrow.content(joined), arrow.ends(joined))
