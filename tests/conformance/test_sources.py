"""Rows from CSV, JSON and JSON lines: what is read, and how bad input is named."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.mysql import LONGTEXT

from tdm_seed.errors import SeedError
from tdm_seed.values import Changes
from tests.conformance.place import Place, table


def wide() -> sa.Table:
    """Describe a table with a column of every kind that a CSV is likely to fill."""
    return table(
        "wide",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(40)),
        sa.Column("must", sa.String(40), nullable=False, server_default="-"),
        sa.Column("price", sa.Numeric(12, 2)),
        sa.Column("ok", sa.Boolean),
        sa.Column("day", sa.Date),
        sa.Column("seen", sa.DateTime),
        sa.Column("extra", sa.JSON),
        sa.Column("weight", sa.Double),
    )


def note() -> sa.Table:
    """Describe a table of long texts."""
    body = sa.Text().with_variant(LONGTEXT(), "mysql")
    return table("note", sa.Column("id", sa.Integer, primary_key=True, autoincrement=False), sa.Column("body", body))


@pytest.fixture
def place(place: Place) -> Place:
    """A place with both tables."""
    place.create(wide(), note())
    return place


def refused(place: Place, content: str | bytes, suffix: str = ".csv", of: str = "wide") -> SeedError:
    """Load a file that cannot be loaded, and give the error, which both writers agree on."""
    file = place.file(suffix, content)
    with pytest.raises(SeedError) as first:
        place.db.load(of, file)
    place.rollback()
    with pytest.raises(SeedError) as caught:
        place.db.upsert(of, file)
    place.rollback()
    assert str(first.value) == str(caught.value)
    assert file.shown == caught.value.place.file
    assert [] == place.rows(of)
    return caught.value


# ---- values ---------------------------------------------------------------------------------------------------------

ROWS = [
    (1, "Ann", "x", Decimal("1.50"), True, date(2024, 2, 29), datetime(2026, 1, 5, 10, 30), {"k": [1, 2.5, None]}, 0.1),
    (2, None, "", None, None, None, None, None, None),
    (3, " blanks ", "NULL", Decimal("-9999999999.99"), False, date(1900, 1, 1), datetime(1999, 12, 31, 23, 59, 59),
     [], -1e300),
]  # fmt: skip

CSV = """\
id,name,must,price,ok,day,seen,extra,weight
1,Ann,x,1.5,true,2024-02-29,2026-01-05T10:30:00,"{""k"": [1, 2.5, null]}",0.1
2,,,,,,,,
3, blanks ,NULL,-9999999999.99,0,1900-01-01,1999-12-31 23:59:59,[],-1e300
"""

OBJECTS: list[dict[str, Any]] = [
    {"id": 1, "name": "Ann", "must": "x", "price": 1.50, "ok": True, "day": "2024-02-29", "seen": "2026-01-05T10:30:00",
     "extra": {"k": [1, 2.5, None]}, "weight": 0.1},
    {"id": 2, "name": None, "must": "", "price": None, "ok": None, "day": None, "seen": None, "extra": None,
     "weight": None},
    {"id": 3, "name": " blanks ", "must": "NULL", "price": "-9999999999.99", "ok": 0, "day": "1900-01-01",
     "seen": "1999-12-31 23:59:59", "extra": [], "weight": -1e300},
]  # fmt: skip


@pytest.mark.parametrize("writer", ["load", "upsert"])
@pytest.mark.parametrize("form", [".csv", ".json", ".jsonl"])
def test_values_are_equal_on_every_database(place: Place, form: str, writer: str) -> None:
    """Numbers, booleans, dates, JSON; an empty field is NULL, or empty text where the column forbids NULL."""
    content = {
        ".csv": CSV,
        ".json": json.dumps(OBJECTS, indent=2),
        ".jsonl": "\n".join(map(json.dumps, OBJECTS)),
    }[form]
    file = place.file(form, content)
    assert Changes(inserted=3) == getattr(place.db, writer)("wide", file)
    assert ROWS == place.rows("wide")
    assert Changes(unchanged=3) == place.db.upsert("wide", file)


def test_words_for_booleans(place: Place) -> None:
    """Those that PostgreSQL knows, on every database."""
    words = [(1, word) for word in ("true", "TRUE", " t", "yes", "on", "1")]
    words += [(0, word) for word in ("false", "F", "no", "off", "0")]
    place.db.load("wide", place.csv("id,ok\n" + "".join(f"{i},{word}\n" for i, (_, word) in enumerate(words))))
    found = dict(place.rows("wide", "id", "ok"))
    assert {i: bool(meant) for i, (meant, _) in enumerate(words)} == found


def test_times_with_a_zone_become_utc(place: Place) -> None:
    """Where the column keeps no zone."""
    place.db.load("wide", place.csv("id,seen\n1,2026-01-05T10:30:00+02:00\n2,2026-01-05T10:30:00Z\n"))
    assert [(1, datetime(2026, 1, 5, 8, 30)), (2, datetime(2026, 1, 5, 10, 30))] == place.rows("wide", "id", "seen")


def test_decimals_are_rounded_half_up_everywhere(place: Place) -> None:
    """To the column's scale, so that the second run finds them equal."""
    file = place.csv("id,price\n1,0.125\n2,-0.125\n3,1e2\n4,0.1249999999999999999999\n")
    assert Changes(inserted=4) == place.db.upsert("wide", file)
    assert [(1, Decimal("0.13")), (2, Decimal("-0.13")), (3, Decimal(100)), (4, Decimal("0.12"))] == place.rows(
        "wide", "id", "price"
    )
    assert Changes(unchanged=4) == place.db.upsert("wide", file)


