"""One runner at a time, by GET_LOCK on the connection that writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import HeldLock, poll
from tdm_seed.errors import Locked


class _NamedLock:
    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    def check(self) -> None:
        """Ask the server whether this very connection still holds the lock."""
        ours = self._connection.execute(
            sa.text("SELECT IS_USED_LOCK(:name) = CONNECTION_ID()"), {"name": self._name}
        ).scalar()
        if not ours:
            raise Locked(
                "the server took the lock away, so another runner may have started",
                hint="Nothing of the seed that was running is kept. Run the command again.",
            )


@contextmanager
def run_lock(
    connection: Connection, key: str, timeout: float, holder: str, on_wait: Callable[[str], None], *, note: bool
) -> Iterator[HeldLock]:
    """Hold the named lock on this connection.

    The lock alone does not say who holds it: a user without the PROCESS privilege sees no other session, and
    connection attributes need the performance schema, which MariaDB leaves off. So the holder writes its name into a
    table of one row, ``<history table>_lock``, unless ``note`` is False.
    """
    database = connection.execute(sa.text("SELECT DATABASE()")).scalar()
    name = "tdm-seed:" + blake2b(f"{database}:{key}".encode(), digest_size=16).hexdigest()
    table = sa.table(f"{key.rpartition('.')[2]}_lock", sa.column("id"), sa.column("holder"), schema=_schema(key))
    take, free = sa.text("SELECT GET_LOCK(:name, 0)"), sa.text("SELECT RELEASE_LOCK(:name)")

    def attempt() -> bool:
        got = bool(connection.execute(take, {"name": name}).scalar())
        connection.rollback()
        return got

    def who() -> str:
        try:
            found = connection.execute(sa.select(table.c.holder)).scalar()
        except sa.exc.DBAPIError:
            found = None
        connection.rollback()
        return str(found or "an unknown session")

    poll(attempt, who, timeout, on_wait)
    try:
        if note:
            _write(connection, table, holder)
        yield _NamedLock(connection, name)
    finally:
        if not connection.closed and not connection.invalidated:
            connection.rollback()
            connection.execute(free, {"name": name})
            connection.rollback()


def _schema(key: str) -> str | None:
    return key.rpartition(".")[0] or None


def _write(connection: Connection, table: sa.TableClause, holder: str) -> None:
    """Leave the holder's name; a role that may not create tables goes without."""
    name = connection.dialect.identifier_preparer.format_table(table)
    try:
        connection.exec_driver_sql(
            f"CREATE TABLE IF NOT EXISTS {name} (id INT PRIMARY KEY, holder VARCHAR(200) NOT NULL)"
        )
        connection.execute(sa.delete(table))
        connection.execute(sa.insert(table).values(id=1, holder=holder[:200]))
        connection.commit()
    except sa.exc.DBAPIError:
        connection.rollback()
