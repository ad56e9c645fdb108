"""Upgrades the project in the working directory with loads that are large after a few rows: a process to lose."""

from __future__ import annotations

import os
import signal
import sys
import time

from tdm_seed import chunked
from tdm_seed.engine import Progress, Seeder
from tdm_seed.environments import Project
from tdm_seed.loading import large


class Killed(Progress):
    """Kills this process when it comes to a point for the ``number``-th time."""

    def __init__(self, point: str, number: int) -> None:
        self._point = point
        self._left = number

    def reached(self, point: str) -> None:
        """Die here, or count."""
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def main(point: str, number: str) -> None:
    """Say when everything is imported and connected, upgrade, and say how many seconds that took."""
    chunked.CHUNK, large.LARGE = 2_000, 1_000
    with Seeder(Project.load().environment(), progress=Killed(point, int(number))) as seeder:
        seeder.plan()
        print("ready", flush=True)
        begun = time.monotonic()
        seeder.upgrade()
        print(time.monotonic() - begun, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
