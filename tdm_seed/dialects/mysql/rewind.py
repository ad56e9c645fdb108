"""Putting back what was written, table by table, in one transaction that leaves everybody's connections alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import pymysql
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects import orphans
from tdm_seed.dialects.mysql import binlog, holders, mark, places
from tdm_seed.dialects.mysql.binlog import Anchor, Position, Watched, ask
from tdm_seed.dialects.mysql.definitions import quoted
from tdm_seed.dialects.mysql.lenience import leniently
from tdm_seed.dialects.mysql.places import Place
from tdm_seed.dialects.rewinding import Kept, PutBack, Rewound, Touched
from tdm_seed.errors import DatabaseError, Locked, Protected

#: Where a connection notes what was found written before the lock of the run was taken.
FOUND: Final = "tdm_seed_written"
#: Where a connection notes which numbers are to be set back behind the rows.
MOVES: Final = "tdm_seed_moves"
#: Where a connection notes up to where the binlog tells of nothing.
_CLEAN: Final = "tdm_seed_clean"
#: No such database, column or table, not for this user, or no binlog.
_GONE: Final = (1044, 1049, 1054, 1142, 1146, 1227, 1381)
#: How often what others commit meanwhile is put back, too; they seldom do so twice.
_ROUNDS: Final = 20
_AGAIN: Final = "Nothing was changed. Run the command again."
_STALE: Final = "Rows must be kept anew: empty the database, or make it anew, and seed it."


@dataclass(frozen=True)
class Found:
    """Which tables were written, by number, which have moved numbers and to what these go back, up to a position.

    ``content`` is what is kept. ``defined`` tells whether the catalogue may have changed, ``lost`` why nobody can tell.
    """

    content: Kept | None = None
    tables: frozenset[int] = frozenset()
    moved: tuple[tuple[str, int], ...] = ()
    position: Position | None = None
    defined: bool = True
    lost: str | None = None

    def __bool__(self) -> bool:
        return bool(self.tables or self.moved or self.lost)


@dataclass(frozen=True)
class Moves:
    """What is done behind the commit, since it commits by itself; ``reached`` is told of it."""

    numbers: tuple[tuple[str, int], ...]
    reached: Callable[[str], None]


def look(connection: Connection) -> Found:
    """Compare where the binlog ends, and read it where it has grown; compare all numbers.

    What is found clean once is not read again by this connection.
    """
    name = mark.beside(connection)
    try:
        answers = ask(
            connection,
            [
                *mark.live(connection),
                mark.question(name),
                binlog.here(connection),
                f"SELECT name, counter FROM {quoted(name)}.place WHERE counter IS NOT NULL",
                mark.NUMBERS,
            ],
        )
    except pymysql.Error as error:
        if error.args[0] in _GONE:
            return Found(lost=" ".join(str(error.args[-1]).split()))
        raise
    marks, status, counters, numbers = answers[-4:]
    found = mark.read(marks)
    if found is None or not status:
        return Found(lost="the server writes no binlog" if found else "what was kept is not complete")
    end = mark.where(status)
    identity = (found.anchor, found.position, found.turn)
    noted: tuple[tuple[Anchor, Position, int], Position] | None = connection.info.get(_CLEAN)
    start = noted[1] if noted is not None and noted[0] == identity else found.position
    now = dict(numbers)
    moved = tuple((table, counter) for table, counter in counters if (now.get(table, counter) or 1) != counter)
    tables: set[int] = set()
    defined = False
    if start != end:
        if mark.began(connection, found.content) != found.began:
            return Found(lost="the database was made anew")
        database = str(connection.dialect.default_schema_name)
        watched = Watched(database, f"{name}.{mark.MARK}", found.reach)
        try:
            told = binlog.read(connection, found.anchor, start, end, watched)
        except binlog.Lost as lost:
            return Found(lost=str(lost))
        tables, defined = {number for each in told.tables for number in found.reach[each]}, told.defined
    if not (tables or defined):
        connection.info[_CLEAN] = (identity, end)
    return Found(found.content, frozenset(tables), tuple(sorted(moved)), end, defined)


def named(connection: Connection, found: Found) -> Touched | None:
    """Name what was found written; None where nobody can tell."""
    if found.lost:
        return None
    tables = sorted(place.name for place in _places(connection, mark.beside(connection), found.tables))
    return Touched(tuple(tables), tuple(table for table, _ in found.moved))


def run(connection: Connection, reached: Callable[[str], None]) -> Rewound:
    """Put back what was written.

    Raises:
        DatabaseError: what is kept does not fit the tables any more, or the server refuses.
        Protected: rows that stay point to some that would go.
    """
    found = _told(connection.info.pop(FOUND))
    name = mark.beside(connection)
    reached("before putting back")
    done: dict[int, PutBack] = {}
    chosen = _places(connection, name, found.tables)
    for _ in range(_ROUNDS):
        _refuse(connection, name, chosen)
        counts, end = _put_back(connection, name, chosen, found)
        done |= {number: _both(done.get(number), each) for number, each in counts.items()}
        for place in chosen:
            orphans.find(connection, [], place.outward, [sa.table(place.name)])
        if end == found.position:
            break
        found = _told(look(connection))  # whoever was waited for has written, maybe where we were done
        if found.defined:
            raise DatabaseError("the schema was changed while what was written was put back", hint=_AGAIN)
        chosen = _places(connection, name, found.tables)
        if not chosen:
            break
    else:
        raise Locked("others do not stop to write what is put back", hint=_AGAIN)
    connection.info[MOVES] = Moves(found.moved, reached)
    reached("after putting back")
    changed = [each for each in done.values() if each.deleted or each.inserted]
    return Rewound(tuple(sorted(changed, key=lambda each: each.table)), tuple(table for table, _ in found.moved))


def _both(before: PutBack | None, now: PutBack) -> PutBack:
    """Add up what was done to a table in turns."""
    if before is None:
        return now
    return PutBack(now.table, before.deleted + now.deleted, inserted=before.inserted + now.inserted)


def _told(found: Found) -> Found:
    if found.lost:
        raise DatabaseError(f"nobody knows what was written since rows were kept: {found.lost}", hint=_STALE)
    return found


def renumber(connection: Connection) -> None:
    """Set numbers back, behind the commit of the rows: to alter a table commits. It is done again if it is cut off."""
    moves: Moves | None = connection.info.pop(MOVES, None)
    if moves is not None and moves.numbers:
        moves.reached("before numbers")
        statements = [f"ALTER TABLE {quoted(table)} AUTO_INCREMENT = {counter}" for table, counter in moves.numbers]
        try:
            with holders.told(connection, [table for table, _ in moves.numbers]):
                leniently(connection, statements)
        except Locked as error:
            raise Locked(
                f"the rows are put back, but not the numbers of new ones: {error.message}",
                table=error.place.table,
                hint="Let them end their transactions, and reset again.",
            ) from error
        moves.reached("after numbers")


def _places(connection: Connection, name: str, numbers: Iterable[int]) -> list[Place]:
    wanted = ", ".join(map(str, sorted(numbers)))
    if not wanted:
        return []
    query = f"SELECT shape FROM {quoted(name)}.place WHERE number IN ({wanted}) ORDER BY number"
    return [places.understood(row[0]) for row in ask(connection, [query])[0]]


def _refuse(connection: Connection, name: str, chosen: Iterable[Place]) -> None:
    """Refuse where rows of tables that stay point to some that would go."""
    for place in chosen:
        for key in place.inward:
            if ask(connection, [place.lost(name, key)])[0]:
                raise Protected(
                    f"rows of {key.child[1]}, which stay, point to rows of {place.name} that would go",
                    table=key.child[1],
                    hint=f"Nothing was changed. Keep {place.name}, too: `keep` in the environment's manifest; or "
                    f"delete those rows of {key.child[1]}.",
                )


def _put_back(
    connection: Connection, name: str, chosen: list[Place], found: Found
) -> tuple[dict[int, PutBack], Position]:
    """Delete whatever differs, then insert what is missing, with no constraint in the way; tell where the binlog ends.

    Between tables that are kept, foreign keys hold afterwards since they held when the rows were kept.
    """
    statements = [statement for place in chosen for statement in (place.removing(name), place.adding(name))]
    if found.position is not None:
        statements.append(mark.advancing(name, found.position))
    with holders.told(connection, [place.name for place in chosen]):
        done = leniently(connection, [*statements, binlog.here(connection)])
    counts = {
        place.number: PutBack(place.name, done[2 * at][0], inserted=done[2 * at + 1][0])
        for at, place in enumerate(chosen)
    }
    return counts, mark.where(done[-1][1])
