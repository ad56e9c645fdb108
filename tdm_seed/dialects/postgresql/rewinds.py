"""Putting back what was written, as the contract asks for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from sqlalchemy.engine import Connection

from tdm_seed.dialects.postgresql import altered, emptying, holders, keeping, lock, marks, rewind, touching
from tdm_seed.dialects.postgresql.sending import driver_of
from tdm_seed.dialects.rewinding import Kept, Rewinding, Rewound, Scope, Touched, Transactions
from tdm_seed.dialects.waiting import Claim

#: Each statement sees what was committed before it.
_SEEING: Final = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"


class Rewinds(Rewinding):
    """Triggers note the keys of rows that are written, by whomever; owning the tables is enough."""

    def keeping_hindrance(self, connection: Connection, scope: Scope) -> str | None:
        """Name what belongs to another role, or what the tables have that cannot be put back row by row."""
        return keeping.hindrance(connection, scope)

    def keep(self, connection: Connection, scope: Scope, content: Kept, patience: float) -> None:
        """Copy all rows in the database itself."""
        emptying.be_impatient(connection, patience)
        keeping.keep(connection, scope, content)

    def kept(self, connection: Connection) -> Kept | None:
        """Read what is kept."""
        return keeping.kept(connection)

    def let_go(self, connection: Connection) -> None:
        """Drop the copies and the triggers, unless somebody uses a table."""
        keeping.forget(connection)

    def written(self, connection: Connection) -> bool:
        """Tell what ``rewinding`` has found: marks and moved sequences, which is where ``rewind`` begins."""
        return bool(connection.info[rewind.FOUND])

    def moment(self, connection: Connection) -> object | None:
        """Tell by the snapshot in which marks were looked for: every transaction that writes makes it another one."""
        return connection.info.get(marks.MOMENT)

    def touched(self, connection: Connection, own: Collection[str], patience: float) -> Touched | None:
        """Give the marks and the moved sequences their names; somebody may hold a sequence."""
        emptying.be_impatient(connection, patience)
        return touching.named(connection, marks.written(connection))

    def altered(self, connection: Connection, own: Collection[str]) -> Sequence[str]:
        """Compare tables, sequences and columns, and name what has a later number."""
        return altered.altered(connection, own)

    @contextmanager
    def rewinding(self: Transactions, connection: Connection, claim: Claim) -> Iterator[None]:
        """See what others have committed before their tables are locked, and wait for nobody for ever."""
        for noted in (rewind.MOVES, rewind.FOUND):
            connection.info.pop(noted, None)
        try:
            with self.transaction(connection, write=True):
                rewind.begin(connection, [_SEEING, emptying.impatience(claim.timeout)])
                yield
                rewind.commit(connection)
        finally:
            if not connection.invalidated:
                connection.info.pop(rewind.FOUND, None)

    def hold(self, connection: Connection, claim: Claim) -> None:
        """Take the run's lock in the transaction itself, which spares a second connection.

        Where it is waited for, the transaction begins anew: whoever holds it may want to drop what was read, and would
        wait for us as we wait for them. What was found written is asked again then.
        """
        asked, waited = rewind.FOUND in connection.info, []

        def anew() -> None:
            waited.append(True)
            driver_of(connection).rollback()
            for each in ("SET LOCAL TIME ZONE 'UTC'", _SEEING):
                connection.exec_driver_sql(each)

        lock.take(connection, claim, anew=anew)
        if waited or not asked:
            emptying.be_impatient(connection, claim.timeout)
        if waited and asked:
            connection.info[rewind.FOUND] = marks.written(connection)

    def rewind(self, connection: Connection, reached: Callable[[str], None]) -> Rewound:
        """Put back the rows whose keys were noted, and all sequences that have moved."""
        with holders.told(connection, touching.members, readers=False):
            return rewind.run(connection, reached)
