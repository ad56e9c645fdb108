"""What a small seed costs beside the one row that it writes: 200 seeds against 200 bare transactions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from benchmarks import project
from benchmarks.case import Case, Place

ROWS = 200

_START = datetime(2026, 1, 1)

#: Milliseconds that a small seed may cost beyond its transaction, warm.
AT_MOST = 5

THING = sa.Table(
    "thing",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(50), nullable=False),
)

SCRIPTS = {
    "python": ("py", 'def upgrade(db):\n    db.upsert("thing", [{"id": %(id)d, "name": "%(name)s"}])\n'),
    "sql": ("sql", "INSERT INTO thing (id, name) VALUES (%(id)d, '%(name)s');\n"),
    "csv": ("csv", "id,name\n%(id)d,%(name)s\n"),
}


def cases(place: Place) -> Iterator[Case]:
    """Give one case for each kind of seed."""
    for kind in SCRIPTS:
        yield SmallSeeds(place, kind)


class SmallSeeds(Case):
    """As many seeds of one kind as there are rows."""

    alternative = "as many transactions, each with the same INSERT, through SQLAlchemy Core on one connection"

    def __init__(self, place: Place, kind: str) -> None:
        self.name = f"small-seeds/{kind}"
        self.rows = place.rows
        self._url = place.url
        self._folder = place.folder / kind
        self._given = [{"id": number, "name": f"thing {number}"} for number in range(1, place.rows + 1)]
        suffix, script = SCRIPTS[kind]
        seeds = self._folder / "seeds" / "reference"
        seeds.mkdir(parents=True)
        for number, row in enumerate(self._given, 1):
            stem = f"{_START + timedelta(minutes=number):%Y%m%d_%H%M}_thing_{number}"
            (seeds / f"{stem}.{suffix}").write_text(script % row)
            if suffix == "csv":
                (seeds / f"{stem}.toml").write_text('table = "thing"\n')

    def prepare(self) -> None:
        """Begin with an empty table and an empty history."""
        project.create_anew(self._url, THING)

    def ours(self) -> None:
        """Connect, discover, plan, and apply every seed in its own transaction with its history entry."""
        with project.seeder(self._folder, self._url) as seeder:
            seeder.upgrade()

    def theirs(self) -> None:
        """Connect, and insert every row in its own transaction."""
        engine = project.engine(self._url)
        with engine.connect() as connection:
            for row in self._given:
                with connection.begin():
                    connection.execute(sa.insert(THING), row)
        engine.dispose()

    def content(self) -> object:
        """Digest the table."""
        return project.content(self._url, THING)

    def remark(self, ours: float, theirs: float) -> str:
        """Say what one seed costs."""
        return f"{(ours - theirs) / self.rows * 1000:.2f} ms per seed beyond its transaction (at most {AT_MOST})"
