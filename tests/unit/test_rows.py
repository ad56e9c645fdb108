"""Rows from whatever is given: dicts, tuples, files, and columns of Arrow."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from tdm_seed.errors import SeedError, UsageError
from tdm_seed.loading.formats import format_of
from tdm_seed.loading.rows import rows_of
from tdm_seed.loading.sources import RowsFile

NAMES = ("id", "name", "day", "seen", "price")
ROWS = [
    (1, "Ann", date(2024, 2, 29), datetime(2026, 1, 5, 10, 30, tzinfo=UTC), Decimal("1.50")),
    (2, None, None, None, None),
    (3, "日本", date(1900, 1, 1), datetime(1999, 12, 31, 23, 59, 59, 123456, tzinfo=UTC), Decimal("-9.99")),
]
TABLE = pa.table(
    [
        pa.array(column, kind)
        for column, kind in zip(
            zip(*ROWS, strict=True),
            [pa.int64(), pa.string(), pa.date32(), pa.timestamp("us", "UTC"), pa.decimal128(9, 2)],
            strict=True,
        )
    ],
    names=list(NAMES),
)


def taken(given: Any, **how: Any) -> tuple[tuple[str, ...], list[tuple[int, tuple[Any, ...]]]]:
    """Give the columns and the numbered rows of what is given."""
    found = rows_of(given, **how)
    assert found is not None
    return found.columns, list(found.numbered)


def as_dicts() -> Iterator[dict[str, Any]]:
    """Give the rows as dicts, one at a time."""
    return (dict(zip(NAMES, row, strict=True)) for row in ROWS)


def as_file(name: str, folder: Path) -> RowsFile:
    """Write the rows into a file of columns."""
    path = folder / name
    if path.suffix.lower() == ".parquet":
        parquet.write_table(TABLE, path)
    else:
        stream = name.startswith("stream")
        with (ipc.new_stream if stream else ipc.new_file)(path, TABLE.schema) as writer:
            writer.write_table(TABLE)
    return RowsFile(path, name)


def test_dicts_tuples_and_lists_are_rows(tmp_path: Path) -> None:
    """Tuples and lists with the names of their columns beside them; all may be streamed."""
    expected = (NAMES, list(enumerate(ROWS, 1)))
    assert expected == taken(as_dicts())
    assert expected == taken(iter(ROWS), columns=NAMES)
    assert expected == taken([list(row) for row in ROWS], columns=list(NAMES))


@pytest.mark.parametrize("name", ["rows.parquet", "rows.arrow", "stream.arrow", "ROWS.PARQUET"])
def test_files_of_columns_are_rows(name: str, tmp_path: Path) -> None:
    """Parquet, and Arrow's own format in both its forms."""
    assert (NAMES, list(enumerate(ROWS, 1))) == taken(as_file(name, tmp_path))


@pytest.mark.parametrize(
    "lend",
    [
        lambda table: table,
        lambda table: table.to_reader(),
        lambda table: table.combine_chunks().to_batches()[0],
        pl.from_arrow,
        lambda table: duckdb.from_arrow(table),
    ],
    ids=["pyarrow", "a reader", "a batch", "polars", "DuckDB"],
)
def test_frames_are_rows(lend: Any) -> None:
    """Whatever offers the Arrow PyCapsule stream."""
    names, rows = taken(lend(TABLE))
    assert (NAMES, list(enumerate(ROWS, 1))) == (names, rows)


def test_what_a_frame_calls_its_text_does_not_matter() -> None:
    """Categories and enums are words."""
    frame = pl.DataFrame({"c": pl.Series(["x", "y", None], dtype=pl.Categorical)})
    assert [(1, ("x",)), (2, ("y",)), (3, (None,))] == taken(frame)[1]


def test_nothing_is_no_rows() -> None:
    """Whatever holds it."""
    for given in ([], iter(()), TABLE.slice(0, 0), pl.DataFrame({"id": []})):
        assert rows_of(given) is None


def test_nanoseconds_that_nobody_keeps_are_refused() -> None:
    """With the column; zeros are fine."""
    exact = pa.table({"at": pa.array([1_000_000_000_123_456_000], pa.timestamp("ns"))})
    assert [(1, (datetime(2001, 9, 9, 1, 46, 40, 123456),))] == taken(exact)[1]
    lost = pa.table({"at": pa.array([1_000_000_000_123_456_789], pa.timestamp("ns"))})
    with pytest.raises(SeedError, match="would lose data") as caught:
        taken(lost)
    assert "at" == caught.value.place.column


