"""Who uses a snapshot: databases that are restored from it, by named locks and by the table that says so."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.mysql.copies import RESTORING
from tdm_seed.dialects.mysql.definitions import quoted, run
from tdm_seed.errors import Locked

#: How many restores of one snapshot go on at a time: named locks are not shared, so each of them takes one of these,
#: and whoever changes the snapshot takes them all.
_PLACES: Final = 16
_CUT_OFF = sa.text("SELECT table_schema FROM information_schema.tables WHERE table_name = :name ORDER BY 1")


@contextmanager
def used(connection: Connection, name: str, patience: int) -> Iterator[None]:
    """Keep a snapshot from being dropped during the block.

    Raises:
        Locked: somebody drops it or makes it anew, longer than ``patience`` seconds.
    """
    for place in range(_PLACES):
        last = place == _PLACES - 1
        if _taken(connection, name, place, patience if last else 0):
            break
    else:
        raise Locked(f"the snapshot {name} is being made or dropped", hint="Run the command again.")
    try:
        yield
    finally:
        _free(connection, name, [place])


@contextmanager
def alone(connection: Connection, name: str, patience: int) -> Iterator[bool]:
    """Tell whether nobody uses a snapshot, or will within ``patience`` seconds, and keep it so during the block."""
    got: list[int] = []
    end = time.monotonic() + patience
    try:
        for place in range(_PLACES):
            if not _taken(connection, name, place, max(0, round(end - time.monotonic()))):
                break
            got.append(place)
        yield len(got) == _PLACES
    finally:
        _free(connection, name, got)


def cut_off(connection: Connection, name: str) -> str | None:
    """Name a database whose restore from a snapshot is not ended, as far as this user sees."""
    found = None
    for database in connection.scalars(_CUT_OFF, {"name": RESTORING}).all():
        with suppress(sa.exc.DBAPIError):  # it has just ended, or is not for this user to read
            if run(connection, f"SELECT snapshot FROM {quoted(database)}.{RESTORING}").scalar() == name:
                found = str(database)
    connection.rollback()
    return found


def _taken(connection: Connection, name: str, place: int, patience: int) -> bool:
    return run(connection, f"SELECT GET_LOCK('tdm-seed:{name}:{place}', {patience})").scalar() == 1


def _free(connection: Connection, name: str, places: list[int]) -> None:
    if not connection.closed and not connection.invalidated:
        with suppress(sa.exc.DBAPIError):  # the server has cut the connection, and freed the locks with it
            connection.rollback()
            for place in places:
                run(connection, f"DO RELEASE_LOCK('tdm-seed:{name}:{place}')")
            connection.rollback()
