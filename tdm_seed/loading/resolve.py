"""Looking up references in one statement per column, and naming the rows that point nowhere."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.errors import SeedError
from tdm_seed.loading.references import Given
from tdm_seed.loading.relation import Source
from tdm_seed.loading.rows import Rows


def look_up(connection: Connection, source: Source, given: Sequence[Given]) -> None:
    """Fill in what every reference points to, as far as it is there yet."""
    for one in given:
        if one.parent is not None and one.looks_up is not None and one.gives is not None:
            parent = one.parent.alias("parent")
            found = (
                sa.select(parent.c[one.gives.name])
                .where(parent.c[one.looks_up.name] == source.raw[one.name])
                .scalar_subquery()
            )
            target = source.values[one.column.name]
            assert isinstance(source.relation, sa.Table)
            assert isinstance(target, sa.Column)
            connection.execute(
                sa.update(source.relation)
                .values({target.name: found})
                .where(target.is_(None), source.raw[one.name].is_not(None))
            )


def dangling(source: Source, one: Given) -> sa.ColumnElement[bool]:
    """Say that a reference was given but not found."""
    return sa.and_(source.raw[one.name].is_not(None), source.values[one.column.name].is_(None))


def refuse_dangling(
    connection: Connection, source: Source, given: Sequence[Given], rows: Rows, table: sa.Table
) -> None:
    """Raise for the first reference that found no row.

    Raises:
        SeedError: with file, line or row, column and the value that nobody is known by.
    """
    for one in given:
        if one.parent is None or one.looks_up is None:
            continue
        query = sa.select(source.number, source.raw[one.name]).where(dangling(source, one))
        row = connection.execute(query.order_by(source.number).limit(1)).first()
        if row:
            raise SeedError(
                f"no row of {one.parent.name} has {one.looks_up.name} = {row[1]!r}",
                table=table.name,
                column=one.name,
                hint=f"Add it to {one.parent.name}, or name the seed that adds it in depends_on.",
                **rows.origin.place(row[0]),
            )