@pytest.mark.parametrize(
    ("given", "columns", "said"),
    [
        ([(1, 2)], [], "must name every column once"),
        ([(1, 2)], ["a", "a"], "must name every column once"),
        ([(1, 2), (1,)], ["a", "b"], "row 2: this row has 1 values, and columns= names 2"),
        ([(1, 2), {"a": 1}], ["a", "b"], "row 2: with columns=, a row must be a tuple of values, not dict"),
        (["ab"], ["a", "b"], "row 1: with columns=, a row must be a tuple of values, not str"),
        (5, ["a"], "rows are wanted, not int"),
        ("ab", ["a"], "rows are wanted, not str"),
        (TABLE, ["a"], "these rows name theirs"),
        ([(1, 2)], None, "row 1: a row must be a dict"),
        (pl.Series([1, 2]), None, "cannot be read as columns"),
        (pa.table([[1], [2]], names=["a", "a"]), None, "stands there twice: a, a"),
    ],
)
def test_what_is_no_row_is_refused(given: Any, columns: Any, said: str) -> None:
    """With its number."""
    with pytest.raises(SeedError) as caught:
        taken(given, columns=columns)
    assert said in str(caught.value)
    assert caught.value.hint


def test_columns_that_are_damaged_are_refused(tmp_path: Path) -> None:
    """Also when that shows late."""
    for name in ("rows.parquet", "rows.arrow", "stream.arrow"):
        whole = as_file(name, tmp_path)
        content = whole.path.read_bytes()
        for broken in (b"", b"id,name\n1,a\n", content[: len(content) // 2]):
            whole.path.write_bytes(broken)
            with pytest.raises(SeedError, match="cannot be read as columns") as caught:
                taken(whole)
            assert (name, True) == (caught.value.place.file, "to its end" in (caught.value.hint or ""))


def zstd(content: bytes) -> bytes:
    """Compress as the program zstd does."""
    return bytes(pa.Codec("zstd").compress(content, asbytes=True))


TEXTS = {
    "csv": "id,name\n1,Ann\n2,日本\n",
    "json": '[{"id": "1", "name": "Ann"}, {"id": "2", "name": "日本"}]',
    "jsonl": '{"id": "1", "name": "Ann"}\n{"id": "2", "name": "日本"}\n',
}


@pytest.mark.parametrize("mark", ["", "\N{ZERO WIDTH NO-BREAK SPACE}"], ids=["plain", "BOM"])
@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize(
    ("ending", "compress"), [("", bytes), (".gz", gzip.compress), (".zst", zstd), (".GZ", gzip.compress)]
)
def test_text_may_be_compressed(kind: str, ending: str, compress: Any, mark: str, tmp_path: Path) -> None:
    """The rows are the same."""
    path = tmp_path / f"rows.{kind}{ending}"
    path.write_bytes(compress((mark + TEXTS[kind]).encode()))
    names, rows = taken(RowsFile(path, path.name))
    assert (("id", "name"), [("1", "Ann"), ("2", "日本")]) == (names, [row for _, row in rows])
    if kind == "csv":
        assert ("id", "name") == RowsFile(path, path.name).header()


@pytest.mark.parametrize(("ending", "compress"), [(".gz", gzip.compress), (".zst", zstd)])
def test_what_was_compressed_and_is_damaged_is_refused(ending: str, compress: Any, tmp_path: Path) -> None:
    """Cut short, not compressed at all, and text in another encoding with its line."""
    path = tmp_path / f"rows.csv{ending}"
    whole = compress(b"id,name\n" + b"".join(b"%d,name %d\n" % (i, i * i) for i in range(5000)))
    for content in (whole[: len(whole) // 2], whole[:-3], b"id,name\n1,a\n"):
        path.write_bytes(content)
        with pytest.raises(SeedError, match="cannot be decompressed") as caught:
            taken(RowsFile(path, path.name))
        assert path.name == caught.value.place.file
    path.write_bytes(compress(b"id,name\n1,a\n2,\xe4\n"))
    with pytest.raises(SeedError, match="not UTF-8") as caught:
        taken(RowsFile(path, path.name))
    assert 3 == caught.value.place.line


@pytest.mark.parametrize("name", ["rows.parquet", "rows.arrow", "rows.csv.zst", None])
def test_without_the_extra_the_remedy_is_said(
    name: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For files and for frames."""
    frame = pl.DataFrame({"id": [1]})
    if name:
        (tmp_path / name).write_bytes(b"")
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as if it were not installed
    with pytest.raises(UsageError, match=r"needs the extra arrow \(pyarrow\)") as caught:
        taken(RowsFile(tmp_path / name, name) if name else frame)
    assert 'Install it: pip install "tdm-seed[arrow]".' == caught.value.hint


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.csv", "csv"), ("a.CSV.GZ", "csv"), ("a.jsonl.zst", "jsonl"), ("a.json", "json"), ("a.parquet", "parquet"),
        ("a.arrow", "arrow"), ("a.gz", None), ("a.parquet.gz", None), ("csv", None), ("a.txt", None),
    ],
)  # fmt: skip
def test_a_name_tells_the_format(name: str, kind: str | None) -> None:
    """By its ending, in any case."""
    assert kind == format_of(name)
