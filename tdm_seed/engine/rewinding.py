"""Going back by rows: what was written since the seeds were applied is put back, and nothing else is touched."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b

from tdm_seed.dialects.base import HeldLock
from tdm_seed.dialects.rewinding import Kept, Rewound, Scope, Touched
from tdm_seed.dialects.wording import listed
from tdm_seed.engine import content, staying
from tdm_seed.engine.emptying import children_first
from tdm_seed.engine.reset_entry import entry
from tdm_seed.engine.session import Session
from tdm_seed.errors import DatabaseError
from tdm_seed.history import PUT_BACK, WAY
from tdm_seed.values import Applied, Changes, Way

#: Why what is kept is not gone back to.
_RAN = "the history has gone on since rows were kept"
_MIGRATED = "migrations have run since rows were kept"
_ALTERED = "the schema has changed since rows were kept"
#: Where a connection notes what was found to fit, at which moment, and of the history then how many resets by rows it
#: ended with, and which migrations had run.
_SOUND = "tdm_seed_sound"


class Stale(DatabaseError):
    """What is kept is not what a reset would make now."""


def prepare(session: Session, lock: HeldLock, key: str) -> Kept:
    """Keep all rows and numbers as they are now, in the database itself, and note from now on what is written.

    ``key`` is a digest of all that they were made of. What was kept before goes. All or nothing; it takes about as long
    as to write the rows once more.

    Raises:
        DatabaseError: that cannot be done here, and why; nothing was changed.
    """
    connection, dialect = session.connection, session.dialect
    session.schema.forget()
    with session.translated(), dialect.transaction(connection, write=True):
        dialect.guard(connection, session.history.qualified_name)
        if why := _hindrance(session):
            raise DatabaseError(
                f"rows cannot be kept to go back to: {why}", hint="Nothing was changed. A reset empties the database."
            )
        content_now = _content(session, key)
        dialect.keep(connection, _scope(session), content_now, session.lock_timeout)
        session.progress.reached("before commit")
        lock.check()
    session.progress.reached("after commit")
    return content_now


def find(session: Session) -> Kept | None:
    """Read what is kept for the history as it is now; None where nothing is that can be gone back to."""
    with session.reading():
        kept = session.dialect.kept(session.connection)
        fits = kept is not None and _fits(session, kept) and kept.heads == _digest(_heads(session))
        return kept if fits else None


def touched(session: Session, kept: Kept) -> Touched | None:
    """Name what was written since rows were kept; None where nobody knows.

    Raises:
        Stale: the history has gone on since.
    """
    with session.reading():
        if not _fits(session, kept):
            raise Stale(_RAN)
        return session.dialect.touched(session.connection, session.history.own_tables, session.lock_timeout)


def look(session: Session, key: str) -> Kept | str:
    """Read what is kept, if that is what the ``key`` says; else say why not, in half a sentence."""
    with session.reading():
        kept = session.dialect.kept(session.connection)
        if kept is None:
            return _hindrance(session) or "no rows are kept"
        if kept.key != key:
            return "what the rows are made of has changed since they were kept"
        if not _fits(session, kept):
            return _RAN
        if kept.heads != _digest(_heads(session)):
            return _MIGRATED
        return kept if _as_it_was(session, kept) else _altered(session)


def restore(session: Session, kept: Kept, now: datetime) -> Rewound:
    """Put back what was written since ``prepare``, and every sequence that has moved, in one transaction.

    Holds the run's lock itself, in that transaction; where nothing was written, none is needed. The caller has looked
    whether a reset is allowed. Where anything was put back, an entry of the history says so, with the rows as changes;
    all seeds stay applied. ``now`` is the clock of the seeds.

    Raises:
        Stale: the history has gone on, or the schema has changed, since rows were kept; nothing was changed.
        Locked: another runner is at work, or somebody has used a table for too long; nothing was changed.
        DatabaseError: the rows that are kept do not fit any more, or the database refuses; nothing was changed.
        Protected: rows of tables that stay point to some that would go; nothing was changed.
    """
    connection, dialect = session.connection, session.dialect
    started = datetime.now(UTC)
    claim, done = session.claim(), Rewound()
    with session.translated(), dialect.rewinding(connection, claim):
        written = dialect.written(connection)
        _refuse(session, kept)
        if written:
            dialect.hold(connection, claim)
            _refuse(session, kept)
            done = dialect.rewind(connection, session.progress.reached)
            _refuse(session, kept)  # all who were waited for, also at their tables, may have changed that
        if done:
            *_, behind, heads = connection.info[_SOUND]
            session.history.record(connection, _entry(session, done, heads, started, now))
            if behind >= 2 * PUT_BACK:
                session.history.thin(connection, kept.entry)
            session.progress.reached("before commit")
    if done:
        session.progress.reached("after commit")
    return done


def let_go(session: Session) -> None:
    """Drop what is kept, and note nothing any more: what seeds write then costs what it always did."""
    with session.translated(), session.dialect.transaction(session.connection, write=True):
        session.dialect.let_go(session.connection)


def _hindrance(session: Session) -> str | None:
    connection, history = session.connection, session.history
    if not (history.exists(connection) and history.newest(connection)[0]):
        return "nothing was seeded yet"
    return session.dialect.keeping_hindrance(connection, _scope(session))


def _refuse(session: Session, kept: Kept) -> None:
    """Refuse what the history or the catalogue has gone beyond, unless nobody has committed since that was asked."""
    connection, dialect = session.connection, session.dialect
    moment = dialect.moment(connection)
    if moment is not None and connection.info.get(_SOUND, ())[:2] == (kept, moment):
        return
    newest, behind = session.history.newest(connection)
    if kept.entry != newest:
        raise Stale(_RAN)
    heads = _heads(session)
    if kept.heads != _digest(heads):
        raise Stale(_MIGRATED)
    if dialect.defined(connection) and not _as_it_was(session, kept):
        raise Stale(_altered(session))
    connection.info[_SOUND] = (kept, moment, behind, heads)


def _altered(session: Session) -> str:
    """Say that the schema has changed, and in what as far as that is known."""
    found = session.dialect.altered(session.connection, session.history.own_tables)
    return f"{_ALTERED}: {listed(found)}" if found else _ALTERED


def _as_it_was(session: Session, kept: Kept) -> bool:
    """Compare the catalogue."""
    return kept.fingerprint == session.dialect.known_fingerprint(session.connection, session.history.own_tables)


def _fits(session: Session, kept: Kept) -> bool:
    history = session.history
    return (kept.history, kept.entry) == (history.qualified_name, history.newest(session.connection)[0])


def _scope(session: Session) -> Scope:
    """Take all tables with content, but for those that the manifest keeps."""
    history, keys = session.history, staying.foreign_keys(session)
    names = content.tables(session)
    stays = staying.kept(session, keys, names, ())
    return Scope(
        tuple(children_first(set(names) - set(stays), keys)),
        tuple((history.schema, name) for name in sorted(history.own_tables)),
        tuple(sorted(stays)),
    )


def _content(session: Session, key: str) -> Kept:
    connection, history = session.connection, session.history
    fingerprint = session.dialect.known_fingerprint(connection, history.own_tables)
    return Kept(history.qualified_name, history.newest(connection)[0], key, _digest(_heads(session)), fingerprint)


def _heads(session: Session) -> tuple[str, ...]:
    """Read which migrations have run."""
    version = session.schema_version
    return version.heads(session.connection) if version else ()


def _digest(heads: tuple[str, ...]) -> str:
    return blake2b(",".join(heads).encode(), digest_size=8, person=b"tdm-seed").hexdigest()


def _entry(session: Session, done: Rewound, heads: tuple[str, ...], started: datetime, now: datetime) -> Applied:
    changes = Changes(
        inserted=sum(each.inserted for each in done.tables),
        updated=sum(each.updated for each in done.tables),
        deleted=sum(each.deleted for each in done.tables),
    )
    return entry(session, started, clock=now, heads=heads, changes=changes, note={WAY: Way.ROWS.value})
