"""Running a script as one simple query, so that the server splits it and tells which statement failed."""

from __future__ import annotations

import select
from collections.abc import Sequence

import psycopg
from psycopg import pq
from sqlalchemy.engine import Connection

from tdm_seed.dialects.failed import StatementFailed
from tdm_seed.dialects.statements import Statement

_GOOD = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK, pq.ExecStatus.EMPTY_QUERY)


def run(connection: Connection, sql: str, statements: Sequence[Statement]) -> list[int]:
    """Send ``sql`` with the simple protocol and give the row count of each statement.

    ``cursor.execute`` would do, but when it raises it does not tell how many statements had succeeded, and a
    constraint violation carries no position; counting results through libpq gives the line.

    Raises:
        StatementFailed: with the line of the statement that the server refused.
    """
    driver: psycopg.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    wire = driver.pgconn
    counts: list[int] = []
    failed: pq.abc.PGresult | None = None
    wire.send_query(sql.encode())
    try:
        while (result := _next(wire)) is not None:
            if failed is None and result.status not in _GOOD:
                failed = result
            elif result.status != pq.ExecStatus.EMPTY_QUERY:
                counts.append(result.command_tuples if result.command_tuples is not None else -1)
    except BaseException:
        driver.cancel_safe()
        while _next(wire) is not None:
            pass
        raise
    if failed is not None:
        error = psycopg.errors.error_from_result(failed, encoding="utf-8")
        raise StatementFailed(_line(sql, failed, statements, len(counts)), error) from error
    return counts


def _next(wire: pq.abc.PGconn) -> pq.abc.PGresult | None:
    """Wait for a result in ``select``, where Ctrl-C is heard."""
    while wire.flush():
        select.select([wire.socket], [wire.socket], [])
        wire.consume_input()
    while wire.is_busy():
        select.select([wire.socket], [], [])
        wire.consume_input()
    return wire.get_result()


def _line(sql: str, failed: pq.abc.PGresult, statements: Sequence[Statement], done: int) -> int | None:
    position = failed.error_field(pq.DiagnosticField.STATEMENT_POSITION)
    if position:
        return sql.count("\n", 0, int(position) - 1) + 1
    return statements[done].line if done < len(statements) else None
