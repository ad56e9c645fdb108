"""Databases for the length of a command, on the server of the one at hand and like it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import pymysql
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from tdm_seed.dialects.mysql import definitions
from tdm_seed.dialects.mysql.definitions import quoted, run
from tdm_seed.dialects.throwaway import INSTEAD, MARK, PREFIX, SIGN, new_run, run_of
from tdm_seed.errors import DatabaseError

_DENIED: Final = (1044, 1142, 1227)
#: Seconds that a drop waits for those who use a table: the session of a run that was killed may be at work still.
_PATIENCE: Final = 5
#: Seconds after which a server cuts a connection that does nothing: as many as it takes.
_FOREVER: Final = 2_147_483

_KNOWN = sa.text("SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE :pattern ORDER BY 1")
_TABLES = sa.text(
    "SELECT table_name FROM information_schema.tables WHERE table_schema = :name "
    "AND table_type NOT IN ('VIEW', 'SEQUENCE') ORDER BY 1"
)
_LIKE = sa.text(
    "SELECT default_character_set_name AS charset, default_collation_name AS collation "
    "FROM information_schema.schemata WHERE schema_name = :name"
)


class Neighbours:
    """The databases of one run, which holds a named lock as long as there are any."""

    def __init__(self, engine: Callable[[URL], Engine], url: URL, connection: Connection, like: str | None) -> None:
        self._engine = engine
        self._url = url
        self._connection = connection
        self._like = like
        self._run = new_run()
        self._made: list[str] = []

    @classmethod
    @contextmanager
    def alive(cls, engine: Callable[[URL], Engine], url: URL) -> Iterator[Neighbours]:
        """Hold the lock, drop what others have left, and in the end what is ours.

        The database at hand need not be there, unless only a file of options names it.
        """
        plain = url.difference_update_query(["database", "db"])
        given = url.database or url.query.get("database") or url.query.get("db")
        name = given if isinstance(given, str) else None
        with engine(plain.set(database="")).connect() as connection:
            run(connection, f"SET SESSION wait_timeout = {_FOREVER}, lock_wait_timeout = {_PATIENCE}")
            run(connection, "SET SESSION foreign_key_checks = 0")
            made = cls(engine, plain, connection, name or run(connection, "SELECT DATABASE()").scalar())
            made._sweep()
            run(connection, f"DO GET_LOCK('{made._run}', 0)")
            try:
                yield made
            finally:
                with suppress(sa.exc.DBAPIError):  # the next run drops what is left
                    for each in made._made:
                        made._drop(each)

    def new(self) -> URL:
        """Create one of the same character set and collation, with the table by which it is known."""
        name = f"{self._run}_{len(self._made)}"
        self._made.append(name)
        like = self._connection.execute(_LIKE, {"name": self._like}).first()
        alike = f" CHARACTER SET {like.charset} COLLATE {like.collation}" if like else ""
        try:
            run(self._connection, f"CREATE DATABASE {quoted(name)}{alike}")
            run(self._connection, f"CREATE TABLE {quoted(name)}.{MARK} (made_by VARCHAR(100) PRIMARY KEY)")
            run(self._connection, f"INSERT INTO {quoted(name)}.{MARK} VALUES ('{SIGN}')")
            self._connection.commit()
        except sa.exc.DBAPIError as error:
            if isinstance(error.orig, pymysql.Error) and error.orig.args[0] in _DENIED:
                raise DatabaseError(
                    "this user may not create databases, and check works in one of its own",
                    hint=f"Let an administrator run: GRANT ALL ON `tdm\\_seed\\_check\\_%`.* TO it; or {INSTEAD}",
                ) from error
            raise
        return self._url.set(database=name)

    def copy(self, source: URL) -> URL:
        """Make everything again, with its rows."""
        made = self.new()
        with self._engine(source).connect() as connection:
            of = str(run(connection, "SELECT DATABASE()").scalar())  # which may stand in a file of options
            found = definitions.read(connection)
        tables = [each for each in found if each.kind == "TABLE"]
        pairs = ((of, each.name, str(made.database), each.name) for each in tables)
        with self._engine(made).connect() as connection:
            checks = ", check_constraint_checks = 0" if getattr(connection.dialect, "is_mariadb", False) else ""
            run(connection, f"SET SESSION foreign_key_checks = 0{checks}")
            definitions.make(connection, (each for each in found if each.kind == "SEQUENCE"))
            definitions.make(connection, tables)
            run(connection, "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'")
            for _ in definitions.copy_rows(connection, pairs):
                connection.commit()
            definitions.make(connection, (each for each in found if each.kind not in ("SEQUENCE", "TABLE")))
            connection.commit()
        return made

    def drop(self, url: URL) -> None:
        """Drop it, as soon as nobody uses one of its tables."""
        self._drop(str(url.database))

    def _sweep(self) -> None:
        """Drop what is known for ours, or empty, and is of a run that holds no lock, where we may.

        The list is read before the locks: a run takes its lock before it makes anything, and frees it behind the last.
        """
        pattern = PREFIX.replace("_", r"\_") + "%"
        found = [str(name) for name in self._connection.scalars(_KNOWN, {"pattern": pattern})]
        for name in found:
            whose = run_of(name)
            if whose and run(self._connection, f"SELECT IS_FREE_LOCK('{whose}')").scalar() == 1:
                with suppress(sa.exc.DBAPIError):  # another user's, or another run is at it
                    if self._ours(name):
                        self._drop(name)
        self._connection.rollback()

    def _ours(self, name: str) -> bool:
        tables = self._connection.scalars(_TABLES, {"name": name}).all()
        return not tables or MARK in tables

    def _drop(self, name: str) -> None:
        """Drop the table by which it is known last, so that what is cut off is known."""
        if tables := [each for each in self._connection.scalars(_TABLES, {"name": name}) if each != MARK]:
            run(self._connection, f"DROP TABLE {', '.join(f'{quoted(name)}.{quoted(each)}' for each in tables)}")
        run(self._connection, f"DROP DATABASE IF EXISTS {quoted(name)}")
