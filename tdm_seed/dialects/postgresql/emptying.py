"""Emptying tables, and letting their sequences begin anew."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import AS_IT_IS
from tdm_seed.dialects.postgresql import identity, rewind
from tdm_seed.dialects.postgresql.identity import as_text

_NUMBERS = sa.text("SELECT CAST(CAST(unnest(CAST(:tables AS text[])) AS regclass) AS bigint)")
#: The tables from which a foreign key leads into these, and that are none of these.
_POINTING = sa.text(
    "SELECT DISTINCT CAST(conrelid AS bigint) FROM pg_constraint WHERE contype = 'f' "
    "AND CAST(confrelid AS bigint) = ANY(:tables) AND CAST(conrelid AS bigint) <> ALL(:tables)"
)
#: Those of the tables that hold rows of their own: a partitioned one has none, and takes no ONLY.
_HOLDING = sa.text(
    "SELECT CAST(CAST(oid AS regclass) AS text) AS name, has_table_privilege(oid, 'TRUNCATE') AS may FROM pg_class "
    "WHERE CAST(oid AS bigint) = ANY(:tables) AND relkind = 'r' ORDER BY 1"
)
#: Whether a sequence is to be moved by ``setval``, since another role owns it, and where it starts.
_START = sa.text(
    "SELECT NOT pg_has_role(c.relowner, 'USAGE') AND has_sequence_privilege(c.oid, 'UPDATE') "
    "AND has_sequence_privilege(c.oid, 'SELECT') AS lent, s.seqstart "
    "FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid WHERE c.oid = CAST(:name AS regclass)"
)
#: Milliseconds that the server takes for a limit at most; 0 would be none.
_LONGEST: Final = 2**31 - 1
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
    """Truncate these tables and no other but ``spare`` ones; False where that takes CASCADE, or this role may not.

    The server looks at foreign keys and not at rows: an empty table that points to one of these is enough, so it must
    come along. And partitions that have a partitioned table among these for a parent come with whatever points to that.
    """
    chosen, at_hand = numbers(connection, tables), set(numbers(connection, spare))
    while pointing := connection.scalars(_POINTING, {"tables": chosen}).all():
        if not at_hand.issuperset(pointing):
            return False
        chosen += pointing
    holding = connection.execute(_HOLDING, {"tables": chosen}).all()
    if not all(each.may for each in holding):
        return False
    if holding:
        names = ", ".join(f"ONLY {each.name}" for each in holding)
        connection.exec_driver_sql(f"TRUNCATE {names}", execution_options=AS_IT_IS)
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
    connection.exec_driver_sql(impatience(seconds), execution_options=AS_IT_IS)


def impatience(seconds: float) -> str:
    """Give what lets no statement wait longer, as ``be_impatient`` does."""
    milliseconds = max(1, int(min(seconds * 1000, _LONGEST)))
    return f"SELECT set_config('lock_timeout', '{milliseconds}ms', true) WHERE current_setting('lock_timeout') = '0'"


def see_all(connection: Connection) -> None:
    """Set aside what roles and databases may have set: policies for rows, and how values are written as text."""
    connection.execute(_PLAINLY)


def numbers(connection: Connection, tables: Sequence[sa.TableClause]) -> list[int]:
    """Give the catalogue's numbers of tables."""
    return list(connection.scalars(_NUMBERS, {"tables": [as_text(connection, table) for table in tables]}))


def restart(connection: Connection, table: sa.Table, going_on: Collection[str]) -> None:
    """Restart the sequence of every column that draws from one, but for those named.

    Only its owner may do that so that a rollback takes it back. What is only lent to us is moved with the commit, past
    the numbers that are in use by then: no earlier, since no rollback takes ``setval`` back, and no later, since others
    may draw from it then.
    """
    numbered = identity.numbered(table)
    for column in table.columns:
        sequence = identity.drawn_from(connection, table, column) if _draws(column) else None
        if not sequence or sequence in going_on:
            continue
        lent, start = connection.execute(_START, {"name": sequence}).one()
        if not lent:
            connection.exec_driver_sql(f"ALTER SEQUENCE {sequence} RESTART", execution_options=AS_IT_IS)
            continue
        moves = connection.info.setdefault(rewind.MOVES, [])
        moves.insert(0, f"SELECT setval({identity.quoted(sequence)}, {start}, false)")
        (held,) = rewind.held([sequence])
        connection.exec_driver_sql(held, execution_options=AS_IT_IS)
        if column is numbered:
            moves.append(identity.advancing(connection, table, column, sequence))
            connection.exec_driver_sql(f"EXPLAIN {moves[-1]}", execution_options=AS_IT_IS)  # refused now, or not at all


def _draws(column: sa.Column[object]) -> bool:
    return column.identity is not None or identity.sequence_of(column) is not None


def parts(connection: Connection) -> dict[str, str]:
    """Name each partition and each table that inherits, with its parent."""
    return {row.child: row.parent for row in connection.execute(_PARTS)}
