"""Database files for the length of a command."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import URL


class Folder:
    """Files in one folder, whose owner removes it with all that is in it."""

    def __init__(self, folder: Path, url: URL, file: Callable[[URL], Path | None]) -> None:
        self._folder = folder
        self._url = url
        self._file = file
        self._made = 0

    def new(self) -> URL:
        """Name a file that is not there yet, which is an empty database."""
        self._made += 1
        place = self._folder / ("check.db" if self._made == 1 else f"check{self._made}.db")
        return self._url.set(database=str(place), query={})

    def copy(self, source: URL) -> URL:
        """Copy page by page, with what a log beside the file holds; of a file that is not there, one that is not."""
        made, path = self.new(), self._file(source)
        if path is not None and path.exists():
            with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(str(made.database))) as new:
                old.backup(new)
        return made

    def drop(self, url: URL) -> None:
        """Remove the file and what stands beside it."""
        place = Path(str(url.database))
        for each in place.parent.glob(f"{place.name}*"):
            each.unlink(missing_ok=True)
