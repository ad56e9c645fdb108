"""Appending rows that are not there yet, in the fastest way there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import Dialect
from tdm_seed.errors import DatabaseError, SeedError
from tdm_seed.loading import large
from tdm_seed.loading.blame import orphaned
from tdm_seed.loading.large import bare
from tdm_seed.loading.matching import Matching
from tdm_seed.loading.ordering import Writing, any_order, beside
from tdm_seed.loading.pointing import Pointing
from tdm_seed.loading.references import Given
from tdm_seed.loading.relation import Source
from tdm_seed.loading.resolve import look_up, refuse_dangling
from tdm_seed.loading.rows import Rows, held
from tdm_seed.loading.streaming import Streaming
from tdm_seed.loading.telling import Told
from tdm_seed.schema import default_key, self_references
from tdm_seed.values import Load


@dataclass
class Append:
    """One append to one table; it proves that the database kept every row."""

    connection: Connection
    dialect: Dialect
    table: sa.Table
    given: Sequence[Given]
    rows: Rows
    #: Whether a large load may take indexes down and build them again.
    rebuild: bool = False
    #: Whether to take the way that knows the row which the database refuses, be it slower.
    naming: bool = False
    told: Told | None = None
    remarks: list[str] = field(init=False, default_factory=list)
    _there: int = field(init=False)

    def __post_init__(self) -> None:
        self._there = self._count() if self.dialect.redirects_rows(self.table) else 0

    @property
    def names(self) -> list[str]:
        """The columns that are filled."""
        return [one.column.name for one in self.given]

    def run(self, staged: Callable[[Rows], AbstractContextManager[Source]]) -> int:
        """Append in the way that suits the rows and give their number; ``staged`` brings rows into the database.

        Raises:
            DatabaseError: a trigger or rule kept rows out, or a row points nowhere.
        """
        if any(one.looks_up is not None for one in self.given):
            return self._staged(staged)
        points = any(not set(self.names).isdisjoint(each.columns) for each in self_references(self.table))
        if not (points or (self.dialect.awaits and self.dialect.deferring(self.connection))):
            return self.stream()
        self.rows, count = held(self.rows, large.LARGE)
        many = count >= large.LARGE and beside(self.connection, self.dialect, self.table, count)
        if not points:
            with self.dialect.awaited(self.connection, self.table) if many else nullcontext():
                return self.stream()
        if many and not self.naming and self._may_defer():
            with self.dialect.any_order(self.connection, self.table, rebuild=self.rebuild) as how:
                if how:
                    self.remarks.append(how)
                    return self.stream()
        return self._staged(staged)

    def _may_defer(self) -> bool:
        """Tell whether nobody's code makes the rows meanwhile, whose own writes would go unproven."""
        by_nobody = self.rows.batches is None or self.rows.batches.at_hand
        return not self.dialect.defers_for_all or (self.rows.expected is not None and by_nobody)

    def load(self, rows: int) -> Load:
        """Tell how the rows went, after ``run``."""
        remarks = list(self.remarks)
        if self.dialect.deferring(self.connection):
            remarks.append("foreign keys are deferred until the block ends")
        if not self.rebuild and self.dialect.rebuilds and beside(self.connection, self.dialect, self.table, rows):
            remarks.append("indexes stay")
        return Load(self.table.fullname, rows, self.dialect.loads_by(self.connection, self.table), tuple(remarks))

    def _staged(self, staged: Callable[[Rows], AbstractContextManager[Source]]) -> int:
        self.remarks.append("through a temporary table")
        with staged(self.rows) as source:
            return self.insert(source)

    def stream(self) -> int:
        """Load rows as they come and give their number.

        Raises:
            DatabaseError: a trigger or rule kept rows out.
        """
        expected = self.rows.expected
        with bare(self.connection, self.dialect, self.table, expected or 0, self.rebuild):
            waits = self.rebuild and expected is None
            stream = Streaming(self.connection, self.dialect, self.table, self.given, self.rows, waits, self.told)
            sent, kept = stream.run()
        return self._proven(kept, sent)

    def insert(self, source: Source) -> int:
        """Append in one INSERT … SELECT: references are looked up in sets, and rows may point to one another.

        Raises:
            DatabaseError: a trigger or rule kept rows out.
        """
        look_up(self.connection, source, self.given)
        later = [one for one in self.given if one.points_into(self.table)]
        others = [one for one in self.given if one not in later]
        refuse_dangling(self.connection, source, others, self.rows, self.table)
        pointing = Pointing(self._matching(source, later), later, self.rows)
        writing = Writing(self.connection, self.dialect, self.table, source, self.rows, self.names)
        with self._blaming(source), any_order(writing):
            waiting = pointing.mark()
            values = sa.select(*(source.values[name] for name in self.names)).order_by(source.number)
            statement = (
                sa.insert(self.table)
                .from_select(self.names, values, include_defaults=False)
                .execution_options(preserve_rowcount=True, **self.dialect.options_for_keys(self.table, self.names))
            )
            with bare(self.connection, self.dialect, self.table, source.total, self.rebuild):
                loaded = self.connection.execute(statement).rowcount
            if waiting:
                pointing.point()
        return self._proven(int(loaded), source.total)

    @contextmanager
    def _blaming(self, source: Source) -> Iterator[None]:
        """Name the row whose foreign key points nowhere, where that is asked for.

        Raises:
            Orphan: in place of the database's own error.
        """
        if not self.naming:
            yield
            return
        try:
            with self.dialect.attempt(self.connection):
                yield
        except sa.exc.IntegrityError as error:
            with suppress(sa.exc.SQLAlchemyError):
                if found := orphaned(self.connection, self.table, source, self.names, self.rows, together=True):
                    raise found from error
            raise

    def _matching(self, source: Source, later: Sequence[Given]) -> Matching:
        """Say how rows that were just inserted are found again: by a key, or by what others call them."""
        try:
            key = default_key(self.table, self.names)
        except SeedError:
            key = tuple(one.looks_up.name for one in later[:1] if one.looks_up is not None)
            if not set(key) <= set(self.names):
                key = ()
        return Matching(self.connection, self.dialect, self.table, source, key)

    def _proven(self, loaded: int, total: int) -> int:
        kept = self._count() - self._there if self.dialect.redirects_rows(self.table) else loaded
        if kept != total:
            raise kept_out(self.connection, self.dialect, self.table, total, kept)
        return total

    def _count(self) -> int:
        return int(self.connection.scalar(sa.select(sa.func.count()).select_from(self.table)) or 0)


def kept_out(connection: Connection, dialect: Dialect, table: sa.Table, expected: int, kept: int) -> DatabaseError:
    """Name what may have turned rows away."""
    names = dialect.row_triggers(connection, table)
    return DatabaseError(
        f"{expected} rows were to be inserted, but the database kept {kept} of them",
        table=table.name,
        hint="A trigger or a rule of the table turns rows away or puts them elsewhere"
        + (f": {', '.join(names)}." if names else ", or another session removed them."),
    )
