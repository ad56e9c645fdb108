"""Foreign keys that are put off to the end of a block, in any order of rows and at no cost that grows with both."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.autocommit import commits_by_itself, refuse_autocommit
from tdm_seed.dialects.deferring import Deferring
from tdm_seed.dialects.sqlite import foreign_keys


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Give the driver's own connection."""
    found: Any = connection.connection.driver_connection
    assert isinstance(found, sqlite3.Connection)
    return found


class Deferred(Deferring):
    """How SQLite defers foreign keys: all of them at once."""

    awaits: ClassVar[bool] = True
    defers_for_all: ClassVar[bool] = True
    way_round: ClassVar[str] = "foreign keys are deferred, and proven afterwards"

    def defer(self, connection: Connection, tables: Sequence[sa.TableClause], *, nested: bool) -> list[str]:
        """Defer every foreign key until the block ends.

        Raises:
            SeedError: without a transaction, each statement would be checked by itself.
        """
        refuse_autocommit(connection)
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        return []

    @contextmanager
    def savepoint(self, connection: Connection) -> Iterator[None]:
        """Look for no savepoint that is gone: where the disk is full, SQLite takes back the transaction by itself."""
        if commits_by_itself(connection):
            yield
            return
        nested = connection.begin_nested()
        try:
            yield
        except BaseException:
            gone = not driver_of(connection).in_transaction
            with suppress(sa.exc.DBAPIError) if gone else nullcontext():
                nested.rollback()
            raise
        nested.commit()

    def undefer(self, connection: Connection) -> None:
        """Look at every row again."""
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=OFF")

    @contextmanager
    def any_order(self, connection: Connection, table: sa.Table, *, rebuild: bool) -> Iterator[str]:
        """Defer the keys, with an index that serves those to the table itself."""
        if self.deferring(connection) or not connection.exec_driver_sql("PRAGMA defer_foreign_keys").scalar():
            with (
                self._proven_afterwards(connection, table, self.way_round) as possible,
                self.awaited(connection, table),
            ):
                yield possible
            return
        with self.awaited(connection, table):  # the seed has deferred them by hand, and it is looked at its end
            yield self.way_round

    def awaited(self, connection: Connection, table: sa.Table) -> AbstractContextManager[None]:
        """Index the foreign keys that point to the table."""
        if commits_by_itself(connection):
            return nullcontext()
        return foreign_keys.indexed(driver_of(connection), table.name)

    def prove_constraints(
        self, connection: Connection, tables: Sequence[sa.TableClause], grown: Sequence[sa.TableClause] = ()
    ) -> None:
        """Run ``foreign_key_check`` over these tables and over those that point to ``tables``."""
        driver = driver_of(connection)
        around = foreign_keys.around(driver, [table.name for table in tables])
        foreign_keys.prove(driver, sorted({*around, *(table.name for table in grown)}))
