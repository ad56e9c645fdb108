"""What reflection of an SQLite database leaves open."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

#: A trigger writes the table's name as it likes, and may be this connection's own.
_TRIGGERS = sa.text(
    "SELECT name FROM (SELECT * FROM sqlite_master UNION ALL SELECT * FROM sqlite_temp_master) "
    "WHERE type = 'trigger' AND tbl_name = :name COLLATE NOCASE ORDER BY name"
)


def triggers(connection: Connection, table: sa.Table) -> list[str]:
    """Name the triggers of a table, each of which runs for each row."""
    return list(connection.scalars(_TRIGGERS, {"name": table.name}))


def refine(connection: Connection, table: sa.Table) -> None:
    """Note the unique columns that SQLAlchemy's reading of CREATE TABLE misses: `VARCHAR(20) … UNIQUE`."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    uniques = [each for each in table.constraints if isinstance(each, sa.UniqueConstraint)]
    known = {tuple(column.name for column in each.columns) for each in uniques}
    for row in connection.exec_driver_sql(f"PRAGMA index_list({quote(table.name)})").all():
        if row[2] and row[3] == "u":
            listed = connection.exec_driver_sql(f"PRAGMA index_info({quote(row[1])})").all()
            columns = tuple(each[2] for each in listed)
            if columns not in known and all(name in table.columns for name in columns):
                table.append_constraint(sa.UniqueConstraint(*columns))
