"""Reading rows from files of data, one at a time, each with the line or place that it came from."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from tdm_seed.errors import SeedError
from tdm_seed.loading import columnar
from tdm_seed.loading.compression import damaged, open_bytes, open_text
from tdm_seed.loading.convert import CsvText
from tdm_seed.loading.formats import format_of

Row = Mapping[str, Any]
#: What stands in a record of a CSV.
Fields = tuple[str, ...]
_Read = TypeVar("_Read")

_OBJECT = 'A row is an object: {"column": value, …}.'
_JSON = "Texts and names stand in double quotes, no comma stands behind the last part, and null is no value."
_KINDS: Mapping[type, str] = {
    str: "text",
    int: "a number",
    Decimal: "a number",
    bool: "true or false",
    list: "a list",
    type(None): "null",
}

#: Bytes of a file that is not looked at for how many rows it may hold.
_SMALL = 1 << 18
#: How many times smaller compressed text is, about.
_PACKED = 4

#: Characters in one field of a CSV. The standard library stops at 131,072, which a long text or an image exceeds.
LARGEST_FIELD = 2**30


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
        if self.format == "csv":
            header, records = self.records()
            yield from ((line, dict(zip(header, map(CsvText, fields), strict=True))) for line, fields in records)
        else:
            yield from self._read({"json": _json, "jsonl": _jsonl}.get(self.format, _columnar)(self))

    def records(self) -> tuple[Fields, Iterator[tuple[int, Fields]]]:
        """Give the header of a CSV, and its records, each with its line."""
        records = self._read(_csv(self))
        return next(records)[1], records

    def after(self, header: Fields, size: int, lines: int) -> Iterator[tuple[int, Fields]]:
        """Give the records of a CSV behind so many bytes, on which so many lines stand."""
        yield from self._read(_rest(self, header, size, lines))

    def _read(self, rows: Iterator[_Read]) -> Iterator[_Read]:
        try:
            yield from rows
        except UnicodeDecodeError as error:
            line = _first_undecodable(self)
            raise SeedError("not UTF-8 text", file=self.shown, line=line, hint="Save the file as UTF-8.") from error
        except Exception as error:
            if not damaged(self.path, error):
                raise
            hint = "It was not written to its end, or was changed on its way: compress it again."
            raise SeedError(f"cannot be decompressed: {error}", file=self.shown, hint=hint) from error

    @property
    def format(self) -> str:
        """The format, by the name's ending."""
        return format_of(self.path.name) or "csv"

    @property
    def is_compressed(self) -> bool:
        """Whether the file is read through a decompressor, which knows no way to a place but from the beginning."""
        return self.path.suffix.lower() in (".gz", ".zst")

    def expected(self) -> int:
        """Estimate how many rows there are, from the size of the file and the lines at its beginning."""
        size = self.path.stat().st_size
        if size < _SMALL:
            return 0
        begun = b""
        try:
            with open_bytes(self.path, self.shown) as content:
                begun = content.read(_SMALL)
        except Exception as error:
            if not damaged(self.path, error):
                raise
        return size * (_PACKED if self.is_compressed else 1) * begun.count(b"\n") // max(1, len(begun))

    def header(self) -> tuple[str, ...]:
        """Name the columns of a CSV; nothing for files that name them in every row."""
        if self.format != "csv":
            return ()
        with open_text(self.path, self.shown, newline="") as stream:
            return tuple(next(csv.reader(stream), ()))

    @property
    def counts_lines(self) -> bool:
        """Whether ``numbered`` gives lines of the file."""
        return self.format in ("csv", "jsonl")


def _first_undecodable(source: RowsFile) -> int | None:
    """Find the line that is not UTF-8; the decoder itself counts within its buffer."""
    with open_bytes(source.path, source.shown) as stream:
        for line, text in enumerate(stream, 1):
            try:
                text.decode()
            except UnicodeDecodeError:
                return line
    return None


def _csv(source: RowsFile) -> Iterator[tuple[int, Fields]]:
    """Read RFC 4180, the header first; quoted fields may span lines."""
    if csv.field_size_limit() < LARGEST_FIELD:
        csv.field_size_limit(LARGEST_FIELD)  # one for the process; raising it takes nothing away from others
    with open_text(source.path, source.shown, newline="") as stream:
        reader = csv.reader(stream, strict=True)
        try:
            header = next(reader, None)
        except csv.Error as error:
            raise _no_csv(source, 1, error) from error
        if not header:
            raise SeedError(
                "the file is empty: the first line must name the columns",
                file=source.shown,
                line=1,
                hint="Such as: code,name. Below it, each line is a row.",
            )
        _check_header(header, source.shown)
        yield 1, tuple(header)
        yield from _records(source, header, reader, 0)


