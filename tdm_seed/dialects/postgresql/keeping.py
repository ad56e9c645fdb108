"""Keeping the rows of tables as they are, in a schema of our own, with triggers that note what is written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import AS_IT_IS
from tdm_seed.dialects.postgresql import around, emptying, fingerprint, marks, places, views
from tdm_seed.dialects.postgresql.identity import as_text
from tdm_seed.dialects.postgresql.places import SCHEMA, Place
from tdm_seed.dialects.postgresql.views import View
from tdm_seed.dialects.rewinding import Kept, Scope

#: How our schema is known to be ours.
_COMMENT: Final = "tdm-seed: rows to go back to, and marks of what was written since. DROP SCHEMA … CASCADE is safe."
_SCHEMA_IS = sa.text(
    "SELECT pg_has_role(nspowner, 'USAGE') AS owned, obj_description(oid, 'pg_namespace') = :comment AS ours "
    "FROM pg_namespace WHERE nspname = :name"
)
#: How long a table is waited for whose triggers are in nobody's way.
_AT_ONCE: Final = "500ms"
#: What a subscription writes fires no trigger for statements. Which tables it is about, it learns as it connects.
_SUBSCRIBES: Final = (
    "SELECT min(subname::text) FROM pg_subscription "
    "WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_MAY_CREATE = sa.text("SELECT has_database_privilege(current_database(), 'CREATE')")

_MEMBERS = sa.text(
    "SELECT CAST(c.oid AS bigint) AS oid, CAST(CAST(c.oid AS regclass) AS text) AS name, "
    "format('%I.%I', n.nspname, c.relname) AS target, pg_has_role(c.relowner, 'USAGE') AS ours, "
    "row_security_active(c.oid) AS hidden, "
    "EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid AND ev_enabled <> 'D') AS ruled "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE CAST(c.oid AS bigint) = ANY(:members) "
    'ORDER BY c.relname COLLATE "C"'
)
#: The sequences of the default schema, of defaults and of identity columns, but for those that extensions have brought
#: and those that tables draw from whose numbers go on. They are not all owned by what draws from them.
_SEQUENCES = sa.text(
    "WITH used AS (SELECT CAST(d.refobjid AS bigint) AS sequence, CAST(a.adrelid AS bigint) AS by FROM pg_attrdef a "
    "JOIN pg_depend d ON d.classid = CAST('pg_attrdef' AS regclass) AND d.objid = a.oid "
    "AND d.refclassid = CAST('pg_class' AS regclass) "
    "UNION SELECT CAST(d.objid AS bigint), CAST(d.refobjid AS bigint) FROM pg_depend d "
    "WHERE d.classid = CAST('pg_class' AS regclass) AND d.refclassid = CAST('pg_class' AS regclass) "
    "AND d.deptype IN ('a', 'i')) "
    "SELECT format('%I.%I', n.nspname, c.relname) AS name, pg_has_role(c.relowner, 'USAGE') AS ours, "
    "CAST(c.oid AS bigint) AS oid, "
    "(SELECT min(by) FROM used WHERE sequence = CAST(c.oid AS bigint) AND by = ANY(:members)) AS by "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S' "
    "AND c.relpersistence <> 't' AND (n.nspname = current_schema() "
    "OR EXISTS (SELECT FROM used WHERE sequence = CAST(c.oid AS bigint) AND by = ANY(:members))) "
    "AND NOT EXISTS (SELECT FROM used WHERE sequence = CAST(c.oid AS bigint) AND by IN "
    "(SELECT CAST(to_regclass(name) AS bigint) FROM unnest(CAST(:others AS text[])) AS o (name))) "
    "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = CAST('pg_class' AS regclass) AND d.objid = c.oid "
    "AND d.deptype = 'e') ORDER BY 1"
)

_BASELINE: Final = (
    f"SELECT history, entry, key, heads, fingerprint FROM {SCHEMA}.baseline "
    f"WHERE here = '{SCHEMA}.journal'::regclass AND EXISTS (SELECT FROM {SCHEMA}.journal WHERE place = 0) "
    f"AND to_regproc('{SCHEMA}.stamp') IS NOT NULL "
    f"AND ({_SUBSCRIBES}) IS NULL"
)
#: It was just dropped, or is another version's.
_ANOTHER: Final = (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedColumn)


def hindrance(connection: Connection, scope: Scope) -> str | None:
    """Say why rows cannot be kept by this role, or not be put back by it."""
    schema = connection.execute(_SCHEMA_IS, {"name": SCHEMA, "comment": _COMMENT}).first()
    if schema is None and not connection.scalar(_MAY_CREATE):
        return f"this role may not create the schema {SCHEMA}, in which rows are kept"
    if schema is not None and not (schema.owned and schema.ours):
        return f"there is a schema {SCHEMA} that is not ours"
    if subscription := connection.exec_driver_sql(_SUBSCRIBES).scalar():
        return f"what the subscription {subscription} writes goes unnoticed by triggers"
    found = places.read(connection, _names(connection, scope))
    if found.strange:
        table, part = found.strange[0]
        return f"{part}, a part of {table}, is not among the tables that are put back"
    members = connection.execute(_MEMBERS, {"members": [m for place in found.all for m in place.members]}).all()
    for row in members:
        if not row.ours:
            return f"the table {row.name} belongs to another role"
        if row.hidden:
            return f"policies hide rows of {row.name} from this role"
        if row.ruled:
            return f"rules rewrite what is written to {row.name}"
    for row in connection.execute(_SEQUENCES, _of(connection, scope, found.all)):
        if not row.ours:
            return f"the sequence {row.name} belongs to another role"
    for view in _views(connection, found.all):
        if not view.ours:
            return f"the materialised view {view.name} belongs to another role"
    for place in found.all:
        names = {column for column, _ in place.key}
        for key in place.outside:
            if key.acts and set(key.referred) != names:
                return f"rows of {key.child}, which stay, change with rows of {place.name} by another key than its own"
    return None


def keep(connection: Connection, scope: Scope, content: Kept) -> None:
    """Copy the rows, note where sequences are, and make the triggers; whoever writes meanwhile is waited for."""
    let_go(connection)
    found = places.read(connection, _names(connection, scope)).all
    members = [member for place in found for member in place.members]
    names = {row.oid: row.target for row in connection.execute(_MEMBERS, {"members": members})}
    if names:
        _run(connection, f"LOCK TABLE {', '.join(f'ONLY {names[m]}' for m in members)} IN SHARE ROW EXCLUSIVE MODE")
    emptying.see_all(connection)
    _run(connection, f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    _run(connection, f"COMMENT ON SCHEMA {SCHEMA} IS '{_COMMENT}'")
    for statement in (
        marks.JOURNAL,
        f"CREATE TABLE {SCHEMA}.baseline (history text, entry bigint, key text, heads text, fingerprint text, "
        "here oid)",
        f"CREATE TABLE {SCHEMA}.place (number integer PRIMARY KEY, members bigint[], reach integer[], shape jsonb, "
        "nodes oid[])",
        f"CREATE TABLE {SCHEMA}.sequence (number integer PRIMARY KEY, name text, oid oid, place integer, value bigint, "
        "called boolean)",
        f"CREATE TABLE {SCHEMA}.view (number integer PRIMARY KEY, name text, places integer[])",
    ):
        _run(connection, statement)
    numbers = {member: place.number for place in found for member in place.members}
    for place in found:
        heirs = sorted(_heirs(place, {each.oid: each for each in found}, numbers))
        for statement in (*_copying(place), *marks.statements(place, [names[m] for m in place.members], heirs)):
            _run(connection, statement)
    _note(connection, "place", [_row(place) for place in found])
    _note(connection, "view", [
        {"number": number, "name": view.name, "places": list(view.tables)}
        for number, view in enumerate(_views(connection, found), 1)
    ])  # fmt: skip
    sequences = connection.execute(_SEQUENCES, _of(connection, scope, found)).all()
    states = _where(connection, [row.name for row in sequences])
    _note(connection, "sequence", [
        {"number": number, "name": name, "oid": row.oid, "place": numbers.get(row.by), "value": value, "called": called}
        for number, (row, (name, value, called)) in enumerate(zip(sequences, states, strict=True), 1)
    ])  # fmt: skip
    _run(connection, marks.question(states, marks.TRIGGERS * len(members)))
    _run(connection, around.FUNCTION)
    _run(connection, fingerprint.stamp_function(connection, [name for _, name in scope.own]))
    for name in ("place", "sequence", "view"):
        _run(connection, f"ANALYZE {SCHEMA}.{name}")
    _run(connection, marks.FIRST_MARK)
    _run(connection, marks.SETTLED)
    _note(connection, "baseline", [asdict(content)])
    _run(connection, f"UPDATE {SCHEMA}.baseline SET here = '{SCHEMA}.journal'::regclass")


def kept(connection: Connection) -> Kept | None:
    """Read what is kept, unless a crash has emptied it, it came here by a dump, or not all is noted since.

    Our tables know others by their numbers, which a template keeps, and a dump does not.
    """
    schema = connection.execute(_SCHEMA_IS, {"name": SCHEMA, "comment": _COMMENT}).first()
    if schema is None or not (schema.owned and schema.ours):
        return None
    try:
        with connection.begin_nested():
            row = connection.exec_driver_sql(_BASELINE).first()
    except sa.exc.ProgrammingError as error:
        if isinstance(error.orig, _ANOTHER):
            return None
        raise
    return None if row is None else Kept(*row)


def let_go(connection: Connection) -> None:
    """Drop our schema, and with its functions the triggers."""
    schema = connection.execute(_SCHEMA_IS, {"name": SCHEMA, "comment": _COMMENT}).first()
    if schema is not None and schema.ours and schema.owned:
        _run(connection, "SET LOCAL client_min_messages = warning")
        _run(connection, f"DROP SCHEMA {SCHEMA} CASCADE")


def forget(connection: Connection) -> None:
    """Let go if that takes no wait, since it locks the tables; else see that nothing is gone back to.

    What another role has kept stays its own: the history tells that it is out of date.
    """
    schema = connection.execute(_SCHEMA_IS, {"name": SCHEMA, "comment": _COMMENT}).first()
    if schema is None or not (schema.ours and schema.owned):
        return
    before = connection.scalar(sa.text("SELECT current_setting('lock_timeout')"))
    _run(connection, f"SET LOCAL lock_timeout = '{_AT_ONCE}'")
    try:
        with connection.begin_nested():
            let_go(connection)
    except sa.exc.OperationalError as error:
        if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
            raise
        _run(connection, f"DELETE FROM {SCHEMA}.baseline")
    _run(connection, f"SET LOCAL lock_timeout = '{before}'")


def _names(connection: Connection, scope: Scope) -> list[str]:
    return [as_text(connection, sa.table(name)) for name in scope.tables]


def _of(connection: Connection, scope: Scope, found: Sequence[Place]) -> dict[str, Any]:
    left = [*scope.own, *((None, name) for name in scope.staying)]
    others = [as_text(connection, sa.table(name, schema=schema)) for schema, name in left]
    return {"members": [member for place in found for member in place.members], "others": others}


def _copying(place: Place) -> list[str]:
    """Copy what a table holds itself, and index it by what makes a row the same row."""
    copy = f"CREATE UNLOGGED TABLE {place.copy} AS SELECT {', '.join(place.columns)} FROM {place.only}"
    index = f"CREATE UNIQUE INDEX ON {place.copy} ({', '.join(place.matched)})"
    return [copy, index, f"ANALYZE {place.copy}"] if place.key else [copy]


def _heirs(place: Place, by_oid: dict[int, Place], numbers: dict[int, int]) -> set[int]:
    found: set[int] = set()
    for oid in place.heirs:
        if oid in by_oid:
            found |= {numbers[oid], *_heirs(by_oid[oid], by_oid, numbers)}
    return found


def _row(place: Place) -> dict[str, Any]:
    return {
        "number": place.number,
        "members": list(place.members),
        "reach": list(place.reach),
        "shape": json.dumps(places.plain(place)),
    }


def _where(connection: Connection, sequences: Sequence[str]) -> list[tuple[str, int, bool]]:
    if not sequences:
        return []
    query = " UNION ALL ".join(
        f"SELECT {number}, last_value, is_called FROM {name}" for number, name in enumerate(sequences)
    )
    rows = connection.exec_driver_sql(query, execution_options=AS_IT_IS)
    return [(sequences[number], value, called) for number, value, called in sorted(map(tuple, rows))]


def _views(connection: Connection, found: Sequence[Place]) -> list[View]:
    """List the materialised views over these tables, each behind those that it is made of."""
    return views.over(connection, {member: place.number for place in found for member in place.members})


def _note(connection: Connection, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows into a table of ours."""
    if rows:
        casts = {"shape": "CAST(:shape AS jsonb)"}
        values = ", ".join(casts.get(column, f":{column}") for column in rows[0])
        connection.execute(sa.text(f"INSERT INTO {SCHEMA}.{name} ({', '.join(rows[0])}) VALUES ({values})"), list(rows))


def _run(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement, execution_options=AS_IT_IS)
