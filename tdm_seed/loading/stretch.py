"""A CSV as the bytes that it is, from one place in it to another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

from tdm_seed.dialects.appending import Taken
from tdm_seed.loading.sources import RowsFile

#: Bytes before a place by which the place is known again.
_TAIL = 1 << 16


@dataclass
class Stretch:
    """The records of a CSV behind ``size`` bytes, on which so many ``lines`` stand; at 0, behind its header.

    No more than about ``most`` records are wanted, if that is given. ``taken`` is what a database has taken of them.
    """

    file: RowsFile
    size: int = 0
    lines: int = 0
    most: int | None = None
    taken: Taken = field(default_factory=Taken)

    @property
    def end(self) -> Stretch:
        """What stands behind that which was taken."""
        return replace(self, size=self.size + self.taken.size, lines=self.lines + self.taken.lines, taken=Taken())

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands there."""
        return self.size >= self.file.path.stat().st_size

    def rows(self, header: tuple[str, ...]) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """Read the records one by one, each with its line, to the end of the file."""
        return self.file.after(header, self.size, self.lines)

    def digest(self) -> str:
        """Digest what stands before."""
        with self.file.path.open("rb") as content:
            begin = max(0, self.size - _TAIL)
            content.seek(begin)
            return blake2b(content.read(self.size - begin), digest_size=16).hexdigest()
