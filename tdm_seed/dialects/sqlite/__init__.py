"""SQLite: a file or memory, one writer at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from tdm_seed.dialects.appending import Down, Plainly, Taken
from tdm_seed.dialects.base import Dialect, HeldLock
from tdm_seed.dialects.file_lock import file_lock
from tdm_seed.dialects.orphans import ForeignKey
from tdm_seed.dialects.sqlite import columns as columnar
from tdm_seed.dialects.sqlite import foreign_keys, insert, rebuild, reflected, script
from tdm_seed.dialects.sqlite.copies import Copies
from tdm_seed.dialects.sqlite.deferred import Deferred, driver_of
from tdm_seed.dialects.sqlite.errors import translate
from tdm_seed.dialects.sqlite.hearing import Heard
from tdm_seed.dialects.sqlite.rewind import Rewinds
from tdm_seed.dialects.statements import Statement
from tdm_seed.dialects.waiting import Claim, Uncut
from tdm_seed.errors import DatabaseError, SchemaNotReady, TdmSeedError, UsageError

#: Seconds that a statement waits for another writer before it fails, unless the URL says ``?timeout=``.
BUSY_SECONDS = 10

#: Tables with foreign keys that SQLite looks at only when the transaction ends.
_DECLARED_DEFERRED = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%initially%deferred%' ORDER BY name"
)


#: As many rows, numbered from 1 on, are all there are: each is compared with the one before.
_ASCENDING = (
    "SELECT max(rowid) = ? AND NOT EXISTS (SELECT 1 FROM {0} AS this JOIN {0} AS next ON next.rowid = this.rowid + 1 "
    "WHERE (next.{1} > this.{1}) IS NOT 1) FROM {0}"
)
#: The lists of tables by kind, which SQLite keeps since 3.37.
_KINDS = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = :kind ORDER BY name"
_KNOWS_KINDS = sqlite3.sqlite_version_info >= (3, 37)


def _tables(connection: Connection, kind: str) -> list[str]:
    return list(connection.scalars(sa.text(_KINDS), {"kind": kind})) if _KNOWS_KINDS else []


class SQLite(Deferred, Rewinds, Dialect, Copies):
    """SQLite through the standard library's ``sqlite3``."""

    name: ClassVar[str] = "sqlite"
    title: ClassVar[str] = "SQLite"
    driver: ClassVar[str] = "sqlite"
    tokenizer: ClassVar[str] = "sqlite"
    driver_errors: ClassVar[tuple[type[Exception], ...]] = (sa.exc.SQLAlchemyError, sqlite3.Error)
    folds_table_names: ClassVar[bool] = True
    numbering_restarts: ClassVar[bool] = True
    rebuilds: ClassVar[bool] = True
    takes_down: ClassVar[bool] = True
    updates_every_index: ClassVar[bool] = True
    decimal_digits: ClassVar[int | None] = 15  # it has no decimals: they become 8-byte floats
    locks_across_machines: ClassVar[bool] = False  # a lock file: what network file systems do with it is theirs

    def __init__(self) -> None:
        self._heard = Heard()

    def url(self, url: URL) -> URL:
        """Refuse a host: with two slashes, what was meant to be a path is one.

        Raises:
            UsageError: there is a host.
        """
        if url.host:
            raise UsageError(
                f"{url.host} stands where a server's name would, and SQLite is a file",
                hint=f"Write three slashes for a path: sqlite:///{url.host}",
            )
        return super().url(url)

    def file(self, url: URL) -> Path | None:
        """Give the database file, or None for a database in memory."""
        name = url.database
        if not name or name == ":memory:" or "mode=memory" in name:
            return None
        return Path(name.removeprefix("file:").partition("?")[0]).absolute()

    def standing_in(self, url: URL) -> URL | None:
        """SQLite makes the file as soon as somebody looks at it; where there is no folder for it, let it say so."""
        path = self.file(url)
        missing = path is not None and not path.exists() and path.parent.is_dir()
        return URL.create(url.drivername) if missing else None

    def in_memory(self, url: URL) -> bool:
        """Anything that is no file."""
        return self.file(url) is None

    def identity(self, url: URL) -> tuple[Any, ...]:
        """Two URLs are the same database when they name the same file."""
        path = self.file(url)
        return (self.name, str(path.resolve()) if path else None)

    def engine(self, url: URL, application: str) -> Engine:
        """Make an engine that begins transactions itself.

        ``sqlite3`` of Python 3.11 begins lazily and would leave pragmas and savepoints outside the transaction;
        with ``isolation_level=None`` the BEGIN is ours. https://docs.sqlalchemy.org/en/20/dialects/sqlite.html
        """
        pool = sa.pool.NullPool if self.file(url) else sa.pool.StaticPool
        busy = {} if "timeout" in url.query else {"timeout": BUSY_SECONDS}
        engine = sa.create_engine(url, poolclass=pool, connect_args=busy)

        @sa.event.listens_for(engine, "connect")
        def connect(connection: sqlite3.Connection, _record: object) -> None:
            connection.isolation_level = None
            connection.execute("PRAGMA foreign_keys=ON")
            self._heard.listen(connection)

        @sa.event.listens_for(engine, "handle_error")
        def refused(context: sa.engine.ExceptionContext) -> None:
            error, connection = context.original_exception, context.connection
            if isinstance(error, sqlite3.IntegrityError) and connection is not None and context.statement:
                many = context.execution_context is not None and context.execution_context.executemany
                foreign_keys.note_orphan(driver_of(connection), error, context.statement, context.parameters, many)
            self._heard.raise_from(error)

        @sa.event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            options = connection.get_execution_options()
            if not options.get("tdm_seed_autocommit"):
                connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("tdm_seed_write") else "BEGIN")

        return engine

    @contextmanager
    def transaction(self, connection: Connection, *, write: bool) -> Iterator[sa.engine.RootTransaction]:
        """Begin at once as the writer, so that a reader never has to become one half-way.

        A COMMIT that fails, as it does when a reader stays too long, leaves the transaction open here.
        """
        connection.execution_options(tdm_seed_write=write)
        try:
            with super().transaction(connection, write=write) as transaction:
                yield transaction
        except BaseException:
            if not connection.closed:
                connection.connection.rollback()
            raise

    @contextmanager
    def autocommit(self, connection: Connection) -> Iterator[None]:
        """Begin nothing: without a BEGIN, SQLite commits each statement."""
        connection.rollback()
        connection.execution_options(tdm_seed_autocommit=True)
        try:
            yield
        finally:
            connection.rollback()
            connection.execution_options(tdm_seed_autocommit=False)

    @contextmanager
    def migrating(self, connection: Connection) -> Iterator[None]:
        """Switch foreign keys off, as they are without us.

        A batch migration drops a table and makes it anew: with foreign keys on, that deletes the rows that cascade
        from it. https://www.sqlite.org/foreignkeys.html#fk_schemacommands
        """

        def off(driver: Any, _record: object) -> None:
            driver.execute("PRAGMA foreign_keys=OFF")

        driver = driver_of(connection)
        sa.event.listen(connection.engine, "connect", off)
        (before,) = driver.execute("PRAGMA foreign_keys").fetchone()
        try:
            off(driver, None)
            if driver.execute("PRAGMA foreign_keys").fetchone() != (0,):
                raise SchemaNotReady(
                    "the connection is in a transaction, so its foreign keys cannot be switched off, and a table that "
                    "a migration rebuilds would take the rows that refer to it along",
                    hint="Migrate before the transaction begins.",
                )
            yield
        finally:
            sa.event.remove(connection.engine, "connect", off)
            driver.execute(f"PRAGMA foreign_keys={before}")

    def lock(self, connection: Connection, claim: Claim) -> AbstractContextManager[HeldLock]:
        """Hold a lock file beside the database, wherever links lead to it from; memory is nobody else's."""
        path = self.file(connection.engine.url)
        if path is None:
            return nullcontext(Uncut())
        path = path.resolve()
        return file_lock(path.with_name(path.name + ".tdm-seed.lock"), claim)

    def load(
        self, connection: Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> int:
        """Append rows with INSERTs of many rows each."""
        return insert.load(connection, table, columns, rows)

    def load_columns(
        self, connection: Connection, table: sa.Table, columns: Sequence[str], schema: Any, batches: Iterator[Any],
        plainly: Plainly, *, at_hand: bool,
    ) -> Taken | None:  # fmt: skip
        """Append with the same INSERTs, from values that are encoded column by column."""
        return columnar.load(connection, table, columns, schema, batches, plainly, at_hand=at_hand)

    def about(self, connection: Connection, table: sa.Table) -> int:
        """Take the largest rowid for it."""
        return rebuild.about(connection, table)

    def refresh(self, connection: Connection, table: sa.Table) -> None:
        """Analyse it where anything was analysed before: SQLite never does so by itself."""
        rebuild.analyse(connection, table)

    def bare(self, connection: Connection, table: sa.Table) -> AbstractContextManager[None]:
        """Drop its indexes, but for those of its constraints."""
        return rebuild.bare(connection, table)

    def take_down(
        self, connection: Connection, table: sa.Table, note: Callable[[Sequence[Down]], None]
    ) -> Iterator[str]:
        """Drop them for longer."""
        return rebuild.take_down(connection, table, note)

    def build(self, connection: Connection, downs: Sequence[Down]) -> None:
        """Create them in the words they were created in."""
        rebuild.build(connection, downs)

    def index_source(self, connection: Connection, source: sa.Table, key: Sequence[str]) -> None:
        """Serve IS, for which SQLite builds no index by itself."""
        quoted = connection.dialect.identifier_preparer.quote(source.name)
        connection.exec_driver_sql(f"CREATE INDEX temp.{source.name}_key ON {quoted} ({', '.join(key)})")

    def ready_source(self, connection: Connection, source: sa.Table, rows: int, key: Sequence[str]) -> bool:
        """Look whether each key is larger than the one before, as they mostly come, and so no two are equal.

        Of a million rows, that takes 0.07 s, and a GROUP BY 0.25 s.
        """
        return len(key) == 1 and bool(
            connection.exec_driver_sql(_ASCENDING.format(source.name, *key), (rows,)).scalar()
        )

    def takes_back(self, error: BaseException) -> bool:
        """SQLite does when it is interrupted, or out of room: https://www.sqlite.org/lang_transaction.html."""
        text = str(error)
        return isinstance(error, sqlite3.Error) and any(
            word in text for word in ("interrupted", "is full", "disk I/O", "out of memory")
        )

    def attempt(self, connection: Connection) -> AbstractContextManager[object]:
        """A statement that fails is taken back by itself."""
        return nullcontext()

    def settle(self, connection: Connection) -> None:
        """Prove deferred foreign keys now: SQLite itself looks at COMMIT only, which a dry run never reaches."""
        if connection.exec_driver_sql("PRAGMA defer_foreign_keys").scalar():
            foreign_keys.prove(driver_of(connection), None)
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=OFF")
        elif declared := connection.exec_driver_sql(_DECLARED_DEFERRED).scalars().all():
            foreign_keys.prove(driver_of(connection), declared)

    def statements(self, sql: str) -> list[Statement]:
        """Let SQLite say where a statement ends, since it knows triggers; sqlglot gives the words."""
        return script.statements(sql, super().statements)

    def refusal(self, statement: Statement) -> str | None:
        """Refuse what leaves the transaction or the database, though it ends neither."""
        if statement.verb in ("ATTACH", "DETACH"):
            return f"{statement.verb} opens or closes another database, and no transaction takes that back"
        if statement.verb == "VACUUM":
            return "VACUUM cannot run inside a transaction, and a seed runs inside one"
        return super().refusal(statement)

    def refine(self, connection: Connection, table: sa.Table) -> None:
        """Note the unique columns that SQLAlchemy's reading of CREATE TABLE misses: `VARCHAR(20) … UNIQUE`."""
        reflected.refine(connection, table)

    def count(self, connection: Connection, result: sa.CursorResult[Any]) -> int:
        """Ask SQLite itself: ``sqlite3`` counts nothing behind WITH, nor before RETURNING is read."""
        if result.returns_rows:
            result.all()
        return int(connection.exec_driver_sql("SELECT changes()").scalar_one())

    def matches_once(self, key: Sequence[sa.Column[Any]]) -> bool:
        """Tell so of integers, which spares 0.1 s of a million rows."""
        return all(isinstance(column.type, sa.Integer) and not column.nullable for column in key)

    def different(self, ours: sa.Column[Any], given: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Compare text as bytes even where the column folds case (NOCASE) or trailing blanks (RTRIM).

        A column without a type holds text as well as anything else.
        """
        if isinstance(ours.type, (sa.String, sa.types.NullType)):
            return sa.collate(ours, "BINARY").is_distinct_from(given)
        return ours.is_distinct_from(given)

    def numbered(self, table: sa.Table) -> sa.Column[Any] | None:
        """Give the INTEGER PRIMARY KEY, which is SQLite's rowid by another name."""
        columns = list(table.primary_key.columns)
        if len(columns) == 1 and type(columns[0].type) is sa.INTEGER:
            return columns[0]
        return None

    @contextmanager
    def emptying(self, connection: Connection, patience: float) -> Iterator[None]:
        """Switch foreign keys off before the transaction begins, since inside one nothing can.

        A RESTRICT is looked at at once, also where keys are deferred, and with foreign keys on a DELETE of all rows
        looks at each of them. Rows that are brought back are proven by ``deferred_constraints``.
        """
        connection.rollback()
        driver = driver_of(connection)
        driver.execute("PRAGMA foreign_keys=OFF")
        try:
            with super().emptying(connection, patience):
                yield
        finally:
            driver.execute("PRAGMA foreign_keys=ON")

    def empty(self, connection: Connection, tables: Sequence[sa.TableClause], spare: Sequence[sa.TableClause]) -> None:
        """Delete all rows without looking at each, which SQLite does where there is neither WHERE nor trigger.

        Virtual tables come last, and only if they still hold rows: an index over another table shows the rows of that,
        and follows it by triggers.
        """
        virtual = set(_tables(connection, "virtual"))
        for table in tables:
            if table.name not in virtual:
                self.delete_all(connection, table)
        for table in tables:
            if table.name in virtual and connection.execute(sa.select(sa.literal(1)).select_from(table)).first():
                self.delete_all(connection, table)

    def inner_tables(self, connection: Connection, schema: str | None = None) -> list[str]:
        """Name what virtual tables are made of: an FTS5 index without its ``_data`` cannot be opened any more."""
        return _tables(connection, "shadow")

    def foreign_keys(self, connection: Connection, schemas: Collection[str | None]) -> Iterable[ForeignKey]:
        """Spell the tables as they are named: a foreign key may write them in any case."""
        named = {name.lower(): name for name in sa.inspect(connection).get_table_names()}
        for key in super().foreign_keys(connection, schemas):
            schema, parent = key.parent
            yield replace(key, parent=(schema, named.get(parent.lower(), parent)))

    def restart_identity(self, connection: Connection, table: sa.Table, going_on: Collection[str]) -> None:
        """Forget the largest number ever given; only AUTOINCREMENT remembers it."""
        if connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").first():
            connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))

    def row_triggers(self, connection: Connection, table: sa.Table) -> list[str]:
        """Name the table's triggers; ``RAISE(IGNORE)`` in one drops a row."""
        return [f"trigger {name}" for name in reflected.triggers(connection, table)]

    def translate_error(self, error: BaseException, url: URL | None = None) -> TdmSeedError:
        """Turn sqlite3's message into a sentence."""
        cause = getattr(error, "orig", None) or error
        self._heard.raise_from(error)
        if isinstance(cause, sqlite3.Error):
            return translate(cause, self.file(url) if url else None)
        if isinstance(cause, UnicodeEncodeError):
            return DatabaseError(f"text cannot be stored: {cause.reason} at character {cause.start}")
        return super().translate_error(error, url)
