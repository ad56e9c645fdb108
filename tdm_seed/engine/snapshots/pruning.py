"""Dropping snapshots that are old or many, and never any that this tool has not made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final

from tdm_seed.dialects.snapshots import Mark, Snapshot

#: How many snapshots of a database stay where nobody says otherwise.
KEPT: Final = 3


def superfluous(
    snapshots: Sequence[Snapshot], current: str, *, keep: int, older_than: timedelta | None, now: datetime | None = None
) -> list[Snapshot]:
    """Choose those to drop: of each database all but the ``keep`` newest, and those that are older; by name.

    The newest of the ``current`` key always stays.
    """
    moment = now or datetime.now(UTC)
    marked = [(each.mark, each) for each in snapshots if each.mark is not None]
    chosen: list[Snapshot] = []
    for _, group in groupby(sorted(marked, key=_order), key=lambda pair: pair[0].database):
        newest_first = list(group)
        stays = next((each.name for mark, each in newest_first if mark.key == current), None)
        for place, (mark, each) in enumerate(newest_first):
            old = older_than is not None and moment - mark.made_at > older_than
            if each.name != stays and (place >= keep or old):
                chosen.append(each)
    return sorted(chosen, key=lambda each: each.name)


def _order(pair: tuple[Mark, Snapshot]) -> tuple[str, float, str]:
    mark, each = pair
    return mark.database, -mark.made_at.timestamp(), each.name


def of(snapshots: Sequence[Snapshot], database: str) -> Iterator[Snapshot]:
    """Keep those of one database."""
    return (each for each in snapshots if each.mark is not None and each.mark.database == database)
