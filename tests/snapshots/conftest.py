"""Playgrounds whose snapshots are gone from the shared servers when a test is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tdm_seed.errors import DatabaseError
from tests.engine.conftest import playground
from tests.engine.playground import Playground
from tests.own_snapshots import drop_own


def using(made: Playground) -> Iterator[Playground]:
    """Lend a playground with two seeds to a test, and drop its snapshots behind it."""
    made.item("one", 1, header=f"# of {make_url(made.url).database}\n")  # another key than that of any other test
    made.item("two", 2, layer="scenario")
    yield made
    with suppress(DatabaseError), made.seeder() as seeder:
        drop_own(seeder)


@pytest.fixture
def play(tmp_path: Path, database_url: str) -> Iterator[Playground]:
    """A playground on every kind of database in turn."""
    yield from using(playground(tmp_path / "project", database_url))


@pytest.fixture
def sqlite_play(tmp_path: Path, sqlite_url: str) -> Iterator[Playground]:
    """A playground on SQLite."""
    yield from using(playground(tmp_path / "project", sqlite_url))


@pytest.fixture
def postgresql_play(tmp_path: Path, postgresql_url: str) -> Iterator[Playground]:
    """A playground on PostgreSQL."""
    yield from using(playground(tmp_path / "project", postgresql_url))
