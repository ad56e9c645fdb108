"""The part of the contract that puts back only what was written since rows were kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy.engine import Connection

from tdm_seed.dialects.waiting import Claim
from tdm_seed.dialects.wording import listed

#: A schema and a table's name; the schema is None for the default one.
Name = tuple[str | None, str]


@dataclass(frozen=True)
class Kept:
    """What a database can go back to: its content at an ``entry`` of a ``history``.

    ``key`` is a digest of all that it was made of, ``heads`` one of the migrations that had run, since some insert rows
    and nothing else, and ``fingerprint`` one of the catalogue that it was in.
    """

    history: str
    entry: int
    key: str
    heads: str
    fingerprint: str


@dataclass(frozen=True)
class Scope:
    """What is to be kept: the content of ``tables`` in the default schema, which come children first.

    ``own`` are the tool's tables, and ``staying`` those that the manifest keeps: their rows and numbers go on.
    """

    tables: tuple[str, ...]
    own: tuple[Name, ...]
    staying: tuple[str, ...]


@dataclass(frozen=True)
class PutBack:
    """What was done to a table's rows. A row that was put back in two steps counts as deleted and inserted."""

    table: str
    deleted: int = 0
    updated: int = 0
    inserted: int = 0


@dataclass(frozen=True)
class Rewound:
    """What was put back: tables that had been written, sequences that had moved, views that were computed anew.

    ``whole`` says that everything was, without looking at tables; the history, too, is what it was then.
    """

    tables: tuple[PutBack, ...] = ()
    sequences: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    whole: bool = False

    def __bool__(self) -> bool:
        return bool(self.tables or self.sequences or self.whole)


@dataclass(frozen=True)
class Touched:
    """What counts as written since rows were kept, by name: tables, and sequences that have moved."""

    tables: tuple[str, ...] = ()
    sequences: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tables or self.sequences)

    def __str__(self) -> str:
        done = [f"written to {listed(self.tables)}"] if self.tables else []
        done += [f"drawn numbers from {listed(self.sequences)}"] if self.sequences else []
        return f"somebody has {' and '.join(done)}"


class Transactions(Protocol):
    """What a dialect needs besides, and has."""

    def transaction(self, connection: Connection, *, write: bool) -> AbstractContextManager[Any]:
        """Run a block in one transaction."""


class Rewinding:
    """How rows are kept, what is written since is noted, and that is put back. A database without marks does none."""

    def keeping_hindrance(self, connection: Connection, scope: Scope) -> str | None:
        """Say why rows cannot be kept here or by this role, in half a sentence; None where they can."""
        return "nothing here notes which tables are written"

    def keep(self, connection: Connection, scope: Scope, content: Kept, patience: float) -> None:
        """Keep the rows and numbers as they are now, in place of what was kept before, inside a transaction.

        ``content`` says what they are. Whoever uses a table is waited for so many seconds at most, where the database
        can be told. The caller has asked for a hindrance.
        """
        raise NotImplementedError

    def kept(self, connection: Connection) -> Kept | None:
        """Read what is kept; None where nothing is, or what there was is lost."""
        return None

    def let_go(self, connection: Connection) -> None:
        """Drop what is kept, and note nothing any more, inside a transaction."""

    def written(self, connection: Connection) -> bool:
        """Tell whether anything was written since ``keep``, or since it was put back, inside ``rewinding``.

        True where nobody knows.

        Raises:
            DatabaseError: nothing is kept any more.
        """
        return True

    def moment(self, connection: Connection) -> object | None:
        """Give what is another one once anybody has committed, as ``written`` found it; None where nothing is."""
        return None

    def touched(self, connection: Connection, own: Collection[str], patience: float) -> Touched | None:
        """Name what was written since ``keep``, though it may take a look at every row; None where nobody knows.

        ``own`` are the tool's tables. Whoever is in the way is waited for, so many seconds at most.
        """
        return None

    def defined(self, connection: Connection) -> bool:
        """Tell whether the catalogue may be another one than ``keep`` found; True where ``written`` does not know."""
        return True

    def altered(self, connection: Connection, own: Collection[str]) -> Sequence[str]:
        """Say what in the catalogue is not what ``keep`` found, as far as that is known; ``own`` as above.

        Asked only where the fingerprint is another one.
        """
        return ()

    def rewinding(self, connection: Connection, claim: Claim) -> AbstractContextManager[None]:
        """Open the transaction in which what was written is put back.

        Raises:
            Locked: the run's lock is taken before it, and was not to be had in time.
            DatabaseError: nothing is kept any more.
        """
        raise NotImplementedError

    def hold(self, connection: Connection, claim: Claim) -> None:
        """Take the run's lock for the transaction of ``rewinding``, where it was not taken before that.

        Raises:
            Locked: it was not to be had in time.
        """

    def rewind(self, connection: Connection, reached: Callable[[str], None]) -> Rewound:
        """Put back what was written since ``keep``, inside ``rewinding``, with the lock held.

        Raises:
            DatabaseError: that cannot be done as things stand, and why.
        """
        raise NotImplementedError
