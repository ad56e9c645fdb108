"""Emptying tables, and what a reset needs besides, as the contract asks for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.emptying import Emptying
from tdm_seed.dialects.postgresql import constraints, emptying, holders, identity, rewind, views
from tdm_seed.dialects.postgresql.places import SCHEMA

_NAME: Final = "postgresql"


class _Whole(Protocol):
    """What the dialect has besides."""

    def transaction(self, connection: Connection, *, write: bool) -> AbstractContextManager[Any]: ...

    def deferred_constraints(
        self, connection: Connection, tables: Sequence[sa.TableClause]
    ) -> AbstractContextManager[None]: ...

    def loosened(self, connection: Connection, tables: Sequence[sa.TableClause]) -> AbstractContextManager[None]: ...

    def delete_all(self, connection: Connection, table: sa.TableClause) -> None: ...

    def settle(self, connection: Connection) -> None: ...

    def undefer(self, connection: Connection) -> None: ...


class Empties(Emptying):
    """TRUNCATE where that is allowed; sequences begin anew whoever owns them, if only we may use them."""

    @contextmanager
    def emptying(self: _Whole, connection: Connection, patience: float) -> Iterator[None]:
        """Wait no longer, unless the role has a limit of its own; move others' sequences with a commit that is sure."""
        connection.info.pop(rewind.MOVES, None)
        with self.transaction(connection, write=True):
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            emptying.be_impatient(connection, patience)
            yield
            if connection.info.get(rewind.MOVES):
                self.settle(connection)
                rewind.commit(connection)

    def empty(
        self: _Whole, connection: Connection, tables: Sequence[sa.TableClause], spare: Sequence[sa.TableClause]
    ) -> None:
        """TRUNCATE them all in one statement, without CASCADE, or else DELETE."""
        with holders.told(connection, lambda other: emptying.numbers(other, [*tables, *spare]), readers=True):
            if emptying.truncate(connection, tables, spare):
                return
            with self.loosened(connection, tables):
                for table in tables:
                    self.delete_all(connection, table)

    @contextmanager
    def loosened(self: _Whole, connection: Connection, tables: Sequence[sa.TableClause]) -> Iterator[None]:
        """Make no foreign key of another role's deferrable; what is so is deferred all the same."""
        if constraints.ours(connection, tables):
            with self.deferred_constraints(connection, tables):
                yield
            return
        connection.exec_driver_sql("SET CONSTRAINTS ALL DEFERRED")
        yield
        self.settle(connection)
        self.undefer(connection)

    def delete_all(self, connection: Connection, table: sa.TableClause) -> None:
        """Leave out partitions and tables that inherit, which are emptied by themselves."""
        connection.execute(sa.delete(table).with_hint("ONLY", dialect_name=_NAME))

    def restart_identity(self, connection: Connection, table: sa.Table, going_on: Collection[str]) -> None:
        """Restart the sequences of a table's columns, whoever owns them; a rollback takes it back."""
        emptying.restart(connection, table, going_on)

    def sequences(self, table: sa.Table) -> Mapping[sa.Column[Any], str]:
        """Name those in defaults; the sequence of an identity column is nobody else's."""
        return {column: sequence for column in table.columns if (sequence := identity.sequence_of(column))}

    def own_rows(self, query: sa.Select[Any], table: sa.FromClause) -> sa.Select[Any]:
        """Leave the rows of partitions and of tables that inherit to those."""
        return query.with_hint(table, "ONLY", _NAME)

    def parts(self, connection: Connection) -> dict[str, str]:
        """Name partitions and tables that inherit."""
        return emptying.parts(connection)

    def inner_tables(self, connection: Connection, schema: str | None = None) -> list[str]:
        """Name those of extensions, such as PostGIS, and those that only the search path makes seem to be there."""
        return emptying.of_others(connection, schema)

    def other_schemas(self, connection: Connection) -> list[str]:
        """List all but the server's own, and that in which rows are kept."""
        inspector = sa.inspect(connection)
        known = {inspector.default_schema_name, "information_schema", SCHEMA}
        return [name for name in inspector.get_schema_names() if name not in known]

    def see_all(self, connection: Connection) -> None:
        """Refuse to read what a policy hides, and write values as text in one style."""
        emptying.see_all(connection)

    def raw(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        """Give a value of any type as text, which the column's type reads back."""
        return sa.cast(column, sa.Text)

    def refresh_views(
        self, connection: Connection, tables: Sequence[sa.TableClause], patience: float
    ) -> Mapping[str, str]:
        """Compute materialised views anew that hold rows, of any schema, each behind those that it is made of."""
        return views.refresh(connection, tables, patience)
