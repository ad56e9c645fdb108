"""Upserts of many rows: columns fill the source as they are, and what comes into an empty table is loaded."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from pyarrow import parquet

from tdm_seed.errors import DatabaseError, SeedError
from tdm_seed.loading import filling, large
from tdm_seed.values import Changes
from tests.conformance.place import Place, dicts
from tests.conformance.test_large_loads import children, family, scheme
from tests.conformance.test_property import COLUMNS, batches

#: Arrow's types for the columns of the property test; those without one come as text.
KINDS: dict[str, pa.DataType] = {
    "id": pa.int64(), "whole": pa.int32(), "big": pa.int64(), "flag": pa.bool_(), "money": pa.decimal128(12, 2),
    "ratio": pa.float64(), "day": pa.date32(), "at": pa.timestamp("us"), "blob": pa.binary(),
}  # fmt: skip


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call what no test has to wait for large, and every column worth to be sent as such."""
    monkeypatch.setattr(large, "LARGE", 100)
    monkeypatch.setattr(filling, "COLUMNS_FROM", 1)
    monkeypatch.setattr("tdm_seed.dialects.postgresql.staging.PROVE_FROM", 2)
    monkeypatch.setattr("tdm_seed.dialects.postgresql.blocks.LARGE", 1)


def columns(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Give rows as columns, JSON and UUIDs as text."""

    def value(name: str, given: Any) -> Any:
        if given is None or name not in ("extra", "uid"):
            return given
        return json.dumps(given) if name == "extra" else str(given)

    found = {name: pa.array([value(name, row[name]) for row in rows], KINDS.get(name, pa.string())) for name in rows[0]}
    return pa.table(found)


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Write rows as a CSV, which has no empty text beside NULL."""

    def field(name: str, given: Any) -> Any:
        if given is None:
            return ""
        if name == "extra":
            return json.dumps(given)
        return "\\x" + given.hex() if isinstance(given, bytes) else str(given)

    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(rows[0])
    writer.writerows([field(name, given) for name, given in row.items()] for row in rows)
    return text.getvalue()


def test_every_source_has_the_same_effect(place: Place) -> None:
    """Dicts, frames, Parquet and CSV of the same rows of any type are counted alike and leave the same rows."""
    metadata = sa.MetaData()
    for name in ("dicts", "frame", "parquet", "csv"):
        kinds = [sa.Column(column, kind) for column, (kind, _) in COLUMNS.items()]
        code = sa.Column("code", sa.String(9), unique=True)
        sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True), code, *kinds)
    place.create(metadata)
    file = place.file(".parquet", b"")

    def written(rows: Sequence[dict[str, Any]]) -> Any:
        parquet.write_table(columns(rows), file.path, row_group_size=7)
        return file

    @settings(max_examples=12, suppress_health_check=list(HealthCheck))
    @given(batches())
    def agree(batches: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> None:
        for table in metadata.tables:
            place.db.delete(table, where={})
        for rows in (*batches, batches[1]):
            rows = [{name: None if given == "" else given for name, given in row.items()} for row in rows]
            changes = place.db.upsert("dicts", rows)
            assert changes == place.db.upsert("frame", columns(rows))
            assert changes == place.db.upsert("parquet", written(rows))
            assert changes == place.db.upsert("csv", place.csv(as_csv(rows)))
            for table in ("frame", "parquet", "csv"):
                assert place.rows("dicts") == place.rows(table), table

    agree()


def frame(rows: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> pa.Table:
    """Give rows as a frame."""
    return pa.Table.from_pylist(list(rows))


@pytest.mark.parametrize("before", [0, 30, 400])
def test_many_new_rows_leave_the_table_as_it_was(place: Place, before: int) -> None:
    """With its keys and indexes, beside no row, a few, or many; what is there already is found."""
    family(place, "CREATE INDEX child_word ON child (word, score)")
    place.db.load("child", list(children(before)))
    place.commit()
    made = scheme(place)
    changed = [{**row, "word": "y"} if row["id"] <= 10 else row for row in children(500)]
    expected = Changes(inserted=500 - before, updated=min(10, before), unchanged=max(0, before - 10))
    assert expected == place.db.upsert("child", frame(changed))
    place.commit()
    assert made == scheme(place)
    assert sorted((tuple(row.values()) for row in changed), key=repr) == place.rows("child")
    assert Changes(unchanged=500) == place.db.upsert("child", changed)


def test_many_rows_may_be_a_list_or_a_file(place: Place) -> None:
    """Whatever can be read once more is loaded into an empty table, and whatever cannot is upserted all the same."""
    family(place)
    rows = list(children(300))
    text = "id,code,parent_id,score,word\n" + "".join(",".join(map(str, row.values())) + "\n" for row in rows)
    for source in (rows, iter(rows), place.csv(text), frame(rows), frame(rows).to_reader()):
        assert Changes(inserted=300) == place.db.upsert("child", source, missing="delete")
        assert 300 == place.db.scalar("SELECT count(*) FROM child")
        place.db.delete("child", where={})


@pytest.mark.parametrize("there", [0, 1])
def test_an_upsert_tells_how_far_it_is(place: Place, there: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a load does, whether rows go into the table at once or not."""
    monkeypatch.setattr("tdm_seed.loading.telling._EVERY", 100)
    family(place)
    place.db.load("child", list(children(there)))
    for rows in (frame(children(300)), list(children(300))):
        heard: list[tuple[str, int, int | None]] = []
        place.db.writer.told = lambda *told: heard.append(told)  # noqa: B023
        place.db.upsert("child", rows)
        assert ("child", 300, 300) == heard[-1]


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize(
    ("wrong", "said", "column"),
    [
        ({"id": 7}, r"\(id\) = \(7\) was given already in row 7", None),
        ({"id": None}, "no value in id", "id"),
        ({"code": "c7"}, r"\(code\) = \(c7\) was given already in row 7", None),
        ({"code": None}, "NULL is not allowed here", "code"),
        ({"parent_id": 99}, "99", "parent_id"),
        ({"word": "x" * 21}, "21 characters, but the column takes 20", "word"),
    ],
)
def test_a_row_that_is_refused_is_named(
    place: Place, there: bool, wrong: dict[str, Any], said: str, column: str | None
) -> None:
    """Be it loaded into an empty table or compared with what is there; and nothing of the others is left."""
    family(place)
    if there:
        place.db.load("child", list(children(1)))
        place.commit()
    rows = [{**row, **wrong} if row["id"] == 222 else row for row in children(300)]
    for source in (frame(rows), rows):
        with pytest.raises((SeedError, DatabaseError), match=said) as caught:
            place.db.upsert("child", source)
        assert (222, "child", column) == (
            caught.value.place.row,
            caught.value.place.table,
            caught.value.place.column if column else None,
        )
        place.rollback()
        assert int(there) == place.db.scalar("SELECT count(*) FROM child")


def test_a_row_without_a_key_is_named_in_any_batch(place: Place) -> None:
    """By its number among all, and before rows that come later."""
    place.create("CREATE TABLE pair (a INTEGER NOT NULL, b INTEGER NOT NULL, c INTEGER, PRIMARY KEY (a, b))")
    whole = pa.record_batch({"a": [1, 2], "b": [1, 2], "c": [0, None]})
    holed = pa.record_batch({"a": [3, 4, None], "b": [1, None, 1], "c": [0, 0, 0]})
    with pytest.raises(SeedError, match="no value in b") as caught:
        place.db.upsert("pair", pa.Table.from_batches([whole, holed]))
    assert 4 == caught.value.place.row


def test_references_of_columns_are_looked_up(place: Place) -> None:
    """Among rows of another table, and among those that come with them."""
    family(place, "CREATE TABLE node (id INTEGER PRIMARY KEY, name VARCHAR(9) UNIQUE, up INTEGER REFERENCES node (id))")
    place.create("CREATE UNIQUE INDEX parent_name ON parent (name)")
    rows = [{"id": n, "code": f"c{n}", "parent_id.name": f"p{n % 5 + 1}"} for n in range(1, 151)]
    assert Changes(inserted=150) == place.db.upsert("child", frame(rows))
    assert Changes(unchanged=150) == place.db.upsert("child", frame(rows[::-1]), key="code")
    with pytest.raises(SeedError, match="'nobody'") as caught:
        place.db.upsert("child", frame([*rows, {"id": 151, "code": "c", "parent_id.name": "nobody"}]))
    assert 151 == caught.value.place.row
    tree = dicts("id name up.name", *((n, f"n{n}", f"n{n % 120 + 1}" if n != 60 else None) for n in range(1, 121)))
    assert Changes(inserted=120) == place.db.load("node", frame(tree))
    assert Changes(unchanged=120) == place.db.upsert("node", frame(tree))
    expected = [(n, f"n{n}", n % 120 + 1 if n != 60 else None) for n in range(1, 121)]
    assert sorted(expected, key=repr) == place.rows("node")


def test_whoever_makes_columns_may_write_meanwhile(place: Place) -> None:
    """What lends a stream may run a program for each batch, and use the database."""
    family(place)
    schema = pa.schema([("id", pa.int64()), ("code", pa.string())])

    class Lazy:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return pa.RecordBatchReader.from_batches(schema, self.batches()).__arrow_c_stream__()

        def batches(self) -> Iterator[pa.RecordBatch]:
            for number in range(3):
                place.db.upsert("parent", frame([{"id": n, "name": f"b{number}"} for n in range(1, 40)]))
                yield pa.record_batch([[number], [f"c{number}"]], schema=schema)

    assert Changes(inserted=3) == place.db.upsert("child", Lazy())
    assert {"b2"} == {name for (name,) in place.rows("parent", "name")}


def test_values_are_converted_in_the_batch_that_needs_it(place: Place) -> None:
    """Text for a number is read as one, among batches that are sent as they are, and the rows keep their numbers."""
    place.create("CREATE TABLE thing (id INTEGER PRIMARY KEY, extra VARCHAR(5))")
    good, long = [{"id": n, "extra": "x"} for n in range(1, 5)], {"id": 5, "extra": "y" * 6}
    batches = [pa.RecordBatch.from_pylist(rows) for rows in (good[:2], [good[2], long], [good[3]])]
    with pytest.raises(SeedError, match="6 characters") as caught:
        place.db.upsert("thing", pa.Table.from_batches(batches))
    assert 4 == caught.value.place.row
    place.rollback()
    assert Changes(inserted=2) == place.db.upsert(
        "thing", frame([{"id": "1", "extra": "x"}, {"id": "2", "extra": None}])
    )
    assert [(1, "x"), (2, None)] == place.rows("thing")
