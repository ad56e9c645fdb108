"""Drift that is accepted, each by its name."""

from __future__ import annotations

import pytest

from tdm_seed.engine.repair import Repaired
from tdm_seed.errors import DriftError, SeedError, UsageError
from tests.engine.playground import Playground

ONCE = 'mode = "once"\n'


def drift(play: Playground) -> list[str]:
    """Name the seeds that are adrift."""
    with play.seeder() as seeder:
        return [each.seed for each in seeder.status().seeds if each.state == "drift"]


def test_an_edit_is_accepted_and_nothing_runs(play: Playground) -> None:
    """The rows stay as they are, and the next upgrade has nothing to do."""
    revision = play.item("first", 1, header=ONCE)
    play.ran()
    play.path(revision).write_text(play.path(revision).read_text().replace('"id": 1', '"id": 9'))
    assert [revision] == drift(play)
    with play.seeder() as seeder:
        assert [(revision, Repaired.EDIT)] == [(each.seed, each.kind) for each in seeder.repair(["first"])]
    assert [] == drift(play)
    assert [] == play.ran()
    assert [1] == play.items()


def test_a_new_name_is_accepted(play: Playground) -> None:
    """Volumes, notes and checksum go with it; by the old name or the new one."""
    for number, by in enumerate(("old", "new"), 1):
        revision = play.item(f"old{number}", number)
        play.ran()
        renamed = play.path(revision).rename(play.path(revision).with_name(f"20260201_000{number}_new{number}.py"))
        with play.seeder() as seeder:
            with pytest.raises(DriftError, match="it was renamed") as held:
                seeder.upgrade()
            assert f"tdm-seed repair {renamed.stem}" in (held.value.hint or "")
            (done,) = seeder.repair([f"{by}{number}"])
            assert (revision, Repaired.RENAME, renamed.stem) == (done.seed, done.kind, done.becomes)
            assert [] == seeder.upgrade()
            seeder.downgrade(renamed.stem)
        assert [] == play.items()
        renamed.unlink()
        assert [] == drift(play)


def test_a_new_name_with_an_edit_is_accepted_and_then_runs_as_an_edited_seed_does(play: Playground) -> None:
    """By its timestamp; nothing is written before, and no row is there twice after."""
    revision = play.item("old", 1)
    play.ran()
    path = play.path(revision).rename(play.path(revision).with_name(f"{revision.removesuffix('old')}new.py"))
    path.write_text(path.read_text().replace('"old"', '"new"'))
    with play.seeder() as seeder:
        with pytest.raises(DriftError, match="has the timestamp of .*it was renamed"):
            seeder.upgrade()
        (done,) = seeder.repair(["old"])
        assert (revision, Repaired.RENAME, path.stem) == (done.seed, done.kind, done.becomes)
        assert ["changed"] == [step.reason for step in seeder.plan().steps]
        seeder.upgrade()
    assert [(1, "new")] == play.rows("SELECT id, label FROM item")


def test_a_removal_is_accepted_and_the_rows_stay(play: Playground) -> None:
    """History says that they do."""
    revision = play.item("first", 1)
    play.ran()
    play.path(revision).unlink()
    assert [revision] == drift(play)
    with play.seeder() as seeder:
        assert [Repaired.REMOVAL] == [each.kind for each in seeder.repair([revision])]
        assert "its rows stay" in str(seeder.history()[-1].note["reason"])
    assert [] == drift(play)
    assert [1] == play.items()


def test_one_of_two_new_names_must_be_named(sqlite_play: Playground) -> None:
    """Two files with the very content of the old one cannot be told apart."""
    revision = sqlite_play.item("old", 1)
    sqlite_play.ran()
    path = sqlite_play.path(revision)
    for name in ("20260201_0001_one.py", "20260201_0002_two.py"):
        path.with_name(name).write_bytes(path.read_bytes())
    path.unlink()
    with sqlite_play.seeder() as seeder:
        before = seeder.history()
        with pytest.raises(UsageError, match="20260201_0001_one or 20260201_0002_two"):
            seeder.repair(["old"])
        assert before == seeder.history()
        assert ["20260201_0002_two"] == [each.becomes for each in seeder.repair(["two"])]


def test_two_seeds_cannot_have_become_the_same_one(sqlite_play: Playground) -> None:
    """Alike as they were: one was renamed, and the other one is gone."""
    one = sqlite_play.item("one", 1)
    path = sqlite_play.path(one)
    two = path.with_name("20260105_0009_two.py")
    two.write_bytes(path.read_bytes())
    sqlite_play.ran()
    path.rename(path.with_name("20260201_0001_new.py"))
    two.unlink()
    with sqlite_play.seeder() as seeder:
        with pytest.raises(UsageError, match=f"{one} and 20260105_0009_two cannot both have become 20260201_0001_new"):
            seeder.repair(["one", "two"])
        assert ["20260201_0001_new"] == [each.becomes for each in seeder.repair(["one"])]
        assert [Repaired.REMOVAL] == [each.kind for each in seeder.repair(["two"])]


def test_a_new_name_does_not_hide_that_a_seed_is_unfinished(play: Playground) -> None:
    """Nor why; the next upgrade continues it."""
    fails = """
        transaction = "none"

        def upgrade(db):
            db.upsert("item", [{"id": 1}])
            raise ValueError("no")
        """
    revision = play.seed("slow", fails)
    with pytest.raises(SeedError):
        play.ran()
    path = play.path(revision)
    renamed = path.rename(path.with_name("20260201_0001_other.py"))
    with play.seeder() as seeder:
        seeder.repair(["slow"])
        (found,) = seeder.status().seeds
    assert (renamed.stem, "pending") == (found.seed, found.state)
    assert f"left unfinished: repaired: was {revision}; ValueError: no" == found.reason
    renamed.write_text(renamed.read_text().replace("raise ValueError", "print"))
    assert ["other"] == play.ran()


def test_what_is_not_adrift_cannot_be_repaired(sqlite_play: Playground) -> None:
    """One wrong name among right ones writes nothing."""
    gone = sqlite_play.item("gone", 1)
    sqlite_play.item("fine", 2)
    sqlite_play.ran()
    sqlite_play.path(gone).unlink()
    with sqlite_play.seeder() as seeder:
        with pytest.raises(UsageError, match="fine names nothing to repair"):
            seeder.repair(["gone", "fine"])
        assert [gone] == [each.seed for each in seeder.status().seeds if each.state == "drift"]
