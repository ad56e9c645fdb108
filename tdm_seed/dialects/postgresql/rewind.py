"""Putting back what was written, set by set, in one transaction that leaves everybody's connections alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.postgresql import around, constraints, identity, marks
from tdm_seed.dialects.postgresql.around import Around
from tdm_seed.dialects.postgresql.marks import Moved, Written
from tdm_seed.dialects.postgresql.places import SCHEMA, Place
from tdm_seed.dialects.postgresql.sending import driver_of
from tdm_seed.dialects.rewinding import PutBack, Rewound
from tdm_seed.errors import DatabaseError, Protected

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
#: Where a connection notes what was found written, until the transaction of ``rewinding`` ends. While it is there, so
#: are our functions.
FOUND = "tdm_seed_written"
#: Where a connection notes what moves the sequences at the end.
MOVES = "tdm_seed_moves"
_STALE = "Rows must be kept anew: empty the database, or make it anew, and seed it."


@dataclass(frozen=True)
class _Task:
    """What is to be put back: the tables that are locked, by number, and how those that were written were.

    ``again`` makes our triggers as they were, and ``moves`` sets ``sequences`` to where they were.
    """

    places: dict[int, Place]
    written: dict[int, bool]
    around: Around
    again: tuple[str, ...]
    sequences: tuple[str, ...]
    moves: list[str]


def begin(connection: Connection, statements: Sequence[str]) -> None:
    """Send these, and ask what was written, in one message to the server.

    Raises:
        DatabaseError: no rows are kept any more.
    """
    with marks.still_kept():
        *_, rows = _answers(connection, [*statements, marks.QUESTION])
    connection.info[FOUND] = marks.found(connection, rows)


def run(connection: Connection, reached: Callable[[str], None]) -> Rewound:
    """Put back what was written.

    Raises:
        DatabaseError: what is kept does not fit the tables any more, or the server refuses.
        Protected: rows that stay point to some that would go.
    """
    found: Written = connection.info[FOUND]
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
        *(f"REFRESH MATERIALIZED VIEW {name}" for name in task.around.views),
        *held(task.sequences),
    ])  # fmt: skip
    connection.info[MOVES] = task.moves
    reached("after putting back")
    changed = [each for each in counts if each.deleted or each.updated or each.inserted]
    return Rewound(tuple(sorted(changed, key=lambda each: each.table)), task.sequences, task.around.views)


def held(sequences: Sequence[str]) -> list[str]:
    """Give what keeps sequences from being altered until the transaction ends, so that ``commit`` waits for nobody."""
    return [f"SELECT pg_sequence_last_value({identity.quoted(name)})" for name in sequences]


def commit(connection: Connection) -> None:
    """Set the sequences to where they were, and commit, in one message to the server.

    No rollback takes ``setval`` back. So nothing may come between it and a commit that has nothing left to refuse, not
    even our death. ``ALTER SEQUENCE … RESTART`` is taken back, but makes a new file, which takes 1 ms.
    """
    if moves := connection.info.pop(MOVES, None):
        _send(connection, [*moves, "COMMIT"])


def _task(connection: Connection, found: Written) -> _Task:
    """Look what there is to do, and keep others from writing there."""
    chosen, found, beside, again = _locked(connection, found)
    names = around.names(connection, found)
    return _Task(
        chosen,
        {number: whole or not chosen[number].noted for number, whole in found.tables.items()},
        beside,
        again,
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


def _locked(connection: Connection, found: Written) -> tuple[dict[int, Place], Written, Around, tuple[str, ...]]:
    """Wait for whoever writes to these tables, or to those that change with them, until nobody can any more.

    Also for whoever has drawn a number from a sequence that is to go back. What they have committed meanwhile counts as
    written, in other tables, too, and what they have loaded while triggers were off. Readers are not kept waiting.
    """
    _suspected(connection, found)
    while True:
        chosen = around.chosen(connection, found)
        names = ", ".join(place.target for place in chosen.values())
        *_, written, beside = _answers(connection, [
            *([f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"] if names else []),
            marks.QUESTION,
            around.question(chosen.values()),
        ])  # fmt: skip
        now = marks.found(connection, written)
        for number, whole in found.tables.items():
            now.tables[number] = now.tables.get(number, False) or whole
        again = _suspected(connection, now)
        moved = {each.number for each in found.moved}
        if chosen.keys() >= now.tables.keys() and moved >= {each.number for each in now.moved}:
            return chosen, now, around.understood(beside), again
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
    done = _send(connection, [*(sql for _, sql in statements), "SET CONSTRAINTS ALL IMMEDIATE", *task.around.on])
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
    first = [f"SAVEPOINT {_SAVEPOINT}", "SET CONSTRAINTS ALL DEFERRED", *task.around.off]
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
    done = _send(connection, [*task.around.off, *removing, *adding, "SET CONSTRAINTS ALL IMMEDIATE", *task.around.on])
    _send(connection, [*undo, *(statement for key in keys for statement in key.up)])
    done = done[len(task.around.off) :]
    deleted, inserted = done[: len(chosen)], done[len(chosen) : 2 * len(chosen)]
    return [
        PutBack(task.places[number].name, gone, inserted=come)
        for number, gone, come in zip(chosen, deleted, reversed(inserted), strict=True)
    ]


def _moving(name: str, moved: Moved) -> str:
    return f"SELECT setval({identity.quoted(name)}, {moved.value}, {str(moved.called).lower()})"


def _clause(place: Place) -> sa.TableClause:
    """Give a table that compiles to its quoted name."""
    return sa.table(sa.quoted_name(place.target, quote=False))


def _first(connection: Connection, query: str) -> bool:
    with driver_of(connection).cursor() as cursor:
        return cursor.execute(query.encode()).fetchone() is not None


def _send(connection: Connection, statements: Sequence[str]) -> list[int]:
    """Send statements in one round trip, and give the row count of each."""
    return [cursor.rowcount for cursor in _sent(connection, statements)]


def _answers(connection: Connection, statements: Sequence[str]) -> list[list[tuple[Any, ...]]]:
    """Send statements in one round trip, and give the rows of each."""
    return [cursor.fetchall() if cursor.description else [] for cursor in _sent(connection, statements)]


def _sent(connection: Connection, statements: Sequence[str]) -> Iterator[psycopg.Cursor[Any]]:
    if not statements:
        return
    with driver_of(connection).cursor() as cursor:
        cursor.execute("; ".join(statements).encode())
        yield cursor
        while cursor.nextset():
            yield cursor