def test_json_null_and_nothing_at_all(place: Place) -> None:
    """``null`` in a CSV's JSON field and an empty field are both NULL of the database."""
    place.db.load("wide", place.csv('id,extra\n1,null\n2,\n3,0\n4,"""text"""\n'))
    assert 2 == place.db.scalar("SELECT count(*) FROM wide WHERE extra IS NULL")
    assert [(3, 0), (4, "text")] == [row for row in place.rows("wide", "id", "extra") if row[1] is not None]


# ---- bad values -----------------------------------------------------------------------------------------------------


GOOD = {"price": "1", "ok": "no", "day": "2025-01-01", "seen": "2025-01-01", "extra": "1", "weight": "1", "name": "a"}
BAD = [
    ("price", "12,5"), ("price", "1_000"), ("price", "ten"), ("ok", "maybe"), ("ok", "2"), ("day", "30.12.2025"),
    ("day", "2025-02-30"), ("seen", "noon"), ("extra", "{'a': 1}"), ("extra", "NaN"), ("weight", "much"),
    ("name", "x" * 41),
]  # fmt: skip


@pytest.mark.parametrize("many", [0, 200])
def test_a_bad_value_is_named(place: Place, many: int) -> None:
    """With file, line, column and value, whether it stands among few rows or many."""
    for column, value in BAD:
        good = GOOD[column]
        lines = [f"id,{column}", *(f"{i},{good}" for i in range(3 + many)), f'900,"{value}"', f"901,{good}"]
        error = refused(place, "\n".join(lines) + "\n")
        assert (5 + many, column, "wide") == (error.place.line, error.place.column, error.place.table), value
        assert repr(value)[:30] in error.message


def test_a_number_that_is_none(place: Place) -> None:
    """In the key, and in JSON as well, whose rows are counted."""
    error = refused(place, "id,name\n1,a\n2.5,b\n")
    assert (3, "id") == (error.place.line, error.place.column)
    error = refused(place, '[{"id": 1}, {"id": 2.5}]', ".json")
    assert (2, "id", None) == (error.place.row, error.place.column, error.place.line)
    error = refused(place, '{"id": 1}\n\n{"id": "x"}\n', ".jsonl")
    assert (3, "id") == (error.place.line, error.place.column)


def test_null_where_it_is_forbidden_names_the_line(place: Place) -> None:
    """JSON can say null for a column that takes none; the database says so, or we do."""
    file = place.file(".jsonl", '{"id": 1, "must": "a"}\n{"id": 2, "must": null}\n')
    with pytest.raises(Exception, match=r"(?i)null") as caught:
        place.db.load("wide", file)
    found = caught.value.place
    assert ("wide", "must", file.shown) == (found.table, found.column, found.file)


# ---- bad files ------------------------------------------------------------------------------------------------------


BAD_FILES = [
    (b"", 1, "empty"),
    (b"\n", 1, "empty"),
    (b"id,name,id\n1,a,2\n", 1, "header must name every column once"),
    (b"id,,name\n1,a,2\n", 1, "header must name every column once"),
    (b"id,name\n1,a\n2\n", 3, "1 fields, but the header names 2"),
    (b"id,name\n1,a\n2,b,c\n", 3, "3 fields, but the header names 2"),
    (b'id,name\n1,"a\n\nb"\n2,b,c\n', 5, "3 fields"),
    (b'id,name\r\n1,"a\r\nb"\r\n2,b,c\r\n', 4, "3 fields"),
    (b'id,name\n1,"a"b\n', 2, "not CSV"),
    (b'id,name\n1,a\n2,"never closed\nx\n', 3, "not CSV"),
    (b"id,name\n1,a\n2,b\0c\n", 3, "NUL"),
    (b"id,name\n1,a\n2,\xe4\n", 3, "not UTF-8"),
    ("id,name\n1,ä\n".encode("utf-16"), 1, "not UTF-8"),
]


def test_a_bad_csv_is_named(place: Place) -> None:
    """With the line on which the row begins."""
    for content, line, said in BAD_FILES:
        error = refused(place, content)
        assert (line, True) == (error.place.line, said in error.message), (content, str(error))


