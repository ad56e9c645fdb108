"""One runner at a time, by an advisory lock that also holds behind a transaction pooler."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tdm_seed.dialects.base import HeldLock
from tdm_seed.dialects.waiting import Claim, poll
from tdm_seed.errors import Locked

_WHO = sa.text(
    "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
    "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND l.classid::bigint = :class AND l.objid::bigint = :object"
)
#: In whichever database of the server.
_HELD = sa.text(
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 "
    "AND classid::bigint = :class AND objid::bigint = :object)"
)
#: Who has got it writes down their name at once.
_TAKE = "SELECT CASE WHEN {taken}(:first, :second) THEN set_config('application_name', :name, {local}) END"
_TAKE_SHORT = sa.text(_TAKE.format(taken="pg_try_advisory_xact_lock", local="true"))
_TAKE_LASTING = sa.text(_TAKE.format(taken="pg_try_advisory_lock", local="false"))
_FREE = sa.text("SELECT pg_advisory_unlock(:first, :second)")


def numbers(key: str, purpose: str) -> tuple[int, int]:
    """Give the two signed 32-bit numbers of an advisory lock."""
    digest = blake2b(f"{purpose}:{key}".encode(), digest_size=8, person=b"tdm-seed").digest()
    return int.from_bytes(digest[:4], "big", signed=True), int.from_bytes(digest[4:], "big", signed=True)


class _TransactionLock:
    """An advisory lock bound to an open transaction: it goes when the transaction or its connection goes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def check(self, asking: Connection | None = None) -> None:
        """Ask on the lock's own connection whether its transaction still stands."""
        try:
            self._connection.exec_driver_sql("SELECT 1")
        except sa.exc.DBAPIError as error:
            raise Locked(
                "the connection that held the lock was cut, so another runner may have started",
                hint="What was not committed is taken back. Run the command again.",
            ) from error


def take(
    connection: Connection, claim: Claim, *, lasting: bool = False, anew: Callable[[], None] | None = None
) -> None:
    """Take the lock for the transaction at hand, or a ``lasting`` one for the session; write down who has got it.

    Where it is waited for, ``anew`` ends what there is of the transaction before each pause, and begins it again.

    Raises:
        Locked: it was not to be had in time.
    """
    first, second = numbers(claim.key, "run")

    def attempt() -> bool:
        given = {"first": first, "second": second, "name": f"tdm-seed {claim.holder()}"}
        got = connection.scalar(_TAKE_LASTING if lasting else _TAKE_SHORT, given) is not None
        if not got and anew is not None:
            anew()
        return got

    def who() -> str:
        found = connection.execute(_WHO, {"class": first % 2**32, "object": second % 2**32}).scalar()
        return str(found or "an unknown session").removeprefix("tdm-seed ")

    poll(claim, attempt, who)


def held(connection: Connection, key: str) -> bool:
    """Tell whether somebody on the server holds the lock of this key, from whichever database."""
    first, second = numbers(key, "run")
    return bool(connection.scalar(_HELD, {"class": first % 2**32, "object": second % 2**32}))


@contextmanager
def session_lock(connection: Connection, claim: Claim) -> Iterator[None]:
    """Hold the lock in the session of a connection where each statement is by itself.

    A server goes on with the statement of a runner that was killed, and frees the lock only behind it.
    """
    take(connection, claim, lasting=True)
    first, second = numbers(claim.key, "run")
    try:
        yield
    finally:
        with suppress(sa.exc.DBAPIError):  # the server has cut the connection, and freed the lock with it
            connection.execute(_FREE, {"first": first, "second": second})


@contextmanager
def run_lock(engine: Engine, claim: Claim) -> Iterator[HeldLock]:
    """Hold the lock in a transaction of its own connection.

    Bound to the transaction and not to the session, because a pooler in transaction mode strands session locks on a
    server connection that it hands to others. The transaction has no snapshot, so it does not hold back VACUUM.
    Other sessions may read only ``application_name`` of ours, hence the holder stands there.
    """
    connection = engine.connect()
    try:
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        take(connection, claim)
        yield _TransactionLock(connection)
    finally:
        with suppress(sa.exc.DBAPIError):  # the server has cut the connection, and freed the lock with it
            connection.close()
