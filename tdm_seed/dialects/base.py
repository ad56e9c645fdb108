"""The contract that every database fulfils, with plain SQL where that is right everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from tdm_seed.dialects.appending import Appending
from tdm_seed.dialects.deferring import Deferring
from tdm_seed.dialects.emptying import Emptying
from tdm_seed.dialects.failed import StatementFailed
from tdm_seed.dialects.rewinding import Rewinding
from tdm_seed.dialects.snapshots import Snapshots
from tdm_seed.dialects.statements import Statement, split
from tdm_seed.dialects.throwaway import Throwaways
from tdm_seed.dialects.waiting import Claim
from tdm_seed.dialects.wording import plain
from tdm_seed.errors import TdmSeedError, UsageError

#: Rows in one statement of the plain way to load; larger ones gained nothing on any of the databases tried.
BATCH = 1_000

#: How SQL runs as it stands: no placeholders are looked for, and the row count is kept for every kind of statement.
AS_IT_IS: Final = {"no_parameters": True, "preserve_rowcount": True}


class HeldLock(Protocol):
    """The lock of a run, as long as it is held."""

    def check(self, asking: Connection | None = None) -> None:
        """Raise ``Locked`` when the database has taken the lock away (its connection was cut).

        ``asking`` is who asks where the lock's own connection may be busy in another thread.
        """


class Dialect(Appending, Deferring, Emptying, Rewinding, Snapshots, Throwaways):
    """A database as tdm-seed needs it. Every method here is plain SQL; a dialect overrides what it does better."""

    #: The backend's name in URLs and the word for it in seeds.
    name: ClassVar[str] = ""
    #: How people write it.
    title: ClassVar[str] = ""
    #: SQLAlchemy's name of the synchronous driver, or "" to leave the URL's own.
    driver: ClassVar[str] = ""
    default_port: ClassVar[int | None] = None
    #: The sqlglot tokenizer that knows this database's quotes.
    tokenizer: ClassVar[str] = ""
    #: What the database's mistakes arrive as: SQLAlchemy's exceptions, and the driver's where we use it directly.
    driver_errors: ClassVar[tuple[type[Exception], ...]] = (sa.exc.SQLAlchemyError,)
    #: Up to this many rows an upsert's source relation is part of the statement; above, a temporary table. Writing 50
    #: rows of 6 columns into a statement takes three times as long as the temporary table, 10 take as long.
    inline_rows: ClassVar[int] = 10
    #: False where a statement such as CREATE TABLE commits the transaction it stands in.
    transactional_ddl: ClassVar[bool] = True
    #: False where a foreign key is looked at row by row within one statement, so that parents must come first in it.
    checks_at_statement_end: ClassVar[bool] = True
    #: Whether a table is found by its name in any case, quoted or not.
    folds_table_names: ClassVar[bool] = False
    #: How many significant digits of a decimal the database keeps; None: as many as the column says.
    decimal_digits: ClassVar[int | None] = None
    #: Whether two runners on different machines keep out of each other's way.
    locks_across_machines: ClassVar[bool] = True
    #: False where a foreign key may go unchecked: then every table that a seed wrote to is proven at its end.
    enforces_foreign_keys: ClassVar[bool] = True
    #: False where explicit numbers leave a sequence behind that nobody here can move.
    numbering_follows: ClassVar[bool] = True
    #: Whether numbers begin anew after a reset.
    numbering_restarts: ClassVar[bool] = False
    #: Whether an UPDATE writes the indexes of all columns that it names, also of those that stay what they are.
    updates_every_index: ClassVar[bool] = False

    # ---- reaching it ------------------------------------------------------------------------------------------------

    def url(self, url: URL) -> URL:
        """Rewrite a URL for the synchronous driver."""
        return url.set(drivername=self.driver) if self.driver else url

    def file(self, url: URL) -> Path | None:
        """Give the file that a URL stands for, where the database is a file."""
        return None

    def standing_in(self, url: URL) -> URL | None:
        """Give an empty database to read from where to connect would make one; None where there is one."""
        return None

    def in_memory(self, url: URL) -> bool:
        """Tell whether the database lives and dies with one connection."""
        return False

    def names_database(self, url: URL) -> bool:
        """Tell whether a URL says which database is meant, where a server has several."""
        return True

    def creation(self, url: URL) -> str | None:
        """Give the shell's command that makes the database of a URL, where that is known."""
        return None

    def identity(self, url: URL) -> tuple[Any, ...]:
        """Give what makes two URLs the same database: product, host, port and name."""
        host = (url.host or "localhost").lower()
        host = "localhost" if host in ("127.0.0.1", "::1", "") else host
        return (self.name, host, url.port or self.default_port, url.database)

    def engine(self, url: URL, application: str) -> Engine:
        """Make an engine; ``application`` is what the server's list of sessions shows."""
        try:
            return sa.create_engine(url, poolclass=sa.pool.NullPool)
        except (sa.exc.NoSuchModuleError, ImportError) as error:
            from difflib import get_close_matches

            from tdm_seed.dialects import names

            close = get_close_matches(url.get_backend_name(), names(), n=1)
            raise UsageError(
                f"there is no driver for {url.get_backend_name()} databases: {error}",
                hint=f"Did you mean {close[0]}://?"
                if close
                else "Install the SQLAlchemy dialect of that database, or check the scheme of the URL.",
            ) from error

    def names(self, connection: Connection) -> tuple[str, ...]:
        """List what a seed may call this server, the most specific name first."""
        return (self.name or connection.dialect.name,)

    def server(self, connection: Connection) -> str:
        """Name the product and its version for people."""
        version = ".".join(str(part) for part in connection.dialect.server_version_info or ())
        return f"{self.title or connection.dialect.name} {version}".strip()

    # ---- one runner at a time ---------------------------------------------------------------------------------------

    def lock(self, connection: Connection, claim: Claim) -> AbstractContextManager[HeldLock]:
        """Hold the run's lock. Without locks of its own, a database is guarded by a file on this machine only.

        Raises:
            Locked: the lock was not to be had in time.
        """
        from tdm_seed.dialects.file_lock import machine_lock

        return machine_lock(str(self.identity(connection.engine.url)), claim)

    def guard(self, connection: Connection, key: str) -> None:
        """Take a second lock inside a seed's own transaction, where the database has such locks."""

    # ---- transactions -----------------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self, connection: Connection, *, write: bool) -> Iterator[sa.engine.RootTransaction]:
        """Run a block in one transaction: committed at its end, rolled back when it raises."""
        try:
            with connection.begin() as transaction:
                yield transaction
        finally:
            if not connection.closed:
                connection.rollback()  # SQLAlchemy keeps a transaction in its books whose commit was refused

    @contextmanager
    def autocommit(self, connection: Connection) -> Iterator[None]:
        """Let each statement of the block commit by itself."""
        before = connection.get_isolation_level()
        connection.rollback()
        connection.execution_options(isolation_level="AUTOCOMMIT")
        try:
            yield
        finally:
            connection.rollback()
            connection.execution_options(isolation_level=before)

    def keeps_session(self, connection: Connection) -> bool:
        """Tell whether the next transaction of a connection that is in none will have the same session."""
        return True

    def migrating(self, connection: Connection) -> AbstractContextManager[None]:
        """Let migrations use this connection, or others of its engine, as one that ``alembic`` makes itself.

        Raises:
            SchemaNotReady: that cannot be done safely as the connection stands.
        """
        return nullcontext()

    def settle(self, connection: Connection) -> None:
        """Make the database check now, and until ``undefer``, what it would otherwise check at commit."""

    def aborted(self, error: sa.exc.DBAPIError) -> bool:
        """Tell whether a statement was refused because of an earlier error that was swallowed."""
        return False

    def takes_back(self, error: BaseException) -> bool:
        """Tell whether the database has taken the whole transaction back by itself with this error."""
        return False

    def attempt(self, connection: Connection) -> AbstractContextManager[object]:
        """Let the one statement of the block fail and the transaction go on."""
        return self.savepoint(connection)

    # ---- scripts ----------------------------------------------------------------------------------------------------

    def statements(self, sql: str) -> list[Statement]:
        """Tell the statements of a script apart."""
        return split(sql, self.tokenizer)

    def refusal(self, statement: Statement) -> str | None:
        """Say why a statement may not stand inside a seed's transaction, or None if it may."""
        ends = {"COMMIT", "ROLLBACK", "ABORT", "BEGIN", "START", "END", "PREPARE"}
        if statement.verb not in ends:
            return None
        if statement.verb == "ROLLBACK" and "TO" in statement.words:
            return None
        if statement.verb in ("PREPARE", "START") and "TRANSACTION" not in statement.words:
            return None
        return (
            f"{statement.verb} would end or open a transaction, but a seed runs inside one that commits its rows "
            "together with its history entry"
        )

    def run(self, connection: Connection, sql: str, statements: Sequence[Statement]) -> list[int]:
        """Run a whole script without parameters and give the row count of each statement (-1: none reported).

        Raises:
            StatementFailed: with the line in the script where it is known.
        """
        return [self._run_one(connection, statement) for statement in statements]

    def _run_one(self, connection: Connection, statement: Statement) -> int:
        try:
            return self.count(connection, connection.exec_driver_sql(statement.text, execution_options=AS_IT_IS))
        except sa.exc.DBAPIError as error:
            raise StatementFailed(statement.line, error) from error

    def count(self, connection: Connection, result: sa.CursorResult[Any]) -> int:
        """Give the rows that a statement written by hand has touched; -1 where none are reported."""
        return result.rowcount

    # ---- writing ----------------------------------------------------------------------------------------------------

    def load(
        self, connection: Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> int:
        """Append rows in the fastest way there is; values fit the columns already.

        Gives the number of rows that the database says it kept, or that were sent where it says nothing.

        Raises:
            RowRefused: one was refused, where the database tells which.
        """
        options = {"preserve_rowcount": True, **self.options_for_keys(table, columns)}
        statement, loaded, remaining = sa.insert(table).execution_options(**options), 0, iter(rows)
        while batch := [dict(zip(columns, row, strict=True)) for row in islice(remaining, BATCH)]:
            kept = connection.execute(statement, batch).rowcount
            loaded += len(batch) if kept < 0 else kept
        return loaded

    def may_inline(self, columns: Sequence[sa.Column[Any]]) -> bool:
        """Tell whether values of these columns keep their exact type inside a statement."""
        return True

    def source_body(self, connection: Connection, shape: sa.Select[Any]) -> str:
        """Write the empty query that lends a temporary table its columns and their exact types."""
        return str(shape.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))

    def create_source(self, connection: Connection, name: str, body: str, key: Sequence[str] = ()) -> None:
        """Create an empty temporary table from what ``source_body`` wrote.

        ``key`` names the columns that rows will be looked up by, for databases that need an index to do so.
        """
        quoted = connection.dialect.identifier_preparer.quote(name)
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {quoted} AS {body}")

    def index_source(self, connection: Connection, source: sa.Table, key: Sequence[str]) -> None:
        """Index a filled source by a key that may hold NULL, where no other plan would serve such a key."""

    def ready_source(self, connection: Connection, source: sa.Table, rows: int, key: Sequence[str]) -> bool:
        """Make a filled source of so many rows quick to join; True where that proves its ``key``, if any, unique."""
        return False

    def drop_source(self, connection: Connection, name: str) -> None:
        """Drop what ``create_source`` created."""
        quoted = connection.dialect.identifier_preparer.quote(name)
        connection.exec_driver_sql(f"DROP TABLE {quoted}")

    def same(self, ours: sa.Column[Any], given: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Compare keys by the column's collation, with NULL equal to NULL, in a way that an index can serve."""
        return ours.is_not_distinct_from(given)

    def matches_once(self, key: Sequence[sa.Column[Any]]) -> bool:
        """Tell whether no given row can be the ``same`` as two of a table by these columns of a unique key.

        NULLs do not exclude one another; an index may compare texts by another collation than its column has; and a
        table may hold rows of others that inherit from it, whose keys are their own.
        """
        return False

    def different(self, ours: sa.Column[Any], given: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Compare byte by byte: a change of case or of trailing blanks is a change, NULL equals NULL."""
        return ours.is_distinct_from(given)

    def numbered(self, table: sa.Table) -> sa.Column[Any] | None:
        """Give the column that the database numbers by itself when a row comes without it."""
        return table.autoincrement_column

    def options_for_keys(self, table: sa.Table, columns: Sequence[str]) -> dict[str, Any]:
        """Give the execution options that an INSERT with these explicit columns needs."""
        return {}

    def advance_identity(self, connection: Connection, table: sa.Table) -> None:
        """Move a table's sequence behind the largest number in use, never backwards."""

    # ---- reading ----------------------------------------------------------------------------------------------------

    def refine(self, connection: Connection, table: sa.Table) -> None:
        """Correct types that reflection cannot know."""

    def redirects_rows(self, table: sa.Table) -> bool:
        """Tell whether the database may put inserted rows elsewhere, so that its row counts say little."""
        return False

    def row_triggers(self, connection: Connection, table: sa.Table) -> list[str]:
        """Name what may turn an inserted row away without an error: triggers and rules."""
        return []

    # ---- what went wrong --------------------------------------------------------------------------------------------

    def translate_error(self, error: BaseException, url: URL | None = None) -> TdmSeedError:
        """Turn a driver's exception into a sentence; ``url`` is given while connecting."""
        return plain(error, url)
