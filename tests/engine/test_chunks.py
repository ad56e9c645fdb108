"""Seeds that commit in chunks: whatever interrupts them, the next upgrade does what is missing, and nothing twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tdm_seed import chunked
from tdm_seed.engine import Progress
from tdm_seed.errors import DriftError, SeedError, TdmSeedError, VerificationFailed
from tests.engine.playground import Playground

HEADER = 'transaction = "chunk"\n'
MANY = (
    HEADER
    + """
def upgrade(db):
    db.upsert("country", [{"code": "AT", "name": "Austria"}, {"code": "DE", "name": "Germany"}])
    db.load("item", ({"id": i, "label": f"{i}: {db.random.random()}"} for i in db.range("things", 35)))
    db.execute("UPDATE item SET label = 'changed' WHERE id > 30")
    db.load("city", [{"id": 1, "name": "Wien", "country_code": "AT"}])
    assert 35 == db.scalar("SELECT count(*) FROM item")

def verify(db):
    db.expect("SELECT count(*) FROM item", equals=35)

def downgrade(db):
    for table in ("city", "item", "country"):
        db.delete(table, where={})
"""
)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a chunk be a few rows."""
    monkeypatch.setattr(chunked, "CHUNK", 10)


class Killed(BaseException):
    """What stands for a kill."""


@dataclass
class Kills(Progress):
    """Ends the run at the n-th time that it comes to a point."""

    after: int
    seen: int = 0

    def reached(self, point: str) -> None:
        """Count."""
        self.seen += 1
        if self.seen == self.after:
            raise Killed


def state(play: Playground) -> list[Any]:
    """Give all rows, and what the history says of the seed."""
    rows = [play.rows(f"SELECT * FROM {table} ORDER BY 1") for table in ("country", "city", "item")]
    entry = play.history()[-1]
    return [*rows, entry.state, entry.changes, dict(entry.volumes)]


def test_every_interruption_leads_to_the_same_rows(play: Playground) -> None:
    """At each of its points in turn; and then twice in one run."""
    play.seed("many", MANY)
    kills = Kills(10_000)
    play.upgrade(progress=kills)
    clean, points = state(play), kills.seen
    assert [] == play.rows("SELECT * FROM seed_history_chunks")
    assert points > 8
    for point in range(1, points + 1):
        play.downgrade("many")
        with pytest.raises(Killed):
            play.upgrade(progress=Kills(point))
        if point < points - 3:
            with pytest.raises(Killed):
                play.upgrade(progress=Kills(1))
        play.upgrade()
        assert clean == state(play), point
        assert [] == play.rows("SELECT * FROM seed_history_chunks")
        assert [] == play.ran()


def test_rows_are_there_before_the_seed_is_done(play: Playground) -> None:
    """The history says ``running`` until everything is proven; status tells how far it came."""
    play.seed("many", MANY)
    with pytest.raises(Killed):
        play.upgrade(progress=Kills(3))
    assert [(20,)] == play.rows("SELECT count(*) FROM item")
    assert "running" == play.history()[-1].state
    status = play.status()["many"]
    assert ("pending", "left unfinished, 20 rows are there: Killed: ") == (status.state, status.reason)


def test_an_unfinished_seed_that_has_changed_is_not_taken_up(play: Playground) -> None:
    """Exit 4, with both ways out; its rows can be taken back."""
    revision = play.seed("many", MANY)
    with pytest.raises(Killed):
        play.upgrade(progress=Kills(3))
    path = play.path(revision)
    path.write_text(path.read_text() + "\n# other\n")
    with pytest.raises(DriftError, match="left unfinished after 20 rows, and its content has changed since") as told:
        play.upgrade()
    assert (4, "tdm-seed downgrade many" in str(told.value)) == (told.value.exit_code, True)
    play.downgrade("many")
    assert [] == play.items()
    assert ["many"] == play.ran()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"random_seed": 99}, "its random seed has changed"),
        ({"now": "2027-01-01T00:00:00Z"}, "its clock has changed"),
        ({"volumes": {"things": 40}}, "was begun with things=35"),
    ],
)
def test_an_unfinished_seed_is_taken_up_as_it_was_begun(play: Playground, given: dict[str, Any], told: str) -> None:
    """With the same random seed, clock and volumes."""
    play.manifest(
        text='url = "${PLAYGROUND_URL}"\nrandom_seed = 7\nnow = 2026-01-05T00:00:00Z\n[volumes]\nthings = 35\n'
    )
    play.seed("many", MANY)
    with pytest.raises(Killed):
        play.upgrade(progress=Kills(3))
    with pytest.raises(DriftError, match=told):
        play.upgrade(**given)
    assert [(20,)] == play.rows("SELECT count(*) FROM item")
    assert ["many"] == play.ran()


