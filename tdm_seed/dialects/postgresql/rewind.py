"""Putting back what was written, set by set, in one transaction that leaves everybody's connections alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    f"(SELECT unnest(reach) FROM {SCHEMA}.place WHERE number = ANY(CAST(:numbers AS integer[])) "
    f"UNION SELECT place FROM {SCHEMA}.sequence WHERE number = ANY(CAST(:moved AS integer[]))) ORDER BY number"
)
#: The application's triggers on these tables, the views over them that hold rows, and sequences by their numbers.
_AROUND = sa.text(
    "SELECT 'trigger' AS kind, 0 AS number, CAST(CAST(tgrelid AS regclass) AS text) AS name, "
    "quote_ident(tgname) AS part, CAST(tgenabled AS text) AS enabled FROM pg_trigger "
    "WHERE CAST(tgrelid AS bigint) = ANY(CAST(:members AS bigint[])) "
    f"AND NOT tgisinternal AND tgenabled <> 'D' AND {NOT_OURS} "
    f"UNION ALL SELECT 'view', v.number, v.name, '', '' FROM {SCHEMA}.view v "
    "JOIN pg_class c ON c.oid = CAST(to_regclass(v.name) AS oid) "
    "WHERE c.relispopulated AND v.places && CAST(:numbers AS integer[]) "
    f"UNION ALL SELECT 'sequence', number, name, '', '' FROM {SCHEMA}.sequence "
    "WHERE number = ANY(CAST(:moved AS integer[])) ORDER BY 1, 2, 3, 4"
)
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
#: What the first attempt goes back to.
_SAVEPOINT = "tdm_seed_order"
#: Where a connection notes what was found written before the lock of the run was taken.
FOUND = "tdm_seed_written"
#: Where a connection notes what moves the sequences at the end.
MOVES = "tdm_seed_moves"
_STALE = "Rows must be kept anew: empty the database, or make it anew, and seed it."


@dataclass(frozen=True)
class _Task:
    """What is to be put back: the tables that are locked, by number, and how those that were written were.

    ``off`` and ``on`` switch the application's triggers off, and on again as they were; ``again`` does it with ours,
    and ``moves`` sets ``sequences`` to where they were.
    """

    places: dict[int, Place]
    written: dict[int, bool]
    off: list[str]
    on: list[str]
    again: tuple[str, ...]
    views: tuple[str, ...]
    sequences: tuple[str, ...]
    moves: list[str]


def run(connection: Connection, reached: Callable[[str], None]) -> Rewound:
    """Put back what was written.

    Raises:
        DatabaseError: what is kept does not fit the tables any more, or the server refuses.
        Protected: rows that stay point to some that would go.
    """
    found: Written = connection.info.pop(FOUND)
    if found.lost:
        raise DatabaseError("a crash of the server has emptied what was kept to go back to", hint=_STALE)
    task = _task(connection, found)
    _refuse(connection, task)
    reached("before putting back")
    counts: list[PutBack] = []
    if task.written:
        try:
            counts = _by_order(connection, task)
        except psycopg.IntegrityError:
            _send(connection, [f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}"])
            counts = _by_deferring(connection, task)
    marked = ", ".join(map(str, task.places))
    _send(connection, [
        *([f"DELETE FROM {SCHEMA}.journal WHERE place IN ({marked})"] if marked else []),
        *task.again,
        *([marks.SETTLED] if any(task.written.values()) else []),
        *(f"REFRESH MATERIALIZED VIEW {name}" for name in task.views),
    ])  # fmt: skip
    connection.info[MOVES] = task.moves
    reached("after putting back")
    changed = [each for each in counts if each.deleted or each.updated or each.inserted]
    return Rewound(tuple(sorted(changed, key=lambda each: each.table)), task.sequences, task.views)


def commit(connection: Connection) -> None:
    """Set the sequences to where they were, and commit, in one message to the server.

    No rollback takes ``setval`` back. So nothing may come between it and a commit that has nothing left to refuse, not
    even our death. ``ALTER SEQUENCE … RESTART`` is taken back, but makes a new file, which takes 1 ms.
    """
    if moves := connection.info.pop(MOVES, None):
        _send(connection, [*moves, "COMMIT"])


def _task(connection: Connection, found: Written) -> _Task:
    """Look what there is to do, and keep others from writing there."""
    again = _suspected(connection, found)
    chosen, found = _locked(connection, found)
    members = [member for place in chosen.values() for member in place.members]
    given = {"members": members, "numbers": list(chosen), "moved": [each.number for each in found.moved]}
    rows = connection.execute(_AROUND, given).all()
    triggers = [row for row in rows if row.kind == "trigger"]
    names = {row.number: row.name for row in rows if row.kind == "sequence"}
    return _Task(
        chosen,
        {number: whole or not chosen[number].noted for number, whole in found.tables.items()},
        [f"ALTER TABLE ONLY {row.name} DISABLE TRIGGER {row.part}" for row in triggers],
        [f"ALTER TABLE ONLY {row.name} {_ENABLED[row.enabled]} TRIGGER {row.part}" for row in triggers],
        again,
        tuple(row.name for row in rows if row.kind == "view"),
        tuple(names.values()),
        [_moving(names[each.number], each) for each in found.moved],
    )


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


def _locked(connection: Connection, found: Written) -> tuple[dict[int, Place], Written]:
    """Wait for whoever writes to these tables, or to those that change with them, until nobody can any more.

    Also for whoever has drawn a number from a sequence that is to go back. What they have committed meanwhile counts as
    written, in other tables, too. Readers are not kept waiting.
    """
    while True:
        moved = {each.number for each in found.moved}
        shapes = connection.scalars(_PLACES, {"numbers": list(found.tables), "moved": list(moved)})
        chosen = {place.number: place for place in map(places.understood, shapes)}
        names = ", ".join(place.target for place in chosen.values())
        _send(connection, [f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"] if names else [])
        now = marks.written(connection)
        for number, whole in found.tables.items():
            now.tables[number] = now.tables.get(number, False) or whole
        if chosen.keys() >= now.tables.keys() and moved >= {each.number for each in now.moved}:
            return chosen, now
        found = now


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
    written, counts = _removed(connection, task)
    statements: list[tuple[int, str]] = []
    for number in sorted(written, reverse=True):
        place, whole = task.places[number], written[number]
        if changing := place.changing(whole=whole):
            statements.append((number, changing))
        statements.append((number, place.adding(whole=whole)))
    done = _send(connection, [*(sql for _, sql in statements), "SET CONSTRAINTS ALL IMMEDIATE", *task.on])
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
    first = [f"SAVEPOINT {_SAVEPOINT}", "SET CONSTRAINTS ALL DEFERRED", *task.off]
    while chosen:
        removing = [task.places[number].removing(whole=written[number]) for number in chosen]
        done = _send(connection, [*first, *removing])[len(first) :]
        first = []
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
    removing = [task.places[n].removing(whole=task.written[n], differing=True) for n in chosen]
    adding = [task.places[n].adding(whole=task.written[n]) for n in reversed(chosen)]
    done = _send(connection, [*task.off, *removing, *adding, "SET CONSTRAINTS ALL IMMEDIATE", *task.on])
    _send(connection, [*undo, *(statement for key in keys for statement in key.up)])
    done = done[len(task.off) :]
    deleted, inserted = done[: len(chosen)], done[len(chosen) : 2 * len(chosen)]
    return [
        PutBack(task.places[number].name, gone, inserted=come)
        for number, gone, come in zip(chosen, deleted, reversed(inserted), strict=True)
    ]


def _moving(name: str, moved: Moved) -> str:
    quoted = name.replace("'", "''")
    return f"SELECT setval(CAST('{quoted}' AS regclass), {moved.value}, {str(moved.called).lower()})"


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
