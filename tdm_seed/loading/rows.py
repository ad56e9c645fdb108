"""Rows on their way into a table, each knowing where it came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from tdm_seed.errors import SeedError
from tdm_seed.loading.sources import Row, RowsFile

_SHAPE = 'Rows are a list, or any iterable, of dicts such as {"code": "AT", "name": "Austria"}.'


@dataclass(frozen=True)
class Origin:
    """Where rows come from: a file, whose rows are counted by line or by place, or the seed itself."""

    file: str | None = None
    counts_lines: bool = False

    @property
    def unit(self) -> str:
        """What the number of a row counts."""
        return "line" if self.file and self.counts_lines else "row"

    @property
    def head(self) -> dict[str, Any]:
        """Give the place where the columns are named: the first line of a file that has lines."""
        return {"file": self.file, "line": 1} if self.file and self.counts_lines else {"file": self.file}

    def place(self, number: int) -> dict[str, Any]:
        """Give the parts of an error's place for a row."""
        return {"file": self.file, self.unit: number}


@dataclass(frozen=True)
class Rows:
    """Rows with the same columns, streamed: ``columns`` in order, then tuples with the number each came from."""

    columns: tuple[str, ...]
    numbered: Iterator[tuple[int, tuple[Any, ...]]]
    origin: Origin = Origin()


def rows_of(given: Iterable[Any]) -> Rows | None:
    """Look at the first row for the columns and stream the rest; None when there is no row at all.

    Raises:
        SeedError: a row is no dict, or later rows have other columns than the first.
    """
    if isinstance(given, RowsFile):
        origin = Origin(given.shown, given.counts_lines)
        numbered: Iterator[tuple[int, Row]] = given.numbered()
    else:
        origin = Origin()
        if not isinstance(given, Iterable):
            raise SeedError(f"rows are wanted, not {type(given).__name__}", hint=_SHAPE)
        numbered = iter(enumerate([given] if isinstance(given, Mapping) else given, 1))
    first = next(numbered, None)
    if first is None:
        return None
    if not isinstance(first[1], Mapping):
        raise SeedError(_difference(first[1], ()), hint=_SHAPE, **origin.place(first[0]))
    columns = tuple(first[1])
    if not columns or not all(isinstance(column, str) for column in columns):
        raise SeedError(
            "a row must name at least one column, and columns by text",
            hint='Such as {"code": "AT", "name": "Austria"}.',
            **origin.place(first[0]),
        )
    return Rows(columns, _tuples(chain((first,), numbered), columns, origin), origin)


def _tuples(
    numbered: Iterable[tuple[int, Row]], columns: tuple[str, ...], origin: Origin
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    size = len(columns)
    for number, row in numbered:
        try:
            values = tuple([row[column] for column in columns])
        except (KeyError, TypeError, IndexError):
            values = ()
        if not values or len(row) != size:
            said = _difference(row, columns)
            hint = "Give None where a row has no value." if isinstance(row, Mapping) else _SHAPE
            raise SeedError(said, hint=hint, **origin.place(number))
        yield number, values


def _difference(row: object, columns: tuple[str, ...]) -> str:
    if not isinstance(row, Mapping):
        return f"a row must be a dict of column names and values, not {type(row).__name__}"
    missing = [column for column in columns if column not in row]
    extra = [str(column) for column in row if column not in columns]
    parts = [f"lacks {', '.join(missing)}"] if missing else []
    parts += [f"adds {', '.join(extra)}"] if extra else []
    return f"this row {' and '.join(parts)} beside the columns of the first row"
