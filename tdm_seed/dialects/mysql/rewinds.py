"""Putting back what was written, as the contract asks for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy.engine import Connection

from tdm_seed.dialects.mysql import altered, hindrances, keeping, lock, rewind
from tdm_seed.dialects.mysql.waits import patient
from tdm_seed.dialects.rewinding import Kept, Rewinding, Rewound, Scope, Touched, Transactions
from tdm_seed.dialects.waiting import Claim


class Rewinds(Rewinding):
    """The server's binlog notes which tables are written, by whomever; the rows are in a database beside."""

    def keeping_hindrance(self, connection: Connection, scope: Scope) -> str | None:
        """Name what the server, this user, or the tables lack."""
        return hindrances.hindrance(connection, scope)

    def keep(self, connection: Connection, scope: Scope, content: Kept, patience: float) -> None:
        """Copy all rows beside."""
        with patient(connection, patience):
            keeping.keep(connection, scope, content)

    def kept(self, connection: Connection) -> Kept | None:
        """Read what is kept, unless the binlog since then is gone."""
        found = rewind.look(connection)
        return None if found.lost else found.content

    def let_go(self, connection: Connection) -> None:
        """Drop the copies, unless this user may not or somebody reads them."""
        keeping.forget(connection)

    def written(self, connection: Connection) -> bool:
        """Ask for the end of the binlog and for all numbers at once; what is found is where ``rewind`` begins."""
        found = connection.info[rewind.FOUND] = rewind.look(connection)
        return bool(found)

    def touched(self, connection: Connection, own: Collection[str], patience: float) -> Touched | None:
        """Name the tables that the binlog tells of, and those whose numbers have moved."""
        return rewind.named(connection, rewind.look(connection))

    def altered(self, connection: Connection, own: Collection[str]) -> Sequence[str]:
        """Compare tables and columns."""
        return altered.altered(connection)

    def defined(self, connection: Connection) -> bool:
        """Look whether the binlog that ``written`` has read tells of any such statement; ``rewind`` looks by itself."""
        found: rewind.Found | None = connection.info.get(rewind.FOUND)
        return found is not None and found.defined

    @contextmanager
    def rewinding(self: Transactions, connection: Connection, claim: Claim) -> Iterator[None]:
        """Set numbers back behind the transaction, since that commits, and let others run."""
        connection.info.pop(rewind.MOVES, None)
        try:
            with patient(connection, claim.timeout):
                with self.transaction(connection, write=True):
                    yield
                rewind.renumber(connection)
        finally:
            lock.let_go(connection)

    def hold(self, connection: Connection, claim: Claim) -> None:
        """Take the run's lock on the very connection, and leave no name: that would be a statement that commits."""
        lock.take(connection, claim)

    def rewind(self, connection: Connection, reached: Callable[[str], None]) -> Rewound:
        """Put back the tables that were written, and all numbers that have moved."""
        return rewind.run(connection, reached)
