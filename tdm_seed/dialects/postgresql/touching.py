"""The names of what was written since rows were kept."""

from __future__ import annotations

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


def named(connection: Connection, found: Written) -> Touched | None:
    """Name what was found written; None where a crash of the server has emptied the journal."""
    if found.lost:
        return None
    tables = [*found.tables, *([] if found.intact else (each.number for each in marks.suspects(connection)))]
    moved = [each.number for each in found.moved]
    return Touched(
        tuple(sorted(connection.scalars(_TABLES, {"numbers": tables}))) if tables else (),
        tuple(connection.scalars(_SEQUENCES, {"numbers": moved})) if moved else (),
    )
