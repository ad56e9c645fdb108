"""Writing rows that point to one another, in whatever order they come."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import chain, islice

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import Dialect
from tdm_seed.loading import large
from tdm_seed.loading.rows import Rows
from tdm_seed.schema import self_references

#: Rows from which it pays to make those that wait for others quick to find.
_AWAITED_FROM = 500


def any_order(connection: Connection, dialect: Dialect, table: sa.Table, rows: int) -> AbstractContextManager[None]:
    """Let so many rows of one statement point to one another where the database looks at them one by one."""
    if not self_references(table):
        return nullcontext()
    if not dialect.checks_at_statement_end:
        return dialect.deferred_constraints(connection, [table])
    many = rows >= _AWAITED_FROM and beside(connection, dialect, table, rows)
    return dialect.awaited(connection, table) if many else nullcontext()


def beside(connection: Connection, dialect: Dialect, table: sa.Table, rows: int) -> bool:
    """Tell whether so many rows are many beside those that are there, so that these may be looked at once more."""
    return rows >= dialect.about(connection, table) * large.PART


def held(rows: Rows, most: int) -> tuple[Rows, int]:
    """Look ahead for how many rows there are, up to so many, where that is not known."""
    if rows.expected is not None:
        return rows, rows.expected
    if rows.batches is None:
        few = list(islice(rows.numbered, most))
        return replace(rows, numbered=chain(few, rows.numbered)), len(few)
    first, count = [], 0
    for batch in rows.batches.batches:
        first.append(batch)
        count += batch.num_rows
        if count >= most:
            break
    batches = replace(rows.batches, batches=chain(first, rows.batches.batches))
    return replace(rows, batches=batches, numbered=enumerate(batches.rows(), rows.before + 1)), count
