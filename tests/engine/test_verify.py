"""Verifying later: with the circumstances of the seeding, and without leaving anything."""

from __future__ import annotations

from contextlib import suppress

import pytest

from tdm_seed.errors import TdmSeedError, VerificationFailed
from tests.engine.playground import Playground

PROMISES = """
def upgrade(db):
    db.upsert("item", [{"id": n, "label": f"{db.now.year}"} for n in db.range("items")], key="id")

def verify(db):
    assert db.scalar("SELECT count(*) FROM item") == db.volume("items"), "rows are missing"
    db.expect("SELECT count(*) FROM item WHERE label <> :year", equals=0, year=str(db.now.year))
"""


def test_every_applied_seed_is_verified_and_only_those(play: Playground) -> None:
    """One that fails does not keep the others from being looked at."""
    play.seed("promises", PROMISES)
    checked = "-- depends_on: promises\nDELETE FROM city;\n-- tdm-seed: verify\nSELECT count(*) = 0 FROM city;\n"
    play.seed("sql", checked, suffix=".sql")
    play.item("without", 9)
    assert {} == play.verify()
    play.ran("sql")
    assert {"promises": None, "sql": None} == {name: each.error for name, each in play.verify().items()}
    play.sql("DELETE FROM item WHERE id = 2")
    found = play.verify()
    assert isinstance(found["promises"].error, VerificationFailed)
    assert "rows are missing" == found["promises"].error.message
    assert ("20260105_0001_promises", 6) == (found["promises"].error.place.seed, found["promises"].error.place.line)
    assert found["sql"].error is None
    assert ["sql"] == list(play.verify("sql"))


def test_the_volumes_and_the_clock_are_those_of_the_seeding(play: Playground) -> None:
    """Another manifest today does not make yesterday's rows wrong."""
    play.seed("promises", PROMISES)
    play.ran(volumes={"items": 2}, now="2001-01-01")
    assert play.verify()["promises"].error is None


@pytest.mark.parametrize(
    "statement",
    [
        'db.load("item", [{"id": 99}])',
        'db.execute("DELETE FROM item")',
        'db.execute("CREATE TABLE extra (id INTEGER)")',
        'db.load("item", [{"id": 99}]) and db.connection.commit()',
        'db.connection.exec_driver_sql("COMMIT")',
    ],
)
@pytest.mark.parametrize("header", ["", 'transaction = "none"\n'])
def test_a_verify_that_writes_leaves_nothing(play: Playground, statement: str, header: str) -> None:
    """It is refused, or taken back."""
    revision = play.seed("writes", header + "def upgrade(db):\n    db.load('item', [{'id': 1}])\n")
    play.ran()
    play.path(revision).write_text(header + f"def upgrade(db):\n    pass\n\ndef verify(db):\n    {statement}\n")
    before = play.content()
    with suppress(TdmSeedError):
        play.verify()
    assert before == play.content()


def test_a_verify_that_writes_is_part_of_the_promise_while_seeding(play: Playground) -> None:
    """Where it runs inside the seed's own transaction, it may not end it either."""
    play.seed(
        "commits",
        """
        def upgrade(db):
            db.load("item", [{"id": 1}])

        def verify(db):
            db.connection.commit()
        """,
    )
    with pytest.raises(TdmSeedError, match=r"calls commit\(\)"):
        play.ran()
    assert ([], []) == (play.items(), play.history())


def test_a_verify_that_is_refused_does_not_spoil_the_connection(play: Playground) -> None:
    """The Seeder goes on with it."""
    revision = play.seed("commits", "def upgrade(db):\n    pass\n")
    play.ran()
    play.path(revision).write_text("def upgrade(db):\n    pass\n\ndef verify(db):\n    db.connection.commit()\n")
    with play.seeder() as seeder:
        for _ in range(2):
            with pytest.raises(TdmSeedError, match=r"calls commit\(\)"):
                seeder.verify()


def test_a_plain_assert_names_its_line(sqlite_play: Playground) -> None:
    """Without a text of its own it is quoted."""
    revision = sqlite_play.seed("asserts", "def upgrade(db):\n    pass\n\ndef verify(db):\n    assert 1 + 1 == 3\n")
    with pytest.raises(VerificationFailed) as failed:
        sqlite_play.ran()
    assert ("assert 1 + 1 == 3", revision, 5) == (
        failed.value.message,
        failed.value.place.seed,
        failed.value.place.line,
    )
