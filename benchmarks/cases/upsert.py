"""Bringing many rows into a given state: an upsert seed against SQLAlchemy's own upsert, row by row."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from benchmarks import project
from benchmarks.case import Case, Place
from benchmarks.cases import _items

ROWS = 20_000

ITEM = sa.Table(
    "item",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("code", sa.String(20), nullable=False, unique=True),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("price", sa.Numeric(10, 2), nullable=False),
    sa.Column("stock", sa.Integer, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("updated", sa.DateTime, nullable=False),
    sa.Column("note", sa.Text),
)

SEED = """\
from seeds.reference._items import rows

def upgrade(db):
    db.upsert("item", rows(db.volume("items"), db.volume("changed_every")), key="id")
"""


def cases(place: Place) -> Iterator[Case]:
    """Give the three states that a table may be found in."""
    seeds = place.folder / "seeds" / "reference"
    seeds.mkdir(parents=True)
    shutil.copy(_items.__file__, seeds / "_items.py")
    (seeds / "20260101_0000_items.py").write_text(SEED)
    yield Upsert(place, "new", present=False)
    yield Upsert(place, "unchanged", present=True)
    yield Upsert(place, "a-tenth-changed", present=True, changed_every=10)


class Upsert(Case):
    """One upsert of all rows, keyed by ``id``."""

    def __init__(self, place: Place, variant: str, *, present: bool, changed_every: int = 0) -> None:
        self.name = f"upsert/{variant}"
        self.rows = place.rows
        self.alternative = f"SQLAlchemy Core, executemany of {_CLAUSE[place.database]}"
        self._place = place
        self._present = present
        self._changed_every = changed_every

    def prepare(self) -> None:
        """Begin with an empty table, or with one that holds every row."""
        project.create_anew(self._place.url, ITEM)
        if self._present:
            with project.connected(self._place.url) as connection:
                connection.execute(sa.insert(ITEM), list(_items.rows(self.rows)))

    def ours(self) -> None:
        """Run the seed, with all that belongs to one."""
        volumes = {"items": self.rows, "changed_every": self._changed_every}
        with project.seeder(self._place.folder, self._place.url, volumes) as seeder:
            seeder.upgrade()

    def theirs(self) -> None:
        """Hand the rows to SQLAlchemy, in one transaction."""
        engine = project.engine(self._place.url)
        with engine.begin() as connection:
            connection.execute(_statement(self._place.database), list(_items.rows(self.rows, self._changed_every)))
        engine.dispose()

    def content(self) -> object:
        """Digest the table."""
        return project.content(self._place.url, ITEM)


_CLAUSE = {
    "sqlite": "INSERT … ON CONFLICT DO UPDATE",
    "postgresql": "INSERT … ON CONFLICT DO UPDATE",
    "mysql": "INSERT … ON DUPLICATE KEY UPDATE",
}


def _statement(database: str) -> sa.Insert:
    """Write the upsert that SQLAlchemy has for this database."""
    others = [column.name for column in ITEM.columns if not column.primary_key]
    if database == "mysql":
        insert = mysql.insert(ITEM)
        return insert.on_duplicate_key_update({name: insert.inserted[name] for name in others})
    given: Any = postgresql.insert(ITEM) if database == "postgresql" else sqlite.insert(ITEM)
    statement: sa.Insert = given.on_conflict_do_update(
        index_elements=[ITEM.c.id], set_={name: given.excluded[name] for name in others}
    )
    return statement
