"""Resets that are killed, that meet one another, and that meet an upgrade."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from tests.engine.playground import Playground
from tests.engine.test_locks import running
from tests.engine.test_reset import SHOP, reset

DRIVER = """
import os, signal, sys
from tdm_seed.engine import Progress, Seeder
from tdm_seed.environments import Project

class Killed(Progress):
    def reached(self, point):
        if point == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGKILL)

with Seeder(Project.load().environment("dev"), progress=Killed()) as seeder:
    seeder.reset(confirmed=True)
"""


@pytest.mark.parametrize("point", ["before commit", "after commit", "after load"])
def test_a_reset_that_dies_has_emptied_everything_or_nothing(play: Playground, point: str) -> None:
    """SIGKILL, where nothing can be tidied up; the next command goes on from there, and the content is that of a run."""
    play.sql("INSERT INTO country VALUES ('IE', 'Ireland')")
    play.seed("shop", SHOP)
    play.item("thing", 1)
    play.ran()
    before, whole, cities = play.content(), play.digest(), play.rows("SELECT id, name FROM city ORDER BY id")
    died = subprocess.run(
        [sys.executable, "-c", DRIVER, point], cwd=play.root, env=play.environ(), capture_output=True, timeout=60
    )
    assert (-signal.SIGKILL, b"") == (died.returncode, died.stderr)
    if point == "before commit":
        assert [] == play.ran()
        assert before == play.content()
        reset(play)
    else:
        assert [("IE",)] == play.rows("SELECT code FROM country")
        assert ["shop", "thing"] == play.ran()
    assert whole == play.digest()
    if point != "after load":  # numbers that a seed drew which came to nothing may be used up
        assert cities == play.rows("SELECT id, name FROM city ORDER BY id")


def test_two_resets_at_once_come_one_after_the_other(play: Playground) -> None:
    """The second one empties what the first one has seeded, and the content is that of one."""
    play.seed("shop", SHOP)
    play.item("thing", 1)
    play.ran()
    whole = play.digest()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            reset(play)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ([], whole) == (failures, play.digest())
    assert 3 == [str(entry.state) for entry in play.history()].count("reset")


def test_a_reset_waits_for_an_upgrade(play: Playground) -> None:
    """It then empties what that has brought."""
    play.item("one", 1)
    play.ran()
    play.item("two", 2)
    done: list[dict[str, int]] = []
    with running(play):
        waiting = threading.Thread(
            target=lambda: done.append({each.table: each.rows for each in reset(play, empty=True).emptying.tables})
        )
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
    waiting.join()
    assert ([{"item": 2}], []) == (done, play.items())
