"""One runner at a time, by GET_LOCK on the connection that writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b

import pymysql
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import HeldLock
from tdm_seed.dialects.mysql.binlog import ask
from tdm_seed.dialects.waiting import Claim, poll
from tdm_seed.errors import Locked

#: Where a connection notes the lock that it has taken inside a transaction.
_TAKEN = "tdm_seed_lock_taken"


class _NamedLock:
    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._number = connection.scalar(sa.text("SELECT CONNECTION_ID()"))
        connection.rollback()

    def check(self, asking: Connection | None = None) -> None:
        """Ask the server whether the very connection that took the lock still holds it."""
        ours = (asking or self._connection).scalar(
            sa.text("SELECT IS_USED_LOCK(:name) = :number"), {"name": self._name, "number": self._number}
        )
        if not ours:
            raise Locked(
                "the server took the lock away, so another runner may have started",
                hint="What was not committed is taken back. Run the command again.",
            )


@contextmanager
def run_lock(connection: Connection, claim: Claim) -> Iterator[HeldLock]:
    """Hold the named lock on this connection.

    The lock itself tells only the number of the connection that holds it: a user without the PROCESS privilege sees
    no other session, and connection attributes need the performance schema, which MariaDB leaves off. So the holder
    writes its name beside that number into the table ``<history table>_lock``, unless it is a dry run.
    """
    name, names = _name(connection, claim), _names(claim)
    free = sa.text("SELECT RELEASE_LOCK(:name)")

    def attempt() -> bool:
        got = _taken(connection, name)
        connection.rollback()
        return got

    def who() -> str:
        found = _who(connection, name, names)
        connection.rollback()
        return found

    poll(claim, attempt, who)
    try:
        if not claim.dry_run:
            _write(connection, names, claim.holder())
        yield _NamedLock(connection, name)
    finally:
        if not connection.closed and not connection.invalidated:
            with suppress(sa.exc.DBAPIError):  # the server has cut the connection, and freed the lock with it
                connection.rollback()
                connection.execute(free, {"name": name})
                connection.rollback()


def take(connection: Connection, claim: Claim) -> None:
    """Take the lock inside a transaction that has read only, until ``let_go``. Nobody is told who holds it.

    Where it is waited for, the transaction begins anew: whoever holds it may want to drop the tables that were read,
    and would wait for us as we wait for them.

    Raises:
        Locked: it was not to be had in time.
    """
    name, names = _name(connection, claim), _names(claim)

    def attempt() -> bool:
        got = _taken(connection, name)
        if not got:
            ask(connection, ["ROLLBACK"])
        return got

    def who() -> str:
        found = _who(connection, name, names)
        ask(connection, ["ROLLBACK"])
        return found

    poll(claim, attempt, who)
    connection.info[_TAKEN] = name


def let_go(connection: Connection) -> None:
    """Free the lock that ``take`` took, if it did."""
    name = connection.info.pop(_TAKEN, None)
    if name is not None and not connection.closed and not connection.invalidated:
        with suppress(pymysql.Error):  # the server has cut the connection, and freed the lock with it
            ask(connection, [f"DO RELEASE_LOCK('{name}')"])


def _name(connection: Connection, claim: Claim) -> str:
    database = connection.dialect.default_schema_name
    return "tdm-seed:" + blake2b(f"{database}:{claim.key}".encode(), digest_size=16).hexdigest()


def _names(claim: Claim) -> sa.TableClause:
    schema, _, history = claim.key.rpartition(".")
    return sa.table(f"{history}_lock", sa.column("connection"), sa.column("holder"), schema=schema or None)


def _taken(connection: Connection, name: str) -> bool:
    return bool(ask(connection, [f"SELECT GET_LOCK('{name}', 0)"])[0][0][0])


def _who(connection: Connection, name: str, names: sa.TableClause) -> str:
    number = connection.execute(sa.text("SELECT IS_USED_LOCK(:name)"), {"name": name}).scalar()
    try:
        found = connection.execute(sa.select(names.c.holder).where(names.c.connection == number)).scalar()
    except sa.exc.DBAPIError:  # no such table yet, or not for this user
        found = None
    return str(found or f"connection {number} of the server")


def _write(connection: Connection, names: sa.TableClause, holder: str) -> None:
    """Leave the holder's name; a role that may not create tables, or finds another's of that name, goes without."""
    table = connection.dialect.identifier_preparer.format_table(names)
    try:
        connection.exec_driver_sql(
            f"CREATE TABLE IF NOT EXISTS {table} (connection BIGINT UNSIGNED PRIMARY KEY, holder VARCHAR(200) NOT NULL)"
        )
        columns = sa.inspect(connection).get_columns(names.name, schema=names.schema)
        if [column["name"] for column in columns] == ["connection", "holder"]:
            connection.execute(sa.delete(names))
            connection.execute(sa.insert(names).values(connection=sa.func.connection_id(), holder=holder[:200]))
        connection.commit()
    except sa.exc.DBAPIError:
        connection.rollback()
