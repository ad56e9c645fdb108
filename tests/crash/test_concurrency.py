"""Several runs at once take turns, and a run that loses its lock stops."""

from __future__ import annotations

import re
import socket
import sqlite3
from contextlib import closing
from functools import partial

import pytest

from tdm_seed.engine.digest import TableDigest
from tests.crash.shop import SEEDS, Running, Shop, wait_for

WAITING = re.compile(
    r"^Waiting for another runner: (\S+) pid (\d+) since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", re.MULTILINE
)


def at_the_gate(shop: Shop) -> Running:
    """Start an upgrade and wait until its first seed has written and stands still."""
    shop.gate()
    run = shop.start("upgrade", "--env", "test")
    wait_for((shop.root / "running").exists, run)
    return run


@pytest.mark.parametrize("runners", [2, 5])
def test_runs_that_start_at_once_take_turns_and_apply_every_seed_once(
    shop: Shop, clean_digest: list[TableDigest], runners: int
) -> None:
    """One gets the lock; the others say who has it, wait, and find that nothing is left to do."""
    shop.gate()
    runs = [shop.start("upgrade", "--env", "test") for _ in range(runners)]
    wait_for(lambda: runners - 1 == sum("Waiting" in run.err for run in runs), *runs)
    (first,) = (run for run in runs if "Waiting" not in run.err)
    shop.open_gate()
    assert [0] * runners == [run.end() for run in runs], [run.err for run in runs]
    assert f"{SEEDS + 1} seeds applied" in first.out
    for run in runs:
        if run is not first:
            assert [(socket.gethostname(), str(first.process.pid))] == WAITING.findall(run.err)
            assert "Nothing to do" in run.out
    recorded = shop.recorded()
    assert (SEEDS + 1, SEEDS + 1) == (len(recorded), len(set(recorded)))
    assert clean_digest == shop.digest()


def test_a_run_that_may_not_wait_any_longer_names_who_holds_the_lock(shop: Shop) -> None:
    """Exit code 6, and the other run is not disturbed."""
    holder = at_the_gate(shop)
    waiter = shop.start("upgrade", "--env", "test", "--lock-timeout", "0.2")
    assert 6 == waiter.end()
    who = f"{socket.gethostname()} pid {holder.process.pid} since "
    assert f"Error: another runner holds the lock: {who}" in waiter.err
    assert "Waited 0.2 s." in waiter.err
    shop.open_gate()
    assert 0 == holder.end(), holder.err


def kept_nothing_and_completes(shop: Shop, clean_digest: list[TableDigest]) -> None:
    """Prove that the seed at the gate was taken back, and that the next upgrade does what was left."""
    assert ([], []) == (shop.rows("SELECT code FROM currencies"), shop.recorded())
    again = shop.start("upgrade", "--env", "test")
    assert 0 == again.end(), again.err
    assert SEEDS + 1 == len(shop.recorded())
    assert clean_digest == shop.digest()


def test_a_run_whose_lock_postgresql_cuts_stops_before_its_next_commit(
    postgresql_shop: Shop, clean_digest: list[TableDigest]
) -> None:
    """The lock's connection is not the one that writes: that one is well, and still nothing may be committed."""
    run = at_the_gate(postgresql_shop)
    cut = postgresql_shop.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity JOIN pg_locks USING (pid) "
        "WHERE application_name LIKE 'tdm-seed %' AND datname = current_database() AND locktype = 'advisory' "
        "AND backend_xid IS NULL"
    )
    assert [(True,)] == cut
    postgresql_shop.open_gate()
    assert 6 == run.end()
    assert "the connection that held the lock was cut, so another runner may have started" in run.err
    assert "What was not committed is taken back. Run the command again." in run.err
    kept_nothing_and_completes(postgresql_shop, clean_digest)


def test_a_run_whose_writing_connection_postgresql_cuts_keeps_nothing_of_the_seed(
    postgresql_shop: Shop, clean_digest: list[TableDigest]
) -> None:
    """The lock goes with the run."""
    run = at_the_gate(postgresql_shop)
    cut = postgresql_shop.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name LIKE 'tdm-seed %' AND datname = current_database() AND backend_xid IS NOT NULL"
    )
    assert [(True,)] == cut
    postgresql_shop.open_gate()
    assert 1 == run.end()
    assert "terminating connection due to administrator command" in run.err
    kept_nothing_and_completes(postgresql_shop, clean_digest)


def test_a_run_whose_connection_mariadb_cuts_keeps_nothing_of_the_seed(
    mysql_shop: Shop, clean_digest: list[TableDigest]
) -> None:
    """The lock's connection is the one that writes: with the lock goes the transaction."""
    run = at_the_gate(mysql_shop)
    ((number,),) = mysql_shop.rows("SELECT connection FROM seed_history_lock")
    mysql_shop.sql(f"KILL {number}")
    mysql_shop.open_gate()
    assert 1 == run.end()
    assert "the connection to the server was lost" in run.err
    kept_nothing_and_completes(mysql_shop, clean_digest)


def test_a_lock_that_the_seed_itself_lets_go_stops_the_run_before_its_commit(
    mysql_shop: Shop, clean_digest: list[TableDigest]
) -> None:
    """On MariaDB a lock can go without its connection."""
    gate = mysql_shop.path(mysql_shop.gate())
    kept = gate.read_text()
    gate.write_text(kept + "    db.scalar('SELECT RELEASE_ALL_LOCKS()')\n")
    mysql_shop.open_gate()
    run = mysql_shop.start("upgrade", "--env", "test")
    assert 6 == run.end()
    assert "the server took the lock away, so another runner may have started" in run.err
    gate.write_text(kept)
    kept_nothing_and_completes(mysql_shop, clean_digest)


def test_a_program_that_keeps_writing_to_the_sqlite_file_is_told_of(
    sqlite_shop: Shop, clean_digest: list[TableDigest]
) -> None:
    """Our lock file keeps runners apart, not the application; how long to wait for it stands in the URL."""
    path = sqlite_shop.url.removeprefix("sqlite:///")
    upgrade = partial(sqlite_shop.start, "upgrade", "--env", "test", "--url", f"{sqlite_shop.url}?timeout=0.2")
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        run = upgrade()
        assert 6 == run.end()
        assert "Error: another program is writing to the SQLite file" in run.err
        writer.execute("ROLLBACK")
    assert [] == sqlite_shop.recorded()
    run = upgrade()
    assert 0 == run.end(), run.err
    assert clean_digest == sqlite_shop.digest()
