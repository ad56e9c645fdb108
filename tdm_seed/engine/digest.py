"""A digest of the content that is the same on every database."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from tdm_seed.engine import content
from tdm_seed.engine.session import Session
from tdm_seed.errors import SeedError, UsageError
from tdm_seed.history import since_reset
from tdm_seed.loading.convert import plain_json
from tdm_seed.schema import Schema, references
from tdm_seed.values import Applied

_MODULUS = 1 << 128
#: Rows fetched at a time.
_FETCH = 5_000


@dataclass(frozen=True)
class TableDigest:
    """One table's content: ``digest`` is hexadecimal, ``left_out`` names the columns that do not count."""

    table: str
    rows: int
    digest: str
    left_out: tuple[str, ...] = ()


def run(session: Session, entries: Sequence[Applied], tables: Iterable[str] = ()) -> list[TableDigest]:
    """Digest the named tables, or all but the tool's and those in which migrations note what has run.

    Per row blake2b over canonical values, summed modulo 2^128: rows may come in any order and are streamed. A number
    that the database chose says nothing about content and differs after any rollback, so such columns are left out
    together with the foreign keys to them: a numbered column counts when every seed gave its values.
    """
    history = since_reset(entries)
    given = {str(name) for entry in history for name in _names(entry, "given")}
    chosen = {str(name) for entry in history for name in _names(entry, "numbered")}
    with session.reading():
        schema = session.schema
        schema.forget()  # a Seeder may live long, and others migrate
        found = [_named(schema, name) for name in tables] or [schema.table(name) for name in content.tables(session)]
        numbered = {
            (table.fullname, column.name)
            for table in _with_parents(schema, found)
            if (column := session.dialect.numbered(table)) is not None
            and f"{table.fullname}.{column.name}" not in given - chosen
        }
        return [_table(session, schema, table, numbered) for table in sorted(found, key=lambda t: t.fullname)]


def _names(entry: Applied, key: str) -> list[object]:
    value = entry.note.get(key, [])
    return value if isinstance(value, list) else []


def _named(schema: Schema, name: str) -> sa.Table:
    try:
        return schema.table(name)
    except SeedError as error:
        raise UsageError(error.message, hint=error.hint, table=error.place.table) from error


def _with_parents(schema: Schema, tables: Sequence[sa.Table]) -> list[sa.Table]:
    found = {table.fullname: table for table in tables}
    for table in tables:
        for reference in references(table):
            parent = schema.parent(reference)
            found.setdefault(parent.fullname, parent)
    return list(found.values())


def _table(session: Session, schema: Schema, table: sa.Table, numbered: set[tuple[str, str]]) -> TableDigest:
    out = {column.name for column in table.columns if (table.fullname, column.name) in numbered}
    for reference in references(table):
        parent = schema.parent(reference)
        for near, far in zip(reference.columns, reference.referred, strict=True):
            if (parent.fullname, far) in numbered:
                out.add(near)
    columns = sorted((c for c in table.columns if c.name not in out), key=lambda column: column.name)
    names = json.dumps([column.name for column in columns]).encode()
    trims = [place for place, column in enumerate(columns) if isinstance(column.type, sa.CHAR)]
    count, added = 0, 0
    query = sa.select(*columns) if columns else sa.select(sa.literal(1)).select_from(table)
    result = session.connection.execution_options(stream_results=True).execute(query)
    for block in result.partitions(_FETCH):
        for row in block:
            values: Sequence[Any] = row if columns else ()
            if trims:
                values = [
                    value.rstrip(" ") if place in trims and isinstance(value, str) else value
                    for place, value in enumerate(values)
                ]
            body = names + b"\0" + b"\0".join(map(canonical, values))
            added += int.from_bytes(blake2b(body, digest_size=16, person=b"tdm-seed").digest(), "big")
            count += 1
    session.connection.execution_options(stream_results=False)
    return TableDigest(table.fullname, count, f"{added % _MODULUS:032x}", tuple(sorted(out)))


def canonical(value: Any) -> bytes:
    """Write a value so that what databases return in different clothes reads the same.

    Numbers by value (1, 1.0 and true are one), times in UTC (those without a zone are taken as UTC), JSON with sorted
    keys, UUIDs as 32 hexadecimal digits, bytes as they are; the first byte tells the kinds apart.
    """
    if value is None:
        return b"-"
    if isinstance(value, str):
        return b"s" + value.encode("utf-8", "surrogatepass").replace(b"\\", b"\\\\").replace(b"\0", b"\\0")
    if isinstance(value, (bool, int, float, Decimal)):
        return b"n" + _number(value)
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return b"t" + moment.isoformat(timespec="microseconds").encode()
    if isinstance(value, date):
        return b"d" + value.isoformat().encode()
    if isinstance(value, timedelta):
        return b"i" + _number(Decimal(value // timedelta(microseconds=1)))
    if isinstance(value, time):
        return b"h" + value.isoformat(timespec="microseconds").encode()
    if isinstance(value, uuid.UUID):
        return b"s" + value.hex.encode()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return b"b" + bytes(value).hex().encode()
    if isinstance(value, (dict, list, tuple)):
        return b"j" + json.dumps(_json(value), sort_keys=True, separators=(",", ":"), default=plain_json).encode()
    return b"o" + str(value).encode()


def _number(value: bool | int | float | Decimal) -> bytes:
    number = value if isinstance(value, Decimal) else Decimal(repr(value + 0))
    if not number.is_finite():
        return str(number).lower().encode()
    normal = number.normalize()
    return b"0" if not normal else f"{normal:f}".encode()


def _json(value: Any) -> Any:
    """Make whole floats integers, at any depth: 1.0 and 1 are the same JSON number."""
    if isinstance(value, dict):
        return {str(key): _json(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(each) for each in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
