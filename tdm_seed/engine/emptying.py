"""Tables that a reset empties: in which order, how many rows they hold, and until none is left."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from tdm_seed.dialects.orphans import ForeignKey
from tdm_seed.engine.session import Session
from tdm_seed.errors import DatabaseError
from tdm_seed.graph import CycleError, order

#: How often tables are emptied, or filled again, whose triggers write into one another.
ROUNDS = 3


@dataclass(frozen=True)
class Emptied:
    """A table that a reset empties: how many rows it holds, and how many of them are brought back."""

    table: str
    rows: int
    restored: int = 0


@dataclass(frozen=True)
class KeptTable:
    """A table that a reset leaves as it is, and why."""

    table: str
    reason: str


@dataclass(frozen=True)
class Emptying:
    """What a reset would do. ``tables`` are those with rows, by name; ``notes`` say what a person should know."""

    tables: tuple[Emptied, ...] = ()
    kept: tuple[KeptTable, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows go, those that come back included."""
        return sum(each.rows for each in self.tables)

    @property
    def restored(self) -> int:
        """How many rows come back."""
        return sum(each.restored for each in self.tables)


def children_first(names: Collection[str], keys: Iterable[ForeignKey]) -> list[str]:
    """Sort tables so that each stands before those it points to; a circle is cut at one place."""
    needs: dict[str, set[str]] = {name: set() for name in names}
    for key in keys:
        if key.child[0] is None and key.parent[0] is None and key.child[1] in needs and key.child[1] != key.parent[1]:
            needs[key.child[1]].add(key.parent[1])
    while True:
        try:
            return list(reversed(order(needs, key=str)))
        except CycleError as error:
            needs[error.cycle[0]].discard(error.cycle[1])


def count(session: Session, name: str) -> int:
    """Count the rows that a table itself holds."""
    table = sa.table(name)
    query = session.dialect.own_rows(sa.select(sa.func.count()).select_from(table), table)
    return int(session.connection.scalar(query) or 0)


def empty(session: Session, names: Sequence[str]) -> None:
    """Empty the tables, and once more those that triggers have written to meanwhile.

    Raises:
        DatabaseError: triggers write faster.
    """
    for _ in range(ROUNDS):
        holding = {name for name in names if count(session, name)}
        if not holding:
            return
        session.dialect.empty(
            session.connection,
            [sa.table(name) for name in names if name in holding],
            [sa.table(name) for name in names if name not in holding],
        )
    if again := [name for name in names if count(session, name)]:
        raise DatabaseError(
            "rows come back while the tables are emptied; nothing was changed",
            table=again[0],
            hint="A trigger writes them, or the application does. Keep the table, or stop what writes.",
        )
