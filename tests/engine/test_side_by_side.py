"""Two Seeders in one process know nothing of each other."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from tdm_seed.engine import Seeder
from tdm_seed.revisions import discover
from tests.engine.conftest import playground
from tests.engine.playground import MANIFEST, VARIABLE, Playground

SHARING = """
from seeds.reference._names import NAME
import dataclasses

@dataclasses.dataclass
class Row:
    id: int
    label: str = NAME

def upgrade(db):
    for n in db.range("items"):
        db.upsert("item", [dataclasses.asdict(Row(n))], key="id")
"""


def project(root: Path, url: str, name: str) -> Playground:
    """Write a project whose helper module has the name of the other's and another content."""
    made = playground(root, url)
    made.write("seeds/reference/_names.py", f"NAME = {name!r}\n")
    made.seed("sharing", SHARING)
    return made


def labels(play: Playground) -> set[str]:
    """Give what the items are labelled with."""
    return {label for (label,) in play.rows("SELECT label FROM item")}


def pair(tmp_path: Path, sqlite_url: str, database_url: str) -> tuple[Playground, Playground]:
    """Give two projects on two databases."""
    second = sqlite_url.replace("test.db", "second.db")
    return project(tmp_path / "one", database_url, "one"), project(tmp_path / "two", second, "two")


def test_two_projects_with_modules_of_the_same_name(tmp_path: Path, sqlite_url: str, database_url: str) -> None:
    """Open at the same time, their steps interleaved; nothing stays in ``sys.modules``."""
    one, two = pair(tmp_path, sqlite_url, database_url)
    before = set(sys.modules)
    with one.seeder() as first, two.seeder(volumes={"items": 2}) as second:
        assert (1, 1) == (len(first.plan().steps), len(second.plan().steps))
        assert 3 == first.upgrade()[0].changes.inserted
        assert 2 == second.upgrade()[0].changes.inserted
        assert [] == first.upgrade()
        assert 0 == first.status().pending
    assert ({"one"}, {"two"}) == (labels(one), labels(two))
    assert [] == [name for name in set(sys.modules) - before if "seeds" in name or "_names" in name]


def test_two_threads_on_two_projects(tmp_path: Path, sqlite_url: str, database_url: str) -> None:
    """Run over and over at the same time, each finds its own modules, volumes and errors."""
    one, two = pair(tmp_path, sqlite_url, database_url)
    failures: list[BaseException] = []
    both = threading.Barrier(2)

    def work(play: Playground, count: int) -> None:
        try:
            for _ in range(8):
                both.wait(timeout=60)
                play.upgrade(again=("sharing",), volumes={"items": count})
        except BaseException as error:
            failures.append(error)
            both.abort()

    threads = [threading.Thread(target=work, args=given) for given in ((one, 30), (two, 20))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == failures
    assert ({"one"}, {"two"}) == (labels(one), labels(two))
    assert (30, 20) == (len(one.items()), len(two.items()))
    assert ({30}, {20}) == tuple({entry.volumes["items"] for entry in play.history()} for play in (one, two))


def test_two_threads_on_one_database_take_turns(play: Playground) -> None:
    """The lock keeps threads apart as it does processes, and each seed is applied once."""
    for number in range(6):
        play.item(f"seed{number}", number)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            play.upgrade()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == failures
    assert sorted({entry.seed for entry in play.history()}) == sorted(entry.seed for entry in play.history())
    assert 6 == len(play.history())


def test_many_threads_may_read_seeds_at_once(sqlite_play: Playground) -> None:
    """CPython 3.11 fails when two threads parse at the same time, so they take turns."""
    for number in range(20):
        deep = f"VALUE = {'[' * 60}{number}{']' * 60}\n" * 20
        sqlite_play.seed(f"deep{number}", f"{deep}\ndef upgrade(db):\n    pass\n")
    project = sqlite_play.environment().project
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                assert 20 == len(discover(project.seeds, ("sqlite",), root=project.root))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == failures


def test_settings_modules_of_the_same_name_lead_to_their_own_databases(tmp_path: Path) -> None:
    """``python:`` URLs of two projects may name modules that are called alike."""
    made = []
    for name in ("one", "two"):
        play = playground(tmp_path / name, f"sqlite:///{tmp_path / name}.db")
        play.write("app_settings.py", f"DATABASE_URL = {play.url!r}\n")
        play.manifest(text=MANIFEST.replace(f"${{{VARIABLE}}}", "python:app_settings:DATABASE_URL"))
        play.item(name, 1)
        made.append(play)
    for play in made:
        with Seeder(play.environment()) as seeder:
            assert play.url == seeder.database
            assert 1 == len(seeder.upgrade())
    assert ({"one"}, {"two"}) == (labels(made[0]), labels(made[1]))
