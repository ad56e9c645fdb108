"""The tables that are to be put back, read once by each connection, and what stands around them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.postgresql import places
from tdm_seed.dialects.postgresql.marks import NOT_OURS, Written
from tdm_seed.dialects.postgresql.places import SCHEMA, Place

#: Where a connection notes what it has read.
_READ: Final = "tdm_seed_places"
#: Tables that change with these or draw from these sequences, and the sequences themselves.
_KEPT: Final = sa.text(
    f"SELECT 'place' AS kind, number, '' AS name, 0 AS place, shape FROM {SCHEMA}.place WHERE number IN "
    f"(SELECT unnest(reach) FROM {SCHEMA}.place WHERE number = ANY(CAST(:tables AS integer[])) "
    f"OR number IN (SELECT place FROM {SCHEMA}.sequence WHERE number = ANY(CAST(:sequences AS integer[])))) "
    f"UNION ALL SELECT 'sequence', number, name, place, NULL FROM {SCHEMA}.sequence "
    "WHERE number = ANY(CAST(:sequences AS integer[])) ORDER BY 1, 2"
)

#: Tells of the application's triggers on tables, and of the views over them that hold rows, by their depth. A function,
#: so that the session keeps the plan.
FUNCTION: Final = (
    f"CREATE FUNCTION {SCHEMA}.around(members bigint[], numbers integer[]) "
    "RETURNS TABLE (kind text, number integer, name text, part text, enabled text) "
    "LANGUAGE plpgsql AS $around$ BEGIN RETURN QUERY "
    "SELECT 'trigger', 0, tgrelid::regclass::text, quote_ident(tgname), tgenabled::text FROM pg_trigger "
    f"WHERE tgrelid = ANY(members::oid[]) AND NOT tgisinternal AND tgenabled <> 'D' AND {NOT_OURS} "
    f"UNION ALL SELECT 'view', v.number, v.name, '', '' FROM {SCHEMA}.view v "
    "JOIN pg_class c ON c.oid = to_regclass(v.name)::oid WHERE c.relispopulated AND v.places && numbers "
    "ORDER BY 1, 2, 3, 4; END $around$"
)
_ENABLED: Final = {"O": "ENABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}


@dataclass(frozen=True)
class Around:
    """What switches the application's triggers off, and on again as they were; and the views to be computed anew."""

    off: tuple[str, ...]
    on: tuple[str, ...]
    views: tuple[str, ...]


def question(chosen: Collection[Place]) -> str:
    """Ask what stands around these tables; ``understood`` reads the answer."""
    members = ", ".join(str(member) for place in chosen for member in place.members)
    numbers = ", ".join(str(place.number) for place in chosen)
    given = f"CAST(ARRAY[{members}] AS bigint[]), CAST(ARRAY[{numbers}] AS integer[])"
    return f"SELECT kind, name, part, enabled FROM {SCHEMA}.around({given})"


def understood(rows: Iterable[Sequence[Any]]) -> Around:
    """Read what ``question`` was answered."""
    of: dict[str, list[tuple[Any, ...]]] = {"trigger": [], "view": []}
    for kind, *rest in rows:
        of[kind].append(tuple(rest))
    return Around(
        tuple(f"ALTER TABLE ONLY {name} DISABLE TRIGGER {part}" for name, part, _ in of["trigger"]),
        tuple(f"ALTER TABLE ONLY {name} {_ENABLED[how]} TRIGGER {part}" for name, part, how in of["trigger"]),
        tuple(name for name, _, _ in of["view"]),
    )


@dataclass
class _Read:
    """What was read since rows were kept in this ``journal``; of ``asked`` tables also those that change with them."""

    journal: int
    asked: set[int] = field(default_factory=set)
    places: dict[int, Place] = field(default_factory=dict)
    sequences: dict[int, tuple[str, int | None]] = field(default_factory=dict)


def chosen(connection: Connection, found: Written) -> dict[int, Place]:
    """Give the tables that were written, those that change with them, and those that draw from moved sequences."""
    read = _read(connection, found)
    drawing = (read.sequences[moved.number][1] for moved in found.moved)
    written = {*found.tables, *(number for number in drawing if number is not None)}
    return {number: read.places[number] for number in sorted({r for w in written for r in read.places[w].reach})}


def names(connection: Connection, found: Written) -> dict[int, str]:
    """Give the names of the sequences that have moved, by their numbers."""
    read = _read(connection, found)
    return {moved.number: read.sequences[moved.number][0] for moved in found.moved}


def _read(connection: Connection, found: Written) -> _Read:
    read: _Read | None = connection.info.get(_READ)
    if read is None or read.journal != found.journal:
        read = connection.info[_READ] = _Read(found.journal)
    tables = found.tables.keys() - read.asked
    sequences = {moved.number for moved in found.moved} - read.sequences.keys()
    if tables or sequences:
        for row in connection.execute(_KEPT, {"tables": sorted(tables), "sequences": sorted(sequences)}):
            if row.kind == "place":
                read.places[row.number] = places.understood(row.shape)
            else:
                read.sequences[row.number] = row.name, row.place
        read.asked |= tables
    return read
