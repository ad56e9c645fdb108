"""What a database is made of, as statements that make it again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import pymysql
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.errors import DatabaseError

#: In this order they are made; views may need one another, and are tried until all are there.
KINDS: Final = ("SEQUENCE", "TABLE", "FUNCTION", "PROCEDURE", "PACKAGE", "PACKAGE BODY", "TRIGGER", "VIEW", "EVENT")

#: What the server says for want of a right, also of that to make things in another's name.
_DENIED: Final = (1044, 1142, 1143, 1227, 1370, 1419)
_ENABLED: Final = re.compile(r"(\bON COMPLETION (?:NOT )?PRESERVE) ENABLE\b")

_LISTED: Final = (
    "SELECT CASE table_type WHEN 'VIEW' THEN 'VIEW' WHEN 'SEQUENCE' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, "
    "table_name AS name, table_type AS type FROM information_schema.tables WHERE table_schema = DATABASE() "
    "AND table_type <> 'SYSTEM VIEW' AND table_name NOT LIKE 'tdm\\_seed\\_%' ORDER BY table_name",
    "SELECT routine_type AS kind, routine_name AS name, '' AS type FROM information_schema.routines "
    "WHERE routine_schema = DATABASE() ORDER BY routine_type, routine_name",
    "SELECT 'TRIGGER' AS kind, trigger_name AS name, '' AS type FROM information_schema.triggers "
    "WHERE trigger_schema = DATABASE() ORDER BY event_object_table, action_timing, event_manipulation, action_order",
    "SELECT 'EVENT' AS kind, event_name AS name, '' AS type FROM information_schema.events "
    "WHERE event_schema = DATABASE() ORDER BY event_name",
)
_COLUMNS = sa.text(
    "SELECT column_name FROM information_schema.columns WHERE table_schema = :schema AND table_name = :name "
    "AND extra NOT LIKE '% GENERATED%' ORDER BY ordinal_position"
)


@dataclass(frozen=True)
class Definition:
    """One thing of a database: what makes it, under which ``sql_mode``, and a sequence's next number."""

    kind: str
    name: str
    statement: str
    mode: str = ""
    number: int | None = None


def quoted(name: str) -> str:
    """Quote a name."""
    return "`" + name.replace("`", "``") + "`"


def run(connection: Connection, statement: str) -> sa.CursorResult[Any]:
    """Run a statement as it stands."""
    return connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def read(connection: Connection) -> list[Definition]:
    """Read all of the database at hand but what is ours for a moment.

    Raises:
        DatabaseError: a table keeps versions of its rows, or this user may not see what makes a routine.
    """
    found = []
    for query in _LISTED:
        for row in run(connection, query).all():
            if row.type == "SYSTEM VERSIONED":
                raise DatabaseError(
                    "the table keeps old versions of its rows, which cannot be copied",
                    table=row.name,
                    hint="`tdm-seed reset` empties the database and seeds it again.",
                )
            found.append(_shown(connection, row.kind, row.name))
    return sorted(found, key=lambda each: KINDS.index(each.kind))


def _shown(connection: Connection, kind: str, name: str) -> Definition:
    shown = run(connection, f"SHOW CREATE {kind} {quoted(name)}").mappings().one()
    statement = next(
        (value for key, value in shown.items() if key.startswith("Create ") or key == "SQL Original Statement"), None
    )
    if statement is None:
        raise DatabaseError(
            f"this user may not see what makes the {kind.lower()} {name}",
            hint="Let its owner, or a user who may, run the command; `tdm-seed reset` does without.",
        )
    number = None
    if kind == "SEQUENCE":
        number = int(run(connection, f"SELECT next_not_cached_value FROM {quoted(name)}").scalar_one())
    return Definition(kind, name, str(statement), str(shown.get("sql_mode") or ""), number)


