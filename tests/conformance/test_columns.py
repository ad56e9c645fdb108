"""SQLite and MySQL take columns that are encoded as such, and what they store is what the plain way stores."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tdm_seed.dialects.mysql import insert, local_infile
from tdm_seed.errors import DatabaseError, SeedError
from tdm_seed.values import Changes
from tests.conformance import test_every_source as every
from tests.conformance.place import Place, table

pytestmark = pytest.mark.only("sqlite", "mysql")

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | every.TEXT
DOCUMENTS = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(every.TEXT, inner), max_leaves=5)
JSON = st.one_of(
    DOCUMENTS.map(json.dumps),
    DOCUMENTS.map(lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False)),
    st.sampled_from(
        ['{"a": 1, "a": 2}', '{"a": 1.10}', "[1e5]", "[-0]", "[0.00001]", '{"\\u0041": "\\/"}', " {}", "null", "[null]"]
    ),
    st.fixed_dictionaries({"street": every.TEXT, "city": st.integers(), "gift": st.booleans()}).map(json.dumps),
)
COLUMNS: dict[str, tuple[Any, pa.DataType, st.SearchStrategy[Any]]] = {
    **every.COLUMNS,
    "extra": (sa.JSON(none_as_null=True), pa.string(), JSON),
    "limited": (sa.String(4), pa.large_string(), st.text("ab\\'\"\t\n\r\x1aä😀", max_size=4)),
    "views": (sa.LargeBinary(), pa.binary_view(), st.binary(max_size=9)),
    "mac": (sa.LargeBinary(), pa.binary(6), st.binary(min_size=6, max_size=6)),
    "float": (sa.Float(), pa.float32(), st.floats(width=16, allow_nan=False, allow_infinity=False)),
    "short": (sa.Numeric(15, 4), pa.decimal64(15, 2), st.decimals(-(10**9), 10**9, places=2)),
    "minute": (every.TIME, pa.time32("s"), st.times().map(lambda at: at.replace(microsecond=0))),
}  # fmt: skip


@pytest.fixture(autouse=True)
def of_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let frames have the columns of this module, and few rows be sent as many are."""
    monkeypatch.setattr(every, "COLUMNS", COLUMNS)
    monkeypatch.setattr(insert, "FILE_FROM", 1)


def refuse_files(monkeypatch: pytest.MonkeyPatch, allowed: bool) -> None:
    """Let the server seem to take no local files; one that never does makes no difference."""
    if not allowed:
        monkeypatch.setattr(local_infile, "allowed", lambda connection: False)
        monkeypatch.setattr(insert, "_STATEMENT", 100)


def stored(place: Place, name: str) -> list[Any]:
    """Read what the database keeps, as near to its bytes as it tells them."""
    shown = {"sqlite": "typeof({0}) || quote({0})", "mysql": "CAST({0} AS BINARY)"}[place.product.name]
    quote = place.connection.dialect.identifier_preparer.quote_identifier
    columns = ", ".join(shown.format(quote(column)) for column in COLUMNS)
    statement = f"SELECT {columns} FROM {name} ORDER BY id"
    return [
        tuple(row) for row in place.connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    ]


@pytest.mark.parametrize("files", [True, False], ids=["files", "no files"])
def test_columns_are_stored_as_plain_inserts_store_them(
    place: Place, monkeypatch: pytest.MonkeyPatch, files: bool
) -> None:
    """Random columns of all types that are sent so, with and without NULLs, and whether local files are allowed."""
    refuse_files(monkeypatch, files)
    metadata = sa.MetaData()
    for name in ("plain", "loaded", "staged"):
        kinds = [sa.Column(column, kind) for column, (kind, _, _) in COLUMNS.items()]
        must = sa.Column("must", sa.Integer, nullable=False)
        sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True, autoincrement=False), must, *kinds)
    place.create(metadata)

    @settings(max_examples=30, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=6, unique=True).flatmap(every.frames))
    def agree(frame: pa.Table) -> None:
        for name in metadata.tables:
            place.db.delete(name, where={})
        assert Changes(inserted=len(frame)) == place.db.load("loaded", frame)
        assert Changes(inserted=len(frame)) == place.db.load("staged", frame.to_reader())
        place.db.insert("plain", every.plain(frame))
        expected = stored(place, "plain")
        assert expected == stored(place, "loaded")
        assert expected == stored(place, "staged")

    agree()


@contextmanager
def counting(place: Place) -> Iterator[list[int]]:
    """Count the rows that go the plain way."""
    plainly: list[int] = []
    load = place.dialect.load

    def counted(connection: Any, target: Any, names: Sequence[str], rows: Iterable[Any]) -> int:
        done = load(connection, target, names, rows)
        plainly.append(done)
        return done

    place.dialect.load = counted  # type: ignore[method-assign]
    try:
        yield plainly
    finally:
        del place.dialect.load  # type: ignore[method-assign]


def things(place: Place, *kinds: Any) -> None:
    """Create a table of an ``id`` and a column ``v0``, ``v1``, … for each kind."""
    values = [sa.Column(f"v{place}", kind) for place, kind in enumerate(kinds)]
    place.create(table("thing", sa.Column("id", sa.Integer, primary_key=True, autoincrement=False), *values))


VALUES: dict[str, Any] = {
    "extra": '{"a": [1, "ä"]}', "blob": b"\0\xff", "views": b"\0", "mac": b"123456", "day": date(1, 1, 1),
    "clock": time(23, 59, 59, 999_999), "minute": time(7), "kind": "a",
}  # fmt: skip


