"""Telling how far a load is, while its rows pass by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from tdm_seed.loading.rows import Rows

if TYPE_CHECKING:
    import pyarrow as pa

#: Hears how many rows have passed, and about how many there will be where that is known.
Told = Callable[[int, int | None], None]

#: Rows between two tellings: a few a second.
_EVERY = 20_000


def telling(rows: Rows, told: Told) -> Rows:
    """Let rows tell of themselves as they are taken, one by one or as columns."""
    expected = rows.overall if rows.expected is None else rows.expected
    numbered = _rows(rows.numbered, told, rows.before, expected)
    if rows.batches is None:
        return replace(rows, numbered=numbered)
    batches = replace(rows.batches, batches=_batches(rows.batches.batches, told, rows.before, expected))
    return replace(rows, numbered=enumerate(batches.rows(), rows.before + 1), batches=batches)


def _rows(
    numbered: Iterator[tuple[int, tuple[Any, ...]]], told: Told, passed: int, expected: int | None
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    for each in numbered:
        passed += 1
        if not passed % _EVERY:
            told(passed, expected)
        yield each


def _batches(
    batches: Iterator[pa.RecordBatch], told: Told, passed: int, expected: int | None
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        passed += batch.num_rows
        told(passed, expected)
        yield batch


class _Heard:
    """A file that is read by whoever takes it for one."""

    def __init__(self, content: BinaryIO, told: Told, size: int, expected: int) -> None:
        self._content, self._told, self._size, self._expected = content, told, max(1, size), expected
        self._read = 0

    def read(self, size: int = -1) -> bytes:
        """Read on, and tell by how much of the file has been read."""
        found = self._content.read(size)
        self._read += len(found)
        self._told(min(self._expected, self._read * self._expected // self._size), self._expected)
        return found


def heard(content: BinaryIO, told: Told, size: int, expected: int) -> BinaryIO:
    """Give a file of so many bytes and about so many rows that tells how far it has been read."""
    return cast(BinaryIO, _Heard(content, told, size, expected))
