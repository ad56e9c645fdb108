"""A CSV that is committed in chunks: as bytes where the database takes them, and taken up at the place it came to."""

from __future__ import annotations

from typing import Any

import pytest

from tdm_seed import chunked
from tdm_seed.dialects.postgresql import text
from tdm_seed.engine import Progress, Seeder
from tdm_seed.errors import SeedError
from tests.conformance.place import Place
from tests.conformance.test_large_loads import family

SEED = 'transaction = "chunk"\n\ndef upgrade(db):\n    db.load("child", db.csv())\n'
#: A record that no database takes as it stands: the mark is one that tdm-seed needs itself.
ODD = '"\x01, odd"'


class Killed(BaseException):
    """What stands for a kill."""


class Kills(Progress):
    """Ends the run behind the n-th chunk, and notes how far each call was told to be."""

    def __init__(self, after: int = -1) -> None:
        self.left = after
        self.told: list[tuple[int, int | None]] = []

    def loaded(self, table: str, rows: int, expected: int | None) -> None:
        """Note."""
        self.told.append((rows, expected))

    def reached(self, point: str) -> None:
        """Count."""
        if point == "after chunk":
            self.left -= 1
            if not self.left:
                raise Killed


@pytest.fixture(autouse=True)
def sent(place: Place, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let files and blocks be small, and note how many rows of each part went as bytes."""
    monkeypatch.setattr(chunked, "CHUNK", 100)
    monkeypatch.setattr(text, "BLOCK", 512)
    monkeypatch.setattr(text, "LARGE", 1_024)
    monkeypatch.setattr(type(place.dialect), "text_from", 1, raising=False)
    found: list[int] = []
    whole = type(place.dialect).load_text

    def load_text(*given: Any) -> Any:
        taken = whole(*given)
        found.append(taken.rows)
        return taken

    monkeypatch.setattr(type(place.dialect), "load_text", load_text)
    return found


def written(count: int = 1_000, **words: str) -> str:
    """Write a CSV; some rows have another word than the others."""
    rows = [f"{i},c{i},{i % 5 + 1},{i % 7},{words.get(f'r{i}', 'x')}" for i in range(1, count + 1)]
    return "\r\n".join(["id,code,parent_id,score,word", *rows])


def upgrade(place: Place, content: str, progress: Progress | None = None) -> None:
    """Run the seed."""
    place.seeds({"reference/20260101_0001_children.py": SEED, "reference/20260101_0001_children.csv": content})
    place.commit(begin=False)
    try:
        with Seeder(place.environment(), lock_timeout=10, progress=progress or Progress()) as seeder:
            seeder.upgrade()
    finally:
        place.session.schema.forget()
        place._begin()


def state(place: Place) -> list[Any]:
    """Give the rows, and what the history counts of them."""
    return [place.db.rows("SELECT * FROM child ORDER BY id"), place.db.scalar("SELECT max(inserted) FROM seed_history")]


@pytest.mark.parametrize(
    "words", [{}, {"r430": ODD}, {"r1": ODD}, {"r1000": ODD}], ids=["plain", "odd", "at first", "last"]
)
def test_every_interruption_leads_to_the_same_rows(place: Place, sent: list[int], words: dict[str, str]) -> None:
    """Also where it goes row by row from some record on."""
    family(place)
    content = written(**words)
    upgrade(place, content)
    clean, parts = state(place), list(sent)
    assert 1_000 == len(clean[0])
    if place.product.name == "postgresql":
        odd = int(next(iter(words), "r1001")[1:])
        assert odd - 30 < sum(parts) < odd
        assert all(count < 130 for count in parts)
    for point in range(1, 10):
        place.create("DELETE FROM child", "DELETE FROM seed_history")
        del sent[:]
        with pytest.raises(Killed):
            upgrade(place, content, Kills(point))
        upgrade(place, content)
        assert clean == state(place), point
        assert parts == sent or words, point


def test_the_row_that_is_refused_is_named_by_its_line(place: Place) -> None:
    """The chunks before it are there, and what follows the corrected line is taken up."""
    family(place)
    with pytest.raises(SeedError) as failed:
        upgrade(place, written(r555='"two\nlines"', r777="x" * 50))
    assert (779, "word") == (failed.value.place.line, failed.value.place.column)
    assert 600 <= place.db.scalar("SELECT count(*) FROM child") < 777


def test_progress_counts_the_rows_of_all_chunks(place: Place) -> None:
    """And about how many there will be."""
    family(place)
    watching = Kills()
    upgrade(place, written(40_000), watching)
    rows = [count for count, _ in watching.told]
    assert sorted(rows) == rows
    assert 40_000 == rows[-1]
    assert all(expected is not None and 35_000 < expected < 45_000 for _, expected in watching.told)
