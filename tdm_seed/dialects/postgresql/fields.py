"""A column of Arrow as the fields of the binary COPY format, where every value arrives as the plain way brings it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from pyarrow import compute
from sqlalchemy.dialects.postgresql import JSONB

from tdm_seed.dialects.arrow import FIRST, LAST, PER_SECOND, is_bytes, is_decimal, is_text, text, units

#: The server counts from 2000, Arrow from 1970.
_DAYS = 10_957
_MICROSECONDS = _DAYS * 86_400_000_000
#: JSON that is not written as Python would write it again: numbers such as 1.10, 1e5, -0, longer ones than a float is
#: exact for, and everything that is neither an object nor a list.
_OTHERWISE = r"[\[,:\s](?:-?[0-9]+\.[0-9]*0[\],}\s]|-?[0-9.]+[eE]|-0[\],}\s]|-?[0-9.]{16})|^\s*[^\s\[{]"
_UUID = "^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"


@dataclass(frozen=True)
class Field:
    """The fields of a column: ``lengths`` with -1 for NULL, and values of one width, or ``rest``, what is in each.

    With ``version`` that byte stands before the rest of each, which has no NULL then.
    """

    lengths: Any
    values: Any = None
    rest: Any = None
    version: int | None = None


#: Gives the fields of a column; None where a value needs converting, or cannot be kept.
Encode = Callable[[Any], Field | None]


def binary(data: Any, offsets: Any) -> Any:
    """Make Arrow's array of the bytes between offsets."""
    return pa.Array.from_buffers(pa.binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def encoder(column: sa.types.TypeEngine[Any], kind: Any) -> Encode | None:
    """Give what encodes Arrow's type for a column's; None where the plain way converts values."""
    if pa.types.is_dictionary(kind):
        inner = encoder(column, kind.value_type)
        return inner and (lambda array: inner(array.dictionary_decode()))
    if pa.types.is_null(kind):
        return lambda array: Field(-1, rest=binary(b"", np.zeros(len(array) + 1, np.int32)))
    values = _values(column, kind)
    if values is not None:
        return partial(_fixed, values)
    if isinstance(column, sa.Uuid):
        return _uuid if is_text(kind) or getattr(kind, "extension_name", "") == "arrow.uuid" else None
    if isinstance(column, JSONB):
        return _json if is_text(kind) else None
    if isinstance(column, sa.LargeBinary):
        return _bytes if is_bytes(kind) else None
    if isinstance(column, sa.Enum):
        return partial(_words, frozenset(column.enums)) if is_text(kind) else None
    if isinstance(column, sa.String) and type(column) is not sa.String and is_text(kind):  # "char" and name cut off
        return partial(_text, column.length)
    return None


# ---- values of one width --------------------------------------------------------------------------------------------

Values = Callable[[Any], Any]


def _values(column: sa.types.TypeEngine[Any], kind: Any) -> Values | None:
    """Give what makes numpy's values of an array without NULLs; it gives None where one does not fit."""
    match column:
        case sa.Boolean() if pa.types.is_boolean(kind):
            return lambda array: array.to_numpy(zero_copy_only=False).astype(np.uint8)
        case sa.SmallInteger() if pa.types.is_integer(kind):
            return partial(_whole, np.int16)
        case sa.BigInteger() if pa.types.is_integer(kind):
            return partial(_whole, np.int64)
        case sa.Integer() if pa.types.is_integer(kind):
            return partial(_whole, np.int32)
        case sa.REAL() if pa.types.is_float32(kind):
            return lambda array: array.to_numpy(zero_copy_only=False).astype(np.float32)
        case sa.Double() if pa.types.is_float32(kind) or pa.types.is_float64(kind):
            return lambda array: array.to_numpy(zero_copy_only=False).astype(np.float64)
        case sa.Float():
            return None
        case sa.Numeric() if is_decimal(kind):
            return partial(_decimals, kind.scale)
        case sa.Numeric() if pa.types.is_integer(kind) and not pa.types.is_uint64(kind):
            return lambda array: _digits(array.to_numpy(zero_copy_only=False).astype(np.int64), 0)
        case sa.DateTime() if pa.types.is_timestamp(kind):
            return partial(_moments, kind.unit)
        case sa.Date() if pa.types.is_date32(kind):
            return _days
        case sa.Time(timezone=False) if pa.types.is_time(kind):
            return partial(_clock, kind.unit)
    return None


def _fixed(make: Values, array: Any) -> Field | None:
    """Leave out the values that are NULL: such a field has a length and nothing else."""
    nulls = array.null_count
    values = make(array.drop_null() if nulls else array)
    if values is None:
        return None
    if not nulls:
        return Field(values.dtype.itemsize, values)
    if not values.dtype.fields:
        values = values.astype(values.dtype.newbyteorder(">"))
    there = array.is_valid().to_numpy(zero_copy_only=False)
    lengths = np.where(there, values.dtype.itemsize, -1).astype(np.int32)
    offsets = np.zeros(len(array) + 1, np.int32)
    np.cumsum(there * np.int32(values.dtype.itemsize), out=offsets[1:])
    return Field(lengths, rest=binary(values.tobytes(), offsets))


def _whole(size: Any, array: Any) -> Any:
    values = array.to_numpy(zero_copy_only=False)
    limit = np.iinfo(size)
    if len(values) and (int(values.min()) < limit.min or int(values.max()) > limit.max):
        return None
    return values.astype(size)


def _decimals(scale: int, array: Any) -> Any:
    """Take decimals of 18 digits at most, which fit into the lower half of Arrow's."""
    values = units(scale, array)
    return None if values is None else _digits(values, scale)


def _digits(values: Any, scale: int) -> Any:
    """Write numbers in digits of base 10,000; the server drops leading zeros, so all have as many."""
    behind = -(-scale // 4)
    shift = 10 ** (4 * behind - scale)
    largest = max(abs(int(values.min())), abs(int(values.max()))) * shift if len(values) else 0
    if largest >= 2**63:
        return None
    size = max(behind, 1)
    while 10_000**size <= largest:
        size += 1
    kind = [("size", ">i2"), ("weight", ">i2"), ("sign", ">u2"), ("scale", ">i2"), ("digits", ">i2", (size,))]
    fields = np.empty(len(values), np.dtype(kind))
    fields["size"], fields["weight"], fields["scale"] = size, size - behind - 1, scale
    fields["sign"] = np.where(values < 0, 0x4000, 0)
    remaining = np.abs(values) * shift
    for place in range(size - 1, -1, -1):
        remaining, fields["digits"][:, place] = np.divmod(remaining, 10_000)
    return fields


def _moments(unit: str, array: Any) -> Any:
    values = array.cast(pa.int64()).to_numpy(zero_copy_only=False)
    second = PER_SECOND[unit]
    begin, end = FIRST * 86_400, (LAST + 1) * 86_400
    if len(values) and not (begin <= values.min() // second and values.max() // second < end):
        return None
    found = _microseconds(values, second)
    return None if found is None else found - _MICROSECONDS


def _microseconds(values: Any, second: int) -> Any:
    if second > 1_000_000:
        return None if (values % 1_000).any() else values // 1_000
    return values * (1_000_000 // second)


def _days(array: Any) -> Any:
    values = array.cast(pa.int32()).to_numpy(zero_copy_only=False)
    if len(values) and not (values.min() >= FIRST and values.max() <= LAST):
        return None
    return values - np.int32(_DAYS)


def _clock(unit: str, array: Any) -> Any:
    whole = array.cast(pa.int64() if unit in ("us", "ns") else pa.int32()).cast(pa.int64())
    return _microseconds(whole.to_numpy(zero_copy_only=False), PER_SECOND[unit])


# ---- values of many widths ------------------------------------------------------------------------------------------


def _rest(array: Any) -> Field:
    """Give what Arrow holds as bytes, with NULL as nothing."""
    lengths = compute.binary_length(array).fill_null(-1).to_numpy(zero_copy_only=False)
    return Field(lengths, rest=array.fill_null(b"") if array.null_count else array)


def _text(length: int | None, array: Any) -> Field | None:
    found = text(length, array)
    return None if found is None else _rest(found.cast(pa.binary()))


def _words(known: frozenset[str], array: Any) -> Field | None:
    given = compute.unique(array.cast(pa.string())).drop_null().to_pylist()
    return _text(None, array) if known and known.issuperset(given) else None


def _bytes(array: Any) -> Field | None:
    return _rest(array.cast(pa.binary()))


def _json(array: Any) -> Field | None:
    """Put the version of the format before the text."""
    array = array.cast(pa.string())
    if compute.any(compute.match_substring_regex(array, _OTHERWISE)).as_py():
        return None
    documents = array.cast(pa.binary())
    if not array.null_count:
        lengths = compute.binary_length(documents).to_numpy(zero_copy_only=False) + np.int32(1)
        return Field(lengths, rest=documents, version=1)
    return _rest(
        compute.binary_join_element_wise(pa.scalar(b"\x01", pa.binary()), documents, pa.scalar(b"", pa.binary()))
    )


def _uuid(array: Any) -> Field | None:
    if not is_text(array.type):
        return _rest(array.storage.cast(pa.binary()))
    array = array.cast(pa.string())
    if not compute.all(compute.match_substring_regex(array, _UUID)).as_py():
        return None
    digits = "".join(compute.replace_substring(array.drop_null(), "-", "").to_pylist())
    there = array.is_valid().to_numpy(zero_copy_only=False)
    offsets = np.zeros(len(array) + 1, np.int32)
    np.cumsum(there * np.int32(16), out=offsets[1:])
    return Field(np.where(there, 16, -1), rest=binary(bytes.fromhex(digits), offsets))
