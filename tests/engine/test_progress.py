"""What a run tells while it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field

from tdm_seed.engine import Progress
from tests.engine.playground import Playground


@dataclass
class Heard(Progress):
    """Notes how far loads are."""

    loads: list[tuple[str, int, int | None]] = field(default_factory=list)

    def loaded(self, table: str, rows: int, expected: int | None) -> None:
        """Note."""
        self.loads.append((table, rows, expected))


def test_a_load_tells_how_far_it_is(sqlite_play: Playground) -> None:
    """Of how many rows, where that is known before; a small one tells nothing."""
    rows = '({"id": i, "label": "x"} for i in range(45_000))'
    sqlite_play.seed("streamed", f'def upgrade(db):\n    db.load("item", {rows})\n    db.delete("item", where={{}})\n')
    sqlite_play.seed(
        "listed", f'def upgrade(db):\n    db.load("item", list({rows}))\n    db.delete("item", where={{}})\n'
    )
    sqlite_play.item("small", 1)
    heard = Heard()
    sqlite_play.upgrade(progress=heard)
    assert [
        ("item", 20_000, None),
        ("item", 40_000, None),
        ("item", 20_000, 45_000),
        ("item", 40_000, 45_000),
    ] == heard.loads


def test_a_file_tells_how_far_it_has_been_read(postgresql_play: Playground) -> None:
    """Also where the database takes it as it stands."""
    revision = postgresql_play.seed("item", "def upgrade(db):\n    db.load('item', db.csv())\n")
    lines = [f"{number},a label that takes some room" for number in range(30_000)]
    postgresql_play.write(f"seeds/reference/{revision}.csv", "\n".join(["id,label", *lines]) + "\n")
    heard = Heard()
    postgresql_play.upgrade(progress=heard)
    last = heard.loads[-1]
    assert ("item", True) == (last[0], abs(last[1] - 30_000) < 3_000)
    assert sorted(heard.loads) == heard.loads
