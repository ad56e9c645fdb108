"""The part of the contract that keeps copies of whole databases, where a database can make them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, ClassVar, Protocol

from sqlalchemy.engine import URL, Connection

from tdm_seed.dialects.waiting import Claim
from tdm_seed.errors import DatabaseError, TdmSeedError, UsageError

#: The first key of every mark; nobody but this tool writes it.
_SIGN = "tdm-seed snapshot"
#: What a mark of this version looks like; others are not understood, and what carries them is left alone.
_VERSION = 1
#: Where a connection remembers the catalogue's fingerprint, and by what to know that it is still right.
_SEEN = "tdm_seed_fingerprint"


@dataclass(frozen=True)
class Mark:
    """What a snapshot says of itself: where its rows came from, and what they were made of.

    ``fingerprint`` is the catalogue's, ``heads`` are the migrations that it is at, ``seeds`` how many seeds are applied
    in it, ``size`` how many bytes it had when that could be said exactly, ``digest`` is that of the bytes where they
    are ours to read.
    """

    database: str
    environment: str
    key: str
    fingerprint: str
    heads: tuple[str, ...]
    seeds: int
    made_at: datetime
    tool_version: str
    size: int | None = None
    digest: str | None = None

    def written(self) -> str:
        """Write the mark as one line of JSON."""
        return json.dumps({_SIGN: _VERSION, **asdict(self), "made_at": self.made_at.astimezone(UTC).isoformat()})

    @classmethod
    def read(cls, text: str | None) -> Mark | None:
        """Read a mark; None where this is none, whatever else it may be."""
        try:
            found = json.loads(text or "")
            if not isinstance(found, dict) or found.pop(_SIGN) != _VERSION:
                return None
            made_at = datetime.fromisoformat(found["made_at"])
            return cls(**{**found, "heads": tuple(found["heads"]), "made_at": made_at})
        except (ValueError, KeyError, TypeError):
            return None


def foreign(text: str | None) -> bool:
    """Tell whether this is a mark as another version of this tool writes it."""
    try:
        found = json.loads(text or "")
    except ValueError:
        return False
    return isinstance(found, dict) and _SIGN in found and found[_SIGN] != _VERSION


def of_another_version(name: str) -> DatabaseError:
    """Say that a snapshot stays as it is, so that nothing takes its place."""
    return DatabaseError(
        f"the snapshot {name} was made by another version of tdm-seed, which may need it",
        hint="Drop it with that version, or by hand; then save it again.",
    )


def dropped_meanwhile(name: str) -> DatabaseError:
    """Say that a snapshot was there when it was chosen, and is gone."""
    return DatabaseError(
        f"the snapshot {name} was dropped meanwhile",
        hint="The database is what it was. Run the command again: it looks for another one.",
    )


@dataclass(frozen=True)
class Snapshot:
    """A copy of a database that this tool has made. One without a ``mark`` was cut off before it was complete.

    ``size`` is in bytes, None where it is not known.
    """

    name: str
    mark: Mark | None
    size: int | None

    @property
    def complete(self) -> bool:
        """Whether it may be restored."""
        return self.mark is not None


def name_of(database: str, key: str = "") -> str:
    """Give the name of a snapshot, or what the names of all snapshots of a database begin with.

    A server keeps 63 bytes of a name, so both parts are digests.
    """
    place = blake2b(database.encode(), digest_size=5, person=b"tdm-seed").hexdigest()
    return f"tdm_seed_{place}_{key[:24]}"


class Store(Protocol):
    """Where the snapshots of a server are, as its database at hand needs them."""

    @property
    def database(self) -> str:
        """What the server calls the database at hand."""

    def lock(self, claim: Claim) -> AbstractContextManager[object]:
        """Be the only one who builds, restores or drops snapshots of this database.

        Raises:
            Locked: somebody else is at it longer than we wait.
        """

    def snapshots(self) -> list[Snapshot]:
        """List what this tool has made on the server, by name; that of others or other versions is never among it."""

    def build(self, key: str, describe: Callable[[Connection], Mark], *, force: bool) -> Snapshot:
        """Copy the database, let ``describe`` look at the copy, and mark it complete last of all.

        Raises:
            Locked: others are connected where nobody may be; with ``force`` their connections are ended.
            DatabaseError: another version has made one of this name, which stays.
            TdmSeedError: nothing is left of it.
        """

    def clone(self, snapshot: Snapshot, finish: Callable[[Connection], None], *, force: bool) -> None:
        """Put a copy of a snapshot in the place of the database; ``finish`` writes the last rows into it.

        Raises:
            Locked: others are connected where nobody may be; with ``force`` their connections are ended.
            DatabaseError: the snapshot was dropped meanwhile.
            TdmSeedError: the database is what it was.
        """

    def drop(self, snapshot: Snapshot) -> bool:
        """Drop a snapshot, unless a database is being restored from it; tell whether it is gone."""

    def tidy(self) -> None:
        """Drop what was cut off half-way, and end a swap that was cut off behind its point of no return."""


class Snapshots:
    """How whole databases are copied. Without an implementation there are no snapshots, and a reset seeds again."""

    #: Whether there are snapshots at all.
    takes_snapshots: ClassVar[bool] = False
    #: Why not, behind "snapshots are not to be had here: ".
    no_snapshots: ClassVar[str] = "tdm-seed knows no way to copy a whole database of this kind"
    #: Whether nobody may be connected to a database that is copied or replaced, not even we.
    copies_alone: ClassVar[bool] = False

    def store(
        self, url: URL, connection: Connection, application: str, reached: Callable[[str], None], patience: float
    ) -> Store:
        """Give the store of a database; the connection to it may be closed afterwards.

        ``reached`` is told the named points of building and restoring. Whoever uses a table is waited for so many
        seconds, where nobody has to leave.

        Raises:
            UsageError: there are no snapshots on this database.
        """
        raise UsageError(
            f"snapshots are not to be had here: {self.no_snapshots}",
            hint="`tdm-seed reset` empties the database and seeds it again.",
        )

    def half_swapped(
        self, url: URL, application: str, claim: Claim, error: TdmSeedError, store: Store | None = None
    ) -> URL | None:
        """Say what to connect to where a database is missing because a restore was cut off, or is just at it.

        ``store`` is that of the database if there is one already, which may hold its lock.
        """
        return None

    def end_swap(self, url: URL, application: str, claim: Claim) -> None:
        """Let what ``half_swapped`` has found take the place of the database."""

    def cut_off(self, connection: Connection) -> bool:
        """Tell whether a restore was cut off half-way in the database at hand, so that the store has to tidy."""
        return False

    def fingerprint(self, connection: Connection, own: Collection[str]) -> str:
        """Digest the catalogue by one query: all that migrations make, but neither rows nor where sequences are.

        ``own`` names tables that are left out with all that belongs to them, as is whatever begins with ``tdm_seed``.

        Raises:
            UsageError: there are no snapshots on this database.
        """
        raise UsageError(f"snapshots are not to be had here: {self.no_snapshots}")

    def stamp(self, connection: Connection, own: Collection[str]) -> str | None:
        """Ask for what is another one whenever the fingerprint is, in a fraction of its time; None where nothing is.

        It may also be another one while the fingerprint is the same. Taken in a transaction that is rolled back, it
        never comes again.
        """
        return None

    def known_fingerprint(self, connection: Connection, own: Collection[str]) -> str:
        """Give the fingerprint as ``fingerprint`` does, from memory where this connection has seen that very catalogue.

        Raises:
            UsageError: as ``fingerprint``.
        """
        stamp = self.stamp(connection, own)  # first: what changes behind it is found the next time
        if stamp is None:
            return self.fingerprint(connection, own)
        seen = (stamp, frozenset(own))
        if connection.info.get(_SEEN, (None,))[0] != seen:
            connection.info[_SEEN] = (seen, self.fingerprint(connection, own))
        known: str = connection.info[_SEEN][1]
        return known

    def standing(self, connection: Connection) -> tuple[Any, ...]:
        """Give product, major version, encoding and collation: what a copy of the same rows may differ by."""
        version = connection.dialect.server_version_info or ()
        return (connection.dialect.name, *version[:1])
