"""Saving a snapshot of a database that is what its key says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy.engine import Connection

from tdm_seed import faking
from tdm_seed.dialects.snapshots import Mark, Snapshot, Store, name_of
from tdm_seed.engine import reset_rules, rewinding
from tdm_seed.engine.clock import clock
from tdm_seed.engine.session import Session
from tdm_seed.engine.snapshots.key import Key
from tdm_seed.errors import DriftError, Locked, SchemaNotReady, UsageError
from tdm_seed.history import states
from tdm_seed.values import Applied, Plan, State


@dataclass(frozen=True)
class Saved:
    """A snapshot, and whether it was ``built`` just now or there already."""

    snapshot: Snapshot
    built: bool


def there(store: Store, key: Key) -> Snapshot | None:
    """Find the snapshot of this database under a key."""
    name = name_of(store.database, key.digest)
    return next((each for each in store.snapshots() if each.name == name and each.complete), None)


@contextmanager
def alone(session: Session, store: Store) -> Iterator[None]:
    """Be the only one who works with snapshots of this database, and connected to it again at the end.

    Where nobody may be connected to a database that is copied, who has to wait for whoever copies it is not.
    """
    if not session.dialect.copies_alone:
        with session.lock(), store.lock(session.claim()):
            yield
        return
    claim = session.claim()

    def step_aside(who: str) -> None:
        session.close()
        claim.on_wait(who)

    if session.stands_in:
        session.close()
    try:
        with store.lock(replace(claim, on_wait=step_aside)):
            yield
    finally:
        if session.connection.closed:
            session.connect()


@contextmanager
def looking(session: Session) -> Iterator[None]:
    """Look at the database within ``alone``, as its only runner, and be connected no longer where nobody may be."""
    if session.dialect.copies_alone:
        if session.connection.closed:
            session.connect()
        with session.reading_as_runner():
            yield
        session.close()
    else:
        yield


def refuse(session: Session, plan: Plan, key: Key, entries: Sequence[Applied], heads: tuple[str, ...]) -> None:
    """Refuse to save what is not what the key says.

    Raises:
        Protected: as a reset, since a snapshot is there to be gone back to.
        SchemaNotReady: there are migrations that have not run.
        DriftError: files and history disagree, or somebody has written since rows were kept.
        UsageError: seeds are pending, or were applied with other volumes, another random seed, clock, locale,
            Faker or tdm-seed.
    """
    reset_rules.check(session, entries, adopt=True)
    _refuse_old(session, heads)
    if plan.drift:
        first = plan.drift[0]
        raise DriftError(f"{first.reason}, so the rows are not those of the files", seed=first.seed)
    pending = [step.seed.revision for step in plan.steps if step.reason != "always"]
    if pending:
        raise UsageError(
            "it is not applied, so the rows are not all there yet", seed=pending[0], hint="`tdm-seed upgrade` first."
        )
    for name, entry in states(entries).items():
        if why := _otherwise(session, key, name, entry, clock(session.environment, entries)):
            raise UsageError(
                f"{why}, so the rows are not those that a reset would make",
                seed=name,
                hint="`tdm-seed reset` makes them; then save them. Or say what was said then.",
            )
    kept = rewinding.find(session)
    if kept is not None and (found := rewinding.touched(session, kept)):
        raise DriftError(
            f"{found} since it was seeded, so the rows are not those that the seeds make",
            hint="`tdm-seed reset` puts them back; then save them.",
        )


def _refuse_old(session: Session, heads: tuple[str, ...]) -> None:
    """Refuse a schema that is not the one that the migrations of the key end with."""
    version = session.schema_version
    if version is not None and set(heads) != set(version.newest()):
        raise SchemaNotReady(
            f"the schema is at {', '.join(heads) or 'no revision'}, and its newest is {', '.join(version.newest())}",
            hint="`tdm-seed upgrade --migrate` brings it there; then save it.",
        )


def _otherwise(session: Session, key: Key, name: str, entry: Applied, now: datetime) -> str | None:
    """Say in what a seed was applied otherwise than it would be now."""
    environment = session.environment
    if entry.state is State.REVERTED:
        return None
    if name not in key.seeds:
        return f"it is applied, and {environment.name} does not list it"
    if entry.state is State.STAMPED:
        return "it is stamped and has not run"
    volumes, defaulted = environment.volumes, entry.note.get("defaulted")
    for volume, count in sorted(entry.volumes.items()):
        if volume in volumes and volumes[volume] != count:
            return f"it was applied with {volume}={count}, and it is {volumes[volume]} now"
        if volume not in volumes and not (isinstance(defaulted, list) and volume in defaulted):
            return f"it was applied with {volume}={count}, and {environment.name} names no such volume now"
    if entry.random_seed != environment.random_seed:
        return f"it was applied with the random seed {entry.random_seed}, and it is {environment.random_seed} now"
    if entry.clock != now:
        return f"it was applied at the clock {entry.clock.isoformat()}, and it is {now.isoformat()} now"
    if entry.note.get("faker") not in (None, faking.version()):
        return f"it was applied with Faker {entry.note['faker']}, and it is {faking.version()} now"
    if entry.note.get("locale") not in (None, environment.locale):
        return f"it was applied with the locale {entry.note['locale']}, and it is {environment.locale} now"
    if entry.tool_version != session.tool_version:
        return f"it was applied by tdm-seed {entry.tool_version}, and it is {session.tool_version} now"
    return None


@dataclass(frozen=True)
class Described:
    """Looks at a copy and says what it is, if it is a copy of what was looked at before."""

    session: Session
    store: Store
    key: Key
    entries: tuple[Applied, ...]

    def __call__(self, copy: Connection) -> Mark:
        """Give the mark of the copy.

        Raises:
            Locked: another runner has come in between.
            SchemaNotReady: so has somebody who has changed the schema.
        """
        history = self.session.history
        entries = history.current(copy)
        if [each.id for each in entries] != [each.id for each in self.entries]:
            raise Locked("another runner has changed the history meanwhile", hint="Run the command again.")
        version = self.session.schema_version
        heads = version.heads(copy) if version else ()
        _refuse_old(self.session, heads)
        return Mark(
            database=self.store.database,
            environment=self.session.environment.name,
            key=self.key.digest,
            fingerprint=self.session.dialect.fingerprint(copy, history.own_tables),
            heads=heads,
            seeds=len(states(entries)),
            made_at=datetime.now(UTC),
            tool_version=self.session.tool_version,
        )
