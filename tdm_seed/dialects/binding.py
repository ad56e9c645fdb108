"""Values as a driver takes them: through SQLAlchemy's bind processors, as in any INSERT of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.columns import Columns, Written

Process = Callable[[Any], Any]


def binder(
    connection: Connection, columns: Sequence[sa.Column[Any]], quicker: Mapping[type, Process] | None = None
) -> Callable[[Columns], list[Sequence[Any]]]:
    """Give what makes of values those that the driver takes: SQLAlchemy's bind processors.

    ``quicker`` holds what does the same as SQLAlchemy for columns of exactly these types, in less time.
    """
    processes = [(quicker or {}).get(type(column.type)) or processor(connection, column) for column in columns]

    def bind(given: Columns) -> list[Sequence[Any]]:
        return [
            values if process is None or isinstance(values, Written) else list(map(process, values))
            for process, values in zip(processes, given, strict=True)
        ]

    return bind


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
