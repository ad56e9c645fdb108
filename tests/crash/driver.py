"""Upgrades the project in the working directory, and may kill itself half-way: a process for tests to lose."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

from tdm_seed.engine import Progress, Seeder
from tdm_seed.environments import Project


class Killed(Progress):
    """Kills this process, as nothing can prevent, when the ``number``-th seed comes to a point."""

    def __init__(self, point: str, number: int) -> None:
        self._at = (point, number)
        self._place = 0

    def started(self, step: Any, place: int, total: int) -> None:
        """Note which seed runs."""
        self._place = place

    def reached(self, point: str) -> None:
        """Die here."""
        if self._at == (point, self._place):
            os.kill(os.getpid(), signal.SIGKILL)


def main(point: str, number: str) -> None:
    """Say when everything is imported and connected, upgrade, and say how many seconds that took."""
    with Seeder(Project.load().environment("test"), progress=Killed(point, int(number))) as seeder:
        seeder.plan()
        print("ready", flush=True)
        begun = time.monotonic()
        seeder.upgrade()
        print(time.monotonic() - begun, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
