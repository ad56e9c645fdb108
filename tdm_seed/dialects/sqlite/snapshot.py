"""Snapshots as files in a folder beside the database."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from sqlalchemy.engine import Connection, Engine

from tdm_seed.dialects.file_lock import file_lock
from tdm_seed.dialects.snapshots import Mark, Snapshot, foreign, name_of, of_another_version
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
        """Hold a lock file in the folder."""
        self._folder.mkdir(exist_ok=True)
        return file_lock(self._folder / "lock", claim)

    def snapshots(self) -> list[Snapshot]:
        """List the files of our names and what their marks say; a file of another size is not what was marked."""
        found = []
        for path in sorted(self._folder.glob(f"{name_of(self.database)}*.db")):
            said, size = self._said(path.stem), path.stat().st_size
            if foreign(said):
                continue
            mark = Mark.read(said)
            found.append(Snapshot(path.stem, mark if mark and mark.size == size else None, size))
        return found

    def build(self, key: str, describe: Callable[[Connection], Mark], *, force: bool) -> Snapshot:
        """Copy page by page within one read transaction of SQLite's own, then rename twice: the file, and its mark."""
        name = name_of(self.database, key)
        self._folder.mkdir(exist_ok=True)
        if foreign(self._said(name)):
            raise of_another_version(name)
        self._remove(name)
        part = self._file(name, ".part")
        part.unlink(missing_ok=True)
        try:
            with self._driver() as source, closing(sqlite3.connect(part)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE").fetchall()
            self._reached("after copy")
            with self._engine(part).connect() as connection:
                mark = replace(describe(connection), size=part.stat().st_size)
            os.replace(part, self._file(name, ".db"))
            self._reached("before mark")
            written = self._file(name, ".part")
            written.write_text(mark.written(), encoding="utf-8")
            os.replace(written, self._file(name, ".json"))
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        self._reached("after mark")
        return Snapshot(name, mark, mark.size)

    def clone(self, snapshot: Snapshot, finish: Callable[[Connection], None], *, force: bool) -> None:
        """Write the snapshot's pages over the open file, in one transaction, so that connections stay valid."""
        path = self._file(snapshot.name, ".db")
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as copy, self._driver() as target:
            self._reached("before drop")
            try:
                copy.backup(target, progress=_impatience(), sleep=_STEP)
            except sqlite3.DatabaseError as error:
                if "malformed" in str(error) or "not a database" in str(error):
                    raise DatabaseError(
                        f"the snapshot {snapshot.name} cannot be read: {error}",
                        file=path,
                        hint="The database is what it was. `tdm-seed snapshot save --again` makes another.",
                    ) from error
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