def names(connection: Connection) -> dict[str, list[str]]:
    """Name by its kind what ``read`` would read."""
    found: dict[str, list[str]] = {}
    for query in _LISTED:
        for row in run(connection, query).all():
            found.setdefault(row.kind, []).append(row.name)
    return found


def drop_all(connection: Connection) -> None:
    """Drop what ``read`` would read; the tables first and all at once, so that whoever holds one keeps them all."""
    found = names(connection)
    for kind in ("TABLE", "VIEW", "SEQUENCE"):
        if of_kind := found.get(kind):
            run(connection, f"DROP {kind} IF EXISTS {', '.join(map(quoted, of_kind))}")
    for kind in ("PACKAGE BODY", "PACKAGE", "PROCEDURE", "FUNCTION", "EVENT"):
        for name in found.get(kind, ()):
            run(connection, f"DROP {kind} IF EXISTS {quoted(name)}")


def make(connection: Connection, definitions: Iterable[Definition]) -> None:
    """Make things again; each as soon as what it needs is there."""
    waiting = list(definitions)
    while waiting:
        left = [(each, error) for each in waiting if (error := _made(connection, each)) is not None]
        if len(left) == len(waiting):
            raise left[0][1]
        waiting = [each for each, _ in left]


def try_out(connection: Connection, definitions: Iterable[Definition]) -> None:
    """Make things in a database that is empty but for what is ours, and drop them again; no event ever runs.

    What fails for another reason than a right is left out: text that names its database may fail in another one.

    Raises:
        DatabaseError: this user may not make one of them.
    """
    waiting = [_never_run(each) for each in definitions]
    try:
        while waiting:
            left = [(each, error) for each in waiting if (error := _made(connection, each)) is not None]
            for each, error in left:
                if isinstance(error.orig, pymysql.Error) and error.orig.args[0] in _DENIED:
                    said = " ".join(str(error.orig.args[-1]).split())
                    raise DatabaseError(
                        f"this user may not make the {each.kind.lower()} {each.name} again, as a restore does: {said}",
                        hint="Whoever made it, or a user who may do so in another's name, can save and restore this "
                        "database; `tdm-seed reset` does without.",
                    ) from error
            if len(left) == len(waiting):
                return
            waiting = [each for each, _ in left]
    finally:
        if not connection.invalidated:
            drop_all(connection)


def _never_run(definition: Definition) -> Definition:
    if definition.kind != "EVENT":
        return definition
    return replace(definition, statement=_ENABLED.sub(r"\1 DISABLE", definition.statement, count=1))


def _made(connection: Connection, definition: Definition) -> sa.exc.DBAPIError | None:
    run(connection, f"SET SESSION sql_mode = '{definition.mode}'")
    try:
        run(connection, definition.statement)
    except sa.exc.DBAPIError as error:
        return error
    if definition.number is not None:
        run(connection, f"DO SETVAL({quoted(definition.name)}, {definition.number}, 0)")
    return None


def copies(connection: Connection, pairs: Iterable[tuple[str, str, str, str]]) -> list[tuple[str, str]]:
    """Give for tables, each by the schema and name of both sides, its name and what copies its rows.

    Raises:
        DatabaseError: a table is gone.
    """
    found = []
    for schema, name, to_schema, to_name in pairs:
        columns = ", ".join(map(quoted, connection.scalars(_COLUMNS, {"schema": schema, "name": name})))
        if not columns:
            raise DatabaseError(f"the table {name} of {schema} has no columns any more, so its rows cannot be copied")
        into = f"INSERT INTO {quoted(to_schema)}.{quoted(to_name)} ({columns})"
        found.append((name, f"{into} SELECT {columns} FROM {quoted(schema)}.{quoted(name)}"))
    return found


def copy_rows(connection: Connection, pairs: Iterable[tuple[str, str, str, str]]) -> Iterator[str]:
    """Copy the rows of tables, each given by the schema and name of both sides; tell each that is done."""
    for name, statement in copies(connection, pairs):
        run(connection, statement)
        yield name
