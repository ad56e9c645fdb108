"""What was written since rows were kept, by name or by what changes with it."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.postgresql import marks
from tdm_seed.dialects.postgresql.marks import Written
from tdm_seed.dialects.postgresql.places import SCHEMA
from tdm_seed.dialects.rewinding import Touched

_TABLES = sa.text(
    f"SELECT shape->>'name' FROM {SCHEMA}.place WHERE number = ANY(CAST(:numbers AS integer[])) ORDER BY number"
)
_SEQUENCES = sa.text(f"SELECT name FROM {SCHEMA}.sequence WHERE number = ANY(CAST(:numbers AS integer[])) ORDER BY 1")
#: What is locked, or computed anew, where these are put back.
_MEMBERS = sa.text(
    f"WITH back AS (SELECT unnest(reach) AS number FROM {SCHEMA}.place WHERE number = ANY(CAST(:tables AS integer[])) "
    f"UNION SELECT place FROM {SCHEMA}.sequence WHERE number = ANY(CAST(:moved AS integer[]))) "
    f"SELECT unnest(members) FROM {SCHEMA}.place WHERE number IN (SELECT number FROM back) "
    f"UNION SELECT CAST(CAST(to_regclass(name) AS oid) AS bigint) FROM {SCHEMA}.view "
    "WHERE places && ARRAY(SELECT number FROM back)"
)


def named(connection: Connection, found: Written) -> Touched | None:
    """Name what was found written; None where a crash of the server has emptied the journal."""
    if found.lost:
        return None
    tables = _written(connection, found)
    moved = [each.number for each in found.moved]
    return Touched(
        tuple(sorted(connection.scalars(_TABLES, {"numbers": tables}))) if tables else (),
        tuple(connection.scalars(_SEQUENCES, {"numbers": moved})) if moved else (),
    )


def members(connection: Connection) -> Sequence[int]:
    """Number the tables that going back waits for, and the materialised views over them."""
    found = marks.written(connection)
    given = {"tables": _written(connection, found), "moved": [each.number for each in found.moved]}
    return connection.scalars(_MEMBERS, given).all()


def _written(connection: Connection, found: Written) -> list[int]:
    """Number the tables that have marks, and those whose triggers were off."""
    return [*found.tables, *([] if found.intact else (each.number for each in marks.suspects(connection)))]
