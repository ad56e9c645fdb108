"""A table whose rows are kept, and how it is compared with its copy, in SQL."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.mysql import reflected
from tdm_seed.dialects.mysql.definitions import quoted
from tdm_seed.dialects.orphans import ForeignKey

#: In a primary key, or else in a unique one, each row is found by all columns, none of which is NULL.
_KEYS = sa.text(
    "SELECT table_name AS name, index_name AS part, column_name AS word FROM information_schema.statistics "
    "WHERE table_schema = DATABASE() AND non_unique = 0 AND index_type = 'BTREE' "
    "ORDER BY table_name, index_name <> 'PRIMARY', index_name, seq_in_index"
)
_NOT_KEYS = sa.text(
    "SELECT DISTINCT table_name, index_name FROM information_schema.statistics WHERE table_schema = DATABASE() "
    "AND (nullable = 'YES' OR sub_part IS NOT NULL OR column_name IS NULL)"
)
_COLUMNS = sa.text(
    "SELECT table_name AS name, column_name AS word, data_type AS kind, extra LIKE '%auto_increment%' AS counts "
    "FROM information_schema.columns WHERE table_schema = DATABASE() AND extra NOT LIKE '% GENERATED%' "
    "ORDER BY table_name, ordinal_position"
)
_ACTING = sa.text(
    "SELECT LOWER(CONCAT(unique_constraint_schema, '.', referenced_table_name)) AS parent, "
    "LOWER(CONCAT(constraint_schema, '.', table_name)) AS child FROM information_schema.referential_constraints "
    "WHERE constraint_schema = :schema AND NOT (delete_rule IN ('RESTRICT', 'NO ACTION') "
    "AND update_rule IN ('RESTRICT', 'NO ACTION'))"
)
#: Types whose values are told apart byte by byte only as bytes, as numbers, or as what is shown of them, too.
_TEXTS: Final = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
_LISTED: Final = frozenset({"enum", "set"})
_FLOATS: Final = frozenset({"float", "double"})
_PLAIN: Final = frozenset({
    "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "bit", "year", "date", "time", "datetime",
    "timestamp", "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "uuid", "inet4", "inet6",
})  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A table, its columns with their types, and what makes a row the same row; empty where nothing does.

    ``counts`` says that it has numbers of its own, ``inward`` which foreign keys lead to it from tables that are not
    kept, and ``outward`` which lead to such.
    """

    number: int
    name: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...]
    counts: bool
    inward: tuple[ForeignKey, ...] = ()
    outward: tuple[ForeignKey, ...] = ()

    @property
    def copy(self) -> str:
        """The copy's name in the database beside."""
        return f"t{self.number}"

    def removing(self, beside: str) -> str:
        """Delete what the copy does not hold exactly so; this looks at every row, and waits for whoever writes it."""
        if not self.key:
            return f"DELETE FROM {quoted(self.name)}"
        same = " AND ".join(_same(quoted(name), kind) for name, kind in self.columns)
        return (
            f"DELETE t FROM {quoted(self.name)} AS t LEFT JOIN {quoted(beside)}.{self.copy} AS k "
            f"ON {self._matched()} WHERE k.{quoted(self.key[0])} IS NULL OR NOT ({same})"
        )

    def adding(self, beside: str) -> str:
        """Insert what the copy holds and the table does not."""
        columns = ", ".join(quoted(name) for name, _ in self.columns)
        given = ", ".join(f"k.{quoted(name)}" for name, _ in self.columns)
        held = f"EXISTS (SELECT 1 FROM {quoted(self.name)} AS t WHERE {self._matched()})" if self.key else "FALSE"
        return (
            f"INSERT INTO {quoted(self.name)} ({columns}) "
            f"SELECT {given} FROM {quoted(beside)}.{self.copy} AS k WHERE NOT {held}"
        )

    def lost(self, beside: str, key: ForeignKey) -> str:
        """Look for a row of another table that points to one that the copy does not hold."""
        schema, child = key.child
        there = f"{quoted(schema)}.{quoted(child)}" if schema else quoted(child)
        given = " AND ".join(f"c.{quoted(name)} IS NOT NULL" for name in key.columns)
        pairs = zip(key.referred, key.columns, strict=True)
        same = " AND ".join(f"k.{quoted(ours)} = c.{quoted(theirs)}" for ours, theirs in pairs)
        return (
            f"SELECT 1 FROM {there} AS c WHERE {given} AND NOT EXISTS "
            f"(SELECT 1 FROM {quoted(beside)}.{self.copy} AS k WHERE {same}) LIMIT 1"
        )

    def _matched(self) -> str:
        return " AND ".join(f"t.{quoted(name)} = k.{quoted(name)}" for name in self.key)


