"""Which of the given rows a constraint refuses: databases name the constraint, people look for the line."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.orphans import Orphan, orphan
from tdm_seed.errors import SeedError, TdmSeedError
from tdm_seed.loading.matching import Matching
from tdm_seed.loading.relation import Source
from tdm_seed.loading.rows import Rows
from tdm_seed.schema import references, unique_keys


def blamed(match: Matching, names: Collection[str], rows: Rows) -> TdmSeedError | None:
    """Find the first given row that the table's keys refuse, after the database has refused them as a set.

    ``names`` are the columns that the rows give. None where the reason is another, such as a check or a trigger.
    """
    return (
        _missing_value(match, names, rows)
        or orphaned(match.connection, match.table, match.source, names, rows)
        or _taken(match, names, rows)
    )


def _missing_value(match: Matching, names: Collection[str], rows: Rows) -> TdmSeedError | None:
    for column in match.table.columns:
        if column.name in names and not column.nullable:
            query = sa.select(match.source.number).where(match.source.values[column.name].is_(None))
            if number := match.connection.scalar(query.order_by(match.source.number).limit(1)):
                return SeedError(
                    "NULL is not allowed here",
                    table=match.table.name,
                    column=column.name,
                    hint="Give the column a value, or leave it out of the rows where it has a default.",
                    **rows.origin.place(number),
                )
    return None


def orphaned(
    connection: Connection,
    table: sa.Table,
    source: Source,
    names: Collection[str],
    rows: Rows,
    *,
    together: bool | None = None,
) -> Orphan | None:
    """Find the first given row whose foreign key points nowhere, among the keys to other tables.

    And to its own, where it is said whether rows that were given ``together`` with it are to be looked at, too,
    because the database has taken them back.
    """
    for reference in references(table):
        own = reference.target == (table.schema, table.name)
        if not set(reference.columns) <= set(names) or (own and together is None):
            continue
        schema, parent = reference.target
        far = sa.table(parent, *map(sa.column, reference.referred), schema=schema).alias("p")
        given = [source.values[name] for name in reference.columns]
        same = (far.c[name] == value for name, value in zip(reference.referred, given, strict=True))
        there: sa.ColumnElement[bool] = sa.exists(sa.select(sa.literal(1)).select_from(far).where(*same))
        if own and together and set(reference.referred) <= set(names):
            others = source.relation.alias("o")
            values = [others.c[source.values[name].name] for name in reference.referred]
            equal = (a == b for a, b in zip(values, given, strict=True))
            there = sa.or_(there, sa.exists(sa.select(sa.literal(1)).select_from(others).where(*equal)))
        query = sa.select(source.number, *given).where(~there, *(value.is_not(None) for value in given))
        if row := connection.execute(query.order_by(source.number).limit(1)).first():
            error = orphan(table.name, reference.columns, row[1:], parent)
            error.hint = f"Load the parents first: that row of {parent} is missing. Or correct the key."
            error.located(column=reference.columns[0], **rows.origin.place(row[0]))
            return error
    return None


def _taken(match: Matching, names: Collection[str], rows: Rows) -> TdmSeedError | None:
    number = match.source.number
    for key in unique_keys(match.table):
        if key == match.key or not set(key) <= set(names):
            continue
        given = [match.source.values[name] for name in key]
        whole = [value.is_not(None) for value in given]
        first, last = sa.func.min(number), sa.func.max(number)
        twice = sa.select(first, last, *given).where(*whole).group_by(*given).having(sa.func.count() > 1)
        if row := match.connection.execute(twice.order_by(first).limit(1)).first():
            said = f"was given already in {rows.origin.unit} {row[0]}"
            return _not_unique(match, key, row[2:], said, rows, row[1])
        same = (match.table.columns[name] == value for name, value in zip(key, given, strict=True))
        relation = match.source.relation.join(match.table, sa.and_(*same, ~match.same))
        query = sa.select(number, *given).select_from(relation).order_by(number).limit(1)
        if row := match.connection.execute(query).first():
            return _not_unique(match, key, row[1:], "is that of another row of the table", rows, row[0])
    return None


def _not_unique(
    match: Matching, key: tuple[str, ...], values: Collection[object], said: str, rows: Rows, number: int
) -> TdmSeedError:
    shown = ", ".join(str(value) for value in values)
    return SeedError(
        f"({', '.join(key)}) = ({shown}) {said}, and must be unique",
        table=match.table.name,
        hint=f"db.upsert tells these rows apart by ({', '.join(match.key)}): correct the row, or choose the other key.",
        **rows.origin.place(number),
    )
