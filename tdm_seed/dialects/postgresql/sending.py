"""Sending rows in the COPY protocol."""

from __future__ import annotations

import re
import select
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import Copy, Cursor, sql
from psycopg.copy import LibpqWriter
from sqlalchemy.engine import Connection

from tdm_seed.dialects.failed import RowRefused

#: Bytes that are sent together: 32 to 256 KiB took the same time.
BLOCK = 1 << 17
#: Bytes from which it pays to freeze rows: that takes seven statements, one of which makes new files for the table.
LARGE = 1 << 23
#: Where the server was, in the words that it adds to an error.
_LINE = re.compile(r"^COPY .*, line (\d+)", re.MULTILINE)


class Flushing(LibpqWriter):
    """A writer that waits until the server has taken what was written.

    psycopg's own goes on while the socket is full, and looks again and again whether it still is.
    """

    def write(self, data: Any) -> None:
        """Send a block, and leave nothing of it in libpq's buffer."""
        view = memoryview(data)
        for begin in range(0, len(view), BLOCK):
            while self._pgconn.put_copy_data(view[begin : begin + BLOCK]) == 0:
                self._flush()
            self._flush()

    def _flush(self) -> None:
        wire = self._pgconn
        while wire.flush():
            select.select([wire.socket], [wire.socket], [])
            wire.consume_input()


@contextmanager
def copying(cursor: Cursor[Any], statement: sql.Composed, sent: int = 0) -> Iterator[Copy]:
    """Open a COPY; ``sent`` rows came before it.

    Raises:
        RowRefused: the server refused a row and told which.
    """
    try:
        with cursor.copy(statement, writer=Flushing(cursor)) as copy:
            yield copy
    except psycopg.Error as error:
        if found := _LINE.search(error.diag.context or ""):
            raise RowRefused(sent + int(found[1]) - 1, error) from error
        raise


def statement(table: sa.Table, columns: Sequence[str], *options: str | sql.Composable) -> sql.Composed:
    """Write a COPY into these columns, or into all."""
    written = sql.SQL("COPY {}").format(sql.Identifier(*filter(None, (table.schema, table.name))))
    if columns:
        written += sql.SQL(" ({})").format(sql.SQL(", ").join(map(sql.Identifier, columns)))
    written += sql.SQL(" FROM STDIN")
    if not options:
        return written
    listed = [sql.SQL(each) if isinstance(each, str) else each for each in options]
    return written + sql.SQL(" ({})").format(sql.SQL(", ").join(listed))


def driver_of(connection: Connection) -> psycopg.Connection[Any]:
    """Give psycopg's own connection."""
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    return driver
