"""PostgreSQL through psycopg 3."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, BinaryIO, ClassVar

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as types
from sqlalchemy.engine import URL, Connection, Engine

from tdm_seed.dialects.appending import Plainly, Taken
from tdm_seed.dialects.autocommit import commits_by_itself, refuse_autocommit
from tdm_seed.dialects.base import Dialect, HeldLock
from tdm_seed.dialects.failed import RowRefused
from tdm_seed.dialects.postgresql import (
    blocks,
    constraints,
    copy,
    emptying,
    holders,
    identity,
    insert,
    lock,
    rebuild,
    script,
    staging,
    text,
)
from tdm_seed.dialects.postgresql.copies import Copies
from tdm_seed.dialects.postgresql.errors import creation, translate
from tdm_seed.dialects.postgresql.freeze import can_freeze_own
from tdm_seed.dialects.postgresql.own_keys import OwnKeys
from tdm_seed.dialects.postgresql.places import SCHEMA
from tdm_seed.dialects.postgresql.rebuild import Rebuilds
from tdm_seed.dialects.postgresql.rewinds import Rewinds
from tdm_seed.dialects.statements import Statement
from tdm_seed.dialects.waiting import Claim
from tdm_seed.errors import TdmSeedError

#: Types whose bind casts keep the exact type, so that a value inside a statement equals the stored one.
_INLINE = (sa.Integer, sa.String, sa.Boolean, sa.Date, sa.Uuid, types.JSONB, types.JSON, types.BYTEA, sa.Numeric)
#: Types that compare by value exactly; all others are compared as text.
_EXACT = (
    sa.Integer, sa.Numeric, sa.Boolean, sa.Date, sa.DateTime, sa.Time, sa.Interval, sa.Uuid, sa.LargeBinary, sa.Enum,
)  # fmt: skip

#: Where a reflected table notes that it has rules, and that it has policies which bind us.
_RULES, _POLICIES = "tdm_seed_rules", "tdm_seed_policies"
_NOTES = sa.text("SELECT relhasrules, row_security_active(oid) FROM pg_class WHERE oid = CAST(:name AS regclass)")
#: Bits of tgtype: 2 BEFORE, 4 INSERT, 64 INSTEAD OF.
_ROW_TRIGGERS = sa.text(
    "SELECT 'trigger ' || tgname FROM pg_trigger WHERE tgrelid = CAST(:name AS regclass) AND NOT tgisinternal "
    "AND tgenabled <> 'D' AND tgtype & 66 <> 0 AND tgtype & 4 <> 0 "
    "UNION ALL SELECT 'rule ' || rulename FROM pg_rewrite WHERE ev_class = CAST(:name AS regclass) ORDER BY 1"
)

#: What asyncpg and SQLAlchemy's dialect for it take in a URL, and libpq does not know.
_OF_ASYNCPG = (
    "async_fallback", "command_timeout", "direct_tls", "max_cacheable_statement_size", "max_cached_statement_lifetime",
    "prepared_statement_cache_size", "prepared_statement_name_func", "server_settings", "statement_cache_size",
    "timeout",
)  # fmt: skip


def _session_of(connection: Connection) -> int:
    found: int = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    return found


class PostgreSQL(Rebuilds, Rewinds, OwnKeys, Dialect, Copies):
    """PostgreSQL 13 and later."""

    name: ClassVar[str] = "postgresql"
    title: ClassVar[str] = "PostgreSQL"
    driver: ClassVar[str] = "postgresql+psycopg"
    default_port: ClassVar[int | None] = 5432
    tokenizer: ClassVar[str] = "postgres"
    driver_errors: ClassVar[tuple[type[Exception], ...]] = (sa.exc.SQLAlchemyError, psycopg.Error)
    numbering_restarts: ClassVar[bool] = True
    #: Bytes of a CSV from which it is sent as it stands.
    text_from: ClassVar[int] = text.FROM

    def url(self, url: URL) -> URL:
        """Use psycopg, drop or respell what is asyncpg's, and say what libpq would take from variables.

        Where PGHOST, PGHOSTADDR, PGPORT or PGSERVICE lead, is part of where the database is: whoever checks hosts must
        see it.
        """
        url = super().url(url).difference_update_query(_OF_ASYNCPG)
        if "ssl" in url.query:
            mode = url.query["ssl"]
            url = url.difference_update_query(["ssl"])
            url = url.update_query_dict({"sslmode": "require" if mode == "true" else mode})
        implied = {"hostaddr": "PGHOSTADDR"}
        if not url.host and not url.query.get("host"):
            implied |= {"host": "PGHOST", "service": "PGSERVICE"}
        if not url.port and not url.query.get("port"):
            implied["port"] = "PGPORT"
        found = {name: os.environ[variable] for name, variable in implied.items() if os.environ.get(variable)}
        return url.update_query_dict({name: value for name, value in found.items() if name not in url.query})

    def names_database(self, url: URL) -> bool:
        """Without one, libpq would take the database of the user's own name."""
        said = url.database or os.environ.get("PGDATABASE")
        return bool(said) or any(name in url.query for name in ("dbname", "service"))

    def creation(self, url: URL) -> str | None:
        """Give createdb, which asks for the password."""
        return creation(url)

    def identity(self, url: URL) -> tuple[Any, ...]:
        """Look into the query too: ``?host=/run/postgresql`` is how a socket is named."""
        host = url.query.get("host", url.host)
        port = url.query.get("port", url.port)
        return super().identity(
            url.set(host=str(host) if host else None, port=int(str(port)) if port else None, query={})
        )

    def engine(self, url: URL, application: str) -> Engine:
        """Make an engine whose sessions tell who they are and never guess an encoding."""
        engine = sa.create_engine(
            url,
            poolclass=sa.pool.NullPool,
            connect_args={
                "application_name": application[:63],
                "client_encoding": "utf8",
                "connect_timeout": 10,
                # A plan that was prepared for one temporary table fails on the next of that name ("cached plan must
                # not change result type"), and a pooler in transaction mode knows no plans of other sessions.
                "prepare_threshold": None,
            },
        )
        identity.install(engine)
        return engine

    @contextmanager
    def transaction(self, connection: Connection, *, write: bool) -> Iterator[sa.engine.RootTransaction]:
        """Fix the time zone of the transaction, since literals without one depend on it."""
        with super().transaction(connection, write=write) as transaction:
            connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
            rebuild.forget_postponed(connection)
            yield transaction

    @contextmanager
    def autocommit(self, connection: Connection) -> Iterator[None]:
        """Fix the session's time zone, for want of a transaction to fix it in."""
        with super().autocommit(connection):
            connection.exec_driver_sql("SET TIME ZONE 'UTC'")
            try:
                yield
            finally:
                if not connection.invalidated:
                    connection.exec_driver_sql("RESET TIME ZONE")

    def keeps_session(self, connection: Connection) -> bool:
        """Ask which session answers, with another transaction in between that would get it from a pooler."""
        own = _session_of(connection)
        connection.rollback()
        with connection.engine.connect() as other:
            taken = _session_of(other)
            again = _session_of(connection)
            connection.rollback()
        return own == again != taken

    def lock(self, connection: Connection, claim: Claim) -> AbstractContextManager[HeldLock]:
        """Hold an advisory lock in an open transaction on a connection of its own."""
        return lock.run_lock(connection.engine, claim)

    def guard(self, connection: Connection, key: str) -> None:
        """Take a second advisory lock for the length of the seed's own transaction."""
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(*lock.numbers(key, "seed"))))

    def settle(self, connection: Connection) -> None:
        """Fire deferred constraints now; later ALTERs would fail with "pending trigger events" otherwise."""
        try:
            connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
            rebuild.build_postponed(connection)
        except sa.exc.DBAPIError as error:
            raise self.translate_error(error) from error

    def aborted(self, error: sa.exc.DBAPIError) -> bool:
        """PostgreSQL forgets no error before a rollback, if only one to a savepoint."""
        return isinstance(error.orig, psycopg.errors.InFailedSqlTransaction)

    def run(self, connection: Connection, sql: str, statements: Sequence[Statement]) -> list[int]:
        """Send the script as it is: the server splits it."""
        return script.run(connection, sql, statements)

    def refusal(self, statement: Statement) -> str | None:
        """Refuse COPY from and to the client too: a script has none."""
        if statement.verb == "COPY" and "STDIN" in statement.words:
            return "COPY FROM STDIN needs a client that sends rows; use a CSV beside the seed and db.load"
        if statement.verb == "COPY" and "STDOUT" in statement.words:
            return "COPY TO STDOUT needs a client that takes the rows, and a seed has none"
        return super().refusal(statement)

    def load(
        self, connection: Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> int:
        """Append rows with COPY, or with INSERTs where COPY goes past rules or is refused because of policies."""
        if _copies(table):
            return copy.load(connection, table, columns, rows)
        overriding = bool(self.options_for_keys(table, columns))
        return insert.load(connection, table, columns, rows, overriding=overriding)

    def load_text(
        self, connection: Connection, table: sa.Table, columns: Sequence[str], content: BinaryIO, line_end: bytes,
        most: int | None = None,
    ) -> Taken:  # fmt: skip
        """Send the file as it stands, up to the first record that the server may read in another way than we do."""
        if not _copies(table):
            return Taken()
        try:
            with self.savepoint(connection):
                return text.load(connection, table, columns, content, line_end, self.text_from, most)
        except (RowRefused, psycopg.DataError, psycopg.IntegrityError):
            return Taken()

    def load_columns(
        self, connection: Connection, table: sa.Table, columns: Sequence[str], schema: Any, batches: Iterator[Any],
        plainly: Plainly, *, at_hand: bool,
    ) -> Taken | None:  # fmt: skip
        """Append with COPY in its binary format, from blocks of our own."""
        if not _copies(table):
            return None
        with self.savepoint(connection):
            return blocks.load(connection, table, columns, schema, batches, plainly, at_hand=at_hand)

    def loads_by(self, connection: Connection, table: sa.Table) -> str:
        """COPY, unless the table has rules."""
        return "INSERT" if self.redirects_rows(table) else "COPY"

    def fill_columns(
        self, connection: Connection, source: sa.Table, columns: Sequence[str], schema: Any, batches: Iterator[Any],
        plainly: Plainly, *, at_hand: bool,
    ) -> Taken | None:  # fmt: skip
        """Freeze the rows, so that they are not written again when they are first read."""
        target = (connection, source, columns)
        with self.savepoint(connection):
            return blocks.load(*target, schema, batches, plainly, at_hand=at_hand, may_freeze=can_freeze_own)

    def ready_source(self, connection: Connection, source: sa.Table, rows: int, key: Sequence[str]) -> bool:
        """Index many rows by their key; autovacuum never sees a temporary table, so others need statistics."""
        return staging.ready(connection, source, rows, key)

    def index_source(self, connection: Connection, source: sa.Table, key: Sequence[str]) -> None:
        """Serve the two halves of ``same``, which can be neither hashed nor merged."""
        quoted = connection.dialect.identifier_preparer.format_table(source)
        connection.exec_driver_sql(f"CREATE INDEX ON {quoted} ({', '.join(key)})")

    def may_inline(self, columns: Sequence[sa.Column[Any]]) -> bool:
        """Leave out types whose bind cast loses precision or a modifier, such as REAL, TIMESTAMP(0) and BIT(n)."""
        return all(
            isinstance(column.type, _INLINE)
            and not isinstance(column.type, (sa.Float, sa.Enum, types.DOMAIN))
            and not (isinstance(column.type, sa.String) and column.type.collation)
            and type(column.type) is not sa.String  # "char" and name
            for column in columns
        )

    def same(self, ours: sa.Column[Any], given: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Write NULL's equality out: no index serves IS NOT DISTINCT FROM (20,000 rows: minutes for 0.3 s)."""
        return sa.or_(ours == given, sa.and_(ours.is_(None), given.is_(None)))

    def different(self, ours: sa.Column[Any], given: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Compare text of any collation, json, xml and geometric values as text."""
        plain_text = isinstance(ours.type, sa.String) and not ours.type.collation
        if type(ours.type) is not types.CITEXT and (plain_text or isinstance(ours.type, _EXACT)):
            return ours.is_distinct_from(given)
        ours_text = sa.collate(sa.cast(ours, sa.Text), "C")
        return ours_text.is_distinct_from(sa.collate(sa.cast(given, sa.Text), "C"))

    def numbered(self, table: sa.Table) -> sa.Column[Any] | None:
        """Give the identity column, or the key whose default draws from a sequence."""
        return identity.numbered(table)

    def options_for_keys(self, table: sa.Table, columns: Sequence[str]) -> dict[str, Any]:
        """Ask for OVERRIDING SYSTEM VALUE where a GENERATED ALWAYS column is given a value."""
        always = any(c.identity is not None and c.identity.always for c in table.columns if c.name in columns)
        return {identity.OVERRIDING: True} if always else {}

    def advance_identity(self, connection: Connection, table: sa.Table) -> None:
        """Move the sequence behind the largest number, whoever owns it, never backwards."""
        identity.advance(connection, table)

    @contextmanager
    def emptying(self, connection: Connection, patience: float) -> Iterator[None]:
        """Wait no longer, unless the role has a limit of its own."""
        with super().emptying(connection, patience):
            emptying.be_impatient(connection, patience)
            yield

    def empty(self, connection: Connection, tables: Sequence[sa.TableClause], spare: Sequence[sa.TableClause]) -> None:
        """TRUNCATE them all in one statement, without CASCADE; where tables outside point to them, DELETE."""
        with holders.told(connection, lambda other: emptying.numbers(other, [*tables, *spare]), readers=True):
            if not emptying.truncate(connection, tables, spare):
                super().empty(connection, tables, spare)

    def delete_all(self, connection: Connection, table: sa.TableClause) -> None:
        """Leave out partitions and tables that inherit, which are emptied by themselves."""
        connection.execute(sa.delete(table).with_hint("ONLY", dialect_name=self.name))

    def restart_identity(self, connection: Connection, table: sa.Table, going_on: Collection[str]) -> None:
        """Restart the sequences of a table's columns, whoever owns them; a rollback takes it back."""
        emptying.restart(connection, table, going_on)

    def sequences(self, table: sa.Table) -> Mapping[sa.Column[Any], str]:
        """Name those in defaults; the sequence of an identity column is nobody else's."""
        return {column: sequence for column in table.columns if (sequence := identity.sequence_of(column))}

    def own_rows(self, query: sa.Select[Any], table: sa.FromClause) -> sa.Select[Any]:
        """Leave the rows of partitions and of tables that inherit to those."""
        return query.with_hint(table, "ONLY", self.name)

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

    def defer(self, connection: Connection, tables: Sequence[sa.TableClause], *, nested: bool) -> list[str]:
        """Defer the foreign keys among these tables, making them deferrable for the length of the block.

        Raises:
            SeedError: without a transaction, each statement would be checked by itself.
            DatabaseError: a constraint belongs to another role.
        """
        refuse_autocommit(connection)
        return constraints.defer(connection, tables, nested=nested)

    def undefer(self, connection: Connection) -> None:
        """Leave those that are declared INITIALLY DEFERRED as they are declared."""
        if not connection.invalidated and not commits_by_itself(connection):
            constraints.as_declared(connection)

    def prove_constraints(
        self, connection: Connection, tables: Sequence[sa.TableClause], grown: Sequence[sa.TableClause] = ()
    ) -> None:
        """Let the server prove them: every foreign key that was deferred is checked now."""
        self.settle(connection)

    def refine(self, connection: Connection, table: sa.Table) -> None:
        """Note what the catalogue knows besides columns: rules and policies."""
        name = identity.as_text(connection, table)
        noted = connection.execute(_NOTES, {"name": name}).first() or (False, False)
        table.info.update(zip((_RULES, _POLICIES), noted, strict=True))

    def redirects_rows(self, table: sa.Table) -> bool:
        """Rules may: the row count of a plain INSERT is 0 then."""
        return bool(table.info.get(_RULES))

    def row_triggers(self, connection: Connection, table: sa.Table) -> list[str]:
        """Name the triggers before and instead of an insert, and the rules."""
        name = identity.as_text(connection, table)
        return list(connection.scalars(_ROW_TRIGGERS, {"name": name}))

    def translate_error(self, error: BaseException, url: URL | None = None) -> TdmSeedError:
        """Turn the server's diagnostics into a sentence."""
        cause = getattr(error, "orig", None) or error
        if isinstance(cause, psycopg.Error):
            return translate(cause, url)
        return super().translate_error(error, url)


def _copies(table: sa.Table) -> bool:
    """Tell whether COPY does to a table what INSERT does."""
    return not (table.info.get(_RULES) or table.info.get(_POLICIES))
