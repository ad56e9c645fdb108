"""Copies of the shop, and what a run of it that nothing disturbs looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tdm_seed.engine.digest import TableDigest
from tdm_seed.testing.databases import throwaway
from tests.crash.shop import Shop, copied


@dataclass(frozen=True)
class Clean:
    """A run that nothing disturbed: how long it took, in seconds, and what it left."""

    seconds: float
    digest: list[TableDigest]
    recorded: list[str]
    tables: list[str]


def using(shop: Shop) -> Iterator[Shop]:
    """Lend the shop to a test."""
    yield shop
    shop.stop()


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Iterator[Shop]:
    """The migrated shop, on every kind of database in turn."""
    yield from using(copied(tmp_path / "shop", database_url))


@pytest.fixture
def sqlite_shop(tmp_path: Path, sqlite_url: str) -> Iterator[Shop]:
    """The migrated shop on SQLite."""
    yield from using(copied(tmp_path / "shop", sqlite_url))


@pytest.fixture
def postgresql_shop(tmp_path: Path, postgresql_url: str) -> Iterator[Shop]:
    """The migrated shop on PostgreSQL."""
    yield from using(copied(tmp_path / "shop", postgresql_url))


@pytest.fixture
def mysql_shop(tmp_path: Path, mysql_url: str) -> Iterator[Shop]:
    """The migrated shop on MariaDB or MySQL."""
    yield from using(copied(tmp_path / "shop", mysql_url))


@pytest.fixture(scope="session")
def clean_runs(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], Clean]]:
    """The clean run on a kind of database, made when first asked for."""
    made: dict[str, Clean] = {}
    with ExitStack() as databases:

        def run(kind: str) -> Clean:
            if kind not in made:
                root = tmp_path_factory.mktemp("clean")
                url = f"sqlite:///{root / 'clean.db'}"
                if kind != "sqlite":
                    url = databases.enter_context(throwaway(request.getfixturevalue(f"{kind}_server")))
                shop = copied(root / "shop", url)
                run = shop.drive()
                assert 0 == run.end(), run.err
                made[kind] = Clean(float(run.out.split()[1]), shop.digest(), shop.recorded(), shop.tables())
            return made[kind]

        yield run


@pytest.fixture
def clean(request: pytest.FixtureRequest, clean_runs: Callable[[str], Clean]) -> Clean:
    """The clean run on the kind of database that the test is about."""
    return clean_runs(request.node.callspec.params["database_url"])


@pytest.fixture(scope="session")
def clean_digest(clean_runs: Callable[[str], Clean]) -> list[TableDigest]:
    """What the shop is on every database."""
    return clean_runs("sqlite").digest
