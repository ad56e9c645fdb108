"""Upgrades the project in the working directory with loads that are large after a few rows: a process to lose."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from tdm_seed import chunked, dialects
from tdm_seed.engine import Progress, Seeder
from tdm_seed.environments import Environment, Project
from tdm_seed.loading import large, telling

#: What builds again what was taken down.
_BUILDS = re.compile(r"\s*(CREATE (UNIQUE )?INDEX|ALTER TABLE .* ADD CONSTRAINT)")
#: Seconds after which a statement that builds an index is under way, and not yet done.
_UNDER_WAY = 0.002


class Killed(Progress):
    """Kills this process when it comes to a point for the ``number``-th time.

    Beside those of the engine there are points within a load: "during load", when its database has a part of its rows;
    "indexes down" and "before rebuild", at the two ends of what goes without indexes; and "during rebuild", while the
    server builds one.
    """

    def __init__(self, point: str, number: int) -> None:
        self._point = point
        self._left = number

    def reached(self, point: str) -> None:
        """Die here, or count."""
        if self._counts(point):
            kill()

    def loaded(self, table: str, rows: int, expected: int | None) -> None:
        """Die here, in whatever thread that is, or count."""
        self.reached("during load")

    def watch(self, environment: Environment) -> None:
        """Hear of the points that the engine does not tell."""
        kind: Any = type(dialects.resolve(environment.url)[0])
        bare = kind.bare
        kind.bare = lambda *given: self._bare(bare, *given)
        sa.event.listen(sa.Engine, "before_cursor_execute", self._executes)

    @contextmanager
    def _bare(self, bare: Callable[..., Any], *given: Any) -> Iterator[None]:
        with bare(*given):
            self.reached("indexes down")
            yield
            self.reached("before rebuild")

    def _executes(self, _connection: Any, _cursor: Any, statement: str, *_: object) -> None:
        if _BUILDS.match(statement) and self._counts("during rebuild"):
            threading.Timer(_UNDER_WAY, kill).start()

    def _counts(self, point: str) -> bool:
        self._left -= point == self._point
        return point == self._point and self._left == 0


def kill() -> None:
    """End this process as nothing can prevent."""
    os.kill(os.getpid(), signal.SIGKILL)


def main(point: str, number: str, rows: str) -> None:
    """Say when everything is imported and connected, upgrade, and say how many seconds that took."""
    chunked.CHUNK, large.LARGE, telling._EVERY = int(rows) // 10, int(rows) // 20, int(rows) // 20
    environment, progress = Project.load().environment(), Killed(point, int(number))
    progress.watch(environment)
    with Seeder(environment, progress=progress) as seeder:
        seeder.plan()
        print("ready", flush=True)
        begun = time.monotonic()
        seeder.upgrade()
        print(time.monotonic() - begun, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
