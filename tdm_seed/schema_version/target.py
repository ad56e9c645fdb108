"""The database that an ``env.py`` is to work with."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from types import TracebackType

from sqlalchemy import URL
from sqlalchemy.engine import Connection, Engine

from tdm_seed import dialects
from tdm_seed.dialects.wording import place

#: What the server's list of sessions shows.
APPLICATION = "tdm-seed migrate"


class Target:
    """A database by its URL, or by a connection that its owner lends; ours are opened late and closed at the end."""

    def __init__(self, url: str, lent: Connection | None = None) -> None:
        self.dialect, self.url = dialects.resolve(url)
        self.lent = lent
        self._open = ExitStack()

    def __enter__(self) -> Target:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._open.close()

    def __str__(self) -> str:
        """Name the database, without user and password."""
        return place(self.url)

    @cached_property
    def engine(self) -> Engine:
        """Give the engine that reaches the database."""
        if self.lent is not None:
            return self.lent.engine
        engine = self.dialect.engine(self.url, APPLICATION)
        self._open.callback(engine.dispose)
        return engine

    @cached_property
    def connection(self) -> Connection:
        """Give a connection to the database.

        Raises:
            DatabaseError: it cannot be reached, as a sentence.
        """
        if self.lent is not None:
            return self.lent
        try:
            connection = self.engine.connect()
        except self.dialect.driver_errors as error:
            raise self.dialect.translate_error(error, self.url) from error
        self._open.callback(connection.close)
        return connection

    @property
    def only_by_connection(self) -> bool:
        """Tell whether a URL leads elsewhere: a database in memory, or a lent transaction that is still open."""
        return self.lent is not None or self.dialect.in_memory(self.url)

    def reached_by(self, connection: Connection) -> bool:
        """Tell whether another connection leads to this database."""
        if connection.engine.pool is self.engine.pool:
            return True
        return not self.only_by_connection and self.named_by(connection.engine.url)

    def named_by(self, url: URL) -> bool:
        """Tell whether a URL leads to this database, whatever its driver and its spelling of the host."""
        return dialects.same_database(
            url.render_as_string(hide_password=False), self.url.render_as_string(hide_password=False)
        )
