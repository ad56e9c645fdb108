"""Settings under which rows are taken as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pymysql
from sqlalchemy.engine import Connection

from tdm_seed.dialects.mysql.binlog import answers, ask
from tdm_seed.dialects.mysql.waits import NAMES, patience


@contextmanager
def lenient(connection: Connection) -> Iterator[None]:
    """Take rows as they are: checks have seen them, zero dates may be older than today's rules, and keys are proven."""
    loose, strict = _settings(connection)
    ask(connection, [loose])
    try:
        yield
    finally:
        if not connection.invalidated:
            with suppress(pymysql.Error):  # the connection is gone, and its settings with it
                ask(connection, [strict])


def leniently(connection: Connection, statements: Sequence[str]) -> list[tuple[int, list[tuple[Any, ...]]]]:
    """Do the same for statements that are sent together, in one round trip."""
    loose, strict = _settings(connection)
    try:
        return answers(connection, [loose, *statements, strict])[1:-1]
    except pymysql.Error:
        with suppress(pymysql.Error):
            ask(connection, [strict])
        raise


def _settings(connection: Connection) -> tuple[str, str]:
    seconds = str(patience(connection))
    given = {"sql_mode": "'NO_AUTO_VALUE_ON_ZERO'", "foreign_key_checks": "0"}
    given |= dict.fromkeys(NAMES, seconds)
    if getattr(connection.dialect, "is_mariadb", False):
        given["check_constraint_checks"] = "0"
    noted = ", ".join(f"@tdm_seed_{name} = @@SESSION.{name}, {name} = {value}" for name, value in given.items())
    return f"SET {noted}", "SET " + ", ".join(f"{name} = @tdm_seed_{name}" for name in given)
