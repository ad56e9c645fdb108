"""Writing rows that point to one another, in whatever order they come."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import Dialect
from tdm_seed.loading import large
from tdm_seed.loading.blame import orphaned
from tdm_seed.loading.relation import Source
from tdm_seed.loading.rows import Rows
from tdm_seed.schema import references, self_references

#: Rows from which it pays to make those that wait for others quick to find.
_AWAITED_FROM = 500


@dataclass(frozen=True)
class Writing:
    """Rows of a source that are about to be written by one statement or a few.

    ``names`` are the columns that new rows get; in rows that are there ``changed`` ones may be, those in ``new_only``
    are not.
    """

    connection: Connection
    dialect: Dialect
    table: sa.Table
    source: Source
    rows: Rows
    names: Collection[str]
    changed: Collection[str] = ()
    new_only: Collection[str] = ()

    def proves_itself(self) -> bool:
        """Tell whether its foreign keys hold where those of the source do, so that no other row need be looked at."""
        for reference in references(self.table):
            given = set(reference.columns)
            if not given.isdisjoint(self.new_only):
                return False
            left_out = [self.table.columns[name] for name in given.difference(self.names)]
            if left_out and not given.isdisjoint(self.changed):
                return False  # rows that exist have values there, which the source does not hold
            if any(not c.nullable or c.server_default is not None or c.computed is not None for c in left_out):
                return False
        if self.dialect.row_triggers(self.connection, self.table):
            return False
        if not self.changed:
            return True
        keys = self.dialect.foreign_keys(
            self.connection, {self.table.schema, *self.dialect.other_schemas(self.connection)}
        )
        pointing = [key for key in keys if key.parent == (self.table.schema, self.table.name)]
        return all(set(key.referred).isdisjoint(self.changed) for key in pointing)


@contextmanager
def any_order(writing: Writing) -> Iterator[None]:
    """Let rows of one statement point to one another where the database looks at them one by one.

    Raises:
        Orphan: one points nowhere, where the database itself does not look.
    """
    connection, dialect, table = writing.connection, writing.dialect, writing.table
    if not self_references(table):
        yield
    elif dialect.checks_at_statement_end:
        rows = writing.source.total
        many = dialect.awaits and rows >= _AWAITED_FROM and beside(connection, dialect, table, rows)
        with dialect.awaited(connection, table) if many else nullcontext():
            yield
    elif dialect.deferring(connection) or not writing.proves_itself():
        with dialect.deferred_constraints(connection, [table]):
            yield
    else:
        with dialect.deferred_constraints(connection, []):
            yield
            if found := orphaned(connection, table, writing.source, writing.names, writing.rows, together=False):
                raise found


def beside(connection: Connection, dialect: Dialect, table: sa.Table, rows: int) -> bool:
    """Tell whether so many rows are many beside those that are there, so that these may be looked at once more."""
    return rows >= dialect.about(connection, table) * large.PART
