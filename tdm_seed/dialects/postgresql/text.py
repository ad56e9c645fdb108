"""Appending a CSV with COPY as it stands, where the server reads it exactly as tdm-seed does."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection

from tdm_seed.dialects.appending import Taken
from tdm_seed.dialects.postgresql.freeze import can_freeze
from tdm_seed.dialects.postgresql.sending import BLOCK, LARGE, copying, driver_of, statement

# The server takes more for a value than we do (`yesterday`, 0x1F, tru), and some of it for another (a timestamp's zone
# is passed over where the column keeps none). So records are sent as they stand only as long as they look like this,
# which both read alike. One regular expression for a whole block does 100 MB/s, two to three times what a server takes.
#
# A quote inside quotes is written twice. Pairs of quotes are made one mark before, which halves the work: a field then
# is text without quotes, or marks, text in quotes, or both, where the marks stand for quotes that it begins with.

_MARK = b"\x01"
_WHOLE = rb"[-+]?\d+"
_DAY = rb"\d{4}-\d\d-\d\d"
_CLOCK = rb"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?"
_ZONE = rb"(?:Z|[-+](?:0\d|1[0-4]):[0-5]\d)?"
_DECIMAL = rb"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_BOOLEAN = rb"(?i:true|t|yes|y|on|1|false|f|no|n|off|0)"
_UUID = rb"[\da-fA-F]{8}-(?:[\da-fA-F]{4}-){3}[\da-fA-F]{12}"
_BYTES = rb"\\x(?:[\da-fA-F]{2})*+"
#: Text, and text that may not end with blanks: those beyond a column's length are cut off, where we refuse them.
_TEXT = rb'(?:"[^"]*+"|\x01++(?:"[^"]*+")?+|[^,"\r\n\x01]*+)'
_TRIMMED = rb'(?:"[^"]*+(?<! )"|\x01++(?:"[^"]*+(?<! )")?+|[^,"\r\n\x01]*+(?<! ))'
#: An object or a list in which no number is written as Python would not write it again: digits are those of a word, or
#: a whole number of 15 at most, or of 14 with a point that do not end with 0.
_DIGITS = rb"(?<![\[,:\s-])\d++|\d{1,15}+(?![\d.eE])|\d{1,7}\.\d{0,6}[1-9](?![\deE])"
_JSON = rb'(?:"(?=[\[{])[^"\d]*+(?:(?:' + _DIGITS + rb')[^"\d]*+)*+"|\{\}|\[\]|\x01)?+'

#: Bytes from which a file is sent so; smaller ones take no time anyway.
FROM = 1 << 18
#: Bytes in which a record must end; whatever is longer is read row by row.
_LONGEST = 1 << 24


def load(
    connection: Connection, table: sa.Table, columns: Sequence[str], content: BinaryIO, line_end: bytes, least: int,
    most: int | None,
) -> Taken:  # fmt: skip
    """Send the records that need no conversion, up to the first that may; nothing where there are fewer bytes.

    Behind the block with which there are as many as ``most``, none is sent.
    """
    filled = [table.columns[name] for name in columns]
    zone = driver_of(connection).info.parameter_status("TimeZone")
    shape = _shape(filled, line_end, utc=zone == "UTC")
    if shape is None:
        return Taken()
    begun = content.read(LARGE)
    if len(begun) < least:
        return Taken()
    blocks = _blocks(begun, content, line_end)
    block = next(blocks, b"")
    if not _records(block, shape, line_end):
        return Taken()
    options = [*_options(filled), *(["FREEZE"] if len(begun) == LARGE and can_freeze(connection, table) else [])]
    rows = size = lines = 0
    with driver_of(connection).cursor() as cursor:
        with copying(cursor, statement(table, columns, *options)) as copy:
            while block and (records := _records(block, shape, line_end)):
                copy.write(block)
                rows += records
                size += len(block)
                lines += block.count(b"\n")
                if b"\r" in block:
                    lines += block.count(b"\r") - block.count(b"\r\n")
                block = next(blocks, b"") if most is None or rows < most else b""
        return Taken(rows, cursor.rowcount, size, lines)


def _shape(columns: Sequence[sa.Column[Any]], line_end: bytes, *, utc: bool) -> re.Pattern[bytes] | None:
    """Say what records look like that are read alike; None where values of a column always need converting."""
    fields = [_field(column.type, utc=utc) for column in columns]
    if len(fields) < 2:  # an empty line is a row of one column, and none of ours
        return None
    known = [field for field in fields if field is not None]
    return re.compile(b"(?:" + b",".join(known) + line_end + b")*+") if len(known) == len(fields) else None


def _field(kind: sa.types.TypeEngine[Any], *, utc: bool) -> bytes | None:
    if isinstance(kind, sa.String):
        if type(kind) is sa.String:  # "char" and name, which cut off
            return None
        return _TEXT if kind.length is None else _TRIMMED
    if isinstance(kind, JSONB):
        return _JSON
    value = _value(kind, utc=utc)
    return value and b"(?:" + value + b'|"' + value + b'"|' + _MARK + b")?+"


def _value(kind: sa.types.TypeEngine[Any], *, utc: bool) -> bytes | None:
    """Say what a value looks like; a REAL, rounded from text in one step or two, may differ in its last bit."""
    match kind:
        case sa.Boolean():
            return _BOOLEAN
        case sa.Integer():
            return _WHOLE
        case sa.Double():
            return _DECIMAL
        case sa.Float():
            return None
        case sa.Numeric():
            return _DECIMAL
        case sa.DateTime(timezone=True):
            return _DAY + b"(?:[ T]" + _CLOCK + _ZONE + b")?" if utc else None
        case sa.DateTime():
            return _DAY + b"(?:[ T]" + _CLOCK + b")?"
        case sa.Date():
            return _DAY
        case sa.Time(timezone=False):
            return _CLOCK
        case sa.Uuid():
            return _UUID
        case sa.LargeBinary():
            return _BYTES
    return None


def _options(columns: Sequence[sa.Column[Any]]) -> Iterator[str | sql.Composable]:
    """Read an empty field, in quotes or not, as NULL, or as empty text where the column forbids NULL."""
    yield "FORMAT csv"
    yield "ENCODING 'UTF8'"
    empty = [each.name for each in columns if isinstance(each.type, sa.String) and not each.nullable]
    for option, names in (
        ("FORCE_NOT_NULL ({})", empty),
        ("FORCE_NULL ({})", [each.name for each in columns if each.name not in empty]),
    ):
        if names:
            yield sql.SQL(option).format(sql.SQL(", ").join(map(sql.Identifier, names)))


def _blocks(rest: bytes, content: BinaryIO, line_end: bytes) -> Iterator[bytes]:
    """Give whole records, as many as fit into a block; ``rest`` was read already."""
    begun = io.BytesIO(rest)

    def read(size: int) -> bytes:
        return begun.read(size) or content.read(size)

    held: list[bytes] = []  # of a record whose end is still to come
    inside = False  # whether what was read so far ends between quotes
    while more := read(BLOCK):
        if more.endswith(b"\r"):
            more += read(1)  # no line end is cut in two
        inside ^= more.count(b'"') % 2 == 1
        if end := _end(more, line_end, inside=inside):
            yield b"".join((*held, more[:end]))
            held = [more[end:]]
        else:
            held.append(more)
            if sum(map(len, held)) > _LONGEST:
                return
    if left := b"".join(held):
        yield left + line_end


def _end(text: bytes, line_end: bytes, *, inside: bool) -> int:
    """Find where the last whole record ends: a line end between quotes ends none; ``inside`` says where text ends."""
    end = len(text)
    while True:
        quote = text.rfind(b'"', 0, end)
        if not inside and (found := text.rfind(line_end, quote + 1, end)) >= 0:
            return found + len(line_end)
        if quote < 0:
            return 0
        end, inside = quote, not inside


def _records(block: bytes, shape: re.Pattern[bytes], line_end: bytes) -> int:
    """Count the records of a block; 0 where one may be read in two ways."""
    if _MARK in block or b"\0" in block:
        return 0
    marked = block.replace(b'""', _MARK)
    if not shape.fullmatch(marked):
        return 0
    outside = b"".join(marked.split(b'"')[::2]) if b'"' in marked else marked
    return outside.count(line_end)
