"""A playground on every kind of database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.playground import METADATA, Playground


def playground(root: Path, url: str) -> Playground:
    """Write the project's frame and create the tables."""
    made = Playground(root, url)
    made.write("tdm-seed.toml", "")
    made.manifest()
    with made.connection() as connection:
        METADATA.create_all(connection)
    return made


@pytest.fixture
def play(tmp_path: Path, database_url: str) -> Playground:
    """A playground on every kind of database in turn."""
    return playground(tmp_path / "project", database_url)


@pytest.fixture(params=["postgresql", "mysql"])
def server_play(request: pytest.FixtureRequest, tmp_path: Path) -> Playground:
    """A playground on every kind of server, where connections can be cut and users have privileges."""
    return playground(tmp_path / "project", request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def sqlite_play(tmp_path: Path, sqlite_url: str) -> Playground:
    """A playground on SQLite."""
    return playground(tmp_path / "project", sqlite_url)


@pytest.fixture
def postgresql_play(tmp_path: Path, postgresql_url: str) -> Playground:
    """A playground on PostgreSQL."""
    return playground(tmp_path / "project", postgresql_url)


@pytest.fixture
def mysql_play(tmp_path: Path, mysql_url: str) -> Playground:
    """A playground on MariaDB or MySQL."""
    return playground(tmp_path / "project", mysql_url)
