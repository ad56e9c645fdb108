"""Reflecting tables by name, each once."""

from __future__ import annotations

import re
import warnings
from difflib import get_close_matches

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import Dialect
from tdm_seed.errors import SeedError
from tdm_seed.schema.keys import Reference, note_references

_PART = re.compile(r'"((?:[^"]|"")+)"|`((?:[^`]|``)+)`|([^."`]+)')


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

        A name is first taken as it stands (tables may have dots in their names), then as ``schema.table``.

        Raises:
            SeedError: there is no such table; close names are offered.
        """
        schema, plain = split_name(name)
        for key in dict.fromkeys(((None, name), (self._named(schema), plain))):
            if key in self._tables:
                return self._tables[key]
            if self._inspector.has_table(key[1], schema=key[0]):
                return self._reflect(*key)
        raise SeedError(f"there is no table {name!r}", table=name, hint=self._suggestion(name))

    def parent(self, reference: Reference) -> sa.Table:
        """Give the table that a foreign key points to."""
        found = self._tables.get(reference.target)
        return found if found is not None else self._reflect(*reference.target)

    def names(self) -> list[tuple[str | None, str]]:
        """List the tables of the default schema, sorted."""
        return [(None, name) for name in sorted(self._inspector.get_table_names())]

    def forget(self) -> None:
        """Reflect anew from now on: a seed may have changed a table."""
        self._tables.clear()
        self._metadata = sa.MetaData()
        self._inspector.clear_cache()

    def _named(self, schema: str | None) -> str | None:
        """Leave the default schema's name out, so that a table is the same table with it and without."""
        return None if schema == self._inspector.default_schema_name else schema

    def _reflect(self, schema: str | None, name: str) -> sa.Table:
        with warnings.catch_warnings():
            # Types that SQLAlchemy does not know stay NullType, which is how they are treated on purpose.
            warnings.simplefilter("ignore", sa.exc.SAWarning)
            table = sa.Table(name, self._metadata, schema=schema)
            self._inspector.reflect_table(table, None, resolve_fks=False)
        found = self._inspector.get_foreign_keys(name, schema=schema)
        note_references(table, ({**key, "referred_schema": self._named(key["referred_schema"])} for key in found))
        self._dialect.refine(self._connection, table)
        for column in table.columns:
            kind = getattr(column.type, "data_type", column.type)  # a domain's, where it is one
            if isinstance(kind, sa.JSON):
                kind.none_as_null = True  # None is SQL's NULL here, not JSON's null
        self._tables[schema, name] = table
        return table

    def _suggestion(self, name: str) -> str:
        known = self._inspector.get_table_names()
        if close := get_close_matches(name, known, n=3):
            return f"Did you mean {' or '.join(close)}?"
        return "Are the migrations up to date? `tdm-seed upgrade --migrate` runs them first."
