"""Which columns tell one row from another, and which point elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from tdm_seed.errors import SeedError

#: Where a reflected table keeps its foreign keys.
_REFERENCES: Final = "tdm_seed_references"


def unique_keys(table: sa.Table) -> list[tuple[str, ...]]:
    """List the keys of a table, the primary key first, then unique constraints and indexes by their columns.

    Indexes on expressions, on some of the rows or on the first letters are left out: they do not tell every row apart.
    """
    found: list[tuple[str, ...]] = []
    if len(table.primary_key.columns):
        found.append(tuple(column.name for column in table.primary_key.columns))
    others = [
        tuple(column.name for column in constraint.columns)
        for constraint in table.constraints
        if isinstance(constraint, sa.UniqueConstraint)
    ]
    others += [
        tuple(column.name for column in index.columns)
        for index in table.indexes
        if index.unique and not _partial(index) and len(index.columns) == len(index.expressions)
    ]
    found += [key for key in sorted(others) if key]
    return list(dict.fromkeys(found))


def _partial(index: sa.Index) -> bool:
    return any(options.get("where") is not None or options.get("length") for options in index.dialect_options.values())


def default_key(table: sa.Table, given: Collection[str]) -> tuple[str, ...]:
    """Choose the key for an upsert that names none: the primary key, else the only unique key among the columns.

    Raises:
        SeedError: no key, or several, have all their columns among the given ones.
    """
    keys = unique_keys(table)
    usable = [key for key in keys if set(key) <= set(given)]
    primary = tuple(column.name for column in table.primary_key.columns)
    if primary and primary in usable:
        return primary
    if len(usable) == 1:
        return usable[0]
    listed = "; ".join(", ".join(key) for key in usable or keys) or "none"
    raise SeedError(
        "the key of the rows is not clear: " + ("several unique keys fit" if usable else "no unique key fits"),
        table=table.name,
        hint=f"Name it with key=…; unique keys of the table: {listed}.",
    )


def checked_key(table: sa.Table, key: str | Collection[str]) -> tuple[str, ...]:
    """Check that a key named by a seed tells rows apart.

    Raises:
        SeedError: the table has no such unique key.
    """
    wanted = (key,) if isinstance(key, str) else tuple(key)
    for unique in unique_keys(table):
        if set(unique) == set(wanted):
            return unique
    listed = "; ".join(", ".join(unique) for unique in unique_keys(table)) or "none"
    raise SeedError(
        f"({', '.join(wanted)}) is no unique key of this table, so it cannot tell its rows apart",
        table=table.name,
        hint=f"Unique keys of the table: {listed}.",
    )


@dataclass(frozen=True)
class Reference:
    """A foreign key as reflection says it: its columns, the schema and name of the table it points to, its columns."""

    columns: tuple[str, ...]
    target: tuple[str | None, str]
    referred: tuple[str, ...]


def note_references(table: sa.Table, found: Iterable[Reference]) -> None:
    """Keep the foreign keys of a reflected table with it."""
    table.info[_REFERENCES] = sorted(found, key=lambda reference: reference.columns)


def references(table: sa.Table) -> list[Reference]:
    """List the foreign keys of a reflected table in the order of their columns."""
    found: list[Reference] = table.info[_REFERENCES]
    return found


def self_references(table: sa.Table) -> list[Reference]:
    """List the foreign keys by which a row of the table may point to another of the same table."""
    return [reference for reference in references(table) if reference.target == (table.schema, table.name)]
