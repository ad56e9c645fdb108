"""What a seed writes with: upsert, append and delete on one connection, with exact counts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import Dialect
from tdm_seed.dialects.failed import RowRefused
from tdm_seed.dialects.orphans import Orphan
from tdm_seed.errors import DatabaseError, SeedError, TdmSeedError
from tdm_seed.loading import large
from tdm_seed.loading.append import Append
from tdm_seed.loading.columnar import Columns
from tdm_seed.loading.conversion import Conversion
from tdm_seed.loading.counted import Counted
from tdm_seed.loading.filling import filling
from tdm_seed.loading.keyed import keyed
from tdm_seed.loading.matching import Matching
from tdm_seed.loading.references import Given, understand
from tdm_seed.loading.relation import Source, source
from tdm_seed.loading.removing import remove
from tdm_seed.loading.resolve import look_up
from tdm_seed.loading.rows import Origin, Rows, rows_of
from tdm_seed.loading.sources import RowsFile
from tdm_seed.loading.telling import telling
from tdm_seed.loading.upsert import Upsert
from tdm_seed.schema import Schema, default_key, self_references
from tdm_seed.schema.keys import checked_key
from tdm_seed.schema.tables import refuse_view
from tdm_seed.values import Changes, Load

Where = Mapping[str, Any] | str | sa.ColumnElement[bool]


@dataclass
class Writer:
    """Writes rows on one connection and remembers which numbers were given and which the database chose."""

    connection: Connection
    dialect: Dialect
    schema: Schema
    #: Rows that one call may bring: None where there is no limit.
    most: int | None = None
    #: Whether a large load may take indexes down and build them again.
    rebuild: bool = False
    #: Hears how many rows a load has taken, of about how many, with the name of its table.
    told: Callable[[str, int, int | None], None] | None = None
    given_numbers: set[str] = field(default_factory=set)
    chosen_numbers: set[str] = field(default_factory=set)
    #: How large loads went.
    loads: list[Load] = field(default_factory=list)
    _behind: dict[str, sa.Table] = field(default_factory=dict)
    #: Tables whose indexes stayed in place, and how many rows they were given.
    _grown: dict[str, tuple[sa.Table, int]] = field(default_factory=dict)
    _sources: int = 0

    def upsert(
        self,
        table: sa.Table,
        rows: Iterable[Any] | Columns,
        *,
        columns: Sequence[str] | None = None,
        key: str | Collection[str] | None = None,
        insert_only: Collection[str] = (),
        missing: Literal["keep", "delete"] = "keep",
        where: Where | None = None,
    ) -> Changes:
        """Bring rows into the state that is given; see ``Database.upsert``."""
        found = self.rows(rows, columns)
        if missing not in ("keep", "delete"):
            raise SeedError(f"missing={missing!r} is not known", table=table.name, hint="Use 'keep' or 'delete'.")
        if where is not None and missing == "keep":
            raise SeedError(
                "where= bounds what missing='delete' removes, and needs it",
                table=table.name,
                hint="Add missing='delete', or take where= out.",
            )
        if found is None:
            self._look_at_header(table, rows)
            if missing == "delete":
                raise SeedError(
                    "no rows were given, so missing='delete' would remove every row",
                    table=table.name,
                    hint="If that is meant, say db.delete.",
                )
            return Changes()
        with self._errors(table, found):
            given = self._understand(table, found)
            names = [one.column.name for one in given]
            chosen = self._key(table, names, key)
            kept = _columns(table, insert_only)
            if unknown := [name for name in kept if name not in names]:
                raise SeedError(
                    f"insert_only names {unknown[0]}, which the rows do not hold",
                    table=table.name,
                    hint=f"The columns of the rows: {', '.join(names)}.",
                )
            self._before_drawing(table, names)
            doomed = self._condition(table, where) if missing == "delete" else None
            found = keyed(table, names, chosen, found)
            if self._is_load(table, given, chosen, found, rows):
                try:
                    with self.dialect.savepoint(self.connection):
                        return self.append_rows(table, found, rebuild=True)
                except DatabaseError as error:  # the other way says which row it is, or takes it
                    if self._is_gone(error):
                        raise
                    found = keyed(table, names, chosen, self.rows(rows, columns) or found)
            told = None if self.told is None else partial(self.told, table.name)
            found = found if told is None else telling(found, told)
            with self._source(table, given, found, chosen) as relation:
                changes = Upsert(
                    self.connection, self.dialect, table, given, found, relation, chosen, kept, doomed, self.rebuild
                ).run()
            if changes.inserted:
                self._note_numbers(table, names)
            return changes

    def _is_gone(self, error: DatabaseError) -> bool:
        """Tell whether the transaction is, with what was refused: on a disk without room, for one."""
        cause = error.__cause__
        raw = cause.orig if isinstance(cause, sa.exc.DBAPIError) else cause
        return raw is not None and self.dialect.takes_back(raw)

    def append(
        self, table: sa.Table, rows: Iterable[Any] | Columns, *, columns: Sequence[str] | None = None
    ) -> Changes:
        """Add rows that are not there yet, in the fastest way there is."""
        found = self.rows(rows, columns)
        if found is None:
            self._look_at_header(table, rows)
            return Changes()
        unproven = self.rebuild or bool(self_references(table))
        if not (unproven and large.can_repeat(rows) and (found.expected or 0) >= large.LARGE):
            return self.append_rows(table, found, rebuild=self.rebuild)
        try:
            with self.dialect.savepoint(self.connection):
                return self.append_rows(table, found, rebuild=self.rebuild)
        except DatabaseError as error:
            # A key that cannot be built names no row; with the indexes in place, the database does.
            unnamed = isinstance(error, Orphan) or isinstance(error.__cause__, sa.exc.IntegrityError)
            again = self.rows(rows, columns) if unnamed else None
            if again is None:
                raise
        return self.append_rows(table, again, naming=True)

    def append_rows(self, table: sa.Table, found: Rows, *, rebuild: bool = False, naming: bool = False) -> Changes:
        """Add rows whose columns are known already, or a part of them; ``naming`` the one that is refused."""
        with self._errors(table, found):
            given = self._understand(table, found)
            names = [one.column.name for one in given]
            self._before_drawing(table, names)
            told = None if self.told is None else partial(self.told, table.name)
            found = found if told is None else telling(found, told)
            work = Append(self.connection, self.dialect, table, given, found, rebuild, naming, told)
            count = work.run(lambda rows: self._source(table, given, rows))
            if count >= large.LARGE:
                self.loads.append(work.load(count))
            self._note_numbers(table, names)
            if not rebuild:
                self._grown[table.fullname] = (table, count + self._grown.get(table.fullname, (table, 0))[1])
            return Changes(inserted=count)

    def beside(self, connection: Connection) -> Writer:
        """Give one that appends on another connection to a table that this one has begun with."""
        return Writer(connection, self.dialect, self.schema)

    def delete(
        self,
        table: sa.Table,
        rows: Iterable[Any] | None = None,
        *,
        key: str | Collection[str] | None = None,
        where: Where | None = None,
    ) -> Changes:
        """Remove the rows with the given keys, or those that match a condition."""
        if (rows is None) == (where is None):
            raise SeedError(
                "delete needs either rows or where=",
                table=table.name,
                hint="Give rows with their keys, or a condition: where={'code': 'AT'}. All rows: where={}.",
            )
        if rows is None:
            with self._errors(table, None):
                return Changes(deleted=remove(self.connection, self.dialect, table, self._condition(table, where)))
        found = rows_of(rows)
        if found is None:
            return Changes()
        with self._errors(table, found):
            given = self._understand(table, found)
            names = [one.column.name for one in given]
            chosen = self._key(table, names, key)
            with self._source(table, given, found, chosen) as relation:
                look_up(self.connection, relation, given)
                match = Matching(self.connection, self.dialect, table, relation, chosen)
                return Changes(deleted=remove(self.connection, self.dialect, table, match.is_given))

    def catch_up(self) -> None:
        """Move sequences behind the numbers that were given explicitly since the last call."""
        for name in sorted(self._behind):
            self.dialect.advance_identity(self.connection, self._behind.pop(name))

    def refresh(self) -> None:
        """Let the planner look at the tables that a large load has changed; building indexes again has done so."""
        for name in sorted(self._grown):
            table, rows = self._grown.pop(name)
            if rows >= large.LARGE:
                self.dialect.refresh(self.connection, table)

    def refreshed(self, table: sa.Table) -> None:
        """Note that the planner has looked at a table, as building its indexes again ends with."""
        self._grown.pop(table.fullname, None)

    def recall(self, given: Iterable[str], chosen: Iterable[str]) -> None:
        """Take over which columns an earlier attempt at the same seed gave numbers to, and which it left to count."""
        self.chosen_numbers.update(chosen)
        for column in given:
            self.given_numbers.add(column)
            table = self.schema.table(column.rpartition(".")[0])
            self._behind[table.fullname] = table

    def _before_drawing(self, table: sa.Table, names: Collection[str]) -> None:
        """Let the table's sequence catch up when rows of the same seed that follow draw from it."""
        numbered = self.dialect.numbered(table)
        if table.fullname in self._behind and numbered is not None and numbered.name not in names:
            self.dialect.advance_identity(self.connection, self._behind.pop(table.fullname))

    def note_statement(self, table: sa.Table, names_number: bool) -> None:
        """Note an INSERT written by hand, which did or did not name the numbered column."""
        numbered = self.dialect.numbered(table)
        if numbered is not None:
            self._note_numbers(table, [numbered.name] if names_number else [])

    def rows(self, given: Iterable[Any] | Columns, columns: Sequence[str] | None = None) -> Rows | None:
        """Look at the first row for the columns and stream the rest, up to the limit; None when there is no row."""
        found = rows_of(given, columns)
        return (
            found
            if found is None or self.most is None
            else replace(found, numbered=_few(found.numbered, self.most), batches=None, text=None)
        )

    def understand(self, table: sa.Table, rows: Rows) -> None:
        """See that the table has the columns of the rows.

        Raises:
            SeedError: with the column, and where it stands.
        """
        with self._errors(table, rows):
            self._understand(table, rows)

    def _understand(self, table: sa.Table, rows: Rows) -> list[Given]:
        """Match the columns of the rows with the table's; what is wrong with them stands in the first row or line."""
        try:
            return understand(self.schema, table, rows.columns)
        except SeedError as error:
            raise error.located(**rows.origin.head) from error.__cause__

    def _look_at_header(self, table: sa.Table, rows: Iterable[Any] | Columns) -> None:
        """Look at the columns of a CSV that holds no rows: a file of another kind may seem so."""
        header = rows.header() if isinstance(rows, RowsFile) else ()
        if isinstance(rows, RowsFile) and header:
            origin = Origin(rows.shown, rows.counts_lines)
            with self._errors(table, None):
                self._understand(table, Rows(header, iter(()), origin))

    @contextmanager
    def _source(self, table: sa.Table, given: list[Given], rows: Rows, key: tuple[str, ...] = ()) -> Iterator[Source]:
        rows, columns = filling(self.connection, self.dialect, table, given, rows)
        conversion = Conversion(table, given, rows, self.dialect.decimal_digits)
        counted = Counted(rows.numbered, conversion, numbers=True)
        self._sources += 1  # a generator of rows may itself write, so there may be several at a time
        name = f"tdm_seed_source_{self._sources}"
        try:
            with source(self.connection, self.dialect, name, table, given, counted, key, columns) as relation:
                yield relation
        finally:
            self._sources -= 1

    def _key(self, table: sa.Table, names: Sequence[str], key: str | Collection[str] | None) -> tuple[str, ...]:
        """Choose the key, or check the one that is named.

        Raises:
            SeedError: it is not clear or not unique, or the rows do not hold it.
        """
        if key is None:
            return default_key(table, names)
        chosen = checked_key(table, _columns(table, key))
        if absent := [name for name in chosen if name not in names]:
            raise SeedError(
                f"the rows do not hold the key column {absent[0]}",
                table=table.name,
                hint="Give it in every row, or choose another unique key.",
            )
        return chosen

    def _condition(self, table: sa.Table, where: Where | None) -> sa.ColumnElement[bool]:
        if where is None:
            return sa.true()
        if isinstance(where, str):
            return sa.literal_column(f"({where})", sa.Boolean())
        if isinstance(where, Mapping):
            if unknown := [name for name in where if name not in table.columns]:
                known = ", ".join(column.name for column in table.columns)
                raise SeedError(
                    f"where= names the column {unknown[0]}, which does not exist",
                    table=table.name,
                    hint=f"Its columns: {known}.",
                )
            return sa.and_(sa.true(), *(table.columns[name] == value for name, value in where.items()))
        return where

    def _is_load(
        self, table: sa.Table, given: Sequence[Given], key: Collection[str], found: Rows, rows: object
    ) -> bool:
        """Tell whether an upsert of many rows is a load: into an empty table whose key refuses what comes twice.

        What goes wrong then is taken back and done the other way, which takes the rows once more.
        """
        return (
            self.rebuild
            and (found.expected or 0) >= large.LARGE
            and large.can_repeat(rows)
            and not self_references(table)
            and all(one.looks_up is None for one in given)
            and not any(table.columns[name].nullable for name in key)
            and not self.connection.scalar(sa.select(sa.exists(sa.select(sa.literal(1)).select_from(table))))
        )

    def _note_numbers(self, table: sa.Table, names: Collection[str]) -> None:
        numbered = self.dialect.numbered(table)
        if numbered is None:
            return
        column = f"{table.fullname}.{numbered.name}"
        if numbered.name in names:
            self.given_numbers.add(column)
            self._behind[table.fullname] = table
        else:
            self.chosen_numbers.add(column)

    @contextmanager
    def _errors(self, table: sa.Table, rows: Rows | None) -> Iterator[None]:
        """Turn what the database says into a sentence that names the table and the file of the rows."""
        refuse_view(table)
        try:
            yield
        except TdmSeedError as error:
            raise error.located(table=table.name, file=rows.origin.file if rows else None) from error.__cause__
        except RowRefused as refused:
            translated = self.dialect.translate_error(refused.cause)
            place = rows.origin.place(refused.number) if rows and refused.number is not None else {}
            raise translated.located(table=table.name, **place) from refused.cause
        except self.dialect.driver_errors as error:
            translated = self.dialect.translate_error(error)
            raise translated.located(table=table.name, file=rows.origin.file if rows else None) from error


def _few(numbered: Iterator[tuple[int, tuple[Any, ...]]], most: int) -> Iterator[tuple[int, tuple[Any, ...]]]:
    for count, row in enumerate(numbered, 1):
        if count > most:
            raise SeedError(
                f"loads more than {most} rows in chunks, which a dry run cannot take back",
                hint="Look at the plan instead, or lower the volume for the dry run with --volume.",
            )
        yield row


def _columns(table: sa.Table, given: str | Collection[str]) -> tuple[str, ...]:
    """Take ``"a"``, ``"role_id.code"`` or a collection of them as columns of the table."""
    names = (given,) if isinstance(given, str) else tuple(given)
    return tuple(_column(table, name) for name in names)


def _column(table: sa.Table, name: str) -> str:
    """Give the column that a reference fills; columns may have dots in their names."""
    places = [place for place, letter in enumerate(name) if letter == "." and name[:place] in table.columns]
    return name if name in table.columns or not places else name[: places[0]]
