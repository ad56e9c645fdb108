"""The way of a reset that is always there: empty all, bring back what was there before the first seed, seed again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from tdm_seed.dialects.base import HeldLock
from tdm_seed.engine import baseline, content, reset_rules, restoring, staying, unbuilt
from tdm_seed.engine.emptying import Emptied, Emptying, KeptTable, children_first, count, empty
from tdm_seed.engine.reset_entry import entry
from tdm_seed.engine.session import Session
from tdm_seed.errors import Locked, Stopped, TdmSeedError
from tdm_seed.history import ends
from tdm_seed.values import Applied, Changes, State, StepResult


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
    session.dialect.see_all(connection)
    names = content.tables(session)
    before = baseline.read(connection, session.history)
    keys = staying.foreign_keys(session)
    kept = staying.kept(session, keys, names, {name for name, rows in before.items() if rows is None})
    doomed = set(names) - set(kept)
    staying.refuse(session, keys, doomed)
    kept |= dict.fromkeys(content.of_migrations(session), "migrations note there what has run")
    back = {name: rows for name, rows in before.items() if rows and name in doomed}
    counted = {name: count(session, name) for name in sorted(doomed)}
    notes = [
        f"{name} held rows before the first seed, and there is no such table any more"
        for name in sorted(set(before) - {name for _, name in session.schema.names()})
    ]
    columns = session.schema.columns()
    notes += [
        f"{name} has no column {column} any more, so the values that it held before the first seed do not come back"
        for name, rows in sorted(back.items())
        for column in baseline.gone(columns.get(name, {}), rows)
    ]
    emptying = Emptying(
        tuple(Emptied(name, rows, len(back.get(name, ()))) for name, rows in counted.items() if rows or name in back),
        tuple(KeptTable(name, reason) for name, reason in sorted(kept.items())),
        tuple(notes),
    )
    return _Found(emptying, tuple(children_first(doomed, keys)), back)


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
    if unbuilt.down(session, entries):  # a table that stays shows only then where its rows point to
        with session.reading():
            stays = [each.table for each in _look(session, entries).emptying.kept]
        unbuilt.of_tables(session, lock, entries, stays)
    with session.translated(), dialect.emptying(connection, session.lock_timeout):
        dialect.guard(connection, session.history.qualified_name)
        if [each.id for each in session.history.current(connection)][-1:] != [each.id for each in entries][-1:]:
            raise Locked("another runner has changed the history meanwhile", hint="Run the command again.")
        found = _look(session, entries)
        if not entries:
            return found.emptying
        if found.emptying.rows:
            reset_rules.refuse_unconfirmed(session.environment, "a reset", confirmed=confirmed)
        kept = [each.table for each in found.emptying.kept]
        before = staying.rows(session, kept)
        empty(session, found.tables)
        session.progress.reached("after emptying")
        if any(each.state is State.RUNNING for each in entries):
            session.checkpoints.clear(connection)
            unbuilt.within(session)
        if dialect.transactional_ddl:
            _restart(session, found.tables, restoring.going_on(session, kept, found.back))
        restoring.restore(session, found.tables, found.back)
        staying.prove(session, before)
        changes = Changes(inserted=found.emptying.restored, deleted=found.emptying.rows)
        note = {"kept": kept} if kept else {}
        done = entry(session, started, clock=now, heads=heads, changes=changes, note=note)
        session.history.record(connection, done)
        session.progress.reached("before commit")
        lock.check()
    session.progress.reached("after commit")
    unbuilt.behind(session, lock)
    session.progress.emptied(found.emptying.rows, sum(1 for each in found.emptying.tables if each.rows))
    return found.emptying


@contextmanager
def emptied(emptying: Emptying) -> Iterator[None]:
    """Say of what ends the seeding behind an emptying that the emptying stands."""
    try:
        yield
    except (TdmSeedError, Stopped) as error:
        if emptying.rows:
            stands = "The database is emptied all the same, and `tdm-seed upgrade` goes on from there."
            if isinstance(error, Stopped):
                error.message = f"{error.message}. {stands}"
            elif "`tdm-seed upgrade` goes on" not in (error.hint or ""):
                error.hint = f"{error.hint} {stands}" if error.hint else stands
        raise


def complete(session: Session, entries: Sequence[Applied]) -> None:
    """Restart numbering where that could not be part of the emptying's transaction, since it commits by itself.

    Called behind the emptying, and by the next upgrade in case that never came to it: it can be repeated at will, for
    such databases never hand out a number below one that is in use.

    Raises:
        Locked: somebody uses one of the tables.
    """
    if not entries or not ends(entries[-1]) or session.dialect.transactional_ddl:
        return
    try:
        with session.translated(), session.dialect.emptying(session.connection, session.lock_timeout):
            kept = entries[-1].note.get("kept", [])
            left = set(map(str, kept)) if isinstance(kept, list) else set()
            _restart(session, [name for name in content.tables(session) if name not in left])
    except Locked as error:
        raise Locked(
            f"the tables are emptied, but their numbers cannot begin anew: {error.message}",
            table=error.place.table,
            hint="Somebody uses one of them. `tdm-seed upgrade` goes on when they are done.",
        ) from error


def refresh(session: Session, emptying: Emptying, results: Iterable[StepResult]) -> tuple[str, ...]:
    """Compute anew what views hold of rows that were emptied or seeded, and tell of those that stay as they were.

    Comes behind the seeds, in a transaction of its own; where that never came to it, the next reset does it.
    """
    connection, dialect = session.connection, session.dialect
    with session.reading():
        names = set(content.tables(session)) - {each.table for each in emptying.kept}
        others = {name for result in results for name in result.tables} - names
        tables = [sa.table(name) for name in sorted(names)]
        tables += [session.schema.table(name) for name in sorted(others) if session.schema.knows(name)]
    with session.translated(), dialect.transaction(connection, write=True):
        left = dialect.refresh_views(connection, tables, session.lock_timeout)
    return tuple(f"{view} shows what it showed before: {why}" for view, why in left.items())


def _restart(session: Session, names: Iterable[str], going_on: Collection[str] = ()) -> None:
    for name in names:
        table = session.schema.table(name)
        if session.dialect.numbered(table) is not None:
            session.dialect.restart_identity(session.connection, table, going_on)
