"""Seeds recorded without running, and databases that get another environment's name."""

from __future__ import annotations

import pytest

from tdm_seed.errors import Protected, SeedError, UsageError
from tests.engine.playground import MANIFEST, Playground, Points


def test_what_is_stamped_is_applied_and_never_ran(play: Playground) -> None:
    """Status says so, and the next upgrade has nothing to do."""
    first, second = play.item("first", 1), play.item("second", 2, layer="scenario")
    with play.seeder() as seeder:
        assert [first, second] == [result.seed.revision for result in seeder.stamp()]
        assert [("applied", "stamped, not run")] * 2 == [(each.state, each.reason) for each in seeder.status().seeds]
        assert [] == seeder.upgrade()
        assert [] == seeder.stamp()
    assert [] == play.items()


def test_named_seeds_are_stamped_with_what_they_need(play: Playground) -> None:
    """Others stay pending."""
    play.item("first", 1)
    play.item("second", 2)
    play.item("third", 3, header='depends_on = ["first"]\n')
    with play.seeder() as seeder:
        assert ["first", "third"] == [result.seed.name for result in seeder.stamp(["third"])]
        assert ["second"] == [result.seed.name for result in seeder.upgrade()]
    assert [2] == play.items()


def test_a_changed_seed_is_stamped_with_its_new_checksum(play: Playground) -> None:
    """An edit that need not run again is no longer pending."""
    revision = play.item("first", 1)
    play.ran()
    play.path(revision).write_text(play.path(revision).read_text() + "# a remark\n")
    with play.seeder() as seeder:
        assert 1 == seeder.status().pending
        seeder.stamp()
        assert 0 == seeder.status().pending


def test_an_unfinished_seed_is_stamped_only_by_its_name(sqlite_play: Playground) -> None:
    """What it has written is there in part, so it is not taken for there among others."""
    fails = 'transaction = "none"\ndef upgrade(db):\n    raise ValueError("no")\n'
    slow, fine = sqlite_play.seed("slow", fails), sqlite_play.item("fine", 1)
    with pytest.raises(SeedError):
        sqlite_play.ran()
    with sqlite_play.seeder() as seeder:
        assert [fine] == [result.seed.revision for result in seeder.stamp()]
        assert ["left unfinished: ValueError: no"] == [
            each.reason for each in seeder.status().seeds if each.seed == slow
        ]
        assert [slow] == [result.seed.revision for result in seeder.stamp(["slow"])]


def test_a_seed_that_was_edited_is_not_stamped_but_told(sqlite_play: Playground) -> None:
    """To accept an edit is to repair."""
    revision = sqlite_play.item("first", 1, header='mode = "once"\n')
    sqlite_play.ran()
    sqlite_play.path(revision).write_text(sqlite_play.path(revision).read_text() + "# a remark\n")
    points = Points()
    with sqlite_play.seeder(progress=points) as seeder:
        assert [] == seeder.stamp(["first"])
    (told,) = points.drift
    assert "`tdm-seed repair first` accepts the edit" in told


def test_a_reset_brings_back_what_was_there_when_seeds_were_stamped(play: Playground) -> None:
    """Nothing was ever made by a seed there, so nothing of it may be lost."""
    play.item("first", 1)
    play.sql("INSERT INTO item (id, label) VALUES (1, 'first'), (2, 'by hand')")
    with play.seeder() as seeder:
        seeder.stamp()
        (result,) = seeder.reset(confirmed=True).results
    assert (0, 1) == (result.changes.inserted, result.changes.unchanged)
    assert [1, 2] == play.items()


def test_a_restored_copy_gets_another_name(play: Playground) -> None:
    """Then scenarios of that environment run in it; the entry says what it was."""
    play.manifest("staging", MANIFEST)
    play.item("first", 1)
    play.item("second", 2, layer="scenario")
    with play.seeder() as seeder:
        seeder.upgrade(["first"])
    with play.seeder("staging") as seeder:
        with pytest.raises(Protected, match="was seeded as 'dev'"):
            seeder.upgrade()
        done = seeder.relabel("staging")
        assert ("dev", "staging", 1) == (done.before, done.after, done.seeds)
        assert "was dev" == seeder.history()[-1].note["reason"]
        assert ["second"] == [result.seed.name for result in seeder.upgrade()]
        assert [] == seeder.upgrade()
    with play.seeder() as seeder, pytest.raises(Protected, match="was seeded as 'staging'"):
        seeder.reset(confirmed=True)


def test_the_same_name_again_writes_nothing(play: Playground) -> None:
    """History grows by what happened only."""
    play.item("first", 1)
    play.ran()
    with play.seeder() as seeder:
        before = seeder.history()
        assert "dev" == seeder.relabel("dev").after
        assert before == seeder.history()


def test_a_name_that_is_no_environment_is_refused(sqlite_play: Playground) -> None:
    """Nobody could ever work with it; nor is there a name to change where nothing was seeded."""
    sqlite_play.item("first", 1)
    with sqlite_play.seeder() as seeder:
        with pytest.raises(UsageError, match="no seed was ever applied to this database, so it carries no"):
            seeder.relabel("dev")
        seeder.upgrade()
        with pytest.raises(UsageError, match="moon"):
            seeder.relabel("moon")
        seeder.reset(confirmed=True, empty=True)
        with pytest.raises(UsageError, match="since it was emptied"):
            seeder.relabel("dev")


def test_a_host_of_a_protected_environment_keeps_its_name(play: Playground) -> None:
    """Production is not made test by a word on the command line."""
    play.manifest(
        "prod", 'url = "${PLAYGROUND_URL}"\nhosts = ["localhost"]\nprotected = true\nlayers = ["reference"]\n'
    )
    play.manifest("staging", MANIFEST)
    play.item("first", 1)
    play.ran()
    with play.seeder("staging") as seeder:
        before = seeder.history()
        with pytest.raises(Protected, match="protected environment 'prod'") as refused:
            seeder.relabel("staging")
        assert 7 == refused.value.exit_code
        assert before == seeder.history()