@pytest.mark.parametrize("files", [True, False], ids=["files", "no files"])
def test_no_value_is_converted_by_itself(place: Place, monkeypatch: pytest.MonkeyPatch, files: bool) -> None:
    """Of any of these types."""
    refuse_files(monkeypatch, files)
    names = sorted(set(COLUMNS) - {"finer", "absent"})
    metadata = sa.MetaData()
    for name in names:
        key = sa.Column("id", sa.Integer, primary_key=True, autoincrement=False)
        sa.Table(f"of_{name}", metadata, key, sa.Column("v0", COLUMNS[name][0]))
    place.create(metadata)
    for name in names:
        arrow = COLUMNS[name][1]
        moment, text = pa.types.is_timestamp(arrow), name in ("word", "wide", "view", "limited")
        value = VALUES.get(name, datetime(2026, 1, 5, 10, 30) if moment else "\\a\t'" if text else 1)
        value = bool(value) if name == "flag" else value
        frame = pa.table({"id": pa.array([1, 2], pa.int8()), "v0": pa.array([None, value], arrow)})
        with counting(place) as plainly:
            assert Changes(inserted=2) == place.db.load(f"of_{name}", frame)
        assert (name, []) == (name, plainly)


@pytest.mark.parametrize(
    ("kind", "arrow", "value"),
    [
        (sa.String(3), pa.string(), "four"),
        (sa.Text(), pa.string(), "a\0b"),
        (sa.DateTime(), pa.timestamp("us"), 2**62),
        (sa.DateTime(), pa.timestamp("ns"), 1),
        (sa.Date(), pa.date32(), 2**30),
        (sa.Time(), pa.time64("ns"), 1),
        (sa.JSON(), pa.string(), "{"),
        (sa.JSON(), pa.string(), "[1e999]"),
        (sa.Numeric(15, 2), pa.decimal128(38, 2), Decimal("90071992547409.93")),
    ],
    ids=str,
)
def test_what_does_not_fit_is_said_as_of_any_row(
    place: Place, monkeypatch: pytest.MonkeyPatch, kind: Any, arrow: pa.DataType, value: Any
) -> None:
    """With its number, whatever came before it."""
    monkeypatch.setattr("tdm_seed.loading.columnar.TOGETHER", 40)
    things(place, kind)
    values = pa.array([None] * 100 + [value], pa.int32() if arrow == pa.date32() else pa.int64() if isinstance(value, int) else arrow)  # fmt: skip
    frame = pa.table({"id": pa.array(range(101), pa.int32()), "v0": values.cast(arrow)})
    for rows in (frame, frame.to_reader(max_chunksize=30)):
        with pytest.raises((SeedError, DatabaseError)) as caught:
            place.db.load("thing", rows)
        assert caught.value.place.row == 101 or "cannot be kept" in caught.value.message
        place.rollback()


def test_a_row_that_is_refused_is_named(place: Place) -> None:
    """By its number among all, though columns were sent together."""
    things(place, sa.Integer())
    frame = pa.table({"id": [*range(30_000), 7], "v0": range(30_001)})
    with pytest.raises(DatabaseError) as caught:
        place.db.load("thing", frame)
    assert ("thing", 30_001) == (caught.value.place.table, caught.value.place.row)


def test_an_orphan_is_named(place: Place) -> None:
    """By its row."""
    things(place, sa.Integer())
    parent = "parent INTEGER, FOREIGN KEY (parent) REFERENCES thing (id)"
    place.create(f"CREATE TABLE child (id INTEGER PRIMARY KEY, {parent})")
    place.db.load("thing", pa.table({"id": [1], "v0": [1]}))
    frame = pa.table({"id": range(300), "parent": [1] * 250 + [7] + [None] * 49})
    with pytest.raises(DatabaseError) as caught:
        place.db.load("child", frame)
    assert ("child", 251) == (caught.value.place.table, caught.value.place.row)


@pytest.mark.parametrize(
    "other",
    ["1.10", "1e5", "-0", "01", "0.00001", "12345678.25", "0.1234567890123456789", '"\\u0041"', '"\\u00E4"', '"\\/"', '"ä"',
     '"\x7f"', "[1]", " 1", '1, "a": 2'],
)  # fmt: skip
def test_a_document_like_others_but_for_how_a_value_is_written(place: Place, other: str) -> None:
    """Is written as Python writes it, or refused, though its names are those of the others."""
    things(place, sa.JSON())
    given = ['{"a": 1.5}', '{"a": "x"}', f'{{"a": {other}}}', '{"a": -0.5}']
    try:
        expected = [json.dumps(json.loads(text)) for text in given]
    except ValueError:
        with pytest.raises(SeedError, match="not JSON"):
            place.db.load("thing", pa.table({"id": range(4), "v0": given}))
        return
    place.db.load("thing", pa.table({"id": range(4), "v0": given}))
    assert expected == [row["v0"] for row in place.db.rows("SELECT CAST(v0 AS CHAR) AS v0 FROM thing ORDER BY id")]


def test_documents_of_many_shapes_are_stored_as_python_writes_them(place: Place) -> None:
    """More than are remembered, those of the same names with other values among them, and those written otherwise."""
    things(place, sa.JSON())
    shapes = [json.dumps({f"name {n % 20}": [n, {"x": str(n)}], "ok": None}) for n in range(200)]
    given = [*shapes, *(text.replace(": ", ":") for text in shapes), "null", '{"b":1, "a":2, "b":3}']
    place.db.load("thing", pa.table({"id": range(len(given)), "v0": given}))
    expected = [json.dumps(json.loads(text)) for text in given]
    expected[-2] = None
    found = place.db.rows("SELECT CAST(v0 AS CHAR) AS v0 FROM thing ORDER BY id")
    assert expected == [row["v0"] for row in found]
