"""A run that is killed, anywhere, leaves a database that the next run completes."""

from __future__ import annotations

import random
import signal
import subprocess
from contextlib import suppress

import pytest

from tests.crash.conftest import Clean
from tests.crash.shop import Shop, wait_for

#: The first seed of the shop, one that is data without a script, and the busy month, which is the largest.
FIRST, DATA, LARGEST = 1, 4, 7


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make as many moments as ``--runs`` says."""
    if "moment" in metafunc.fixturenames:
        metafunc.parametrize("moment", range(metafunc.config.getoption("runs")))


@pytest.mark.crash
@pytest.mark.parametrize("seed", [FIRST, DATA, LARGEST])
@pytest.mark.parametrize("point", ["after load", "before history", "before commit", "after commit"])
def test_a_run_that_dies_at_a_point_of_a_seed_keeps_all_of_the_seed_or_nothing(
    shop: Shop, clean: Clean, point: str, seed: int
) -> None:
    """SIGKILL from within, where nothing can be tidied up; the next upgrade does the rest and no more."""
    run = shop.drive(point, seed)
    assert -signal.SIGKILL == run.end(), run.err
    expected = clean.recorded[: seed if point == "after commit" else seed - 1]
    assert expected == shop.recorded()
    completes(shop, clean)


@pytest.mark.crash
def test_a_run_that_is_killed_at_any_moment_keeps_whole_seeds_only(shop: Shop, clean: Clean, moment: int) -> None:
    """SIGKILL from without, as an out-of-memory killer does; the moments are drawn, the same in every run."""
    delay = random.Random(f"moment {moment}").uniform(0, clean.seconds)
    run = shop.drive()
    wait_for(lambda: "ready" in run.out, run)
    with suppress(subprocess.TimeoutExpired):
        run.process.wait(delay)
    run.process.kill()
    assert run.end() in (0, -signal.SIGKILL), run.err
    recorded = shop.recorded()
    assert clean.recorded[: len(recorded)] == recorded
    completes(shop, clean)


def completes(shop: Shop, clean: Clean) -> None:
    """Prove that only whole seeds are there, and that the next upgrade adds what a clean run has."""
    kept, said = shop.kept_and_recorded()
    assert said == kept
    before = shop.recorded()
    ran = [result.seed.revision for result in shop.upgrade()]
    assert clean.recorded == [*before, *ran]
    assert clean.recorded == shop.recorded()
    assert clean.digest == shop.digest()
    assert clean.tables == shop.tables()
    assert [] == shop.upgrade()
