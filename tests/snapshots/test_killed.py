"""What is cut off is gone on with or dropped by the next command, and two that come together build once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tdm_seed.dialects.snapshots import name_of
from tests.engine.playground import Playground
from tests.snapshots.everything import furnish, product, spoil, state

DRIVER = Path(__file__).with_name("killed.py")
BUILDING = {
    "postgresql": ("after copy", "before mark", "after mark"),
    "sqlite": ("after copy", "before mark", "after mark"),
    "mysql": ("before copy", "before mark", "after mark"),
}
RESTORING = {
    "postgresql": ("after copy", "before drop", "after drop", "after rename"),
    "sqlite": ("before drop", "after drop"),
    "mysql": ("after drop", "before rows", "after rows", "before end"),
}


def die(play: Playground, *words: str) -> None:
    """Run the driver until it kills itself."""
    died = subprocess.run(
        [sys.executable, str(DRIVER), *words], cwd=play.root, env=play.environ(), capture_output=True, timeout=60
    )
    assert (-signal.SIGKILL, b"") == (died.returncode, died.stderr)


def ours(play: Playground) -> list[bool]:
    """Tell of each snapshot of the database whether it is complete."""
    with play.seeder() as seeder:
        store = seeder._session.store()
        return [each.complete for each in store.snapshots() if each.name.startswith(name_of(store.database))]


def test_a_snapshot_that_was_cut_off_is_never_restored_and_made_anew(play: Playground) -> None:
    """SIGKILL at each point of building; what is half there is dropped by the next save."""
    play.upgrade()
    before = play.content()
    for point in BUILDING[product(play)]:
        die(play, "save", point)
        whole = point == "after mark"
        assert whole == any(ours(play))
        with play.seeder() as seeder:
            assert (not whole) == seeder.snapshot().built
            assert [True] == ours(play)
            store = seeder._session.store()
            for each in store.snapshots():
                if each.name.startswith(name_of(store.database)):
                    store.drop(each)
    assert before == play.content()


def test_a_restore_that_was_cut_off_is_ended_by_the_next_command_that_writes(play: Playground) -> None:
    """SIGKILL at each point; the database is what it was until that is dropped, and from then on what it is to be."""
    furnish(play)
    play.upgrade()
    before = state(play)
    with play.seeder() as seeder:
        seeder.snapshot()
    points = RESTORING[product(play)]
    for point in points:
        spoil(play)
        spoilt = state(play)
        die(play, "restore", point)
        with play.seeder() as seeder:
            seeder.status()  # what only reads is let in
            assert [] == seeder.upgrade()
        begun = point in points[points.index("after drop") :]
        assert (before if begun else spoilt) == state(play), point
        with play.seeder() as seeder:
            seeder.restore(confirmed=True)
        assert before == state(play)
    assert [True] == ours(play)


def test_two_who_ask_for_the_same_snapshot_build_it_once(play: Playground) -> None:
    """The second one waits, and finds it there."""
    play.upgrade()
    running = [
        subprocess.Popen(
            play.arguments("snapshot", "save", "--json"),
            cwd=play.root,
            env=play.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    ended = [each.communicate(timeout=90) for each in running]
    assert [0, 0, 0] == [each.returncode for each in running], ended
    said = [json.loads(out) for out, _ in ended]
    assert [False, False, True] == sorted(each["changed"] for each in said)
    assert 1 == len({each["snapshot"]["name"] for each in said})


def test_two_who_restore_come_one_after_the_other(play: Playground) -> None:
    """Both end with the database as it was saved."""
    play.upgrade()
    with play.seeder() as seeder:
        seeder.snapshot()
    play.sql("DELETE FROM item")
    running = [
        subprocess.Popen(
            play.arguments("snapshot", "restore", "--yes", "--json"),
            cwd=play.root,
            env=play.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    ended = [each.communicate(timeout=90) for each in running]
    assert [0, 0] == [each.returncode for each in running], ended
    assert [1, 2] == play.items()


@pytest.mark.parametrize("damage", ["cut short", "overwritten", "one byte"])
def test_a_damaged_file_is_not_restored(sqlite_play: Playground, damage: str) -> None:
    """Neither one that is shorter, which is as good as none, nor one with other bytes, which SQLite might even read."""
    play = sqlite_play
    play.upgrade()
    with play.seeder() as seeder:
        saved = seeder.snapshot().snapshot
        path = next(play.root.parent.glob(f"*.tdm-seed-snapshots/{saved.name}.db"))
        content = path.read_bytes()
        at = content.rindex(b"two")
        damaged = {
            "cut short": content[:5000],
            "overwritten": b"x" * len(content),
            "one byte": content[:at] + b"x" + content[at + 1 :],
        }
        path.write_bytes(damaged[damage])
        play.sql("INSERT INTO item VALUES (7, 'mine')")
        with pytest.raises(Exception, match="there is no snapshot|cannot be read"):
            seeder.restore(confirmed=True)
        assert [1, 2, 7] == play.items()
        seeder.upgrade()
        assert seeder.snapshot(again=True).built
        seeder.restore(confirmed=True)


def test_a_snapshot_is_for_those_alone_who_may_read_the_database(sqlite_play: Playground) -> None:
    """Its folder is its maker's, and the file may be read by whom the database may."""
    play = sqlite_play
    play.upgrade()
    database = Path(play.url.removeprefix("sqlite:///"))
    database.chmod(0o640)
    with play.seeder() as seeder:
        name = seeder.snapshot().snapshot.name
    folder = database.with_name(f"{database.name}.tdm-seed-snapshots")
    files = {each.name: each.stat().st_mode & 0o777 for each in folder.glob(f"{name}.*")}
    assert (0o700, 0o640) == (folder.stat().st_mode & 0o777, files[f"{name}.db"])
