"""Rows that go to the database by columns are those that were given, in their order and with their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql

from tdm_seed.dialects.mysql import local_infile
from tdm_seed.errors import SeedError
from tdm_seed.loading import large
from tdm_seed.values import Changes
from tests.conformance.place import Place, table

#: More than are taken at once, on any database.
MANY = 10_700


@pytest.fixture
def things(place: Place) -> Place:
    """A place with a table of things."""
    place.create(
        table(
            "thing",
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("size", sa.Integer),
            sa.Column("seen", sa.Integer),
        )
    )
    return place


def test_whoever_makes_rows_may_use_the_database_meanwhile(things: Place) -> None:
    """It reads what it likes, and writes to other tables."""
    things.create(table("note", sa.Column("id", sa.Integer, primary_key=True, autoincrement=False)))

    def rows() -> Iterator[tuple[int, int, int]]:
        for number in range(MANY):
            if not number % 1_000:
                things.db.insert("note", {"id": number})
            yield number, number % 7, things.db.scalar("SELECT count(*) FROM note") if not number % 900 else 0

    assert Changes(inserted=MANY) == things.db.load("thing", rows(), columns=["id", "size", "seen"])
    assert MANY == things.db.scalar("SELECT count(*) FROM thing")
    assert 11 == things.db.scalar("SELECT count(*) FROM note")
    assert 10 == things.db.scalar("SELECT seen FROM thing WHERE id = 9900")


@pytest.mark.parametrize("place_of_it", [1, 600, MANY])
def test_a_value_that_does_not_fit_is_named_and_the_seed_may_go_on(things: Place, place_of_it: int) -> None:
    """Wherever it stands; where few rows are all there is, none of them stays."""
    rows = [(number, "many" if number == place_of_it else number % 7) for number in range(1, place_of_it + 1)]
    with pytest.raises(SeedError, match="'many' does not fit INTEGER: not a whole number") as caught:
        things.db.load("thing", iter(rows), columns=["id", "size"])
    assert ("thing", place_of_it, "size") == (
        caught.value.place.table, caught.value.place.row, caught.value.place.column
    )  # fmt: skip
    assert things.db.scalar("SELECT count(*) FROM thing") % 500 == 0
    if place_of_it == 1:
        assert 0 == things.db.scalar("SELECT count(*) FROM thing")


def test_rows_are_all_there_whenever_the_load_becomes_large(things: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were held back, those that go in with the indexes in place, and those that go in without."""
    monkeypatch.setattr(large, "LARGE", 700)
    for begin, count in ((0, 699), (1_000, 701), (3_000, 8_000)):
        rows = ((number, number % 7) for number in range(begin, begin + count))
        assert Changes(inserted=count) == things.db.load("thing", rows, columns=["id", "size"])
        things.commit()
    numbers = [*range(699), *range(1_000, 1_701), *range(3_000, 11_000)]
    assert numbers == [row["id"] for row in things.db.rows("SELECT id FROM thing ORDER BY id")]


KINDS: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "flag": (sa.Boolean(), st.booleans()),
    "money": (sa.Numeric(12, 2), st.decimals(-(10**9), 10**9, places=2) | st.decimals(-9, 9, places=1) | st.integers(-9, 9).map(Decimal)),
    "finer": (sa.Numeric(14, 8), st.just(Decimal("0E-8"))),
    "ratio": (sa.Double(), st.sampled_from([0.1, -1e300, 2.5e-7, 3.0])),
    "word": (sa.String(20), st.sampled_from(["it's", 'a "b"', "c:\\d", "tab\tnew\nline\r", "é👩", "", "\x1a", "%s", "\\N", "NaN"])),
    "plain": (sa.String(12), st.sampled_from(["a", "bb", ""])),
    "day": (sa.Date(), st.dates(date(1000, 1, 1))),
    "at": (sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb"), st.datetimes(datetime(1000, 1, 1))),
    "blob": (sa.LargeBinary(), st.binary(max_size=5)),
    "extra": (sa.JSON(none_as_null=True), st.sampled_from([{"a": [1, 2.5, None]}, [], "it's", 'say "x"', {"b\\": "\n"}, 7, {"n": "NaN"}, {"é": True}])),
    "uid": (sa.Uuid(), st.uuids(version=4)),
}  # fmt: skip


def test_tuples_are_what_plain_inserts_leave(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole columns of one type, with and without NULLs, loaded and brought as an upsert's rows, or without a file."""
    metadata = sa.MetaData()
    for name in ("plain", "loaded", "staged"):
        kinds = [sa.Column(column, kind) for column, (kind, _) in KINDS.items()]
        sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True, autoincrement=False), *kinds)
    place.create(metadata)

    @settings(max_examples=20, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def agree(data: st.DataObject) -> None:
        names = data.draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=6, unique=True))
        few = [
            data.draw(st.lists(data.draw(st.sampled_from([KINDS[name][1], st.none() | KINDS[name][1]])), min_size=1))
            for name in names
        ]
        rows = [(number, *(values[number % len(values)] for values in few)) for number in range(60)]
        for name in metadata.tables:
            place.db.delete(name, where={})
        assert Changes(inserted=60) == place.db.load("loaded", rows, columns=["id", *names])
        with monkeypatch.context() as patched:
            patched.setattr(local_infile, "takes", lambda _: False)
            assert Changes(inserted=60) == place.db.upsert("staged", rows, columns=["id", *names])
        assert Changes(unchanged=60) == place.db.upsert("loaded", rows, columns=["id", *names])
        place.connection.execute(
            sa.insert(metadata.tables["plain"]), [dict(zip(["id", *names], row, strict=True)) for row in rows]
        )
        assert place.rows("plain") == place.rows("loaded")
        assert place.rows("plain") == place.rows("staged")

    agree()
