"""The catalogue of a MySQL or MariaDB database as one digest."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

#: A view says its own database's name in front of every table.
_VIEW: Final = "REPLACE(view_definition, CONCAT('`', DATABASE(), '`.'), '')"
#: Each kind with its table, the columns that tell it, and which column names the table that it belongs to.
_KINDS: Final = (
    ("tables", "table_schema", "table_name, table_type, engine, table_collation, create_options", "table_name"),
    ("columns", "table_schema", "table_name, column_name, ordinal_position, column_default, is_nullable, column_type, "
     "collation_name, extra, generation_expression, column_comment", "table_name"),
    ("statistics", "table_schema", "table_name, index_name, seq_in_index, non_unique, column_name, collation, "
     "sub_part, index_type", "table_name"),
    ("key_column_usage", "table_schema", "table_name, constraint_name, ordinal_position, column_name, "
     "NULLIF(referenced_table_schema, DATABASE()), referenced_table_name, referenced_column_name", "table_name"),
    ("referential_constraints", "constraint_schema", "table_name, constraint_name, update_rule, delete_rule",
     "table_name"),
    ("partitions", "table_schema", "table_name, partition_name, partition_ordinal_position, partition_method, "
     "partition_expression, partition_description", "table_name"),
    ("triggers", "trigger_schema", "trigger_name, event_object_table, event_manipulation, action_timing, action_order, "
     "action_statement, sql_mode", "event_object_table"),
    ("views", "table_schema", f"table_name, {_VIEW}, check_option, security_type", "table_name"),
    ("routines", "routine_schema", "routine_name, routine_type, dtd_identifier, routine_definition, sql_mode, "
     "is_deterministic, sql_data_access, security_type", "routine_name"),
    ("parameters", "specific_schema", "specific_name, ordinal_position, parameter_mode, parameter_name, dtd_identifier",
     "specific_name"),
    ("events", "event_schema", "event_name, event_definition, execute_at, interval_value, interval_field, status, "
     "sql_mode", "event_name"),
)  # fmt: skip
#: CHECK constraints name their table on MariaDB only.
_CHECKS: Final = ("check_constraints", "constraint_schema", "constraint_name, check_clause", "constraint_name")


def fingerprint(connection: Connection, own: Collection[str]) -> str:
    """Digest all of the database at hand, in one query."""
    named = "table_name" if getattr(connection.dialect, "is_mariadb", False) else "constraint_name"
    kinds = (*_KINDS, (*_CHECKS[:3], named))
    query = sa.text(
        " UNION ALL ".join(
            f"SELECT JSON_ARRAY('{table}', {columns}) AS line FROM information_schema.{table} "
            f"WHERE {schema} = DATABASE() AND {name} NOT IN :own AND {name} NOT LIKE 'tdm\\\\_seed%'"
            for table, schema, columns, name in kinds
        )
    ).bindparams(sa.bindparam("own", expanding=True))
    digest = sha256()
    for line in sorted(map(str, connection.scalars(query, {"own": sorted(own)}))):
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()
