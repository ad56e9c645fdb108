"""Putting back what was written, set by set, in one transaction that leaves everybody's connections alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.postgresql import constraints, marks, places
from tdm_seed.dialects.postgresql.marks import NOT_OURS, Moved, Written
from tdm_seed.dialects.postgresql.places import SCHEMA, Place
from tdm_seed.dialects.postgresql.sending import driver_of
from tdm_seed.dialects.rewinding import PutBack, Rewound
from tdm_seed.errors import DatabaseError, Protected

_ENABLED = {"O": "ENABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
_PLACES = sa.text(
    f"SELECT shape FROM {SCHEMA}.place WHERE number IN "
    f"(SELECT unnest(reach) FROM {SCHEMA}.place WHERE number = ANY(:numbers)) ORDER BY number"
)
#: The application's triggers on these tables.
_TRIGGERS = sa.text(
    "SELECT CAST(CAST(tgrelid AS regclass) AS text) AS name, quote_ident(tgname) AS trigger, "
    "CAST(tgenabled AS text) AS enabled FROM pg_trigger WHERE CAST(tgrelid AS bigint) = ANY(:members) "
    f"AND NOT tgisinternal AND tgenabled <> 'D' AND {NOT_OURS} ORDER BY 1, 2"
)
_VIEWS = sa.text(
    f"SELECT v.name FROM {SCHEMA}.view v JOIN pg_class c ON c.oid = to_regclass(v.name) "
    "WHERE c.relispopulated AND v.places && CAST(:numbers AS integer[]) ORDER BY v.number"
)
_SEQUENCES = sa.text(f"SELECT number, name FROM {SCHEMA}.sequence WHERE number = ANY(:numbers) ORDER BY number")
#: Foreign keys to these tables that cannot be deferred, since they act or refuse at once.
_AT_ONCE = sa.text(
    "SELECT k.conname AS name, t.relname AS holder, pg_has_role(t.relowner, 'USAGE') AS ours, "
    "format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, t.relname, k.conname) AS down, "
    "array_remove(ARRAY["
    "format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', n.nspname, t.relname, k.conname, pg_get_constraintdef(k.oid)), "
    "format('COMMENT ON CONSTRAINT %I ON %I.%I IS ', k.conname, n.nspname, t.relname) "
    "|| quote_literal(obj_description(k.oid, 'pg_constraint'))], NULL) AS up "
    "FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace "
    "WHERE k.contype = 'f' AND k.conparentid = 0 AND (k.confdeltype <> 'a' OR k.confupdtype <> 'a') "
    "AND CAST(k.confrelid AS bigint) = ANY(:members) ORDER BY 2, 1"
)
_STALE = "Rows must be kept anew: empty the database, or make it anew, and seed it."


@dataclass(frozen=True)
class _Task:
    """What is to be put back: the tables that may change, by number, and how those that were written were."""

    places: dict[int, Place]
    written: dict[int, bool]
    again: tuple[str, ...]

    def members(self) -> list[int]:
        return [member for place in self.places.values() for member in place.members]


def run(connection: Connection, reached: Callable[[str], None]) -> Rewound:
    """Put back what was written; one question where nothing was.

    Raises:
        DatabaseError: what is kept does not fit the tables any more, or the server refuses.
        Protected: rows that stay point to some that would go.
    """
    found = marks.written(connection)
    if not found:
        return Rewound()
    if found.lost:
        raise DatabaseError("a crash of the server has emptied what was kept to go back to", hint=_STALE)
    again = _suspected(connection, found)
    if not found.tables:
        return Rewound(sequences=_move_back(connection, found.moved))
    task, moved = _locked(connection, found, again)
    _refuse(connection, task)
    reached("before putting back")
    views = list(connection.scalars(_VIEWS, {"numbers": list(task.places)}))
    savepoint = connection.begin_nested()
    try:
        counts = _by_order(connection, task)
        savepoint.commit()
    except psycopg.IntegrityError:
        savepoint.rollback()
        counts = _by_deferring(connection, task)
    _send(connection, [
        f"DELETE FROM {SCHEMA}.journal WHERE place IN ({', '.join(map(str, task.places))})",
        *task.again,
        *(f"REFRESH MATERIALIZED VIEW {name}" for name in views),
    ])  # fmt: skip
    sequences = _move_back(connection, moved)
    reached("after putting back")
    changed = [each for each in counts if each.deleted or each.updated or each.inserted]
    return Rewound(tuple(sorted(changed, key=lambda each: each.table)), sequences, tuple(views))


def _suspected(connection: Connection, found: Written) -> tuple[str, ...]:
    """Take tables for written as a whole whose triggers were off, and give what makes the triggers as they were."""
    if found.intact:
        return ()
    suspects = marks.suspects(connection)
    for each in suspects:
        if each.gone:
            raise DatabaseError(
                "the table is another one than it was when rows were kept, or has lost our triggers",
                table=each.name,
                hint=_STALE,
            )
        found.tables[each.number] = True
    return tuple(statement for each in suspects for statement in each.again)


def _locked(connection: Connection, found: Written, again: tuple[str, ...]) -> tuple[_Task, tuple[Moved, ...]]:
    """Wait for whoever writes to these tables, or to those that change with them, until nobody can any more.

    What they have committed meanwhile counts as written, in other tables, too. Readers are not kept waiting.
    """
    while True:
        shapes = connection.scalars(_PLACES, {"numbers": list(found.tables)})
        chosen = {place.number: place for place in map(places.understood, shapes)}
        names = ", ".join(place.target for place in chosen.values())
        _send(connection, [f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"])
        now = marks.written(connection)
        for number, whole in found.tables.items():
            now.tables[number] = now.tables.get(number, False) or whole
        if chosen.keys() >= now.tables.keys():
            written = {n: whole or not chosen[n].noted for n, whole in now.tables.items()}
            return _Task(chosen, written, again), now.moved
        found = replace(found, tables=now.tables)


def _refuse(connection: Connection, task: _Task) -> None:
    """Refuse where rows of tables that stay point to some that would go."""
    for number in task.written:
        place = task.places[number]
        for key in place.outside:
            if _first(connection, place.lost(key)):
                raise Protected(
                    f"rows of {key.child}, which stay, point to rows of {place.name} that would go",
                    table=key.child,
                    hint=f"Nothing was changed. Keep {place.name}, too: `keep` in the environment's manifest; or "
                    f"delete those rows of {key.child}.",
                )


def _by_order(connection: Connection, task: _Task) -> list[PutBack]:
    """Delete children first, then update and insert parents first, with all constraints as they are.

    Deleting may change rows of other tables, by ``ON DELETE`` of a foreign key; our own triggers tell of which.
    """
    off, on = _triggers(connection, task)
    _send(connection, ["SET CONSTRAINTS ALL DEFERRED", *off])
    written, counts = _removed(connection, task)
    statements: list[tuple[int, str]] = []
    for number in sorted(written, reverse=True):
        place, whole = task.places[number], written[number]
        if changing := place.changing(whole=whole):
            statements.append((number, changing))
        statements.append((number, place.adding(whole=whole)))
    done = _send(connection, [*(sql for _, sql in statements), "SET CONSTRAINTS ALL IMMEDIATE", *on])
    for (number, sql), rows in zip(statements, done, strict=False):
        if sql.startswith("UPDATE"):
            counts[number] = replace(counts[number], updated=rows)
        else:
            counts[number] = replace(counts[number], inserted=rows)
    return list(counts.values())


def _removed(connection: Connection, task: _Task) -> tuple[dict[int, bool], dict[int, PutBack]]:
    """Delete what the copies do not hold, also in tables that this changes in turn; give all that is written now."""
    written, counts = dict(task.written), {number: PutBack(task.places[number].name) for number in task.written}
    chosen = sorted(written)
    while chosen:
        done = _send(connection, [task.places[number].removing(whole=written[number]) for number in chosen])
        struck: set[int] = set()
        for number, rows in zip(chosen, done, strict=True):
            counts[number] = replace(counts[number], deleted=counts[number].deleted + rows)
            struck |= {*task.places[number].reach} - {number} if rows else set()
        now = marks.written(connection).tables if struck else {}
        chosen = sorted(struck & now.keys())
        for number in chosen:
            place = task.places[number]
            written[number] = written.get(number, False) or now[number] or not place.noted
            counts.setdefault(number, PutBack(place.name))
    return written, counts


def _by_deferring(connection: Connection, task: _Task) -> list[PutBack]:
    """Delete whatever differs, then insert what is missing, with no constraint in the way.

    For what no order serves: circles, a row that is led to another parent and that parent gone, two unique values
    exchanged. Foreign keys that can be deferred are, as the owner; those that act at once are dropped, and added again
    at the end, which proves every row.
    """
    chosen = sorted(task.written)
    keys = connection.execute(_AT_ONCE, {"members": [m for n in chosen for m in task.places[n].members]}).all()
    for key in keys:
        if not key.ours:
            raise DatabaseError(
                f"the foreign key {key.name} stands in the way, and only the table's owner may change that",
                table=key.holder,
                hint="Nothing was changed.",
            )
    _send(connection, [key.down for key in keys])
    tables = [_clause(task.places[number]) for number in chosen]
    undo = constraints.defer(connection, tables, nested=False)
    off, on = _triggers(connection, task)
    removing = [task.places[n].removing(whole=task.written[n], differing=True) for n in chosen]
    adding = [task.places[n].adding(whole=task.written[n]) for n in reversed(chosen)]
    done = _send(connection, [*off, *removing, *adding, "SET CONSTRAINTS ALL IMMEDIATE", *on])
    _send(connection, [*undo, *(statement for key in keys for statement in key.up)])
    deleted, inserted = done[len(off) :][: len(chosen)], done[len(off) + len(chosen) :][: len(chosen)]
    return [
        PutBack(task.places[number].name, gone, inserted=come)
        for number, gone, come in zip(chosen, deleted, reversed(inserted), strict=True)
    ]


def _triggers(connection: Connection, task: _Task) -> tuple[list[str], list[str]]:
    """Give what switches the application's triggers off, and on again as they were."""
    found = connection.execute(_TRIGGERS, {"members": task.members()}).all()
    off = [f"ALTER TABLE ONLY {row.name} DISABLE TRIGGER {row.trigger}" for row in found]
    on = [f"ALTER TABLE ONLY {row.name} {_ENABLED[row.enabled]} TRIGGER {row.trigger}" for row in found]
    return off, on


