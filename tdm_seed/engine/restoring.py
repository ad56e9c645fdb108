"""Bringing back what was there before the first seed, until every table holds that and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

from tdm_seed.engine import baseline
from tdm_seed.engine.emptying import ROUNDS, count
from tdm_seed.engine.session import Session
from tdm_seed.errors import DatabaseError

#: The rows of each table that are to come back, as they were written down.
Rows = Mapping[str, tuple[str, ...]]


def going_on(session: Session, kept: Collection[str], back: Rows) -> set[str]:
    """Name the sequences that rows may have drawn from which stay or come back, so that no number is given twice.

    A numbered column is led behind its largest number afterwards, so its own sequence may begin anew.
    """
    sequences, numbered = session.dialect.sequences, session.dialect.numbered
    found = {drawn for name in kept for drawn in sequences(session.schema.table(name)).values()}
    for name in back:
        table = session.schema.table(name)
        found |= {drawn for column, drawn in sequences(table).items() if column is not numbered(table)}
    return found


def restore(session: Session, names: Sequence[str], back: Rows) -> None:
    """Bring rows back into emptied tables, which come children first, and prove what they point to.

    Triggers may write as rows come back: each table is filled anew until it holds what it held. Sequences are led
    behind all numbers in use.

    Raises:
        DatabaseError: a table does not come to hold what it held.
    """
    connection, dialect = session.connection, session.dialect
    if not back:
        return
    tables = [session.schema.table(name) for name in reversed(names)]
    filled = [table for table in tables if table.name in back]
    with _explained(session), dialect.loosened(connection, filled):
        for _ in range(ROUNDS):
            if not _fill(session, tables, back):
                break
        else:
            _prove(session, tables, back)
    for table in filled:
        if dialect.numbered(table) is not None:
            dialect.advance_identity(connection, table)


def _fill(session: Session, tables: Sequence[sa.Table], back: Rows) -> bool:
    """Fill the tables that do not hold what they held, and tell whether there was one."""
    found = False
    for table in tables:
        if _holds(session, table, back):
            continue
        found = True
        if count(session, table.name):
            session.dialect.delete_all(session.connection, table)
        if table.name in back:
            try:
                with session.translated():
                    baseline.insert(session.connection, session.dialect, table, back[table.name])
            except DatabaseError as error:
                raise error.located(table=table.name) from error.__cause__
    return found


@contextmanager
def _explained(session: Session) -> Iterator[None]:
    """Say of what the database refuses that it was to come back, and what can be done about it."""
    try:
        with session.translated():
            yield
    except DatabaseError as error:
        place = error.place
        raise DatabaseError(
            "the rows that were there before the first seed cannot be brought back, so nothing was changed: "
            f"{error.message}",
            table=place.table,
            row=place.row,
            column=place.column,
            hint="The schema, a trigger or a table that is kept is another than it was then. Keep the table, too: "
            "`keep` in the environment's manifest; or make the database anew.",
        ) from error


def _prove(session: Session, tables: Sequence[sa.Table], back: Rows) -> None:
    wrong = [table for table in tables if not _holds(session, table, back)]
    if wrong:
        raise DatabaseError("a trigger or another session has changed them", table=wrong[0].name)


def _holds(session: Session, table: sa.Table, back: Rows) -> bool:
    return baseline.holds(session.connection, session.dialect, table, back.get(table.name, ()))
