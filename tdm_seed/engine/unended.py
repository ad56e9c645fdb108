"""The transaction of a seed is not the seed's to end: refused where that can be seen, noticed where it cannot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import Dialect
from tdm_seed.dialects.statements import Statement
from tdm_seed.engine.session import Session
from tdm_seed.errors import Locked, SeedError

#: Characters at the beginning of a statement that tell whether it ends a transaction.
_GLANCE = 300
_COMMENTS = re.compile(r"(?:\s+|--[^\n]*\n|/\*.*?\*/)*", re.DOTALL)
_WORD = re.compile(r"\w+")

_TAKE_OUT = "Take it out. A seed that must commit by itself, and is safe to repeat, says `transaction: none`."


@contextmanager
def unended(session: Session, *, dry_run: bool = False) -> Iterator[None]:
    """Run an author's code in the open transaction of the session's connection, and leave that open.

    What ends it through SQLAlchemy is refused before it happens. Behind SQLAlchemy's back, by the driver itself or in
    a function of the server, it can only be noticed afterwards: the savepoint around the block is gone then.

    Raises:
        SeedError: the author's code would end the transaction, or has ended it.
    """
    connection, dialect = session.connection, session.dialect
    savepoint = connection.begin_nested() if dialect.savepoints else None
    try:
        with _refusing(connection, dialect):
            yield
    except BaseException as error:
        if savepoint is not None and savepoint.is_active and not connection.invalidated:
            try:
                savepoint.rollback()
            except sa.exc.DBAPIError as gone:
                if not (gone.connection_invalidated or _rolled_back(dialect, error)):
                    raise _ended(dry_run, error) from error
        raise
    if savepoint is None:
        return
    try:
        savepoint.commit()
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated or dialect.aborted(error):
            raise
        raise _ended(dry_run) from error


class _Refusal:
    """Hears of a statement or call before it is carried out, and raises when it would end the transaction."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.error: SeedError | None = None

    def statement(
        self, connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        begin = _COMMENTS.match(statement)
        at = begin.end() if begin else 0
        words = tuple(_WORD.findall(statement[at : at + _GLANCE].upper()))
        if words and (reason := self._dialect.refusal(Statement(statement, 1, words[0], None, words))):
            raise SeedError(reason, hint=_TAKE_OUT)

    def commit(self, connection: Connection) -> None:
        self._end("commit()")

    def rollback(self, connection: Connection) -> None:
        self._end("rollback() or close()")

    def _end(self, call: str) -> None:
        self.error = SeedError(
            f"calls {call} of db.connection, but a seed runs inside a transaction that commits its rows together with "
            "its history entry; nothing of it is kept",
            hint=_TAKE_OUT,
        )
        raise self.error


@contextmanager
def _refusing(connection: Connection, dialect: Dialect) -> Iterator[None]:
    refusal = _Refusal(dialect)
    hooks = (
        ("before_cursor_execute", refusal.statement),
        ("commit", refusal.commit),
        ("rollback", refusal.rollback),
    )
    for name, hook in hooks:
        sa.event.listen(connection, name, hook)
    try:
        yield
        if refusal.error is not None:
            raise refusal.error  # the seed has swallowed it
    except Exception as error:
        if refusal.error in (None, error):
            raise
        raise refusal.error from error  # swallowed, and the transaction gives no answers since
    finally:
        for name, hook in hooks:
            sa.event.remove(connection, name, hook)
        if refusal.error is not None and not (connection.closed or connection.invalidated):
            connection.connection.rollback()  # SQLAlchemy takes its transaction for ended, which the driver's is not


def _rolled_back(dialect: Dialect, error: BaseException) -> bool:
    """Tell whether the database itself took the whole transaction back, as it does with the victim of a deadlock."""
    while error.__cause__ is not None and not isinstance(error, Locked):
        error = error.__cause__
    locked = isinstance(error if isinstance(error, Locked) else dialect.translate_error(error), Locked)
    return locked or dialect.takes_back(error)


def _ended(dry_run: bool, failed: BaseException | None = None) -> SeedError:
    """Say what is known: that the transaction is gone, and that only a commit would have kept anything."""
    more = f"; then it failed: {type(failed).__name__}: {failed}" if failed is not None else ""
    before = "before that, by this seed and those before it," if dry_run else "before that"
    return SeedError(
        "ended the transaction that it runs in, by a COMMIT, a ROLLBACK or a statement that commits implicitly" + more,
        hint=f"If it was committed, what was written {before} is in the database, without a history entry. "
        "Take that statement out; if the seed is safe to repeat, run it again.",
    )
