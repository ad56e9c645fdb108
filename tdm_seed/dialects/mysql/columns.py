"""Appending columns of Arrow to MySQL and MariaDB with LOAD DATA, from lines that are written column by column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.ahead import encoded
from tdm_seed.dialects.appending import Plainly, Taken
from tdm_seed.dialects.mysql import insert

if TYPE_CHECKING:
    from tdm_seed.dialects.arrow import Encode


def load(
    connection: Connection, table: sa.Table, columns: Sequence[str], schema: Any, batches: Iterator[Any],
    plainly: Plainly, *, at_hand: bool,
) -> Taken | None:  # fmt: skip
    """Send the batches whose values arrive as the plain way would bring them, and leave the others to that.

    So is a batch that the server did not take as it stands. None where LOAD DATA may not be used, where the types of a
    column are never sent so, or where numpy is missing.
    """
    filled = [table.columns[name] for name in columns]
    if not insert.takes_files(connection, table, filled):
        return None
    try:
        from tdm_seed.dialects.mysql.fields import encoder
    except ImportError:
        return None
    encoders = [encoder(column.type, kind) for column, kind in zip(filled, schema.types, strict=True)]
    known = [encode for encode in encoders if encode is not None]
    if len(known) < len(encoders):
        return None
    rows = kept = 0
    for batch, content in encoded(batches, lambda batch: _lines(batch, known), at_hand=at_hand):
        size = batch.num_rows
        if content is not None and insert.by_file(connection, table, filled, content, size):
            kept += size
        else:
            kept += plainly(batch, rows)
        rows += size
    return Taken(rows, kept)


def _lines(batch: Any, encoders: Sequence[Encode]) -> memoryview | None:
    """Write the rows of a batch; None where a value has to be looked at, or where they are too few."""
    from tdm_seed.dialects.mysql.fields import lines

    if batch.num_rows < insert.FILE_FROM:
        return None
    arrays = []
    for column, encode in zip(batch.columns, encoders, strict=True):
        array = encode(column)
        if array is None:
            return None
        arrays.append(array)
    return lines(arrays)
