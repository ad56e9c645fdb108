"""Columns such as ``role_id.code``: naming the row one points to by what people know it by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import sqlalchemy as sa

from tdm_seed.errors import SeedError
from tdm_seed.schema import Schema, references, unique_keys


@dataclass(frozen=True)
class Given:
    """One given column: what it is called, what it fills, and, for a reference, what is looked up where.

    ``column`` is the table's column that receives the value. ``looks_up`` is the column of ``parent`` that is compared
    with the given value, ``gives`` the one whose value is stored.
    """

    name: str
    column: sa.Column[Any]
    parent: sa.Table | None = None
    looks_up: sa.Column[Any] | None = None
    gives: sa.Column[Any] | None = None

    @property
    def holds(self) -> sa.Column[Any]:
        """The column whose type the given values have."""
        return self.column if self.looks_up is None else self.looks_up

    def points_into(self, table: sa.Table) -> bool:
        """Whether this is a reference to a row of the same table."""
        return self.parent is table


def understand(schema: Schema, table: sa.Table, names: Sequence[str]) -> list[Given]:
    """Match given column names with the table's columns and foreign keys.

    Raises:
        SeedError: a column does not exist, is computed, given twice, or a reference cannot be unique.
    """
    given = [_one(schema, table, name) for name in names]
    seen: dict[str, str] = {}
    for one in given:
        if one.column.name in seen:
            raise SeedError(
                f"{seen[one.column.name]} and {one.name} both fill the column {one.column.name}",
                table=table.name,
                hint="Give one of them.",
            )
        seen[one.column.name] = one.name
    return given


def _one(schema: Schema, table: sa.Table, name: str) -> Given:
    if name in table.columns:
        column = table.columns[name]
        if column.computed is not None:
            raise SeedError(
                "the database computes this column, so it takes no values",
                table=table.name,
                column=name,
                hint="Leave the column out of the rows.",
            )
        return Given(name, column)
    near = name.partition(".")[0]
    for place, letter in enumerate(name):
        if letter == "." and name[:place] in table.columns:
            return _reference(schema, table, name, name[:place], name[place + 1 :])
    names = {column.name.lower(): column.name for column in table.columns}
    close = [names[word] for word in get_close_matches(near.strip().lower(), names, n=3)]
    known = ", ".join(column.name for column in table.columns)
    raise SeedError(
        f"the table has no column {near!r}",
        table=table.name,
        column=near,
        hint=f"Did you mean {' or '.join(close)}?" if close else f"Its columns: {known}.",
    )


def _lookups(table: sa.Table) -> str:
    return ", ".join(reference.columns[0] for reference in references(table) if len(reference.columns) == 1) or "none"


def _reference(schema: Schema, table: sa.Table, name: str, near: str, far: str) -> Given:
    keys = [reference for reference in references(table) if reference.columns == (near,)]
    if not keys:
        raise SeedError(
            f"{near} is no foreign key of one column, so {name!r} cannot be looked up",
            table=table.name,
            column=near,
            hint=f"Give {near} its own value. Columns that can be looked up: {_lookups(table)}.",
        )
    parent, (referred,) = schema.parent(keys[0]), keys[0].referred
    if far not in parent.columns:
        close = get_close_matches(far, [column.name for column in parent.columns], n=3)
        raise SeedError(
            f"{parent.name} has no column {far!r}",
            table=table.name,
            column=name,
            hint=f"Did you mean {' or '.join(close)}?"
            if close
            else f"Its columns: {', '.join(column.name for column in parent.columns)}.",
        )
    if (far,) not in unique_keys(parent):
        unique = ", ".join(key[0] for key in unique_keys(parent) if len(key) == 1)
        raise SeedError(
            f"{parent.name}.{far} is not unique, so it may name two rows",
            table=table.name,
            column=name,
            hint=f"Unique columns of {parent.name}: {unique or 'none'}.",
        )
    return Given(name, table.columns[near], parent, parent.columns[far], parent.columns[referred])
