"""A dialect from elsewhere: an imaginary database, which SQLite's driver plays."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from tdm_seed.dialects.autocommit import commits_by_itself
from tdm_seed.dialects.base import Dialect


class Papyrus(Dialect):
    """Papyrus, as tdm-seed needs it: everything else is the plain SQL of the base."""

    name: ClassVar[str] = "papyrus"
    title: ClassVar[str] = "Papyrus"
    tokenizer: ClassVar[str] = "sqlite"
    locks_across_machines: ClassVar[bool] = False  # the lock file of the base
    defers_foreign_keys: ClassVar[bool] = False

    def file(self, url: URL) -> Path | None:
        """Give the scroll."""
        return Path(url.database).absolute() if url.database else None

    def engine(self, url: URL, application: str) -> Engine:
        """Begin transactions at once, so that savepoints stand inside them, and check foreign keys."""
        engine = super().engine(url, application)

        @sa.event.listens_for(engine, "connect")
        def connect(connection: sqlite3.Connection, _record: object) -> None:
            connection.isolation_level = None
            connection.execute("PRAGMA foreign_keys=ON")

        @sa.event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            if not commits_by_itself(connection):
                connection.exec_driver_sql("BEGIN")

        return engine

    def names(self, connection: Connection) -> tuple[str, ...]:
        """Answer to its own name, not to the driver's."""
        return (self.name,)
