"""Rows in COPY's text format, written column by column."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.types.json import Json, Jsonb

from tdm_seed.dialects.columns import Columns, texts

# psycopg writes row by row and asks of every value how it is written: 500,000 rows of ten columns took it 3 s of the
# client's time. Values of a column have one type nearly always, so that can be asked once for a thousand of them.

Write = Callable[[Any], str]

#: The backslash comes first: the others are written with one.
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_NULL = "\\N"


def _text(value: str) -> str:
    for mark, written in _ESCAPES.items():
        value = value.replace(mark, written)
    return value


def _hex(value: bytes) -> str:
    return "\\\\x" + value.hex()


def _json(value: Json | Jsonb) -> str:
    return _text(str((value.dumps or json.dumps)(value.obj)))


#: How values of exactly these types are written; of all others, psycopg knows.
_KNOWN: dict[type, Write] = {
    int: str, float: repr, Decimal: str, bool: {False: "f", True: "t"}.__getitem__, str: _text,
    datetime: datetime.isoformat, date: date.isoformat, time: time.isoformat, UUID: str, bytes: _hex, Json: _json,
    Jsonb: _json,
}  # fmt: skip


def lines(driver: psycopg.Connection[Any], columns: Columns) -> bytes:
    """Write rows, given by columns, as lines."""
    fields = [texts(values, _NULL, partial(_written, driver)) for values in columns]
    return ("\n".join(map("\t".join, zip(*fields, strict=True))) + "\n").encode()


def _written(driver: psycopg.Connection[Any], kinds: Collection[type], values: Sequence[Any]) -> Sequence[str]:
    if kinds == {str}:
        together = "".join(values)
        if not any(mark in together for mark in _ESCAPES):
            return values
    other = partial(_other, Transformer(driver))
    writers = {kind: _KNOWN.get(kind, other) for kind in kinds}
    if len(writers) == 1:
        return list(map(writers.popitem()[1], values))
    return [writers[type(value)](value) for value in values]


def _other(transformer: Any, value: Any) -> str:
    written = transformer.get_dumper(value, PyFormat.TEXT).dump(value)
    return _NULL if written is None else _text(bytes(written).decode())
