"""Foreign keys that a seed has switched off by hand: the server never looks back, so somebody must."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tdm_seed.dialects.statements import Statement

OFF = "SET foreign_key_checks = 0 /* and proven by tdm-seed */"
ON = "SET foreign_key_checks = 1 /* and proven by tdm-seed */"

#: Where a connection notes that a seed has touched them.
_TOUCHED = "tdm_seed_checks_touched"
_VARIABLE = "foreign_key_checks"
#: Characters in which a SET names its variable.
_GLANCE = 500


def watch(engine: Engine) -> None:
    """Note on a connection when a statement switches them, whoever sends it through SQLAlchemy."""

    @sa.event.listens_for(engine, "before_cursor_execute")
    def look(connection: Connection, _cursor: Any, statement: str, _given: Any, _context: Any, _many: bool) -> None:
        if statement not in (OFF, ON) and _VARIABLE in statement[:_GLANCE].lower():
            connection.info[_TOUCHED] = True


def note(connection: Connection, statements: Iterable[Statement]) -> None:
    """Note it when a statement of a script switches them."""
    if any(_VARIABLE.upper() in statement.words for statement in statements):
        connection.info[_TOUCHED] = True


def touched(connection: Connection) -> bool:
    """Tell whether a seed has switched them since this was last asked, and switch them on."""
    found = bool(connection.info.pop(_TOUCHED, False))
    if found:
        connection.exec_driver_sql(ON)
    return found
