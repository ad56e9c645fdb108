"""Loading rows that need no second visit: COPY … FREEZE into a table that is seen empty and held alone."""

from __future__ import annotations

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.autocommit import commits_by_itself
from tdm_seed.dialects.postgresql.identity import as_text
from tdm_seed.dialects.postgresql.sending import driver_of, statement

# Only what this transaction has truncated can be frozen, so an empty table is truncated once more. That must never
# cost a row, wake anybody, or wait: not where rows may be hidden (by a policy, or by a snapshot older than the lock),
# other tables point here, a trigger or a subscriber hears of it, or somebody else holds the table.
_MAY = sa.text(
    "SELECT current_setting('transaction_isolation') = 'read committed' AND c.relkind = 'r' AND NOT c.relispartition "
    "AND NOT c.relrowsecurity AND c.relpersistence <> 't' AND has_table_privilege(c.oid, 'TRUNCATE') "
    "AND NOT EXISTS (SELECT FROM pg_inherits WHERE c.oid IN (inhrelid, inhparent)) "
    "AND NOT EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND confrelid = c.oid AND conrelid <> c.oid) "
    "AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgtype & 32 <> 0) "
    "AND NOT EXISTS (SELECT FROM pg_publication_tables p WHERE p.schemaname = n.nspname AND p.tablename = c.relname) "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = CAST(:name AS regclass)"
)


def can_freeze(connection: Connection, table: sa.Table) -> bool:
    """Make ready for COPY … FREEZE in the transaction, or savepoint, that stands; False where that cannot be.

    The table stays locked until the transaction ends: nobody sees rows that would have come before its end.
    """
    if commits_by_itself(connection):
        return False
    name = as_text(connection, table)
    empty = sa.select(~sa.exists(sa.select(sa.literal(1)).select_from(table)))
    if not connection.scalar(_MAY, {"name": name}) or not connection.scalar(empty):
        return False
    quoted = name.replace("%", "%%")
    try:
        with connection.begin_nested() as savepoint:
            connection.exec_driver_sql(f"LOCK TABLE ONLY {quoted} IN ACCESS EXCLUSIVE MODE NOWAIT")
            if not connection.scalar(empty):
                savepoint.rollback()
                return False
            _truncate_and_try(connection, table, quoted)
    except (sa.exc.DBAPIError, psycopg.Error):
        return False
    return True


def can_freeze_own(connection: Connection, table: sa.Table) -> bool:
    """Do the same with a new temporary table, which nobody else uses."""
    if commits_by_itself(connection):
        return False
    try:
        with connection.begin_nested():
            _truncate_and_try(connection, table, as_text(connection, table).replace("%", "%%"))
    except (sa.exc.DBAPIError, psycopg.Error):
        return False
    return True


def _truncate_and_try(connection: Connection, table: sa.Table, quoted: str) -> None:
    connection.exec_driver_sql(f"TRUNCATE ONLY {quoted}")
    # Whatever else the server has against it, it says before the first row.
    with driver_of(connection).cursor() as cursor, cursor.copy(statement(table, [], "FREEZE")):
        pass
