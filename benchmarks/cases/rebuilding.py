"""When a load should take indexes down: the same rows with indexes built anew, against indexes in place."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from benchmarks import project
from benchmarks.case import Case, Place
from benchmarks.cases import _orders
from benchmarks.cases._orders import ORDER
from tdm_seed.dialects import resolve
from tdm_seed.loading import large

ROWS = 50_000

#: The new rows as a part of those that are there, which is what `large.PART` is about; and none there at all.
PARTS: dict[str, float | None] = {"a-tenth": 0.1, "a-quarter": 0.25, "half": 0.5, "as-many": 1.0, "into-nothing": None}

SEEDS = {
    "20260101_0000_there": """\
from benchmarks.cases._orders import COLUMNS, CUSTOMERS, rows

def upgrade(db):
    db.load("customers", [(n, str(n)) for n in range(1, CUSTOMERS + 1)], columns=["id", "name"])
    db.load("orders", rows(db.volume("there")), columns=COLUMNS)
""",
    "20260101_0001_new": """\
from itertools import islice

from benchmarks.cases._orders import COLUMNS, made

def upgrade(db):
    there = db.volume("there")
    db.load("orders", islice(made(there + db.volume("new")), there, None), columns=COLUMNS)
""",
}


def cases(place: Place) -> Iterator[Case]:
    """Give one case for each part, where a seed's one transaction may take indexes down."""
    if not resolve(place.url)[0].rebuilds:
        return
    for name, part in PARTS.items():
        yield Rebuilding(place, name, 0 if part is None else round(place.rows / part))


class Rebuilding(Case):
    """A load into a table that holds ``there`` rows; both ways leave the same."""

    alternative = "the same load with all indexes in place"

    def __init__(self, place: Place, name: str, there: int) -> None:
        self.name = f"rebuilding/{name}"
        self.rows = place.rows
        self._place = place
        self._volumes = {"there": there, "new": place.rows}
        self._folder = place.folder / "rebuilding"
        seeds = self._folder / "seeds" / "reference"
        if not seeds.exists():
            seeds.mkdir(parents=True)
            for seed, text in SEEDS.items():
                (seeds / f"{seed}.py").write_text(text)

    def prepare(self) -> None:
        """Begin with the rows that are there, and make the new ones: that is not what is measured."""
        project.create_anew(self._place.url, ORDER)
        with project.seeder(self._folder, self._place.url, self._volumes) as seeder:
            seeder.upgrade(["there"])
        _orders.made(sum(self._volumes.values()))

    def ours(self) -> None:
        """Take the indexes down from the first row on."""
        self._load(large_from=min(large.LARGE, self.rows))

    def theirs(self) -> None:
        """Leave them where they are."""
        self._load(large_from=self.rows + 1)

    def content(self) -> object:
        """Count the rows and name the indexes."""
        with project.connected(self._place.url) as connection:
            count = connection.scalar(sa.select(sa.func.count()).select_from(ORDER))
            return count, sorted(str(index["name"]) for index in sa.inspect(connection).get_indexes("orders"))

    def _load(self, large_from: int) -> None:
        before = large.LARGE, large.PART
        large.LARGE, large.PART = large_from, 0
        try:
            with project.seeder(self._folder, self._place.url, self._volumes) as seeder:
                seeder.upgrade()
        finally:
            large.LARGE, large.PART = before
