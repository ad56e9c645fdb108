"""A snapshot brings back everything, under the key of what it was made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tdm_seed.dialects import snapshots
from tdm_seed.dialects.snapshots import Snapshot
from tdm_seed.engine.snapshots import restoring, saving
from tdm_seed.errors import DatabaseError, DriftError, Protected, SchemaNotReady, TdmSeedError, UsageError
from tests.engine.playground import MANIFEST, Playground
from tests.engine.test_schema_window import migrations
from tests.own_snapshots import drop_own, own
from tests.snapshots.everything import furnish, spoil, state


def test_a_restored_database_is_what_was_saved(play: Playground) -> None:
    """Rows of every table and view, the next numbers and the catalogue; the history tells of it, nothing is pending."""
    furnish(play)
    play.upgrade()
    before, digest = state(play), play.digest()
    with play.seeder() as seeder:
        saved = seeder.snapshot()
        assert saved.built
        assert [before, digest] == [state(play), play.digest()]
        spoil(play)
        assert before != state(play)
        restored = seeder.restore(confirmed=True)
        assert () == seeder.plan().steps
        entries = seeder.history()
    assert saved.snapshot.name == restored.snapshot.name
    assert before == state(play)
    assert digest == play.digest()
    assert ["applied", "applied", "reset"] == [str(entry.state) for entry in entries]
    assert saved.snapshot.mark is not None
    assert saved.snapshot.mark.key == entries[-1].checksum
    play.sql("INSERT INTO always (mood, n) VALUES ('sad', 9)")
    assert [] == play.ran()


def test_a_database_is_saved_once_for_each_key(play: Playground) -> None:
    """A second time nothing is built, unless it is asked for; another seed or another volume is another key."""
    play.upgrade()
    with play.seeder() as seeder:
        first = seeder.snapshot()
        second = seeder.snapshot()
        again = seeder.snapshot(again=True)
        key = seeder.snapshot_key()
    assert [True, False, True] == [first.built, second.built, again.built]
    assert first.snapshot.name == second.snapshot.name == again.snapshot.name
    assert again.snapshot.mark is not None
    assert again.snapshot.mark.key == key
    for changed in ({"volumes": {"items": 4}}, {"random_seed": 8}, {"now": "2026-01-06T00:00:00Z"}):
        with play.seeder(**changed) as seeder:
            assert key != seeder.snapshot_key()
    play.item("three", 3)
    with play.seeder() as seeder:
        assert key != seeder.snapshot_key()
        with pytest.raises(UsageError, match="there is no snapshot of what the environment 'dev' is now"):
            seeder.plan_restore()


def test_a_database_that_is_not_what_its_key_says_is_not_saved(sqlite_play: Playground) -> None:
    """Something is pending, edited, stamped only, or was applied with another volume."""
    play = sqlite_play
    play.seed("many", 'def upgrade(db):\n    db.load("city", ())\n    db.volume("items")\n')
    refused(play, UsageError, "it is not applied, so the rows are not all there yet")
    play.upgrade(volumes={"items": 9})
    refused(play, UsageError, "it was applied with items=9, and it is 3 now")
    play.upgrade(again=("many",))
    with play.seeder() as seeder:
        assert seeder.snapshot().built
    play.upgrade(again=("one",), random_seed=8)
    refused(play, UsageError, "it was applied with the random seed 8, and it is 7 now")
    play.upgrade(again=("one",))
    three = play.item("three", 3, layer="scenario")
    with play.seeder() as seeder:
        seeder.stamp()
    refused(play, UsageError, "it is stamped and has not run")
    play.path(three).unlink()
    refused(play, DriftError, "so the rows are not those of the files")


def test_rows_of_an_environment_that_has_changed_since_are_not_saved(sqlite_play: Playground) -> None:
    """Another locale, a volume that is gone, another tool; a volume that the seed gives itself stays what it is."""
    play = sqlite_play
    play.seed("faked", "def upgrade(db):\n    db.insert('item', {'id': 5, 'label': db.fake.name()})\n")
    play.upgrade()
    play.manifest("dev", 'locale = "de_DE"\n' + MANIFEST)
    refused(play, UsageError, "it was applied with the locale en_US, and it is de_DE now")
    play.manifest()
    play.seed("many", "def upgrade(db):\n    db.volume('items', 3)\n    db.volume('others', 4)\n")
    play.upgrade()
    play.manifest("dev", MANIFEST.partition("[volumes]")[0])
    refused(play, UsageError, "it was applied with items=3, and dev names no such volume now")
    play.manifest()
    with play.seeder() as seeder:
        assert seeder.snapshot().built
    play.sql("UPDATE seed_history SET tool_version = '0.0.9'")
    refused(play, UsageError, r"it was applied by tdm-seed 0\.0\.9, and it is")


def test_a_schema_that_moves_while_it_is_copied_is_not_saved(play: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy must stand where the migrations of its key end, whatever was there before it was made."""
    migrations(play)
    play.upgrade(migrate=True)
    with play.seeder() as seeder:
        assert seeder.snapshot().built
    look = saving.refuse

    def moved(*given: Any) -> None:
        look(*given)
        play.sql("UPDATE alembic_version SET version_num = 'm2'")

    monkeypatch.setattr(saving, "refuse", moved)
    with play.seeder() as seeder, pytest.raises(SchemaNotReady, match="the schema is at m2, and its newest is m3"):
        seeder.snapshot(again=True)


def refused(play: Playground, kind: type[TdmSeedError], message: str) -> None:
    """See that saving is refused, and nothing was made."""
    with play.seeder() as seeder:
        before = own(seeder)
        with pytest.raises(kind, match=message):
            seeder.snapshot(again=True)
        assert before == own(seeder)


