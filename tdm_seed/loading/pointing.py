"""New rows that point to one another: inserted with NULL first, then pointed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from tdm_seed.errors import SeedError
from tdm_seed.loading.matching import Matching
from tdm_seed.loading.references import Given
from tdm_seed.loading.resolve import dangling, look_up, refuse_dangling
from tdm_seed.loading.rows import Rows


@dataclass(frozen=True)
class Pointing:
    """The references of one source to the very table that it is written to."""

    match: Matching
    given: Sequence[Given]
    rows: Rows

    def mark(self) -> int:
        """Mark the new rows that point to what is not there yet, and count the given rows that do.

        Raises:
            SeedError: a column of a new row may not be NULL, not even in between.
        """
        if not self.given:
            return 0
        source, connection = self.match.source, self.match.connection
        dangles = sa.or_(*(dangling(source, one) for one in self.given))
        count = int(connection.execute(sa.update(self._relation).values({self._waits: 1}).where(dangles)).rowcount)
        if count:
            for one in self.given:
                self._refuse_null(one)
            seen = sa.update(self._relation).values({self._waits: None}).where(~self.match.is_new)
            connection.execute(seen)
        return count

    def point(self) -> None:
        """Point the marked rows, now that all are there.

        Raises:
            SeedError: neither the table nor the given rows hold what a row points to.
        """
        source, connection, table = self.match.source, self.match.connection, self.match.table
        look_up(connection, source, self.given)
        refuse_dangling(connection, source, self.given, self.rows, table)
        values = {one.column.name: source.values[one.column.name] for one in self.given}
        connection.execute(sa.update(table).values(values).where(self.match.same, self._waits == 1))

    def _refuse_null(self, one: Given) -> None:
        if one.column.nullable:
            return
        match = self.match
        query = sa.select(match.source.number).where(dangling(match.source, one), match.is_new)
        if number := match.connection.scalar(query.order_by(match.source.number).limit(1)):
            raise SeedError(
                f"it points to a row that is not there yet, but {one.column.name} may not be NULL meanwhile",
                table=match.table.name,
                column=one.name,
                hint="Give the rows that others point to in an earlier call.",
                **self.rows.origin.place(number),
            )

    @property
    def _relation(self) -> sa.Table:
        assert isinstance(self.match.source.relation, sa.Table)
        return self.match.source.relation

    @property
    def _waits(self) -> sa.Column[object]:
        assert self.match.source.waits is not None
        return self.match.source.waits
