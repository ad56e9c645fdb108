"""Loading many rows: from when on a table is better off without its indexes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import Dialect
from tdm_seed.dialects.failed import RowRefused
from tdm_seed.loading import columnar
from tdm_seed.loading.counted import Counted
from tdm_seed.loading.parts import Parts
from tdm_seed.loading.sources import RowsFile

#: Rows that make a load large. They are held back until it is known whether there are as many.
LARGE = 20_000
#: How many new rows, as a part of those in the table, make up for building its indexes again.
PART = 0.25


def load(
    connection: Connection, dialect: Dialect, table: sa.Table, columns: Sequence[str], rows: Counted, rebuild: bool
) -> int:
    """Append rows in the fastest way there is, and give the number that the database kept.

    How many will come is not known. So rows go into a table that holds others as they always do, until they are so
    many that building its indexes again would have cost no more; what comes after that goes in without. Whatever the
    number, that costs at most about twice the better of the two ways.

    Raises:
        RowRefused: the database refused one.
    """
    if not (rebuild and dialect.rebuilds and rows.hold(LARGE)):
        return dialect.load(connection, table, columns, rows)
    loaded = sent = 0
    worth = _worth(connection, dialect, table)
    if worth > LARGE:
        with rows.only(worth):
            loaded = dialect.load(connection, table, columns, rows)
        sent = worth
        if not rows.hold(1):
            return loaded
    try:
        with _bare(connection, dialect, table):
            return loaded + dialect.load(connection, table, columns, rows)
    except RowRefused as refused:
        raise RowRefused(refused.place + sent, refused.cause) from refused.cause


def can_repeat(source: object) -> bool:
    """Tell whether a source gives its rows once more when it is asked again."""
    return isinstance(source, (RowsFile, list, tuple)) or columnar.holds_its_rows(source)


def bare(
    connection: Connection, dialect: Dialect, table: sa.Table, rows: int, rebuild: bool
) -> AbstractContextManager[object]:
    """Relieve a table of its indexes while so many rows go into it, if they are many enough."""
    if not rebuild or rows < LARGE or rows < _worth(connection, dialect, table):
        return nullcontext()
    return _bare(connection, dialect, table)


@contextmanager
def _bare(connection: Connection, dialect: Dialect, table: sa.Table) -> Iterator[None]:
    """Bring back what was taken down when the rows raise, since a seed may catch that and go on."""
    with dialect.savepoint(connection), dialect.bare(connection, table):
        yield


@dataclass
class Growing:
    """A load that comes in parts: it tells from which of them on the table is better off without its indexes.

    ``more`` is how many rows are to come where that is known; ``about`` asks how many the table held at first.
    """

    parts: Parts
    more: int | None
    about: Callable[[], int]
    _worth: int | None = None

    def is_large(self, loaded: int) -> bool:
        """Tell whether so many rows are to come, or have come, that building the indexes again costs no more."""
        if self.more is None and self._worth is not None and self._worth > max(loaded, LARGE):
            return False  # without looking ahead once more
        if not (self.parts.holds(LARGE) if self.more is None else self.more >= LARGE):
            return False
        if self._worth is None:
            self._worth = round(self.about() * PART)
        return self._worth <= (max(loaded, LARGE) if self.more is None else self.more)


def _worth(connection: Connection, dialect: Dialect, table: sa.Table) -> int:
    """Give the number of new rows that make up for building the indexes of all rows again."""
    return round(dialect.about(connection, table) * PART)
