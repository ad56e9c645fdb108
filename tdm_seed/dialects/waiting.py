"""Waiting for a lock that another runner holds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.engine import Connection

from tdm_seed.errors import Locked


@dataclass(frozen=True)
class Claim:
    """What a runner asks for: the lock named ``key``, for which it waits at most ``timeout`` seconds.

    ``on_wait`` is told once who holds it meanwhile. A dry run leaves no trace in the database, not even a name.
    """

    key: str
    host: str
    process: int
    timeout: float
    on_wait: Callable[[str], None]
    dry_run: bool = False

    def holder(self) -> str:
        """Say who has got the lock just now, for whoever waits: host, process and the time; at most 54 characters.

        A server keeps 63 of an application's name, and "tdm-seed " stands before.
        """
        who = f" pid {self.process} since {datetime.now(UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}"
        return self.host[: 54 - len(who)] + who


def locked_out(timeout: float, who: str) -> Locked:
    """Say that the lock was not to be had."""
    return Locked(
        f"another runner holds the lock: {who}",
        hint=f"Waited {timeout:g} s. Let it finish, or wait longer with --lock-timeout SECONDS.",
    )


class Uncut:
    """A lock that nobody can take away while its holder lives."""

    def check(self, asking: Connection | None = None) -> None:
        """Do nothing: the kernel frees it only when the holder ends."""


def poll(claim: Claim, attempt: Callable[[], bool], who: Callable[[], str]) -> None:
    """Try for a lock until the time is over, from every 50 ms to every half second.

    Raises:
        Locked: it was not to be had.
    """
    import time

    end = time.monotonic() + claim.timeout
    pause, failed = 0.05, 0
    waiting = threading.Event()
    while not attempt():
        failed += 1
        if failed == 3:  # 0.1 s later: whoever has got the lock just now needs a moment to write its name
            claim.on_wait(who())
        left = end - time.monotonic()
        if left <= 0:
            raise locked_out(claim.timeout, who())
        waiting.wait(min(pause, left))
        pause = min(pause * 1.5, 0.5)
