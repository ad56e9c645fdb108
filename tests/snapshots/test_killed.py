"""What is cut off is gone on with or dropped by the next command, and two that come together build once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import make_url

from tdm_seed.dialects.snapshots import name_of
from tdm_seed.engine import Progress, reset_rules
from tdm_seed.errors import DatabaseError
from tdm_seed.testing.servers import Server
from tdm_seed.testing.servers.launch import administrator
from tests.engine.playground import Playground
from tests.own_snapshots import drop_own, own
from tests.snapshots.everything import furnish, product, spoil, state

DRIVER = Path(__file__).with_name("killed.py")
BUILDING = {
    "postgresql": ("after copy", "before mark", "after mark"),
    "sqlite": ("after copy", "before mark", "after mark"),
    "mysql": ("before copy", "before mark", "after mark"),
}
RESTORING = {
    "postgresql": ("after copy", "before drop", "after drop", "after rename"),
    "sqlite": ("before drop", "after drop"),
    "mysql": ("after drop", "before rows", "after rows", "before end"),
}


class Waiting(Progress):
    """Hears that another runner holds the lock."""

    def __init__(self) -> None:
        self.heard = threading.Event()

    def waiting(self, who: str) -> None:
        """Note it."""
        self.heard.set()


def die(play: Playground, *words: str) -> None:
    """Run the driver until it kills itself."""
    died = subprocess.run(
        [sys.executable, str(DRIVER), *words], cwd=play.root, env=play.environ(), capture_output=True, timeout=60
    )
    assert (-signal.SIGKILL, b"") == (died.returncode, died.stderr)


def ours(play: Playground) -> list[bool]:
    """Tell of each snapshot of the database whether it is complete."""
    with play.seeder() as seeder:
        return [each.complete for each in own(seeder)]


def test_a_snapshot_that_was_cut_off_is_never_restored_and_made_anew(play: Playground) -> None:
    """SIGKILL at each point of building; what is half there is dropped by the next save."""
    play.upgrade()
    before = play.content()
    for point in BUILDING[product(play)]:
        die(play, "save", point)
        whole = point == "after mark"
        assert whole == any(ours(play))
        with play.seeder() as seeder:
            assert (not whole) == seeder.snapshot().built
            assert [True] == ours(play)
            drop_own(seeder)
    assert before == play.content()


def test_a_restore_that_was_cut_off_is_ended_by_the_next_command_that_writes(play: Playground) -> None:
    """SIGKILL at each point; the database is what it was until that is dropped, and from then on what it is to be."""
    furnish(play)
    play.upgrade()
    before = state(play)
    with play.seeder() as seeder:
        seeder.snapshot()
    points = RESTORING[product(play)]
    for point in points:
        spoil(play)
        spoilt = state(play)
        die(play, "restore", point)
        with play.seeder() as seeder:
            seeder.status()  # what only reads is let in
            assert [] == seeder.upgrade()
        begun = point in points[points.index("after drop") :]
        assert (before if begun else spoilt) == state(play), point
        with play.seeder() as seeder:
            seeder.restore(confirmed=True)
        assert before == state(play)
    assert [True] == ours(play)


@pytest.mark.parametrize(("word", "statement"), [("save", "CREATE DATABASE"), ("restore", "DROP DATABASE")])
def test_what_the_server_still_does_for_one_who_was_killed_is_waited_for(
    postgresql_play: Playground, postgresql_server: Server, word: str, statement: str
) -> None:
    """SIGKILL in a long statement on a whole database: the next one begins behind it, and loses nothing."""
    play = postgresql_play
    play.upgrade()
    with play.seeder(progress=(told := Waiting())) as seeder:
        if word == "restore":
            seeder.snapshot()
            play.sql("DELETE FROM item")
        store, claim = seeder._session.store(), seeder._session.claim()
    at_it = (
        f"SELECT count(*) FROM pg_stat_activity WHERE query LIKE '{statement} %%{store.database}%%' "
        "AND wait_event_type = 'Lock'"
    )

    def tidies() -> None:
        with store.lock(claim):
            store.tidy()

    with (
        sa.create_engine(postgresql_server.url, poolclass=sa.pool.NullPool).connect() as blocks,
        administrator(postgresql_server.url) as admin,
        ThreadPoolExecutor(1) as beside,
    ):
        blocks.exec_driver_sql(f"COMMENT ON DATABASE {store.database} IS 'nobody copies or drops it meanwhile'")
        command = [sys.executable, str(DRIVER), word, "nowhere"]
        with subprocess.Popen(command, cwd=play.root, env=play.environ()) as killed:
            end = time.monotonic() + 20
            while not admin.exec_driver_sql(at_it).scalar_one():
                assert time.monotonic() < end
                time.sleep(0.01)
            killed.kill()
        done = beside.submit(tidies)
        waited = told.heard.wait(2)
        blocks.rollback()
        done.result(30)
    assert waited
    with play.seeder() as seeder:
        assert (word == "save") == seeder.snapshot().built
    assert [1, 2] == play.items()
    assert [True] == ours(play)


def test_a_database_that_the_server_dropped_half_way_is_replaced_all_the_same(
    postgresql_play: Playground, postgresql_server: Server
) -> None:
    """It cannot be had back; what was to take its place does so, and what is left of it goes."""
    play = postgresql_play
    play.upgrade()
    with play.seeder() as seeder:
        seeder.snapshot()
    play.sql("DELETE FROM item")
    die(play, "restore", "before drop")
    half_drop(postgresql_server, str(make_url(play.url).database))
    with play.seeder() as seeder:
        assert () == seeder.plan().steps  # what only reads is let in
        assert [] == seeder.upgrade()
        seeder.restore(confirmed=True)
    assert [1, 2] == play.items()
    assert [True] == ours(play)


def test_a_runner_does_not_wait_for_itself(postgresql_play: Playground, postgresql_server: Server) -> None:
    """Where the database is gone while it holds the lock of its snapshots, it says so at once."""
    play = postgresql_play
    play.upgrade()
    with play.seeder(progress=(told := Waiting()), lock_timeout=3) as seeder:
        session = seeder._session
        with session.store().lock(session.claim()), administrator(postgresql_server.url) as admin:
            session.close()
            admin.exec_driver_sql(f"DROP DATABASE {session.store().database}")
            with pytest.raises(DatabaseError, match="there is no database"):
                session.connect()
    assert not told.heard.is_set()


def test_a_snapshot_that_the_server_dropped_half_way_is_made_anew(
    postgresql_play: Playground, postgresql_server: Server
) -> None:
    """It is none any more, though it carries its mark."""
    play = postgresql_play
    play.upgrade()
    with play.seeder() as seeder:
        half_drop(postgresql_server, seeder.snapshot().snapshot.name)
        assert [False] == ours(play)
        assert seeder.snapshot().built
        play.sql("DELETE FROM item")
        seeder.restore(confirmed=True)
    assert [1, 2] == play.items()


def test_statements_on_whole_databases_take_their_time(postgresql_play: Playground, postgresql_server: Server) -> None:
    """Whatever limit the role or the URL sets for others: dropping half a database cannot be taken back."""
    play = postgresql_play
    play.upgrade()
    play.url = make_url(given := play.url).update_query_dict({"options": "-c statement_timeout=1s"}).render_as_string()
    with (
        sa.create_engine(postgresql_server.url, poolclass=sa.pool.NullPool).connect() as blocks,
        ThreadPoolExecutor(1) as beside,
        play.seeder() as seeder,
    ):
        blocks.exec_driver_sql(f"COMMENT ON DATABASE {make_url(given).database} IS 'nobody copies it meanwhile'")
        saved = beside.submit(seeder.snapshot)
        time.sleep(1.5)
        blocks.rollback()
        assert saved.result(30).built


def half_drop(server: Server, name: str) -> None:
    """Leave a database as the server does where it ends in the middle of dropping it."""
    with administrator(server.url) as admin:
        admin.exec_driver_sql(
            f"UPDATE pg_database SET datconnlimit = -2, datistemplate = false WHERE datname = '{name}'"
        )


def test_two_who_ask_for_the_same_snapshot_build_it_once(play: Playground) -> None:
    """The second one waits, and finds it there."""
    play.upgrade()
    running = [
        subprocess.Popen(
            play.arguments("snapshot", "save", "--json"),
            cwd=play.root,
            env=play.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    ended = [each.communicate(timeout=90) for each in running]
    assert [0, 0, 0] == [each.returncode for each in running], ended
    said = [json.loads(out) for out, _ in ended]
    assert [False, False, True] == sorted(each["changed"] for each in said)
    assert 1 == len({each["snapshot"]["name"] for each in said})


def test_two_who_restore_come_one_after_the_other(play: Playground) -> None:
    """Both end with the database as it was saved."""
    play.upgrade()
    with play.seeder() as seeder:
        seeder.snapshot()
    play.sql("DELETE FROM item")
    running = [
        subprocess.Popen(
            play.arguments("snapshot", "restore", "--yes", "--json"),
            cwd=play.root,
            env=play.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    ended = [each.communicate(timeout=90) for each in running]
    assert [0, 0] == [each.returncode for each in running], ended
    assert [1, 2] == play.items()


def test_what_others_drop_and_make_meanwhile_is_no_mistake_of_a_list(play: Playground) -> None:
    """It tells what there is, or leaves it out, at whichever moment of theirs it comes."""
    play.upgrade()
    told: set[bool] = set()

    def again() -> None:
        with play.seeder() as seeder:
            for _ in range(8):
                assert seeder.snapshot(again=True).built

    with play.seeder() as seeder, ThreadPoolExecutor(1) as beside:
        store = seeder._session.store()
        seeder._session.close()  # nobody may be connected to what PostgreSQL copies
        others = beside.submit(again)
        while not others.done():
            told |= {each.complete for each in store.snapshots() if each.name.startswith(name_of(store.database))}
    others.result()
    assert True in told
    assert [True] == ours(play)


@pytest.mark.parametrize("damage", ["cut short", "overwritten", "one byte"])
def test_a_damaged_file_is_not_restored(sqlite_play: Playground, damage: str) -> None:
    """Neither one that is shorter, which is as good as none, nor one with other bytes, which SQLite might even read."""
    play = sqlite_play
    play.upgrade()
    with play.seeder() as seeder:
        saved = seeder.snapshot().snapshot
        path = next(play.root.parent.glob(f"*.tdm-seed-snapshots/{saved.name}.db"))
        content = path.read_bytes()
        at = content.rindex(b"two")
        damaged = {
            "cut short": content[:5000],
            "overwritten": b"x" * len(content),
            "one byte": content[:at] + b"x" + content[at + 1 :],
        }
        path.write_bytes(damaged[damage])
        play.sql("INSERT INTO item VALUES (7, 'mine')")
        with pytest.raises(Exception, match="there is no snapshot|cannot be read"):
            seeder.restore(confirmed=True)
        assert [1, 2, 7] == play.items()
        seeder.upgrade()
        assert seeder.snapshot(again=True).built
        seeder.restore(confirmed=True)


def test_a_snapshot_is_for_those_alone_who_may_read_the_database(sqlite_play: Playground) -> None:
    """Its folder is its maker's, and the file may be read by whom the database may."""
    play = sqlite_play
    play.upgrade()
    database = Path(play.url.removeprefix("sqlite:///"))
    database.chmod(0o640)
    with play.seeder() as seeder:
        name = seeder.snapshot().snapshot.name
    folder = database.with_name(f"{database.name}.tdm-seed-snapshots")
    files = {each.name: each.stat().st_mode & 0o777 for each in folder.glob(f"{name}.*")}
    assert (0o700, 0o640) == (folder.stat().st_mode & 0o777, files[f"{name}.db"])


def test_what_a_restore_has_left_is_none_of_the_rows_and_can_be_finished_first(play: Playground) -> None:
    """A database without rows is told as one, and a session that goes on has the whole one at hand."""
    play.upgrade()
    with play.seeder() as seeder:
        seeder.snapshot()
    play.sql("DELETE FROM item")
    die(play, "restore", "after drop")
    with play.seeder() as seeder:
        tables = {each.table for each in seeder.digest()}
        assert tables <= {"city", "country", "item"}
        reset_rules.check(seeder._session, seeder._session.entries(), adopt=False)
        seeder._session.go_on()
        assert ["item"] == [each.table for each in seeder.digest() if each.rows]
        seeder._session.go_on()
        assert [] == seeder.upgrade(dry_run=True)
