"""MySQL and MariaDB through PyMySQL."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ClassVar

import pymysql
import sqlalchemy as sa
from pymysql.constants import CLIENT
from sqlalchemy.dialects import mysql as types
from sqlalchemy.engine import URL, Connection, Engine

from tdm_seed.dialects import orphans
from tdm_seed.dialects.appending import Down, Plainly, Taken
from tdm_seed.dialects.base import Dialect, HeldLock
from tdm_seed.dialects.failed import StatementFailed
from tdm_seed.dialects.mysql import checks, holders, insert, local_infile, lock, rebuild, reflected
from tdm_seed.dialects.mysql import columns as columnar
from tdm_seed.dialects.mysql.copies import RESTORING, Copies
from tdm_seed.dialects.mysql.errors import translate
from tdm_seed.dialects.mysql.rewinds import Rewinds
from tdm_seed.dialects.mysql.waits import limit, waiting
from tdm_seed.dialects.orphans import ForeignKey
from tdm_seed.dialects.statements import Statement
from tdm_seed.dialects.throwaway import MARK
from tdm_seed.dialects.waiting import Claim
from tdm_seed.errors import SeedError, TdmSeedError

#: Statements that commit what came before them.
#: https://dev.mysql.com/doc/refman/8.0/en/implicit-commit.html
#: https://mariadb.com/kb/en/sql-statements-that-cause-an-implicit-commit/
_COMMITS = frozenset(
    "ALTER ANALYZE CACHE CHANGE CHECK CREATE DROP FLUSH GRANT INSTALL LOCK OPTIMIZE RENAME REPAIR RESET REVOKE "
    "SHUTDOWN START STOP TRUNCATE UNINSTALL UNLOCK".split()
)

_TEMPORARY = (("CREATE", "TEMPORARY"), ("DROP", "TEMPORARY"))

#: Statements that answer once for each query inside them, and then once more.
_ANSWERS_OFTEN = frozenset({"CALL", "EXECUTE"})

#: Seconds that a chunk waits for another one, and for whoever else has a row or the table: then it goes by itself.
_PATIENCE = 1


class MySQL(Rewinds, Dialect, Copies):
    """MySQL 8 and MariaDB 10.6 and later."""

    name: ClassVar[str] = "mysql"
    title: ClassVar[str] = "MySQL"
    driver: ClassVar[str] = "mysql+pymysql"
    default_port: ClassVar[int | None] = 3306
    tokenizer: ClassVar[str] = "mysql"
    # Values inside a statement lose the column's exact type (FLOAT, DATETIME(0), charset), and a derived table may
    # not read the table that an UPDATE writes (error 1093): always a temporary table, 0.3 ms on MariaDB 10.11.
    inline_rows: ClassVar[int] = 0
    transactional_ddl: ClassVar[bool] = False
    driver_errors: ClassVar[tuple[type[Exception], ...]] = (sa.exc.SQLAlchemyError, pymysql.Error)
    checks_at_statement_end: ClassVar[bool] = False
    defers_for_all: ClassVar[bool] = True
    way_round: ClassVar[str] = "foreign keys are not looked at as rows come, and are proven by a query afterwards"
    numbering_restarts: ClassVar[bool] = True
    takes_down: ClassVar[bool] = True

    def creation(self, url: URL) -> str | None:
        """Give a statement for the client that both products have, which asks for the password."""
        given = {"-S": url.query.get("unix_socket"), "-h": url.host, "-P": url.port, "-u": url.username}
        options = [word for flag, value in given.items() if value for word in (flag, str(value))]
        name = str(url.database).replace("`", "``")
        return shlex.join(["mysql", *options, "-p", "-e", f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4"])

    def identity(self, url: URL) -> tuple[Any, ...]:
        """A socket in the query stands for the local server of that socket."""
        return (*super().identity(url)[:2], url.query.get("unix_socket", url.port or 3306), url.database)

    def engine(self, url: URL, application: str) -> Engine:
        """Make an engine whose sessions are strict, in UTC, and see what others committed.

        The number 0 is a number like any other, since a seed that gives it means it; rows that leave the column out or
        give NULL are numbered all the same. READ COMMITTED, since at MySQL's default the INSERT … SELECT of an upsert
        locks gaps, and a second look at a row after a lost race would still see the old snapshot.
        """
        engine = sa.create_engine(
            url.update_query_dict({"charset": "utf8mb4"}),
            poolclass=sa.pool.NullPool,
            isolation_level="READ COMMITTED",
            connect_args={
                "client_flag": CLIENT.MULTI_STATEMENTS | CLIENT.FOUND_ROWS,
                "program_name": application,
                "connect_timeout": 10,
            },
        )

        checks.watch(engine)
        local_infile.install(engine)

        @sa.event.listens_for(engine, "connect")
        def connect(connection: pymysql.Connection[Any], _record: object) -> None:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SET time_zone = '+00:00', innodb_lock_wait_timeout = 50, "
                    "sql_mode = CONCAT_WS(',', NULLIF(@@sql_mode, ''), 'STRICT_ALL_TABLES', 'NO_AUTO_VALUE_ON_ZERO')"
                )

        return engine

    def names(self, connection: Connection) -> tuple[str, ...]:
        """MariaDB answers to both names, its own first."""
        return ("mariadb", "mysql") if getattr(connection.dialect, "is_mariadb", False) else ("mysql",)

    def server(self, connection: Connection) -> str:
        """Tell MariaDB from MySQL."""
        title = "MariaDB" if self.names(connection)[0] == "mariadb" else self.title
        return super().server(connection).replace(self.title, title, 1)

    def lock(self, connection: Connection, claim: Claim) -> AbstractContextManager[HeldLock]:
        """Hold GET_LOCK on the very connection that writes: who loses the lock loses the transaction."""
        return lock.run_lock(connection, claim)

    @contextmanager
    def transaction(self, connection: Connection, *, write: bool) -> Iterator[sa.engine.RootTransaction]:
        """Begin with foreign keys on, whatever a seed that failed has left behind."""
        with super().transaction(connection, write=write) as transaction:
            checks.touched(connection)
            yield transaction

    def names_database(self, url: URL) -> bool:
        """Without one, no table has a place."""
        return bool(url.database) or any(name in url.query for name in ("database", "db", "read_default_file"))

    def attempt(self, connection: Connection) -> AbstractContextManager[object]:
        """A statement that fails is taken back by itself."""
        return nullcontext()

    def settle(self, connection: Connection) -> None:
        """Prove every foreign key where a seed has switched the checks off or on by hand."""
        if checks.touched(connection):
            self.prove_constraints(connection, [sa.table(name) for name in sa.inspect(connection).get_table_names()])

    def refusal(self, statement: Statement) -> str | None:
        """Refuse what commits implicitly: the rows before it could not be taken back."""
        if reason := super().refusal(statement):
            return reason
        words = statement.words
        temporary = words[:2] in _TEMPORARY or words[:4] == ("CREATE", "OR", "REPLACE", "TEMPORARY")
        commits = statement.verb in _COMMITS or (statement.verb == "SET" and "AUTOCOMMIT" in words)
        if commits and not temporary and words[:2] != ("START", "SLAVE"):
            shown = " ".join(" ".join(words[:2]).split()[:2])  # LOCK TABLES is one word
            return f"{shown} commits implicitly on this database, so the seed could no longer be taken back"
        return None

    def statements(self, sql: str) -> list[Statement]:
        """Refuse executable comments between statements, which a tokenizer takes for comments and the server runs.

        Raises:
            SeedError: with the line of the comment.
        """
        found, start = super().statements(sql), 0
        for statement in found:
            place = sql.index(statement.text, start)
            _refuse_executable(sql, start, place)
            start = place + len(statement.text)
        _refuse_executable(sql, start, len(sql))
        return found

    def run(self, connection: Connection, sql: str, statements: Sequence[Statement]) -> list[int]:
        """Send the script as one multi-statement; the number of results tells which statement failed.

        The server takes no empty statement between two semicolons, so only what was told apart is sent. What may answer
        more than once is sent by itself.
        """
        if any(statement.verb in _ANSWERS_OFTEN for statement in statements) and len(statements) > 1:
            return [self._alone(connection, statement) for statement in statements]
        if not statements:
            return []
        driver: pymysql.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
        checks.note(connection, statements)
        counts: list[int] = []
        with driver.cursor() as cursor:
            try:
                cursor.execute(";\n".join(statement.text for statement in statements))
                counts.append(cursor.rowcount)
                while cursor.nextset():
                    counts.append(cursor.rowcount)
            except pymysql.Error as error:
                done = len(counts)
                line = statements[done].line if done < len(statements) else None
                raise StatementFailed(line, error) from error
        return counts[: len(statements)]

    def _alone(self, connection: Connection, statement: Statement) -> int:
        try:
            return self.run(connection, statement.text, [statement])[0]
        except StatementFailed as failed:
            raise StatementFailed(statement.line, failed.cause) from failed.cause

    def load(
        self, connection: Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> int:
        """Append rows with LOAD DATA where both sides allow it, else with INSERTs of many rows."""
        return insert.load(connection, table, columns, rows)

    def load_columns(
        self, connection: Connection, table: sa.Table, columns: Sequence[str], schema: Any, batches: Iterator[Any],
        plainly: Plainly, *, at_hand: bool,
    ) -> Taken | None:  # fmt: skip
        """Append with LOAD DATA where it may be, from lines that are written column by column."""
        return columnar.load(connection, table, columns, schema, batches, plainly, at_hand=at_hand)

    def about(self, connection: Connection, table: sa.Table) -> int:
        """Take the planner's estimate."""
        return rebuild.about(connection, table)

    def loads_by(self, connection: Connection, table: sa.Table) -> str:
        """LOAD DATA, where both sides allow it."""
        return "LOAD DATA" if insert.takes_files(connection, table, list(table.columns)) else "INSERT"

    def take_down(
        self, connection: Connection, table: sa.Table, note: Callable[[Sequence[Down]], None]
    ) -> Iterator[str]:
        """Take down secondary indexes, unique and foreign keys."""
        return rebuild.take_down(connection, table, note)

    def loads_beside(self, connection: Connection, table: sa.Table) -> bool:
        """Ask for a table without triggers on INSERT."""
        return not rebuild.has_triggers(connection, table)

    def impatient(self, connection: Connection) -> AbstractContextManager[None]:
        """Have the server give up."""
        return waiting(connection, _PATIENCE)

    def build(self, connection: Connection, downs: Sequence[Down]) -> None:
        """Build what is missing, each table in one pass over its rows."""
        for name in dict.fromkeys(each.table for each in downs):
            rebuild.build(connection, [each for each in downs if each.table == name])

    def source_body(self, connection: Connection, shape: sa.Select[Any]) -> str:
        """CREATE … SELECT copies NOT NULL too; a UNION with NULLs takes it away and keeps the types."""
        nulls = sa.select(*(sa.null() for _ in shape.selected_columns)).where(sa.text("1 = 0"))
        both: sa.CompoundSelect[Any] = sa.union_all(shape, nulls)
        return str(both.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))

    def create_source(self, connection: Connection, name: str, body: str, key: Sequence[str] = ()) -> None:
        """Create the index together with the table: CREATE INDEX commits, even on a temporary table.

        A rollback does not take a temporary table away, so one of a failed call may still be there.
        """
        replace = self.names(connection)[0] == "mariadb"
        if not replace:
            connection.exec_driver_sql(f"DROP TEMPORARY TABLE IF EXISTS {name}")
        index = f"(KEY ({', '.join(key)})) " if key else ""
        create = "CREATE OR REPLACE" if replace else "CREATE"
        connection.exec_driver_sql(f"{create} TEMPORARY TABLE {name} {index}AS {body}")

    def drop_source(self, connection: Connection, name: str) -> None:
        """Say TEMPORARY, since a bare DROP TABLE commits."""
        quoted = connection.dialect.identifier_preparer.quote(name)
        connection.exec_driver_sql(f"DROP TEMPORARY TABLE {quoted}")

    def different(self, ours: sa.Column[Any], given: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Compare text as bytes: ``'a' <=> 'A'`` and ``'a' <=> 'a '`` are true otherwise."""
        if isinstance(ours.type, (sa.String, sa.Enum)):
            return sa.cast(ours, sa.LargeBinary).is_distinct_from(sa.cast(given, sa.LargeBinary))
        if isinstance(ours.type, sa.JSON):
            text = sa.Text()
            return sa.cast(sa.cast(ours, sa.CHAR), sa.LargeBinary).is_distinct_from(
                sa.cast(sa.cast(sa.type_coerce(given, text), sa.CHAR), sa.LargeBinary)
            )
        return ours.is_distinct_from(given)

    def numbered(self, table: sa.Table) -> sa.Column[Any] | None:
        """Give the AUTO_INCREMENT column."""
        return next((column for column in table.columns if column.autoincrement is True), None)

    @contextmanager
    def emptying(self, connection: Connection, patience: float) -> Iterator[None]:
        """Wait no longer, for rows and for tables."""
        with super().emptying(connection, patience), waiting(connection, limit(patience)):
            yield

    def delete_all(self, connection: Connection, table: sa.TableClause) -> None:
        """Say who may be in the way where that is waited for in vain."""
        with holders.told(connection, [table.name]):
            super().delete_all(connection, table)

    def restart_identity(self, connection: Connection, table: sa.Table, going_on: Collection[str]) -> None:
        """Set AUTO_INCREMENT back, which commits. InnoDB makes of 1 what follows the largest number in use."""
        named = connection.dialect.identifier_preparer.format_table(table)
        with holders.told(connection, [table.name]):
            connection.exec_driver_sql(f"ALTER TABLE {named} AUTO_INCREMENT = 1")

    def raw(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        """Give a FLOAT as a double: by itself it is shown with six digits."""
        if isinstance(column.type, types.FLOAT):
            return sa.type_coerce(column.op("+")(sa.literal_column("0e0")), sa.types.NullType())
        return super().raw(column)

    def defer(self, connection: Connection, tables: Sequence[sa.TableClause], *, nested: bool) -> list[str]:
        """Switch the checks off; the server itself never looks back, so the keys are proven by anti-joins."""
        connection.exec_driver_sql(checks.OFF)
        return []

    def undefer(self, connection: Connection) -> None:
        """Switch the checks on again, unless the connection is gone."""
        if not connection.invalidated:
            connection.exec_driver_sql(checks.ON)

    def any_order(self, connection: Connection, table: sa.Table, *, rebuild: bool) -> AbstractContextManager[str]:
        """Switch the checks off, and prove what the table points to."""
        return self._proven_afterwards(connection, table, self.way_round)

    def prove_constraints(
        self, connection: Connection, tables: Sequence[sa.TableClause], grown: Sequence[sa.TableClause] = ()
    ) -> None:
        """Look into the other databases of the server, too, whose rows may have lost what they point to."""
        schemas = {table.schema for table in (*tables, *grown)}
        others = self.other_schemas(connection) if tables else ()
        orphans.find(connection, tables, self.foreign_keys(connection, {*schemas, *others}), grown)

    def inner_tables(self, connection: Connection, schema: str | None = None) -> list[str]:
        """Name the table by which a database is known that is thrown away, and the one in a half restored one."""
        return [MARK, RESTORING]

    def other_schemas(self, connection: Connection) -> list[str]:
        """List the databases of the server whose tables point into this one, as far as the user may see them."""
        return reflected.pointing_databases(connection)

    def row_triggers(self, connection: Connection, table: sa.Table) -> list[str]:
        """Name the triggers before rows are written, which may give them other values."""
        return reflected.triggers(connection, table)

    def foreign_keys(self, connection: Connection, schemas: Collection[str | None]) -> Iterable[ForeignKey]:
        """Ask for all at once: reflection reads the definition of every table of the schema."""
        return reflected.foreign_keys(connection, schemas)

    def refine(self, connection: Connection, table: sa.Table) -> None:
        """Correct types that reflection leaves open."""
        reflected.refine(connection, table, mariadb=self.names(connection)[0] == "mariadb")

    def translate_error(self, error: BaseException, url: URL | None = None) -> TdmSeedError:
        """Turn the server's error number into a sentence."""
        cause = getattr(error, "orig", None) or error
        if isinstance(cause, pymysql.Error):
            return translate(cause, url)
        return super().translate_error(error, url)


def _refuse_executable(sql: str, start: int, end: int) -> None:
    place = min((at for mark in ("/*!", "/*M!") if (at := sql.find(mark, start, end)) >= 0), default=-1)
    if place >= 0:
        raise SeedError(
            "a comment that the server would run stands by itself",
            line=sql.count("\n", 0, place) + 1,
            hint="Write what is inside /*! … */ as a statement, or take it out.",
        )