def _rest(source: RowsFile, header: Fields, size: int, lines: int) -> Iterator[tuple[int, Fields]]:
    """Read the records behind so many bytes and lines."""
    with open_bytes(source.path, source.shown) as content:
        while size and (passed := content.read(min(size, 1 << 18))):
            size -= len(passed)
        with io.TextIOWrapper(content, encoding="utf-8", newline="") as stream:
            yield from _records(source, header, csv.reader(stream, strict=True), lines)


def _records(source: RowsFile, header: Sequence[str], reader: Any, lines: int) -> Iterator[tuple[int, Fields]]:
    """Give what a reader reads from now on; it began behind so many lines."""
    width = len(header)
    line = lines + reader.line_num + 1
    try:
        for fields in reader:
            if fields:
                if len(fields) != width:
                    raise SeedError(
                        f"{len(fields)} fields, but the header names {width} columns",
                        file=source.shown,
                        line=line,
                        hint="Is a comma inside a value not quoted, or a quote not closed?",
                    )
                yield line, tuple(fields)
            line = lines + reader.line_num + 1
    except csv.Error as error:
        raise _no_csv(source, line, error) from error


def _no_csv(source: RowsFile, line: int, error: csv.Error) -> SeedError:
    return SeedError(
        f"this is not CSV: {error}",
        file=source.shown,
        line=line,
        hint="A value in quotes ends with one before the next comma; a quote inside of it is written twice.",
    )


def _check_header(header: Sequence[str], shown: str) -> None:
    """Refuse a first line that cannot name columns, with what it probably is."""
    if any("\0" in name or name.startswith("PK\x03\x04") for name in header):
        raise SeedError(
            "this is no text", file=shown, line=1, hint="A workbook is saved as CSV (UTF-8), not under another name."
        )
    if len(set(header)) < len(header) or not all(header):
        raise SeedError(
            f"the header must name every column once: {', '.join(header)}",
            file=shown,
            line=1,
            hint="Give every column a name of its own, or take the column out.",
        )
    for separator, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(header) == 1 and separator in header[0]:
            raise SeedError(
                f"the columns are separated by {name}: {header[0]}", file=shown, line=1, hint="Separate them by commas."
            )


def _json(source: RowsFile) -> Iterator[tuple[int, Row]]:
    """Read a list of objects; numbers with a point stay exact. The whole file is in memory, unlike JSON Lines."""
    with open_text(source.path, source.shown) as stream:
        text = stream.read()
    try:
        rows = _parsed(text)
    except json.JSONDecodeError as error:
        raise SeedError(
            f"this is not JSON: {_said(error)}", file=source.shown, line=error.lineno, hint=_JSON
        ) from error
    except ValueError as error:
        raise SeedError(f"this is not JSON: {error}", file=source.shown, hint=_JSON) from error
    if not isinstance(rows, list):
        raise SeedError("the file must hold a list of objects", file=source.shown, hint='Write [{"column": …}, …].')
    for place, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise SeedError(
                f"{_KINDS[type(row)]} where an object is expected", file=source.shown, row=place, hint=_OBJECT
            )
        yield place, row


def _jsonl(source: RowsFile) -> Iterator[tuple[int, Row]]:
    """Read one object per line, skipping blank lines."""
    with open_text(source.path, source.shown) as stream:
        for line, text in enumerate(stream, 1):
            if not text.strip():
                continue
            try:
                row = _parsed(text)
            except ValueError as error:
                said = _said(error) if isinstance(error, json.JSONDecodeError) else str(error)
                hint = f"{_JSON} JSON Lines are one whole object to a line."
                raise SeedError(f"this is not JSON: {said}", file=source.shown, line=line, hint=hint) from error
            if not isinstance(row, dict):
                raise SeedError(
                    f"{_KINDS[type(row)]} where an object is expected", file=source.shown, line=line, hint=_OBJECT
                )
            yield line, row


def _columnar(source: RowsFile) -> Iterator[tuple[int, Row]]:
    """Read Parquet or Arrow's own format, batch by batch."""
    if found := columnar.read(source.path, source.shown):
        for place, values in enumerate(found.rows(), 1):
            yield place, dict(zip(found.names, values, strict=True))


def _said(error: json.JSONDecodeError) -> str:
    """Quote where Python's parser stumbled, since it only says what it wanted."""
    rest = error.doc[error.pos :].lstrip().split("\n")[0][:30]
    return f"{error.msg[0].lower()}{error.msg[1:]} at `{rest}`" if rest else "it breaks off"


def _parsed(text: str) -> Any:
    """Parse JSON; numbers with a point stay exact, and what Python alone takes for JSON is refused."""
    return json.loads(text, parse_float=Decimal, parse_constant=_refused, object_pairs_hook=_object)


def _refused(name: str) -> object:
    raise ValueError(f"there is no {name} in JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} stands twice in one object")
    return found
