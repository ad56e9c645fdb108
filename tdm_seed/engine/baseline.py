"""Rows that were there before the first seed: written down then, so that a reset can bring them back."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from math import isfinite
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import Dialect
from tdm_seed.engine import content
from tdm_seed.engine.session import Session
from tdm_seed.errors import DatabaseError
from tdm_seed.history import History

#: A table that holds more before the first seed is no table of settings: a reset leaves it alone.
MOST_ROWS: Final = 10_000
#: The longest row that every database keeps in a column of text; it is ASCII, so that letters are bytes.
LONGEST_ROW: Final = 60_000

#: The rows of each table, by name; None where they could not be written down.
Baseline = Mapping[str, tuple[str, ...] | None]


def record(session: Session) -> None:
    """Write down the rows that are there now, in place of what an earlier run that came to nothing has written down.

    Migrations insert rows, too, and whatever is there before the first seed is taken for theirs.
    """
    connection, history = session.connection, session.history
    with session.reading():
        names = content.tables(session)
        known = _exists(connection, history)
    found = {name: rows for name in names if (rows := _looked_at(session, name)) != ()}
    if not found and not known:
        return
    with session.translated(), session.dialect.transaction(connection, write=True):
        table = _table(history)
        table.create(connection, checkfirst=True)
        connection.execute(sa.delete(table))
        entries = [
            {"table_name": name, "content": row}
            for name, rows in sorted(found.items())
            for row in ([None] if rows is None else rows)
        ]
        if entries:
            connection.execute(sa.insert(table), entries)


def read(connection: Connection, history: History) -> Baseline:
    """Give what was written down."""
    if not _exists(connection, history):
        return {}
    table = _table(history)
    query = sa.select(table.c.table_name, table.c.content).order_by(table.c.table_name, table.c.id)
    found: dict[str, tuple[str, ...] | None] = {}
    for name, rows in groupby(connection.execute(query), key=lambda row: str(row[0])):
        written = [row for _, row in rows]
        found[name] = None if None in written else tuple(written)
    return found


def holds(connection: Connection, dialect: Dialect, table: sa.Table, rows: Sequence[str]) -> bool:
    """Tell whether a table holds exactly these rows, but for columns that were dropped or added since."""
    now = _written(connection, dialect, table, len(rows))
    if now is None or len(now) != len(rows):
        return False
    wanted = [json.loads(row) for row in rows]
    names = _common(table, wanted)
    return _alike(map(json.loads, now), names) == _alike(wanted, names)


def gone(columns: Collection[str], rows: Sequence[str]) -> list[str]:
    """Name the columns of the rows that the table does not have any more."""
    return sorted(set(json.loads(rows[0])) - set(columns)) if rows else []


def insert(connection: Connection, dialect: Dialect, table: sa.Table, rows: Sequence[str]) -> None:
    """Insert the rows again; dropped columns are left out, columns that came since take their default."""
    wanted = [json.loads(row) for row in rows]
    names = _common(table, wanted)
    plain = sa.table(table.name, *map(sa.column, names), schema=table.schema)
    statement = sa.insert(plain).execution_options(**dialect.options_for_keys(table, names))
    connection.execute(statement, [{name: _value(row[name]) for name in names} for row in wanted])


def _exists(connection: Connection, history: History) -> bool:
    inspector = sa.inspect(connection)
    if not inspector.has_table(history.baseline_table, schema=history.schema):
        return False
    found = {column["name"] for column in inspector.get_columns(history.baseline_table, schema=history.schema)}
    if missing := [column.name for column in _table(history).columns if column.name not in found]:
        raise DatabaseError(
            f"the table {history.baseline_table} is not ours: it has no column {missing[0]}",
            table=history.baseline_table,
            hint='Another tool uses this name. Set history_table = "…" in the configuration of tdm-seed.',
        )
    return True


def _table(history: History) -> sa.Table:
    return sa.Table(
        history.baseline_table,
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("table_name", sa.String(255), nullable=False),
        sa.Column("content", sa.Text, nullable=True),
        schema=history.schema,
    )


def _looked_at(session: Session, name: str) -> tuple[str, ...] | None:
    """Write a table's rows; None where they cannot be written, or this user may not read them."""
    connection, dialect, table = session.connection, session.dialect, sa.table(name)
    try:
        with session.reading():
            dialect.see_all(connection)
            query = dialect.own_rows(sa.select(sa.literal(1)).select_from(table), table).limit(1)
            if connection.execute(query).first() is None:
                return ()
            return _written(connection, dialect, session.schema.table(name), MOST_ROWS)
    except DatabaseError:
        if connection.invalidated:
            raise
        return None


def _stored(table: sa.Table) -> list[sa.Column[Any]]:
    """Leave out what the database computes."""
    return [column for column in table.columns if column.computed is None]


def _written(connection: Connection, dialect: Dialect, table: sa.Table, most: int) -> tuple[str, ...] | None:
    """Write each row as JSON; None where there are too many, or one cannot be read back exactly."""
    columns = _stored(table)
    query = sa.select(*(dialect.raw(column).label(f"c{place}") for place, column in enumerate(columns)))
    found = connection.execute(dialect.own_rows(query.select_from(table), table).limit(most + 1)).all()
    if len(found) > most:
        return None
    try:
        rows = [
            json.dumps({column.name: _plain(value) for column, value in zip(columns, row, strict=True)})
            for row in found
        ]
    except TypeError:
        return None
    return None if any(len(row) > LONGEST_ROW for row in rows) else tuple(rows)


def _common(table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [column.name for column in _stored(table) if rows and column.name in rows[0]]


def _alike(rows: Iterable[Mapping[str, Any]], names: Collection[str]) -> list[str]:
    return sorted(json.dumps([row[name] for name in names]) for row in rows)


def _plain(value: Any) -> Any:
    """Write a value that JSON has no word for as an object of its kind and its text.

    Raises:
        TypeError: no text of it is known to be read back exactly.
    """
    if value is None or type(value) in (bool, int, str) or (type(value) is float and isfinite(value)):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"bytes": bytes(value).hex()}
    if type(value) in (datetime, date, time):
        return {type(value).__name__: value.isoformat()}
    if type(value) is timedelta:
        return {"microseconds": value // timedelta(microseconds=1)}
    if type(value) in (Decimal, UUID):
        return {type(value).__name__: str(value)}
    raise TypeError(type(value).__name__)


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "bytes": bytes.fromhex,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "microseconds": lambda number: timedelta(microseconds=number),
    "Decimal": Decimal,
    "UUID": UUID,
}


def _value(written: Any) -> Any:
    if not isinstance(written, dict):
        return written
    ((kind, text),) = written.items()
    return _READ[kind](text)
