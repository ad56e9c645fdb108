"""Reading rows from CSV, JSON and JSON Lines, one at a time, each knowing where it came from."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

from tdm_seed.errors import SeedError
from tdm_seed.loading.convert import CsvText

Row = dict[str, Any]


@dataclass(frozen=True)
class RowsFile:
    """A data file that can be iterated over any number of times; each row is a dict."""

    path: Path
    shown: str

    def __iter__(self) -> Iterator[Row]:
        for _, row in self.numbered():
            yield row

    def numbered(self) -> Iterator[tuple[int, Row]]:
        """Give each row with its line (CSV, JSON Lines) or its place in the list (JSON), from 1."""
        reader = {".csv": _csv, ".json": _json, ".jsonl": _jsonl}[self.path.suffix.lower()]
        try:
            yield from reader(self)
        except UnicodeDecodeError as error:
            raise SeedError(
                f"not UTF-8 text at byte {error.start}",
                file=self.shown,
                hint="Save the file as UTF-8.",
            ) from error

    @property
    def counts_lines(self) -> bool:
        """Whether ``numbered`` gives lines of the file."""
        return self.path.suffix.lower() != ".json"


def _csv(source: RowsFile) -> Iterator[tuple[int, Row]]:
    """Read RFC 4180 with a header line; quoted fields may span lines."""
    with source.path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        line = 1
        try:
            header = next(reader, None)
            if not header:
                raise SeedError("the file is empty: the first line must name the columns", file=source.shown, line=1)
            if len(set(header)) < len(header) or not all(header):
                raise SeedError(
                    "the header must name every column once: " + ", ".join(header), file=source.shown, line=1
                )
            line = reader.line_num + 1
            for fields in reader:
                if fields:
                    if len(fields) != len(header):
                        raise SeedError(
                            f"{len(fields)} fields, but the header names {len(header)} columns",
                            file=source.shown,
                            line=line,
                            hint="Is a comma inside a value not quoted, or a quote not closed?",
                        )
                    yield line, dict(zip(header, map(CsvText, fields), strict=True))
                line = reader.line_num + 1
        except csv.Error as error:
            raise SeedError(f"this is not CSV: {error}", file=source.shown, line=line) from error


def _json(source: RowsFile) -> Iterator[tuple[int, Row]]:
    """Read a list of objects; numbers with a point stay exact. The whole file is in memory, unlike JSON Lines."""
    try:
        rows = json.loads(source.path.read_text(encoding="utf-8-sig"), parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise SeedError(f"this is not JSON: {error.msg}", file=source.shown, line=error.lineno) from error
    if not isinstance(rows, list):
        raise SeedError("the file must hold a list of objects", file=source.shown, hint='Write [{"column": …}, …].')
    for place, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise SeedError(f"{type(row).__name__} where an object is expected", file=source.shown, row=place)
        yield place, row


def _jsonl(source: RowsFile) -> Iterator[tuple[int, Row]]:
    """Read one object per line, skipping blank lines."""
    with source.path.open(encoding="utf-8-sig") as stream:
        for line, text in enumerate(stream, 1):
            if not text.strip():
                continue
            try:
                row = json.loads(text, parse_float=Decimal)
            except json.JSONDecodeError as error:
                raise SeedError(f"this is not JSON: {error.msg}", file=source.shown, line=line) from error
            if not isinstance(row, dict):
                raise SeedError(f"{type(row).__name__} where an object is expected", file=source.shown, line=line)
            yield line, row


@dataclass(frozen=True)
class Rows:
    """Rows with the same columns, streamed: ``columns`` in order, then tuples with the number each came from."""

    columns: tuple[str, ...]
    numbered: Iterator[tuple[int, tuple[Any, ...]]]
    file: str | None = None
    counts_lines: bool = False

    def place(self, number: int) -> dict[str, Any]:
        """Give the parts of an error's place for a row."""
        if self.file and self.counts_lines:
            return {"file": self.file, "line": number}
        return {"file": self.file, "row": number}


def rows_of(given: Iterable[Any]) -> Rows | None:
    """Look at the first row for the columns and stream the rest; None when there is no row at all.

    Raises:
        SeedError: a row is no dict, or later rows have other columns than the first.
    """
    file = given if isinstance(given, RowsFile) else None
    if isinstance(given, dict):
        given = [given]
    numbered: Iterator[tuple[int, Row]] = iter(file.numbered() if file else enumerate(given, 1))
    first = next(numbered, None)
    if first is None:
        return None
    if not isinstance(first[1], dict):
        raise SeedError(f"a row must be a dict of column names and values, not {type(first[1]).__name__}", row=first[0])
    columns = tuple(first[1])
    if not columns:
        raise SeedError("a row must name at least one column", row=first[0])
    shown, counts_lines = (file.shown, file.counts_lines) if file else (None, False)
    return Rows(columns, _tuples(chain((first,), numbered), columns), shown, counts_lines)


def _tuples(numbered: Iterable[tuple[int, Row]], columns: tuple[str, ...]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    size = len(columns)
    for number, row in numbered:
        try:
            values = tuple([row[column] for column in columns])
        except (KeyError, TypeError):
            values = ()
        if not values or len(row) != size:
            raise SeedError(_difference(row, columns), row=number, hint="Give None where a row has no value.")
        yield number, values


def _difference(row: object, columns: tuple[str, ...]) -> str:
    if not isinstance(row, dict):
        return f"a row must be a dict of column names and values, not {type(row).__name__}"
    missing = [column for column in columns if column not in row]
    extra = [str(column) for column in row if column not in columns]
    parts = [f"lacks {', '.join(missing)}"] if missing else []
    parts += [f"adds {', '.join(extra)}"] if extra else []
    return f"this row {' and '.join(parts)} beside the columns of the first row"
