"""One runner at a time, in real processes; and a runner that has lost its lock commits nothing."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tdm_seed.errors import Locked, TdmSeedError
from tdm_seed.history import History
from tdm_seed.values import State
from tests.engine.playground import Playground, Points


class Held(Points):
    """Stops at a point until the test lets it go on."""

    def __init__(self) -> None:
        super().__init__()
        self.there, self.go_on = threading.Event(), threading.Event()

    def reached(self, point: str) -> None:
        """Wait behind the load of the first seed."""
        if point == "after load":
            self.there.set()
            assert self.go_on.wait(60)


@contextmanager
def running(play: Playground, *again: str, dry_run: bool = False, patience: float = 5) -> Iterator[None]:
    """Be in the middle of an upgrade for the length of the block, then finish it."""
    held = Held()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            with play.seeder(progress=held, lock_timeout=patience) as seeder:
                seeder.upgrade(again=again, dry_run=dry_run)
        except BaseException as error:
            errors.append(error)
            held.there.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert held.there.wait(60)
        yield
    finally:
        held.go_on.set()
        thread.join()
    assert [] == errors


def test_reading_waits_for_nobody(play: Playground) -> None:
    """Status and plan are told from what is committed."""
    play.item("one", 1)
    with running(play):
        assert "pending" == play.status()["one"].state
        assert 1 == len(play.plan().steps)


def test_a_dry_run_keeps_others_out_too(play: Playground) -> None:
    """It writes like any other run, and leaves no name behind; the wait still has somebody to name."""
    play.item("one", 1)
    play.item("two", 2)
    play.ran("one")
    with running(play, dry_run=True), pytest.raises(Locked) as locked, play.seeder(lock_timeout=0.2) as seeder:
        seeder.upgrade()
    assert re.search(r"holds the lock: (\S+ pid \d+ since|connection \d+ of the server)", locked.value.message)


def test_a_holder_is_named_with_the_time_when_it_got_the_lock(play: Playground) -> None:
    """Not with the time when it began to wait for it."""
    play.item("one", 1)
    with ExitStack() as second:
        with running(play):
            waiting = threading.Thread(target=second.enter_context, args=[running(play, "one", patience=30)])
            waiting.start()
            time.sleep(1.1)
            freed = datetime.now(UTC).replace(microsecond=0)
        waiting.join()
        with pytest.raises(Locked) as locked, play.seeder(lock_timeout=0.3) as seeder:
            seeder.upgrade()
    since = re.search(r"since (\S+)", locked.value.message)
    assert since is not None
    assert freed <= datetime.fromisoformat(since[1])


def test_downgrade_and_upgrade_keep_out_of_each_others_way(play: Playground) -> None:
    """The lock is that of everything that writes."""
    play.item("one", 1)
    play.item("two", 2)
    play.ran("one")
    with running(play), pytest.raises(Locked), play.seeder(lock_timeout=0.2) as seeder:
        seeder.downgrade("one")
    assert [1, 2] == play.items()


def test_the_lock_is_free_after_a_failure(play: Playground) -> None:
    """Whatever it was."""
    revision = play.seed("fails", "def upgrade(db):\n    raise ValueError\n")
    for _ in range(2):
        with pytest.raises(TdmSeedError, match="ValueError"), play.seeder(lock_timeout=0.2) as seeder:
            seeder.upgrade()
    play.path(revision).unlink()
    assert [] == play.ran()


def test_two_histories_are_two_locks(server_play: Playground, tmp_path: Path) -> None:
    """Two projects may share a database without waiting for each other, unless it is a file."""
    other = Playground(tmp_path / "other", server_play.url)
    other.write("tdm-seed.toml", 'history_table = "other_history"\n')
    other.manifest()
    server_play.item("one", 1)
    other.item("two", 2)
    with running(server_play):
        assert ["two"] == other.ran()


# ---- the lock is lost -----------------------------------------------------------------------------------------------

CUTS = """
import pathlib
import subprocess

def upgrade(db):
    db.load("city", [{{"name": "mine", "country_code": "DE"}}])
    flag = pathlib.Path({flag!r})
    if flag.exists():
        flag.unlink()
        db.rows({cut!r})
