"""The part of the contract that empties tables, with plain SQL where that is right everywhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection


class _Transactions(Protocol):
    """What a dialect needs besides, and has."""

    def transaction(self, connection: Connection, *, write: bool) -> AbstractContextManager[Any]: ...

    def deferred_constraints(
        self, connection: Connection, tables: Sequence[sa.TableClause]
    ) -> AbstractContextManager[None]: ...

    def delete_all(self, connection: Connection, table: sa.TableClause) -> None: ...


class Emptying:
    """How a reset empties a database, and reads the rows that it brings back."""

    @contextmanager
    def emptying(self: _Transactions, connection: Connection, patience: float) -> Iterator[None]:
        """Open the transaction in which tables are emptied and rows brought back.

        Whoever uses one of them is waited for so many seconds at most, where the database can be told.
        """
        with self.transaction(connection, write=True):
            yield

    def empty(
        self: _Transactions, connection: Connection, tables: Sequence[sa.TableClause], spare: Sequence[sa.TableClause]
    ) -> None:
        """Delete every row of these tables, which come children first, inside ``emptying``.

        No rows of other tables point to them: the caller has looked. Never by a statement that takes other tables
        along, but for those in ``spare``, which hold no rows and are to be emptied, too.
        """
        with self.deferred_constraints(connection, tables):
            for table in tables:
                self.delete_all(connection, table)

    def loosened(
        self: _Transactions, connection: Connection, tables: Sequence[sa.TableClause]
    ) -> AbstractContextManager[None]:
        """Let foreign keys of these tables be broken inside the block, as far as this role may have that.

        Rows go children first, and come back parents first, so that only circles need it.
        """
        return self.deferred_constraints(connection, tables)

    def delete_all(self, connection: Connection, table: sa.TableClause) -> None:
        """Delete every row that a table itself holds, whatever is deferred at the moment."""
        connection.execute(sa.delete(table))

    def restart_identity(self, connection: Connection, table: sa.Table, going_on: Collection[str]) -> None:
        """Let a table's numbers begin anew, but for the ``sequences`` in ``going_on``.

        Where ``transactional_ddl`` is False this may commit, and is repeatable.
        """

    def sequences(self, table: sa.Table) -> Mapping[sa.Column[Any], str]:
        """Name the sequences that columns draw from and that other tables may draw from, too."""
        return {}

    def own_rows(self, query: sa.Select[Any], table: sa.FromClause) -> sa.Select[Any]:
        """Leave out of a query the rows that a table shows but another one holds."""
        return query

    def parts(self, connection: Connection) -> dict[str, str]:
        """Name the tables whose rows are seen through another one, with that one."""
        return {}

    def inner_tables(self, connection: Connection, schema: str | None = None) -> list[str]:
        """Name the tables listed for a schema that are no content of it, such as those that others are made of."""
        return []

    def other_schemas(self, connection: Connection) -> list[str]:
        """List the schemas from which foreign keys may lead into the default one."""
        return []

    def see_all(self, connection: Connection) -> None:
        """For the rest of the transaction, let no row be hidden, and each value be written alike whoever reads it."""

    def raw(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        """Select a column as the driver gives it, in a form that an INSERT without types writes back exactly."""
        return sa.type_coerce(column, sa.types.NullType())

    def refresh_views(
        self, connection: Connection, tables: Sequence[sa.TableClause], patience: float
    ) -> Mapping[str, str]:
        """Compute anew what views hold of these tables' rows; give those that stay as they were, and why.

        Whoever reads one is waited for, so many seconds at most.
        """
        return {}
