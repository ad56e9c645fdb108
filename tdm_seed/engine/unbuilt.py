"""Building again what seeds that were cut off have left down, before anything else is written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from tdm_seed.dialects.base import HeldLock
from tdm_seed.engine.session import Session
from tdm_seed.journal import Noted
from tdm_seed.rebuilding import Rebuilding
from tdm_seed.values import Applied, Plan, State


def before(session: Session, lock: HeldLock, entries: Sequence[Applied], but: Collection[str] = ()) -> None:
    """Build again what is down, whatever seed has taken it down, but for those that are ``but`` about to be reverted.

    Also a seed that is taken up begins with all indexes: what it is handed must find the keys of its tables.

    Raises:
        TdmSeedError: rows break a key, which is named with the seed that has loaded them.
    """
    left = [each for each in down(session, entries) if each.seed not in but]
    if left:
        with session.translated():
            rebuilding(session).build(left, partial(_transaction, session, lock))


def of_tables(session: Session, lock: HeldLock, entries: Sequence[Applied], tables: Collection[str]) -> None:
    """Build what is down of some tables, where that could not be part of what is about to happen, since DDL commits.

    Raises:
        TdmSeedError: rows break a key, which is named.
    """
    if not session.dialect.transactional_ddl:
        left = [each for each in down(session, entries) if each.down.table in tables]
        with session.translated():
            rebuilding(session).build(left, partial(_transaction, session, lock))


def behind(session: Session, lock: HeldLock) -> None:
    """Build what is still down where that could not be part of what was just committed, since DDL commits."""
    if not session.dialect.transactional_ddl:
        with session.reading():
            left = session.journal.read(session.connection)
        with session.translated():
            rebuilding(session).build(left, partial(_transaction, session, lock))


def within(session: Session, seed: str | None = None) -> None:
    """Build what is down, if of one seed, in the transaction at hand, unless that would end it.

    Raises:
        TdmSeedError: rows break a key, which is named.
    """
    if session.dialect.transactional_ddl:
        left = session.journal.read(session.connection)
        rebuilding(session).here([each for each in left if seed in (None, each.seed)])


def down(session: Session, entries: Sequence[Applied]) -> list[Noted]:
    """Read what is down, where there can be anything: only where a seed is unfinished, or DDL commits."""
    if not entries or (session.dialect.transactional_ddl and not any(each.state is State.RUNNING for each in entries)):
        return []
    with session.reading():
        return session.journal.read(session.connection)


def told(noted: Sequence[Noted]) -> dict[str, str]:
    """Say what is down, by the seed that took it down."""
    found: dict[str, str] = {}
    for seed in dict.fromkeys(each.seed for each in noted):
        of_seed = [each for each in noted if each.seed == seed]
        tables = ", ".join(dict.fromkeys(each.down.table for each in of_seed))
        since = min(each.since for each in of_seed)
        when = f"{since:%Y-%m-%d %H:%M} UTC"
        found[seed] = f"indexes of {tables} are down since {when}, the next upgrade builds them again"
    return found


def noted(plan: Plan, said: dict[str, str]) -> Plan:
    """Say with the steps of a plan what is down of their tables."""
    steps = (
        replace(step, reason=f"{step.reason}; {said[step.seed.revision]}") if step.seed.revision in said else step
        for step in plan.steps
    )
    return replace(plan, steps=tuple(steps)) if said else plan


def rebuilding(session: Session) -> Rebuilding:
    """Make what takes down and builds on the session's connection."""
    return Rebuilding(session.connection, session.dialect, session.journal, session.progress.reached)


@contextmanager
def _transaction(session: Session, lock: HeldLock) -> Iterator[None]:
    connection = session.connection
    with session.dialect.transaction(connection, write=True):
        session.dialect.guard(connection, session.history.qualified_name)
        yield
        lock.check()
