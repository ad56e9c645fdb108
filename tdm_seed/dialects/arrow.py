"""Columns of Arrow as the text and the numbers that databases take, written as the plain way writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from pyarrow import compute

#: Gives the values of a column as another one; None where a value needs converting, or cannot be kept.
Encode = Callable[[Any], Any]
_Encoder = TypeVar("_Encoder")

PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
#: The years 1 to 9999, which Python knows, as days since 1970.
FIRST, LAST = -719_162, 2_932_896
_DAY = 86_400


def all_known(found: Iterable[_Encoder | None]) -> tuple[_Encoder, ...] | None:
    """Give the encoders of columns; None where there is none for one of them."""
    encoders = tuple(found)
    known = tuple(encode for encode in encoders if encode is not None)
    return known if len(known) == len(encoders) else None


def is_text(kind: Any) -> bool:
    """Tell Arrow's kinds of text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_bytes(kind: Any) -> bool:
    """Tell Arrow's kinds of bytes."""
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def is_whole(kind: Any) -> bool:
    """Tell whole numbers that fit into eight bytes with their sign."""
    return bool(pa.types.is_integer(kind) and not pa.types.is_uint64(kind))


def is_decimal(kind: Any) -> bool:
    """Tell decimals whose units `units` can count."""
    return bool(pa.types.is_decimal(kind) and kind.bit_width <= 128 and kind.scale >= 0)


def content(array: Any) -> memoryview:
    """Give the bytes of all values of an array of strings, one behind the other, without copying them."""
    offsets, data = array.buffers()[1:]
    if data is None or not len(array):
        return memoryview(b"")
    places = np.frombuffer(offsets, np.int32)
    return memoryview(data)[int(places[array.offset]) : int(places[array.offset + len(array)])]


def ends(array: Any) -> Any:
    """Say where in its `content` each value of an array of strings ends."""
    places = np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]
    return places[1:] - places[0]


# ---- text -----------------------------------------------------------------------------------------------------------


def written(column: sa.types.TypeEngine[Any], kind: Any) -> Encode | None:
    """Give what writes Arrow's type as the text of a column's that all databases read alike; None for other types."""
    match column:
        case sa.DateTime(timezone=False) if pa.types.is_timestamp(kind):
            return moments
        case sa.Date() if pa.types.is_date32(kind):
            return days
        case sa.Time(timezone=False) if pa.types.is_time(kind):
            return clocks
        case sa.JSON() if is_text(kind):
            return Json()
        case sa.Enum():
            return partial(words, frozenset(column.enums)) if is_text(kind) else None
        case sa.String() if is_text(kind):
            return partial(text, column.length)
    return None


def text(length: int | None, array: Any) -> Any:
    """Take text of so many characters at most, without NUL."""
    array = array.cast(pa.string())
    if length is not None and not any(
        _most(count, array) <= length for count in (compute.binary_length, compute.utf8_length)
    ):
        return None
    return None if b"\0" in bytes(content(array)) else array


def _most(count: Callable[[Any], Any], array: Any) -> int:
    return compute.max(count(array)).as_py() or 0


def words(known: frozenset[str], array: Any) -> Any:
    """Take the words of an enumeration."""
    array = array.cast(pa.string())
    given = compute.unique(array).drop_null().to_pylist()
    return array if known and known.issuperset(given) else None


def days(array: Any) -> Any:
    """Write dates as ISO does."""
    return array.cast(pa.string()) if within(array.cast(pa.int32()), FIRST, LAST) else None


def moments(array: Any) -> Any:
    """Write points in time, those of a zone in UTC, to the microsecond."""
    kind = array.type
    units, second = array.cast(pa.int64()), PER_SECOND[kind.unit]
    if not within(units, FIRST * _DAY * second, (LAST + 1) * _DAY * second - 1):
        return None
    return _exactly(units.cast(pa.timestamp(kind.unit)), pa.timestamp("us"))


def clocks(array: Any) -> Any:
    """Write times of the day to the microsecond."""
    units = array.cast(pa.int64() if array.type.bit_width == 64 else pa.int32())
    return _exactly(array, pa.time64("us")) if within(units, 0, _DAY * PER_SECOND[array.type.unit] - 1) else None


def within(numbers: Any, first: int, last: int) -> bool:
    """Tell whether all numbers are between these two, or are one of them."""
    found = compute.min_max(numbers).as_py()
    return found["min"] is None or (first <= found["min"] and found["max"] <= last)


def _exactly(array: Any, kind: Any) -> Any:
    try:
        return array.cast(kind).cast(pa.string())
    except pa.ArrowInvalid:  # nanoseconds that would be lost
        return None


# ---- numbers --------------------------------------------------------------------------------------------------------


