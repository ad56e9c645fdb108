"""The name of the environment that a database carries, and how a restored copy gets another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tdm_seed.dialects.base import HeldLock
from tdm_seed.engine.session import Session
from tdm_seed.environments import hosts, resolve_url
from tdm_seed.errors import Protected, UsageError
from tdm_seed.history import EVERY_SEED, environment_of, states
from tdm_seed.values import Applied, Changes, Layer, State


@dataclass(frozen=True)
class Relabelled:
    """What a database was called, what it is called now, and how many seeds stand in it."""

    before: str
    after: str
    seeds: int


def look(session: Session, entries: Sequence[Applied], name: str) -> Relabelled:
    """Find out what giving a database another environment's name would do, and write nothing.

    Raises:
        UsageError: there is no such environment, or the database carries no name at all.
        Protected: a protected environment may be on this host.
    """
    project = session.environment.project
    project.environment(name)
    before = environment_of(entries)
    if before is None:
        what = "applied to this database since it was emptied" if entries else "ever applied to this database"
        raise UsageError(
            f"no seed was {what}, so it carries no environment's name",
            hint=f"`tdm-seed upgrade --env {name}` gives it one.",
        )
    url = resolve_url(session.environment)
    for other in project.environments() if before != name else ():
        environment = project.environment(other)
        if environment.protected and hosts.lists(environment, url):
            raise Protected(
                f"a host of this database is one of the protected environment {other!r}, so its name stays {before!r}",
                hint="Only a copy elsewhere gets another name. Is the URL right?",
            )
    return Relabelled(before, name, len(states(entries)))


def run(
    session: Session, lock: HeldLock, entries: Sequence[Applied], name: str, heads: tuple[str, ...], now: datetime
) -> Relabelled:
    """Give the database the name, by one more entry in its history.

    Raises:
        TdmSeedError: as ``look``; nothing was written.
    """
    found = look(session, entries, name)
    if found.before == name:
        return found
    connection, environment = session.connection, session.environment
    entry = Applied(
        seed=EVERY_SEED,
        layer=Layer.REFERENCE,
        state=State.STAMPED,
        checksum="",
        environment=name,
        schema_heads=heads,
        random_seed=environment.random_seed,
        clock=now,
        volumes={},
        changes=Changes(),
        started_at=datetime.now(UTC),
        duration_ms=0,
        applied_by=session.applied_by,
        tool_version=session.tool_version,
        note={"reason": f"was {found.before}"},
    )
    with session.translated(), session.dialect.transaction(connection, write=True):
        session.dialect.guard(connection, session.history.qualified_name)
        session.history.record(connection, entry)
        lock.check()
    return found
