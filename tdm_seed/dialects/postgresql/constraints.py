"""Deferring foreign keys as the table's owner, in one transaction and without superuser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.postgresql.identity import as_text
from tdm_seed.errors import DatabaseError

#: Foreign keys that leave these tables or point to them and cannot be deferred as they are. A key of a partition goes
#: with that of its parent.
_FOREIGN_KEYS = sa.text(
    "SELECT c.conname, n.nspname, t.relname, pg_has_role(t.relowner, 'USAGE') AS ours, "
    "c.conrelid = ANY(given.tables) AS leaves "
    "FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace, "
    "(SELECT CAST(CAST(:tables AS text[]) AS regclass[]) AS tables) AS given "
    "WHERE c.contype = 'f' AND NOT c.condeferrable AND c.conparentid = 0 "
    "AND (c.conrelid = ANY(given.tables) OR c.confrelid = ANY(given.tables)) ORDER BY 2, 3, 1"
)

_DECLARED_DEFERRED = sa.text(
    "SELECT DISTINCT n.nspname, c.conname FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace "
    "WHERE c.condeferred ORDER BY 1, 2"
)


def defer(connection: Connection, tables: Sequence[sa.TableClause], *, nested: bool) -> list[str]:
    """Defer the foreign keys that leave these tables or point to them, and give the statements that undo it.

    ``SET CONSTRAINTS`` does nothing for an ordinary foreign key, so those are made deferrable and afterwards what
    they were. A rollback, also one to a savepoint, restores them too.

    Raises:
        DatabaseError: a constraint of these tables belongs to another role, so it cannot be altered.
    """
    quote = connection.dialect.identifier_preparer.quote_identifier
    keys = _keys(connection, tables)
    if foreign := [key for key in keys if key.leaves and not key.ours]:
        raise DatabaseError(
            f"the foreign key {foreign[0].conname} is not deferrable, and only the table's owner may change that",
            table=foreign[0].relname,
            hint="Declare it DEFERRABLE in a migration, load parents first, or insert NULL and update afterwards.",
        )
    alter = [
        f"ALTER TABLE {quote(key.nspname)}.{quote(key.relname)} ALTER CONSTRAINT {quote(key.conname)}"
        for key in keys
        if key.ours
    ]
    if alter and not nested:
        # ALTER fails on a table with "pending trigger events", so what came before the block is proven here.
        connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
    for statement in alter:
        connection.exec_driver_sql(f"{statement} DEFERRABLE INITIALLY DEFERRED")
    connection.exec_driver_sql("SET CONSTRAINTS ALL DEFERRED")
    return [f"{statement} NOT DEFERRABLE" for statement in alter]


def ours(connection: Connection, tables: Sequence[sa.TableClause]) -> bool:
    """Tell whether this role may defer every foreign key that leaves these tables."""
    return not any(key.leaves and not key.ours for key in _keys(connection, tables))


def _keys(connection: Connection, tables: Sequence[sa.TableClause]) -> Sequence[sa.Row[Any]]:
    names = [as_text(connection, table) for table in tables]
    return connection.execute(_FOREIGN_KEYS, {"tables": names}).all()


def as_declared(connection: Connection) -> None:
    """Let what is declared INITIALLY DEFERRED be so again: ``SET CONSTRAINTS ALL`` holds until the transaction ends."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    if found := connection.execute(_DECLARED_DEFERRED).all():
        names = ", ".join(f"{quote(schema)}.{quote(name)}" for schema, name in found)
        connection.exec_driver_sql(f"SET CONSTRAINTS {names} DEFERRED")
