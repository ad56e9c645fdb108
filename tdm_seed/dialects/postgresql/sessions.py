"""Whoever else is connected to a database that nobody may be connected to."""

from __future__ import annotations

import time
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.wording import SHOWN
from tdm_seed.errors import Locked

#: Seconds that connections have to end which were closed just now, or are those of another runner of ours that looks at
#: the database and waits for us.
_PATIENCE: Final = 1.0
_RUNNERS: Final = 5.0
_POLL: Final = 0.002

#: What the server runs by itself has no user, and others than superusers see no more of it; it is ended by the server.
_OTHERS = sa.text(
    "SELECT pid, usename, application_name, client_addr FROM pg_stat_activity "
    "WHERE datname = :name AND pid <> pg_backend_pid() AND usesysid IS NOT NULL ORDER BY pid"
)


def alone(admin: Connection, database: str, *, force: bool) -> None:
    """Make sure that nobody is connected to a database; with ``force``, by ending the connections.

    Raises:
        Locked: somebody is, and is named.
        DatabaseError: with ``force``, where the role may not end them.
    """
    begun = time.monotonic()
    while others := admin.execute(_OTHERS, {"name": database}).all():
        if force:
            admin.execute(sa.select(*(sa.func.pg_terminate_backend(each.pid) for each in others)))
        runners = all((each.application_name or "").startswith("tdm-seed ") for each in others)
        if time.monotonic() - begun > (_RUNNERS if runners or force else _PATIENCE):
            shown = [named(each) for each in others[:SHOWN]]
            more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
            raise Locked(
                f"nobody may be connected to {database} while it is copied or replaced, and somebody is: "
                f"{'; '.join(shown)}{more}",
                hint="Close these connections, or end them with --force.",
            )
        time.sleep(_POLL)


def named(session: sa.Row[Any], *more: str) -> str:
    """Name a session by its program, role, address and number, and say ``more`` of it."""
    program = f"{session.application_name!r} " if session.application_name else ""
    role = f"of {session.usename}" if session.usename else "of the server"
    where = f" from {session.client_addr}" if session.client_addr else ""
    return f"{program}{role}{where} ({', '.join((f'pid {session.pid}', *more))})"
