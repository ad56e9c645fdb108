"""Finding rows whose foreign key points nowhere, by an anti-join per key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.errors import DatabaseError

Name = tuple[str | None, str]


class Orphan(DatabaseError):
    """A row's foreign key points nowhere."""


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key: its table and columns, then those that it points to; tables as schema and name."""

    child: Name
    columns: tuple[str, ...]
    parent: Name
    referred: tuple[str, ...]
    name: str | None = None


def reflected(connection: Connection, schemas: Iterable[str | None]) -> Iterator[ForeignKey]:
    """List the foreign keys of whole schemas, as SQLAlchemy reflects them."""
    inspector = sa.inspect(connection)
    for schema in schemas:
        for (_, child), keys in inspector.get_multi_foreign_keys(schema=schema).items():
            for key in keys:
                yield ForeignKey(
                    (schema, child),
                    tuple(key["constrained_columns"]),
                    (key["referred_schema"], key["referred_table"]),
                    tuple(key["referred_columns"]),
                    key["name"],
                )


def in_circles(keys: Iterable[ForeignKey]) -> list[ForeignKey]:
    """List the foreign keys that lead back to their own table, by themselves or by way of others."""
    left = sorted(keys, key=str)
    while True:  # what nothing leads to, or leads nowhere, is in no circle
        children, parents = {key.child for key in left}, {key.parent for key in left}
        inner = [key for key in left if key.child in parents and key.parent in children]
        if len(inner) == len(left):
            return [key for key in left if _leads_to(left, key.parent, key.child)]
        left = inner


def _leads_to(keys: Sequence[ForeignKey], start: Name, end: Name) -> bool:
    reached, before = {start}, 0
    while len(reached) > before:
        before = len(reached)
        reached |= {key.parent for key in keys if key.child in reached}
    return end in reached


def find(
    connection: Connection,
    tables: Sequence[sa.TableClause],
    keys: Iterable[ForeignKey],
    grown: Sequence[sa.TableClause] = (),
) -> None:
    """Look for an orphan in every foreign key that leaves one of these tables or points to one of ``tables``.

    Raises:
        Orphan: for the first one found, with its key.
    """
    touched = {(table.schema, table.name) for table in tables}
    leaving = touched | {(table.schema, table.name) for table in grown}
    for key in sorted(keys, key=str):
        if key.child in leaving or key.parent in touched:
            _prove(connection, key)


def _prove(connection: Connection, key: ForeignKey) -> None:
    near = sa.table(key.child[1], *map(sa.column, key.columns), schema=key.child[0]).alias("c")
    far = sa.table(key.parent[1], *map(sa.column, key.referred), schema=key.parent[0]).alias("p")
    ours, theirs = [near.c[name] for name in key.columns], [far.c[name] for name in key.referred]
    missing = ~sa.exists(
        sa.select(sa.literal(1)).select_from(far).where(*(a == b for a, b in zip(ours, theirs, strict=True)))
    )
    statement = sa.select(*ours).select_from(near).where(missing, *(column.is_not(None) for column in ours)).limit(1)
    if row := connection.execute(statement).first():
        raise orphan(key.child[1], key.columns, tuple(row), key.parent[1])


def orphan(table: str, columns: Iterable[str], values: Iterable[object], parent: str) -> Orphan:
    """Name one orphan."""
    names, key = ", ".join(columns), ", ".join(str(value) for value in values)
    return Orphan(
        f"({names}) = ({key}) points to no row of {parent}",
        table=table,
        hint=f"Load that row of {parent} too, or correct the key.",
    )
