"""The given rows as a relation that SQL can join with: values in the statement, or a temporary table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import Dialect
from tdm_seed.loading.conversion import Numbered
from tdm_seed.loading.counted import Counted
from tdm_seed.loading.references import Given

#: Rows from which rows are no longer looked up one by one: 5,000 took 0.8 s without an index, 0.1 s with it.
_INDEX_FROM = 500


class FromColumns(Protocol):
    """What fills a temporary table with columns as they are."""

    def into(self, staged: sa.Table, columns: Sequence[str]) -> int | None:
        """Fill it and give the number of rows; None where the database has taken none."""


@dataclass(frozen=True)
class Source:
    """The given rows in the database: ``n`` is the number a row came with, ``total`` how many there are.

    ``values`` holds, by column of the table, the column of the relation with the value for it (for a reference the
    one that was looked up); ``raw`` the references as they were given; ``waits`` marks rows that point to one another.
    """

    relation: sa.FromClause
    total: int
    values: Mapping[str, sa.ColumnElement[Any]]
    raw: Mapping[str, sa.ColumnElement[Any]]
    waits: sa.Column[Any] | None = None
    #: Whether no two of the rows have the same key, as the database has proven already.
    distinct: bool = False

    @property
    def number(self) -> sa.ColumnElement[int]:
        """The column with the row's number."""
        return self.relation.c.n


@contextmanager
def source(
    connection: Connection,
    dialect: Dialect,
    name: str,
    table: sa.Table,
    given: Sequence[Given],
    rows: Counted,
    key: Sequence[str] = (),
    columns: FromColumns | None = None,
) -> Iterator[Source]:
    """Bring rows, with their numbers, into the database as a relation, and take it away afterwards.

    A few rows become part of the statement, which needs no privilege and leaves no trace in the catalogue; more, or
    rows with references to look up, fill a temporary table by the fastest way there is: as ``columns`` where they come
    as such and the database takes them.
    """
    inlined = columns is None and all(one.looks_up is None for one in given)
    inlined = inlined and dialect.may_inline([one.column for one in given])
    few = rows.few(dialect.inline_rows) if inlined else None
    if few:
        yield _inline(given, few)
        return
    key_columns = [_label(place, one) for place, one in enumerate(given) if one.column.name in key]
    staged, body = _staged(connection, dialect, name, table, given)
    dialect.create_source(connection, name, body, key_columns)
    try:
        names = ("n", *(f"c{place}" for place in range(len(given))))
        total = None if columns is None else columns.into(staged, names)
        if total is None:
            with rows.naming():
                total = dialect.load(connection, staged, names, rows)
        nullable = any(table.columns[name].nullable for name in key)
        if total >= _INDEX_FROM and nullable:
            dialect.index_source(connection, staged, key_columns)
        stands = not nullable and all(one.looks_up is None for one in given if one.column.name in key)
        distinct = dialect.ready_source(connection, staged, total, key_columns if stands else ())
        values = {one.column.name: staged.columns[_label(place, one)] for place, one in enumerate(given)}
        raw = {one.name: staged.columns[f"c{place}"] for place, one in enumerate(given) if one.looks_up is not None}
        yield Source(staged, total, values, raw, staged.columns.get("waits"), distinct)
    except BaseException:
        # The seed may catch this and go on; where the transaction is broken, its rollback takes the table away.
        with suppress(*dialect.driver_errors):
            dialect.drop_source(connection, name)
        raise
    dialect.drop_source(connection, name)


def _label(place: int, one: Given) -> str:
    return f"r{place}" if one.looks_up is not None else f"c{place}"


def _inline(given: Sequence[Given], few: Sequence[Numbered]) -> Source:
    """Write the rows into the statement, behind an empty SELECT of the columns that lends them its types."""
    columns = [one.column for one in given]
    head = sa.select(sa.literal(0).label("n"), *(c.label(f"c{place}") for place, c in enumerate(columns))).where(
        sa.false()
    )
    body = [
        sa.select(
            sa.literal(number, sa.Integer),
            *(sa.bindparam(None, value, type_=c.type) for c, value in zip(columns, values, strict=True)),
        )
        for number, values in few
    ]
    relation = sa.union_all(head, *body).subquery("given")
    values = {one.column.name: relation.c[f"c{place}"] for place, one in enumerate(given)}
    return Source(relation, len(few), values, {})


def _shape(table: sa.Table, given: Sequence[Given]) -> sa.Select[Any]:
    """Describe the temporary table as an empty query, so that the database copies the exact types."""
    never = sa.literal_column("1") == sa.literal_column("0")
    columns: list[sa.ColumnElement[Any]] = [sa.literal_column("0").label("n")]
    base: sa.FromClause = table
    for place, one in enumerate(given):
        if one.looks_up is None:
            columns.append(one.column.label(f"c{place}"))
        else:
            parent = one.looks_up.table.alias(f"p{place}")
            base = base.outerjoin(parent, never)
            columns.append(parent.c[one.looks_up.name].label(f"c{place}"))
            columns.append(one.column.label(f"r{place}"))
    if any(one.points_into(table) for one in given):
        columns.append(sa.literal_column("0").label("waits"))
    return sa.select(*columns).select_from(base).where(never)


def _staged(
    connection: Connection, dialect: Dialect, name: str, table: sa.Table, given: Sequence[Given]
) -> tuple[sa.Table, str]:
    """Give the temporary table as SQLAlchemy sees it, and the query it is made from.

    They are the same for the same columns, since statements on the same table are compiled once.
    """
    known: dict[object, tuple[sa.Table, str]] = table.info.setdefault("tdm_seed_sources", {})
    shape = (name, *(one.name for one in given))
    if shape in known:
        return known[shape]
    columns = [sa.Column("n", sa.Integer)]
    for place, one in enumerate(given):
        columns.append(sa.Column(f"c{place}", one.holds.type))
        if one.looks_up is not None:
            columns.append(sa.Column(f"r{place}", one.column.type))
    if any(one.points_into(table) for one in given):
        columns.append(sa.Column("waits", sa.Integer))
    known[shape] = sa.Table(name, sa.MetaData(), *columns), dialect.source_body(connection, _shape(table, given))
    return known[shape]