def test_a_restore_is_refused_where_a_reset_is(play: Playground) -> None:
    """Not confirmed, forbidden, another environment's, rows that are kept: nothing is touched."""
    play.upgrade()
    with play.seeder() as seeder:
        seeder.snapshot()
    play.sql("INSERT INTO item VALUES (7, 'mine')")
    before = play.content()
    for name, manifest, message in (
        ("dev", MANIFEST, "must be confirmed, and was not"),
        ("dev", 'reset = "forbid"\n' + MANIFEST, "forbids a reset"),
        ("dev", "protected = true\nhosts = ['localhost']\n" + MANIFEST, "is protected"),
        ("dev", 'keep = ["item"]\n' + MANIFEST, "the manifest keeps the rows of this table"),
        ("test", MANIFEST, "was seeded as 'dev'"),
    ):
        play.manifest(name, manifest)
        with play.seeder(name) as seeder, pytest.raises(Protected, match=message):
            seeder.restore(confirmed="confirmed" not in message)
        play.manifest()
    assert before == play.content()


def test_rows_that_no_seed_has_made_are_not_replaced(play: Playground) -> None:
    """A database that was never seeded holds somebody's rows, unless it is said that it may go."""
    play.upgrade()
    with play.seeder() as seeder:
        seeder.snapshot()
    play.sql("DROP TABLE seed_history", "DELETE FROM item WHERE id = 1")
    with play.seeder() as seeder:
        with pytest.raises(Protected, match="holds rows and was never seeded"):
            seeder.restore(confirmed=True)
        assert [2] == play.items()
        seeder.restore(confirmed=True, adopt=True)
    assert [1, 2] == play.items()


def test_a_schema_without_migrations_is_not_set_back(play: Playground) -> None:
    """Nobody could tell which of the two is right."""
    play.upgrade()
    with play.seeder() as seeder:
        seeder.snapshot()
        play.sql("ALTER TABLE item ADD COLUMN more INTEGER")
        with pytest.raises(SchemaNotReady, match="the schema has changed since the snapshot"):
            seeder.restore(confirmed=True)


def test_a_snapshot_that_is_dropped_when_it_has_been_chosen_is_told(
    play: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`prune --all` of another database does that; nothing is changed, and nothing left beside the database."""
    play.upgrade()
    play.sql("INSERT INTO item VALUES (7, 'mine')")
    choose = restoring.choose
    with play.seeder() as seeder:
        name = seeder.snapshot().snapshot.name

        def chosen(*given: Any) -> Snapshot:
            found = choose(*given)
            drop_own(seeder)
            return found

        monkeypatch.setattr(restoring, "choose", chosen)
        with pytest.raises(DatabaseError, match=f"the snapshot {name} was dropped meanwhile"):
            seeder.restore(confirmed=True)
        assert [] == own(seeder)
    assert [1, 2, 7] == play.items()


def test_snapshots_of_every_database_are_pruned_where_that_is_asked_for(
    play: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of others on the server, too, and of each database the newest stay; else its own alone."""
    play.upgrade()
    with play.seeder() as seeder:
        mine = seeder.snapshot().snapshot
        assert mine.mark is not None
        theirs = [
            replace(mine, name=f"theirs{days}", mark=replace(mine.mark, database="theirs", key="other", made_at=made))
            for days, made in ((days, mine.mark.made_at - timedelta(days)) for days in (1, 2))
        ]
        store, dropped = seeder._session.store(), list[str]()
        monkeypatch.setattr(store, "snapshots", lambda: [mine, *theirs])
        monkeypatch.setattr(store, "drop", lambda each: dropped.append(each.name) or True)
        assert [] == seeder.prune(keep=0)
        assert theirs[1:] == seeder.prune(keep=1, everywhere=True)
        assert theirs == seeder.prune(keep=0, everywhere=True)
        assert ["theirs2", "theirs1", "theirs2"] == dropped


def test_old_snapshots_are_pruned_and_the_current_one_stays(play: Playground) -> None:
    """By number, and by age."""
    names = []
    for number in (3, 4, 5):
        play.item(f"item{number}", number)
        play.upgrade()
        with play.seeder() as seeder:
            names.append(seeder.snapshot().snapshot.name)
    with play.seeder() as seeder:
        assert [] == seeder.prune(keep=3, older_than=timedelta(hours=1))
        assert names[:1] == [each.name for each in seeder.prune(keep=2)]
        assert names[1:2] == [each.name for each in seeder.prune(keep=9, older_than=timedelta(0))]
        assert names[2:] == [each.name for each in own(seeder)]


def test_snapshots_of_another_version_are_left_alone(play: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are neither listed nor restored, dropped or replaced, and are as good as ever for their version."""
    play.upgrade()
    with play.seeder() as seeder:
        monkeypatch.setattr(snapshots, "_VERSION", 2)
        name = seeder.snapshot().snapshot.name
        monkeypatch.setattr(snapshots, "_VERSION", 1)
        assert name not in [each.name for each in seeder.snapshots()]
        assert [] == seeder.prune(keep=0)
        with pytest.raises(UsageError, match="there is no snapshot"):
            seeder.restore(confirmed=True)
        for again in (False, True):
            with pytest.raises(DatabaseError, match="was made by another version of tdm-seed"):
                seeder.snapshot(again=again)
        monkeypatch.setattr(snapshots, "_VERSION", 2)
        assert name == seeder.restore(confirmed=True).snapshot.name
        drop_own(seeder)
