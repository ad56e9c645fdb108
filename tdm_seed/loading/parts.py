"""Rows divided into parts that are loaded one after another, each known again by its last rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Any

from tdm_seed.loading.rows import Rows, held

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows at the end of a part by which it is known again.
TAIL = 1_000


@dataclass(frozen=True)
class Held:
    """A part of columns that is held in memory: ``count`` rows, and whether they are a ``whole`` one."""

    rows: Rows
    columns: tuple[pa.RecordBatch, ...]
    count: int
    tail: str
    whole: bool

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
        self.count = 0
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

    def skip(self, rows: int, last: int) -> str:
        """Pass over so many rows, of which the ``last`` were a part, and give the digest of that part."""
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
        self.count = 0
        self._tail.clear()
        self._end = None
        rows = self._rows
        if rows.batches is None:
            return replace(rows, numbered=self._numbered(rows.numbered, size), text=None, expected=None)
        batches = replace(rows.batches, batches=self._batches(rows.batches.batches, size), expected=None)
        numbered = enumerate(batches.rows(), self._before + 1)
        return replace(rows, numbered=numbered, batches=batches, expected=None, before=self._before)

    def _numbered(
        self, numbered: Iterator[tuple[int, tuple[Any, ...]]], size: int
    ) -> Iterator[tuple[int, tuple[Any, ...]]]:
        for number, values in islice(numbered, size):
            self.count += 1
            self._tail.append(values)
            yield number, values

    def _batches(self, batches: Iterator[pa.RecordBatch], size: int) -> Iterator[pa.RecordBatch]:
        while self.count < size and (batch := next(batches, None)) is not None:
            self.count += batch.num_rows
            self._end = batch
            yield batch
