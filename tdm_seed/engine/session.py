"""One environment's open database: connection, history, schema position and clock."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from tdm_seed import __version__
from tdm_seed.checkpoints import Checkpoints
from tdm_seed.dialects import resolve
from tdm_seed.dialects.base import Dialect, HeldLock
from tdm_seed.dialects.snapshots import Store
from tdm_seed.dialects.waiting import Claim
from tdm_seed.engine.progress import Progress
from tdm_seed.environments import Environment, hosts, resolve_url
from tdm_seed.errors import DatabaseError, UsageError
from tdm_seed.history import History
from tdm_seed.journal import Journal
from tdm_seed.schema import Schema
from tdm_seed.schema_version import MigrationResult, SchemaVersion
from tdm_seed.values import Applied, Circular

if TYPE_CHECKING:
    from types import TracebackType


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def application() -> str:
    """Say what a server's list of sessions shows of us."""
    return f"tdm-seed {socket.gethostname()[:40]} pid {os.getpid()}"


@dataclass
class Session:
    """What every command of a Seeder works with, from the first connection until it is closed."""

    environment: Environment
    lock_timeout: float
    progress: Progress
    dialect: Dialect = field(init=False)
    url: URL = field(init=False)
    engine: Engine = field(init=False)
    connection: Connection = field(init=False)
    schema: Schema = field(init=False)
    history: History = field(init=False)
    checkpoints: Checkpoints = field(init=False)
    journal: Journal = field(init=False)
    schema_version: SchemaVersion | None = field(init=False)
    names: tuple[str, ...] = field(init=False)
    #: Whether an empty database is read in place of a file that is not there yet.
    stands_in: bool = field(init=False)
    _store: Store | None = field(init=False, default=None)
    _reads: bool = field(init=False, default=False)

    def open(self) -> Session:
        """Connect, after checking that the host may be touched at all.

        Raises:
            Protected: the environment does not list the host.
            DatabaseError: no server, wrong password, no such database, no privilege.
        """
        text = resolve_url(self.environment)
        hosts.check(self.environment, text)
        self.dialect, self.url = resolve(text)
        if not self.dialect.names_database(self.url):
            raise UsageError(
                f"the URL names no database on {self.url.host or 'the server'}",
                hint="Write it behind the host: scheme://user@host:port/database.",
                **self.environment.place("url"),
            )
        project = self.environment.project
        self.history = History(project.history_table, project.history_schema)
        self.checkpoints = Checkpoints(self.history.checkpoint_table, project.history_schema)
        self.journal = Journal(self.history.journal_table, project.history_schema)
        self.schema_version = SchemaVersion.of(project)
        self.connect()
        return self

    def connect(self) -> None:
        """Connect, to what stands in for the database where a file is not there yet or a restore was cut off.

        Raises:
            DatabaseError: no server, wrong password, no such database, no privilege.
        """
        other = self.dialect.standing_in(self.url)
        try:
            self._connect(other or self.url)
        except DatabaseError as error:
            other = self.dialect.half_swapped(self.url, self.application, self.claim(), error, self._store)
            if other is None:
                raise
            self._connect(other)
        self.stands_in = other not in (None, self.url)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Be connected to nothing during the block."""
        self.close()
        try:
            yield
        finally:
            self.connect()

    @property
    def application(self) -> str:
        """What a server's list of sessions shows."""
        return application()

    def _connect(self, url: URL) -> None:
        try:
            if not hasattr(self, "engine") or self.engine.url != url:
                self.engine = self.dialect.engine(url, self.application)
            self.connection = self.engine.connect()
        except self.dialect.driver_errors as error:
            raise self.dialect.translate_error(error, url) from error
        except (OSError, TypeError, ValueError) as error:  # what drivers make of options that they do not know
            raise UsageError(
                f"the driver does not take this URL: {error}", hint="Look at the options behind its question mark."
            ) from error
        try:
            with self.reading():
                self.names = self.dialect.names(self.connection)
                self.schema = Schema(self.connection, self.dialect)
        except self.dialect.driver_errors as error:
            raise self.dialect.translate_error(error, self.url) from error

    def close(self, *_: object) -> None:
        """Give the connection back."""
        self.connection.close()
        self.engine.dispose()

    def __enter__(self) -> Session:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def applied_by(self) -> str:
        """The user and host that history names."""
        return f"{_user()}@{socket.gethostname()}"

    @property
    def tool_version(self) -> str:
        """The version of tdm-seed that history names."""
        return __version__

    @contextmanager
    def lock(self, *, dry_run: bool = False) -> Iterator[HeldLock]:
        """Be the only runner on this database, which is made now if it is a file that is not there yet."""
        with self._made(dry_run), self.translated(), self._held(dry_run) as lock:
            self.schema.forget()  # somebody may have migrated while we waited
            self._go_on(dry_run)
            yield lock

    def go_on(self) -> None:
        """Finish what a restore that was cut off has left, as its runner; what is looked at before is half of one.

        Raises:
            Locked: another runner is at it.
            DatabaseError: it cannot be finished, and why.
        """
        with self.reading():
            cut_off = self.dialect.cut_off(self.connection)
        if cut_off or (self.stands_in and self.dialect.file(self.url) is None):
            with self.lock():  # which begins with it
                pass

    def _go_on(self, dry_run: bool) -> None:
        """Restore what a restore that was cut off has left half restored.

        Raises:
            DatabaseError: in a dry run, which would take that back.
        """
        with self.reading():
            if not self.dialect.cut_off(self.connection):
                return
        if dry_run:
            raise DatabaseError(
                "a restore of a snapshot was cut off, so this database is half of one",
                hint="Any command that writes begins with restoring the rest.",
            )
        self.store().tidy()

    def store(self) -> Store:
        """Give the snapshots of this database, by one store, which knows its server once it has worked with it.

        Raises:
            UsageError: there are none on such a database.
        """
        if self._store is None:
            with self.reading():
                given = self.url, self.connection, self.application, self.progress.reached
                self._store = self.dialect.store(*given, self.lock_timeout)
        return self._store

    def _held(self, dry_run: bool) -> AbstractContextManager[HeldLock]:
        return self.dialect.lock(self.connection, self.claim(dry_run=dry_run))

    def claim(self, *, dry_run: bool = False) -> Claim:
        """Say who asks for a lock, and how long we wait."""
        key, host = self.history.qualified_name, socket.gethostname()
        return Claim(key, host, os.getpid(), self.lock_timeout, self.progress.waiting, dry_run)

    @contextmanager
    def _made(self, dry_run: bool) -> Iterator[None]:
        """Make the file where there is none, and take it away where the block writes nothing to it."""
        if dry_run or not self.stands_in:
            yield
            return
        file = self.dialect.file(self.url)
        if file is None:  # a restore was cut off behind its point of no return
            with self.away():
                self.dialect.end_swap(self.url, self.application, self.claim())
            yield
            return
        self.close()
        self._connect(self.url)
        self.stands_in = False
        try:
            yield
        finally:
            if file.exists() and not file.stat().st_size:
                self.close()
                file.unlink()
                self.connect()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read in a transaction that writes nothing, or in the one that reads already."""
        if self._reads:
            yield
            return
        with self.translated(), self.dialect.transaction(self.connection, write=False) as transaction:
            yield
            if transaction.is_active:
                transaction.rollback()

    @contextmanager
    def reading_as_runner(self) -> Iterator[None]:
        """Read as the only runner, in one transaction that holds the lock, which spares a connection for it."""
        with self.reading():
            self.dialect.hold(self.connection, self.claim())
            self.schema.forget()  # somebody may have migrated while we waited
            self._reads = True
            try:
                yield
            finally:
                self._reads = False

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn what the driver says into sentences."""
        try:
            yield
        except self.dialect.driver_errors as error:
            raise self.dialect.translate_error(error) from error

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        """Write in one transaction that is taken back at the end, whatever happens."""
        with self.translated(), self.dialect.transaction(self.connection, write=True) as transaction:
            try:
                yield
            finally:
                if transaction.is_active and not self.connection.invalidated:
                    transaction.rollback()

    def create_history(self) -> None:
        """Create the history table where it is missing."""
        with self.translated(), self.dialect.transaction(self.connection, write=True):
            self.history.create(self.connection)

    def migrate(self, version: SchemaVersion) -> MigrationResult:
        """Bring the schema to its newest revision on this very database."""
        result = version.migrate(resolve_url(self.environment), self.shared_connection())
        self.schema.forget()
        return result

    def shared_connection(self) -> Connection | None:
        """Give our connection where no second one could reach the database, which is in memory."""
        return self.connection if self.dialect.in_memory(self.url) else None

    def tables(self) -> list[tuple[str | None, str]]:
        """Name every table of every schema, the tool's and Alembic's included, but none of an extension."""
        dialect, connection = self.dialect, self.connection
        with self.reading():
            inspector = sa.inspect(connection)
            return [
                (schema, name)
                for schema in (None, *dialect.other_schemas(connection))
                for name in sorted({*inspector.get_table_names(schema)} - {*dialect.inner_tables(connection, schema)})
            ]

    def alembic_tables(self) -> frozenset[str]:
        """Name the tables that Alembic keeps its revision in."""
        return frozenset() if self.schema_version is None else self.schema_version.tables()

    def entries(self) -> list[Applied]:
        """Read what the history says about the database as it is now."""
        with self.reading():
            return self.history.current(self.connection)

    def circular(self) -> list[Circular]:
        """Ask which foreign keys form circles."""
        with self.reading():
            return self.dialect.circular(self.connection)

    def schema_heads(self) -> tuple[str, ...]:
        """Read where Alembic has brought the schema; nothing without Alembic."""
        if self.schema_version is None:
            return ()
        with self.reading():
            return self.schema_version.heads(self.connection)

    def schema_revisions(self, heads: tuple[str, ...]) -> frozenset[str] | None:
        """List every Alembic revision that the schema has been through; None without Alembic."""
        return None if self.schema_version is None else self.schema_version.revisions(heads)
