"""Hearing Ctrl-C while SQLite is at work: signals are Python's, which waits for the statement to end."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from typing import Final

#: Steps of SQLite's machine after which it asks whether to go on: some 15 ms; loads are as fast as without.
STEPS: Final = 1_000_000


class Heard:
    """What signals have raised while a statement ran, which SQLite has ended for it with "interrupted"."""

    def __init__(self) -> None:
        self._raised: list[BaseException] = []

    def listen(self, connection: sqlite3.Connection) -> None:
        """Let signals be heard in the statements of a connection.

        Python runs a signal's handler when it runs code of its own, here what SQLite calls back. ``sqlite3`` drops what
        that raises, so it must be caught in there; a function begins before its ``try`` does, and Python hears
        signals there, too, but a generator goes on inside.
        """
        asked = self._asked()
        next(asked)
        connection.set_progress_handler(asked.__next__, STEPS)

    def raise_from(self, error: BaseException) -> None:
        """Raise what was heard, if that is why a statement has ended."""
        if self._raised:
            raised = self._raised[0]
            self._raised.clear()
            raise raised from error

    def _asked(self) -> Generator[bool, None, None]:
        while True:
            try:
                while True:
                    yield bool(self._raised)
            except GeneratorExit:
                return
            except BaseException as error:  # KeyboardInterrupt, or whatever the program makes of a signal
                self._raised.append(error)
