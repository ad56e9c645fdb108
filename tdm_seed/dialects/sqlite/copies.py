"""The part of the contract that copies whole databases, as SQLite does it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Final, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from tdm_seed.dialects.snapshots import Snapshots, Store
from tdm_seed.dialects.throwaway import Databases, Throwaways
from tdm_seed.dialects.waiting import Claim
from tdm_seed.errors import UsageError

_CATALOGUE: Final = sa.text(
    "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE tbl_name NOT IN :own AND name NOT LIKE 'sqlite\\_%' "
    "ESCAPE '\\' AND name NOT LIKE 'tdm\\_seed%' ESCAPE '\\' ORDER BY type, name"
).bindparams(sa.bindparam("own", expanding=True))


class _Reaching(Protocol):
    """What a dialect needs besides, and has."""

    def engine(self, url: URL, application: str) -> Engine: ...

    def file(self, url: URL) -> Path | None: ...


class Copies(Snapshots, Throwaways):
    """Files that are written with SQLite's own backup, and written back over the open file."""

    takes_snapshots: ClassVar[bool] = True

    def store(
        self: _Reaching, url: URL, connection: Connection, application: str, reached: Callable[[str], None],
        patience: float,
    ) -> Store:  # fmt: skip
        """Find the file, which need not be there yet."""
        from tdm_seed.dialects.sqlite.snapshot import Files

        path = self.file(url)
        if path is None:
            raise UsageError(
                "snapshots are not to be had here: the database is in memory",
                hint="Give it a file, or let `tdm-seed reset` empty it and seed it again.",
            )
        return Files(lambda file: self.engine(url.set(database=str(file)), application), path, reached)

    @contextmanager
    def throwaways(self: _Reaching, url: URL, application: str, claim: Claim) -> Iterator[Databases]:
        """Make files in a folder of their own, which the system clears of what is left there."""
        from tdm_seed.dialects.sqlite.throwaway import Folder

        with TemporaryDirectory(prefix="tdm-seed-") as folder:
            yield Folder(Path(folder), url, self.file)

    def fingerprint(self, connection: Connection, own: Collection[str]) -> str:
        """Digest the statements that made everything."""
        digest = sha256()
        for row in connection.execute(_CATALOGUE, {"own": sorted(own)}):
            digest.update(repr(tuple(row)).encode())
        return digest.hexdigest()

    def standing(self, connection: Connection) -> tuple[Any, ...]:
        """Give the version of the file format, which is SQLite's major one, and the encoding."""
        return ("sqlite", 3, connection.exec_driver_sql("PRAGMA encoding").scalar_one())
