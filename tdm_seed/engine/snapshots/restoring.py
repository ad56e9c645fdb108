"""Putting a snapshot in the place of a database, where that is the right one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.snapshots import Snapshot, Store, name_of
from tdm_seed.engine import content, reset_rules
from tdm_seed.engine.emptying import count
from tdm_seed.engine.reset_entry import entry
from tdm_seed.engine.session import Session
from tdm_seed.engine.snapshots.key import Key
from tdm_seed.errors import Protected, SchemaNotReady, UsageError
from tdm_seed.history import WAY
from tdm_seed.schema_version import DEFAULT_VERSION_TABLE
from tdm_seed.values import Applied, Changes, Way


@dataclass(frozen=True)
class Restored:
    """The snapshot that was put in the place of the database, and how long that took, in milliseconds."""

    snapshot: Snapshot
    duration_ms: int


def choose(session: Session, store: Store, key: Key) -> Snapshot:
    """Find the newest snapshot under a key: of this database, or of another one with the very same catalogue.

    Raises:
        UsageError: there is none.
        SchemaNotReady: the schema is another one, and there are no migrations that tell which is right.
    """
    found = [each for each in store.snapshots() if each.mark is not None and each.mark.key == key.digest]
    ours = [each for each in found if each.name.startswith(name_of(store.database))]
    told = session.schema_version is not None
    alike = [] if not found or (ours and told) else _alike(session, found)  # 20 ms on a connection just made
    chosen = max(ours or alike, key=_made_at, default=None)
    if chosen is None:
        raise UsageError(
            f"there is no snapshot of what the environment {session.environment.name!r} is now",
            hint="`tdm-seed snapshot save` makes one of a database that is up to date; "
            "`tdm-seed snapshot list` tells those there are.",
        )
    if not told and chosen not in alike:
        raise SchemaNotReady(
            f"the schema has changed since the snapshot {chosen.name} was saved, and would be set back",
            hint="`tdm-seed reset` keeps the schema as it is; then `tdm-seed snapshot save --again`.",
        )
    return chosen


def _alike(session: Session, found: Sequence[Snapshot]) -> list[Snapshot]:
    """Keep those with the catalogue that the database has now."""
    with session.reading():
        now = session.dialect.known_fingerprint(session.connection, session.history.own_tables)
    return [each for each in found if each.mark is not None and each.mark.fingerprint == now]


def _made_at(snapshot: Snapshot) -> datetime:
    return snapshot.mark.made_at if snapshot.mark else datetime.min.replace(tzinfo=UTC)


def check(session: Session, entries: Sequence[Applied], *, adopt: bool) -> None:
    """Refuse where a reset is refused, and where rows would go that a reset leaves alone.

    Raises:
        Protected: with what forbids it.
    """
    reset_rules.check(session, entries, adopt=adopt)
    if not session.environment.keep:
        return
    with session.reading():
        names = content.tables(session)
        for name in session.environment.keep:
            if name in names and count(session, name):
                raise Protected(
                    "the manifest keeps the rows of this table, and a snapshot replaces the whole database",
                    table=name,
                    hint="`tdm-seed reset` leaves them alone.",
                )


def left_alone(session: Session) -> str | None:
    """Name a table with rows that other ways leave alone: one of another schema, or with notes of migrations."""
    ours = {*session.history.own_tables, *session.alembic_tables(), DEFAULT_VERSION_TABLE}
    found: list[tuple[str | None, str]] = [
        (schema, name) for schema, name in session.tables() if schema is not None and name not in ours
    ]
    with session.reading():
        found += [(None, name) for name in content.of_migrations(session)]
        for schema, name in found:
            query = sa.select(sa.literal(1)).select_from(sa.table(name, schema=schema)).limit(1)
            if session.connection.scalar(query):
                return f"{schema}.{name}" if schema else name
    return None


@dataclass(frozen=True)
class Noting:
    """Adds to the history of a restored database that it was restored, and from which snapshot."""

    session: Session
    snapshot: Snapshot
    clock: datetime
    started: datetime

    def __call__(self, copy: Connection) -> None:
        """Append the entry, where there is a history; in a database just made, each question takes milliseconds."""
        mark = self.snapshot.mark
        if mark is None or not mark.seeds:
            return
        done = entry(
            self.session,
            self.started,
            clock=self.clock,
            heads=mark.heads,
            changes=Changes(),
            note={WAY: Way.CLONE.value, "snapshot": self.snapshot.name},
            checksum=mark.key,
        )
        self.session.history.record(copy, done)
