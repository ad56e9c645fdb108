"""A dry run does everything, shows what it did, and leaves nothing of it."""

from __future__ import annotations

import pytest

from tdm_seed.errors import SeedError, TdmSeedError
from tests.engine.playground import Playground, Points, per_table

MIXED = """
depends_on = ["country"]

def upgrade(db):
    db.upsert("item", [{"id": n, "label": str(n)} for n in db.range("items")], key="id")
    db.delete("item", where="id > 90")
    db.load("city", [{"name": "Bonn", "country_code": "DE"}, {"name": "Paris", "country_code": "FR"}])
    db.execute("UPDATE country SET name = 'Deutschland' WHERE code = 'DE'")

def verify(db):
    db.expect("SELECT count(*) FROM city", equals=2)
"""


def filled(play: Playground) -> Playground:
    """Give a playground with rows to change and seeds of every kind that change them."""
    play.sql("INSERT INTO item (id, label) VALUES (1, '1'), (2, 'two'), (99, 'away')")
    play.seed("country", "code,name\nDE,Germany\nFR,France\n", suffix=".csv")
    play.seed("mixed", MIXED)
    play.seed("sql", "-- depends_on: mixed\nINSERT INTO item (id, label) VALUES (50, '50%');\n", suffix=".sql")
    return play


@pytest.mark.parametrize("history", [False, True])
def test_everything_is_taken_back_and_a_real_run_then_does_the_same(play: Playground, history: bool) -> None:
    """Rows, tables, history and digest are what they were."""
    if history:
        play.item("before", 70)
        play.ran()
    filled(play)
    tables, content, digest = play.tables(), play.content(), play.digest()
    shown = per_table(play.upgrade(dry_run=True))
    assert tables == play.tables()
    assert content == play.content()
    assert digest == play.digest()
    assert shown == per_table(play.upgrade())
    assert {"item": "+1 ~1 =1 -1", "city": "+2", "country": "~1"} == {
        table: str(changes) for table, changes in shown["mixed"].items()
    }


def test_it_makes_no_table_on_a_fresh_database(play: Playground) -> None:
    """Neither the history nor a note of who holds the lock."""
    filled(play)
    before = play.tables()
    play.upgrade(dry_run=True)
    assert before == play.tables()
    assert "seed_history" not in before


def test_numbers_are_the_only_trace(play: Playground) -> None:
    """A sequence is not moved on purpose: an explicit number leaves it where it was."""
    play.seed("country", "code,name\nDE,Germany\n", suffix=".csv")
    play.seed(
        "explicit",
        "depends_on = ['country']\ndef upgrade(db):\n"
        "    db.load('city', [{'id': 500, 'name': 'Bonn', 'country_code': 'DE'}])\n",
    )
    play.upgrade(dry_run=True)
    play.sql("INSERT INTO country (code, name) VALUES ('FR', 'France')")
    play.sql("INSERT INTO city (name, country_code) VALUES ('Paris', 'FR')")
    ((number,),) = play.rows("SELECT id FROM city")
    assert number == 1 or play.url.startswith("mysql")  # InnoDB counts on, which the command line says


def test_a_dry_run_that_fails_leaves_nothing_and_claims_nothing(play: Playground) -> None:
    """What came before the failure is not kept, so the error does not say that it was done."""
    filled(play)
    play.seed("fails", 'depends_on = ["sql"]\ndef upgrade(db):\n    raise ValueError("wrong")\n')
    before = play.content()
    with pytest.raises(SeedError, match="wrong") as failed:
        play.upgrade(dry_run=True)
    assert ((), ()) == (failed.value.done, failed.value.left)
    assert before == play.content()


def test_later_seeds_see_what_earlier_ones_did(play: Playground) -> None:
    """All of them stand in one transaction."""
    play.item("first", 1)
    play.seed("second", 'def upgrade(db):\n    assert db.keys("item") == [1]\n')
    assert ["first", "second"] == play.ran(dry_run=True)
    assert [] == play.items()


def test_the_points_of_a_commit_are_not_reached(play: Playground) -> None:
    """Nothing is committed."""
    play.item("first", 1)
    progress = Points()
    play.upgrade(dry_run=True, progress=progress)
    assert "after commit" not in progress.points
    assert ["first"] == progress.done


def test_a_seed_without_a_transaction_is_refused_before_anything_runs(play: Playground) -> None:
    """It could not be taken back; the sentence names it."""
    play.item("first", 1)
    play.item("bare", 2, header='transaction = "none"\n')
    progress = Points()
    with pytest.raises(SeedError, match="has `transaction: none`, so a dry run could not take back what it does") as no:
        play.upgrade(dry_run=True, progress=progress)
    assert "20260105_0002_bare" == no.value.place.seed
    assert ([], []) == (progress.begun, play.items())
    assert ["first"] == play.ran("first", dry_run=True)


def test_a_chunk_seed_may_load_so_many_rows_and_no_more(sqlite_play: Playground) -> None:
    """They would all stand in one transaction; more are refused by name."""
    sqlite_play.seed(
        "volume",
        """
        transaction = "chunk"

        def upgrade(db):
            db.load("item", ({"id": n, "label": None} for n in db.range("items")))
        """,
    )
    (result,) = sqlite_play.upgrade(dry_run=True, volumes={"items": 100_000})
    assert 100_000 == result.changes.inserted
    with pytest.raises(SeedError, match="loads more than 100000 rows in chunks") as no:
        sqlite_play.upgrade(dry_run=True, volumes={"items": 100_001})
    assert "20260105_0001_volume" == no.value.place.seed
    assert [] == sqlite_play.items()


def test_migrations_are_not_part_of_a_dry_run(sqlite_play: Playground) -> None:
    """The schema would stay changed."""
    with pytest.raises(TdmSeedError, match="a dry run does not") as no:
        sqlite_play.upgrade(dry_run=True, migrate=True)
    assert 2 == no.value.exit_code


def test_a_seed_that_ends_the_transaction_is_refused_here_too(play: Playground) -> None:
    """Else it would keep what the seeds before it did."""
    play.item("first", 1)
    play.seed("ends", "def upgrade(db):\n    db.connection.commit()\n")
    before = play.content()
    with pytest.raises(SeedError, match=r"calls commit\(\)"):
        play.upgrade(dry_run=True)
    assert before == play.content()


def test_a_transaction_ended_behind_our_back_is_told_with_all_that_may_be_kept(play: Playground) -> None:
    """The seeds before it stood in the same transaction."""
    play.item("first", 1)
    play.seed("ends", "def upgrade(db):\n    db.connection.connection.driver_connection.commit()\n")
    with pytest.raises(SeedError, match="ended the transaction") as told:
        play.upgrade(dry_run=True)
    assert "by this seed and those before it" in (told.value.hint or "")
    assert [1] == play.items()
