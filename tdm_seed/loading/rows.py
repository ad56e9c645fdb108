"""Rows on their way into a table, each knowing where it came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from tdm_seed.errors import SeedError
from tdm_seed.loading import columnar
from tdm_seed.loading.columnar import Batches, Columns
from tdm_seed.loading.formats import COLUMNAR
from tdm_seed.loading.sources import Row, RowsFile
from tdm_seed.loading.stretch import Stretch

_VALUES = 'db.load("country", [("AT", "Austria")], columns=["code", "name"]).'
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
    """Rows with the same columns, streamed: ``columns`` in order, then tuples with the number each came from.

    ``batches`` are the same rows as columns, where they come as such: whoever takes them leaves ``numbered`` alone.
    ``text`` is the CSV that holds the same rows. ``json_text`` says that text for a JSON column is JSON: columns have
    no other way to hold it. ``of_csv`` says that every value is a field of a CSV, which is read as `CsvText` is.
    """

    columns: tuple[str, ...]
    numbered: Iterator[tuple[int, tuple[Any, ...]]]
    origin: Origin = Origin()
    batches: Batches | None = None
    text: Stretch | None = None
    json_text: bool = False
    of_csv: bool = False
    #: How many rows of the same source came before these, which were loaded by themselves.
    before: int = 0
    #: About how many they are, where that can be told without reading them.
    expected: int | None = None
    #: The same of the whole source, where these are a part of it.
    overall: int | None = None


def rows_of(given: Iterable[Any] | Columns, columns: Sequence[str] | None = None) -> Rows | None:
    """Look at the first row for the columns and stream the rest; None when there is no row at all.

    With ``columns``, rows are tuples or lists of their values; without, dicts.

    Raises:
        SeedError: a row is not what it must be, or later rows have other columns than the first.
    """
    if columns is not None and isinstance(given, (RowsFile, Columns)):
        raise SeedError("columns= names the values of tuples, but these rows name theirs", hint="Leave columns= out.")
    if isinstance(given, RowsFile) and given.format in COLUMNAR:
        return _of_columns(given.path, Origin(given.shown))
    if isinstance(given, Columns):
        return _of_columns(given, Origin())
    if columns is not None:
        return _of_sequences(given, columns)
    if isinstance(given, RowsFile) and given.format == "csv":
        return _of_csv(given)
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
    names = tuple(first[1])
    if not names or not all(isinstance(name, str) for name in names):
        raise SeedError(
            "a row must name at least one column, and columns by text",
            hint='Such as {"code": "AT", "name": "Austria"}.',
            **origin.place(first[0]),
        )
    return Rows(names, _tuples(chain((first,), numbered), names, origin), origin, expected=_expected(given))


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


def _of_columns(given: Columns | Path, origin: Origin) -> Rows | None:
    """Take rows from columns."""
    found = columnar.read(given, origin.file)
    if found is None:
        return None
    numbered = enumerate(found.rows(), 1)
    return Rows(found.names, numbered, origin, found, json_text=True, expected=found.expected)


def _of_csv(given: RowsFile) -> Rows | None:
    """Take records as they are, which spares each of them a dict and each field a mark."""
    header, records = given.records()
    first = next(records, None)
    if first is None:
        return None
    origin = Origin(given.shown, given.counts_lines)
    return Rows(header, chain((first,), records), origin, text=Stretch(given), of_csv=True, expected=_expected(given))


def _of_sequences(given: Iterable[Any], columns: Sequence[str]) -> Rows | None:
    """Take rows that are the values alone, in the order of the columns."""
    names = (columns,) if isinstance(columns, str) else tuple(columns)
    if not names or len(set(names)) < len(names):
        raise SeedError(f"columns= must name every column once: {', '.join(names)}", hint='columns=["code", "name"].')
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        raise SeedError(f"rows are wanted, not {type(given).__name__}", hint=_VALUES)
    numbered = _values(given, len(names))
    first = next(numbered, None)
    return None if first is None else Rows(names, chain((first,), numbered), expected=_expected(given))


def _expected(given: Iterable[Any]) -> int | None:
    if isinstance(given, RowsFile):
        return given.expected()
    return len(given) if isinstance(given, Sized) else None


def _values(given: Iterable[Any], size: int) -> Iterator[tuple[int, tuple[Any, ...]]]:
    for number, row in enumerate(given, 1):
        if type(row) is not tuple and (isinstance(row, (str, bytes, Mapping)) or not isinstance(row, Sequence)):
            said = f"with columns=, a row must be a tuple of values, not {type(row).__name__}"
            raise SeedError(said, hint=_VALUES, row=number)
        if len(row) != size:
            hint = "Give None where a row has no value."
            raise SeedError(f"this row has {len(row)} values, and columns= names {size}", hint=hint, row=number)
        yield number, tuple(row)


def _tuples(
    numbered: Iterable[tuple[int, Row]], columns: tuple[str, ...], origin: Origin
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    size = len(columns)
    take = itemgetter(*columns) if size > 1 else lambda row: (row[columns[0]],)
    for number, row in numbered:
        try:
            values = take(row)
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
