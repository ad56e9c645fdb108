"""The part of the contract that makes databases which live as long as a command does, where a database can."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from typing import Final, Protocol
from uuid import uuid4

from sqlalchemy.engine import URL

from tdm_seed.dialects.waiting import Claim
from tdm_seed.errors import UsageError

#: What the names of all such databases begin with.
PREFIX: Final = "tdm_seed_check_"
#: A table by which they are known where a database cannot carry a comment; it is no content.
MARK: Final = "tdm_seed_check"
#: By this they are known, beside what their names and locks tell.
SIGN: Final = "tdm-seed check: dropped when it ends, or by the next one"
#: What to do where none can be made.
INSTEAD: Final = "say --url with an empty one that may be thrown away."

_NAME: Final = re.compile(rf"({PREFIX}[0-9a-f]{{12}})_[0-9]+")


def new_run() -> str:
    """Name a run: what the names of its databases begin with, and the lock that it holds while there are any."""
    return f"{PREFIX}{uuid4().hex[:12]}"


def run_of(name: str) -> str | None:
    """Give the run that a database belongs to by its name; None where no run of ours gives such names."""
    found = _NAME.fullmatch(name)
    return found[1] if found else None


class Databases(Protocol):
    """Databases beside the one of a URL, that one's like and empty; those left when the run ends are dropped."""

    def new(self) -> URL:
        """Make an empty database.

        Raises:
            DatabaseError: this user may not.
        """

    def copy(self, source: URL) -> URL:
        """Make a copy of a database, rows and all; nobody may be connected to it.

        Raises:
            Locked: somebody is, and is named; unless it was made here, then their connections are ended.
            DatabaseError: this user may not.
        """

    def drop(self, url: URL) -> None:
        """Drop a database that was made here, whoever is connected to it."""


class Throwaways:
    """How databases are made for a while. Without an implementation one has to be named that is there."""

    def throwaways(self, url: URL, application: str, claim: Claim) -> AbstractContextManager[Databases]:
        """Make databases during the block, beside that of the URL, which need not be there.

        Those of runs that were cut off are dropped first. The run holds a lock by which others tell that it lives.

        Raises:
            UsageError: none can be made here.
            DatabaseError: the server does not let us in.
        """
        raise UsageError(
            "check works on an empty database, and which one was not said",
            hint="Say --url with one that may be thrown away.",
        )
