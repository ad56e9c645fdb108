"""Snapshots as databases beside the one at hand: rows in tables of their own, all else as statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Final

import pymysql
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tdm_seed.dialects.mysql import definitions, keeping, lending
from tdm_seed.dialects.mysql.copies import RESTORING
from tdm_seed.dialects.mysql.definitions import Definition, quoted, run
from tdm_seed.dialects.mysql.waits import NAMES, limit
from tdm_seed.dialects.snapshots import Mark, Snapshot, dropped_meanwhile, foreign, name_of, of_another_version
from tdm_seed.dialects.waiting import Claim
from tdm_seed.errors import DatabaseError, Locked

#: The table by which a snapshot is known; its row number 0, written last, is the mark.
TABLE: Final = "tdm_seed_snapshot"
_DENIED: Final = (1044, 1142, 1227)
#: There is no such database, no such table.
_GONE: Final = (1049, 1146)
_WAITED: Final = 1205
_MODE: Final = "sql_mode = 'NO_AUTO_VALUE_ON_ZERO'"

_KNOWN = sa.text(
    "SELECT m.table_schema AS name, (SELECT sum(t.data_length + t.index_length) FROM information_schema.tables t "
    "WHERE t.table_schema = m.table_schema) AS size FROM information_schema.tables m "
    f"WHERE m.table_name = '{TABLE}' AND m.table_schema LIKE 'tdm\\\\_seed\\\\_%' ORDER BY 1"
)
_TABLES = sa.text("SELECT table_name FROM information_schema.tables WHERE table_schema = :name ORDER BY 1")
_WITH_ROWS = sa.text(
    "SELECT table_name FROM information_schema.tables WHERE table_schema = :name "
    "AND table_type NOT IN ('VIEW', 'SEQUENCE') ORDER BY 1"
)


class Siblings:
    """The store of a MySQL or MariaDB server, for one of its databases."""

    def __init__(self, engine: Engine, database: str, reached: Callable[[str], None], patience: float) -> None:
        self._engine = engine
        self._database = database
        self._reached = reached
        self._patience = limit(patience)

    @property
    def database(self) -> str:
        """The name of the database."""
        return self._database

    def lock(self, claim: Claim) -> AbstractContextManager[object]:
        """Need none: whoever works with snapshots of a database is its runner, and each of them has locks besides."""
        return nullcontext()

    def snapshots(self) -> list[Snapshot]:
        """List the databases in which our table is, but for those that others drop meanwhile."""
        with self._connected() as connection:
            found = [(row, _said(connection, row.name)) for row in connection.execute(_KNOWN).all()]
            return [
                Snapshot(row.name, Mark.read(said), int(row.size or 0))
                for row, said in found
                if not foreign(said) and (said is not None or _has(connection, row.name, TABLE))
            ]

    def build(self, key: str, describe: Callable[[Connection], Mark], *, force: bool) -> Snapshot:
        """Copy rows in one transaction that reads each table as nobody changes it, and write the mark last."""
        name = name_of(self._database, key)
        with self._connected() as connection, lending.alone(connection, name, self._patience) as alone:
            self._refuse_used(connection, name, alone=alone)
            if foreign(_said(connection, name)):
                raise of_another_version(name)
            self._drop(connection, name)
            self._begin(connection, name)
            try:
                found = definitions.read(connection)
                self._try_out(connection, name, found)
                tables = [each.name for each in found if each.kind == "TABLE"]
                for place, table in enumerate(tables):
                    run(connection, f"CREATE TABLE {quoted(name)}.t{place} LIKE {quoted(table)}")
                self._reached("before copy")
                with _transaction(connection):
                    pairs = ((self._database, table, name, f"t{place}") for place, table in enumerate(tables))
                    for _ in definitions.copy_rows(connection, pairs):
                        pass
                    self._write(connection, name, found)
                    mark = describe(connection)
                self._reached("before mark")
                self._note(connection, name, mark)
            except Exception:
                connection.rollback()
                with suppress(sa.exc.DBAPIError):
                    self._drop(connection, name)
                raise
        self._reached("after mark")
        return next((each for each in self.snapshots() if each.name == name), Snapshot(name, mark, None))

    def clone(self, snapshot: Snapshot, finish: Callable[[Connection], None], *, force: bool) -> None:
        """Drop everything and make it again; a table that says so is there from before the first to after the last."""
        with self._connected() as connection, lending.used(connection, snapshot.name, self._patience):
            if _mark(connection, snapshot.name) is None:
                raise dropped_meanwhile(snapshot.name)
            run(connection, f"CREATE TABLE {RESTORING} (snapshot VARCHAR(64) NOT NULL)")
            run(connection, f"INSERT INTO {RESTORING} VALUES ('{snapshot.name}')")
            connection.commit()
            keeping.forget(connection)  # the binlog would tell that every row of it was written
            try:
                self._replay(connection, snapshot.name, whole=True)
                with _transaction(connection):
                    finish(connection)
            except sa.exc.DBAPIError as error:
                raise self._undone(error) from error
            self._reached("before end")
            run(connection, f"DROP TABLE {RESTORING}")

    def drop(self, snapshot: Snapshot) -> bool:
        """Take the mark away first, so that what is left is half of one."""
        name = snapshot.name
        with self._connected() as connection, lending.alone(connection, name, 0) as alone:
            if not alone or (snapshot.complete and lending.cut_off(connection, name)):
                return False
            self._drop(connection, name)
            return True

    def tidy(self) -> None:
        """Drop snapshots of this database without a mark, and go on with a restore that was cut off."""
        with self._connected() as connection:
            if _has(connection, self._database, RESTORING):
                name = run(connection, f"SELECT snapshot FROM {RESTORING}").scalar()
                if name is not None:
                    with lending.used(connection, name, self._patience):
                        self._refuse_lost(connection, name)
                        self._replay(connection, name, whole=False)
                run(connection, f"DROP TABLE {RESTORING}")
        for each in self.snapshots():
            if not each.complete and each.name.startswith(name_of(self._database)):
                self.drop(each)

    def _refuse_used(self, connection: Connection, name: str, *, alone: bool) -> None:
        if not alone:
            raise Locked(f"another database is being restored from the snapshot {name}", hint="Run the command again.")
        if _mark(connection, name) is not None and (other := lending.cut_off(connection, name)):
            raise Locked(
                f"a restore of the database {other} from the snapshot {name} was cut off, and needs it to go on",
                hint="Let any command that writes end it there, or drop that database.",
            )

    def _refuse_lost(self, connection: Connection, name: str) -> None:
        said = _said(connection, name)
        if foreign(said):
            raise DatabaseError(
                f"a restore of the snapshot {name}, which another version of tdm-seed has made, was cut off",
                hint="Run any command that writes with that version, which goes on with it.",
            )
        if Mark.read(said) is None:
            raise DatabaseError(
                f"a restore of the snapshot {name} was cut off, and that is gone now, so this database is half of one",
                hint=f"Make it anew: DROP DATABASE {quoted(self._database)}, create it, then `tdm-seed upgrade`.",
            )

    def _undone(self, error: sa.exc.DBAPIError) -> DatabaseError:
        return DatabaseError(
            f"the database is restored in part only: {_reason(error)}",
            hint="Every command that writes begins with going on. What stands in the way has to go, such as a session "
            "that uses one of the tables, or a right that this user lacks.",
        )

    def _replay(self, connection: Connection, name: str, *, whole: bool) -> None:
        found = _definitions(connection, name)
        tables = [each for each in found if each.kind == "TABLE"]
        pairs = ((name, f"t{place}", self._database, each.name) for place, each in enumerate(tables))
        copies = definitions.copies(connection, pairs)
        self._drop_all(connection, whole=whole)
        self._reached("after drop")
        definitions.make(connection, (each for each in found if each.kind == "SEQUENCE"))
        definitions.make(connection, tables)
        run(connection, f"SET SESSION {_MODE}")
        self._reached("before rows")
        with _transaction(connection):
            for _, statement in copies:
                run(connection, statement)
        self._reached("after rows")
        definitions.make(connection, (each for each in found if each.kind not in ("SEQUENCE", "TABLE")))

    def _drop_all(self, connection: Connection, *, whole: bool) -> None:
        """Drop everything; where nothing went, and the database was ``whole``, it is what it was.

        Raises:
            Locked: it is so, since somebody uses a table.
            DatabaseError: it is so for another reason.
        """
        before = definitions.names(connection)
        try:
            definitions.drop_all(connection)
        except sa.exc.DBAPIError as error:
            if not whole or connection.invalidated:
                raise
            connection.rollback()
            if before != definitions.names(connection):
                raise
            run(connection, f"DROP TABLE {RESTORING}")
            if isinstance(error.orig, pymysql.Error) and error.orig.args[0] == _WAITED:
                raise Locked(
                    f"somebody uses a table of the database, and did not stop for {self._patience} s",
                    hint="The database is what it was. Close what uses it, or wait longer with --lock-timeout SECONDS.",
                ) from error
            raise DatabaseError(
                f"nothing of the database can be dropped: {_reason(error)}", hint="The database is what it was."
            ) from error

    def _try_out(self, connection: Connection, name: str, found: list[Definition]) -> None:
        """Prove that this user may make all of it, while the database is whole: what others made carries their name."""
        if all(each.kind in ("SEQUENCE", "TABLE") for each in found):
            return
        run(connection, f"USE {quoted(name)}")
        try:
            definitions.try_out(connection, found)
        finally:
            if not connection.invalidated:
                run(connection, f"USE {quoted(self._database)}")
                run(connection, f"SET SESSION {_MODE}")

    def _begin(self, connection: Connection, name: str) -> None:
        """Make the database and the table by which it is known for ours.

        Raises:
            DatabaseError: this user may not, or a database of this name is somebody else's.
        """
        try:
            run(connection, f"CREATE DATABASE IF NOT EXISTS {quoted(name)}")
            if others := connection.scalars(_TABLES, {"name": name}).all():
                raise DatabaseError(
                    f"the database {name} is not ours: it holds the table {others[0]}", hint="Drop or rename it."
                )
            run(
                connection,
                f"CREATE TABLE {quoted(name)}.{TABLE} (place INT PRIMARY KEY, kind VARCHAR(20) NOT NULL, "
                "name VARCHAR(64) NOT NULL, statement LONGTEXT NOT NULL, mode TEXT NOT NULL, number BIGINT) "
                "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            )
        except sa.exc.DBAPIError as error:
            if isinstance(error.orig, pymysql.Error) and error.orig.args[0] in _DENIED:
                raise DatabaseError(
                    "this user may not create databases of the name that snapshots have",
                    hint="GRANT ALL ON `tdm\\_seed\\_%`.* to it; without it, `tdm-seed reset` empties the database and "
                    "seeds it again.",
                ) from error
            raise

    def _write(self, connection: Connection, name: str, found: list[Definition]) -> None:
        values = ":place, :kind, :name, :statement, :mode, :number"
        insert = sa.text(f"INSERT INTO {quoted(name)}.{TABLE} VALUES ({values})")
        connection.execute(insert, [{"place": place, **vars(each)} for place, each in enumerate(found, 1)])

    def _note(self, connection: Connection, name: str, mark: Mark) -> None:
        insert = sa.text(f"INSERT INTO {quoted(name)}.{TABLE} VALUES (0, 'MARK', '', :mark, '', NULL)")
        with _transaction(connection):
            connection.execute(insert, {"mark": mark.written()})

    def _drop(self, connection: Connection, name: str) -> None:
        if not _has(connection, name, TABLE):
            return
        run(connection, f"DELETE FROM {quoted(name)}.{TABLE} WHERE place = 0")
        connection.commit()
        if tables := [each for each in connection.scalars(_WITH_ROWS, {"name": name}) if each != TABLE]:
            run(connection, f"DROP TABLE {', '.join(f'{quoted(name)}.{quoted(each)}' for each in tables)}")
        run(connection, f"DROP DATABASE {quoted(name)}")

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Connect without checks of keys, which the rows have passed, and without strictness about old values."""
        with self._engine.connect() as connection:
            checks = ", check_constraint_checks = 0" if getattr(connection.dialect, "is_mariadb", False) else ""
            waits = ", ".join(f"{name} = {self._patience}" for name in NAMES)
            run(connection, f"SET SESSION foreign_key_checks = 0, {_MODE}, {waits}{checks}")
            run(connection, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.commit()
            yield connection


@contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    """Begin, whatever has been read before."""
    connection.rollback()
    with connection.begin():
        yield


def _reason(error: sa.exc.DBAPIError) -> str:
    return " ".join(str(error.orig.args[-1] if error.orig and error.orig.args else error).split())


def _has(connection: Connection, schema: str, table: str) -> bool:
    query = sa.text("SELECT 1 FROM information_schema.tables WHERE table_schema = :schema AND table_name = :name")
    found = connection.scalar(query, {"schema": schema, "name": table})
    connection.rollback()
    return found is not None


def _said(connection: Connection, name: str) -> str | None:
    """Read the mark as it is written, if there is one."""
    if not _has(connection, name, TABLE):  # nor told to a user who may not read it
        return None
    try:
        found = run(connection, f"SELECT statement FROM {quoted(name)}.{TABLE} WHERE place = 0").scalar()
    except sa.exc.DBAPIError as error:
        if isinstance(error.orig, pymysql.Error) and error.orig.args[0] in _GONE:
            return None  # somebody has dropped it in between
        raise
    finally:
        if not connection.invalidated:
            connection.rollback()
    return None if found is None else str(found)


def _mark(connection: Connection, name: str) -> Mark | None:
    return Mark.read(_said(connection, name))


def _definitions(connection: Connection, name: str) -> list[Definition]:
    query = f"SELECT kind, name, statement, mode, number FROM {quoted(name)}.{TABLE} WHERE place > 0 ORDER BY place"
    found = [Definition(**row) for row in run(connection, query).mappings()]
    connection.rollback()
    return found
