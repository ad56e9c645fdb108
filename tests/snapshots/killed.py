"""Saves or restores a snapshot, and dies at a point on the way: a process for tests to lose."""

from __future__ import annotations

import os
import signal
import sys

from tdm_seed.engine import Progress, Seeder
from tdm_seed.environments import Project


class Killed(Progress):
    """Kills this process, as nothing can prevent, where it comes to a point."""

    def reached(self, point: str) -> None:
        """Die here."""
        if point == sys.argv[2]:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    with Seeder(Project.load().environment("dev"), progress=Killed()) as seeder:
        if sys.argv[1] == "save":
            seeder.snapshot()
        else:
            seeder.restore(confirmed=True)
