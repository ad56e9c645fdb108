"""Taking seeds back: those that need them first, all that was asked for or nothing."""

from __future__ import annotations

import pytest

from tdm_seed.errors import SeedError, UsageError
from tdm_seed.values import State
from tests.engine.playground import Playground


def chain(play: Playground) -> None:
    """Write three seeds that need one another, and one on its own."""
    play.item("first", 1)
    play.item("second", 2, header='depends_on = ["first"]\n')
    play.item("third", 3, header='depends_on = ["second"]\n', layer="scenario")
    play.item("alone", 4)


def test_those_that_need_it_go_first_and_coming_back_gives_the_same_digest(play: Playground) -> None:
    """Newest first, and what nobody needs stays."""
    chain(play)
    play.ran()
    digest = play.digest()
    assert ["third", "second", "first"] == play.downgrade("first")
    assert [4] == play.items()
    assert {"first": "pending", "second": "pending", "third": "pending", "alone": "applied"} == {
        name: each.state for name, each in play.status().items()
    }
    assert ["first", "second", "third"] == play.ran()
    assert digest == play.digest()


@pytest.mark.parametrize(
    ("target", "reverted"),
    [
        ("-1", ["third"]),
        ("-2", ["third", "alone"]),
        ("base", ["third", "alone", "second", "first"]),
        ("second", ["third", "second"]),
        ("alone", ["alone"]),
    ],
)
def test_a_target_is_a_seed_or_the_last_ones_or_all(sqlite_play: Playground, target: str, reverted: list[str]) -> None:
    """The last ones are those applied last."""
    chain(sqlite_play)
    assert ["first", "second", "alone", "third"] == sqlite_play.ran()
    assert set(reverted) == set(sqlite_play.downgrade(target))


def test_more_than_there_are_is_refused(sqlite_play: Playground) -> None:
    """With the number of those that are."""
    chain(sqlite_play)
    sqlite_play.ran()
    with pytest.raises(UsageError, match="only 4 seeds are applied"):
        sqlite_play.downgrade("-5")
    with pytest.raises(UsageError, match="is not applied"):
        sqlite_play.downgrade("alone") and sqlite_play.downgrade("alone")
    assert ["first", "second", "third"] == sorted(sqlite_play.downgrade("base"))
    assert [] == sqlite_play.downgrade("base")


def test_a_seed_without_a_downgrade_refuses_before_anything_happens(play: Playground) -> None:
    """Also when it is only one that needs the seed that was named."""
    play.item("first", 1)
    revision = play.seed("fixed", 'depends_on = ["first"]\ndef upgrade(db):\n    db.load("item", [{"id": 9}])\n')
    play.item("last", 3, header='depends_on = ["fixed"]\n')
    play.ran()
    before = play.content()
    with pytest.raises(SeedError, match="has no downgrade, so nothing was reverted") as no:
        play.downgrade("first")
    assert (revision, 1) == (no.value.place.seed, no.value.exit_code)
    assert before == play.content()
    assert ["last"] == play.downgrade("-1")


def test_a_data_seed_cannot_be_reverted(sqlite_play: Playground) -> None:
    """Which of its rows were there before is not known."""
    sqlite_play.seed("country", "code,name\nDE,Germany\n", suffix=".csv")
    sqlite_play.ran()
    with pytest.raises(SeedError, match="has no downgrade"):
        sqlite_play.downgrade("country")


def test_a_seed_whose_file_is_gone_cannot_be_reverted(play: Playground) -> None:
    """The sentence says to bring it back; the others go on their own."""
    chain(play)
    play.ran()
    path = play.path("20260105_0004_alone")
    text = path.read_text()
    path.unlink()
    with pytest.raises(SeedError, match="its file is gone, so nobody knows how to revert it") as no:
        play.downgrade("base")
    assert (no.value.hint or "").startswith("Bring the file back; or `tdm-seed repair 20260105_0004_alone` accepts")
    assert [1, 2, 3, 4] == play.items()
    assert ["third", "second", "first"] == play.downgrade("first")
    path.write_text(text)
    assert ["alone"] == play.downgrade("base")


def test_what_was_reverted_before_a_failure_stays_reverted(play: Playground) -> None:
    """Each seed in its own promise, and the error tells what was done."""
    play.seed("broken", "def upgrade(db):\n    pass\ndef downgrade(db):\n    raise ValueError('no way back')\n")
    play.item("second", 2, header='depends_on = ["broken"]\n')
    play.ran()
    with pytest.raises(SeedError, match="no way back") as failed:
        play.downgrade("broken")
    assert ["second"] == [result.seed.name for result in failed.value.done]
    assert [] == play.items()
    assert [State.APPLIED, State.APPLIED, State.REVERTED] == [entry.state for entry in play.history()]


def test_the_way_back_finds_the_volumes_and_the_chance_that_made_the_rows(play: Playground) -> None:
    """The manifest may have changed since."""
    play.seed(
        "rows",
        """
        def upgrade(db):
            marks = [db.random.randint(0, 1_000_000) for _ in db.range("items")]
            db.load("item", [{"id": n, "label": f"{db.now.year} {mark}"} for n, mark in enumerate(marks)])

        def downgrade(db):
            for n in range(db.volume("items")):
                mark = db.random.randint(0, 1_000_000)
                assert db.scalar("SELECT label FROM item WHERE id = :n", n=n) == f"{db.now.year} {mark}"
                db.delete("item", [{"id": n}], key="id")
        """,
    )
    play.ran(volumes={"items": 8}, random_seed=1234, now="2001-01-01")
    assert ["rows"] == play.downgrade("rows")
    assert [] == play.items()


def test_sql_takes_its_rows_back_by_its_section(play: Playground) -> None:
    """The section for this database goes before the one for all."""
    play.seed(
        "sql",
        """\
        INSERT INTO item (id) VALUES (1);
        -- tdm-seed: downgrade
        DELETE FROM item WHERE id = 1;
        -- tdm-seed: downgrade sqlite
        DELETE FROM item WHERE id IN (1, 2);
        """,
        suffix=".sql",
    )
    play.ran()
    play.sql("INSERT INTO item (id) VALUES (2)")
    assert ["sql"] == play.downgrade("sql")
    assert ([] if play.url.startswith("sqlite") else [2]) == play.items()
