"""A column of Arrow as the values that SQLite stores, which are those that the plain way brings."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from tdm_seed.dialects import arrow
from tdm_seed.dialects.arrow import Encode

#: Units of a decimal's last digit that an 8-byte float holds exactly, as long as it has 15 digits.
_EXACT = 10**15
#: The largest power of ten that such a float holds exactly: what is divided by one is rounded once.
_LARGEST_SCALE = 22


def encoder(column: sa.types.TypeEngine[Any], kind: Any) -> Encode | None:
    """Give what encodes Arrow's type for a column's; None where the plain way converts values."""
    if pa.types.is_dictionary(kind):
        return arrow.through(encoder(column, kind.value_type))
    if pa.types.is_null(kind):
        return _as_it_is
    match column:
        case sa.Boolean() if pa.types.is_boolean(kind):
            return lambda array: array.cast(pa.int8())
        case sa.Integer() if arrow.is_whole(kind):
            return _as_it_is
        case sa.Float() if pa.types.is_float32(kind) or pa.types.is_float64(kind):
            return lambda array: array.cast(pa.float64())
        case sa.Float():
            return None
        case sa.Numeric() if arrow.is_decimal(kind) and (column.scale or 0) <= _LARGEST_SCALE:
            return partial(_decimals, column.scale)
        case sa.Numeric() if arrow.is_whole(kind):
            return partial(_wholes, column.scale or 0)
        case sa.LargeBinary() if arrow.is_bytes(kind):
            return _as_it_is
    return arrow.written(column, kind)


def _as_it_is(array: Any) -> Any:
    return array


def _decimals(scale: int | None, array: Any) -> Any:
    """Make floats of decimals, rounded as Python rounds them."""
    scale = array.type.scale if scale is None else scale
    units = arrow.units(scale, array)
    if units is None or scale > _LARGEST_SCALE or (np.abs(units) >= _EXACT).any():
        return None
    absent = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
    return pa.array(units / 10.0**scale, mask=absent)


def _wholes(scale: int, array: Any) -> Any:
    """Make floats of whole numbers, as of decimals with nothing behind the point."""
    return array.cast(pa.float64()) if arrow.within(array, -_EXACT // 10**scale + 1, _EXACT // 10**scale - 1) else None
