"""Emptying tables, and letting their sequences begin anew."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.postgresql.identity import as_text, sequence_of

_GIVEN = "(SELECT CAST(CAST(:tables AS text[]) AS regclass[]) AS tables) AS given"
#: Whether a foreign key of another table leads into these.
_POINTED_AT = sa.text(
    f"SELECT EXISTS (SELECT FROM pg_constraint c, {_GIVEN} WHERE c.contype = 'f' "
    "AND c.confrelid = ANY(given.tables) AND c.conrelid <> ALL(given.tables))"
)
#: Those of the tables that hold rows of their own: a partitioned one has none, and takes no ONLY.
_HOLDING = sa.text(
    f"SELECT CAST(CAST(c.oid AS regclass) AS text) FROM pg_class c, {_GIVEN} "
    "WHERE c.oid = ANY(given.tables) AND c.relkind = 'r' ORDER BY 1"
)
#: How long TRUNCATE waits for those who use a table, where nobody has set a limit: a reader that idles in its
#: transaction would otherwise hold us for good, and everybody who comes after us.
PATIENCE = "60s"
_LIMIT = sa.text("SELECT set_config('lock_timeout', :limit, true) WHERE current_setting('lock_timeout') = '0'")
_PARTS = sa.text(
    "SELECT c.relname AS child, p.relname AS parent FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
    "JOIN pg_class p ON p.oid = i.inhparent WHERE pg_table_is_visible(c.oid) AND pg_table_is_visible(p.oid)"
)


def truncate(connection: Connection, tables: Sequence[sa.TableClause]) -> bool:
    """Truncate these tables and no other; False where the server would not do that without CASCADE.

    It looks at foreign keys and not at rows: an empty table that points to one of these is enough. So partitions that
    have a partitioned table among these for a parent come with whatever points to that.
    """
    names = {"tables": [as_text(connection, table) for table in tables]}
    if connection.scalar(_POINTED_AT, names):
        return False
    connection.execute(_LIMIT, {"limit": PATIENCE})
    if holding := connection.scalars(_HOLDING, names).all():
        connection.exec_driver_sql("TRUNCATE " + ", ".join(f"ONLY {name}" for name in holding).replace("%", "%%"))
    return True


def restart(connection: Connection, table: sa.Table, going_on: Collection[str]) -> None:
    """Restart the sequence of every column that draws from one, but for those named."""
    for column in table.columns:
        sequence = sequence_of(column)
        if column.identity is not None:
            owned = sa.func.pg_get_serial_sequence(as_text(connection, table), column.name)
            sequence = connection.scalar(sa.select(owned))
        if sequence and sequence not in going_on:
            connection.exec_driver_sql(f"ALTER SEQUENCE {sequence} RESTART".replace("%", "%%"))


def parts(connection: Connection) -> dict[str, str]:
    """Name each partition and each table that inherits, with its parent."""
    return {row.child: row.parent for row in connection.execute(_PARTS)}
