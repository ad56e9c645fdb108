"""How long a session waits for those who use tables and rows: the server's own limit is a day, or a year."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import AS_IT_IS

#: What limits the wait for a table, and the wait for a row.
NAMES: Final = ("lock_wait_timeout", "innodb_lock_wait_timeout")
#: Where a connection notes how many seconds it waits for those who use a table.
_PATIENCE: Final = "tdm_seed_patience"
#: Seconds that the server takes for a limit at most.
_LONGEST: Final = 31_536_000


@contextmanager
def patient(connection: Connection, seconds: float) -> Iterator[None]:
    """Let what is done ``leniently`` in the block wait so long for those who use a table or a row."""
    connection.info[_PATIENCE] = seconds
    try:
        yield
    finally:
        connection.info.pop(_PATIENCE, None)


def patience(connection: Connection) -> int:
    """Give how long that is, in whole seconds."""
    return limit(connection.info[_PATIENCE])


def limit(seconds: float) -> int:
    """Give whole seconds that the server takes for a limit."""
    return max(1, int(min(seconds, _LONGEST)))


@contextmanager
def waiting(connection: Connection, seconds: int) -> Iterator[None]:
    """Let the statements of the block wait so long for those who use a table or a row; blocks may stand in others."""
    asked = f"SELECT {', '.join(f'@@SESSION.{name}' for name in NAMES)}"
    before = connection.exec_driver_sql(asked, execution_options=AS_IT_IS).one()
    _set(connection, (seconds,) * len(NAMES))
    try:
        yield
    finally:
        if not connection.invalidated:
            _set(connection, tuple(before))


def _set(connection: Connection, limits: tuple[int, ...]) -> None:
    given = ", ".join(f"{name} = {seconds}" for name, seconds in zip(NAMES, limits, strict=True))
    connection.exec_driver_sql(f"SET SESSION {given}", execution_options=AS_IT_IS)
