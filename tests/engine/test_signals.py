"""Ctrl-C and SIGTERM end a run in an orderly way: a true sentence, its own exit code, nothing half-applied."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tdm_seed.errors import Stopped
from tdm_seed.values import State
from tests.engine.playground import Playground, Points

#: Says that it has begun, then takes its time: in Python, or in a statement of the database.
WAITS = """
{header}
import pathlib
import time

def upgrade(db):
    db.load("item", [{{"id": 2, "label": "half"}}])
    flag = pathlib.Path({flag!r})
    if not flag.exists():
        flag.touch()
        {wait}
"""

STATEMENT = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT sum(i) FROM n",
    "postgresql": "SELECT pg_sleep(30)",
    "mysql": "SELECT SLEEP(30)",
}


def kind(play: Playground) -> str:
    """Name the kind of database."""
    return play.url.partition("+")[0].partition(":")[0]


def interrupted(play: Playground, flag: Path, number: signal.Signals, *words: str) -> tuple[int, str, str]:
    """Start an upgrade, send it a signal when its seed has begun, and give how it ended."""
    process = subprocess.Popen(
        play.arguments("upgrade", *words),
        cwd=play.root,
        env=play.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60
    while not flag.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.2)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def ends_orderly(play: Playground, wait: str, number: signal.Signals, code: int) -> None:
    """Interrupt the second of three seeds; see what is told and kept, and that the next upgrade goes on."""
    flag = play.root / "begun"
    play.item("before", 1)
    play.seed("waits", WAITS.format(header="", flag=str(flag), wait=wait))
    play.item("after", 3)
    ended, out, err = interrupted(play, flag, number)
    assert (code, "") == (ended, out), err
    assert "interrupted: 20260105_0002_waits is kept as a whole or not at all" in err
    assert "20260105_0001_before" in err
    assert "Not run: 20260105_0003_after" in err
    assert "Traceback" not in err
    assert [1] == play.items()
    assert ["waits", "after"] == play.ran()
    assert [1, 2, 3] == play.items()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_told_to_end_keeps_whole_seeds_only(play: Playground, number: signal.Signals, code: int) -> None:
    """What was done before is told; the lock is free, and the next upgrade goes on."""
    ends_orderly(play, "time.sleep(30)", number, code)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_is_heard_while_the_database_works(play: Playground, number: signal.Signals, code: int) -> None:
    """In the middle of a statement: a server's connection is given up."""
    ends_orderly(play, f"db.rows({STATEMENT[kind(play)]!r})", number, code)


@pytest.mark.parametrize(
    "wait",
    [
        "db.execute({0!r})",
        "db.connection.connection.driver_connection.execute({0!r})",
        "list(db.connection.exec_driver_sql({1!r}))",
        "try:\n            db.execute({0!r})\n        except Exception:\n            pass",
    ],
    ids=["a write, which takes the transaction back", "past SQLAlchemy", "a query", "a seed that takes any error"],
)
def test_it_is_heard_while_sqlite_works(sqlite_play: Playground, wait: str) -> None:
    """Whatever way the statement has come, and whatever SQLite does with the transaction."""
    query = STATEMENT["sqlite"]
    ends_orderly(sqlite_play, wait.format(f"INSERT INTO item (id) SELECT * FROM ({query})", query), signal.SIGTERM, 143)


def test_sqlite_works_on_after_what_it_was_interrupted_in(sqlite_play: Playground) -> None:
    """A program that catches Ctrl-C has a connection that is as good as before."""
    with sqlite_play.connection() as connection:
        before = signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try:
            with pytest.raises(KeyboardInterrupt):
                connection.exec_driver_sql(STATEMENT["sqlite"])
        finally:
            signal.signal(signal.SIGALRM, before)
        short = STATEMENT["sqlite"].replace("1000000000", "1000000")
        assert 500_000_500_000 == connection.exec_driver_sql(short).scalar()


def test_an_sql_seed_is_interrupted_in_the_middle_of_its_script(play: Playground) -> None:
    """The script runs in the driver, where the signal must be heard too."""
    flag = play.root / "begun"
    play.seed("flag", f"import pathlib\ndef upgrade(db):\n    pathlib.Path({str(flag)!r}).touch()\n")
    play.seed("script", f"INSERT INTO item (id) VALUES (2);\n{STATEMENT[kind(play)]};\n", suffix=".sql")
    ended, _, err = interrupted(play, flag, signal.SIGTERM)
    assert 143 == ended, err
    assert "Traceback" not in err
    assert [] == play.items()
    assert ["20260105_0001_flag"] == [entry.seed for entry in play.history()]


def test_a_seed_without_a_transaction_is_left_unfinished_and_said_to_be(play: Playground) -> None:
    """What it wrote stays: no sentence says otherwise."""
    flag = play.root / "begun"
    play.seed("waits", WAITS.format(header='transaction = "none"', flag=str(flag), wait="time.sleep(30)"))
    ended, out, _ = interrupted(play, flag, signal.SIGINT, "--json")
    assert 130 == ended
    error = json.loads(out)["error"]
    assert "interrupted" == error["code"]
    assert "what 20260105_0001_waits has written stays, and the next upgrade continues it" in error["message"]
    assert [2] == play.items()
    assert State.RUNNING == play.history()[-1].state
    play.path("20260105_0001_waits").write_text('transaction = "none"\ndef upgrade(db):\n    pass\n')
    assert 0 == play.command("upgrade").returncode
    assert "applied" == play.status()["waits"].state


def test_a_program_hears_of_the_interrupt_with_what_was_done(sqlite_play: Playground) -> None:
    """It is still a KeyboardInterrupt, which no ``except Exception`` swallows."""
    sqlite_play.item("one", 1)
    sqlite_play.item("two", 2)
    sqlite_play.item("three", 3)

    class Impatient(Points):
        def reached(self, point: str) -> None:
            if point == "before commit" and self.begun == ["one", "two"]:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped:
        sqlite_play.upgrade(progress=Impatient())
    assert isinstance(stopped.value, Stopped)
    assert (["one"], ["three"]) == (
        [result.seed.name for result in stopped.value.done],
        [step.seed.name for step in stopped.value.left],
    )
    assert [1] == sqlite_play.items()
    assert ["two", "three"] == sqlite_play.ran()


def test_an_interruption_is_one_also_where_tidying_up_behind_it_fails(play: Playground) -> None:
    """SQLAlchemy gives a connection up in whose statement one is heard, and what ends a load asks it once more."""
    fails = 'db.load("item", [{"id": 2, "label": "half"}])\n    try:\n        raise KeyboardInterrupt\n    finally:\n'
    revision = play.seed("tidies", f'def upgrade(db):\n    {fails}        db.rows("SELECT 1 FROM nowhere")\n')
    with pytest.raises(Stopped, match=f"{revision} is kept as a whole or not at all"):
        play.upgrade()
    assert [] == play.items()
