"""Finding rows whose foreign key points nowhere, by an anti-join per key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import ReflectedForeignKeyConstraint

from tdm_seed.errors import DatabaseError, TdmSeedError


def find(connection: Connection, tables: Sequence[sa.TableClause]) -> None:
    """Look for an orphan in every foreign key that leaves one of these tables or points to one of them.

    Raises:
        DatabaseError: for the first orphan found, with its key.
    """
    inspector = sa.inspect(connection)
    touched = {(table.schema, table.name) for table in tables}
    for schema in sorted({table.schema for table in tables}, key=str):
        for (_, child), keys in sorted(inspector.get_multi_foreign_keys(schema=schema).items(), key=str):
            for key in keys:
                parent = (key["referred_schema"], key["referred_table"])
                if (schema, child) in touched or parent in touched:
                    _prove(connection, key, schema, child)


def _prove(connection: Connection, key: ReflectedForeignKeyConstraint, schema: str | None, child: str) -> None:
    columns, referred = key["constrained_columns"], key["referred_columns"]
    near = sa.table(child, *map(sa.column, columns), schema=schema).alias("c")
    far = sa.table(key["referred_table"], *map(sa.column, referred), schema=key["referred_schema"]).alias("p")
    ours, theirs = [near.c[name] for name in columns], [far.c[name] for name in referred]
    missing = ~sa.exists(
        sa.select(sa.literal(1)).select_from(far).where(*(a == b for a, b in zip(ours, theirs, strict=True)))
    )
    statement = sa.select(*ours).select_from(near).where(missing, *(column.is_not(None) for column in ours)).limit(1)
    if row := connection.execute(statement).first():
        raise orphan(child, columns, tuple(row), key["referred_table"])


def orphan(table: str, columns: Iterable[str], values: Iterable[object], parent: str) -> TdmSeedError:
    """Name one orphan."""
    names, key = ", ".join(columns), ", ".join(str(value) for value in values)
    return DatabaseError(
        f"({names}) = ({key}) points to no row of {parent}",
        table=table,
        hint=f"Load that row of {parent} too, or correct the key.",
    )
