"""Emptying a database in one transaction, and bringing back what was there before the first seed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from tdm_seed.dialects.base import HeldLock
from tdm_seed.dialects.orphans import ForeignKey
from tdm_seed.engine import baseline
from tdm_seed.engine.session import Session
from tdm_seed.errors import DatabaseError, Locked, Protected, TdmSeedError, UsageError
from tdm_seed.graph import CycleError, order
from tdm_seed.history import EVERY_SEED, environment_of
from tdm_seed.values import Applied, Changes, Layer, State, StepResult

#: How often tables are emptied whose triggers write into one another.
_ROUNDS = 3


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


@dataclass(frozen=True)
class ResetResult:
    """What a reset did: the emptying, then the seeds."""

    emptying: Emptying
    results: tuple[StepResult, ...]


def check(session: Session, entries: Sequence[Applied]) -> None:
    """Refuse where the manifest or the database itself says so.

    Raises:
        Protected: with what forbids it.
    """
    environment = session.environment
    if environment.protected:
        raise Protected(f"the environment {environment.name!r} is protected, so it is never reset")
    if environment.reset == "forbid":
        raise Protected(
            f"the environment {environment.name!r} forbids a reset", hint='Its manifest says reset = "forbid".'
        )
    marked = environment_of(entries)
    if marked not in (None, environment.name):
        raise Protected(
            f"this database was seeded as {marked!r}, so it is not reset as {environment.name!r}",
            hint=f"Is the URL right? `--env {marked}` is what belongs to this database.",
        )


def look(session: Session, entries: Sequence[Applied]) -> Emptying:
    """Find out what a reset would do, inside a transaction, and write nothing.

    Raises:
        UsageError: the manifest keeps a table that does not exist.
        Protected: rows that stay point to some that would go.
    """
    return _look(session, entries).emptying


@dataclass(frozen=True)
class _Found:
    """What a reset would do, with the tables in the order in which they are emptied, and the rows to bring back."""

    emptying: Emptying
    tables: tuple[str, ...]
    back: Mapping[str, tuple[str, ...]]


def _look(session: Session, entries: Sequence[Applied]) -> _Found:
    connection = session.connection
    if not entries:
        return _Found(Emptying(notes=("this database was never seeded, so whatever is in it stays",)), (), {})
    names = [table.name for table in baseline.data_tables(session)]
    before = baseline.read(connection, session.history)
    keys = _keys(session)
    kept = _kept(session, names)
    doomed = set(names) - set(kept)
    for name in sorted(doomed & {name for name, rows in before.items() if rows is None}):
        doomed.discard(name)
        kept[name] = "it held rows before the first seed that cannot be brought back"
        _keep_parents(session, keys, kept, doomed, name)
    _refuse_pointing(session, keys, doomed)
    back = {name: rows for name, rows in before.items() if rows and name in doomed}
    counted = {name: _count(session, name) for name in sorted(doomed)}
    notes = [
        f"{name} held rows before the first seed, and there is no such table any more"
        for name in sorted(set(before) - set(names))
    ]
    emptying = Emptying(
        tuple(Emptied(name, rows, len(back.get(name, ()))) for name, rows in counted.items() if rows or name in back),
        tuple(KeptTable(name, reason) for name, reason in sorted(kept.items())),
        tuple(notes),
    )
    return _Found(emptying, tuple(_children_first(doomed, keys)), back)


def run(
    session: Session,
    lock: HeldLock,
    entries: Sequence[Applied],
    now: datetime,
    heads: tuple[str, ...],
    *,
    confirmed: bool,
) -> Emptying:
    """Empty the tables, bring back what was there first, and write it into the history, all or nothing.

    Raises:
        Protected: rows would go, and nobody has ``confirmed`` that.
        TdmSeedError: nothing was changed.
    """
    connection, dialect = session.connection, session.dialect
    started = datetime.now(UTC)
    with session.translated(), dialect.emptying(connection):
        dialect.guard(connection, session.history.qualified_name)
        if [entry.id for entry in session.history.current(connection)][-1:] != [entry.id for entry in entries][-1:]:
            raise Locked("another runner has changed the history meanwhile", hint="Run the command again.")
        found = _look(session, entries)
        if not entries:
            return found.emptying
        if found.emptying.rows and not (confirmed or session.environment.reset == "allow"):
            raise Protected(
                f"a reset of the environment {session.environment.name!r} must be confirmed, and was not",
                hint='Say --yes, or reset = "allow" in its manifest.',
            )
        _empty(session, found.tables)
        session.progress.reached("after emptying")
        if dialect.transactional_ddl:
            _restart(session, found.tables)
        _restore(session, found)
        session.history.record(connection, _entry(session, found.emptying, started, now, heads))
        session.progress.reached("before commit")
        lock.check()
    session.progress.reached("after commit")
    session.progress.emptied(found.emptying.rows, len(found.emptying.tables))
    return found.emptying


def complete(session: Session, entries: Sequence[Applied]) -> None:
    """Restart numbering where that could not be part of the emptying's transaction, since it commits by itself.

    Called behind the emptying, and by the next upgrade in case that never came to it: it can be repeated at will, for
    such databases never hand out a number below one that is in use.
    """
    if not entries or entries[-1].state is not State.RESET or session.dialect.transactional_ddl:
        return
    with session.translated(), session.dialect.transaction(session.connection, write=True):
        kept = entries[-1].note.get("kept", [])
        left = set(map(str, kept)) if isinstance(kept, list) else set()
        _restart(session, [table.name for table in baseline.data_tables(session) if table.name not in left])


# ---- what stays ---------------------------------------------------------------------------------------------------


def _kept(session: Session, names: Collection[str]) -> dict[str, str]:
    """Take the manifest's ``keep``, with the parts of those tables."""
    kept: dict[str, str] = {}
    for name in session.environment.keep:
        try:
            table = session.schema.table(name)
        except TdmSeedError as error:
            raise UsageError(
                f"`keep` names the table {name!r}, which does not exist",
                hint=f"{error.hint or ''} Nothing was emptied. Correct `keep` in the environment's manifest.".strip(),
            ) from error
        if table.schema is None:
            kept[table.name] = "the manifest keeps it"
    parts = session.dialect.parts(session.connection)
    while more := {child: parent for child, parent in parts.items() if parent in kept and child not in kept}:
        kept |= {child: f"it is a part of {parent}" for child, parent in more.items()}
    return {name: reason for name, reason in kept.items() if name in names}


