"""Putting back what was written, from a copy of the file that is written over the open one."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote, unquote

from sqlalchemy.engine import URL, Connection

from tdm_seed.dialects.rewinding import Kept, Rewinding, Rewound, Scope, Touched
from tdm_seed.dialects.sqlite import comparing
from tdm_seed.dialects.sqlite.deferred import driver_of
from tdm_seed.dialects.waiting import Claim
from tdm_seed.errors import DatabaseError, Locked

#: What the copy's name has behind that of the file, before what it says of the content.
_SUFFIX: Final = ".tdm-seed.rows"
#: What SQLite writes to beside a file.
_BESIDE: Final = ("-journal", "-wal", "-shm")
#: Where a connection notes at which version of the file it was like the copy.
_LIKE: Final = "tdm_seed_like_copy"
#: Where a connection notes what is another one once anybody has committed.
_MOMENT: Final = "tdm_seed_moment"
#: Where a connection notes how many seconds whoever reads the file is waited for.
_PATIENCE: Final = "tdm_seed_patience"


#: How many parts there are in what a copy's name says.
_PARTS: Final = 5


def _copy(path: Path, kept: Kept) -> Path:
    said = (str(kept.entry), kept.key, kept.heads, kept.fingerprint, quote(kept.history, safe=""))
    return path.with_name("-".join((f"{path.name}{_SUFFIX}", *said)))


def copies(path: Path) -> list[Path]:
    """List the copies of a file; one that is not finished has another name."""
    prefix = f"{path.name}{_SUFFIX}-"
    found = {each for each in path.parent.iterdir() if each.name.startswith(prefix)}
    return sorted(found - {beside for each in found for beside in _beside(each)})


def _beside(copy: Path) -> list[Path]:
    return [copy.with_name(f"{copy.name}{suffix}") for suffix in _BESIDE]


def remove(copy: Path) -> None:
    """Remove a copy, and what SQLite has left beside it."""
    for each in (*_beside(copy), copy):
        each.unlink(missing_ok=True)


def keep(connection: Connection, path: Path, kept: Kept) -> None:
    """Copy the file, which nobody else may write to meanwhile: the transaction at hand is the writer."""
    made = path.with_name(f"{path.name}{_SUFFIX}.new")
    remove(made)
    try:
        made.touch(0o600)
        shutil.copymode(path, made)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(made)) as copy:
            copy.execute("PRAGMA synchronous=OFF")
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        with made.open("rb") as file:
            os.fsync(file.fileno())
        for old in copies(path):
            remove(old)
        made.replace(_copy(path, kept))
    except (OSError, sqlite3.Error) as error:
        remove(made)
        raise DatabaseError(f"the file cannot be copied to go back to it: {error}") from error
    connection.info[_LIKE] = _version(driver_of(connection))


def kept(path: Path) -> Kept | None:
    """Read from the copy's name what it is."""
    found = _complete(path)
    return None if found is None else found[1]


def _complete(path: Path) -> tuple[Path, Kept] | None:
    read = ((copy, _content(path, copy)) for copy in copies(path))
    return next(((copy, said) for copy, said in read if said is not None), None)


def _content(path: Path, copy: Path) -> Kept | None:
    """Understand a copy's name; another version's may say less."""
    entry, *said = copy.name.removeprefix(f"{path.name}{_SUFFIX}-").split("-", _PARTS - 1)
    if len(said) < _PARTS - 1:
        return None
    *digests, history = said
    return Kept(unquote(history), int(entry), *digests)


def _remember(driver: sqlite3.Connection, copy: sqlite3.Connection, kept: Kept) -> None:
    """Make the copy's history that of the file, which was gone back to before, most of all the last time."""
    table = ".".join('"' + part.replace('"', '""') + '"' for part in kept.history.split("."))
    behind = f"FROM {table} WHERE id > ?"
    with copy:
        (newest,) = copy.execute(f"SELECT max(id) FROM {table}").fetchone()
        for row in driver.execute(f"SELECT * {behind}", (newest,)).fetchall():
            copy.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
        (first,) = driver.execute(f"SELECT min(id) {behind}", (kept.entry,)).fetchone()
        copy.execute(f"DELETE {behind} AND id < coalesce(?, id + 1)", (kept.entry, first))


def put_back(connection: Connection, path: Path, reached: Callable[[str], None]) -> Rewound:
    """Write the copy over the file, unless nobody has written since it was like the copy.

    The transaction at hand ends meanwhile, since a backup is one of its own. Nobody gets in between: the file stays
    locked, but where there is a write-ahead log, whose readers are not locked out; there, nothing is remembered.
    """
    if not written(connection):
        return Rewound()
    driver = driver_of(connection)
    reached("before putting back")
    found = _complete(path)
    if found is None:
        raise DatabaseError("the copy to go back to is gone", hint="Run the command again.")
    source, said = found
    with closing(sqlite3.connect(source)) as copy:
        _remember(driver, copy, said)
        driver.execute("ROLLBACK")
        connection.info.pop(_LIKE, None)
        logged = driver.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        if not logged:
            driver.execute("PRAGMA locking_mode=EXCLUSIVE")
        copy.backup(driver, progress=_Impatient(connection.info[_PATIENCE]), sleep=0.01)
    driver.execute("BEGIN IMMEDIATE")
    if logged:
        connection.info.pop(_MOMENT)
    else:
        connection.info[_LIKE] = _version(driver)
    reached("after putting back")
    return Rewound(whole=True)


