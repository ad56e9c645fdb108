"""A table whose rows are kept, and how it is compared with its copy, in SQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

#: The schema in which the tool keeps copies, marks, and what it knows about them.
SCHEMA: Final = "tdm_seed_rows"

#: One row for each table, or tree of partitions. A key is the primary one, else a unique one that holds no NULL;
#: ``plain`` says of its columns that their text is the same whatever a session has set, and is read back exactly.
_CATALOGUE = sa.text(
    "WITH given AS (SELECT place, CAST(CAST(name AS regclass) AS oid) AS oid "
    "FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS g (name, place)), "
    "root AS (SELECT coalesce(CAST(pg_partition_root(oid) AS oid), oid) AS oid, min(place) AS place, "
    "array_agg(oid) AS given FROM given GROUP BY 1) "
    "SELECT CAST(c.oid AS bigint) AS oid, c.relname AS name, format('%I.%I', n.nspname, c.relname) AS target, "
    "c.relkind = 'p' AS parted, "
    "CASE WHEN c.relkind = 'p' THEN ARRAY(SELECT CAST(CAST(t.relid AS oid) AS bigint) FROM pg_partition_tree(c.oid) t "
    "ORDER BY t.level, 1) ELSE ARRAY[CAST(c.oid AS bigint)] END AS members, "
    "ARRAY(SELECT CAST(t.relid AS text) FROM pg_partition_tree(c.oid) t WHERE t.relid <> ALL(root.given) ORDER BY 1) "
    "AS strange, "
    "ARRAY(SELECT CAST(inhrelid AS bigint) FROM pg_inherits WHERE inhparent = c.oid AND c.relkind = 'r') AS heirs, "
    "coalesce((SELECT json_agg(json_build_array(quote_ident(a.attname), a.attgenerated <> '', a.attidentity = 'a') "
    "ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]') "
    "AS columns, "
    "coalesce((SELECT json_agg(json_build_array(quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), "
    "y.typtype = 'e' OR y.typname IN ('int2', 'int4', 'int8', 'uuid', 'text', 'varchar', 'bpchar')) ORDER BY k.place) "
    "FROM (SELECT i.indkey, i.indnkeyatts FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid "
    "AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT i.indisexclusion AND NOT EXISTS (SELECT FROM pg_attribute a "
    "WHERE a.attrelid = c.oid AND a.attnum = ANY(i.indkey) AND NOT a.attnotnull) "
    "ORDER BY i.indisprimary DESC, i.indexrelid LIMIT 1) AS i, unnest(i.indkey) WITH ORDINALITY AS k (number, place), "
    "pg_attribute a JOIN pg_type y ON y.oid = a.atttypid "
    "WHERE a.attrelid = c.oid AND a.attnum = k.number AND k.place <= i.indnkeyatts), '[]') AS key "
    "FROM root JOIN pg_class c ON c.oid = root.oid JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY root.place"
)
#: Foreign keys to these tables; ``acts`` where rows change with those that they point to.
_KEYS = sa.text(
    "SELECT CAST(k.conrelid AS bigint) AS child, CAST(k.confrelid AS bigint) AS parent, "
    "CAST(CAST(k.conrelid AS regclass) AS text) AS shown, "
    "k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd') AS acts, "
    "ARRAY(SELECT quote_ident(a.attname) FROM unnest(k.conkey) WITH ORDINALITY AS u (number, place) "
    "JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.place) AS columns, "
    "ARRAY(SELECT quote_ident(a.attname) FROM unnest(k.confkey) WITH ORDINALITY AS u (number, place) "
    "JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number ORDER BY u.place) AS referred "
    "FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0 AND CAST(k.confrelid AS bigint) = ANY(:members) "
    "ORDER BY k.conrelid, k.conname"
)


@dataclass(frozen=True)
class Outside:
    """A foreign key from a table whose rows are not kept: where it is, and what finds a row that would be lost."""

    child: str
    columns: tuple[str, ...]
    referred: tuple[str, ...]
    acts: bool


@dataclass(frozen=True)
class Place:
    """A table, or a tree of partitions, by its number among those that are kept; numbers are children first.

    Names are quoted. ``columns`` are all, ``given`` those that an INSERT may give and ``settable`` those that an
    UPDATE may set. ``key`` holds each column with its type, and ``matched`` what makes a row the same row: the key,
    and the columns that nobody can set afterwards. ``noted`` says that the keys of written rows are noted. ``reach``
    are the numbers of the tables whose rows may change with its own, itself included.
    """

    number: int
    oid: int
    name: str
    target: str
    parted: bool
    members: tuple[int, ...]
    heirs: tuple[int, ...]
    columns: tuple[str, ...]
    given: tuple[str, ...]
    settable: tuple[str, ...]
    key: tuple[tuple[str, str], ...]
    matched: tuple[str, ...]
    noted: bool
    reach: tuple[int, ...] = ()
    outside: tuple[Outside, ...] = ()

    @property
    def copy(self) -> str:
        """The copy of its rows."""
        return f"{SCHEMA}.copy_{self.number}"

    @property
    def only(self) -> str:
        """The table as a statement names it that means its own rows; those of partitions are its own."""
        return self.target if self.parted else f"ONLY {self.target}"

    def removing(self, *, whole: bool, differing: bool = False) -> str:
        """Delete the rows that the copy does not hold, and those that are ``differing`` there, too."""
        if not self.key:
            return f"DELETE FROM {self.only}"
        same = f" AND {self._image('t')} *= {self._image('c')}" if differing else ""
        return (
            f"DELETE FROM {self.only} AS t WHERE {self._touched('t', whole)}"
            f"NOT EXISTS (SELECT FROM {self.copy} AS c WHERE {self._match()}{same})"
        )

    def changing(self, *, whole: bool) -> str | None:
        """Update the rows that differ from their copies; None where an UPDATE can do nothing."""
        if not self.key or not self.settable:
            return None
        sets = ", ".join(f"{column} = c.{column}" for column in self.settable)
        return (
            f"UPDATE {self.only} AS t SET {sets} FROM {self.copy} AS c WHERE {self._touched('t', whole)}"
            f"{self._match()} AND {self._image('t')} *<> {self._image('c')}"
        )

    def adding(self, *, whole: bool) -> str:
        """Insert the rows of the copy that are missing."""
        names = ", ".join(self.given)
        if not names:
            return f"INSERT INTO {self.target} SELECT FROM {self.copy}"
        missing = (
            f" AS c WHERE {self._touched('c', whole)}NOT EXISTS (SELECT FROM {self.only} AS t WHERE {self._match()})"
            if self.key
            else ""
        )
        return f"INSERT INTO {self.target} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} FROM {self.copy}{missing}"

    def lost(self, key: Outside) -> str:
        """Find a row of a table that is not kept which points to none of the copy."""
        filled = " AND ".join(f"o.{column} IS NOT NULL" for column in key.columns)
        pairs = " AND ".join(f"c.{far} = o.{near}" for near, far in zip(key.columns, key.referred, strict=True))
        found = f"NOT EXISTS (SELECT FROM {self.copy} AS c WHERE {pairs})"
        return f"SELECT 1 FROM {key.child} AS o WHERE {filled} AND {found} LIMIT 1"

    def _match(self) -> str:
        return " AND ".join(f"t.{column} = c.{column}" for column in self.matched)

    def _image(self, side: str) -> str:
        """A row to be compared by its bytes, whatever its types think is equal; without the cast, column by column."""
        return f"CAST(ROW({', '.join(f'{side}.{column}' for column in self.given)}) AS record)"

    def _touched(self, side: str, whole: bool) -> str:
        if whole:
            return ""
        ours = ", ".join(f"{side}.{column}" for column, _ in self.key)
        noted = ", ".join(f"CAST(key[{place}] AS {kind})" for place, (_, kind) in enumerate(self.key, 1))
        return f"({ours}) IN (SELECT {noted} FROM {SCHEMA}.journal WHERE place = {self.number}) AND "


@dataclass(frozen=True)
class Places:
    """The tables whose rows are to be kept, and partitions that belong to them but are not among them."""

    all: tuple[Place, ...]
    strange: tuple[tuple[str, str], ...]


def read(connection: Connection, names: Sequence[str]) -> Places:
    """Read tables, named as text that casts to regclass, from the catalogue; children come first."""
    rows = connection.execute(_CATALOGUE, {"names": list(names)}).all()
    numbers = {member: number for number, row in enumerate(rows, 1) for member in row.members}
    keys = connection.execute(_KEYS, {"members": list(numbers)}).all()
    acting: dict[int, set[int]] = {}
    for key in keys:
        if key.acts and key.child in numbers:
            acting.setdefault(numbers[key.parent], set()).add(numbers[key.child])
    places = tuple(
        _place(number, row, _reach(number, acting), [key for key in keys if key.child not in numbers])
        for number, row in enumerate(rows, 1)
    )
    return Places(places, tuple((row.name, part) for row in rows for part in row.strange))


def _place(number: int, row: Any, reach: Collection[int], outside: Sequence[Any]) -> Place:
    key = tuple((column, kind) for column, kind, _ in row.key)
    fixed = [column for column, _, always in row.columns if always]
    given = tuple(column for column, computed, _ in row.columns if not computed)
    names = [column for column, _ in key]
    return Place(
        number,
        row.oid,
        row.name,
        row.target,
        row.parted,
        tuple(row.members),
        tuple(row.heirs),
        tuple(column for column, _, _ in row.columns),
        given,
        tuple(column for column in given if column not in fixed),
        key,
        (*names, *(column for column in fixed if column not in names)),
        bool(key) and all(plain for _, _, plain in row.key) and not row.heirs,
        tuple(sorted(reach)),
        tuple(
            Outside(each.shown, tuple(each.columns), tuple(each.referred), each.acts)
            for each in outside
            if each.parent in row.members
        ),
    )


def _reach(start: int, acting: Mapping[int, Collection[int]]) -> set[int]:
    found, left = {start}, [start]
    while left:
        more = set(acting.get(left.pop(), ())) - found
        found |= more
        left += more
    return found


def plain(place: Place) -> dict[str, Any]:
    """Write a place as JSON can hold it."""
    return {**vars(place), "outside": [vars(key) for key in place.outside]}


def understood(written: Mapping[str, Any]) -> Place:
    """Read what ``plain`` wrote."""
    outside = [
        Outside(**{**key, "columns": tuple(key["columns"]), "referred": tuple(key["referred"])})
        for key in written["outside"]
    ]
    lists = {name: tuple(value) for name, value in written.items() if isinstance(value, list)}
    return Place(
        **{
            **written,
            **lists,
            "key": tuple((column, kind) for column, kind in written["key"]),
            "outside": tuple(outside),
        }
    )