"""

CUT = {
    # The backend of every other session that holds an advisory lock here: that is the runner's lock.
    "postgresql": "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
    "AND pid <> pg_backend_pid() AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    # The lock lives on the connection that writes; only the lock is taken away here, not the connection.
    "mysql": "SELECT RELEASE_ALL_LOCKS()",
}


def cutting(play: Playground) -> None:
    """Write a seed that has its runner's lock taken away while it runs, once, and one behind it.

    Its row has no key of its own, so that nothing but our locks keeps two runners from writing it.
    """
    play.sql("INSERT INTO country (code, name) VALUES ('DE', 'Germany')")
    flag = play.root / "cut"
    flag.touch()
    play.seed("cut", CUTS.format(flag=str(flag), cut=CUT[play.url.partition("+")[0].partition(":")[0]]))
    play.item("next", 2)


def test_a_cut_lock_does_not_hide_why_the_seed_failed(server_play: Playground) -> None:
    """Giving back a lock that is gone raises nothing of its own."""
    cutting(server_play)
    path = server_play.path("20260105_0001_cut")
    path.write_text(path.read_text() + "    raise ValueError('of the seed')\n")
    with pytest.raises(TdmSeedError, match="of the seed"):
        server_play.ran()


def test_another_runner_that_takes_over_applies_everything_once(server_play: Playground) -> None:
    """The first one has lost its lock without knowing, and finds out before its commit, not by chance.

    On PostgreSQL, where the lock is on another connection than the transaction, the second waits for that too.
    """
    cutting(server_play)
    held = Held()
    errors: list[BaseException] = []

    def first() -> None:
        try:
            server_play.upgrade(progress=held)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=first)
    thread.start()
    assert held.there.wait(60)
    second = subprocess.Popen(
        server_play.arguments("upgrade"),
        cwd=server_play.root,
        env=server_play.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if server_play.url.startswith("postgres"):
        with pytest.raises(subprocess.TimeoutExpired):
            second.communicate(timeout=3)
    else:
        assert 0 == second.wait(60)
    held.go_on.set()
    thread.join()
    out, err = second.communicate(timeout=60)
    assert (0, "Waiting" in err) == (second.returncode, False), (out, err)
    assert [Locked] == [type(error) for error in errors]
    assert ["20260105_0001_cut", "20260105_0002_next"] == [entry.seed for entry in server_play.history()]
    assert ([("mine",)], [2]) == (server_play.rows("SELECT name FROM city"), server_play.items())


def test_who_has_lost_the_lock_writes_no_reason_over_the_next_runners_entry(server_play: Playground) -> None:
    """A seed without a transaction that fails then is left as it was noted when it began."""
    cutting(server_play)
    path = server_play.path("20260105_0001_cut")
    path.write_text(f'transaction = "none"\n{path.read_text()}    raise ValueError("of the seed")\n')
    with pytest.raises(TdmSeedError, match="of the seed"):
        server_play.ran()
    assert [(State.RUNNING, None)] == [(entry.state, entry.note.get("reason")) for entry in server_play.history()]


def test_a_seed_that_somebody_else_has_recorded_meanwhile_is_not_applied_again(play: Playground) -> None:
    """Its state is read once more inside its own transaction, for a lock may have been lost without a word."""
    play.item("one", 1)
    play.ran()
    play.item("two", 2)

    class Overtaken(Points):
        def started(self, step: Any, place: int, total: int) -> None:
            entry = replace(play.history()[-1], seed=step.seed.revision, checksum=step.seed.checksum, id=None)
            with play.connection() as connection:
                History().record(connection, entry)

    with pytest.raises(Locked, match="another runner has recorded this seed as applied meanwhile"):
        play.ran(progress=Overtaken())
    assert [1] == play.items()
    assert [] == play.ran()


# ---- SQLite's file --------------------------------------------------------------------------------------------------


def test_a_link_to_the_file_is_no_way_around_the_lock(sqlite_play: Playground, tmp_path: Path) -> None:
    """The lock belongs to the file, whatever leads to it."""
    sqlite_play.item("one", 1)
    file = Path(sqlite_play.url.removeprefix("sqlite:///"))
    link = tmp_path / "elsewhere" / "link.db"
    link.parent.mkdir()
    link.symlink_to(file)
    linked = Playground(sqlite_play.root, f"sqlite:///{link}")
    with (
        running(sqlite_play),
        pytest.raises(Locked, match="another runner holds the lock"),
        linked.seeder(lock_timeout=0.2) as seeder,
    ):
        seeder.upgrade()


def test_a_reader_that_keeps_the_commit_out_gets_a_sentence(sqlite_play: Playground) -> None:
    """SQLite leaves a transaction open whose commit failed; the Seeder is as good as before when it is told."""
    sqlite_play.item("one", 1)
    sqlite_play.ran()
    sqlite_play.item("two", 2)
    impatient = Playground(sqlite_play.root, f"{sqlite_play.url}?timeout=0.2")
    file = sqlite_play.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(file, isolation_level=None)) as reader, impatient.seeder() as seeder:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM item").fetchone()
        with pytest.raises(Locked, match="another program"):
            seeder.upgrade()
        reader.execute("ROLLBACK")
        assert 1 == seeder.status().pending
        assert 1 == len(seeder.upgrade())
    assert [1, 2] == sqlite_play.items()


def test_only_the_lock_file_is_left_beside_the_database(sqlite_play: Playground) -> None:
    """The name of the holder goes with the holder."""
    file = Path(sqlite_play.url.removeprefix("sqlite:///"))
    sqlite_play.item("one", 1)
    with running(sqlite_play):
        assert f"{file.name}.tdm-seed.lock.holder" in [path.name for path in file.parent.iterdir()]
    assert [file.name, f"{file.name}.tdm-seed.lock"] == sorted(
        path.name for path in file.parent.iterdir() if path.is_file()
    )
