"""Chunks of one table that are loaded on two connections at a time, and committed in their order."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Condition

from sqlalchemy.engine import Connection

from tdm_seed.errors import TdmSeedError
from tdm_seed.loading.parts import Held
from tdm_seed.values import Changes


@dataclass
class Lanes:
    """Takes chunks in turns and commits none before those that come first, so that what is there has no gaps.

    ``take`` gives the next chunk, or None behind the last. ``load`` adds its rows in the ``transaction`` of a
    connection, and ``finish`` does what belongs to its commit. ``interrupt`` ends what a connection is doing.
    """

    take: Callable[[], Held | None]
    load: Callable[[Connection, Held], Changes]
    finish: Callable[[Connection, Held, Changes], None]
    transaction: Callable[[Connection], AbstractContextManager[object]]
    interrupt: Callable[[Connection], None]
    reached: Callable[[], None]
    _turn: Condition = field(default_factory=Condition)
    _taken: int = 0
    _committed: int = 0
    _left: dict[int, Held] = field(default_factory=dict)
    _stopped: bool = False

    def run(self, first: Connection, second: Connection) -> list[Held]:
        """Load all chunks; give those that are left, because one of them could not be loaded, in their order.

        Raises:
            TdmSeedError: a chunk could not be read or committed.
        """
        with ThreadPoolExecutor(1, "tdm-seed loading") as pool:
            other = pool.submit(self._run, second)
            try:
                self._run(first)
                other.result()
            except TdmSeedError:
                raise
            except BaseException:
                self.interrupt(second)
                raise
        return [self._left[place] for place in sorted(self._left)]

    def _run(self, connection: Connection) -> None:
        try:
            while (found := self._next()) is not None:
                if not self._one(connection, *found):
                    return
        except BaseException:
            self._stop()
            raise

    def _one(self, connection: Connection, place: int, chunk: Held) -> bool:
        """Load and commit a chunk; False where it, or one before it, could not be loaded."""
        try:
            with self.transaction(connection):
                try:
                    changes = self.load(connection, chunk)
                except Exception as error:
                    raise _Left from error
                if not self._comes(place):
                    raise _Left
                self.finish(connection, chunk, changes)
        except _Left:
            self._leave(place, chunk)
            return False
        with self._turn:
            self._committed = place
            self._turn.notify_all()
        self.reached()
        return True

    def _next(self) -> tuple[int, Held] | None:
        with self._turn:
            chunk = None if self._stopped else self.take()
            if chunk is None:
                return None
            self._taken += 1
            return self._taken, chunk

    def _comes(self, place: int) -> bool:
        """Wait for the chunks that come first; False where one of them will not."""
        with self._turn:
            self._turn.wait_for(lambda: self._committed == place - 1 or self._stopped_before(place))
            return self._committed == place - 1

    def _stopped_before(self, place: int) -> bool:
        return self._stopped and (not self._left or min(self._left) < place)

    def _leave(self, place: int, chunk: Held) -> None:
        with self._turn:
            self._left[place] = chunk
            self._stopped = True
            self._turn.notify_all()

    def _stop(self) -> None:
        with self._turn:
            self._stopped = True
            self._turn.notify_all()


class _Left(Exception):
    """A chunk is taken back, to be loaded by itself."""
