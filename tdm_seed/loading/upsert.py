"""The one upsert: UPDATE what is different, INSERT what is missing, touch nothing else."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import Dialect
from tdm_seed.errors import DatabaseError, SeedError
from tdm_seed.loading.references import Given
from tdm_seed.loading.relation import Source
from tdm_seed.loading.resolve import dangling, look_up, refuse_dangling
from tdm_seed.loading.sources import Rows
from tdm_seed.values import Changes


@dataclass(frozen=True)
class Upsert:
    """One upsert of one source into one table.

    ON CONFLICT and ON DUPLICATE KEY are not used: they burn a number for every row that is there already, fire on
    keys that were not named, and cannot tell exactly what they did.
    """

    connection: Connection
    dialect: Dialect
    table: sa.Table
    given: Sequence[Given]
    rows: Rows
    key: tuple[str, ...]
    insert_only: Collection[str] = ()

    def run(self, source: Source) -> Changes:
        """Bring the table's rows into the state that the source describes and count what changed."""
        look_up(self.connection, source, self.given)
        later = [one for one in self.given if one.points_into(self.table)]
        refuse_dangling(self.connection, source, [one for one in self.given if one not in later], self.rows, self.table)
        self._refuse_duplicates(source)
        waits = sa.or_(sa.false(), *(dangling(source, one) for one in later))
        if later and self.connection.scalar(sa.select(sa.func.count()).select_from(source.relation).where(waits)):
            return self._in_two_rounds(source, later, waits)
        existing = self._existing(source)
        updated = self._update(source) if existing else 0
        inserted = self._insert(source, existing) if existing < source.total else 0
        return Changes(inserted, updated, source.total - inserted - updated)

    def _in_two_rounds(self, source: Source, later: Sequence[Given], waits: sa.ColumnElement[bool]) -> Changes:
        """Insert rows that point to one another first with NULL, then point them; each is counted once.

        Rows that were there before are updated in the second round only, when everything they point to exists.
        """
        existing = self._existing(source)
        new = sa.select(source.number).where(~self._match(source, sa.exists)).subquery()
        waiting = set(self.connection.scalars(sa.select(source.number).where(waits, source.number.in_(sa.select(new)))))
        for one in later:
            if not one.column.nullable and waiting:
                raise SeedError(
                    f"rows point to one another by {one.name}, but {one.column.name} may not be NULL meanwhile",
                    table=self.table.name,
                    column=one.name,
                    hint="Give the parents in an earlier call.",
                )
        inserted = self._insert(source, existing) if existing < source.total else 0
        look_up(self.connection, source, later)
        refuse_dangling(self.connection, source, later, self.rows, self.table)
        touched = self._update(source)
        return Changes(inserted, touched - len(waiting), source.total - inserted - touched + len(waiting))

    def _match(self, source: Source, wrap: Any = None) -> Any:
        """Compare keys, NULL with NULL: a row with NULL in its key is the same row the second time."""
        conditions = []
        for name in self.key:
            ours, theirs = self.table.columns[name], source.values[name]
            equal: sa.ColumnElement[bool] = ours == theirs
            if ours.nullable:
                equal = sa.or_(equal, sa.and_(ours.is_(None), theirs.is_(None)))
            conditions.append(equal)
        if wrap is None:
            return sa.and_(*conditions)
        return sa.exists(sa.select(sa.literal(1)).select_from(self.table).where(*conditions))

    def missing_from(self, source: Source) -> sa.ColumnElement[bool]:
        """Say of a row of the table that the source does not hold it."""
        return ~sa.exists(sa.select(sa.literal(1)).select_from(source.relation).where(self._match(source)))

    def _existing(self, source: Source) -> int:
        """Count the given rows that the table holds; a key that matches two rows is no key.

        Raises:
            DatabaseError: it matches more rows than were given.
        """
        query = sa.select(sa.func.count(), sa.func.count(source.number.distinct())).select_from(
            source.relation.join(self.table, self._match(source))
        )
        pairs, found = self.connection.execute(query).one()
        if pairs != found:
            raise DatabaseError(
                f"several rows of the table have the same ({', '.join(self.key)})",
                table=self.table.name,
                hint="NULLs in a unique key do not exclude one another. Choose another key.",
            )
        return int(found)

    def _update(self, source: Source) -> int:
        columns = [
            one.column
            for one in self.given
            if one.column.name not in self.key and one.column.name not in self.insert_only
        ]
        if not columns:
            return 0
        changed = sa.or_(*(self.dialect.different(column, source.values[column.name]) for column in columns))
        statement = (
            sa.update(self.table)
            .values({column.name: source.values[column.name] for column in columns})
            .where(self._match(source), changed)
        )
        return int(self.connection.execute(statement).rowcount)

    def _insert(self, source: Source, existing: int) -> int:
        """Insert the rows that are missing, once more after losing a race against the application.

        Raises:
            DatabaseError: a trigger or rule kept rows out.
        """
        try:
            with self._savepoint():
                inserted = self._insert_missing(source)
        except sa.exc.IntegrityError:
            before, existing = existing, self._existing(source)
            if existing == before:
                raise
            self._update(source)
            inserted = self._insert_missing(source)
        if inserted != source.total - existing and self._existing(source) != source.total:
            raise DatabaseError(
                f"{source.total - existing} rows were inserted, but the database kept {inserted}",
                table=self.table.name,
                hint="A trigger or a rule of the table turns inserts away; load it another way.",
            )
        return source.total - existing

    def _savepoint(self) -> AbstractContextManager[Any]:
        """Give a point to go back to, where there is a transaction at all."""
        options = self.connection.get_execution_options()
        alone = options.get("isolation_level") == "AUTOCOMMIT" or options.get("tdm_seed_autocommit")
        return nullcontext() if alone else self.connection.begin_nested()

    def _insert_missing(self, source: Source) -> int:
        names = [one.column.name for one in self.given]
        statement = (
            sa.insert(self.table)
            .from_select(
                names,
                sa.select(*(source.values[name] for name in names))
                .where(~self._match(source, sa.exists))
                .order_by(source.number),
                include_defaults=False,
            )
            .execution_options(**self.dialect.options_for_keys(self.table, names))
        )
        return int(self.connection.execute(statement).rowcount)

    def _refuse_duplicates(self, source: Source) -> None:
        """Let the database say which given keys are equal, by its own collation.

        Raises:
            SeedError: two given rows have the same key.
        """
        if source.total < 2:
            return
        columns = [source.values[name] for name in self.key]
        first, last = sa.func.min(source.number), sa.func.max(source.number)
        query = sa.select(first, last, *columns).group_by(*columns).having(sa.func.count() > 1).order_by(first)
        if row := self.connection.execute(query.limit(1)).first():
            shown = ", ".join(str(value) for value in row[2:])
            other = "line" if self.rows.counts_lines else "row"
            raise SeedError(
                f"({', '.join(self.key)}) = ({shown}) was given already in {other} {row[0]}",
                table=self.table.name,
                **self.rows.place(row[1]),
            )
