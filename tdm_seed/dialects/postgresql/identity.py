"""Columns that the server numbers: identity columns and defaults that draw from a sequence."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tdm_seed.dialects.base import AS_IT_IS

#: Execution option that adds OVERRIDING SYSTEM VALUE to an INSERT, which SQLAlchemy has no construct for.
OVERRIDING = "tdm_seed_overriding"

_NEXTVAL = re.compile(r"nextval\('(.+)'::regclass\)")


def install(engine: Engine) -> None:
    """Make an engine honour the ``OVERRIDING`` option."""

    @sa.event.listens_for(engine, "before_cursor_execute", retval=True)
    def override(
        _connection: Connection, _cursor: object, statement: str, parameters: Any, context: Any, _many: bool
    ) -> tuple[str, Any]:
        if context is not None and context.execution_options.get(OVERRIDING):
            statement = re.sub(r"\) (SELECT|VALUES)", r") OVERRIDING SYSTEM VALUE \1", statement, count=1)
        return statement, parameters


def numbered(table: sa.Table) -> sa.Column[Any] | None:
    """Give the first column that draws its value from a sequence."""
    for column in table.columns:
        if column.identity is not None or sequence_of(column):
            return column
    return None


def sequence_of(column: sa.Column[Any]) -> str | None:
    """Read the sequence from a column's default, as text that casts to regclass."""
    if isinstance(column.server_default, sa.DefaultClause):
        found = _NEXTVAL.search(str(column.server_default.arg))
        return found[1].replace("''", "'") if found else None
    return None


def as_text(connection: Connection, table: sa.TableClause) -> str:
    """Write a table's name as a value that casts to regclass; inside a statement the driver has ``%`` doubled."""
    return connection.dialect.identifier_preparer.format_table(table).replace("%%", "%")


def advance(connection: Connection, table: sa.Table) -> None:
    """Set the sequence to the largest number in use where it is behind.

    The sequence is taken from the default itself, since many are not OWNED BY their column. ``setval`` is not undone
    by a rollback, so it is called only when the sequence is behind; and in one statement that looks twice, since
    others draw numbers meanwhile. Sequences that count downwards are left alone.
    """
    column = numbered(table)
    sequence = drawn_from(connection, table, column) if column is not None else None
    if column is not None and sequence:
        connection.exec_driver_sql(advancing(connection, table, column, sequence), execution_options=AS_IT_IS)


def drawn_from(connection: Connection, table: sa.Table, column: sa.Column[Any]) -> str | None:
    """Name the sequence that a column draws from, as text that casts to regclass."""
    owned = sa.func.pg_get_serial_sequence(as_text(connection, table), column.name)
    return sequence_of(column) or connection.execute(sa.select(owned)).scalar()


def advancing(connection: Connection, table: sa.Table, column: sa.Column[Any], sequence: str) -> str:
    """Write the statement that sets a column's sequence to the largest number in use where it is behind."""
    preparer = connection.dialect.identifier_preparer
    regclass = quoted(sequence)
    return (
        f"SELECT setval({regclass}, greatest(used.largest, pg_sequence_last_value({regclass}))) "
        f"FROM (SELECT CAST(max({preparer.quote(column.name).replace('%%', '%')}) AS bigint) AS largest "
        f"FROM {as_text(connection, table)}) AS used, {sequence} AS now "
        "WHERE used.largest >= now.last_value + CASE WHEN now.is_called THEN 1 ELSE 0 END "
        f"AND EXISTS (SELECT FROM pg_sequence WHERE seqrelid = {regclass} AND seqincrement > 0)"
    )


def quoted(sequence: str) -> str:
    """Write a sequence's name as a regclass inside a statement."""
    return "CAST('" + sequence.replace("'", "''") + "' AS regclass)"
