"""Emptying tables, and letting their sequences begin anew."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.postgresql.identity import as_text, sequence_of

_NUMBERS = sa.text("SELECT CAST(CAST(unnest(CAST(:tables AS text[])) AS regclass) AS bigint)")
#: The tables from which a foreign key leads into these, and that are none of these.
_POINTING = sa.text(
    "SELECT DISTINCT CAST(conrelid AS bigint) FROM pg_constraint WHERE contype = 'f' "
    "AND CAST(confrelid AS bigint) = ANY(:tables) AND CAST(conrelid AS bigint) <> ALL(:tables)"
)
#: Those of the tables that hold rows of their own: a partitioned one has none, and takes no ONLY.
_HOLDING = sa.text(
    "SELECT CAST(CAST(oid AS regclass) AS text) FROM pg_class WHERE CAST(oid AS bigint) = ANY(:tables) "
    "AND relkind = 'r' ORDER BY 1"
)
#: Milliseconds that the server takes for a limit at most; 0 would be none.
_LONGEST: Final = 2**31 - 1
_LIMIT = sa.text("SELECT set_config('lock_timeout', :limit, true) WHERE current_setting('lock_timeout') = '0'")
_OF_OTHERS = sa.text(
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'p') AND CASE WHEN n.nspname = coalesce(:schema, current_schema()) "
    "THEN EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e' "
    "AND d.classid = CAST('pg_class' AS regclass)) "
    "ELSE CAST(:schema AS text) IS NULL AND pg_table_is_visible(c.oid) END ORDER BY 1"
)
#: pg_dump sets the same, but for the last.
_PLAINLY = sa.select(*(
    sa.func.set_config(name, value, True)
    for name, value in {
        "row_security": "off",
        "datestyle": "ISO",
        "intervalstyle": "postgres",
        "extra_float_digits": "3",
        "bytea_output": "hex",
        "xmloption": "content",
        "lc_monetary": "C",
    }.items()
))  # fmt: skip
_PARTS = sa.text(
    "SELECT c.relname AS child, p.relname AS parent FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
    "JOIN pg_class p ON p.oid = i.inhparent WHERE pg_table_is_visible(c.oid) AND pg_table_is_visible(p.oid)"
)


def truncate(connection: Connection, tables: Sequence[sa.TableClause], spare: Sequence[sa.TableClause]) -> bool:
    """Truncate these tables and no other but ``spare`` ones; False where the server would not do that without CASCADE.

    It looks at foreign keys and not at rows: an empty table that points to one of these is enough, so it must come
    along. And partitions that have a partitioned table among these for a parent come with whatever points to that.
    """
    chosen, at_hand = numbers(connection, tables), set(numbers(connection, spare))
    while pointing := connection.scalars(_POINTING, {"tables": chosen}).all():
        if not at_hand.issuperset(pointing):
            return False
        chosen += pointing
    if holding := connection.scalars(_HOLDING, {"tables": chosen}).all():
        connection.exec_driver_sql("TRUNCATE " + ", ".join(f"ONLY {name}" for name in holding).replace("%", "%%"))
    return True


def of_others(connection: Connection, schema: str | None) -> list[str]:
    """Name the tables that extensions have brought into a schema.

    Of the default one also those that are found by the search path, but stand in another schema.
    """
    return list(connection.scalars(_OF_OTHERS, {"schema": schema}))


def be_impatient(connection: Connection, seconds: float) -> None:
    """Let no statement of this transaction wait longer, unless the role or the database has a limit of its own.

    Whoever idles in a transaction would otherwise hold us for good, and everybody who comes after us.
    """
    milliseconds = max(1, int(min(seconds * 1000, _LONGEST)))
    connection.execute(_LIMIT, {"limit": f"{milliseconds}ms"})


def see_all(connection: Connection) -> None:
    """Set aside what roles and databases may have set: policies for rows, and how values are written as text."""
    connection.execute(_PLAINLY)


def numbers(connection: Connection, tables: Sequence[sa.TableClause]) -> list[int]:
    """Give the numbers that the server knows tables by."""
    return list(connection.scalars(_NUMBERS, {"tables": [as_text(connection, table) for table in tables]}))


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
