"""Waiting for a lock that another runner holds."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tdm_seed.errors import Locked


def locked_out(timeout: float, who: str) -> Locked:
    """Say that the lock was not to be had."""
    return Locked(
        f"another runner holds the lock: {who}",
        hint=f"Waited {timeout:g} s. Let it finish, or wait longer with --lock-timeout SECONDS.",
    )


class Uncut:
    """A lock that nobody can take away while its holder lives."""

    def check(self) -> None:
        """Do nothing: the kernel frees it only when the holder ends."""


def poll(attempt: Callable[[], bool], who: Callable[[], str], timeout: float, on_wait: Callable[[str], None]) -> None:
    """Try for a lock until ``timeout`` seconds are over, from every 50 ms to every half second.

    Raises:
        Locked: it was not to be had.
    """
    import time

    end = time.monotonic() + timeout
    pause, failed = 0.05, 0
    waiting = threading.Event()
    while not attempt():
        failed += 1
        if failed == 3:  # 0.1 s later: whoever has got the lock just now needs a moment to write its name
            on_wait(who())
        left = end - time.monotonic()
        if left <= 0:
            raise locked_out(timeout, who())
        waiting.wait(min(pause, left))
        pause = min(pause * 1.5, 0.5)