def _same(name: str, kind: str) -> str:
    ours, theirs = f"t.{name}", f"k.{name}"
    if kind in _LISTED:
        return f"{ours} + 0 <=> {theirs} + 0"
    if kind in _FLOATS:  # 0 = -0
        return f"{ours} <=> {theirs} AND CAST({ours} AS CHAR) <=> CAST({theirs} AS CHAR)"
    if kind in _PLAIN:
        return f"{ours} <=> {theirs}"
    if kind == "json":
        ours, theirs = f"CAST({ours} AS CHAR)", f"CAST({theirs} AS CHAR)"
    return f"CAST({ours} AS BINARY) <=> CAST({theirs} AS BINARY)"


def read(connection: Connection, names: Sequence[str]) -> list[Place]:
    """Read what tables are made of."""
    columns: dict[str, list[Any]] = {}
    for row in connection.execute(_COLUMNS):
        columns.setdefault(row.name, []).append(row)
    unfit = {(row[0], row[1]) for row in connection.execute(_NOT_KEYS)}
    keys: dict[str, tuple[str, ...]] = {}
    for (name, part), rows in groupby(connection.execute(_KEYS), key=lambda row: (row.name, row.part)):
        words = tuple(row.word for row in rows)
        if (name, part) not in unfit:
            keys.setdefault(name, words)
    kept = {(None, name) for name in names}
    others = reflected.pointing_databases(connection)
    foreign = sorted(reflected.foreign_keys(connection, [None, *others]), key=str)
    foreign = [key for key in foreign if (key.child in kept) != (key.parent in kept)]
    return [
        Place(
            number,
            name,
            tuple((row.word, row.kind.lower()) for row in columns[name]),
            keys.get(name, ()),
            any(row.counts for row in columns[name]),
            tuple(key for key in foreign if key.parent == (None, name)),
            tuple(key for key in foreign if key.child == (None, name)),
        )
        for number, name in enumerate(names)
    ]


def reach(connection: Connection, places: Iterable[Place]) -> dict[str, list[int]]:
    """Tell which of these tables may change when a table is written: itself, and those that act with its rows.

    What a foreign key does to rows of its table stands in no binlog. Tables are named ``database.table``, in small
    letters.
    """
    default = connection.dialect.default_schema_name
    acting: dict[str, set[str]] = {}
    for schema in (default, *reflected.pointing_databases(connection)):
        for row in connection.execute(_ACTING, {"schema": schema}):
            acting.setdefault(row.parent, set()).add(row.child)
    numbers: dict[str, list[int]] = {}
    for place in places:
        numbers.setdefault(f"{default}.{place.name}".lower(), []).append(place.number)
    found = {
        name: sorted(n for each in _beneath(name, acting) for n in numbers.get(each, ()))
        for name in {*numbers, *acting}
    }
    return {name: reached for name, reached in sorted(found.items()) if reached}


def _beneath(name: str, acting: Mapping[str, Collection[str]]) -> set[str]:
    found, left = {name}, [name]
    while left:
        new = {*acting.get(left.pop(), ())} - found
        found |= new
        left += new
    return found


def written(place: Place) -> str:
    """Write a place as JSON."""
    return json.dumps(asdict(place))


def understood(text: str) -> Place:
    """Read what ``written`` wrote."""
    found = json.loads(text)
    return Place(
        found["number"],
        found["name"],
        tuple(map(tuple, found["columns"])),
        tuple(found["key"]),
        found["counts"],
        tuple(map(_key, found["inward"])),
        tuple(map(_key, found["outward"])),
    )


def _key(given: Mapping[str, Any]) -> ForeignKey:
    child, columns, parent, referred = (tuple(given[name]) for name in ("child", "columns", "parent", "referred"))
    return ForeignKey(child, columns, parent, referred, given["name"])
