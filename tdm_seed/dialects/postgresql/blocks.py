"""Columns of Arrow as blocks of the binary COPY format, without making Python's values of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.ahead import encoded
from tdm_seed.dialects.appending import Plainly, Taken
from tdm_seed.dialects.postgresql.freeze import can_freeze
from tdm_seed.dialects.postgresql.sending import LARGE, copying, driver_of, statement

if TYPE_CHECKING:
    from tdm_seed.dialects.postgresql.fields import Encode

#: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"
_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
#: A batch and its block behind the last.
_NOTHING: tuple[Any, Any] = (None, None)


def load(
    connection: Connection, table: sa.Table, columns: Sequence[str], schema: Any, batches: Iterator[Any],
    plainly: Plainly, *, at_hand: bool, may_freeze: Callable[[Connection, sa.Table], bool] = can_freeze,
) -> Taken | None:  # fmt: skip
    """Send the batches whose values arrive as the plain way would bring them, and leave the others to that.

    None where the types of a column never do, or where numpy is missing.
    """
    try:
        from tdm_seed.dialects.arrow import all_known
        from tdm_seed.dialects.postgresql.fields import encoder
    except ImportError:
        return None
    types = zip(columns, schema.types, strict=True)
    encoders = all_known(encoder(table.columns[name].type, kind) for name, kind in types)
    if encoders is None:
        return None
    begun: list[Any] = []
    size = 0
    while size < LARGE and (one := next(batches, None)) is not None:
        begun.append(one)
        size += one.nbytes
    batches = chain(begun, batches)
    options = ["FREEZE"] if size >= LARGE and may_freeze(connection, table) else []
    into = statement(table, columns, "FORMAT binary", *options)
    rows = kept = 0
    blocks = encoded(batches, lambda batch: _block(batch, encoders), at_hand=at_hand)
    batch, block = next(blocks, _NOTHING)
    with driver_of(connection).cursor() as cursor:
        while batch is not None:
            if block is None:
                kept += plainly(batch, rows)
                rows += batch.num_rows
                batch, block = next(blocks, _NOTHING)
                continue
            with copying(cursor, into, rows) as copy:
                copy.write(_HEAD)
                while block is not None:
                    copy.write(block)
                    rows += batch.num_rows
                    batch, block = next(blocks, _NOTHING) if at_hand else _NOTHING
                copy.write(_END)
            kept += cursor.rowcount
            if not at_hand:  # whoever makes the batches may use the connection, so it was free meanwhile
                batch, block = next(blocks, _NOTHING)
    return Taken(rows, kept)


def _block(batch: Any, encoders: Sequence[Encode]) -> Any:
    """Write the rows of a batch; None where a value has to be looked at.

    What has the same width in every row is laid out by numpy, with the lengths of what has not; Arrow joins the two.
    """
    import numpy as np
    import pyarrow as pa
    from pyarrow import compute

    size = batch.num_rows
    pieces: list[Any] = []
    fixed: list[tuple[str, Any]] = [(">i2", len(encoders))]
    for column, encode in zip(batch.columns, encoders, strict=True):
        field = encode(column)
        if field is None:
            return None
        if field.rest is None:
            fixed += [(">i4", field.lengths), (_sent(field.values.dtype), field.values)]
        else:
            fixed.append((">i4", field.lengths))
            if field.version is not None:
                fixed.append(("u1", field.version))
            pieces += [_laid_out(fixed, size), field.rest]
            fixed = []
    if fixed or len(pieces) % 2:
        pieces.append(_laid_out(fixed, size))
    whole = pieces[0] if len(pieces) == 1 else compute.binary_join_element_wise(*pieces, pa.scalar(b"", pa.binary()))
    offsets = np.frombuffer(whole.buffers()[1], np.int32)
    return memoryview(whole.buffers()[2])[int(offsets[whole.offset]) : int(offsets[whole.offset + size])]


def _laid_out(fixed: Sequence[tuple[Any, Any]], size: int) -> Any:
    """Lay out values beside one another; numpy turns their bytes around as it writes them."""
    import numpy as np

    from tdm_seed.dialects.postgresql.fields import binary

    rows = np.empty(size, np.dtype([(f"f{place}", kind) for place, (kind, _) in enumerate(fixed)]))
    for place, (_, values) in enumerate(fixed):
        rows[f"f{place}"] = values
    return binary(rows, np.arange(size + 1, dtype=np.int32) * rows.dtype.itemsize)


def _sent(kind: Any) -> Any:
    """Give the type with its bytes in the order of the network; one that is made of several has it already."""
    return kind if kind.fields else kind.newbyteorder(">")
