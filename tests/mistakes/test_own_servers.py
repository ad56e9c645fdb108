"""Mistakes that a whole server makes: it may only be read, or its disk is full. Each has a server of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tdm_seed import chunked
from tdm_seed.errors import DatabaseError
from tdm_seed.testing import servers
from tdm_seed.testing.databases import throwaway
from tdm_seed.testing.servers.account import Account
from tests.engine.conftest import playground
from tests.engine.playground import Playground

MANY = """
def upgrade(db):
    db.load("item", ({"id": i, "label": "x" * 200} for i in range(10, 60_000)))
"""


def fails(play: Playground) -> DatabaseError:
    """Upgrade, see that nothing is kept, and give the error."""
    before = play.content()
    with pytest.raises(DatabaseError) as refused:
        play.ran()
    assert before == play.content()
    return refused.value


@pytest.fixture(scope="module")
def small_mysql(mysql_server: servers.Server) -> Iterator[servers.Server]:
    """A MariaDB server that may only be read, unless one is its administrator, and whose tables have little room."""
    if mysql_server.pid is None:
        pytest.skip("the server is given by the environment")
    settings = {
        "read_only": "1",
        "innodb_data_file_path": "ibdata1:12M:autoextend:max:16M",
        "innodb_autoextend_increment": "1",
        "innodb_file_per_table": "0",
    }
    with servers.start("mysql", settings=settings) as server:
        yield server


def test_a_server_that_may_only_be_read(small_mysql: servers.Server, tmp_path: Path) -> None:
    """As a replica of MariaDB's is, for all but its administrators."""
    with throwaway(small_mysql) as url:
        play = playground(tmp_path / "project", url)
        play.item("one", 1)
        assert ["one"] == play.ran()
        play.item("two", 2)
        play.sql("CREATE USER seeder@localhost", f"GRANT ALL ON {make_url(url).database}.* TO seeder@localhost")
        reader = Playground(play.root, make_url(url).set(username="seeder").render_as_string(hide_password=False))
        assert {"one": "applied", "two": "pending"} == {name: each.state for name, each in reader.status().items()}
        error = fails(reader)
        play.sql("DROP USER seeder@localhost")
    assert "--read-only option" in error.message
    assert "The server is read-only; use the primary's URL." == error.hint


def test_a_server_without_room_for_its_tables(small_mysql: servers.Server, tmp_path: Path) -> None:
    """What was written of the seed is taken back, and so it is said what to do, not what was kept."""
    with throwaway(small_mysql) as url:
        play = playground(tmp_path / "project", url)
        play.item("one", 1)
        play.ran()
        revision = play.seed("many", MANY)
        error = fails(play)
    assert ("The table 'item' is full", "item") == (error.message, error.place.table)
    assert (revision, 3) == (error.place.seed, error.place.line)
    assert "Make room on the server, then run the command again." == error.hint


@dataclass(frozen=True)
class Disk:
    """A small disk, mounted at a folder."""

    path: Path

    def grow(self) -> None:
        """Make room."""
        subprocess.run(["mount", "-o", "remount,size=64m", self.path], check=True)


@contextmanager
def small_disk(megabytes: int = 4) -> Iterator[Disk]:
    """A disk that the server's account may write to."""
    folder = servers.scratch_directory()
    disk = folder / "disk"
    disk.mkdir()
    size = f"size={megabytes}m"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode != 0:
        disk.rmdir()
        folder.rmdir()
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        account = Account.current()
        os.chown(disk, account.uid, account.gid)
        yield Disk(disk)
    finally:
        subprocess.run(["umount", disk], check=True)
        disk.rmdir()
        folder.rmdir()


def fills_the_disk(play: Playground, transaction: str, disk: Disk) -> DatabaseError:
    """Load more than there is room for, and give the error; the next upgrade, with more room, does what is missing."""
    play.item("one", 1)
    play.ran()
    revision = play.seed("many", f'transaction = "{transaction}"{MANY}')
    with pytest.raises(DatabaseError) as refused:
        play.ran()
    entry, rows = play.history()[-1], len(play.items())
    if transaction == "seed":
        assert ("one", "applied", 1) == (entry.seed[-3:], entry.state, rows)
    else:
        assert ("many", "running", True) == (entry.seed[-4:], entry.state, 5_000 < rows < 49_991)
    disk.grow()
    assert ["many"] == play.ran()
    assert [1, *range(10, 60_000)] == play.items()
    assert [] == play.ran()
    assert (revision, 3) == (refused.value.place.seed, refused.value.place.line)
    assert "Make room" in str(refused.value.hint)
    return refused.value


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
@pytest.mark.parametrize("transaction", ["seed", "chunk"])
def test_a_disk_that_is_full(
    postgresql_server: servers.Server, tmp_path: Path, transaction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table lies on it; the history does not."""
    if postgresql_server.pid is None:
        pytest.skip("the server is given by the environment")
    monkeypatch.setattr(chunked, "CHUNK", 5_000)
    with small_disk() as disk, throwaway(postgresql_server) as url:
        play = playground(tmp_path / "project", url)
        name = f"disk_{make_url(url).database}"
        with administered(postgresql_server) as run:
            run(f"CREATE TABLESPACE {name} LOCATION '{disk.path}'")
            try:
                play.sql(f"ALTER TABLE item SET TABLESPACE {name}")
                error = fills_the_disk(play, transaction, disk)
                play.sql("DROP TABLE item")
            finally:
                run(f"DROP TABLESPACE {name}")
    assert "No space left on device" in error.message


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
@pytest.mark.parametrize("transaction", ["seed", "chunk"])
def test_a_disk_without_room_for_a_table(
    mysql_server: servers.Server, tmp_path: Path, transaction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table lies on it; the history and the server's logs do not."""
    if mysql_server.pid is None:
        pytest.skip("the server is given by the environment")
    monkeypatch.setattr(chunked, "CHUNK", 5_000)
    with small_disk(10) as disk, throwaway(mysql_server) as url:  # InnoDB takes four megabytes at a time
        play = playground(tmp_path / "project", url)
        item = "CREATE TABLE item (id INTEGER PRIMARY KEY, label VARCHAR(200))"
        play.sql("DROP TABLE item", f"{item} DATA DIRECTORY = '{disk.path}'")
        try:
            error = fills_the_disk(play, transaction, disk)
        finally:
            play.sql("DROP TABLE item")
    assert "The table 'item' is full" in error.message


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
@pytest.mark.parametrize("transaction", ["seed", "chunk"])
def test_a_disk_without_room_for_a_file(tmp_path: Path, transaction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of an SQLite database lies on it, and what it needs to take a seed back."""
    monkeypatch.setattr(chunked, "CHUNK", 5_000)
    with small_disk() as disk:
        error = fills_the_disk(playground(tmp_path / "project", f"sqlite:///{disk.path}/test.db"), transaction, disk)
    assert "disk is full" in error.message


@contextmanager
def administered(server: servers.Server) -> Iterator[Callable[[str], object]]:
    """Run statements outside of any transaction."""
    from tdm_seed.testing.servers.launch import administrator

    with administrator(server.url) as connection:
        yield connection.exec_driver_sql
