"""A table without its indexes for the length of a large load; afterwards they are what they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.appending import Down
from tdm_seed.dialects.base import AS_IT_IS
from tdm_seed.dialects.sqlite.reflected import triggers

#: Those that were made by a CREATE INDEX, in its words. What stands for a constraint has none, and cannot be dropped.
_INDEXES = sa.text(
    'SELECT i.name, i.sql, p."unique", EXISTS (SELECT 1 FROM pragma_index_info(i.name) c '
    'JOIN pragma_foreign_key_list(:table) k ON c.seqno = 0 AND c.name = k."from" COLLATE NOCASE '
    'WHERE k."table" = :table COLLATE NOCASE) AS points_here '
    "FROM sqlite_master i JOIN pragma_index_list(:table) p ON p.name = i.name "
    "WHERE i.type = 'index' AND i.sql IS NOT NULL ORDER BY i.name"
)
#: Whether rows of any table point to this one by other columns than its primary key: a unique index serves them.
_POINTED = sa.text(
    "SELECT count(*) FROM sqlite_master t JOIN pragma_foreign_key_list(t.name) k "
    'WHERE t.type = \'table\' AND k."table" = :table COLLATE NOCASE AND k."to" IS NOT NULL'
)
_ANALYSED = sa.text("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'")


def about(connection: Connection, table: sa.Table) -> int:
    """Take the largest rowid for the number of rows; a table without one is counted."""
    quoted = connection.dialect.identifier_preparer.format_table(table)
    try:
        found = connection.exec_driver_sql(f"SELECT max(rowid) FROM {quoted}").scalar()
    except sa.exc.OperationalError:
        found = connection.scalar(sa.select(sa.func.count()).select_from(table))
    return max(0, int(found or 0))


@contextmanager
def bare(connection: Connection, table: sa.Table) -> Iterator[None]:
    """Drop the indexes of a table and create them again at the end of the block, in the words they were created in.

    Where the block raises, the caller's rollback brings them back. A table with triggers keeps its indexes.
    """
    taken = _take_down(connection, table, keys=True)
    yield
    build(connection, taken)
    if not taken:
        analyse(connection, table)


def take_down(connection: Connection, table: sa.Table, note: Callable[[Sequence[Down]], None]) -> Iterator[str]:
    """Drop them for longer than the transaction; unique ones only of a table without rows."""
    empty = connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is None
    taken = _take_down(connection, table, keys=empty)
    if taken:
        note(taken)
        yield table.name


def build(connection: Connection, downs: Sequence[Down]) -> None:
    """Create indexes again."""
    for each in downs:
        connection.exec_driver_sql(each.statement, execution_options=AS_IT_IS)


def _take_down(connection: Connection, table: sa.Table, *, keys: bool) -> list[Down]:
    """Drop indexes, unique ones if ``keys`` says so, and give what creates them, and the statistics, again."""
    name = {"table": table.name}
    taken: list[Down] = []
    if table.schema is not None or triggers(connection, table):  # which may look others up
        return taken
    pointed = bool(connection.scalar(_POINTED, name))
    quote = connection.dialect.identifier_preparer.quote_identifier
    for index in connection.execute(_INDEXES, name).all():
        # what points here finds rows that wait for those which come
        if index.points_here or (index.unique and (pointed or not keys)):
            continue
        try:
            connection.exec_driver_sql(f"DROP INDEX {quote(index.name)}", execution_options=AS_IT_IS)
        except sa.exc.OperationalError:  # whoever makes the rows is reading with it
            break
        taken.append(Down(table.fullname, index.name, index.sql))
    if taken and connection.scalar(_ANALYSED):
        taken.append(Down(table.fullname, table.name, f"ANALYZE {quote(table.name)}"))
    return taken


def analyse(connection: Connection, table: sa.Table) -> None:
    """Refresh what the planner knows of a table, in a database that somebody has had analysed."""
    if connection.scalar(_ANALYSED):
        named = connection.dialect.identifier_preparer.format_table(table)
        connection.exec_driver_sql(f"ANALYZE {named}", execution_options=AS_IT_IS)