def units(scale: int | None, array: Any) -> Any:
    """Count decimals in units of the last digit behind the point, as numpy's numbers, 0 for NULL."""
    own = array.type.scale
    array = array.cast(pa.decimal128(38, own))
    halves = np.frombuffer(array.buffers()[1], np.int64)[2 * array.offset : 2 * (array.offset + len(array))]
    values, upper = halves[::2], halves[1::2]
    if array.null_count:
        there = array.is_valid().to_numpy(zero_copy_only=False)
        values, upper = values * there, upper * there
    if (values >> 63 != upper).any() or abs(own - (own if scale is None else scale)) > 18:
        return None
    if scale is None or scale == own:
        return values
    step = 10 ** abs(own - scale)
    if own > scale:
        return None if (values % step).any() else values // step
    limit = (2**63 - 1) // step
    return None if (values > limit).any() or (values < -limit).any() else values * step


# ---- JSON -----------------------------------------------------------------------------------------------------------

#: A scalar as ``json.dumps`` writes it: of numbers those that come back as the same text whatever they are.
_CHARACTER = (
    r'(?:[ !#-\[\]-~]|\\(?:["\\bfnrt]|u00(?:0[0-7bef]|1[0-9a-f]|7f|[89a-f][0-9a-f])'
    r"|u(?:0[1-9a-f]|[1-9a-f][0-9a-f])[0-9a-f]{2}))*"
)
_NUMBER = (
    r"(?:0|-?[1-9][0-9]{0,17}|-?[1-9][0-9]{0,6}\.(?:0|[0-9]{0,6}[1-9])"
    r"|-?0\.(?:0|0{0,3}[1-9]|0{0,3}[1-9][0-9]{0,9}[1-9]))"
)
_SCALAR = rf'(?:"{_CHARACTER}"|{_NUMBER}|true|false|null)'
#: Characters of the regular expression that a shape may take, and how many shapes are known at a time.
_LONGEST = 20_000
_SHAPES = 8


class Json:
    """Writes JSON as Python would write it again, and remembers what documents it has met look like.

    Most documents of a column have the same names in the same order, and were written by a program. Reading each and
    writing it again takes 10 µs; seeing that it looks like one that came out unchanged takes half of one.
    """

    def __init__(self) -> None:
        self._shapes: list[str] = []

    def __call__(self, array: Any) -> Any:
        """Write the documents of a column."""
        array = array.cast(pa.string())
        left = self._unlike(array)
        if self._learn(array.take(left[: 2 * _SHAPES])):
            left = self._unlike(array)
        if not len(left):
            return array
        values = array.to_pylist()
        try:
            for place in left.to_pylist():
                values[place] = _written(json.loads(values[place]))
        except (ValueError, RecursionError):
            return None
        return pa.array(values, pa.string())

    def _unlike(self, array: Any) -> Any:
        """Give the places of the documents that look like none that is known."""
        if not self._shapes:
            return compute.indices_nonzero(array.is_valid())
        known = compute.match_substring_regex(array, rf"\A(?:{'|'.join(self._shapes)})\z")
        return compute.indices_nonzero(compute.invert(known).fill_null(False))

    def _learn(self, documents: Any) -> bool:
        before = len(self._shapes)
        for document in documents.to_pylist():
            with_shape = _shape_of(document) if len(self._shapes) < _SHAPES else None
            if with_shape is not None and with_shape not in self._shapes:
                self._shapes.append(with_shape)
        return len(self._shapes) > before


def _written(value: Any) -> str | None:
    """Write JSON; a bare null is no value, as everywhere."""
    return None if value is None else json.dumps(value, allow_nan=False)


def _shape_of(document: str) -> str | None:
    """Say what documents with the same names look like, where Python writes this one as it stands."""
    try:
        value = json.loads(document)
        if not isinstance(value, (dict, list)) or json.dumps(value) != document:
            return None
        found = _shape(value)
    except (ValueError, RecursionError):
        return None
    return found if len(found) <= _LONGEST else None


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return (
            r"\{" + ", ".join(f"{re.escape(json.dumps(name))}: {_shape(each)}" for name, each in value.items()) + r"\}"
        )
    if not isinstance(value, list):
        return _SCALAR
    if any(isinstance(each, (dict, list)) for each in value):
        return r"\[" + ", ".join(map(_shape, value)) + r"\]"
    return rf"\[(?:{_SCALAR}(?:, {_SCALAR})*)?\]"


def through(encode: Encode | None) -> Encode | None:
    """Encode a dictionary's values as those that they stand for."""
    return None if encode is None else partial(_decoded, encode)


def _decoded(encode: Encode, array: Any) -> Any:
    return encode(array.dictionary_decode())
