"""A column of Arrow as the fields that LOAD DATA reads, where every value arrives as the plain way brings it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from pyarrow import compute

from tdm_seed.dialects import arrow
from tdm_seed.dialects.arrow import Encode

_NULL = "\\N"
#: The backslash comes first: the others are written with one.
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def encoder(column: sa.types.TypeEngine[Any], kind: Any) -> Encode | None:
    """Give what encodes Arrow's type for a column's; None where the plain way converts values."""
    if pa.types.is_dictionary(kind):
        return arrow.through(encoder(column, kind.value_type))
    if pa.types.is_null(kind):
        return lambda array: array.cast(pa.string())
    match column:
        case sa.Boolean() if pa.types.is_boolean(kind):
            return lambda array: array.cast(pa.int8()).cast(pa.string())
        case sa.Integer() if pa.types.is_integer(kind):
            return lambda array: array.cast(pa.string())
        case sa.Float() if pa.types.is_float32(kind) or pa.types.is_float64(kind):
            return lambda array: array.cast(pa.float64()).cast(pa.string())
        case sa.Float():
            return None
        case sa.Numeric() if arrow.is_decimal(kind):
            return partial(_decimals, column.scale)
        case sa.Numeric() if pa.types.is_integer(kind):
            return lambda array: array.cast(pa.string())
        case sa.DateTime(timezone=False) if pa.types.is_timestamp(kind):
            return arrow.moments
        case sa.Date() if pa.types.is_date32(kind):
            return arrow.days
        case sa.Time(timezone=False) if pa.types.is_time(kind):
            return arrow.clocks
        case sa.JSON() if arrow.is_text(kind):
            return _escaping(arrow.Json())
        case sa.LargeBinary() if arrow.is_bytes(kind):
            return _hex
        case sa.Enum():
            return _escaping(partial(arrow.words, frozenset(column.enums))) if arrow.is_text(kind) else None
        case sa.String() if arrow.is_text(kind):
            return _escaping(partial(arrow.text, column.length))
    return None


def lines(arrays: Sequence[Any]) -> memoryview:
    """Write the fields of rows, NULL among them, as lines with tabs."""
    *first, last = (array.fill_null(_NULL) if array.null_count else array for array in arrays)
    ended = compute.binary_join_element_wise(last, "", "\n")
    whole = compute.binary_join_element_wise(*first, ended, "\t") if first else ended
    return arrow.content(whole)


def _decimals(scale: int | None, array: Any) -> Any:
    """Write decimals that have no more digits behind the point than the column: it would round them with a warning."""
    if scale is not None and array.type.scale > scale:
        try:
            array = array.cast(pa.decimal128(38, scale))
        except pa.ArrowInvalid:
            return None
    return array.cast(pa.string())


def _hex(array: Any) -> Any:
    values = array.to_pylist()
    return pa.array([None if value is None else value.hex() for value in values], pa.string())


def _escaping(encode: Encode) -> Encode:
    return partial(_escaped, encode)


def _escaped(encode: Encode, array: Any) -> Any:
    array = encode(array)
    if array is not None:
        together = bytes(arrow.content(array))
        for mark, written in _ESCAPES.items():
            if mark.encode() in together:
                array = compute.replace_substring(array, mark, written)
    return array
