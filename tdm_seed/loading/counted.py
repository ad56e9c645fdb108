"""Rows counted on their way into the database, so that one which it refuses can be named."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tdm_seed.dialects.failed import RowRefused

#: Breaks in the numbering that are remembered: more than there are rows on their way at a time.
_JUMPS = 20_000


class Counted:
    """The values of numbered rows; ``total`` is how many have been taken."""

    def __init__(self, numbered: Iterator[tuple[int, tuple[Any, ...]]]) -> None:
        self.total = 0
        self._numbered = numbered
        #: Where numbers went on otherwise than by one, as (place, number): a field of a CSV may hold line breaks.
        self._jumps: deque[tuple[int, int]] = deque(maxlen=_JUMPS)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        expected = 0
        for number, values in self._numbered:
            if number != expected:
                self._jumps.append((self.total, number))
            expected = number + 1
            self.total += 1
            yield values

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Let a row that is refused inside the block know the number it came with."""
        try:
            yield
        except RowRefused as refused:
            refused.number = self._number_of(refused.place)
            raise

    def _number_of(self, place: int) -> int:
        begun, number = next((jump for jump in reversed(self._jumps) if jump[0] <= place), (0, 1))
        return number + place - begun