def test_a_column_that_the_table_lacks(place: Place) -> None:
    """Is named, with what may be meant."""
    error = refused(place, "id,nmae\n1,a\n")
    assert "nmae" in str(error)
    assert "wide" == error.place.table


@pytest.mark.parametrize(
    ("content", "suffix", "place_of", "said"),
    [
        ('{"id": 1}', ".json", {}, "a list of objects"),
        ('[{"id": 1}, 2]', ".json", {"row": 2}, "a number where an object"),
        ('[{"id": 1},\n {"id": }]', ".json", {"line": 2}, "not JSON"),
        ("", ".json", {"line": 1}, "not JSON"),
        ('{"id": 1}\n{"id": 2', ".jsonl", {"line": 2}, "not JSON"),
        ('{"id": 1}\n[2]\n', ".jsonl", {"line": 2}, "list where an object"),
        ('{"id": 1, "id": 2}\n', ".jsonl", {"line": 1}, "stands twice"),
        ('{"id": 1, "weight": NaN}\n', ".jsonl", {"line": 1}, "no NaN in JSON"),
    ],
)
def test_bad_json_is_named(place: Place, content: str, suffix: str, place_of: dict[str, int], said: str) -> None:
    """With its line, or the row in a list."""
    error = refused(place, content, suffix)
    assert said in error.message
    assert place_of == {name: value for name in ("line", "row") if (value := getattr(error.place, name)) is not None}


def test_json_of_another_encoding(place: Place) -> None:
    """Its line is found too."""
    error = refused(place, b'{"id": 1, "name": "a"}\n{"id": 2, "name": "\xe4"}\n', ".jsonl")
    assert (2, True) == (error.place.line, "not UTF-8" in error.message)


# ---- good files of every kind ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["id,name\n", "id,name", "id,name\r\n\r\n"])
def test_a_header_alone_gives_no_rows(place: Place, content: str) -> None:
    """Which is nothing to do, not a mistake."""
    assert Changes() == place.db.load("wide", place.csv(content))
    assert Changes() == place.db.upsert("wide", place.csv(content))
    assert Changes() == place.db.load("wide", place.file(".json", "[]"))
    assert Changes() == place.db.load("wide", place.file(".jsonl", "\n"))


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("mark", ["", "\N{ZERO WIDTH NO-BREAK SPACE}"], ids=["plain", "BOM"])
def test_byte_order_mark_and_line_ends(place: Place, mark: str, newline: str) -> None:
    """A BOM is no part of the first name, and line ends are no part of values."""
    content = mark + newline.join(['id,"name"', "1,a", "", '2,"b"', "3,日本"])
    assert Changes(inserted=3) == place.db.load("wide", place.csv(content))
    assert [(1, "a"), (2, "b"), (3, "日本")] == place.rows("wide", "id", "name")
    assert Changes(inserted=1) == place.db.load("wide", place.file(".jsonl", mark + '{"id": 4}' + newline))
    assert Changes(inserted=1) == place.db.load("wide", place.file(".json", mark + '[{"id": 5}]' + newline))


def test_newlines_quotes_and_backslashes_inside_values(place: Place) -> None:
    """Arrive as they are; the lines behind them are counted right."""
    values = ["two\nlines", "\r\n", 'say "so"', "a,b", "back\\slash \\N \\.", "tab\there", "\\.", "'; DROP TABLE x; --"]
    body = "".join('{},"{}"\n'.format(i, value.replace('"', '""')) for i, value in enumerate(values))
    assert Changes(inserted=8) == place.db.load("note", place.csv("id,body\n" + body))
    assert sorted(enumerate(values), key=repr) == place.rows("note")
    assert Changes(unchanged=8) == place.db.upsert("note", place.csv("id,body\n" + body))
    error_line = 2 + sum(1 + value.count("\n") for value in values)
    place.db.delete("note", where={})
    place.commit()
    error = refused(place, "id,body\n" + body + "x,y\n", of="note")
    assert error_line == error.place.line


@pytest.mark.parametrize("form", [".csv", ".jsonl"])
def test_a_field_of_a_megabyte(place: Place, form: str) -> None:
    """Is read and written by both writers."""
    long = '0123456789 ü, "x"\n' * 60_000
    content = (
        'id,body\n1,"{}"\n'.format(long.replace('"', '""')) if form == ".csv" else json.dumps({"id": 1, "body": long})
    )
    assert Changes(inserted=1) == place.db.load("note", place.file(form, content))
    assert [(1, long)] == place.rows("note")
    assert Changes(unchanged=1) == place.db.upsert("note", place.file(form, content))


def test_a_file_can_be_read_again(place: Place) -> None:
    """It is no stream: two calls may be given the same file."""
    file = place.csv("id,name\n1,a\n2,b\n")
    assert Changes(inserted=2) == place.db.upsert("wide", file)
    assert Changes(unchanged=2) == place.db.upsert("wide", file)
    assert ["1", "2"] == [row["id"] for row in file]
