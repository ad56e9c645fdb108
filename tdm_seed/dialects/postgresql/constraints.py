"""Deferring foreign keys as the table's owner, in one transaction and without superuser."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.errors import DatabaseError

_FOREIGN_KEYS = sa.text(
    "SELECT c.conname, n.nspname, t.relname, pg_has_role(t.relowner, 'USAGE') AS ours "
    "FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace "
    "WHERE c.contype = 'f' AND NOT c.condeferrable AND c.conparentid = 0 "
    "AND (c.conrelid = ANY(CAST(:tables AS oid[])) OR c.confrelid = ANY(CAST(:tables AS oid[]))) ORDER BY 2, 3, 1"
)


@contextmanager
def deferred(connection: Connection, tables: Sequence[sa.Table]) -> Iterator[None]:
    """Defer the foreign keys that leave these tables or point to them.

    ``SET CONSTRAINTS`` does nothing for an ordinary foreign key, so those are made deferrable and afterwards what
    they were; ``SET CONSTRAINTS ALL IMMEDIATE`` proves every row in between. A rollback restores them too.

    Raises:
        DatabaseError: a constraint belongs to another role, so it cannot be altered.
    """
    preparer = connection.dialect.identifier_preparer
    quote = preparer.quote_identifier
    connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
    names = [preparer.format_table(table) for table in tables]
    oids = [connection.execute(sa.text("SELECT CAST(CAST(:n AS regclass) AS oid)"), {"n": n}).scalar() for n in names]
    keys = connection.execute(_FOREIGN_KEYS, {"tables": oids}).all()
    if foreign := [key for key in keys if not key.ours]:
        raise DatabaseError(
            f"the foreign key {foreign[0].conname} is not deferrable, and only the table's owner may change that",
            table=foreign[0].relname,
            hint="Declare it DEFERRABLE in a migration, load parents first, or insert NULL and update afterwards.",
        )
    alter = [f"ALTER TABLE {quote(k.nspname)}.{quote(k.relname)} ALTER CONSTRAINT {quote(k.conname)}" for k in keys]
    for statement in alter:
        connection.exec_driver_sql(f"{statement} DEFERRABLE INITIALLY DEFERRED")
    connection.exec_driver_sql("SET CONSTRAINTS ALL DEFERRED")
    yield
    connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
    for statement in alter:
        connection.exec_driver_sql(f"{statement} NOT DEFERRABLE")
