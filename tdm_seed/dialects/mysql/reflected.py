"""What SQLAlchemy's reflection leaves open about columns of MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql as types
from sqlalchemy.engine import Connection, Dialect

from tdm_seed.dialects.orphans import ForeignKey

#: Reflection reads constraints of the table, but MariaDB's json_valid stands with the column.
_CHECKS = sa.text(
    "SELECT check_clause FROM information_schema.check_constraints "
    "WHERE constraint_schema = :schema AND table_name = :table"
)

_FOREIGN_KEYS = sa.text(
    "SELECT table_name, constraint_name, referenced_table_schema, referenced_table_name, column_name, "
    "referenced_column_name FROM information_schema.key_column_usage "
    "WHERE table_schema = :schema AND referenced_table_name IS NOT NULL ORDER BY 1, 2, ordinal_position"
)

_POINTING = sa.text(
    "SELECT DISTINCT table_schema FROM information_schema.key_column_usage "
    "WHERE referenced_table_schema = :schema AND table_schema <> :schema ORDER BY 1"
)

_TRIGGERS = sa.text(
    "SELECT CONCAT('trigger ', trigger_name) FROM information_schema.triggers WHERE event_object_schema = :schema "
    "AND event_object_table = :table AND action_timing = 'BEFORE' AND event_manipulation <> 'DELETE' ORDER BY 1"
)


class Bits(sa.Integer):
    """A column of bits, read as the number that it is; the driver gives bytes."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Give the function that reads the driver's bytes."""
        return lambda value: int.from_bytes(value, "big") if isinstance(value, bytes) else value


def refine(connection: Connection, table: sa.Table, *, mariadb: bool) -> None:
    """Recognise booleans (TINYINT(1)), bits, years, sets, and MariaDB's JSON (LONGTEXT that must be ``json_valid``).

    Sets are text here, since Python's have no order to rely on. Floats stay floats: as decimals, which SQLAlchemy makes
    of them, they would end after 10 digits.
    """
    for column in table.columns:
        kind = column.type
        if isinstance(kind, sa.Float):
            kind.asdecimal = False
        if isinstance(kind, types.TINYINT) and kind.display_width == 1:
            column.type = sa.Boolean()
        elif isinstance(kind, types.BIT):
            column.type = Bits()
        elif isinstance(kind, types.YEAR):
            column.type = sa.Integer()
        elif isinstance(kind, types.SET):
            column.type = sa.String()
    if mariadb and any(type(column.type) is types.LONGTEXT for column in table.columns):
        schema = table.schema or connection.dialect.default_schema_name
        clauses = set(connection.scalars(_CHECKS, {"schema": schema, "table": table.name}))
        for column in table.columns:
            if f"json_valid(`{column.name}`)" in clauses:
                column.type = types.JSON()


def pointing_databases(connection: Connection) -> list[str]:
    """Name the other databases whose tables point into the default one."""
    return list(connection.scalars(_POINTING, {"schema": connection.dialect.default_schema_name}))


def foreign_keys(connection: Connection, schemas: Collection[str | None]) -> Iterator[ForeignKey]:
    """List the foreign keys of whole schemas."""
    default = connection.dialect.default_schema_name
    for schema in schemas:
        found = connection.execute(_FOREIGN_KEYS, {"schema": schema or default}).all()
        for (child, name, there, parent), rows in groupby(found, key=lambda row: tuple(row[:4])):
            columns, referred = zip(*(tuple(row[4:]) for row in rows), strict=True)
            yield ForeignKey((schema, child), columns, (None if there == default else there, parent), referred, name)


def triggers(connection: Connection, table: sa.Table) -> list[str]:
    """Name the triggers that run before a row of the table is inserted or updated."""
    schema = table.schema or connection.dialect.default_schema_name
    return list(connection.scalars(_TRIGGERS, {"schema": schema, "table": table.name}))
