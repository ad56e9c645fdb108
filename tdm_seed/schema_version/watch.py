"""What a foreign ``env.py`` does with databases while it runs, seen through SQLAlchemy's events."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool

Parameters = Any
#: Decides about a statement that may write: gives what is to run in its place, or raises.
Decision = Callable[[Connection, str, Parameters, bool], tuple[str, Parameters]]

_READS = frozenset(
    "SELECT SHOW SET PRAGMA USE EXPLAIN DESCRIBE DESC VALUES BEGIN START COMMIT ROLLBACK SAVEPOINT RELEASE".split()
)
_FIRST_WORD = re.compile(r"(?:\s+|--[^\n]*\n|/\*.*?\*/|\()*([A-Za-z]+)", re.DOTALL)


@contextmanager
def watching(decide: Decision) -> Iterator[None]:
    """Let ``decide`` see every statement of this thread that does not begin like one that reads.

    Every engine is watched, since ``env.py`` makes its own; what other threads do is left alone. Connections that
    are idle in pools afterwards are closed, for a program that ran ``env.py`` would have ended by now; asynchronous
    ones cannot be, outside their loop.
    """
    thread = threading.get_ident()
    engines: dict[Engine, None] = {}

    def connected(connection: Connection) -> None:
        if threading.get_ident() == thread:
            engines[connection.engine] = None

    def before(
        connection: Connection, cursor: Any, statement: str, parameters: Parameters, context: Any, many: bool
    ) -> tuple[str, Parameters]:
        if threading.get_ident() != thread or reads(statement):
            return statement, parameters
        return decide(connection, statement, parameters, many)

    event.listen(Engine, "engine_connect", connected)
    event.listen(Engine, "before_cursor_execute", before, retval=True)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", before)
        event.remove(Engine, "engine_connect", connected)
        for engine in engines:
            if isinstance(engine.pool, QueuePool) and not engine.dialect.is_async:
                engine.dispose()


def reads(statement: str) -> bool:
    """Tell whether a statement begins with a word that only reads or steers the session."""
    word = _FIRST_WORD.match(statement)
    return word is not None and word[1].upper() in _READS
