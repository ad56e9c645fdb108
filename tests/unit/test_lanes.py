"""Two lanes of chunks: whatever takes how long, and whatever fails, the commits are the first chunks in their order."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from tdm_seed.errors import SeedError
from tdm_seed.lanes import Lanes
from tdm_seed.loading.parts import Held
from tdm_seed.values import Changes

FIRST, SECOND = cast(Connection, "first"), cast(Connection, "second")


@dataclass
class Imaginary:
    """A database of numbers: chunks are numbers, and those in ``bad`` cannot be loaded."""

    chunks: int
    bad: set[int] = field(default_factory=set)
    lost: int | None = None
    seed: int = 0
    committed: list[int] = field(default_factory=list)
    interrupted: list[object] = field(default_factory=list)

    def lanes(self) -> Lanes:
        """Give lanes over it."""
        self._draw = random.Random(self.seed)
        self._coming = iter(range(1, self.chunks + 1))
        take: Any = lambda: next(self._coming, None)  # noqa: E731
        return Lanes(take, self._load, self._finish, self._transaction, self.interrupted.append, lambda: None)

    def _load(self, connection: Connection, chunk: Held) -> Changes:
        time.sleep(self._draw.random() / 500)
        if cast(int, chunk) in self.bad:
            raise SeedError("does not fit")
        return Changes(inserted=1)

    def _finish(self, connection: Connection, chunk: Held, changes: Changes) -> None:
        if cast(int, chunk) == self.lost:
            raise SeedError("lost")
        self._own[connection] = cast(int, chunk)

    @contextmanager
    def _transaction(self, connection: Connection) -> Iterator[None]:
        yield
        self.committed.append(self._own.pop(connection))

    def __post_init__(self) -> None:
        self._own: dict[Connection, int] = {}


@given(chunks=st.integers(0, 12), bad=st.sets(st.integers(1, 12), max_size=3), seed=st.integers(0, 100))
def test_what_is_committed_has_no_gaps_and_what_is_left_comes_behind(chunks: int, bad: set[int], seed: int) -> None:
    """All of it, or up to the first chunk that cannot be loaded, with which the rest begins."""
    database = Imaginary(chunks, bad, seed=seed)
    left = cast(list[int], database.lanes().run(FIRST, SECOND))
    first_bad = min((each for each in bad if each <= chunks), default=chunks + 1)
    assert list(range(1, first_bad)) == database.committed
    assert list(range(first_bad, first_bad + len(left))) == left
    assert bool(left) == (first_bad <= chunks)


@given(chunks=st.integers(1, 12), lost=st.integers(1, 12), seed=st.integers(0, 100))
def test_a_commit_that_fails_ends_both(chunks: int, lost: int, seed: int) -> None:
    """It is not tried again: nobody knows whether it has taken place."""
    database = Imaginary(chunks, lost=lost, seed=seed)
    if lost <= chunks:
        with pytest.raises(SeedError, match="lost"):
            database.lanes().run(FIRST, SECOND)
    else:
        assert [] == database.lanes().run(FIRST, SECOND)
    assert list(range(1, min(lost, chunks + 1))) == database.committed


def test_ctrl_c_ends_what_the_other_connection_is_doing() -> None:
    """And nothing that came behind is committed."""
    database = Imaginary(12)
    lanes = database.lanes()
    load = lanes.load

    def interrupted(connection: Connection, chunk: Held) -> Changes:
        if connection is FIRST and len(database.committed) > 3:
            raise KeyboardInterrupt
        return load(connection, chunk)

    lanes.load = interrupted
    with pytest.raises(KeyboardInterrupt):
        lanes.run(FIRST, SECOND)
    assert [SECOND] == database.interrupted
    assert list(range(1, len(database.committed) + 1)) == database.committed
