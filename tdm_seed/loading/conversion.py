"""Converting the given values to the types of their columns, and saying which of them does not fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sqlalchemy as sa

from tdm_seed.dialects.columns import TOGETHER, Columns
from tdm_seed.errors import SeedError
from tdm_seed.loading.convert import CsvText, converter
from tdm_seed.loading.fitting import at_once
from tdm_seed.loading.references import Given
from tdm_seed.loading.rows import Rows

Numbered = tuple[int, tuple[Any, ...]]

#: How long a bad value may be in a message.
_SHOWN = 60


@dataclass(frozen=True)
class Slice:
    """Some rows, never none: the numbers that they came with, and their values by columns."""

    numbers: Sequence[int]
    columns: Columns

    def __len__(self) -> int:
        return len(self.numbers)

    def divided(self, size: int) -> tuple[Slice, Slice]:
        """Give the first rows, so many, and the others."""
        return (
            Slice(self.numbers[:size], [column[:size] for column in self.columns]),
            Slice(self.numbers[size:], [column[size:] for column in self.columns]),
        )


def slices(numbered: Iterator[Numbered]) -> Iterator[Slice]:
    """Take rows, some at a time."""
    while batch := list(islice(numbered, TOGETHER)):
        numbers, values = zip(*batch, strict=True)
        yield Slice(numbers, tuple(zip(*values, strict=True)))


class Conversion:
    """What becomes of values on their way into a table; ``digits`` is how many of a decimal the database keeps."""

    def __init__(self, table: sa.Table, given: Sequence[Given], rows: Rows, digits: int | None = None) -> None:
        self._table, self._given, self._origin = table, given, rows.origin
        kinds = [(one.holds.type, bool(one.column.nullable)) for one in given]
        self._at_once = [
            at_once(kind, digits, nullable=null, json_text=rows.json_text, of_csv=rows.of_csv) for kind, null in kinds
        ]
        self._of_csv = rows.of_csv
        self._converters = [
            converter(kind, nullable=null, digits=digits, json_text=rows.json_text) for kind, null in kinds
        ]

    def columns(self, some: Slice, *, written: bool = False) -> Columns:
        """Convert every value to its column's type, or documents to text where they may be ``written``.

        Raises:
            SeedError: a value does not fit, with file, line or row, column and value.
        """
        columns: list[Sequence[Any]] = []
        try:
            for column, quick, convert in zip(some.columns, self._at_once, self._converters, strict=True):
                found = quick.converted(column) if written or not quick.writes else None
                columns.append(list(map(convert, self._marked(column))) if found is None else found)
        except (ValueError, TypeError, ArithmeticError):
            raise self._misfit(some) from None
        return columns

    def _marked(self, values: Sequence[Any]) -> Iterable[Any]:
        """Mark the fields of a CSV, where each is looked at by itself."""
        return map(CsvText, values) if self._of_csv else values

    def _misfit(self, some: Slice) -> SeedError:
        """Find the first row that does not fit, among those that were converted together."""
        for number, values in zip(some.numbers, zip(*some.columns, strict=True), strict=True):
            for one, convert, value in zip(self._given, self._converters, self._marked(values), strict=True):
                try:
                    convert(value)
                except (ValueError, TypeError, ArithmeticError) as error:
                    shown = repr(str(value))
                    shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…'"
                    return SeedError(
                        f"{shown} does not fit {_called(one.holds.type)}: {error}",
                        table=self._table.name,
                        column=one.name,
                        hint=_fitting(one.holds.type),
                        **self._origin.place(number),
                    )
        raise AssertionError("a value was refused once and then taken")


def _called(kind: sa.types.TypeEngine[Any]) -> str:
    """Name a type as its database does; SQLAlchemy writes an enum with a name as the text that would hold it."""
    return f"the enum {kind.name}" if isinstance(kind, sa.Enum) and kind.name else str(kind)


def _fitting(kind: sa.types.TypeEngine[Any]) -> str:
    """Say what a value for a column of this type looks like."""
    shapes: tuple[tuple[type[sa.types.TypeEngine[Any]], str], ...] = (
        (sa.Boolean, "Write true or false."),
        (sa.Integer, "Write digits alone, such as 1000."),
        (sa.Numeric, "Write digits and a point, such as 1000.50."),
        (sa.DateTime, "Write it as 2026-01-31T12:30:00."),
        (sa.Date, "Write it as 2026-01-31."),
        (sa.Time, "Write it as 12:30:00."),
        (sa.Uuid, "Write it as 123e4567-e89b-12d3-a456-426614174000."),
        (sa.JSON, 'Write JSON, names and texts in double quotes: {"river": 1}.'),
        (sa.Enum, "Write one of these words."),
        (sa.String, "Correct the text, or the column in a migration."),
    )
    return next((said for known, said in shapes if isinstance(kind, known)), "Correct the value.")
