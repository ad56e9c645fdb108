"""Appending columns of Arrow to SQLite, whose values are encoded column by column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.ahead import encoded
from tdm_seed.dialects.appending import Plainly, Taken
from tdm_seed.dialects.sqlite.insert import Inserting

if TYPE_CHECKING:
    from tdm_seed.dialects.arrow import Encode


def load(
    connection: Connection, table: sa.Table, columns: Sequence[str], schema: Any, batches: Iterator[Any],
    plainly: Plainly, *, at_hand: bool,
) -> Taken | None:  # fmt: skip
    """Insert the batches whose values arrive as the plain way would bring them, and leave the others to that.

    None where the types of a column never do, or where numpy is missing.
    """
    try:
        from tdm_seed.dialects.arrow import all_known
        from tdm_seed.dialects.sqlite.fields import encoder
    except ImportError:
        return None
    types = zip(columns, schema.types, strict=True)
    encoders = all_known(encoder(table.columns[name].type, kind) for name, kind in types)
    if encoders is None:
        return None
    rows = kept = 0
    with Inserting(connection, table, columns) as inserting:
        for batch, arrays in encoded(batches, lambda batch: _encoded(batch, encoders), at_hand=at_hand):
            if arrays is None:
                kept += plainly(batch, rows)
            else:
                kept += inserting.append(_values(arrays), rows)
            rows += batch.num_rows
    return Taken(rows, kept)


def _encoded(batch: Any, encoders: Sequence[Encode]) -> list[Any] | None:
    """Encode the columns of a batch; None where a value has to be looked at."""
    found = []
    for column, encode in zip(batch.columns, encoders, strict=True):
        array = encode(column)
        if array is None:
            return None
        found.append(array)
    return found


def _values(arrays: Sequence[Any]) -> list[Any]:
    """Give the values row after row."""
    size = len(arrays)
    values: list[Any] = [None] * (size * len(arrays[0]))
    for place, array in enumerate(arrays):
        values[place::size] = array.to_pylist()
    return values
