"""Rows divided into parts that are loaded one after another, each known again by its last rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Any

from tdm_seed.loading.rows import Rows, held
from tdm_seed.loading.stretch import Stretch

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows at the end of a part by which it is known again.
TAIL = 1_000

#: A place in a file: the bytes before it, and the lines on which they stand.
Place = Sequence[int]


@dataclass(frozen=True)
class Held:
    """A part of columns that is held in memory: ``count`` rows, and whether they are a ``whole`` one."""

    rows: Rows
    columns: tuple[pa.RecordBatch, ...]
    count: int
    tail: str
    whole: bool
    place: None = None

    def next(self) -> Rows:
        """Give the part as a stream; it can be had again."""
        assert self.rows.batches is not None
        batches = replace(self.rows.batches, batches=iter(self.columns))
        return replace(self.rows, numbered=enumerate(batches.rows(), self.rows.before + 1), batches=batches)

    def digest(self) -> str:
        """Give the digest of the last rows."""
        return self.tail


class Parts:
    """A source that is taken apart. ``count`` and ``digest`` are those of the part that was taken last.

    Columns are divided between the batches in which they come, so that a part may be a little larger than ``size``.
    """

    def __init__(self, rows: Rows, size: int) -> None:
        self._count = 0
        self._rows = rows
        self._size = size
        self._before = 0
        self._tail: deque[tuple[Any, ...]] = deque(maxlen=TAIL)
        self._end: pa.RecordBatch | None = None

    def next(self) -> Rows:
        """Give the next part, as a stream that counts itself; the last one is smaller than the others, or empty."""
        return self._part(self._size)

    def hold(self) -> Held:
        """Take the next part of columns, and hold it."""
        rows = self.next()
        columns = tuple(rows.batches.batches if rows.batches is not None else ())
        return Held(rows, columns, self.count, self.digest(), self.whole)

    def holds(self, rows: int) -> bool:
        """Tell whether so many rows follow, and hold them back until they are taken."""
        self._rows, count = held(self._rows, rows)
        return count >= rows

    @property
    def count(self) -> int:
        """How many rows the part holds, as far as it has been taken."""
        return self._count

    @property
    def place(self) -> Place | None:
        """Where a part ends that was taken as a file's bytes."""
        return None

    def skip(self, rows: int, last: int, place: Place | None = None) -> str:
        """Pass over so many rows, of which the ``last`` were a part, and give the digest of that part.

        ``place`` is where it ended.
        """
        for many in (rows - last, last):
            part = self._part(many)
            deque(part.numbered if part.batches is None else part.batches.batches, maxlen=0)
        return self.digest()

    def digest(self) -> str:
        """Digest the last rows of the part, which has been taken to its end."""
        digest = blake2b(digest_size=16)
        if self._end is not None:
            columns = self._end.slice(max(0, self._end.num_rows - TAIL)).columns
            self._tail.extend(zip(*(column.to_pylist() for column in columns), strict=True))
        for values in self._tail:
            digest.update(repr(values).encode())
        return digest.hexdigest()

    @property
    def whole(self) -> bool:
        """Whether the part is as large as it may be, so that more rows may follow."""
        return self.count >= self._size

    def _part(self, size: int) -> Rows:
        self._before += self.count
        self._count = 0
        self._tail.clear()
        self._end = None
        rows = replace(self._rows, text=None, expected=None, overall=self._rows.expected, before=self._before)
        if rows.batches is None:
            return replace(rows, numbered=self._numbered(rows.numbered, size))
        batches = replace(rows.batches, batches=self._batches(rows.batches.batches, size), expected=None)
        return replace(rows, numbered=enumerate(batches.rows(), self._before + 1), batches=batches)

    def _numbered(
        self, numbered: Iterator[tuple[int, tuple[Any, ...]]], size: int
    ) -> Iterator[tuple[int, tuple[Any, ...]]]:
        for number, values in islice(numbered, size):
            self._count += 1
            self._tail.append(values)
            yield number, values

    def _batches(self, batches: Iterator[pa.RecordBatch], size: int) -> Iterator[pa.RecordBatch]:
        while self.count < size and (batch := next(batches, None)) is not None:
            self._count += batch.num_rows
            self._end = batch
            yield batch


class FileParts(Parts):
    """A CSV that is taken apart as the bytes that it is, as long as the database takes those; then row by row."""

    def __init__(self, rows: Rows, text: Stretch, size: int) -> None:
        super().__init__(rows, size)
        self._text = replace(text, most=size)
        self._by_rows = False

    def next(self) -> Rows:
        """Give the next part, as bytes and as rows: whoever takes the bytes notes it, and leaves the rows alone."""
        taken = self._text.taken.rows
        self._by_rows |= bool(self._count) and not taken
        if self._by_rows:
            return super().next()
        self._before += taken
        self._count = 0
        self._text = self._text.end
        if self._text.size:
            self._rows = replace(self._rows, numbered=self._text.rows(self._rows.columns))
        return replace(super().next(), text=self._text)

    @property
    def count(self) -> int:
        """How many rows the part holds, as far as it has been taken."""
        return self._text.taken.rows or self._count

    @property
    def place(self) -> Place | None:
        """Where a part ends that was taken as bytes."""
        return (self._text.end.size, self._text.end.lines) if self._text.taken.rows else None

    @property
    def whole(self) -> bool:
        """Whether more rows may follow."""
        return not self._text.end.is_empty if self._text.taken.rows else super().whole

    def digest(self) -> str:
        """Digest the end of the part: its bytes, or its rows where it was taken row by row."""
        return self._text.end.digest() if self._text.taken.rows else super().digest()

    def skip(self, rows: int, last: int, place: Place | None = None) -> str:
        """Go to the place, or pass over rows where the last part was taken row by row, as all are that follow."""
        self._by_rows = place is None
        if place is None:
            return super().skip(rows, last)
        self._before = rows
        size, lines = place
        self._text = replace(self._text, size=size, lines=lines)
        return self._text.digest()


def parts_of(rows: Rows, size: int) -> Parts:
    """Take a source apart; a CSV that is not compressed as a file in which one can go to a place."""
    if rows.text is None or rows.text.file.is_compressed:
        return Parts(rows, size)
    return FileParts(rows, rows.text, size)
