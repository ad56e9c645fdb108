"""Who uses the tables that a reset waited for in vain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.postgresql import emptying
from tdm_seed.dialects.postgresql.sending import driver_of
from tdm_seed.dialects.postgresql.sessions import named
from tdm_seed.dialects.wording import SHOWN
from tdm_seed.errors import DatabaseError, Locked

#: Who only reads is in the way of a view that is computed anew, and of statements that wait for ``readers``, too. Of a
#: session of another role, a role that is not privileged sees neither the address nor what it is at. What was prepared
#: for two phases has no session.
_HOLDERS = sa.text(
    "SELECT l.pid, a.usename, a.application_name, a.client_addr, a.state, a.backend_type, "
    "to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS begun, "
    "array_agg(DISTINCT CAST(CAST(l.relation AS regclass) AS text)) AS tables "
    "FROM pg_locks l JOIN pg_class c ON c.oid = l.relation LEFT JOIN pg_stat_activity a ON a.pid = l.pid "
    "WHERE l.locktype = 'relation' AND l.granted AND CAST(l.relation AS bigint) = ANY(CAST(:members AS bigint[])) "
    "AND (CAST(:readers AS boolean) OR l.mode <> 'AccessShareLock' OR c.relkind = 'm') "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND l.pid IS DISTINCT FROM :ours AND (current_setting('application_name') = '' "
    "OR NOT starts_with(coalesce(a.application_name, ''), current_setting('application_name'))) "
    "GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 7, 1"
)
_OWN_LIMIT = sa.text("SELECT current_setting('lock_timeout') <> '0'")


@contextmanager
def told(connection: Connection, members: Callable[[Connection], Sequence[int]], *, readers: bool) -> Iterator[None]:
    """Say who uses the tables that the block waits for in vain.

    The transaction at hand has failed then, so another connection asks, which ``members`` gets to number the tables.
    Those who only read a table are among them where the block is one that waits for ``readers``, too.

    Raises:
        Locked: somebody was not done in time, and is named.
    """
    try:
        yield
    except (psycopg.Error, sa.exc.DBAPIError) as error:
        if not isinstance(getattr(error, "orig", error), psycopg.errors.LockNotAvailable):
            raise
        ours = driver_of(connection).info.backend_pid
        try:
            with connection.engine.connect() as other:
                limited = bool(other.scalar(_OWN_LIMIT))
                emptying.be_impatient(other, 1)  # whoever is in our way may be in its way, too
                given = {"members": [*members(other)], "ours": ours, "readers": readers}
                found = other.execute(_HOLDERS, given).all()
        except (psycopg.Error, sa.exc.DBAPIError, DatabaseError):
            raise error from None
        if not found:
            raise
        raise _locked(found, limited=limited) from error


def _locked(found: Sequence[sa.Row[Any]], *, limited: bool) -> Locked:
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    longer = "raise the lock_timeout of the role" if limited else "wait longer with --lock-timeout SECONDS"
    return Locked(
        f"somebody uses what is to be reset, and was not done in time: {'; '.join(map(_told, found[:SHOWN]))}{more}",
        table=found[0].tables[0],
        hint=f"Nothing was changed. Let them end their transactions, or {longer}.",
    )


def _told(holder: sa.Row[Any]) -> str:
    """Name a session with its tables and what it is at; never with its query."""
    tables = ", ".join(holder.tables)
    if holder.pid is None:
        return f"a prepared transaction uses {tables}"
    state = f"{holder.state} since {holder.begun}" if holder.begun else holder.state
    return f"{named(holder, *filter(None, [state]))} uses {tables}"
