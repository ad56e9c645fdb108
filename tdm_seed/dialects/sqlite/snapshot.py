"""Snapshots as files in a folder beside the database."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import Final

from sqlalchemy.engine import Connection, Engine

from tdm_seed.dialects.file_lock import file_lock
from tdm_seed.dialects.snapshots import Mark, Snapshot, dropped_meanwhile, foreign, name_of, of_another_version
from tdm_seed.dialects.waiting import Claim
from tdm_seed.errors import DatabaseError, Locked

#: Seconds that a restore waits for those who read or write the database.
PATIENCE: Final = 5.0
_STEP: Final = 0.05


class Files:
    """The store of a database file: ``shop.db.tdm-seed-snapshots`` with each snapshot and, written last, its mark.

    The folder is the database's neighbour and not the project's, since it is as large, belongs to whoever may read the
    database, and is found from wherever a project lies.
    """

    def __init__(self, engine: Callable[[Path], Engine], path: Path, reached: Callable[[str], None]) -> None:
        self._engine = engine
        self._path = path.resolve()
        self._folder = self._path.with_name(f"{self._path.name}.tdm-seed-snapshots")
        self._reached = reached

    @property
    def database(self) -> str:
        """The path of the file."""
        return str(self._path)

    def lock(self, claim: Claim) -> AbstractContextManager[object]:
        """Hold a lock file in the folder, where the rows are for those alone who may read the database."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        return file_lock(self._folder / "lock", claim)

    def snapshots(self) -> list[Snapshot]:
        """List the files of our names and what their marks say.

        A file of another size is not what was marked, and one that has no digest cannot be known to be.
        """
        found = []
        for path in sorted(self._folder.glob(f"{name_of(self.database)}*.db")):
            said = self._said(path.stem)
            try:
                size = path.stat().st_size
            except FileNotFoundError:  # somebody has dropped it
                continue
            if foreign(said):
                continue
            mark = Mark.read(said)
            found.append(Snapshot(path.stem, mark if mark and mark.size == size and mark.digest else None, size))
        return found

    def build(self, key: str, describe: Callable[[Connection], Mark], *, force: bool) -> Snapshot:
        """Copy page by page within one read transaction of SQLite's own, then rename twice: the file, and its mark."""
        name = name_of(self.database, key)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        if foreign(self._said(name)):
            raise of_another_version(name)
        self._remove(name)
        part = self._file(name, ".part")
        part.unlink(missing_ok=True)
        try:
            part.touch(0o600)
            shutil.copymode(self._path, part)
            with self._driver() as source, closing(sqlite3.connect(part)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE").fetchall()
            self._reached("after copy")
            with self._engine(part).connect() as connection:
                mark = describe(connection)
            mark = replace(mark, size=part.stat().st_size, digest=_digest(part))
            self._put(part, ".db")
            self._reached("before mark")
            part.write_text(mark.written(), encoding="utf-8")
            self._put(part, ".json")
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        self._reached("after mark")
        return Snapshot(name, mark, mark.size)

    def clone(self, snapshot: Snapshot, finish: Callable[[Connection], None], *, force: bool) -> None:
        """Write the snapshot's pages over the open file, in one transaction, so that connections stay valid."""
        path = self._file(snapshot.name, ".db")
        try:
            found = _digest(path)
        except FileNotFoundError as error:
            raise dropped_meanwhile(snapshot.name) from error
        except OSError as error:
            raise _unreadable(snapshot, path, error.strerror or str(error)) from error
        if snapshot.mark is None or found != snapshot.mark.digest:
            raise _unreadable(snapshot, path, "its bytes are not those that were saved")
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as copy, self._driver() as target:
            self._reached("before drop")
            try:
                copy.backup(target, progress=_impatience(), sleep=_STEP)
            except sqlite3.DatabaseError as error:
                if "malformed" in str(error) or "not a database" in str(error):
                    raise _unreadable(snapshot, path, str(error)) from error
                raise
        self._reached("after drop")
        with self._engine(self._path).begin() as connection:
            finish(connection)

    def drop(self, snapshot: Snapshot) -> bool:
        """Take the mark away first, so that what is left is half of one."""
        self._remove(snapshot.name)
        return True

    def tidy(self) -> None:
        """Remove files without a mark."""
        for each in self.snapshots():
            if not each.complete:
                self._remove(each.name)
        for path in self._folder.glob(f"{name_of(self.database)}*.part"):
            path.unlink(missing_ok=True)

    def _put(self, part: Path, suffix: str) -> None:
        """Give a file its name when its bytes are on the disk, so that no loss of power leaves a name without them."""
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, part.with_suffix(suffix))
        if os.name == "posix":  # elsewhere no folder can be opened
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _remove(self, name: str) -> None:
        for suffix in (".json", ".db"):
            self._file(name, suffix).unlink(missing_ok=True)

    def _file(self, name: str, suffix: str) -> Path:
        return self._folder / f"{name}{suffix}"

    def _said(self, name: str) -> str | None:
        try:
            return self._file(name, ".json").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    @contextmanager
    def _driver(self) -> Iterator[sqlite3.Connection]:
        """Connect with the options of the URL, but in a transaction of nobody's."""
        with self._engine(self._path).connect() as connection:
            found = connection.connection.driver_connection
            assert isinstance(found, sqlite3.Connection)
            yield found


def _digest(path: Path) -> str:
    """Digest the bytes of a file, a piece at a time."""
    with path.open("rb") as file:
        return file_digest(file, lambda: blake2b(digest_size=16, person=b"tdm-seed")).hexdigest()


def _unreadable(snapshot: Snapshot, path: Path, why: str) -> DatabaseError:
    return DatabaseError(
        f"the snapshot {snapshot.name} cannot be read: {why}",
        file=path,
        hint="The database is what it was. When it is up to date, `tdm-seed snapshot save --again` makes this anew.",
    )


def _impatience() -> Callable[[int, int, int], None]:
    """Give what ends a copy that somebody keeps waiting: it would wait for ever."""
    end = time.monotonic() + PATIENCE

    def step(status: int, remaining: int, total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > end:
            raise Locked(
                f"somebody reads or writes the database, and did not stop for {PATIENCE:g} s",
                hint="The database is what it was. Close what uses it, and run the command again.",
            )

    return step
