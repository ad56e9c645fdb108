"""The same rows from every source, by every writer, on every database."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import ipc, parquet
from sqlalchemy.dialects import mysql

from tdm_seed.errors import SeedError
from tdm_seed.values import Changes
from tests.conformance.place import Place, table

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
ZONED = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
TIME = sa.Time().with_variant(mysql.TIME(fsp=6), "mysql", "mariadb")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)
#: For each column: its type, Arrow's, and values that both keep.
COLUMNS: dict[str, tuple[Any, pa.DataType, st.SearchStrategy[Any]]] = {
    "tiny": (sa.SmallInteger(), pa.int8(), st.integers(-128, 127)),
    "whole": (sa.Integer(), pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "count": (sa.Integer(), pa.uint16(), st.integers(0, 2**16 - 1)),
    "narrow": (sa.Integer(), pa.int64(), st.integers(-(2**31), 2**31 - 1)),
    "big": (sa.BigInteger(), pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "flag": (sa.Boolean(), pa.bool_(), st.booleans()),
    "money": (sa.Numeric(12, 2), pa.decimal128(12, 2), st.decimals(-(10**10) + 1, 10**10 - 1, places=2)),
    "finer": (sa.Numeric(12, 2), pa.decimal128(14, 5), st.decimals(-(10**9) + 1, 10**9 - 1, places=5)),
    "coarse": (sa.Numeric(9, 4), pa.decimal128(9, 0), st.decimals(-99999, 99999, places=0)),
    "counted": (sa.Numeric(15, 1), pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "ratio": (sa.Double(), pa.float64(), st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)),
    "rough": (sa.Double(), pa.float32(), st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False)),
    "word": (sa.String(9), pa.string(), TEXT),
    "wide": (sa.Text(), pa.large_string(), TEXT),
    "view": (sa.Text(), pa.string_view(), TEXT),
    "kind": (sa.Text(), pa.dictionary(pa.int8(), pa.string()), st.sampled_from(["a", "bb", ""])),
    "day": (sa.Date(), pa.date32(), st.dates()),
    "at": (MOMENT, pa.timestamp("us"), st.datetimes()),
    "second": (MOMENT, pa.timestamp("s"), st.datetimes().map(lambda at: at.replace(microsecond=0))),
    "nano": (MOMENT, pa.timestamp("ns"), st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1))),
    "seen": (ZONED, pa.timestamp("ms", "Asia/Kathmandu"), st.datetimes(datetime(1900, 1, 2), datetime(9998, 1, 1)).map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000, tzinfo=UTC))),
    "clock": (TIME, pa.time64("us"), st.times()),
    "blob": (sa.LargeBinary(), pa.binary(), st.binary(max_size=9)),
    "extra": (sa.JSON(none_as_null=True), pa.string(), st.sampled_from(['{"a": [1, 2.5, null]}', "[1.10]", "null", '"x"', "7", '{"b":1,"a":2}'])),
    "absent": (sa.Integer(), pa.null(), st.none()),
}  # fmt: skip


def frames(columns: list[str]) -> st.SearchStrategy[pa.Table]:
    """Give frames with these columns, of a few rows or of some."""

    def column(name: str, size: int) -> st.SearchStrategy[pa.Array]:
        values = st.lists(st.none() | COLUMNS[name][2], min_size=size, max_size=size)
        return values.map(lambda found: pa.array(found, COLUMNS[name][1]))

    def frame(size: int) -> st.SearchStrategy[pa.Table]:
        whole = st.lists(COLUMNS["whole"][2], min_size=size, max_size=size).map(
            lambda found: pa.array(found, pa.int32())
        )
        parts = [st.just(pa.array(range(size), pa.int64())), whole, *(column(name, size) for name in columns)]
        return st.tuples(*parts).map(lambda arrays: pa.table(list(arrays), names=["id", "must", *columns]))

    return st.sampled_from([1, 2, 30]).flatmap(frame)


def test_columns_leave_the_rows_that_plain_inserts_leave(place: Place) -> None:
    """Random columns of random types, loaded, upserted, and inserted by SQLAlchemy itself."""
    metadata = sa.MetaData()
    for name in ("plain", "loaded", "upserted"):
        kinds = [sa.Column(column, kind) for column, (kind, _, _) in COLUMNS.items()]
        must = sa.Column("must", sa.Integer, nullable=False)
        sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True, autoincrement=False), must, *kinds)
    place.create(metadata)

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=5, unique=True).flatmap(frames))
    def agree(frame: pa.Table) -> None:
        for name in metadata.tables:
            place.db.delete(name, where={})
        assert Changes(inserted=len(frame)) == place.db.load("loaded", frame)
        assert Changes(inserted=len(frame)) == place.db.upsert("upserted", frame)
        assert Changes(unchanged=len(frame)) == place.db.upsert("loaded", frame)
        place.db.insert("plain", plain(frame))
        assert place.rows("plain") == place.rows("loaded")
        assert place.rows("plain") == place.rows("upserted")

    agree()


def plain(frame: pa.Table) -> list[dict[str, Any]]:
    """Give the values of a frame as Python has them; JSON is parsed."""
    whole = frame.cast(
        pa.schema(
            [f.with_type(pa.timestamp("us", f.type.tz)) if pa.types.is_timestamp(f.type) else f for f in frame.schema]
        )
    )
    rows: list[dict[str, Any]] = whole.to_pylist()
    for row in rows:
        if row.get("extra") is not None:
            row["extra"] = json.loads(row["extra"])
    return rows


# ---- every source ---------------------------------------------------------------------------------------------------

NAMES = ("id", "name", "price", "ok", "day", "seen", "extra", "weight", "clock", "blob")
ROWS: list[tuple[Any, ...]] = [
    (1, "Ann", Decimal("1.50"), True, date(2024, 2, 29), datetime(2026, 1, 5, 10, 30), {"k": [1, 2.5, None]}, 0.1, time(7, 30), b"\0\xff"),
    (2, None, None, None, None, None, None, None, None, None),
    (3, 'quoted "by"\nlines,\\.', Decimal("-9999999999.99"), False, date(1900, 1, 1), datetime(1999, 12, 31, 23, 59, 59), [], -1e300, time(23, 59, 59), b""),
]  # fmt: skip


def texts() -> list[dict[str, Any]]:
    """Give the rows as a file of text holds them."""

    def text(value: Any) -> Any:
        return value.hex() or "\\x" if isinstance(value, bytes) else value if value is None or isinstance(value, (bool, int, float, str, dict, list)) else str(value)  # fmt: skip

    return [dict(zip(NAMES, map(text, row), strict=True)) for row in ROWS]


def csv() -> str:
    """Write the rows as a CSV."""

    def field(value: Any) -> str:
        text = "" if value is None else json.dumps(value) if isinstance(value, (dict, list, bool)) else str(value)
        return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in '",\n') else text

    return "\n".join(",".join(line) for line in [NAMES, *(map(field, row.values()) for row in texts())]) + "\n"


def arrow() -> pa.Table:
    """Give the rows as columns."""
    kinds = (pa.int64(), pa.string(), pa.decimal128(12, 2), pa.bool_(), pa.date32(), pa.timestamp("us"), pa.string(), pa.float64(), pa.time64("us"), pa.binary())  # fmt: skip
    columns = list(zip(*ROWS, strict=True))
    columns[6] = tuple(None if value is None else json.dumps(value) for value in columns[6])
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)], names=list(NAMES))


def file(suffix: str, content: Callable[[], str | bytes]) -> Callable[[Place], Any]:
    """Give what makes a file."""
    return lambda place: place.file(suffix, content())


def written(suffix: str) -> Callable[[Place], Any]:
    """Give what makes a file of columns."""

    def make(place: Place) -> Any:
        found = place.file("." + suffix.rpartition(".")[2], b"")
        if suffix == ".parquet":
            parquet.write_table(arrow(), found.path)
        else:
            with (ipc.new_stream if suffix.startswith("stream") else ipc.new_file)(
                found.path, arrow().schema
            ) as writer:
                writer.write_table(arrow())
        return found

    return make


def zstd(text: str) -> bytes:
    """Compress as the program zstd does."""
    return bytes(pa.Codec("zstd").compress(text.encode(), asbytes=True))


def from_duckdb(place: Place) -> Any:
    """Ask a query for the rows."""
    return duckdb.from_arrow(arrow())


def streamed(place: Place) -> Iterator[dict[str, Any]]:
    """Give dicts one at a time."""
    return (dict(zip(NAMES, row, strict=True)) for row in ROWS)


SOURCES: dict[str, Callable[[Place], Any]] = {
    "dicts": streamed,
    "csv": file(".csv", csv),
    "csv.gz": file(".csv.gz", lambda: gzip.compress(csv().encode())),
    "csv.zst": file(".csv.zst", lambda: zstd(csv())),
    "json": file(".json", lambda: json.dumps(texts())),
    "jsonl": file(".jsonl", lambda: "\n".join(map(json.dumps, texts()))),
    "jsonl.gz": file(".jsonl.gz", lambda: gzip.compress("\n".join(map(json.dumps, texts())).encode())),
    "parquet": written(".parquet"),
    "arrow": written("file.arrow"),
    "arrow stream": written("stream.arrow"),
    "pyarrow": lambda place: arrow(),
    "a reader": lambda place: arrow().to_reader(),
    "polars": lambda place: pl.from_arrow(arrow()),
    "DuckDB": from_duckdb,
}


@pytest.fixture
def place(place: Place) -> Place:
    """A place with a table that has a column of every kind."""
    kinds = (sa.Integer(), sa.String(40), sa.Numeric(12, 2), sa.Boolean(), sa.Date(), sa.DateTime(), sa.JSON(), sa.Double(), sa.Time(), sa.LargeBinary())  # fmt: skip
    columns = [sa.Column(name, kind, primary_key=name == "id") for name, kind in zip(NAMES, kinds, strict=True)]
    place.create(table("thing", *columns))
    return place


def test_every_source_gives_the_same_rows(place: Place) -> None:
    """Loaded and upserted; a second upsert from any other source changes nothing."""
    for writer in ("load", "upsert"):
        for name, source in SOURCES.items():
            place.db.delete("thing", where={})
            assert Changes(inserted=3) == getattr(place.db, writer)("thing", source(place)), name
            assert ROWS == place.rows("thing"), name
    for name, source in SOURCES.items():
        assert Changes(unchanged=3) == place.db.upsert("thing", source(place)), name
    place.db.delete("thing", where={})
    assert Changes(inserted=3) == place.db.load("thing", iter(ROWS), columns=NAMES)
    assert Changes(unchanged=3) == place.db.upsert("thing", ROWS, columns=NAMES)


def test_a_wrong_value_among_columns_is_named(place: Place) -> None:
    """With its row and column, however far down."""
    frame = pl.DataFrame({"id": range(40_000), "name": ["x"] * 39_998 + ["y" * 41, "x"]})
    for rows in (frame, frame.to_arrow().to_reader()):
        with pytest.raises(SeedError, match="41 characters, but the column takes 40") as caught:
            place.db.load("thing", rows)
        assert ("thing", 39_999, "name") == (
            caught.value.place.table,
            caught.value.place.row,
            caught.value.place.column,
        )
        place.rollback()


def test_a_column_that_the_table_lacks_is_named(place: Place) -> None:
    """With the file."""
    path = place.file(".parquet", b"").path
    parquet.write_table(pa.table({"id": [1], "nmae": ["x"]}), path)
    with pytest.raises(SeedError, match="no column 'nmae'") as caught:
        place.db.load("thing", type(place.file(".csv", ""))(path, path.name))
    assert (path.name, "nmae", None) == (caught.value.place.file, caught.value.place.column, caught.value.place.line)


def test_whoever_makes_columns_may_use_the_database_meanwhile(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lends a stream may run a program for each batch, so nothing is under way on the connection, in no thread."""
    monkeypatch.setattr("tdm_seed.dialects.postgresql.blocks.LARGE", 1)  # it looks at the first ones beforehand
    place.create(
        "CREATE TABLE made (id INTEGER PRIMARY KEY, name VARCHAR(20))", "CREATE TABLE seen (id INTEGER PRIMARY KEY)"
    )

    class Lazy:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            schema = pa.schema([("id", pa.int64()), ("name", pa.string())])
            return pa.RecordBatchReader.from_batches(schema, self.batches(schema)).__arrow_c_stream__()

        def batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
            for number in range(4):
                place.db.insert("seen", {"id": number})
                there = place.db.scalar("SELECT count(*) FROM seen")
                yield pa.record_batch([[number], [f"{there} seen"]], schema=schema)

    assert 4 == place.db.load("made", Lazy()).inserted
    place.commit()
    assert ["1 seen", "2 seen", "3 seen", "4 seen"] == [
        row["name"] for row in place.db.rows("SELECT name FROM made ORDER BY id")
    ]
