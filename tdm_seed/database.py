"""What a seed is handed: its database, its volumes, its randomness and its clock."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed import faking, randomness
from tdm_seed.dialects.base import AS_IT_IS, Dialect
from tdm_seed.dialects.failed import StatementFailed
from tdm_seed.dialects.refusing import checked_statements, writes_to_own
from tdm_seed.dialects.statements import Statement
from tdm_seed.errors import SeedError, UsageError, VerificationFailed
from tdm_seed.history import History
from tdm_seed.loading.columnar import Columns
from tdm_seed.loading.sources import RowsFile
from tdm_seed.loading.writer import Where, Writer
from tdm_seed.revisions.beside import data_file
from tdm_seed.schema import Schema
from tdm_seed.values import Changes, Seed, Transaction

if TYPE_CHECKING:
    from faker import Faker
    from sqlalchemy.orm import Session

    from tdm_seed.environments import Environment
    from tdm_seed.revisions.sql_seed import Section

#: A dry run takes everything back, so rows of a chunk seed would all stand in one transaction; more are refused.
DRY_RUN_CHUNK_ROWS = 100_000

#: What is given to be written.
Rows = Iterable[Any] | Columns


class Database:
    """The database in the hands of one seed. Writers return ``Changes``; the seed's transaction is not its to end."""

    def __init__(
        self,
        connection: Connection,
        dialect: Dialect,
        schema: Schema,
        seed: Seed,
        environment: Environment,
        now: datetime,
        *,
        dry_run: bool = False,
    ) -> None:
        self._connection = connection
        self.environment = environment.name
        self.now = now
        self._dialect = dialect
        self._schema = schema
        self._seed = seed
        self._environment = environment
        self.writer = Writer(
            connection,
            dialect,
            schema,
            most=DRY_RUN_CHUNK_ROWS if dry_run and seed.transaction is Transaction.CHUNK else None,
            rebuild=not dry_run and seed.transaction is Transaction.SEED and environment.rebuild == "allow",
        )
        #: Changes per table, and the volumes that the seed asked for: what goes into the history.
        self.changes: dict[str, Changes] = {}
        self.volumes: dict[str, int] = {}
        #: Those of them that the environment did not name.
        self.defaulted: set[str] = set()
        #: The tables behind ``changes``, so that their foreign keys can be proven.
        self.written: dict[str, sa.Table] = {}
        #: Whether ``changes`` is all that the seed can have written.
        self.counted = True

    @property
    def connection(self) -> Connection:
        """SQLAlchemy's connection, in the seed's transaction. What is written through it is not counted."""
        self.counted = False
        return self._connection

    # ---- writing ----------------------------------------------------------------------------------------------------

    def upsert(
        self,
        table: str,
        rows: Rows,
        *,
        columns: Sequence[str] | None = None,
        key: str | Collection[str] | None = None,
        insert_only: Collection[str] = (),
        missing: Literal["keep", "delete"] = "keep",
        where: Where | None = None,
    ) -> Changes:
        """Insert the rows that are missing and update those that differ; equal rows are not touched.

        ``key`` names a unique key (default: the primary key, or the only unique key among the columns). Columns in
        ``insert_only`` are written to new rows and left alone in old ones. ``missing="delete"`` removes the rows
        matching ``where`` that the given set does not hold. A column ``role_id.code`` looks the row up by its code.

        Raises:
            SeedError: a row or value does not fit, with its place.
            DatabaseError: the database refuses.
        """
        target = self._target(table)
        return self._count(
            target,
            self.writer.upsert(
                target, rows, columns=columns, key=key, insert_only=insert_only, missing=missing, where=where
            ),
        )

    def insert(self, table: str, rows: Rows | Mapping[str, Any], *, columns: Sequence[str] | None = None) -> Changes:
        """Add a row or rows that are not there yet."""
        return self.load(table, [rows] if isinstance(rows, Mapping) else rows, columns=columns)

    def load(self, table: str, rows: Rows, *, columns: Sequence[str] | None = None) -> Changes:
        """Append many rows, streamed, in the fastest way the database has.

        Rows are dicts, or with ``columns`` tuples; or a file; or whatever offers the Arrow PyCapsule stream, such as a
        frame of polars, pandas or DuckDB, which needs the extra ``arrow``.
        """
        target = self._target(table)
        return self._count(target, self.writer.append(target, rows, columns=columns))

    def delete(
        self,
        table: str,
        rows: Iterable[Mapping[str, Any]] | None = None,
        *,
        key: str | Collection[str] | None = None,
        where: Where | None = None,
    ) -> Changes:
        """Remove the rows with the given keys, or those matching ``where``: a dict of equal values, or SQL."""
        target = self._target(table)
        return self._count(target, self.writer.delete(target, rows, key=key, where=where))

    def execute(self, sql: str, **params: Any) -> Changes:
        """Run one SQL statement; ``:name`` takes a parameter, and without any the text goes as it is.

        Counted is what the database reports: an UPDATE reports the rows it matched. Where that one number is of rows
        inserted and changed (ON CONFLICT DO UPDATE, ON DUPLICATE KEY, REPLACE, MERGE), nothing is.
        """
        statements = self._checked(sql, None)
        if len(statements) != 1:
            raise SeedError(
                f"db.execute takes one statement, not {len(statements)}",
                hint="Call it once for each, or write an SQL seed.",
            )
        return self._note(statements[0], self._dialect.count(self._connection, self._result(sql, params)))

    @contextmanager
    def deferred_constraints(self, *tables: str) -> Iterator[None]:
        """Let foreign keys of these tables be broken inside the block; every one is proven at its end.

        Without names: all tables of the default schema.
        """
        names = tables or [name for _, name in self._schema.names()]
        with self._dialect.deferred_constraints(self._connection, [self._schema.table(name) for name in names]):
            yield

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Give an ORM session in the seed's transaction; its rows are flushed when the block ends.

        What it writes is not counted. Prefer tables: a seed that imports models breaks when a model moves on.
        """
        from sqlalchemy.orm import Session

        self.counted = False
        savepoints = self._dialect.savepoints
        with Session(
            self._connection, join_transaction_mode="create_savepoint" if savepoints else "rollback_only"
        ) as session:
            yield session
            session.commit()

    # ---- reading ----------------------------------------------------------------------------------------------------

    def rows(self, sql: str, **params: Any) -> list[dict[str, Any]]:
        """Run a query and give its rows as dicts."""
        return [dict(row) for row in self._result(sql, params).mappings()]

    def scalar(self, sql: str, **params: Any) -> Any:
        """Run a query and give the first column of its first row, or None."""
        return self._result(sql, params).scalar()

    def keys(self, table: str) -> list[Any]:
        """List the primary keys of a table in ascending order; tuples where the key has several columns."""
        target = self._schema.table(table)
        columns = list(target.primary_key.columns)
        if not columns:
            raise SeedError("the table has no primary key", table=table, hint="Read what you need with db.rows.")
        found = self._connection.execute(sa.select(*columns)).all()
        return sorted(row[0] for row in found) if len(columns) == 1 else sorted(tuple(row) for row in found)

    def table(self, name: str) -> sa.Table:
        """Give the reflected table, for statements of SQLAlchemy's."""
        return self._schema.table(name)

    def expect(self, sql: str, *, equals: Any = None, at_least: Any = None, at_most: Any = None, **params: Any) -> None:
        """Prove that a query gives what the seed promises; without a bound, that its value is true.

        Raises:
            VerificationFailed: with the value that was found.
        """
        found = self.scalar(sql, **params)
        if equals is not None and found != equals:
            raise VerificationFailed(f"{_one_line(sql)} gives {found!r}, not {equals!r}")
        if at_least is not None and not (found is not None and found >= at_least):
            raise VerificationFailed(f"{_one_line(sql)} gives {found!r}, which is less than {at_least!r}")
        if at_most is not None and not (found is not None and found <= at_most):
            raise VerificationFailed(f"{_one_line(sql)} gives {found!r}, which is more than {at_most!r}")
        if equals is None and at_least is None and at_most is None and not found:
            raise VerificationFailed(f"{_one_line(sql)} gives {found!r}, which is not true")

    # ---- files ------------------------------------------------------------------------------------------------------

    def csv(self, name: str | None = None) -> RowsFile:
        """Read the CSV beside the seed, or another one named in ``data``; values take their column's type."""
        return data_file(self._seed, self._environment.project.root, "csv", name)

    def json(self, name: str | None = None) -> RowsFile:
        """Read a JSON list of objects beside the seed, or another one named in ``data``."""
        return data_file(self._seed, self._environment.project.root, "json", name)

    def jsonl(self, name: str | None = None) -> RowsFile:
        """Read JSON Lines, one object a line, beside the seed, or another file named in ``data``."""
        return data_file(self._seed, self._environment.project.root, "jsonl", name)

    def parquet(self, name: str | None = None) -> RowsFile:
        """Read the Parquet file beside the seed, or another one named in ``data``; needs the extra ``arrow``."""
        return data_file(self._seed, self._environment.project.root, "parquet", name)

    def arrow(self, name: str | None = None) -> RowsFile:
        """Read the file of Arrow IPC beside the seed, or another one named in ``data``; needs the extra ``arrow``."""
        return data_file(self._seed, self._environment.project.root, "arrow", name)

    # ---- volumes, randomness, clock ---------------------------------------------------------------------------------

    def volume(self, name: str, default: int | None = None) -> int:
        """Give the row count that the environment names.

        Raises:
            UsageError: the environment names none and there is no default.
        """
        found = self._environment.volumes.get(name, default)
        if found is None:
            raise UsageError(
                f"the environment {self.environment!r} has no volume {name!r}",
                hint=f"Add `{name} = 100` under [volumes] in its manifest, or say --volume {name}=100.",
            )
        if isinstance(found, bool) or not isinstance(found, int) or found < 0:
            raise SeedError(
                f"the volume {name} is {found!r}, which is no row count",
                hint=f'Give a whole number: db.volume("{name}", default=100).',
            )
        self.volumes[name] = found
        if name not in self._environment.volumes:
            self.defaulted.add(name)
        return found

    def range(self, name: str, default: int | None = None) -> range:
        """Count from 1 to a volume."""
        return range(1, self.volume(name, default) + 1)

    @cached_property
    def random(self) -> random.Random:
        """The seed's own stream of random numbers."""
        return randomness.stream(self._environment.random_seed, self._seed.revision)

    @cached_property
    def fake(self) -> Faker:
        """The seed's own Faker, which takes "now" from the environment's clock."""
        key = randomness.key(self._environment.random_seed, self._seed.revision, "faker")
        try:
            return faking.faker(self._environment.locale, key, self.now)
        except UsageError as error:
            raise error.located(**self._environment.place("locale")) from error.__cause__

    @property
    def used_fake(self) -> bool:
        """Whether the seed has asked for ``fake``: its values last as long as Faker's version."""
        return "fake" in self.__dict__

    # ---- SQL seeds --------------------------------------------------------------------------------------------------

    def run_sql(self, section: Section) -> None:
        """Run a section of an SQL seed as it stands, without parameters.

        Raises:
            SeedError: a statement may not stand in a seed, with its line.
            DatabaseError: the database refused one.
        """
        statements = self._checked(section.text, section)
        try:
            counts = self._dialect.run(self._connection, section.text, statements)
        except StatementFailed as failed:
            error = self._dialect.translate_error(failed.cause)
            line = None if failed.line is None else section.line + failed.line - 1
            raise error.located(file=self._shown(section.path), line=line) from failed.cause
        for statement, count in zip(statements, counts, strict=False):
            self._note(statement, count)

    def verify_sql(self, section: Section) -> None:
        """Run each statement of a verify section: it must give one row of true values.

        Raises:
            VerificationFailed: with the line of the statement and what it gave.
        """
        for statement in self._checked(section.text, section):
            place: dict[str, Any] = {"file": self._shown(section.path), "line": section.line + statement.line - 1}
            try:
                result = self._connection.exec_driver_sql(statement.text, execution_options=AS_IT_IS)
                found = result.fetchmany(2) if result.returns_rows else []
            except sa.exc.DBAPIError as error:
                raise self._dialect.translate_error(error).located(**place) from error
            if len(found) != 1:
                raise VerificationFailed(
                    f"{_one_line(statement.text)} gives {'several rows' if found else 'no row'}, not one", **place
                )
            if not all(found[0]):
                shown = ", ".join(repr(value) for value in found[0])
                raise VerificationFailed(f"{_one_line(statement.text)} gives {shown}, which is not true", **place)

    # ---- inside -----------------------------------------------------------------------------------------------------

    def _result(self, sql: str, params: Mapping[str, Any]) -> sa.CursorResult[Any]:
        try:
            if params:
                return self._connection.execute(sa.text(sql), params, execution_options={"preserve_rowcount": True})
            return self._connection.exec_driver_sql(sql, execution_options=AS_IT_IS)
        except sa.exc.SQLAlchemyError as error:
            raise self._dialect.translate_error(error) from error

    def _checked(self, sql: str, section: Section | None) -> list[Statement]:
        """Tell statements apart and refuse those that would break the seed's promise."""
        place = () if section is None else (section.line, self._shown(section.path))
        return checked_statements(self._dialect, self._seed, sql, *place, own=self._own_tables)

    def _target(self, name: str) -> sa.Table:
        """Find the table that rows are written to; the tool's own are not a seed's."""
        table = self._schema.table(name)
        if table.name in self._own_tables:
            raise writes_to_own(table.name)
        return table

    @property
    def _own_tables(self) -> frozenset[str]:
        project = self._environment.project
        return History(project.history_table, project.history_schema).own_tables

    def _note(self, statement: Statement, count: int) -> Changes:
        """Count what a statement written by hand did, and note whether it chose numbers itself."""
        count = max(count, 0)
        if statement.verb in ("CREATE", "ALTER", "DROP"):
            self._schema.forget()
            return Changes()
        told = statement.changes(count)
        self.counted = self.counted and told is not None
        changes = told or Changes()
        name = statement.target or ""
        try:
            table = self._schema.written(name) if name else None
        except SeedError:  # a view, or a table that the statement itself has dropped
            table = None
        if table is None:
            if name or changes:
                self.changes[name] = self.changes.get(name, Changes()) + changes
            return changes
        numbered = self._dialect.numbered(table)
        if count and statement.verb in ("INSERT", "REPLACE") and numbered is not None:
            self.writer.note_statement(table, statement.gives(numbered.name))
        return self._count(table, changes)

    def _count(self, table: sa.Table, changes: Changes) -> Changes:
        name = table.fullname
        self.changes[name] = self.changes.get(name, Changes()) + changes
        self.written[name] = table
        return changes

    def _shown(self, path: Path) -> str:
        root = self._environment.project.root
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _one_line(sql: str) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= 100 else text[:100] + "…"
