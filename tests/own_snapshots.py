"""The snapshots of a test's own database; other tests keep theirs on the same server at the same time."""

from __future__ import annotations

from tdm_seed.dialects.snapshots import Snapshot, name_of
from tdm_seed.engine import Seeder


def own(seeder: Seeder) -> list[Snapshot]:
    """List those of the database at hand, complete or not, and never those of another test's."""
    store = seeder._session.store()
    return [each for each in store.snapshots() if each.name.startswith(name_of(store.database))]


def drop_own(seeder: Seeder) -> None:
    """Drop them."""
    for each in own(seeder):
        seeder._session.store().drop(each)
