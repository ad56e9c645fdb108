"""Keeping the rows of tables as they are, in a database beside, and where the binlog stood then."""

from __future__ import annotations

from contextlib import suppress

import pymysql
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.mysql import binlog, mark, places
from tdm_seed.dialects.mysql.binlog import Anchor, Position, ask
from tdm_seed.dialects.mysql.definitions import quoted, run
from tdm_seed.dialects.mysql.lenience import lenient
from tdm_seed.dialects.mysql.mark import Mark
from tdm_seed.dialects.mysql.waits import waiting
from tdm_seed.dialects.rewinding import Kept, Scope
from tdm_seed.errors import DatabaseError


def keep(connection: Connection, scope: Scope, content: Kept) -> None:
    """Copy the rows while nobody may write, and write the mark, which the caller commits."""
    let_go(connection)
    name = mark.beside(connection)
    found = places.read(connection, scope.tables)
    reached = places.reach(connection, found)
    with lenient(connection):
        try:
            anchor = _make(connection, name, found)
            numbers, position = _copy(connection, name, found)
        except Exception:
            connection.exec_driver_sql("ROLLBACK")
            with suppress(sa.exc.DBAPIError, pymysql.Error, DatabaseError):
                let_go(connection)
            raise
        if found:
            connection.execute(
                sa.text(f"INSERT INTO {quoted(name)}.place VALUES (:number, :name, :counter, :shape)"),
                [
                    {
                        "number": place.number,
                        "name": place.name,
                        "counter": (numbers[place.name] or 1) if place.counts else None,
                        "shape": places.written(place),
                    }
                    for place in found
                ],
            )
        began = mark.began(connection, content)
        mark.write(connection, name, Mark(content, began, 0, anchor, position, reached))


def _make(connection: Connection, name: str, found: list[places.Place]) -> Anchor:
    run(connection, f"CREATE DATABASE {quoted(name)} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    for place in found:
        run(connection, f"CREATE TABLE {quoted(name)}.{place.copy} LIKE {quoted(place.name)}")
    run(
        connection,
        f"CREATE TABLE {quoted(name)}.place (number INT PRIMARY KEY, name VARCHAR(64) NOT NULL, "
        "counter BIGINT UNSIGNED, shape LONGTEXT NOT NULL) ENGINE=InnoDB",
    )
    start = mark.where(ask(connection, [binlog.here(connection)])[0])
    text = mark.definition(name)
    run(connection, text)
    try:
        return binlog.anchored(connection, start, text)
    except binlog.Lost as lost:
        raise DatabaseError(
            f"rows cannot be kept to go back to: {lost}", hint="A reset empties the database."
        ) from lost


def _copy(connection: Connection, name: str, found: list[places.Place]) -> tuple[dict[str, int | None], Position]:
    """Copy with all tables locked: whoever has written is in the binlog, and nobody else gets in.

    One number is set to what it is, which proves that this user may set them back.
    """
    numbers = {row[0]: row[1] for row in ask(connection, [*mark.live(connection), mark.NUMBERS])[-1]}
    if counting := next((place.name for place in found if place.counts), None):
        run(connection, f"ALTER TABLE {quoted(counting)} AUTO_INCREMENT = {numbers[counting] or 1}")
    try:
        if found:
            locks = (f"{quoted(each.name)} READ, {quoted(name)}.{each.copy} WRITE" for each in found)
            run(connection, f"LOCK TABLES {', '.join(locks)}")
        for place in found:
            columns = ", ".join(quoted(column) for column, _ in place.columns)
            run(
                connection,
                f"INSERT INTO {quoted(name)}.{place.copy} ({columns}) SELECT {columns} FROM {quoted(place.name)}",
            )
        _, status, rows = ask(connection, ["COMMIT", binlog.here(connection), mark.NUMBERS])
    finally:
        if not connection.invalidated:
            run(connection, "UNLOCK TABLES")
    return {row[0]: row[1] for row in rows}, mark.where(status)


def let_go(connection: Connection) -> None:
    """Drop the database of ours, the mark first; nobody who reads there is waited for.

    Raises:
        DatabaseError: somebody else has put something into it.
    """
    name = mark.beside(connection)
    if connection.scalar(
        sa.text("SELECT 1 FROM information_schema.schemata WHERE schema_name = :name"), {"name": name}
    ):
        if other := mark.stranger(connection):
            raise DatabaseError(other, hint="Drop or rename it.")
        with waiting(connection, 1):
            run(connection, f"DROP TABLE IF EXISTS {quoted(name)}.{mark.MARK}")
            run(connection, f"DROP DATABASE {quoted(name)}")


def forget(connection: Connection) -> None:
    """Let go if this user may and nobody reads there; else see that nothing is gone back to.

    What is not this user's to touch stays: the history tells that it is out of date.
    """
    try:
        let_go(connection)
    except (sa.exc.DBAPIError, DatabaseError):
        if connection.invalidated:
            raise
        name = mark.beside(connection)
        with suppress(sa.exc.DBAPIError):  # not for this user either, or there is no mark of ours
            text = {"text": mark.definition(name)}
            connection.execute(sa.text(f"DELETE FROM {quoted(name)}.{mark.MARK} WHERE anchor = :text"), text)
