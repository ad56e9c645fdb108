"""Who has a transaction open where a reset waited for a table in vain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import pymysql
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.mysql.binlog import ask
from tdm_seed.dialects.wording import listed
from tdm_seed.errors import Locked

#: A lock of rows or of a table was not to be had in time.
_WAITED: Final = 1205
#: Whoever may not see what others do gets no answer; who of these is in the way is not told once the wait is over.
_OPEN: Final = (
    "SELECT p.id, p.user, p.host, p.command = 'Sleep', p.time FROM information_schema.innodb_trx t "
    "JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id "
    "WHERE p.db = DATABASE() AND p.id <> CONNECTION_ID() ORDER BY t.trx_started, 1"
)


@contextmanager
def told(connection: Connection, tables: Sequence[str]) -> Iterator[None]:
    """Say which tables the block waits for in vain, and who has a transaction open.

    Raises:
        Locked: somebody was not done in time.
    """
    try:
        yield
    except (pymysql.Error, sa.exc.DBAPIError) as error:
        cause = getattr(error, "orig", error)
        if not isinstance(cause, pymysql.Error) or cause.args[0] != _WAITED:
            raise
        found: list[str] = []
        with suppress(pymysql.Error):
            found = [
                f"{user} from {host} (connection {number}, {'idle' if idle else 'at work'} for {seconds} s)"
                for number, user, host, idle, seconds in ask(connection, [_OPEN])[0]
            ]
        who = f"; a transaction is open of {listed(found)}" if found else ""
        table = tables[0] if len(tables) == 1 else None
        used = "it" if table else f"one of {listed(tables)}"
        raise Locked(
            f"somebody uses {used}, and was not done in time{who}",
            table=table,
            hint="Let them end their transactions, or wait longer with --lock-timeout SECONDS.",
        ) from error
