"""Which tables and columns are not those that they were when rows were kept."""

from __future__ import annotations

from typing import Final

from sqlalchemy.engine import Connection

from tdm_seed.dialects.mysql import mark, places
from tdm_seed.dialects.mysql.binlog import ask
from tdm_seed.dialects.mysql.definitions import quoted

#: Computed columns are not kept.
_COLUMNS: Final = (
    "SELECT table_name, column_name, LOWER(data_type) FROM information_schema.columns "
    "WHERE table_schema = DATABASE() AND extra NOT LIKE '% GENERATED%' ORDER BY table_name, ordinal_position"
)


def altered(connection: Connection) -> list[str]:
    """Say which tables are gone, and which columns are new, gone or of another type; not which tables are new.

    Those that the manifest keeps are not among what is kept, and would look new.
    """
    shapes, columns = ask(
        connection, [f"SELECT shape FROM {quoted(mark.beside(connection))}.place ORDER BY name", _COLUMNS]
    )
    now: dict[str, dict[str, str]] = {}
    for table, column, kind in columns:
        now.setdefault(table, {})[column] = kind
    found = []
    for place in (places.understood(shape) for (shape,) in shapes):
        if place.name not in now:
            found.append(f"the table {place.name} is gone")
            continue
        before, after = dict(place.columns), now[place.name]
        for column in sorted({*before, *after}):
            if before.get(column) != after.get(column):
                both = "of another type" if column in before else "new"
                found.append(f"the column {place.name}.{column} is {both if column in after else 'gone'}")
    return found
