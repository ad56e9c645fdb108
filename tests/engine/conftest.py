"""A playground on every kind of database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tdm_seed import dialects
from tdm_seed.dialects.mysql import keeping
from tdm_seed.testing import servers
from tdm_seed.testing.databases import throwaway
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


@pytest.fixture(scope="session")
def logging_mysql(mysql_server: servers.Server) -> Iterator[servers.Server]:
    """A server that writes a binlog, this worker's own: tests purge it, and begin it anew."""
    if mysql_server.pid is not None:
        given = {"log-bin": "binlog", "binlog-format": "ROW", "server-id": "1"}
        folder = servers.scratch_directory(in_memory=True)
        with servers.start("mysql", folder, settings=given) as server:
            yield server
        shutil.rmtree(folder)
        return
    with sa.create_engine(mysql_server.url).connect() as connection:
        if not connection.exec_driver_sql("SELECT @@GLOBAL.log_bin").scalar():
            pytest.skip("the server given by the environment writes no binlog")
    yield mysql_server


@pytest.fixture
def logging_mysql_url(logging_mysql: servers.Server) -> Iterator[str]:
    """The URL of an empty database on it, this test's own; what is kept beside goes with it."""
    with throwaway(logging_mysql) as text:
        yield text
        dialect, url = dialects.resolve(text)
        with dialect.engine(url, "test").begin() as connection:
            keeping.let_go(connection)
