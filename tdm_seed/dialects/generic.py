"""Any other database that SQLAlchemy speaks to, with plain SQL."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from tdm_seed.dialects.base import Dialect
from tdm_seed.errors import DatabaseError, TdmSeedError

#: Types that a value keeps inside a statement; REAL, CHAR(n) or TIMESTAMP(0) would come back as another value.
_INLINE = (sa.Integer, sa.String, sa.Boolean, sa.Date)

#: How SQL dialects write a default that draws from a sequence: nextval('s'), NEXT VALUE FOR s, s.nextval.
_SEQUENCE = re.compile(r"\bnextval\b|\bnext\s+value\s+for\b", re.IGNORECASE)

#: How often a sequence is drawn from at most, each time a number for every row of its table.
_ROUNDS = 100

#: Statements that a SQLAlchemy dialect writes by itself: reading the catalogue, and defining a table.
_BY_DIALECT = re.compile(r"\b(pg_catalog|information_schema|sys|syscat)\.|^\s*CREATE TABLE\b", re.IGNORECASE)


class Generic(Dialect):
    """Plain SQL and a lock file: slower than a dialect of its own, never wrong.

    It relies on what SQLAlchemy's dialect gives: reflected keys, row counts of INSERT, UPDATE and DELETE, transactions,
    ``CREATE TEMPORARY TABLE … AS``, ``UPDATE … FROM`` and ``IS DISTINCT FROM``.
    """

    locks_across_machines: ClassVar[bool] = False  # a lock file: plain SQL has no locks that outlive a transaction
    # Where a driver begins transactions lazily, the first SAVEPOINT is the transaction and its RELEASE commits
    # (sqlite3 of Python 3.11); others have none at all (DuckDB). Neither can be asked beforehand.
    savepoints: ClassVar[bool] = False
    enforces_foreign_keys: ClassVar[bool] = False  # warehouses only note them down
    defers_foreign_keys: ClassVar[bool] = False  # standard SQL defers only what was declared deferrable
    checks_at_statement_end: ClassVar[bool] = False  # DuckDB looks at each block of rows
    numbering_follows: ClassVar[bool] = False  # sequences are drawn from; identity columns are left as they are
    transactional_ddl: ClassVar[bool] = False  # not known, so not relied on

    def identity(self, url: URL) -> tuple[Any, ...]:
        """Tell databases of different products apart by the URL's scheme."""
        return (url.get_backend_name(), *super().identity(url)[1:])

    def may_inline(self, columns: Sequence[sa.Column[Any]]) -> bool:
        """Inline only types that cannot change on the way."""
        return all(
            isinstance(column.type, _INLINE) and not isinstance(column.type, (sa.CHAR, sa.Enum)) for column in columns
        )

    def create_source(self, connection: Connection, name: str, body: str, key: Sequence[str] = ()) -> None:
        """Drop first what a rollback may have left: not every driver takes temporary tables away with it."""
        quoted = connection.dialect.identifier_preparer.quote(name)
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {quoted}")
        super().create_source(connection, name, body, key)

    def numbered(self, table: sa.Table) -> sa.Column[Any] | None:
        """Give the key that draws from a sequence, or that SQLAlchemy takes for numbered."""
        drawing = [column for column in table.primary_key.columns if _sequence(column)]
        return drawing[0] if drawing else super().numbered(table)

    def advance_identity(self, connection: Connection, table: sa.Table) -> None:
        """Draw from the sequence until it is behind the largest number: setval, RESTART WITH, … differ everywhere.

        Raises:
            DatabaseError: the sequence is too far behind, or may not be drawn from.
        """
        column = self.numbered(table)
        if column is None or (sequence := _sequence(column)) is None:
            return
        try:
            behind = _catch_up(connection, column, sa.literal_column(sequence))
        except sa.exc.DBAPIError as error:
            raise _left_behind(column, sequence) from error
        if behind:
            raise _left_behind(column, sequence)

    def translate_error(self, error: BaseException, url: URL | None = None) -> TdmSeedError:
        """Repeat the database's own words, and say what may be meant by them."""
        found = super().translate_error(error, url)
        if isinstance(error, sa.exc.IntegrityError):
            found.hint = (
                "A key is there already, a parent is missing (tdm-seed cannot defer foreign keys on this database: "
                "load parents in an earlier call), or a row is still referred to."
            )
        elif isinstance(error, sa.exc.DBAPIError) and _BY_DIALECT.search(error.statement or ""):
            found.hint = (
                "The statement was made by the database's SQLAlchemy dialect. Is that made for "
                f"SQLAlchemy {sa.__version__} and for this version of the database?"
            )
        return found


def _sequence(column: sa.Column[Any]) -> str | None:
    """Give the default of a column that draws from a sequence, as SQL."""
    default = column.server_default
    text = str(default.arg) if isinstance(default, sa.DefaultClause) else ""
    return text if _SEQUENCE.search(text) else None


def _catch_up(connection: Connection, column: sa.Column[Any], draw: sa.ColumnElement[Any]) -> bool:
    """Draw as often as is missing, a number for every row of the table at a time; tell whether that was not enough."""
    largest = connection.scalar(sa.select(sa.func.max(column)))
    drawn = connection.scalar(sa.select(draw)) if largest is not None else None
    for _ in range(_ROUNDS):
        if drawn is None or drawn >= largest:
            return False
        numbers = sa.select(draw.label("n")).select_from(column.table).limit(largest - drawn).subquery()
        drawn = connection.scalar(sa.select(sa.func.max(numbers.c.n)))
    return True


def _left_behind(column: sa.Column[Any], sequence: str) -> DatabaseError:
    return DatabaseError(
        f"numbers were given, but {sequence} would go on to give the same ones, and could not be moved behind them",
        table=column.table.fullname,
        column=column.name,
        hint="Leave the column out of the rows, take the default away from it, or move the sequence by hand before.",
    )
