"""A table without its indexes and constraints for the length of a large load; afterwards they are what they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

import sqlalchemy as sa
from psycopg import errors
from sqlalchemy.engine import Connection

from tdm_seed.dialects.appending import Appending, Down
from tdm_seed.dialects.base import AS_IT_IS
from tdm_seed.dialects.postgresql.identity import as_text
from tdm_seed.dialects.postgresql.sending import driver_of

#: What sorting may use while indexes are built: the server's 64 MB are meant for many sessions at a time.
_SORTING = "256MB"

#: How a table must be for anything to be taken down: plain, ours, without triggers on INSERT, which may look its rows
#: up, and without children or parents.
_PLAIN = sa.text(
    "SELECT t.relkind = 'r' AND NOT t.relispartition AND NOT t.relrowsecurity AND pg_has_role(t.relowner, 'USAGE') "
    "AND NOT EXISTS (SELECT FROM pg_inherits WHERE t.oid IN (inhrelid, inhparent)) "
    "AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = t.oid AND NOT tgisinternal AND tgtype & 4 <> 0 "
    "AND tgenabled <> 'D') FROM pg_class t WHERE t.oid = CAST(:name AS regclass)"
)

#: Every foreign key that leaves the table or points to it. One that cannot be made again as it is ``stays``: not
#: validated or not enforced, of partitions, with its triggers switched off, or where the parent is another's.
_FOREIGN_KEYS = sa.text(
    "SELECT k.conrelid = CAST(:name AS regclass) AS leaves, k.condeferrable AS deferrable, k.conindid AS serves, "
    "format('%I.%I', n.nspname, t.relname) AS holder, k.conname AS name, "
    "format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, t.relname, k.conname) AS down, "
    "array_remove(ARRAY["
    "format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', n.nspname, t.relname, k.conname, pg_get_constraintdef(k.oid)), "
    "format('COMMENT ON CONSTRAINT %I ON %I.%I IS ', k.conname, n.nspname, t.relname) "
    "|| quote_literal(obj_description(k.oid, 'pg_constraint'))], NULL) AS up, "
    "NOT k.convalidated OR k.conparentid <> 0 OR EXISTS (SELECT FROM pg_constraint WHERE conparentid = k.oid) "
    "OR EXISTS (SELECT FROM pg_trigger WHERE tgconstraint = k.oid AND tgenabled <> 'O') "
    "OR NOT pg_has_role(t.relowner, 'USAGE') OR NOT has_table_privilege(k.confrelid, 'REFERENCES') "
    "OR t.relrowsecurity AS stays "
    "FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace "
    "WHERE k.contype = 'f' AND CAST(:name AS regclass) IN (k.conrelid, k.confrelid) ORDER BY n.nspname, t.relname, 5"
)

#: Every index, with the constraint that it stands for. These stay: exclusion constraints, deferrable ones, those of the
#: replica identity or CLUSTER, invalid ones, in a tablespace, with statistics targets of their own, of an extension.
_INDEXES = sa.text(
    "SELECT i.indexrelid AS number, c.relname AS name, i.indisunique AS is_key, "
    "(SELECT count(*) FROM pg_attribute WHERE attrelid = c.oid AND attlen < 0) AS wide, "
    "CASE WHEN k.oid IS NULL THEN format('DROP INDEX %I.%I', n.nspname, c.relname) "
    "ELSE format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, t.relname, k.conname) END AS down, "
    "array_remove(ARRAY[pg_get_indexdef(i.indexrelid), "
    "CASE WHEN k.oid IS NOT NULL THEN format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s USING INDEX %I', n.nspname, "
    "t.relname, k.conname, CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END, c.relname) END, "
    "format('COMMENT ON INDEX %I.%I IS ', n.nspname, c.relname) || quote_literal(obj_description(c.oid, 'pg_class')), "
    "CASE WHEN k.oid IS NOT NULL THEN format('COMMENT ON CONSTRAINT %I ON %I.%I IS ', k.conname, n.nspname, t.relname) "
    "END || quote_literal(obj_description(k.oid, 'pg_constraint'))], NULL) AS up "
    "FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid "
    "JOIN pg_namespace n ON n.oid = t.relnamespace JOIN pg_am a ON a.oid = c.relam "
    "LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x') "
    "WHERE i.indrelid = CAST(:name AS regclass) AND i.indisvalid AND i.indimmediate "
    "AND NOT (i.indisexclusion OR i.indisreplident OR i.indisclustered) AND c.reltablespace = 0 "
    "AND (k.oid IS NULL OR a.amname = 'btree') "
    "AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attstattarget >= 0) "
    "AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype IN ('e', 'x')) "
    "ORDER BY k.oid IS NULL, c.relname"
)

_ABOUT = sa.text(
    "SELECT CASE WHEN relpages > 0 THEN reltuples / relpages ELSE :guess END "
    "* pg_relation_size(oid) / CAST(current_setting('block_size') AS int) "
    "FROM pg_class WHERE oid = CAST(:name AS regclass)"
)
#: Rows to a page of a table that was never analysed.
_GUESS = 60

#: Where a connection keeps what builds the foreign keys again that are to be proven only when the seed says so.
_POSTPONED = "tdm_seed_postponed"
_EXISTS = sa.text("SELECT count(*) FROM pg_constraint WHERE conname = :name AND conrelid = CAST(:holder AS regclass)")

_SORT_IN = sa.text(
    "SELECT set_config('maintenance_work_mem', :size, true) "
    "WHERE pg_size_bytes(current_setting('maintenance_work_mem')) < pg_size_bytes(:size)"
)
_PATH = sa.text("SELECT current_setting('search_path')")
_LOOK_IN = sa.text("SELECT set_config('search_path', :path, true)")
_QUALIFIED = sa.text(
    "SELECT format('%I.%I', n.nspname, t.relname) FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace "
    "WHERE t.oid = CAST(:name AS regclass)"
)
LIMIT = sa.text("SELECT current_setting('lock_timeout')")
WAIT_AT_MOST = sa.text("SELECT set_config('lock_timeout', :limit, true)")
#: How long others may keep us from taking something down before it stays.
PATIENCE = "1s"
#: What makes a part stay: somebody uses it, a view depends on it, its constraint has events pending, a trigger objects.
HINDRANCES = (
    errors.LockNotAvailable,
    errors.DeadlockDetected,
    errors.DependentObjectsStillExist,
    errors.ObjectInUse,
    errors.InsufficientPrivilege,
    errors.RaiseException,
)


class _Hindered(Exception):
    """A foreign key stays that may have events pending."""


class _Key(Protocol):
    """A row of `_FOREIGN_KEYS`."""

    leaves: bool
    deferrable: bool
    stays: bool
    holder: str
    name: str
    down: str
    up: list[str]


@dataclass
class _TakenDown:
    """What was taken down: indexes and what else there is to build, in order, and what is left for later."""

    indexes: list[Down] = field(default_factory=list)
    others: list[Down] = field(default_factory=list)
    postponed: list[_Postponed] = field(default_factory=list)


@dataclass(frozen=True)
class _Postponed:
    """A foreign key that is built again only when the seed has its constraints proven."""

    holder: str
    name: str
    build: tuple[str, ...]


def about(connection: Connection, table: sa.Table) -> int:
    """Estimate how many rows a table holds, from its size and the last ANALYZE."""
    found = connection.scalar(_ABOUT, {"name": as_text(connection, table), "guess": _GUESS})
    return max(0, round(float(found or 0)))


@contextmanager
def bare(connection: Connection, table: sa.Table) -> Iterator[None]:
    """Take down what is quicker to build than to maintain, and build it again at the end of the block.

    Whatever cannot be had, or not be made again exactly, stays. Where the block raises, the caller's rollback brings
    back what was there.
    """
    name = as_text(connection, table)
    down = _take_down(connection, name)
    yield
    build(connection, [*down.indexes, *down.others])
    if down.postponed:
        connection.info.setdefault(_POSTPONED, []).extend(down.postponed)
    analyse(connection, table)


def analyse(connection: Connection, table: sa.Table) -> None:
    """Refresh what the planner knows of a table."""
    _run(connection, f"ANALYZE {as_text(connection, table)}")


def take_down(connection: Connection, table: sa.Table, note: Callable[[Sequence[Down]], None]) -> Iterator[str]:
    """Take down for longer than the transaction: of a table that holds rows its plain indexes, of an empty one all.

    What builds it again names all that it needs with its schema: another session may look for names elsewhere.
    """
    path = connection.scalar(_PATH)
    name = connection.scalar(_QUALIFIED, {"name": as_text(connection, table)})
    connection.execute(_LOOK_IN, {"path": ""})
    down = _take_down(connection, name, for_long=True)
    connection.execute(_LOOK_IN, {"path": path})
    found = [*down.indexes, *down.others]
    if found:
        statistics = Down(table.fullname, table.name, f"ANALYZE {name}")
        note([replace(each, table=table.fullname) for each in found] + [statistics])
        yield table.name


def build(connection: Connection, downs: Sequence[Down]) -> None:
    """Build again what was taken down."""
    if downs:
        connection.execute(_SORT_IN, {"size": _SORTING})
    for each in downs:
        _run(connection, each.statement)


def build_postponed(connection: Connection) -> None:
    """Build the foreign keys that were left for later; one that a rollback has brought back is there already."""
    for each in connection.info.pop(_POSTPONED, ()):
        if not connection.scalar(_EXISTS, {"name": each.name, "holder": each.holder}):
            for statement in each.build:
                _run(connection, statement)


def forget_postponed(connection: Connection) -> None:
    """Forget what an earlier transaction had left for later and has taken back."""
    connection.info.pop(_POSTPONED, None)


def _take_down(connection: Connection, name: str, *, for_long: bool = False) -> _TakenDown:
    """Take down all that can be, or nothing where a deferred foreign key stays: its pending events forbid to build.

    ``for_long`` says that the transaction ends meanwhile, and with it what was deferred.
    """
    down = _TakenDown()
    if not connection.scalar(_PLAIN, {"name": name}):
        return down
    before = connection.scalar(LIMIT)
    connection.execute(WAIT_AT_MOST, {"limit": PATIENCE})
    try:
        with connection.begin_nested():
            _run(connection, f"LOCK TABLE ONLY {name} IN ACCESS EXCLUSIVE MODE")
            keys = connection.execute(_FOREIGN_KEYS, {"name": name}).all()
            indexes = connection.execute(_INDEXES, {"name": name}).all()
            if for_long and _holds_rows(connection, name):
                gone, indexes = [], [index for index in indexes if not index.is_key]
            else:
                gone = [key for key in keys if _goes(connection, key, for_long)]
            serving = {key.serves for key in keys if key not in gone}
            if for_long:  # two connections share them: what takes longest comes first, and that is text
                indexes = sorted(indexes, key=lambda index: -index.wide)
            for index in indexes:
                if index.number not in serving and _drops(connection, index.down):
                    down.indexes.append(Down(name, index.name, index.up[0], beside=True))
                    down.others += [Down(name, index.name, statement) for statement in index.up[1:]]
            for key in gone:
                if key.leaves and key.deferrable and not for_long:
                    down.postponed.append(_Postponed(key.holder, key.name, tuple(key.up)))
                else:
                    down.others += [Down(name, key.name, statement) for statement in key.up]
    except _Hindered:
        down = _TakenDown()
    except sa.exc.DBAPIError as error:
        if not isinstance(error.orig, HINDRANCES):
            raise
        down = _TakenDown()
    connection.execute(WAIT_AT_MOST, {"limit": before})
    return down


def _goes(connection: Connection, key: _Key, for_long: bool) -> bool:
    """Drop a foreign key, unless rows of another table would have to be proven again."""
    if key.deferrable and key.leaves and not for_long:
        if key.stays:
            raise _Hindered
        _run(connection, key.down)
        return True
    if key.stays or (not key.leaves and _holds_rows(connection, key.holder)):
        return False
    return _drops(connection, key.down)


def _drops(connection: Connection, statement: str) -> bool:
    """Drop something, unless there is a reason why it must stay."""
    try:
        with connection.begin_nested():
            _run(connection, statement)
    except sa.exc.DBAPIError as error:
        if isinstance(error.orig, HINDRANCES):
            return False
        raise
    return True


def _holds_rows(connection: Connection, name: str) -> bool:
    return bool(_run(connection, f"SELECT EXISTS (TABLE {name})").scalar())


def _run(connection: Connection, statement: str) -> sa.CursorResult[Any]:
    return connection.exec_driver_sql(statement, execution_options=AS_IT_IS)


class Rebuilds(Appending):
    """The part of the contract by which a table is without its indexes and constraints for a while."""

    rebuilds: ClassVar[bool] = True
    takes_down: ClassVar[bool] = True

    def about(self, connection: Connection, table: sa.Table) -> int:
        """Take the size of the file and how densely the last ANALYZE found it filled."""
        return about(connection, table)

    def bare(self, connection: Connection, table: sa.Table) -> AbstractContextManager[None]:
        """Take down indexes, keys and constraints of a plain table that nobody else uses."""
        return bare(connection, table)

    def refresh(self, connection: Connection, table: sa.Table) -> None:
        """Do what autovacuum does within a minute or so, where it is on."""
        analyse(connection, table)

    def take_down(
        self, connection: Connection, table: sa.Table, note: Callable[[Sequence[Down]], None]
    ) -> Iterator[str]:
        """Take down the same for longer."""
        return take_down(connection, table, note)

    def build(self, connection: Connection, downs: Sequence[Down]) -> None:
        """Run the statements with room to sort in."""
        build(connection, downs)

    def loads_beside(self, connection: Connection, table: sa.Table) -> bool:
        """Ask for a plain table."""
        return bool(connection.scalar(_PLAIN, {"name": as_text(connection, table)}))

    @contextmanager
    def impatient(self, connection: Connection) -> Iterator[None]:
        """Have the server give up; an error ends the transaction, and the setting with it."""
        before = connection.scalar(LIMIT)
        connection.execute(WAIT_AT_MOST, {"limit": PATIENCE})
        yield
        connection.execute(WAIT_AT_MOST, {"limit": before})

    def interrupt(self, connection: Connection) -> None:
        """Ask the server to cancel it."""
        driver_of(connection).cancel()
