"""What a seed that commits in chunks is handed: each writing call is committed, and none is done a second time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.checkpoints import Checkpoint, Checkpoints
from tdm_seed.database import Database, Rows
from tdm_seed.errors import DriftError, SeedError
from tdm_seed.lanes import Lanes
from tdm_seed.loading.large import Growing
from tdm_seed.loading.parts import Held, Parts, Place, parts_of
from tdm_seed.loading.rows import Rows as Stream
from tdm_seed.rebuilding import Rebuilding
from tdm_seed.schema import self_references
from tdm_seed.values import Changes

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tdm_seed.revisions.sql_seed import Section

#: Rows that are committed together: all that a crash takes back.
CHUNK = 100_000


@dataclass(frozen=True)
class Run:
    """A run of a seed that commits in chunks: what an earlier attempt has done, and how this one commits."""

    checkpoints: Checkpoints
    done: Mapping[int, Checkpoint]
    transaction: Callable[[], AbstractContextManager[None]]
    reached: Callable[[str], None]
    #: Makes sure, on the connection of a chunk and until it is committed, that nobody else has taken the seed over.
    still_ours: Callable[[Connection], None]
    #: What takes indexes down and builds them again; None where that is not to be.
    rebuilding: Rebuilding | None = None


class ChunkedDatabase(Database):
    """A ``Database`` whose writing calls are numbered. What an earlier attempt has finished gives what it gave then.

    The seed's code runs from its beginning each time: rows that a generator makes for a finished call are taken and
    dropped, so that random numbers, and calls inside the generator, come as they did before.
    """

    def __init__(self, *given: Any, run: Run) -> None:
        super().__init__(*given)
        self._run = run
        self._calls = 0
        self._within = False
        #: Whether all of the seed's rows are there, so that ``verify`` may look at them through a connection.
        self.loaded = False
        last = run.done[max(run.done)].state if run.done else {}
        self._begun_with: Mapping[str, int] = last.get("volumes", {})
        self.writer.recall(last.get("given", ()), last.get("chosen", ()))

    # ---- writing ----------------------------------------------------------------------------------------------------

    def upsert(self, table: str, rows: Rows, **options: Any) -> Changes:
        """Upsert, as one chunk."""
        return self._call(table, lambda: super(ChunkedDatabase, self).upsert(table, rows, **options), rows)

    def load(self, table: str, rows: Rows, *, columns: Sequence[str] | None = None) -> Changes:
        """Append many rows in chunks. Rows may point to rows of the same or an earlier chunk."""
        target, (number, before) = self._target(table), self._next()
        if before is not None and before.finished:
            return self._recall(before, rows)
        found = self.writer.rows(rows, columns)
        if found is None:
            self._calls -= 1
            return self._call(table, lambda: super(ChunkedDatabase, self).load(table, [], columns=columns))
        parts = parts_of(found, CHUNK)
        at = before or Checkpoint(number, table)
        if before is not None:
            self._pass_over(parts, before)
        more = None if found.expected is None else found.expected - at.rows
        growing = Growing(parts, more, lambda: self._about(target))
        down, may, beside = False, self._may_take_down(target), False
        left: deque[Held] = deque()
        while not at.finished:
            if may and not down and growing.is_large(at.rows):
                self.writer.understand(target, found)  # a column that is not there is said before anything goes down
                beside = self._may_go_beside(target, found)
                self._take_down(target)
                down = True
            if beside and at.rows:
                at, found_left = self._side_by_side(target, parts, at, found.expected)
                left.extend(found_left)
                beside = False  # what is left is loaded by itself, which says what is wrong with it
                continue
            part = left.popleft() if left else parts
            with self._commit():
                changes = self.writer.append_rows(target, part.next())
                at = self._checkpoint(self._connection, target, at, part, changes)
            self._tell(target, at.rows, found.expected)
            self._reached()
        if down:
            self._build(target)
        return at.changes

    def delete(self, table: str, rows: Iterable[Mapping[str, Any]] | None = None, **options: Any) -> Changes:
        """Delete, as one chunk."""
        return self._call(table, lambda: super(ChunkedDatabase, self).delete(table, rows, **options), rows)

    def execute(self, sql: str, **params: Any) -> Changes:
        """Run a statement, as one chunk."""
        return self._call("", lambda: super(ChunkedDatabase, self).execute(sql, **params))

    def run_sql(self, section: Section) -> None:
        """Run a section of an SQL seed, as one chunk."""

        def work() -> Changes:
            super(ChunkedDatabase, self).run_sql(section)
            return Changes()

        self._call("", work)

    @contextmanager
    def deferred_constraints(self, *tables: str) -> Iterator[None]:
        """Let foreign keys be broken inside the block, which is committed as one chunk."""
        with self._commit(), super().deferred_constraints(*tables):
            yield
        self._reached()

    @property
    def connection(self) -> Connection:
        """The connection, for ``verify``."""
        self._refuse_unnumbered("db.connection")
        return super().connection

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session of the ORM, for ``verify``."""
        self._refuse_unnumbered("db.session()")
        with super().session() as session:
            yield session

    # ---- reading ----------------------------------------------------------------------------------------------------

    def rows(self, sql: str, **params: Any) -> list[dict[str, Any]]:
        """Run a query and give its rows as dicts."""
        with self._read():
            return super().rows(sql, **params)

    def scalar(self, sql: str, **params: Any) -> Any:
        """Run a query and give the first column of its first row, or None."""
        with self._read():
            return super().scalar(sql, **params)

    def keys(self, table: str) -> list[Any]:
        """List the primary keys of a table in ascending order; tuples where the key has several columns."""
        with self._read():
            return super().keys(table)

    def volume(self, name: str, default: int | None = None) -> int:
        """Give the row count that the environment names.

        Raises:
            DriftError: the attempt that is taken up again was begun with another one.
        """
        found = super().volume(name, default)
        begun_with = self._begun_with.get(name, found)
        if found != begun_with:
            raise DriftError(
                f"was begun with {name}={begun_with}, and is left unfinished; now it is {found}",
                hint=f"Finish it with --volume {name}={begun_with}, or take it back: "
                f"`tdm-seed downgrade {self._seed.name}`.",
            )
        return found

    # ---- inside -----------------------------------------------------------------------------------------------------

    def _call(self, table: str, work: Callable[[], Changes], rows: object = None) -> Changes:
        """Do and commit a call, or give what it did in an earlier attempt."""
        number, before = self._next()
        if before is not None:
            return self._recall(before, rows)
        known = dict(self.changes)
        with self._commit():
            changes = work()
            done = {name: _less(each, known.get(name)) for name, each in self.changes.items()}
            state = self._state({name: each for name, each in done.items() if each != Changes()})
            at = Checkpoint(number, table, 1, finished=True, changes=changes, state=state)
            self._run.checkpoints.write(self._connection, self._seed.revision, at)
        self._reached()
        return changes

    def _checkpoint(
        self, connection: Connection, table: sa.Table, at: Checkpoint, part: Parts | Held, changes: Changes
    ) -> Checkpoint:
        """Write, in the transaction of a chunk, how far the call is with it."""
        self._count(table, changes)
        noted = replace(
            at,
            chunk=at.chunk + 1,
            rows=at.rows + part.count,
            last=part.count,
            digest=part.digest(),
            finished=not part.whole,
            changes=at.changes + changes,
            state=self._state({table.fullname: at.changes + changes}, part.place),
        )
        self._run.checkpoints.write(connection, self._seed.revision, noted)
        return noted

    def _may_go_beside(self, table: sa.Table, rows: Stream) -> bool:
        """Tell whether two connections may load at a time: columns, which run nobody's code, into an empty table.

        Its keys go with its indexes, so that rows of one chunk do not wait for those of another. Triggers would see the
        rows of one connection only, and numbers that the database chooses would not follow the rows.
        """
        numbered = self._dialect.numbered(table)
        counts = numbered is not None and numbered.name not in rows.columns
        if counts or rows.batches is None or not rows.batches.at_hand:
            return False
        with self._read():
            if not self._dialect.loads_beside(self._connection, table):
                return False
            query = sa.select(sa.literal(1)).select_from(table).limit(1)
            return self._connection.execute(query).first() is None

    def _side_by_side(
        self, table: sa.Table, parts: Parts, at: Checkpoint, expected: int | None
    ) -> tuple[Checkpoint, list[Held]]:
        """Load the parts that follow on two connections; give how far that went, and the parts that are left."""
        ended = False

        def take() -> Held | None:
            nonlocal ended
            if ended:
                return None
            part = parts.hold()
            ended = not part.whole
            return part

        def load(connection: Connection, part: Held) -> Changes:
            with self._dialect.impatient(connection):
                return self.writer.beside(connection).append_rows(table, part.next())

        def finish(connection: Connection, part: Held, changes: Changes) -> None:
            nonlocal at
            self._run.still_ours(connection)
            at = self._checkpoint(connection, table, at, part, changes)
            self._tell(table, at.rows, expected)

        lanes = Lanes(
            take,
            load,
            finish,
            lambda connection: self._dialect.transaction(connection, write=True),
            self._dialect.interrupt,
            self._reached,
        )
        self._connection.rollback()  # what reflection has begun
        try:
            second = self._connection.engine.connect()
        except self._dialect.driver_errors:  # as many as the server or the user may have
            return at, []
        with second:
            left = lanes.run(self._connection, second)
        return at, left

    def _tell(self, table: sa.Table, rows: int, expected: int | None) -> None:
        if self.writer.told is not None:
            self.writer.told(table.name, rows, expected)

    def _may_take_down(self, table: sa.Table) -> bool:
        """Keep indexes inside a block, which is one chunk, and where rows are looked up that came before."""
        return self._run.rebuilding is not None and not self._within and not self_references(table)

    def _about(self, table: sa.Table) -> int:
        with self._read():
            return self._dialect.about(self._connection, table)

    def _take_down(self, table: sa.Table) -> None:
        if self._run.rebuilding is not None:
            self._run.rebuilding.take_down(self._seed.revision, table, self._run.transaction)

    def build_the_rest(self) -> None:
        """Build again what a call has left down whose error the seed has caught."""
        if (rebuilding := self._run.rebuilding) is not None:
            with self._read():
                left = rebuilding.journal.read(self._connection)
            rebuilding.build([each for each in left if each.seed == self._seed.revision], self._run.transaction)

    def _build(self, table: sa.Table) -> None:
        if (rebuilding := self._run.rebuilding) is None:
            return
        with self._read():
            left = rebuilding.journal.read(self._connection)
        own = (self._seed.revision, table.fullname)
        if down := [each for each in left if (each.seed, each.down.table) == own]:
            rebuilding.build(down, self._run.transaction)
            self.writer.refreshed(table)
        self._run.reached("after rebuild")

    def _next(self) -> tuple[int, Checkpoint | None]:
        self._calls += 1
        return self._calls, self._run.done.get(self._calls)

    def _recall(self, before: Checkpoint, rows: object) -> Changes:
        """Give what a finished call did, and let the generator of its rows run, whose other effects are wanted."""
        if isinstance(rows, Iterator):
            deque(rows, maxlen=0)
        self._remember(before)
        return before.changes

    def _remember(self, before: Checkpoint) -> None:
        for name, counts in before.state.get("tables", {}).items():
            self.changes[name] = self.changes.get(name, Changes()) + Changes(**counts)
            if name:
                self.written[name] = self._schema.written(name)

    def _pass_over(self, parts: Parts, before: Checkpoint) -> None:
        """Pass over the rows that are committed.

        Raises:
            DriftError: the last of them are not those that were committed.
        """
        if parts.skip(before.rows, before.last, before.state.get("place")) != before.digest:
            raise DriftError(
                f"the {before.rows:,} rows that were loaded into {before.table} before this seed was interrupted are "
                "not those that it gives now",
                hint="Finish it with the data that it was begun with, or take it back: "
                f"`tdm-seed downgrade {self._seed.name}`.",
            )
        self._remember(before)

    def _state(self, tables: Mapping[str, Changes], place: Place | None = None) -> dict[str, Any]:
        return {
            "place": place,
            "volumes": dict(self.volumes),
            "given": sorted(self.writer.given_numbers),
            "chosen": sorted(self.writer.chosen_numbers),
            "tables": {name: changes.as_dict() for name, changes in tables.items()},
        }

    @contextmanager
    def _commit(self) -> Iterator[None]:
        """Commit the block, with that of the call around it where there is one."""
        if self._within:
            yield
            return
        self._within = True
        try:
            with self._run.transaction():
                yield
        finally:
            self._within = False

    @contextmanager
    def _read(self) -> Iterator[None]:
        if self._within or self.loaded:
            yield
            return
        self._connection.rollback()  # what reflection has begun
        with self._dialect.transaction(self._connection, write=False):
            yield

    def _reached(self) -> None:
        if not self._within:
            self._run.reached("after chunk")

    def _refuse_unnumbered(self, what: str) -> None:
        if not self.loaded:
            raise SeedError(
                f"{what} writes what cannot be told apart from what an earlier attempt has written, in a seed that "
                "commits in chunks",
                hint="Use db.execute and the other methods of db, or say `transaction: seed`.",
            )


def _less(changes: Changes, known: Changes | None) -> Changes:
    known = known or Changes()
    return Changes(**{name: count - known.as_dict()[name] for name, count in changes.as_dict().items()})
