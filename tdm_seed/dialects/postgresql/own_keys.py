"""Foreign keys from a table to itself, out of the way while many rows come in any order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.autocommit import commits_by_itself
from tdm_seed.dialects.base import AS_IT_IS
from tdm_seed.dialects.deferring import Deferring
from tdm_seed.dialects.orphans import ForeignKey, in_circles
from tdm_seed.dialects.postgresql.identity import as_text
from tdm_seed.dialects.postgresql.rebuild import HINDRANCES, LIMIT, PATIENCE, WAIT_AT_MOST
from tdm_seed.values import Circular

#: ``goes`` says that a key can be made again exactly as it is, by us: not where it is not validated, has its triggers
#: switched off, or belongs to a table of parts or with policies.
_OWN_KEYS = sa.text(
    "SELECT k.condeferrable AS deferrable, k.condeferred AS deferred, format('%I.%I', n.nspname, k.conname) AS name, "
    "k.conname AS plain, format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, t.relname, k.conname) AS down, "
    "array_remove(ARRAY["
    "format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', n.nspname, t.relname, k.conname, pg_get_constraintdef(k.oid)), "
    "format('COMMENT ON CONSTRAINT %I ON %I.%I IS ', k.conname, n.nspname, t.relname) "
    "|| quote_literal(obj_description(k.oid, 'pg_constraint'))], NULL) AS up, "
    "k.convalidated AND k.conparentid = 0 AND t.relkind = 'r' AND NOT t.relispartition AND NOT t.relrowsecurity "
    "AND pg_has_role(t.relowner, 'USAGE') AND has_table_privilege(t.oid, 'REFERENCES') "
    "AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgconstraint = k.oid AND tgenabled <> 'O') AS goes "
    "FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace "
    "WHERE k.contype = 'f' AND k.conrelid = CAST(:name AS regclass) AND k.confrelid = k.conrelid ORDER BY k.conname"
)
_EXISTS = sa.text("SELECT count(*) FROM pg_constraint WHERE conname = :plain AND conrelid = CAST(:name AS regclass)")
#: Every foreign key between tables of the default schema, and whether this role may alter it.
_ALL = sa.text(
    "SELECT k.conname AS name, t.relname AS child, p.relname AS parent, k.condeferrable AS deferrable, "
    "pg_has_role(t.relowner, 'USAGE') AS ours FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid "
    "JOIN pg_class p ON p.oid = k.confrelid WHERE k.contype = 'f' AND k.conparentid = 0 "
    "AND t.relnamespace = p.relnamespace AND t.relnamespace = CAST(current_schema() AS regnamespace)"
)


class OwnKeys(Deferring):
    """What a role can do without being a superuser."""

    @contextmanager
    def any_order(self, connection: Connection, table: sa.Table, *, rebuild: bool) -> Iterator[str]:
        """Defer the keys that are deferrable, and where ``rebuild`` allows it drop the others until the block's end.

        Adding them again proves every row. Where the block raises, a rollback to its beginning brings them back.
        """
        if commits_by_itself(connection):
            yield ""
            return
        name = as_text(connection, table)
        keys = connection.execute(_OWN_KEYS, {"name": name}).all()
        fixed = [key for key in keys if not key.deferrable]
        if not keys or not all(rebuild and key.goes for key in fixed):
            yield ""
            return
        with connection.begin_nested():
            possible = not fixed or _drop(connection, name, [key.down for key in fixed])
            loose = [key for key in keys if key.deferrable]
            if possible and loose:
                _run(connection, f"SET CONSTRAINTS {', '.join(key.name for key in loose)} DEFERRED")
            how = [f"{key.plain} is dropped, and added again afterwards" for key in fixed]
            how += [f"{key.plain} is deferred" for key in loose]
            yield "; ".join(how) if possible else ""
            if possible:
                for statement in (statement for key in fixed for statement in key.up):
                    _run(connection, statement)
                for key in loose:
                    if key.deferred or self.deferring(connection):
                        continue
                    if connection.scalar(_EXISTS, {"plain": key.plain, "name": name}):
                        _run(connection, f"SET CONSTRAINTS {key.name} IMMEDIATE")

    def circular(self, connection: Connection) -> list[Circular]:
        """List the foreign keys that form circles, with what this role can do about each."""
        rows = {(row.child, row.name): row for row in connection.execute(_ALL)}
        keys = (ForeignKey((None, row.child), (), (None, row.parent), (), row.name) for row in rows.values())
        found = []
        for key in in_circles(keys):
            row = rows[key.child[1], str(key.name)]
            if row.deferrable:
                way = "it is deferrable, and deferred"
            elif row.ours:
                way = "it is made deferrable, or dropped and added again, in the seed's transaction"
            else:
                way = "it is not deferrable, and only the table's owner may change that: rows must come in one call"
            found.append(Circular(row.child, row.name, way))
        return found


def _drop(connection: Connection, name: str, statements: list[str]) -> bool:
    """Drop the keys, unless somebody uses the table or has events pending on it."""
    before = connection.scalar(LIMIT)
    try:
        with connection.begin_nested():
            connection.execute(WAIT_AT_MOST, {"limit": PATIENCE})
            _run(connection, f"LOCK TABLE ONLY {name} IN ACCESS EXCLUSIVE MODE")
            for statement in statements:
                _run(connection, statement)
            connection.execute(WAIT_AT_MOST, {"limit": before})
    except sa.exc.DBAPIError as error:
        if isinstance(error.orig, HINDRANCES):
            return False
        raise
    return True


def _run(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement, execution_options=AS_IT_IS)