def _keys(session: Session) -> list[ForeignKey]:
    """List the foreign keys of all schemas, those of the default one without its name."""
    connection = session.connection
    default = sa.inspect(connection).default_schema_name
    found = session.dialect.foreign_keys(connection, [None, *session.dialect.other_schemas(connection)])
    return sorted(
        (
            ForeignKey(key.child, key.columns, (None if key.parent[0] == default else key.parent[0], key.parent[1]), ())
            for key in found
        ),
        key=str,
    )


def _keep_parents(
    session: Session, keys: Sequence[ForeignKey], kept: dict[str, str], doomed: set[str], name: str
) -> None:
    """Keep what the rows of a kept table point to."""
    for key in keys:
        parent = key.parent[1]
        if key.child == (None, name) and key.parent[0] is None and parent in doomed and _points(session, key):
            doomed.discard(parent)
            kept[parent] = f"rows of {name} point to it, which is kept"
            _keep_parents(session, keys, kept, doomed, parent)


def _refuse_pointing(session: Session, keys: Sequence[ForeignKey], doomed: Collection[str]) -> None:
    """Refuse when rows that stay would lose what they point to, or go with it by ON DELETE CASCADE."""
    for key in keys:
        schema, child = key.child
        stays = schema is not None or child not in doomed
        if stays and key.parent[0] is None and key.parent[1] in doomed and _points(session, key):
            shown = f"{schema}.{child}" if schema else child
            why = "whose schema a reset leaves alone" if schema else "which is kept"
            raise Protected(
                f"rows of {shown}, {why}, point to {key.parent[1]}, which would be emptied",
                table=child,
                column=key.columns[0],
                hint=f"Nothing was emptied. Keep {key.parent[1]}, too: `keep` in the environment's manifest"
                + ("." if schema else f"; or do not keep {shown}."),
            )


