"""Working on whole databases of a server, from the one where that is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Final

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from tdm_seed.dialects.postgresql.errors import translate
from tdm_seed.dialects.postgresql.sending import driver_of
from tdm_seed.dialects.postgresql.swap import quoted, run
from tdm_seed.errors import DatabaseError

#: Where one connects to make, rename or drop another database. The second is what a plain CREATE DATABASE copies, which
#: fails while somebody is connected to it: only where the first is not to be had.
_MAINTENANCE: Final = ("postgres", "template1")
#: From this size on the server copies files, which costs two checkpoints but no WAL. Seen on 15.18 without fsync, the
#: least of five: 7 MiB 62 ms by WAL and 56 by files, 23 MiB 121 and 101, 54 MiB 306 and 191, 164 MiB 301 and 97.
FILES_FROM: Final = 24 << 20


class Beside:
    """A server, seen from beside one of its databases."""

    #: What does without all this.
    instead: ClassVar[str]
    #: Whether the database at hand must be kept out of, since it is to be copied or replaced.
    keeps_out: ClassVar[bool] = True

    def __init__(self, engine: Callable[[URL, str], Engine], url: URL, database: str, application: str) -> None:
        self._engine = engine
        self._url = url.difference_update_query(["dbname"])
        self._database = database
        self._application = application
        self._engines: dict[str, Engine] = {}
        self._working: Connection | None = None

    def _copy(self, admin: Connection, source: str, size: int, name: str, owner: str | None, limit: int) -> None:
        """Create a database that is a copy; whether it is there at all and how it was born are one commit."""
        strategy = ""
        if (admin.dialect.server_version_info or (0,)) >= (15,):
            strategy = f"STRATEGY {'file_copy' if size >= FILES_FROM else 'wal_log'} "
        owned = f"OWNER {quoted(owner)} " if owner else ""
        run(
            admin,
            f"CREATE DATABASE {quoted(name)} WITH TEMPLATE {quoted(source)} {owned}{strategy}CONNECTION LIMIT {limit}",
        )

    def _at(self, database: str) -> Engine:
        """Make one engine for each database: its first connection asks the server five things about itself."""
        if database not in self._engines:
            self._engines[database] = self._engine(self._url.set(database=database), self._application)
        return self._engines[database]

    @contextmanager
    def _open(self, database: str) -> Iterator[Connection]:
        engine = self._at(database)
        with engine.connect() as connection:
            yield connection
            connection.commit()

    @contextmanager
    def _admin(self) -> Iterator[Connection]:
        """Be connected to where other databases are made, each statement by itself."""
        if self._working is not None:
            yield self._working
            return
        with self._maintenance().execution_options(isolation_level="AUTOCOMMIT") as admin:
            yield admin

    def _maintenance(self) -> Connection:
        """Connect to the first of these databases that lets us in.

        Raises:
            DatabaseError: none lets us in.
        """
        refused: Any = None
        for name in (each for each in _MAINTENANCE if not (self.keeps_out and each == self._database)):
            try:
                connection = self._at(name).connect()
                if own(connection):
                    _set(connection)
                connection.rollback()
                return connection
            except sa.exc.DBAPIError as error:
                refused = error
        if _answers_none(refused.orig):
            raise translate(refused.orig, self._url) from refused
        raise DatabaseError(
            f"a database to work from is wanted, and neither {' nor '.join(_MAINTENANCE)} lets this role in",
            hint=f"GRANT CONNECT ON DATABASE postgres to it; {self.instead}",
        ) from refused


def _set(connection: Connection) -> None:
    """Let statements take their time: a DROP DATABASE that is cut off cannot be taken back."""
    version = connection.dialect.server_version_info or (0,)
    names = ["statement_timeout", "lock_timeout", *(["transaction_timeout"] if version >= (17,) else [])]
    connection.execute(sa.select(*(sa.func.set_config(name, "0", False) for name in names)))
    connection.commit()


def own(connection: Connection) -> bool:
    """Tell whether the session is this connection's own, and not a pooler's, which gives clients numbers of its own."""
    return bool(connection.scalar(sa.text("SELECT pg_backend_pid()")) == driver_of(connection).info.backend_pid)


def _answers_none(error: psycopg.Error) -> bool:
    """Tell whether no database of the server would have let us in: there is no server, no role, a wrong password."""
    said = str(error)
    return "FATAL" not in said or "authentication failed" in said or ("role" in said and "does not exist" in said)