def _move_back(connection: Connection, moved: Collection[Moved]) -> tuple[str, ...]:
    """Set sequences to where they were.

    ``setval`` alone is not undone by a rollback; after RESTART it goes to a storage that is.
    """
    if not moved:
        return ()
    names = {row.number: row.name for row in connection.execute(_SEQUENCES, {"numbers": [m.number for m in moved]})}
    statements: list[str] = []
    for each in moved:
        name = names[each.number]
        quoted = name.replace("'", "''")
        statements += [
            f"ALTER SEQUENCE {name} RESTART",
            f"SELECT setval(CAST('{quoted}' AS regclass), {each.value}, {str(each.called).lower()})",
        ]
    _send(connection, statements)
    return tuple(names[each.number] for each in sorted(moved, key=lambda each: each.number))


def _clause(place: Place) -> sa.TableClause:
    """Give a table that compiles to its quoted name."""
    return sa.table(sa.quoted_name(place.target, quote=False))


def _first(connection: Connection, query: str) -> bool:
    with driver_of(connection).cursor() as cursor:
        return cursor.execute(query.encode()).fetchone() is not None


def _send(connection: Connection, statements: Sequence[str]) -> list[int]:
    """Send statements in one round trip, and give the row count of each."""
    if not statements:
        return []
    counts = []
    with driver_of(connection).cursor() as cursor:
        cursor.execute("; ".join(statements).encode())
        while True:
            counts.append(cursor.rowcount)
            if not cursor.nextset():
                return counts
