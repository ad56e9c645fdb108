"""What a seed writes with: upsert, append and delete on one connection, with exact counts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import Dialect
from tdm_seed.errors import SeedError, TdmSeedError
from tdm_seed.loading.references import Given, understand
from tdm_seed.loading.relation import Source, converted, source
from tdm_seed.loading.resolve import look_up, refuse_dangling
from tdm_seed.loading.sources import Rows, rows_of
from tdm_seed.loading.upsert import Upsert
from tdm_seed.schema import Schema, default_key
from tdm_seed.schema.keys import checked_key, refers_to_itself
from tdm_seed.values import Changes

Where = Mapping[str, Any] | str | sa.ColumnElement[bool]


@dataclass
class Writer:
    """Writes rows on one connection and remembers which numbers were given and which the database chose."""

    connection: Connection
    dialect: Dialect
    schema: Schema
    given_numbers: set[str] = field(default_factory=set)
    chosen_numbers: set[str] = field(default_factory=set)
    _behind: dict[str, sa.Table] = field(default_factory=dict)
    _sources: int = 0

    def upsert(
        self,
        table: sa.Table,
        rows: Iterable[Any],
        *,
        key: str | Collection[str] | None = None,
        insert_only: Collection[str] = (),
        missing: Literal["keep", "delete"] = "keep",
        where: Where | None = None,
    ) -> Changes:
        """Bring rows into the state that is given; see ``Database.upsert``."""
        found = rows_of(rows)
        if missing not in ("keep", "delete"):
            raise SeedError(f"missing={missing!r} is not known", table=table.name, hint="Use 'keep' or 'delete'.")
        if where is not None and missing == "keep":
            raise SeedError("where= bounds what missing='delete' removes, and needs it", table=table.name)
        if found is None:
            if missing == "delete":
                raise SeedError(
                    "no rows were given, so missing='delete' would remove every row",
                    table=table.name,
                    hint="If that is meant, say db.delete.",
                )
            return Changes()
        with self._errors(table, found):
            given = understand(self.schema, table, found.columns)
            names = [one.column.name for one in given]
            chosen = default_key(table, names) if key is None else checked_key(table, _columns(key))
            if absent := [name for name in chosen if name not in names]:
                raise SeedError(f"the rows do not hold the key column {absent[0]}", table=table.name)
            if unknown := [name for name in insert_only if name not in names]:
                raise SeedError(f"insert_only names {unknown[0]}, which the rows do not hold", table=table.name)
            work = Upsert(self.connection, self.dialect, table, given, found, chosen, insert_only)
            with self._source(table, given, found, chosen) as relation, self._order_free(table):
                changes = work.run(relation)
                if missing == "delete":
                    gone = self._delete(table, sa.and_(work.missing_from(relation), self._condition(table, where)))
                    changes += Changes(deleted=gone)
            if changes.inserted:
                self._note_numbers(table, names)
            return changes

    def append(self, table: sa.Table, rows: Iterable[Any]) -> Changes:
        """Add rows that are not there yet, in the fastest way there is."""
        found = rows_of(rows)
        if found is None:
            return Changes()
        with self._errors(table, found):
            given = understand(self.schema, table, found.columns)
            names = [one.column.name for one in given]
            if refers_to_itself(table) or any(one.looks_up is not None for one in given):
                count = self._append_as_set(table, given, found)
            else:
                values = (row for _, row in converted(table, given, found))
                count = self.dialect.load(self.connection, table, names, values)
            self._note_numbers(table, names)
            return Changes(inserted=count)

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
            raise SeedError("delete needs either rows or where=", table=table.name)
        if rows is None:
            with self._errors(table, None):
                return Changes(deleted=self._delete(table, self._condition(table, where)))
        found = rows_of(rows)
        if found is None:
            return Changes()
        with self._errors(table, found):
            given = understand(self.schema, table, found.columns)
            names = [one.column.name for one in given]
            chosen = default_key(table, names) if key is None else checked_key(table, _columns(key))
            work = Upsert(self.connection, self.dialect, table, given, found, chosen)
            with self._source(table, given, found, chosen) as relation:
                look_up(self.connection, relation, given)
                return Changes(deleted=self._delete(table, ~work.missing_from(relation)))

    def catch_up(self) -> None:
        """Move sequences behind the numbers that were given explicitly since the last call."""
        for _, table in sorted(self._behind.items()):
            self.dialect.advance_identity(self.connection, table)
        self._behind.clear()

    def note_statement(self, table: sa.Table, names_number: bool) -> None:
        """Note an INSERT written by hand, which did or did not name the numbered column."""
        numbered = self.dialect.numbered(table)
        if numbered is not None:
            self._note_numbers(table, [numbered.name] if names_number else [])

    def _append_as_set(self, table: sa.Table, given: list[Given], rows: Rows) -> int:
        """Append in one INSERT … SELECT: references are looked up in sets, and rows may point to one another."""
        names = [one.column.name for one in given]
        with self._source(table, given, rows) as relation, self._order_free(table):
            look_up(self.connection, relation, given)
            refuse_dangling(self.connection, relation, given, rows, table)
            values = sa.select(*(relation.values[name] for name in names)).order_by(relation.number)
            self.connection.execute(
                sa.insert(table)
                .from_select(names, values, include_defaults=False)
                .execution_options(**self.dialect.options_for_keys(table, names))
            )
            return relation.total

    @contextmanager
    def _source(self, table: sa.Table, given: list[Given], rows: Rows, key: tuple[str, ...] = ()) -> Iterator[Source]:
        numbered = converted(table, given, rows)
        self._sources += 1  # a generator of rows may itself write
        name = f"tdm_seed_source_{self._sources}"
        with source(self.connection, self.dialect, name, table, given, numbered, key) as relation:
            yield relation

    @contextmanager
    def _order_free(self, table: sa.Table) -> Iterator[None]:
        """Let rows of one statement point to one another where the database looks at them one by one."""
        if self.dialect.checks_at_statement_end or not refers_to_itself(table):
            yield
            return
        with self.dialect.deferred_constraints(self.connection, [table]):
            yield

    def _delete(self, table: sa.Table, condition: sa.ColumnElement[bool]) -> int:
        return int(self.connection.execute(sa.delete(table).where(condition)).rowcount)

    def _condition(self, table: sa.Table, where: Where | None) -> sa.ColumnElement[bool]:
        if where is None:
            return sa.true()
        if isinstance(where, str):
            return sa.text(f"({where})")  # type: ignore[return-value]
        if isinstance(where, Mapping):
            if unknown := [name for name in where if name not in table.columns]:
                raise SeedError(f"where= names the column {unknown[0]}, which does not exist", table=table.name)
            return sa.and_(sa.true(), *(table.columns[name] == value for name, value in where.items()))
        return where

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
        try:
            yield
        except TdmSeedError as error:
            raise error.located(table=table.name, file=rows.file if rows else None) from error.__cause__
        except self.dialect.driver_errors as error:
            translated = self.dialect.translate_error(error)
            raise translated.located(table=table.name, file=rows.file if rows else None) from error


def _columns(key: str | Collection[str]) -> tuple[str, ...]:
    """Take ``key="a"``, ``key="role_id.code"`` or a collection of them as columns of the table."""
    names = (key,) if isinstance(key, str) else tuple(key)
    return tuple(name.partition(".")[0] for name in names)
