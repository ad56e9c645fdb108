"""A reset that is killed, anywhere and on any way, leaves a database that the next one brings back as a whole."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import TimeoutExpired

import pytest

from tdm_seed.errors import DatabaseError
from tdm_seed.values import Way
from tests.crash.shop import Shop, copied
from tests.own_snapshots import drop_own
from tests.snapshots.everything import product

#: What somebody has done to the shop: rows went, came and changed, and a number was drawn that nobody keeps.
SPOILING = (
    "DELETE FROM order_items",
    "UPDATE users SET full_name = 'nobody'",
    "INSERT INTO currencies (code, numeric_code, name) VALUES ('QQQ', '000', 'None')",
)


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Iterator[Shop]:
    """The shop, seeded, on every kind of database in turn; its snapshots go with it."""
    made = copied(tmp_path / "shop", database_url)
    made.upgrade(environment="test")
    yield made
    made.stop()
    with suppress(DatabaseError), made.seeder("test") as seeder:
        drop_own(seeder)


@pytest.mark.crash
@pytest.mark.parametrize("way", [None, Way.CLONE, Way.REBUILD], ids=["cheapest", "clone", "rebuild"])
def test_a_reset_that_dies_is_completed_by_the_next(
    shop: Shop, way: Way | None, request: pytest.FixtureRequest
) -> None:
    """At moments that are drawn; content, schema and what is pending are those of a run that was left alone."""
    with shop.seeder("test") as seeder:
        seeder.reset(confirmed=True)
        seeder.snapshot()
    clean = shop.digest(), shop.tables()
    shop.sql(*SPOILING)
    words = ("reset", "--yes", "--env", "test", *(("--way", way.value) if way else ()))
    begun = time.monotonic()
    run = shop.start(*words)
    assert 0 == run.end(), run.err
    seconds = time.monotonic() - begun
    assert clean == (shop.digest(), shop.tables())
    drawn, died = random.Random(f"resets {way}"), 0
    runs = max(2, request.config.getoption("runs") // 5)
    for _ in range(runs):
        shop.sql(*SPOILING)
        run = shop.start(*words)
        with suppress(TimeoutExpired):
            run.process.wait(drawn.uniform(0, seconds))
        died += run.process.poll() is None
        run.process.kill()
        run.end()
        with shop.seeder("test") as seeder:
            seeder.reset(confirmed=True)
            assert () == seeder.plan().steps
        assert clean == (shop.digest(), shop.tables())
        with shop.seeder("test") as seeder:
            seeder.snapshot()  # nothing is built where it is there still
    print(f"{product(shop)}, {way or 'the cheapest way'}: {died} of {runs} resets were killed")