def written(connection: Connection) -> bool:
    """Tell whether somebody has written since the file was like the copy, as far as this connection knows."""
    return connection.info.get(_LIKE) != _version(driver_of(connection))


def touched(connection: Connection, path: Path, own: Collection[str]) -> Touched | None:
    """Compare the file with its copy, unless it is known to be like it; then it is known to be."""
    if not written(connection):
        return Touched()
    version, complete = _version(driver_of(connection)), _complete(path)
    found = None if complete is None else comparing.compare(path, complete[0], own)
    if found is not None and not found:
        connection.info[_LIKE] = version
    return found


def unlock(connection: Connection) -> None:
    """Let others in again; the lock goes with the next reading."""
    driver = driver_of(connection)
    driver.execute("PRAGMA locking_mode=NORMAL")
    driver.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()


def _version(driver: sqlite3.Connection) -> int:
    """Read a number that is another one once another connection has committed, 6 µs."""
    (version,) = driver.execute("PRAGMA data_version").fetchone()
    return int(version)


class _Impatient:
    """Gives a backup up that waits for others; it is told of each attempt."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def __call__(self, status: int, remaining: int, total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > self._end:
            raise Locked(
                "somebody reads or writes the database, and was not done in time",
                hint="Nothing was changed. Let them end their transaction, or wait longer with --lock-timeout SECONDS.",
            )


class _Needs(Protocol):
    """What a dialect needs besides, and has."""

    def file(self, url: URL) -> Path | None: ...

    def lock(self, connection: Connection, claim: Claim) -> AbstractContextManager[object]: ...

    def transaction(self, connection: Connection, *, write: bool) -> AbstractContextManager[object]: ...


class Rewinds(Rewinding):
    """The file goes back as a whole, with its history; connections to it stay open."""

    def keeping_hindrance(self: _Needs, connection: Connection, scope: Scope) -> str | None:
        """Only a file can be copied, and only as a whole."""
        if self.file(connection.engine.url) is None:
            return "the database is in memory"
        if scope.staying:
            return f"the manifest keeps {scope.staying[0]}, and the file goes back as a whole"
        return None

    def keep(self: _Needs, connection: Connection, scope: Scope, content: Kept, patience: float) -> None:
        """Copy the file to one beside it."""
        if path := self.file(connection.engine.url):
            keep(connection, path, content)

    def kept(self: _Needs, connection: Connection) -> Kept | None:
        """Look for the copy."""
        path = self.file(connection.engine.url)
        return None if path is None else kept(path)

    def let_go(self: _Needs, connection: Connection) -> None:
        """Remove the copy."""
        path = self.file(connection.engine.url)
        for copy in copies(path) if path is not None else ():
            remove(copy)

    def written(self, connection: Connection) -> bool:
        """Compare the version of the file with that at which it was like the copy."""
        driver = driver_of(connection)
        (schema,) = driver.execute("PRAGMA schema_version").fetchone()
        connection.info[_MOMENT] = _version(driver), schema, driver.total_changes
        return written(connection)

    def moment(self, connection: Connection) -> object | None:
        """Tell by the versions of the file and its schema, and how many rows this connection itself has changed."""
        return connection.info.get(_MOMENT)

    def touched(self: _Needs, connection: Connection, own: Collection[str], patience: float) -> Touched | None:
        """Compare the file with its copy."""
        path = self.file(connection.engine.url)
        return None if path is None else touched(connection, path, own)

    def altered(self: _Needs, connection: Connection, own: Collection[str]) -> Sequence[str]:
        """Compare the statements that made everything with those in the copy."""
        path = self.file(connection.engine.url)
        complete = None if path is None else _complete(path)
        return [] if path is None or complete is None else comparing.altered(path, complete[0], own)

    @contextmanager
    def rewinding(self: _Needs, connection: Connection, claim: Claim) -> Iterator[None]:
        """Lock others out as every run does."""
        with self.lock(connection, claim):
            connection.info[_PATIENCE] = claim.timeout
            try:
                with self.transaction(connection, write=True):
                    yield
            finally:
                unlock(connection)

    def rewind(self: _Needs, connection: Connection, reached: Callable[[str], None]) -> Rewound:
        """Write the copy over the file."""
        path = self.file(connection.engine.url)
        return Rewound() if path is None else put_back(connection, path, reached)
