"""Reading rows from columns in memory or in files: Parquet, Arrow, and whatever lends its columns as Arrow does."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from tdm_seed.errors import SeedError
from tdm_seed.loading.extra import pyarrow

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows that are taken from columns at a time: of 200 bytes each, they stay in a processor's cache.
TOGETHER = 16_384
#: Bytes that they take at most: rows may be long.
_BYTES = 1 << 24


@runtime_checkable
class Columns(Protocol):
    """What offers the Arrow PyCapsule stream: frames of polars, pandas, DuckDB and pyarrow.

    https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
    """

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Lend the columns."""


@dataclass(frozen=True)
class Batches:
    """Rows as columns: ``batches`` gives up to `TOGETHER` rows at a time, none of them empty.

    ``at_hand`` says that taking them runs nobody's code, so that nobody uses the connection meanwhile.
    """

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    file: str | None = None
    at_hand: bool = True
    #: How many rows they hold, where that is known.
    expected: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self.schema.names)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Give the remaining rows as tuples of Python's values.

        Raises:
            SeedError: a value has no counterpart in Python.
        """
        for batch in self.batches:
            yield from self.of(batch)

    def of(self, batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
        """Give the rows of one batch."""
        return zip(*map(self._values, self.names, batch.columns), strict=True)

    def _values(self, name: str, column: pa.Array) -> list[Any]:
        """Give the values of a column; Python's times, like those of the databases, end with microseconds."""
        import pyarrow as pa

        kind = column.type
        try:
            if pa.types.is_timestamp(kind) and kind.unit == "ns":
                column = column.cast(pa.timestamp("us", kind.tz))
            elif pa.types.is_time64(kind) and kind.unit == "ns":
                column = column.cast(pa.time64("us"))
            elif pa.types.is_duration(kind) and kind.unit == "ns":
                column = column.cast(pa.duration("us"))
            values: list[Any] = column.to_pylist(maps_as_pydicts="strict")
        except (pa.ArrowException, ValueError, KeyError, OverflowError) as error:
            raise SeedError(
                f"a value of type {kind} cannot be kept: {error}",
                column=name,
                file=self.file,
                hint="Round or cast the column first: years are 1 to 9999, and seconds have six decimals.",
            ) from error
        return values


def read(source: Columns | Path, shown: str | None = None) -> Batches | None:
    """Open columns, in memory or in a file; None where they hold no row.

    Raises:
        UsageError: pyarrow is not installed.
        SeedError: the file is not what its name says.
    """
    pa = pyarrow("a file of columns" if isinstance(source, Path) else "a frame", shown)
    with _readable(shown):
        if isinstance(source, Path):
            schema, found, expected = _file(source)
        else:
            stream = pa.RecordBatchReader.from_stream(source)
            schema, found = stream.schema, iter(stream)
            expected = _length(source)
    names = schema.names
    if len(set(names)) < len(names):
        raise SeedError(
            f"a column's name stands there twice: {', '.join(names)}", file=shown, hint="Rename one of them."
        )
    parts = _parts(found, shown)
    first = next(parts, None)
    if first is None:
        return None
    at_hand = isinstance(source, Path) or holds_its_rows(source)
    return Batches(schema, chain((first,), parts), shown, at_hand, expected)


def holds_its_rows(source: object) -> bool:
    """Tell whether a frame has its rows in memory; others, such as DuckDB's, run a query to give or count them."""
    kind = type(source)
    return kind.__module__.partition(".")[0] in ("pyarrow", "polars", "pandas") and isinstance(source, Sized)


def _length(source: object) -> int | None:
    return len(source) if isinstance(source, Sized) and holds_its_rows(source) else None


def _file(path: Path) -> tuple[pa.Schema, Iterator[pa.RecordBatch], int | None]:
    import pyarrow as pa
    from pyarrow import ipc, parquet

    if path.suffix.lower() == ".parquet":
        # Reading ahead, it would hold whole row groups.
        file = parquet.ParquetFile(path, pre_buffer=False, page_checksum_verification=True)
        return file.schema_arrow, file.iter_batches(batch_size=TOGETHER), file.metadata.num_rows
    opened = pa.OSFile(str(path))
    whole = opened.read(6) == b"ARROW1"
    opened.seek(0)
    if not whole:
        stream = ipc.open_stream(opened)
        return stream.schema, iter(stream), None
    found = ipc.open_file(opened)
    places = range(found.num_record_batches)
    first = found.get_batch(0).num_rows if places else 0
    return found.schema, (found.get_batch(place) for place in places), first * len(places)


def _parts(batches: Iterator[pa.RecordBatch], shown: str | None) -> Iterator[pa.RecordBatch]:
    while True:
        with _readable(shown):
            batch = next(batches, None)
        if batch is None:
            return
        size = max(1, min(TOGETHER, batch.num_rows * _BYTES // max(1, batch.nbytes)))
        for begin in range(0, batch.num_rows, size):
            yield batch.slice(begin, size)


@contextmanager
def _readable(shown: str | None) -> Iterator[None]:
    """Turn what pyarrow says of a file, or of what lends its columns, into a sentence."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        text = " ".join(str(error).split())
        raise SeedError(
            f"cannot be read as columns: {text}",
            file=shown,
            hint="Is it what its name says, and was it written to its end?" if shown else "Give a whole frame.",
        ) from error
