"""Snapshots of one database serve others of the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection, make_url

from tdm_seed.dialects.mysql import snapshot
from tdm_seed.engine import Progress
from tdm_seed.errors import DatabaseError, Locked
from tdm_seed.testing import servers
from tdm_seed.testing.databases import throwaway
from tests.engine.conftest import playground
from tests.engine.playground import Playground
from tests.own_snapshots import own
from tests.snapshots.conftest import using
from tests.snapshots.test_killed import die, ours


@pytest.fixture
def play(tmp_path: Path, mysql_url: str) -> Iterator[Playground]:
    """A playground on MySQL or MariaDB."""
    yield from using(playground(tmp_path / "project", mysql_url))


def test_a_snapshot_stays_while_another_database_is_restored_from_it(
    play: Playground, mysql_server: servers.Server
) -> None:
    """A prune and a save leave it, and tell, until the other one has gone on where it was cut off."""
    play.upgrade()
    with play.seeder() as seeder:
        shared = seeder.snapshot().snapshot
        with throwaway(mysql_server) as url:
            other = playground(play.root, url)
            other.upgrade()
            other.sql("DELETE FROM item")
            die(other, "restore", "after drop")
            assert not seeder._session.store().drop(shared)
            with pytest.raises(Locked, match="was cut off, and needs it to go on"):
                seeder.snapshot(again=True)
            other.upgrade()
            assert [1, 2] == other.items()
        assert seeder._session.store().drop(shared)


def test_a_snapshot_that_goes_between_two_questions_is_left_out(
    play: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was there when the list began, and is gone when its mark is read."""
    play.upgrade()
    there = snapshot._has
    with play.seeder() as seeder, play.seeder() as other:
        saved = seeder.snapshot().snapshot

        def goes(connection: Connection, schema: str, table: str) -> bool:
            found = there(connection, schema, table)
            if schema == saved.name:
                monkeypatch.undo()
                assert other._session.store().drop(saved)
            return found

        monkeypatch.setattr(snapshot, "_has", goes)
        assert [] == own(seeder)


def test_two_databases_are_restored_from_a_snapshot_at_the_same_time(
    play: Playground, mysql_server: servers.Server
) -> None:
    """Neither waits for the other, and while they are at it the snapshot stays."""
    play.upgrade()

    class Meanwhile(Progress):
        """Restores the first database while the second is at it, and tries to drop what both need."""

        def reached(self, point: str) -> None:
            if point == "before rows":
                with play.seeder() as first:
                    first.restore(confirmed=True)
                    assert not first._session.store().drop(shared)

    with play.seeder() as seeder:
        shared = seeder.snapshot().snapshot
    with throwaway(mysql_server) as url:
        other = playground(play.root, url)
        with other.seeder(progress=Meanwhile()) as second:
            second.restore(confirmed=True)
        assert [1, 2] == other.items()


def test_a_restore_that_somebody_keeps_from_beginning_is_none(play: Playground) -> None:
    """Nothing is dropped while a transaction uses a table, and no later command goes on with it."""
    play.upgrade()
    with play.seeder(lock_timeout=1) as seeder:
        seeder.snapshot()
        play.sql("INSERT INTO item VALUES (7, 'mine')")
        with play.connection() as user:
            user.exec_driver_sql("SELECT * FROM item").all()
            with pytest.raises(Locked, match="somebody uses a table of the database, and did not stop for 1 s"):
                seeder.restore(confirmed=True)
        seeder.upgrade()
        assert [1, 2, 7] == play.items()
        seeder.restore(confirmed=True)
    assert [1, 2] == play.items()


def test_whoever_has_written_is_waited_for_as_long_as_the_runner_waits(play: Playground) -> None:
    """A row that nobody knows to be there keeps the whole from being saved."""
    play.upgrade()
    with play.seeder(lock_timeout=1) as seeder, play.connection() as user:
        user.exec_driver_sql("UPDATE item SET label = 'other'")
        with pytest.raises(Locked, match="Lock wait timeout exceeded"):
            seeder.snapshot()
        user.rollback()
        assert seeder.snapshot().built


def test_what_this_user_could_not_make_again_is_not_saved(play: Playground) -> None:
    """A view of another user's, found before anything is dropped; that one saves it, and it is restored as it was."""
    url = make_url(play.url)
    user = f"u{url.database}"[:30]
    play.sql(
        "CREATE VIEW seen AS SELECT id FROM item", "CREATE EVENT daily ON SCHEDULE EVERY 1 DAY DO DELETE FROM item"
    )
    play.upgrade()
    play.sql(f"CREATE USER {user}@localhost", f"GRANT ALL ON {url.database}.* TO {user}@localhost")
    play.sql(f"GRANT ALL ON `tdm\\_seed\\_%`.* TO {user}@localhost")
    try:
        plain = url.set(username=user).render_as_string(hide_password=False)
        with Playground(play.root, plain).seeder() as seeder:
            with pytest.raises(DatabaseError, match="this user may not make the (view seen|event daily) again"):
                seeder.snapshot()
            assert [] == ours(play)
    finally:
        play.sql(f"DROP USER {user}@localhost")
    with play.seeder() as seeder:
        seeder.snapshot()
        play.sql("DELETE FROM item")
        seeder.restore(confirmed=True)
    assert [(1,), (2,)] == play.rows("SELECT id FROM seen ORDER BY id")
    status = "SELECT status FROM information_schema.events WHERE event_schema = DATABASE()"
    assert [("ENABLED",)] == play.rows(status)
