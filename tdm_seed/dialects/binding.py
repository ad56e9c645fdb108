"""Values as a driver takes them: through SQLAlchemy's bind processors, as in any INSERT of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.columns import Columns, Written

Process = Callable[[Any], Any]
#: Does that with a column of values.
Quicker = Callable[[Sequence[Any]], Sequence[Any]]


def binder(
    connection: Connection, columns: Sequence[sa.Column[Any]], quicker: Mapping[type, Quicker] | None = None
) -> Callable[[Columns], list[Sequence[Any]]]:
    """Give what makes of values those that the driver takes: SQLAlchemy's bind processors.

    ``quicker`` holds what does the same as SQLAlchemy for columns of exactly these types, in less time.
    """
    known = [(quicker or {}).get(type(column.type)) for column in columns]
    processes = [each or _each(processor(connection, column)) for each, column in zip(known, columns, strict=True)]

    def bind(given: Columns) -> list[Sequence[Any]]:
        return [
            values if process is None or isinstance(values, Written) else process(values)
            for process, values in zip(processes, given, strict=True)
        ]

    return bind


def unchanged(values: Sequence[Any]) -> Sequence[Any]:
    """Leave values alone that SQLAlchemy would only look at once more, and the driver takes as they are."""
    return values


def _each(process: Process | None) -> Quicker | None:
    return None if process is None else lambda values: list(map(process, values))


def processor(connection: Connection, column: sa.Column[Any]) -> Process | None:
    """Give what SQLAlchemy does with a value of this column on its way to the driver, if it does anything."""
    kind = column.type
    base = getattr(kind, "data_type", None)
    if isinstance(base, sa.types.TypeEngine):
        kind = base  # a domain
    process = kind.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    if process is None or not isinstance(kind, sa.ARRAY):
        return process
    return lambda value: value if isinstance(value, str) else process(value)  # text is an array as the server writes it
