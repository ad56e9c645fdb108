"""Triggers that note which rows are written, and the question whether any were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.postgresql.places import SCHEMA, Place
from tdm_seed.errors import DatabaseError

#: More keys than this in one statement, and those of the whole table count as written.
MOST_KEYS: Final = 1_000
#: Where a connection notes a digest of the snapshot in which ``written`` found what it did: which transactions it sees,
#: of all databases of the server.
MOMENT: Final = "tdm_seed_moment"
#: What the names of our triggers begin with.
_PREFIX: Final = "tdm_seed_rows_"
#: True of a trigger in pg_trigger that is the application's.
NOT_OURS: Final = f"NOT starts_with(tgname, '{_PREFIX}')"

#: The journal holds a row for each key that was written, or NULL for a whole table. It is not logged, so that noting
#: costs 7 µs a statement; a crash of the server empties it, and the row of place 0 tells that it was not.
JOURNAL: Final = f"CREATE UNLOGGED TABLE {SCHEMA}.journal (place integer NOT NULL, key text[])"
FIRST_MARK: Final = f"INSERT INTO {SCHEMA}.journal VALUES (0, NULL)"

#: Notes which file each table is in: ALTER TABLE that writes a table anew fires no trigger, and makes another file.
SETTLED: Final = (
    f"UPDATE {SCHEMA}.place SET nodes = found.nodes FROM (SELECT number, "
    "array_agg(pg_relation_filenode(CAST(m.oid AS oid)) ORDER BY m.at) AS nodes "
    f"FROM {SCHEMA}.place CROSS JOIN unnest(members) WITH ORDINALITY AS m (oid, at) GROUP BY number) found "
    "WHERE place.number = found.number AND place.nodes IS DISTINCT FROM found.nodes"
)

#: Asks what was written since rows were kept; ``found`` reads the answer.
QUESTION: Final = f"SELECT kind, number, value, flag FROM {SCHEMA}.written()"

_EVENTS: Final = {
    "insert": "REFERENCING NEW TABLE AS added ",
    "update": "REFERENCING OLD TABLE AS removed NEW TABLE AS added ",
    "delete": "REFERENCING OLD TABLE AS removed ",
    "truncate": "",
}
#: Triggers for one table and each partition of it.
TRIGGERS: Final = len(_EVENTS)

#: Tables whose triggers were switched off at some time, as loaders of fixtures do: ENABLE TRIGGER does not make them
#: what they were, which is ALWAYS. ``gone`` where the table itself is another one now, or has lost a trigger.
_SUSPECT = sa.text(
    f"SELECT p.number, count(t.oid) < {TRIGGERS} AS gone, CAST(CAST(m.oid AS regclass) AS text) AS name, "
    "array_agg(CAST(t.tgname AS text) ORDER BY t.tgname) FILTER (WHERE t.tgenabled <> 'A') AS off "
    f"FROM {SCHEMA}.place p CROSS JOIN unnest(p.members) AS m (oid) "
    f"LEFT JOIN pg_trigger t ON CAST(t.tgrelid AS bigint) = m.oid AND starts_with(t.tgname, '{_PREFIX}') "
    "GROUP BY p.number, m.oid "
    f"HAVING count(t.oid) FILTER (WHERE t.tgenabled = 'A') < {TRIGGERS} ORDER BY p.number, m.oid"
)


@dataclass(frozen=True)
class Moved:
    """A sequence that is not where it was, by its number, and where that was."""

    number: int
    value: int
    called: bool


@dataclass(frozen=True)
class Written:
    """What was written: numbers of tables, True for those in which any row may be another; and moved sequences.

    ``intact`` says that our triggers are as they were made; ``lost`` that the journal was emptied by a crash.
    ``journal`` is its number, which is another one once rows were kept anew.
    """

    tables: dict[int, bool]
    moved: tuple[Moved, ...]
    intact: bool
    lost: bool
    journal: int

    def __bool__(self) -> bool:
        return bool(self.tables or self.moved or self.lost or not self.intact)


def statements(place: Place, names: Sequence[str], heirs: Sequence[int]) -> Iterator[str]:
    """Give what makes the triggers of a table; ``names`` are its own name and those of its partitions.

    A statement that writes to a table through its parent fires the parent's triggers only: hence ``heirs``. ALWAYS
    lets them fire for what a replica role writes, too. A cascade is a statement of its own to them.
    """
    function = f"{SCHEMA}.note_{place.number}"
    yield (
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog "
        f"AS $note$ {_body(place, heirs)} $note$"
    )
    for name in names:
        for event, tables in _EVENTS.items():
            given = tables if place.noted else ""
            trigger = f"{_PREFIX}{event}"
            yield (
                f"CREATE TRIGGER {trigger} AFTER {event.upper()} ON {name} {given}FOR EACH STATEMENT "
                f"EXECUTE FUNCTION {function}()"
            )
            yield f"ALTER TABLE ONLY {name} ENABLE ALWAYS TRIGGER {trigger}"


def _body(place: Place, heirs: Sequence[int]) -> str:
    journal = f"INSERT INTO {SCHEMA}.journal"
    whole = f"{journal} VALUES {', '.join(f'({number}, NULL)' for number in (place.number, *heirs))};"
    if not place.noted:
        return f"BEGIN {whole} RETURN NULL; END"
    key = ", ".join(f"CAST({column} AS text)" for column, _ in place.key)
    one = f"SELECT {place.number}, ARRAY[{key}] FROM"
    most = f"LIMIT {MOST_KEYS + 1}; GET DIAGNOSTICS n = ROW_COUNT"
    return (
        "DECLARE n bigint := 0; BEGIN "
        f"IF TG_OP = 'INSERT' THEN {journal} {one} added {most}; "
        f"ELSIF TG_OP = 'UPDATE' THEN {journal} {one} removed UNION {one} added {most}; "
        f"ELSIF TG_OP = 'DELETE' THEN {journal} {one} removed {most}; ELSE {whole} END IF; "
        f"IF n > {MOST_KEYS} THEN {whole} END IF; RETURN NULL; END"
    )


def question(sequences: Sequence[tuple[str, int, bool]], triggers: int) -> str:
    """Give what makes the function that tells what was written since these sequences were where they are.

    So many ``triggers`` there are to be.

    ``pg_sequence_last_value`` tells of 300 in 0.8 ms, but nothing of those that no number was drawn from: they are read
    themselves, in six times as long. One function, so that the plan is kept by the session.
    """
    moved = "".join(
        f" UNION ALL SELECT 'sequence', {number}, {value}::bigint, false FROM {name} "
        f"WHERE last_value <> {value} OR is_called"
        for number, (name, value, called) in enumerate(sequences, 1)
        if not called
    )
    return (
        f"CREATE FUNCTION {SCHEMA}.written() RETURNS TABLE (kind text, number integer, value bigint, flag boolean) "
        "LANGUAGE plpgsql AS $written$ BEGIN RETURN QUERY SELECT 'table', j.place, count(*), bool_or(j.key IS NULL) "
        f"FROM {SCHEMA}.journal j GROUP BY j.place "
        f"UNION ALL SELECT 'table', p.number, 1::bigint, true FROM {SCHEMA}.place p "
        "CROSS JOIN unnest(p.members, p.nodes) AS m (oid, node) "
        "WHERE pg_relation_filenode(CAST(m.oid AS oid)) IS DISTINCT FROM m.node GROUP BY p.number "
        "UNION ALL SELECT 'moment', 0, hashtextextended(CAST(pg_current_snapshot() AS text), 0), true "
        f"UNION ALL SELECT 'journal', 0, CAST(CAST('{SCHEMA}.journal' AS regclass) AS bigint), true "
        f"UNION ALL SELECT 'triggers', 0, count(*), count(*) = {triggers} FROM pg_trigger WHERE tgenabled = 'A' "
        f"AND starts_with(tgname, '{_PREFIX}') "
        f"UNION ALL SELECT 'sequence', s.number, s.value, true FROM {SCHEMA}.sequence s "
        f"WHERE s.called AND pg_sequence_last_value(s.oid) IS DISTINCT FROM s.value{moved}; END $written$"
    )


def written(connection: Connection) -> Written:
    """Ask what was written since rows were kept.

    Raises:
        DatabaseError: none are any more.
    """
    with still_kept():
        rows = connection.exec_driver_sql(QUESTION).all()
    return found(connection, rows)


@contextmanager
def still_kept() -> Iterator[None]:
    """Say what it means that the schema is gone.

    Raises:
        DatabaseError: no rows are kept any more.
    """
    try:
        yield
    except (psycopg.errors.InvalidSchemaName, sa.exc.ProgrammingError) as error:
        if isinstance(getattr(error, "orig", error), psycopg.errors.InvalidSchemaName):
            raise DatabaseError("no rows are kept any more", hint="Run the command again.") from error
        raise


def found(connection: Connection, rows: Iterable[Sequence[Any]]) -> Written:
    """Understand the answer, and note in which snapshot it was given."""
    of: dict[str, list[tuple[int, int, bool]]] = {}
    for kind, number, value, flag in rows:
        of.setdefault(kind, []).append((number, value, flag))
    tables: dict[int, bool] = {}
    for number, _, whole in of.get("table", ()):
        tables[number] = tables.get(number, False) or whole
    ((_, connection.info[MOMENT], _),) = of["moment"]
    ((_, journal, _),) = of["journal"]
    ((_, _, intact),) = of["triggers"]
    lost = tables.pop(0, None) is None
    return Written(tables, tuple(Moved(*each) for each in of.get("sequence", ())), intact, lost, journal)


@dataclass(frozen=True)
class Suspect:
    """A table whose triggers are not as they were made, with what makes them so."""

    number: int
    name: str
    gone: bool
    again: tuple[str, ...]


def suspects(connection: Connection) -> list[Suspect]:
    """Find the tables that may have been written without a mark."""
    return [
        Suspect(
            row.number,
            row.name,
            row.gone,
            tuple(f"ALTER TABLE ONLY {row.name} ENABLE ALWAYS TRIGGER {trigger}" for trigger in row.off or ()),
        )
        for row in connection.execute(_SUSPECT)
    ]