def test_rows_that_are_not_those_of_before_are_noticed(play: Playground) -> None:
    """A source that is no part of the seed may change unseen."""
    play.write("rows.txt", "x")
    play.seed(
        "many",
        HEADER + "from pathlib import Path\ndef upgrade(db):\n"
        f"    word = Path({str(play.root / 'rows.txt')!r}).read_text()\n"
        '    db.load("item", ({"id": i, "label": word} for i in range(35)))\n',
    )
    with pytest.raises(Killed):
        play.upgrade(progress=Kills(2))
    play.write("rows.txt", "y")
    with pytest.raises(DriftError, match="the 20 rows that were loaded into item before"):
        play.upgrade()


def test_what_verify_denies_stays_unfinished(play: Playground) -> None:
    """With the reason; its rows stay, and a corrected promise finishes it."""
    play.seed("many", MANY.replace("equals=35", "equals=36"))
    with pytest.raises(VerificationFailed):
        play.upgrade()
    entry = play.history()[-1]
    assert ("running", True) == (entry.state, "gives 35, not 36" in entry.note["reason"])
    assert [(35,)] == play.rows("SELECT count(*) FROM item")


def test_a_block_with_deferred_constraints_is_one_chunk(play: Playground) -> None:
    """Its calls are committed with it, and done again only together."""
    play.seed(
        "block",
        HEADER
        + """
def upgrade(db):
    db.load("country", [{"code": "AT", "name": "Austria"}])
    with db.deferred_constraints("city"):
        db.load("city", [{"id": 1, "name": "Bonn", "country_code": "DE"}])
        db.load("country", [{"code": "DE", "name": "Germany"}])
    db.load("item", [{"id": 1, "label": "one"}])
""",
    )
    for point in (1, 2, 3):
        with pytest.raises(Killed):
            play.upgrade(progress=Kills(point))
        assert (1 if point > 1 else 0) == len(play.rows("SELECT * FROM city"))
        play.upgrade()
        assert [2, 1, 1] == [len(play.rows(f"SELECT * FROM {table}")) for table in ("country", "city", "item")]
        play.sql("DELETE FROM city", "DELETE FROM country", "DELETE FROM item", "DELETE FROM seed_history")


@pytest.mark.parametrize("what", ["db.connection.exec_driver_sql('DELETE FROM item')", "next(db.session().gen)"])
def test_what_cannot_be_numbered_is_refused(play: Playground, what: str) -> None:
    """It would be done a second time."""
    play.seed("many", HEADER + f"def upgrade(db):\n    {what}\n")
    with pytest.raises(SeedError, match="in a seed that commits in chunks"):
        play.upgrade()


def test_a_dry_run_takes_no_unfinished_seed_up(play: Playground) -> None:
    """One that was not begun runs in the one transaction of the dry run."""
    play.seed("many", MANY)
    assert ["many"] == play.ran(dry_run=True)
    assert [] == play.items()
    with pytest.raises(Killed):
        play.upgrade(progress=Kills(3))
    with pytest.raises(TdmSeedError, match="a dry run cannot take it up again"):
        play.upgrade(dry_run=True)


def test_columns_are_taken_up_between_their_batches(play: Playground) -> None:
    """A frame comes in batches, and a chunk holds whole ones."""
    play.seed(
        "columns",
        HEADER
        + """
import pyarrow as pa

def upgrade(db):
    batches = [pa.record_batch({"id": range(i, i + 4), "label": ["x"] * 4}) for i in range(0, 40, 4)]
    db.load("item", pa.Table.from_batches(batches))
    db.load("item", [{"id": 99, "label": "last"}])
""",
    )
    kills = Kills(1_000)
    play.upgrade(progress=kills)
    clean = state(play)
    assert 41 == len(clean[2])
    for point in range(1, kills.seen):
        play.sql("DELETE FROM item", "DELETE FROM seed_history")
        with pytest.raises(Killed):
            play.upgrade(progress=Kills(point))
        play.upgrade()
        assert clean == state(play), point


def test_a_generator_may_write_while_its_rows_are_loaded(play: Playground) -> None:
    """Its calls are committed with the chunk that they belong to."""
    play.seed(
        "nested",
        HEADER
        + """
def rows(db):
    for number in range(25):
        if number % 10 == 0:
            db.load("country", [{"code": f"{number:02}", "name": "x"}])
        yield {"id": number, "label": "x"}

def upgrade(db):
    db.load("item", rows(db))
    db.load("city", [{"id": 1, "name": "x", "country_code": "20"}])
""",
    )
    kills = Kills(1_000)
    play.upgrade(progress=kills)
    clean = state(play)
    for point in range(1, kills.seen):
        play.sql("DELETE FROM city", "DELETE FROM country", "DELETE FROM item", "DELETE FROM seed_history")
        with pytest.raises(Killed):
            play.upgrade(progress=Kills(point))
        play.upgrade()
        assert clean == state(play), point
