"""The part of the contract that appends what is a file or columns already, without making rows of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

#: Appends the rows of one batch of columns by the plain way; the number is that of the rows before it.
Plainly = Callable[[Any, int], int]


@dataclass(frozen=True)
class Taken:
    """What a database has taken: ``rows`` were sent, and ``kept`` are there.

    Of a file, they stand on so many ``lines`` in so many bytes (``size``) behind its header.
    """

    rows: int = 0
    kept: int = 0
    size: int = 0
    lines: int = 0


@dataclass(frozen=True)
class Down:
    """Something of a table that was taken down, and a statement that builds it, or a part of it, again.

    ``beside`` says that other connections may build other such things of the table meanwhile.
    """

    table: str
    name: str
    statement: str
    beside: bool = False


class Appending:
    """Ways to append that only some databases have; what is not taken goes the plain way, with the same outcome."""

    #: Whether ``bare`` does anything.
    rebuilds: ClassVar[bool] = False
    #: Whether ``take_down`` does anything.
    takes_down: ClassVar[bool] = False

    def loads_by(self, connection: Connection, table: sa.Table) -> str:
        """Name the statement that large loads are made of."""
        return "INSERT"

    def about(self, connection: Connection, table: sa.Table) -> int:
        """Estimate how many rows a table holds, in no time."""
        return 0

    def bare(self, connection: Connection, table: sa.Table) -> AbstractContextManager[None]:
        """Relieve a table of what is quicker to build than to maintain while many rows come, for the block.

        In the same transaction and exactly as it was, or it stays.
        """
        return nullcontext()

    def refresh(self, connection: Connection, table: sa.Table) -> None:
        """Let the planner look at a table that has grown much, where the server does not do so by itself."""

    def take_down(
        self, connection: Connection, table: sa.Table, note: Callable[[Sequence[Down]], None]
    ) -> Iterator[str]:
        """Take down what is quicker to build than to maintain, for longer than a transaction, and name what is gone.

        Keys only of a table that is empty: whoever else writes to it relies on them. Each part is told to ``note`` in
        the transaction that takes it down or, where DDL commits, before.
        """
        yield from ()

    def build(self, connection: Connection, downs: Sequence[Down]) -> None:
        """Build again what was taken down, in this order; where DDL commits, some of it may be there already.

        Raises:
            DatabaseError: rows break a key.
        """

    def loads_beside(self, connection: Connection, table: sa.Table) -> bool:
        """Tell whether two connections may add rows to a table at a time: no trigger may look at those of the other."""
        return False

    def impatient(self, connection: Connection) -> AbstractContextManager[object]:
        """Wait for the locks of others a moment only, inside the block: one of them may be waiting for this process."""
        return nullcontext()

    def interrupt(self, connection: Connection) -> None:
        """End the statement that another thread runs on a connection, where that can be."""

    def load_text(
        self,
        connection: Connection,
        table: sa.Table,
        columns: Sequence[str],
        content: BinaryIO,
        line_end: bytes,
        most: int | None = None,
    ) -> Taken:
        """Append the records of a CSV, from where ``content`` stands, as far as the database reads them as we do.

        With ``most``, no more are taken than the block holds in which there are as many.
        Where it refuses one, nothing is kept, so that the plain way can say which.
        """
        return Taken()

    def load_columns(
        self,
        connection: Connection,
        table: sa.Table,
        columns: Sequence[str],
        schema: Any,
        batches: Iterator[Any],
        plainly: Plainly,
        *,
        at_hand: bool,
    ) -> Taken | None:
        """Append batches of Arrow's columns, those that need converting ``plainly``; None: no batch was taken.

        ``at_hand`` says that nobody uses the connection while batches are taken.

        Raises:
            RowRefused: a row was refused, where the database tells which.
        """
        return None

    def fill_columns(
        self,
        connection: Connection,
        source: sa.Table,
        columns: Sequence[str],
        schema: Any,
        batches: Iterator[Any],
        plainly: Plainly,
        *,
        at_hand: bool,
    ) -> Taken | None:
        """Do the same with an upsert's source, a new temporary table that nobody else knows."""
        return self.load_columns(connection, source, columns, schema, batches, plainly, at_hand=at_hand)
