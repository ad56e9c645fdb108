"""Columns of Arrow as the text that LOAD DATA or an INSERT reads, where values arrive as the plain way brings them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from pyarrow import compute

from tdm_seed.dialects import arrow
from tdm_seed.dialects.arrow import Encode

#: The backslash comes first: the others are written with one.
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_QUOTED = {**_ESCAPES, "'": "\\'"}

#: What the literal of a value stands between.
Marks = tuple[str, str]
_TEXT, _BYTES, _NUMBER = ("'", "'"), ("X'", "'"), ("", "")


@dataclass(frozen=True)
class Fields:
    """How the columns of a table are written: ``encoders`` give text, and ``marks`` are what literals stand between."""

    encoders: tuple[Encode, ...]
    marks: tuple[Marks, ...]

    @classmethod
    def of(cls, columns: Sequence[sa.Column[Any]], kinds: Sequence[Any]) -> Fields | None:
        """Give what writes Arrow's types for the columns; None where the plain way converts values of one."""
        types = zip(columns, kinds, strict=True)
        encoders = arrow.all_known(_encoder(column.type, kind) for column, kind in types)
        return None if encoders is None else cls(encoders, tuple(_marks(column.type) for column in columns))

    def lines(self, batch: Any) -> Any:
        """Write rows as the lines that LOAD DATA reads; None where a value has to be looked at."""
        return self._rows(batch, _field, ("", "\t", "\n"))

    def literals(self, batch: Any) -> Any:
        """Write rows as the literals of an INSERT, with a comma behind each; None as above."""
        return self._rows(batch, _literal, ("(", ",", "),"))

    def _rows(self, batch: Any, write: Callable[[Any, Marks], Any], around: tuple[str, str, str]) -> Any:
        fields = []
        for column, encode, marks in zip(batch.columns, self.encoders, self.marks, strict=True):
            array = encode(column)
            if array is None:
                return None
            fields.append(write(array, marks))
        begin, between, end = around
        fields[0] = _within((begin, ""), fields[0])
        fields[-1] = _within(("", end), fields[-1])
        return compute.binary_join_element_wise(*fields, between)


def _field(array: Any, marks: Marks) -> Any:
    return (_escaped(array, _ESCAPES) if marks == _TEXT else array).fill_null("\\N")


def _literal(array: Any, marks: Marks) -> Any:
    return _within(marks, _escaped(array, _QUOTED) if marks == _TEXT else array).fill_null("NULL")


def _escaped(array: Any, escapes: Mapping[str, str]) -> Any:
    together = bytes(arrow.content(array))
    for mark, written in escapes.items():
        if mark.encode() in together:
            array = compute.replace_substring(array, mark, written)
    return array


def _within(marks: Marks, array: Any) -> Any:
    return compute.binary_join_element_wise(marks[0], array, marks[1], "") if any(marks) else array


def _marks(kind: sa.types.TypeEngine[Any]) -> Marks:
    """Say what a literal stands between; a float in quotes is read as LOAD DATA reads it."""
    if isinstance(kind, sa.LargeBinary):
        return _BYTES
    if isinstance(kind, (sa.Boolean, sa.Integer)) or (isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float)):
        return _NUMBER
    return _TEXT


def _encoder(column: sa.types.TypeEngine[Any], kind: Any) -> Encode | None:
    """Give what encodes Arrow's type for a column's; None where the plain way converts values."""
    if pa.types.is_dictionary(kind):
        return arrow.through(_encoder(column, kind.value_type))
    if pa.types.is_null(kind):
        return _as_text
    match column:
        case sa.Boolean() if pa.types.is_boolean(kind):
            return lambda array: array.cast(pa.int8()).cast(pa.string())
        case sa.Integer() if pa.types.is_integer(kind):
            return _as_text
        case sa.Float() if pa.types.is_float32(kind) or pa.types.is_float64(kind):
            return lambda array: array.cast(pa.float64()).cast(pa.string())
        case sa.Float():
            return None
        case sa.Numeric() if arrow.is_decimal(kind):
            return partial(_decimals, column.scale)
        case sa.Numeric() if pa.types.is_integer(kind):
            return _as_text
        case sa.LargeBinary() if arrow.is_bytes(kind):
            return _hex
    return arrow.written(column, kind)


def _as_text(array: Any) -> Any:
    return array.cast(pa.string())


def _decimals(scale: int | None, array: Any) -> Any:
    """Write decimals that have no more digits behind the point than the column: it would round them with a warning."""
    if scale is not None and array.type.scale > scale:
        try:
            array = array.cast(pa.decimal128(38, scale))
        except pa.ArrowInvalid:
            return None
    text = array.cast(pa.string())
    small = compute.any(compute.match_substring(text, "E")).as_py()  # what has an exponent is a float, not a decimal
    return None if small else text


def _hex(array: Any) -> Any:
    values = array.to_pylist()
    return pa.array([None if value is None else value.hex() for value in values], pa.string())