def _points(session: Session, key: ForeignKey) -> bool:
    table = sa.table(key.child[1], *map(sa.column, key.columns), schema=key.child[0])
    filled = [table.c[name].is_not(None) for name in key.columns]
    query = sa.select(sa.literal(1)).select_from(table).where(*filled).limit(1)
    return session.connection.execute(query).first() is not None


# ---- what goes ----------------------------------------------------------------------------------------------------


def _children_first(names: Collection[str], keys: Iterable[ForeignKey]) -> list[str]:
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


def _count(session: Session, name: str) -> int:
    table = sa.table(name)
    query = session.dialect.own_rows(sa.select(sa.func.count()).select_from(table), table)
    return int(session.connection.scalar(query) or 0)


def _empty(session: Session, names: Sequence[str]) -> None:
    """Empty the tables, and once more those that triggers have written to meanwhile.

    Raises:
        DatabaseError: triggers write faster.
    """
    left: Sequence[str] = names
    for _ in range(_ROUNDS):
        left = [name for name in left if _count(session, name)]
        if not left:
            return
        session.dialect.empty(session.connection, [sa.table(name) for name in left])
        left = names
    if again := [name for name in names if _count(session, name)]:
        raise DatabaseError(
            "rows come back while the tables are emptied; nothing was changed",
            table=again[0],
            hint="A trigger writes them, or the application does. Keep the table, or stop what writes.",
        )


def _restart(session: Session, names: Iterable[str]) -> None:
    for name in names:
        table = session.schema.table(name)
        if session.dialect.numbered(table) is not None:
            session.dialect.restart_identity(session.connection, table)


def _restore(session: Session, found: _Found) -> None:
    """Bring rows back, parents first, prove what they point to, and lead sequences behind all numbers in use."""
    connection, dialect = session.connection, session.dialect
    tables = [session.schema.table(name) for name in reversed(found.tables) if name in found.back]
    with dialect.deferred_constraints(connection, tables) if tables else nullcontext():
        for table in tables:
            baseline.restore(connection, dialect, table, found.back[table.name])
    restarted = {_draws_from(session, session.schema.table(name)) for name in found.tables} - {None}
    staying = [session.schema.table(kept.table) for kept in found.emptying.kept] if restarted else []
    for table in (*tables, *(table for table in staying if _draws_from(session, table) in restarted)):
        if dialect.numbered(table) is not None:
            dialect.advance_identity(connection, table)


def _draws_from(session: Session, table: sa.Table) -> str | None:
    """Give the default of a numbered column, which tells whether two tables draw from the same sequence."""
    column = session.dialect.numbered(table)
    default = column.server_default if column is not None else None
    return str(default.arg) if isinstance(default, sa.DefaultClause) else None


def _entry(session: Session, emptying: Emptying, started: datetime, now: datetime, heads: tuple[str, ...]) -> Applied:
    environment = session.environment
    kept = [each.table for each in emptying.kept]
    return Applied(
        seed=EVERY_SEED,
        layer=Layer.REFERENCE,
        state=State.RESET,
        checksum="",
        environment=environment.name,
        schema_heads=heads,
        random_seed=environment.random_seed,
        clock=now,
        volumes={},
        changes=Changes(inserted=emptying.restored, deleted=emptying.rows),
        started_at=started,
        duration_ms=round((datetime.now(UTC) - started).total_seconds() * 1000),
        applied_by=session.applied_by,
        tool_version=session.tool_version,
        note={"kept": kept} if kept else {},
    )
