"""A table and given rows, told apart by a key."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import Dialect
from tdm_seed.errors import DatabaseError, SeedError
from tdm_seed.loading.relation import Source
from tdm_seed.loading.rows import Rows


@dataclass(frozen=True)
class Matching:
    """The rows of a table that are the same as rows of a source by ``key``, as conditions of SQL and as numbers."""

    connection: Connection
    dialect: Dialect
    table: sa.Table
    source: Source
    key: tuple[str, ...]

    @property
    def same(self) -> sa.ColumnElement[bool]:
        """Compare keys, NULL with NULL: a row with NULL in its key is the same row the second time."""
        return sa.and_(
            *(
                self.dialect.same(ours, self.source.values[ours.name]) if ours.nullable
                else ours == self.source.values[ours.name]
                for ours in (self.table.columns[name] for name in self.key)
            )
        )  # fmt: skip

    @property
    def is_new(self) -> sa.ColumnElement[bool]:
        """Say of a given row that the table does not hold it."""
        return ~sa.exists(sa.select(sa.literal(1)).select_from(self.table).where(self.same))

    @property
    def is_given(self) -> sa.ColumnElement[bool]:
        """Say of a row of the table that the source holds it."""
        return sa.exists(sa.select(sa.literal(1)).select_from(self.source.relation).where(self.same))

    def existing(self) -> int:
        """Count the given rows that the table holds; a key that matches two rows is no key.

        Raises:
            DatabaseError: it matches more rows than were given.
        """
        both = self.source.relation.join(self.table, self.same)
        if self.dialect.matches_once([self.table.columns[name] for name in self.key]):
            return int(self.connection.scalar(sa.select(sa.func.count()).select_from(both)) or 0)
        query = sa.select(sa.func.count(), sa.func.count(self.source.number.distinct())).select_from(both)
        pairs, found = self.connection.execute(query).one()
        if pairs != found:
            raise DatabaseError(
                f"several rows of the table have the same ({', '.join(self.key)})",
                table=self.table.name,
                hint="NULLs in a unique key do not exclude one another. Choose another key.",
            )
        return int(found)

    def refuse_duplicates(self, rows: Rows) -> None:
        """Let the database say which given keys are equal, by its own collation.

        Raises:
            SeedError: two given rows have the same key.
        """
        if self.source.distinct or self.source.total < 2:
            return
        columns = [self.source.values[name] for name in self.key]
        twice = sa.select(sa.literal(1)).select_from(self.source.relation).group_by(*columns)
        if self.connection.scalar(twice.having(sa.func.count() > 1).limit(1)) is None:
            return  # an index by the key answers this alone; the numbers need every row
        number = self.source.number
        first, last = sa.func.min(number), sa.func.max(number)
        query = sa.select(first, last, *columns).group_by(*columns).having(sa.func.count() > 1).order_by(first)
        row = self.connection.execute(query.limit(1)).one()
        shown = ", ".join(str(value) for value in row[2:])
        raise SeedError(
            f"({', '.join(self.key)}) = ({shown}) was given already in {rows.origin.unit} {row[0]}",
            table=self.table.name,
            hint="Take one of them out: it is by this key that rows are told apart.",
            **rows.origin.place(row[1]),
        )
