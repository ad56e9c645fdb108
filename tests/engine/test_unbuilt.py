"""Indexes that a seed which commits in chunks has left down: the next command that writes builds them again first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from tdm_seed import chunked
from tdm_seed.engine import Seeder
from tdm_seed.errors import TdmSeedError
from tdm_seed.loading import large
from tests.engine.playground import MANIFEST, Playground
from tests.engine.test_chunks import Killed, Kills

MANY = """
transaction = "chunk"

def upgrade(db):
    db.load("item", ({"id": i, "label": f"{i}: {db.random.random()}"} for i in range(100, 160)))

def downgrade(db):
    db.delete("item", where="id >= 100")
"""


CITIES = """
transaction = "chunk"

def upgrade(db):
    db.load("city", ({"id": i, "name": "x", "country_code": "AT"} for i in range(100, 160)))
"""


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a chunk be a few rows, and a load of two chunks large."""
    monkeypatch.setattr(chunked, "CHUNK", 20)
    monkeypatch.setattr(large, "LARGE", 40)


@pytest.fixture
def indexed(play: Playground) -> Iterator[Playground]:
    """A playground whose items have indexes, with a seed that loads many of them."""
    play.sql("CREATE INDEX item_label ON item (label)", "CREATE UNIQUE INDEX item_once ON item (label, id)")
    play.seed("many", MANY)
    return play


def scheme(play: Playground) -> list[Any]:
    """Describe the keys and indexes of the items."""
    with play.connection() as connection:
        inspector = sa.inspect(connection)
        indexes = [(each["name"], each["column_names"], each["unique"]) for each in inspector.get_indexes("item")]
        return [sorted(indexes, key=str), inspector.get_pk_constraint("item")["constrained_columns"]]


def kill(play: Playground, point: str) -> None:
    """End a run when it comes to a point."""

    class At(Kills):
        def reached(self, reached: str) -> None:
            if reached == point:
                super().reached(reached)

    with pytest.raises(Killed):
        play.upgrade(progress=At(1))


def test_every_interruption_leads_to_the_same_rows_and_indexes(indexed: Playground) -> None:
    """At each of its points in turn; and then twice in one run."""
    before = scheme(indexed)
    kills = Kills(10_000)
    indexed.upgrade(progress=kills)
    clean = indexed.digest()
    assert before == scheme(indexed)
    assert kills.seen > 10
    for point in range(1, kills.seen + 1):
        indexed.downgrade("many")
        with pytest.raises(Killed):
            indexed.upgrade(progress=Kills(point))
        if point % 4 == 1 and point < kills.seen - 1:
            with pytest.raises(Killed):
                indexed.upgrade(progress=Kills(1))
        indexed.upgrade()
        assert (clean, before) == (indexed.digest(), scheme(indexed)), point
        assert [] == indexed.rows("SELECT * FROM seed_history_rebuild")


@pytest.mark.parametrize("command", ["upgrade of another", "downgrade", "reset", "stamp", "repair"])
def test_any_command_that_writes_builds_them(indexed: Playground, command: str) -> None:
    """Whether it is about that seed or not."""
    commands: dict[str, Callable[[Seeder], object]] = {
        "upgrade of another": lambda seeder: seeder.upgrade(["other"]),
        "downgrade": lambda seeder: seeder.downgrade("many"),
        "reset": lambda seeder: seeder.reset(confirmed=True, empty=True),
        "stamp": lambda seeder: seeder.stamp(["other"]),
        "repair": lambda seeder: seeder.repair([]),
    }
    before = scheme(indexed)
    indexed.item("other", 1)
    kill(indexed, "after chunk")
    assert before != scheme(indexed)
    with indexed.seeder() as seeder:
        commands[command](seeder)
    assert before == scheme(indexed)
    assert [] == indexed.rows("SELECT * FROM seed_history_rebuild")
    indexed.upgrade()
    assert before == scheme(indexed)


def test_a_reset_does_not_forget_where_rows_that_stay_point_to(play: Playground) -> None:
    """Their foreign key may be down: it counts all the same, and nothing is emptied."""
    play.seed("countries", 'def upgrade(db):\n    db.upsert("country", [{"code": "AT", "name": "Austria"}])\n')
    play.seed("cities", CITIES)
    play.manifest(text=MANIFEST.replace("scenarios", 'keep = ["city"]\nscenarios'))
    kill(play, "after chunk")
    with pytest.raises(TdmSeedError, match="city"), play.seeder() as seeder:
        seeder.reset(confirmed=True, empty=True)
    assert [(1,)] == play.rows("SELECT count(*) FROM country WHERE code = 'AT'")
    assert [(20,)] == play.rows("SELECT count(*) FROM city")


def test_what_only_reads_tells_of_them(indexed: Playground) -> None:
    """And leaves them as they are: status, plan, verify, digest, and a dry run of other seeds."""
    other = indexed.item("other", 1)
    indexed.upgrade("other")
    kill(indexed, "after chunk")
    down = scheme(indexed)
    assert "item_label" not in str(down)
    told = indexed.status()["many"].reason
    assert "left unfinished, 20 rows are there; indexes of item are down since 20" in told
    assert "the next upgrade builds them again" in told
    assert "indexes of item are down since" in indexed.plan().steps[0].reason
    assert {} == indexed.verify()
    assert 21 == next(each.rows for each in indexed.digest() if each.table == "item")
    indexed.upgrade("other", again=("other",), dry_run=True)
    assert down == scheme(indexed)
    assert other in str(indexed.history())


def test_a_key_that_cannot_be_built_stops_what_writes_until_its_rows_are_gone(indexed: Playground) -> None:
    """Whatever is asked; the key and the seed are named, and everything else that was down is there again."""
    indexed.path("20260105_0001_many").write_text(MANY.replace("{i}: {db.random.random()}", "same"))
    indexed.sql("DROP INDEX item_once" + (" ON item" if "mysql" in indexed.url else ""))
    indexed.sql("CREATE UNIQUE INDEX item_once ON item (label)")
    before = scheme(indexed)
    other = indexed.item("other", 1)
    for target in ("many", "other"):
        with pytest.raises(TdmSeedError, match=r"same|item\.label") as failed:
            indexed.upgrade(target)
        assert "20260105_0001_many" == failed.value.place.seed
        assert "tdm-seed downgrade many" in str(failed.value)
    assert other not in str(indexed.history())
    assert "item_once" not in str(scheme(indexed))
    indexed.downgrade("many")
    assert before == scheme(indexed)
    assert ["other"] == indexed.ran("other")
