"""Writing rows that point to one another, in whatever order they come."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import Dialect
from tdm_seed.schema import self_references


def any_order(connection: Connection, dialect: Dialect, table: sa.Table) -> AbstractContextManager[None]:
    """Let rows of one statement point to one another where the database looks at them one by one."""
    if dialect.checks_at_statement_end or not self_references(table):
        return nullcontext()
    return dialect.deferred_constraints(connection, [table])
