"""Reflecting tables by name, each once."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import Dialect
from tdm_seed.errors import SeedError
from tdm_seed.schema.keys import Reference, note_references

_PART = re.compile(r'"((?:[^"]|"")+)"|`((?:[^`]|``)+)`|([^."`]+)')

#: Where a reflected table notes that it is none.
_VIEW = "tdm_seed_view"


def refuse_view(table: sa.Table) -> None:
    """Refuse to write rows to a view.

    Raises:
        SeedError: it is one.
    """
    if table.info.get(_VIEW):
        raise SeedError(
            "this is a view, and rows are written to tables",
            table=table.name,
            hint="Write to the tables behind it; or write SQL, if the view takes rows.",
        )


@contextmanager
def _unknown_types() -> Iterator[None]:
    """Take types that SQLAlchemy does not know for NullType, which is how they are treated on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        yield


def _unambiguous(table: sa.Table) -> list[Reference] | None:
    found = []
    for key in table.foreign_key_constraints:
        try:
            targets = [element.target_fullname.split(".") for element in key.elements]
        except sa.exc.InvalidRequestError:
            return None
        if any(len(target) != 2 for target in targets):
            return None
        columns = tuple(column for _, column in targets)
        found.append(Reference(tuple(key.column_keys), (None, targets[0][0]), columns))
    return found


def split_name(name: str) -> tuple[str | None, str]:
    """Split ``schema.table``; quoted parts may hold dots: ``"odd.schema"."odd table"``."""
    parts = [
        (double or back or bare).replace('""', '"').replace("``", "`") for double, back, bare in _PART.findall(name)
    ]
    return (parts[0], parts[1]) if len(parts) == 2 else (None, parts[0] if len(parts) == 1 else name)


class Schema:
    """The tables of one connection, reflected on first use and kept until ``forget``."""

    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self._dialect = dialect
        self._tables: dict[tuple[str | None, str], sa.Table] = {}
        self._metadata = sa.MetaData()
        self._inspector: sa.Inspector = sa.inspect(connection)

    def table(self, name: str) -> sa.Table:
        """Give a table by name, with its keys; foreign keys name their targets without following them.

        A name is first taken as it stands (tables may have dots in their names), then as ``schema.table``. Databases
        that do not tell case apart in names find a table by any.

        Raises:
            SeedError: there is no such table; close names are offered.
        """
        schema, plain = split_name(name)
        for key in dict.fromkeys(((None, name), (self._named(schema), plain))):
            if key in self._tables:
                return self._tables[key]
            if self._inspector.has_table(key[1], schema=key[0]):
                return self._in_any_case(*key) if self._dialect.folds_table_names else self._reflect(*key)
        raise SeedError(f"there is no table {name!r}", table=name, hint=self._suggestion(name))

    def knows(self, name: str) -> bool:
        """Tell whether ``table`` finds one by this name."""
        try:
            self.table(name)
        except SeedError:
            return False
        return True

    def written(self, name: str) -> sa.Table:
        """Give the table that a statement of SQL names, in whatever case it writes it.

        Raises:
            SeedError: there is no such table; it may be a view, or gone.
        """
        try:
            return self.table(name)
        except SeedError:
            schema, plain = split_name(name)
            return self._in_any_case(self._named(schema), plain)

    def _in_any_case(self, schema: str | None, name: str) -> sa.Table:
        """Give a table by any spelling of its name; one that is not listed, such as a temporary one, by this."""
        known = [each for each in self._inspector.get_table_names(schema=schema) if each.lower() == name.lower()]
        spelled = name if name in known or not known else known[0]
        found = self._tables.get((schema, spelled))
        if found is None and (known or self._inspector.has_table(spelled, schema=schema)):
            found = self._reflect(schema, spelled)
        if found is None:
            raise SeedError(f"there is no table {name!r}", table=name, hint=self._suggestion(name))
        return found

    def parent(self, reference: Reference) -> sa.Table:
        """Give the table that a foreign key points to."""
        found = self._tables.get(reference.target)
        return found if found is not None else self._reflect(*reference.target)

    def names(self) -> list[tuple[str | None, str]]:
        """List the tables of the default schema, sorted."""
        return [(None, name) for name in sorted(self._inspector.get_table_names())]

    def columns(self) -> dict[str, dict[str, sa.types.TypeEngine[Any]]]:
        """Give the columns of every table of the default schema, with their types."""
        with _unknown_types():
            found = self._inspector.get_multi_columns()
        return {name: {column["name"]: column["type"] for column in columns} for (_, name), columns in found.items()}

    def is_view(self, table: sa.Table) -> bool:
        """Tell whether a table is none."""
        return table.name in self._views(table.schema)

    def forget(self) -> None:
        """Reflect anew from now on: a seed may have changed a table."""
        self._tables.clear()
        self._metadata = sa.MetaData()
        self._inspector.clear_cache()

    def _named(self, schema: str | None) -> str | None:
        """Leave the default schema's name out, so that a table is the same table with it and without."""
        return None if schema == self._inspector.default_schema_name else schema

    def _reflect(self, schema: str | None, name: str) -> sa.Table:
        with _unknown_types():
            table = sa.Table(name, self._metadata, schema=schema)
            self._inspector.reflect_table(table, None, resolve_fks=False)
            note_references(table, self._references(table))
        if not table.primary_key.columns and name in self._views(schema):
            table.info[_VIEW] = True
        self._dialect.refine(self._connection, table)
        for column in table.columns:
            kind = getattr(column.type, "data_type", column.type)  # a domain's, where it is one
            if isinstance(kind, sa.JSON):
                kind.none_as_null = True  # None is SQL's NULL here, not JSON's null
        self._tables[schema, name] = table
        return table

    def _references(self, table: sa.Table) -> list[Reference]:
        """Read foreign keys from what is reflected, where SQLAlchemy's strings are clear, or else ask once more.

        ``a.b.c`` may be a schema, a table and a column, or a table or column with a dot in its name.
        """
        if (found := _unambiguous(table)) is not None:
            return found
        return [
            Reference(
                tuple(key["constrained_columns"]),
                (self._named(key["referred_schema"]), key["referred_table"]),
                tuple(key["referred_columns"]),
            )
            for key in self._inspector.get_foreign_keys(table.name, schema=table.schema)
        ]

    def _views(self, schema: str | None) -> list[str]:
        views = self._inspector.get_view_names(schema=schema)
        with suppress(NotImplementedError):
            views = views + self._inspector.get_materialized_view_names(schema=schema)
        return views

    def _suggestion(self, name: str) -> str:
        known = self._inspector.get_table_names()
        if close := get_close_matches(name, known, n=3):
            return f"Did you mean {' or '.join(close)}?"
        return "Are the migrations up to date? `tdm-seed upgrade --migrate` runs them first."
