"""The one upsert: UPDATE what is different, INSERT what is missing, touch nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import Dialect
from tdm_seed.errors import SeedError
from tdm_seed.loading import large
from tdm_seed.loading.append import kept_out
from tdm_seed.loading.blame import blamed
from tdm_seed.loading.exchange import make_way
from tdm_seed.loading.matching import Matching
from tdm_seed.loading.ordering import Writing, any_order
from tdm_seed.loading.pointing import Pointing
from tdm_seed.loading.references import Given
from tdm_seed.loading.relation import Source
from tdm_seed.loading.removing import remove
from tdm_seed.loading.resolve import look_up, refuse_dangling
from tdm_seed.loading.rows import Rows
from tdm_seed.schema import self_references, unique_keys
from tdm_seed.values import Changes

#: Given rows from which it pays to ask which columns differ at all. Of a million rows, a tenth of them with another
#: value in one column that has no index, the update takes 1.2 s with all columns, and 0.9 s with the question.
_NARROW_FROM = 1_000


@dataclass(frozen=True)
class Upsert:
    """One upsert of one source into one table; rows that match ``doomed`` and are not given are removed.

    ON CONFLICT and ON DUPLICATE KEY are not used: they burn a number for every row that is there already, fire on
    keys that were not named, and cannot tell exactly what they did.
    """

    connection: Connection
    dialect: Dialect
    table: sa.Table
    given: Sequence[Given]
    rows: Rows
    source: Source
    key: tuple[str, ...]
    insert_only: Collection[str] = ()
    doomed: sa.ColumnElement[bool] | None = None
    #: Whether many new rows may take indexes down and build them again.
    rebuild: bool = False

    def run(self) -> Changes:
        """Bring the table's rows into the state that the source describes and count what changed."""
        look_up(self.connection, self.source, self.given)
        later = [one for one in self.given if one.points_into(self.table)]
        refuse_dangling(
            self.connection, self.source, [one for one in self.given if one not in later], self.rows, self.table
        )
        self.match.refuse_duplicates(self.rows)
        # What is removed may free a unique value that another row takes; but where rows of the table point to one
        # another, those that stay must point elsewhere first.
        removed = 0 if self_references(self.table) else self._remove()
        names, changed = [one.column.name for one in self.given], [column.name for column in self.columns]
        writing = Writing(
            self.connection, self.dialect, self.table, self.source, self.rows, names, changed, self.insert_only
        )
        with any_order(writing), self._blaming():
            written = self._write(Pointing(self.match, later, self.rows))
        removed += self._remove() if self_references(self.table) else 0
        return written + Changes(deleted=removed)

    @cached_property
    def match(self) -> Matching:
        """The table's rows and the given ones, by the key."""
        return Matching(self.connection, self.dialect, self.table, self.source, self.key)

    @cached_property
    def columns(self) -> list[sa.Column[object]]:
        """The columns that an update writes."""
        return [
            one.column
            for one in self.given
            if one.column.name not in self.key and one.column.name not in self.insert_only and not _fixed(one.column)
        ]

    @contextmanager
    def _blaming(self) -> Iterator[None]:
        """Name the row for which the database has refused them all, where that can still be asked.

        Raises:
            TdmSeedError: in place of the database's own error, where the row is found.
        """
        try:
            yield
        except sa.exc.IntegrityError as error:
            with suppress(sa.exc.SQLAlchemyError):
                if found := blamed(self.match, [one.column.name for one in self.given], self.rows):
                    raise found from error
            raise

    def _write(self, pointing: Pointing) -> Changes:
        """Update and insert; rows that were there before are updated when everything they point to exists."""
        existing = self.match.existing()
        waiting = pointing.mark()
        updated = self._update() if existing and not waiting else 0
        inserted = self._insert(existing) if existing < self.source.total else Changes()
        if waiting:
            pointing.point()
            updated = self._update() if existing else 0
        inserted += Changes(updated=updated)
        return inserted + Changes(unchanged=self.source.total - inserted.inserted - inserted.updated)

    def _update(self) -> int:
        """Update what differs. Where rows exchange unique values, they are taken away from them first."""
        self._refuse_fixed()
        if not self.columns:
            return 0
        names = {column.name for column in self.columns}
        taken = [key for key in unique_keys(self.table) if key != self.key and names & set(key)]
        if not taken:
            return self._update_different()
        try:
            with self.dialect.attempt(self.connection):
                return self._update_different()
        except sa.exc.IntegrityError:
            if not self.dialect.savepoints:
                raise
            query = sa.select(sa.func.count()).select_from(self.source.relation.join(self.table, self.match.same))
            different = self.connection.scalar(query.where(self._differ(self.columns)))
            if not make_way(self.match, taken, names):
                raise
            self._update_different()
            return int(different or 0)

    def _differ(self, columns: Collection[sa.Column[object]]) -> sa.ColumnElement[bool]:
        return sa.or_(*(self.dialect.different(column, self.source.values[column.name]) for column in columns))

    def _update_different(self) -> int:
        columns = self.columns
        if self.dialect.updates_every_index and self.source.total >= _NARROW_FROM:
            columns = self._changed()
        if not columns:
            return 0
        values = {column.name: self.source.values[column.name] for column in columns}
        statement = sa.update(self.table).values(values).where(self.match.same, self._differ(columns))
        return int(self.connection.execute(statement).rowcount)

    def _changed(self) -> list[sa.Column[object]]:
        """Leave out columns that are equal in all rows, unless a trigger is to see which an update names.

        A foreign key or CHECK that such a column broke before, when nobody looked, is not looked at now either.
        """
        if len(self.columns) == 1 or self.dialect.row_triggers(self.connection, self.table):
            return self.columns
        some = sa.select(*(sa.func.max(self._differ([column])) for column in self.columns))
        both = self.source.relation.join(self.table, self.match.same)
        found = self.connection.execute(some.select_from(both)).one()
        return [column for column, differs in zip(self.columns, found, strict=True) if differs]

    def _refuse_fixed(self) -> None:
        """Refuse other values for what the database lets nobody change: GENERATED ALWAYS AS IDENTITY."""
        for column in (one.column for one in self.given if _fixed(one.column) and one.column.name not in self.key):
            changed = self.dialect.different(column, self.source.values[column.name])
            query = sa.select(self.source.number).select_from(self.source.relation.join(self.table, self.match.same))
            if number := self.connection.scalar(query.where(changed).order_by(self.source.number).limit(1)):
                raise SeedError(
                    f"the row exists with another {column.name}, which is GENERATED ALWAYS and cannot be changed",
                    table=self.table.name,
                    column=column.name,
                    hint="Leave the column out of the rows, or name it in insert_only.",
                    **self.rows.origin.place(number),
                )

    def _insert(self, existing: int) -> Changes:
        """Insert the rows that are missing, once more after losing a race against the application.

        Raises:
            DatabaseError: a trigger or rule kept rows out.
        """
        updated = 0
        try:
            with self._relieved(self.source.total - existing):
                inserted = self._insert_missing()
        except sa.exc.IntegrityError:
            if not self.dialect.savepoints:
                raise
            before, existing = existing, self.match.existing()
            if existing == before:
                raise
            updated = self._update()
            inserted = self._insert_missing()
        expected = self.source.total - existing
        if inserted != expected:
            if (there := self.match.existing()) != self.source.total:
                raise kept_out(self.connection, self.dialect, self.table, expected, there - existing)
            updated += self._update()  # the application was faster with some of them
            inserted = expected if self.dialect.redirects_rows(self.table) else inserted
        return Changes(inserted, updated)

    @contextmanager
    def _relieved(self, new: int) -> Iterator[None]:
        """Let the insert of so many rows fail and the transaction go on; many go in without indexes."""
        if not self.rebuild or not self.dialect.rebuilds or new < large.LARGE:
            with self.dialect.attempt(self.connection):
                yield
            return
        with (
            self.dialect.savepoint(self.connection),
            large.bare(self.connection, self.dialect, self.table, new, self.rebuild),
        ):
            yield

    def _insert_missing(self) -> int:
        names = [one.column.name for one in self.given]
        values = sa.select(*(self.source.values[name] for name in names))
        statement = (
            sa.insert(self.table)
            .from_select(
                names,
                values.where(self.match.is_new).order_by(self.source.number),
                include_defaults=False,
            )
            .execution_options(preserve_rowcount=True, **self.dialect.options_for_keys(self.table, names))
        )
        return int(self.connection.execute(statement).rowcount)

    def _remove(self) -> int:
        if self.doomed is None:
            return 0
        return remove(self.connection, self.dialect, self.table, sa.and_(~self.match.is_given, self.doomed))


def _fixed(column: sa.Column[object]) -> bool:
    return column.identity is not None and bool(column.identity.always)
