"""Removing rows that a condition describes."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import Dialect
from tdm_seed.schema import Reference, self_references


def remove(connection: Connection, dialect: Dialect, table: sa.Table, condition: sa.ColumnElement[bool]) -> int:
    """Delete the rows that match and give their number.

    Where the database looks at foreign keys row by row, rows that others of the table point to go after those; a row
    that points to itself, or a ring of rows, goes with the keys proven afterwards (MariaDB never lets it go otherwise).
    """
    statement = sa.delete(table).where(condition)
    if dialect.checks_at_statement_end or not self_references(table):
        return int(connection.execute(statement).rowcount)
    removed = sum(_leaves_first(connection, table, each, condition) for each in self_references(table))
    if connection.scalar(sa.select(sa.func.count()).select_from(table).where(condition)):
        with dialect.deferred_constraints(connection, [table]):
            removed += int(connection.execute(statement).rowcount)
    return removed


def _leaves_first(
    connection: Connection, table: sa.Table, reference: Reference, condition: sa.ColumnElement[bool]
) -> int:
    """Delete, level by level, the rows that no row points to.

    DISTINCT makes the server read the keys before it deletes, which MySQL demands (error 1093 otherwise).
    """
    pairs = [(table.c[near], table.c[far]) for near, far in zip(reference.columns, reference.referred, strict=True)]
    held = sa.select(*(near for near, _ in pairs)).distinct().subquery("held")
    holds = sa.exists(
        sa.select(sa.literal(1)).select_from(held).where(*(held.c[near.name] == far for near, far in pairs))
    )
    removed = 0
    while gone := connection.execute(sa.delete(table).where(condition, ~holds)).rowcount:
        removed += int(gone)
    return removed
