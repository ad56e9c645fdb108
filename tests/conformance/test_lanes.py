"""Columns in chunks on two connections: the rows, their order of commits and the mistakes are those of one."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa

from tdm_seed import chunked
from tdm_seed.engine import Progress, Seeder
from tdm_seed.errors import TdmSeedError
from tdm_seed.loading import large
from tests.conformance.place import Place
from tests.conformance.test_large_loads import family, scheme

SEED = """
import pyarrow as pa

transaction = "chunk"

def upgrade(db):
    ids = list(range(10_001, 14_001))
    rows = {{
        "id": ids, "code": [f"c{{i}}" for i in ids], "parent_id": [i % 5 + 1 for i in ids], "score": [i % 7 for i in ids],
        "word": ["x"] * 4000,
    }}
    for name, place, value in {wrong}:
        rows[name][place] = value
    frame = pa.table(rows)
    db.load("child", pa.Table.from_batches(frame.to_batches(max_chunksize=100)))

def downgrade(db):
    db.delete("child", where="id > 9000")
"""


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call a load large that no test has to wait for."""
    monkeypatch.setattr(large, "LARGE", 100)
    monkeypatch.setattr(chunked, "CHUNK", 200)


class Watching(Progress):
    """Notes which threads commit, and how many rows others see then; waits a moment for a second one to come."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._second = threading.Event()
        self.threads: list[str] = []
        self.seen: list[tuple[int, int]] = []

    def reached(self, point: str) -> None:
        """Look at the table."""
        if point != "after chunk":
            return
        name = threading.current_thread().name
        if self.threads and name != self.threads[0]:
            self._second.set()
        self.threads.append(name)
        with self._place.session_at(self._place.url) as other, other.reading():
            query = sa.text("SELECT count(*), coalesce(max(id), 0) FROM child")
            count, largest = other.connection.execute(query).one()
            self.seen.append((count, largest))
        if len(self.threads) == 2 and self._place.product.name != "sqlite":
            self._second.wait(5)


def upgrade(place: Place, wrong: list[tuple[str, int, Any]] | None = None) -> Watching:
    """Run the seed, with some values changed."""
    place.seeds({"reference/20260101_0001_children.py": SEED.format(wrong=wrong or [])})
    watching = Watching(place)
    place.commit(begin=False)
    try:
        with Seeder(place.environment(), lock_timeout=10, progress=watching) as seeder:
            seeder.upgrade()
    finally:
        place.session.schema.forget()
        place._begin()
    return watching


def there(place: Place) -> list[int]:
    """Give the numbers of the rows."""
    return list(place.connection.scalars(sa.text("SELECT id FROM child ORDER BY id")))


def test_two_connections_load_where_the_database_lets_them(place: Place) -> None:
    """Chunks are committed in their order, so that nobody sees a row without those that came before it."""
    family(place, "CREATE INDEX child_word ON child (word)")
    before = scheme(place)
    watching = upgrade(place)
    assert (1 if place.product.name == "sqlite" else 2) == len(set(watching.threads))
    assert 21 == len(watching.threads)  # that nothing follows a whole chunk is found out by the next
    assert all(largest == 10_000 + count for count, largest in watching.seen if count)
    assert list(range(10_001, 14_001)) == there(place)
    assert before == scheme(place)
    assert 4000 == place.connection.scalar(sa.text("SELECT max(inserted) FROM seed_history"))


def test_a_value_that_does_not_fit_is_named_and_what_came_before_it_stays(place: Place) -> None:
    """With its row and column, as on one connection; the chunks behind it are not committed."""
    family(place)
    with pytest.raises(TdmSeedError) as failed:
        upgrade(place, [("code", 2_150, None)])
    assert (2_151, "code") == (failed.value.place.row, failed.value.place.column)
    assert list(range(10_001, 12_001)) == there(place)[:2000]
    assert there(place) == list(range(10_001, 10_001 + len(there(place))))
    assert len(there(place)) <= 2_150


def test_what_two_chunks_have_in_common_is_a_mistake_and_nobody_waits_for_it(place: Place) -> None:
    """Neighbours go in at the same time, and neither may wait for the other's end."""
    family(place)
    before = scheme(place)
    with pytest.raises(TdmSeedError) as failed:
        upgrade(place, [("id", 610, 10_450)])
    assert any(word in str(failed.value) for word in ("10450", "same value in (child.id)")), failed.value
    with place.seeder() as seeder:
        seeder.downgrade("children")
    assert ([], before) == (there(place), scheme(place))


def test_a_run_that_ends_in_the_middle_is_taken_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """By one connection, for its keys are there again."""
    family(place)
    before = scheme(place)

    def stop(watching: Watching, point: str) -> None:
        if point == "after chunk":
            watching.threads.append(point)
            if len(watching.threads) == 7:
                raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Watching, "reached", stop)
        with pytest.raises(KeyboardInterrupt):
            upgrade(place)
    assert there(place) == list(range(10_001, 10_001 + len(there(place))))
    assert 1_400 <= len(there(place)) < 4_000
    upgrade(place)
    assert list(range(10_001, 14_001)) == there(place)
    assert before == scheme(place)


def test_a_seed_that_catches_what_goes_wrong_ends_with_all_its_keys(place: Place) -> None:
    """They are built before it counts as applied, whatever it has done instead."""
    family(place, "CREATE INDEX child_word ON child (word)")
    before = scheme(place)
    text = SEED.format(wrong=[("code", 2_150, None)]).replace("    db.load(", "    try:\n        db.load(")
    rest = "    except Exception:\n        db.load('child', [dict(id=1, code='one', parent_id=1, score=1, word='x')])\n\ndef down"
    place.seeds({"reference/20260101_0001_children.py": text.replace("\ndef down", rest)})
    place.commit(begin=False)
    with Seeder(place.environment(), lock_timeout=10) as seeder:
        seeder.upgrade()
    place.session.schema.forget()
    place._begin()
    assert before == scheme(place)
    assert 1 == there(place)[0]


def test_a_row_is_counted_right_when_a_load_is_taken_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number is its place in the whole of the rows."""
    family(place)
    for _ in range(2):
        with pytest.raises(TdmSeedError) as failed:
            upgrade(place, [("code", 2_150, None)])
        assert 2_151 == failed.value.place.row
