"""Rows counted on their way into the database, so that one which it refuses can be named."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

from tdm_seed.dialects.columns import Columns
from tdm_seed.dialects.failed import RowRefused
from tdm_seed.loading.conversion import Conversion, Numbered, Slice, slices

#: Breaks in the numbering that are remembered: more than there are rows on their way at a time.
_JUMPS = 20_000


class Counted:
    """Numbered rows that are converted on their way, one by one or by columns; ``total`` is how many have been taken.

    Who takes them again goes on where they were left. With ``numbers``, each row's is the first of its values.
    """

    def __init__(self, numbered: Iterator[Numbered], conversion: Conversion, *, numbers: bool = False) -> None:
        self.total = 0
        self._slices = slices(numbered)
        self._conversion, self._numbers = conversion, numbers
        #: What has been looked at, but not taken.
        self._held: deque[Slice] = deque()
        #: How many may be taken for now.
        self._left: int | None = None
        #: Where numbers went on otherwise than by one, as (place, number): a field of a CSV may hold line breaks.
        self._jumps: deque[tuple[int, int]] = deque(maxlen=_JUMPS)
        self._expected = 0

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        while (some := self._take(None)) is not None:
            yield from zip(*self._columns(some, written=False), strict=True)

    def portion(self, size: int) -> Iterator[Columns] | None:
        """Take up to so many rows, and give them by columns; values are converted when it is their turn.

        JSON is text then.
        """
        taken: list[Slice] = []
        while size > 0 and (some := self._take(size)) is not None:
            taken.append(some)
            size -= len(some)
        return (self._columns(some, written=True) for some in taken) if taken else None

    def hold(self, rows: int) -> bool:
        """Tell whether so many rows are left, by looking at them."""
        held = sum(map(len, self._held))
        while held < rows and (some := next(self._slices, None)) is not None:
            self._held.append(some)
            held += len(some)
        return held >= rows

    def few(self, rows: int) -> list[Numbered] | None:
        """Give the rows without taking them; None where they are more."""
        if self.hold(rows + 1):
            return None
        values = (zip(*self._conversion.columns(some), strict=True) for some in self._held)
        numbers = (some.numbers for some in self._held)
        return list(zip(chain.from_iterable(numbers), chain.from_iterable(values), strict=True))

    @contextmanager
    def only(self, rows: int) -> Iterator[None]:
        """Give no more than so many rows inside the block."""
        self._left = rows
        try:
            yield
        finally:
            self._left = None

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Let a row that is refused inside the block know the number it came with."""
        try:
            yield
        except RowRefused as refused:
            refused.number = self._number_of(refused.place)
            raise

    def _columns(self, some: Slice, *, written: bool) -> Columns:
        columns = self._conversion.columns(some, written=written)
        return [some.numbers, *columns] if self._numbers else columns

    def _take(self, most: int | None) -> Slice | None:
        """Take some rows, not more than there may be."""
        most = min((each for each in (most, self._left) if each is not None), default=None)
        some = None if most == 0 else self._held.popleft() if self._held else next(self._slices, None)
        if some is None:
            return None
        if most is not None and len(some) > most:
            some, rest = some.divided(most)
            self._held.appendleft(rest)
        if self._left is not None:
            self._left -= len(some)
        self._count(some)
        return some

    def _count(self, some: Slice) -> None:
        numbers = some.numbers
        whole = numbers[0] == self._expected and numbers[-1] - numbers[0] == len(numbers) - 1
        for place, number in enumerate(() if whole else numbers, self.total):
            if number != self._expected:
                self._jumps.append((place, number))
            self._expected = number + 1
        self._expected = numbers[-1] + 1
        self.total += len(numbers)

    def _number_of(self, place: int) -> int:
        begun, number = next((jump for jump in reversed(self._jumps) if jump[0] <= place), (0, 1))
        return number + place - begun
