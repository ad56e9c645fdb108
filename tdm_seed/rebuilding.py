"""Taking indexes down for longer than a transaction, and building them again whatever happens."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.appending import Down
from tdm_seed.dialects.base import Dialect
from tdm_seed.errors import TdmSeedError
from tdm_seed.journal import Journal, Noted

Transaction = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class Rebuilding:
    """Tables that stand without their indexes, and the journal that knows of it.

    What is down stands in the journal, whenever that is looked at: where a transaction holds DDL, both change in the
    same one; elsewhere the journal is written before and read as what may be down.
    """

    connection: Connection
    dialect: Dialect
    journal: Journal
    reached: Callable[[str], None]

    def take_down(self, seed: str, table: sa.Table, transaction: Transaction) -> None:
        """Take down what is quicker to build again once many rows are in the table."""
        if not self.dialect.transactional_ddl:
            with transaction():
                self.journal.create(self.connection)
        with transaction():
            for _ in self.dialect.take_down(self.connection, table, partial(self._note, seed)):
                self.reached("during index drop")
        self.reached("after index drop")

    def build(self, left: Sequence[Noted], transaction: Transaction) -> None:
        """Build again what is down, and commit each part with what the journal says of it.

        Indexes are built on two connections where the database can; one that cannot be built stays in the journal, and
        keeps no other index from being built.

        Raises:
            TdmSeedError: rows break a key, which is named; the journal still holds it.
        """
        beside = [each for each in left if each.down.beside]
        if len(beside) > 1:
            self._beside(beside, transaction)
            left = [each for each in left if not each.down.beside]
        for unit in self._units(left):
            with transaction():
                self.here(unit)

    def here(self, left: Sequence[Noted]) -> None:
        """Build in the transaction at hand.

        Raises:
            TdmSeedError: rows break a key, which is named.
        """
        for unit in self._units(left):
            self._one(self.connection, unit)

    def _note(self, seed: str, downs: Sequence[Down]) -> None:
        if self.dialect.transactional_ddl:
            self.journal.create(self.connection)
        self.journal.write(self.connection, seed, downs)
        if not self.dialect.transactional_ddl:
            self.connection.exec_driver_sql("COMMIT")
        self.reached("after journal")

    def _units(self, left: Iterable[Noted]) -> list[list[Noted]]:
        """Divide what is to be built: where DDL commits, tables have all that is theirs built in one statement."""
        if self.dialect.transactional_ddl:
            return [[each] for each in left]
        return [list(each) for _, each in groupby(left, key=lambda noted: (noted.seed, noted.down.table))]

    def _beside(self, left: Sequence[Noted], transaction: Transaction) -> None:
        """Share the work between this connection and another one, whichever is done first taking the next part."""
        waiting = deque(left)
        with ExitStack() as stack:
            try:
                second = stack.enter_context(self.connection.engine.connect())
            except self.dialect.driver_errors:  # as many as the server or the user may have
                self._take_turns(self.connection, waiting, transaction)
                return
            pool = stack.enter_context(ThreadPoolExecutor(1))
            begin = partial(self.dialect.transaction, second, write=True)
            other = pool.submit(self._take_turns, second, waiting, begin)
            try:
                self._take_turns(self.connection, waiting, transaction)
                other.result()
            except TdmSeedError:  # the other one goes on with what can be built
                raise
            except BaseException:
                waiting.clear()
                self.dialect.interrupt(second)
                raise

    def _take_turns(self, connection: Connection, waiting: deque[Noted], transaction: Transaction) -> None:
        while True:
            try:
                each = waiting.popleft()
            except IndexError:
                return
            with transaction():
                self._one(connection, [each])

    def _one(self, connection: Connection, unit: Sequence[Noted]) -> None:
        try:
            self.dialect.build(connection, [each.down for each in unit])
        except self.dialect.driver_errors as error:
            translated = self.dialect.translate_error(error)
            raise self._explained(translated, unit, isinstance(error, sa.exc.IntegrityError)) from error
        except TdmSeedError as error:
            raise self._explained(error, unit, broken=True) from error.__cause__
        self.reached("during rebuild")
        self.journal.remove(connection, unit)

    def _explained(self, error: TdmSeedError, unit: Sequence[Noted], broken: bool) -> TdmSeedError:
        seed = unit[0].seed
        if broken:
            error.hint = (
                "The key was taken down while the rows were loaded, and they break it. Take them back: "
                f"`tdm-seed downgrade {seed.split('_', 2)[-1]}`; then correct them."
            )
        return error.located(seed=seed, table=unit[0].down.table)
