"""Letting rows exchange unique values with one another."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from tdm_seed.loading.matching import Matching


def make_way(match: Matching, keys: Sequence[tuple[str, ...]], names: Collection[str]) -> bool:
    """Take unique values away from the rows that are about to get others; say whether that can be done.

    Databases look at unique keys row by row, so an update in which one row takes what another gives up may fail on
    its way to a state that is fine. NULL steps in where the column allows it, for whole numbers those above all that
    are in use.
    """
    parked = {}
    for key in keys:
        columns = [match.table.columns[name] for name in key if name in names]
        chosen = next((column for column in columns if column.nullable), None)
        chosen = chosen if chosen is not None else next((c for c in columns if isinstance(c.type, sa.Integer)), None)
        if chosen is None:
            return False
        parked[chosen] = sa.null() if chosen.nullable else _above(match, chosen) + match.source.number
    for column, value in parked.items():
        changed = match.dialect.different(column, match.source.values[column.name])
        statement = sa.update(match.table).values({column.name: value}).where(match.same, changed)
        match.connection.execute(statement)
    return True


def _above(match: Matching, column: sa.Column[object]) -> int:
    """Give the largest number that is in use or wanted."""
    ours = match.connection.scalar(sa.select(sa.func.max(column)))
    given = match.connection.scalar(sa.select(sa.func.max(match.source.values[column.name])))
    return max(int(ours or 0), int(given or 0))
