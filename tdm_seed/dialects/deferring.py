"""The part of the contract that lets foreign keys be broken for a while, and proves them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects import orphans
from tdm_seed.dialects.autocommit import commits_by_itself
from tdm_seed.values import Circular


@dataclass
class _Deferral:
    """What the open blocks of `Dialect.deferred_constraints` on one connection have to prove and to put back."""

    tables: list[sa.TableClause] = field(default_factory=list)
    #: Tables that have only been added to, so that nothing that points to them can have become an orphan.
    grown: list[sa.TableClause] = field(default_factory=list)
    undo: list[str] = field(default_factory=list)


#: Where a connection notes its `_Deferral`.
_DEFERRAL = "tdm_seed_deferral"


class Deferring:
    """How foreign keys are deferred, and proven whatever the database promises."""

    #: Whether SAVEPOINT works: a seed that ends its transaction is noticed by the one around it, and an insert that
    #: lost a race to the application is tried once more behind one.
    savepoints: ClassVar[bool] = True
    #: Whether each new row makes the database look for rows that wait for it.
    awaits: ClassVar[bool] = False
    #: What lets rows come in any order where foreign keys form circles.
    way_round: ClassVar[str] = "rows must come parents first"
    #: False where `deferred_constraints` cannot defer anything, so that rows must come parents first.
    defers_foreign_keys: ClassVar[bool] = True
    #: Whether `any_order` concerns whatever is written meanwhile, and not the keys of its table alone.
    defers_for_all: ClassVar[bool] = False

    def savepoint(self, connection: Connection) -> AbstractContextManager[object]:
        """Give a point to go back to when the block raises, where there is a transaction and the database has such."""
        return connection.begin_nested() if self.savepoints and not commits_by_itself(connection) else nullcontext()

    @contextmanager
    def deferred_constraints(
        self, connection: Connection, tables: Sequence[sa.TableClause], grown: Sequence[sa.TableClause] = ()
    ) -> Iterator[None]:
        """Let foreign keys of these tables be broken inside the block; what leaves the block is proven.

        Of ``grown`` tables, to which the block only adds rows, the keys that leave them are. Blocks may be nested: the
        outermost proves for all. Where a block raises, its rows are taken back and the constraints are what they were,
        so that a seed may catch the error and go on.
        """
        both = [*tables, *grown]
        outer: _Deferral | None = connection.info.get(_DEFERRAL)
        if outer is not None:
            outer.undo += self.defer(connection, both, nested=True)
            outer.tables += tables
            outer.grown += grown
            yield
            return
        deferral = connection.info[_DEFERRAL] = _Deferral(list(tables), list(grown))
        try:
            with self.savepoint(connection):
                deferral.undo += self.defer(connection, both, nested=False)
                yield
                self.prove_constraints(connection, deferral.tables, deferral.grown)
                for statement in deferral.undo:
                    connection.exec_driver_sql(statement)
        finally:
            del connection.info[_DEFERRAL]
            self.undefer(connection)

    def defer(self, connection: Connection, tables: Sequence[sa.TableClause], *, nested: bool) -> list[str]:
        """Stop looking at foreign keys as rows come, and give the statements that undo it once they are proven.

        ``nested`` says that others are deferred already, so nothing may be proven now. Plain SQL has no such thing:
        rows must come parents first.
        """
        return []

    def undefer(self, connection: Connection) -> None:
        """Look at foreign keys as rows come again; called whether the block succeeded or not."""

    def deferring(self, connection: Connection) -> bool:
        """Tell whether a block of `deferred_constraints` is open."""
        return _DEFERRAL in connection.info

    def any_order(self, connection: Connection, table: sa.Table, *, rebuild: bool) -> AbstractContextManager[str]:
        """Let rows that come in many statements point to rows of the same table that come later, for the block.

        It is proven at the block's end, or by what is around it. Gives how that is done, in words; none where it cannot
        be: then they must go in by one statement. ``rebuild`` says that a constraint may be dropped meanwhile.
        """
        return nullcontext("")

    def circular(self, connection: Connection) -> list[Circular]:
        """List the foreign keys of the default schema that form circles, and what lets rows come in any order there."""
        keys = orphans.in_circles(self.foreign_keys(connection, [None]))
        return [Circular(key.child[1], key.name or ", ".join(key.columns), self.way_round) for key in keys]

    def awaited(self, connection: Connection, table: sa.Table) -> AbstractContextManager[None]:
        """Make it quick to find the rows that wait for a new row of this table, where each new one is looked at."""
        return nullcontext()

    def prove_constraints(
        self, connection: Connection, tables: Sequence[sa.TableClause], grown: Sequence[sa.TableClause] = ()
    ) -> None:
        """Prove every foreign key of these tables, and those that leave ``grown`` ones, whatever the database promises.

        Raises:
            Orphan: with its table, column and key.
        """
        schemas = {table.schema for table in (*tables, *grown)}
        orphans.find(connection, tables, self.foreign_keys(connection, schemas), grown)

    @contextmanager
    def _proven_afterwards(self, connection: Connection, table: sa.Table, how: str) -> Iterator[str]:
        """Defer what a table's new rows point to; not where old rows are orphans already, which are nobody's fault."""
        if commits_by_itself(connection):
            yield ""
            return
        if not self.deferring(connection):
            try:
                self.prove_constraints(connection, (), [table])
            except orphans.Orphan:
                yield ""
                return
        with self.deferred_constraints(connection, (), [table]):
            yield how

    def foreign_keys(self, connection: Connection, schemas: Collection[str | None]) -> Iterable[orphans.ForeignKey]:
        """List the foreign keys of whole schemas."""
        return orphans.reflected(connection, schemas)
