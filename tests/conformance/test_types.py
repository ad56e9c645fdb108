"""Types: a value arrives as it was given, and the same value again is no change."""

from __future__ import annotations

import enum
import uuid
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pandas
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tdm_seed.errors import SeedError
from tdm_seed.values import Changes
from tests.conformance.place import Place, table

KATHMANDU = timezone(timedelta(hours=5, minutes=45))
LONG = "long text, ünïcödé, 日本語, 👩‍👩‍👧‍👦, \\ backslash, 'quotes\" ` , tab\t, newline\n, %s :name ? {} " * 3_000
JSON_VALUES: list[Any] = [
    {}, [], {"a": 1}, [1, 2.5, "x", None, True, {"b": []}], "text", "", 7, 0, False, 1.5, {"ключ": "👩‍👩‍👧"},
    {"deep": {"er": {"and": [{"er": None}]}}, "quote": "it's \"so\" \\ here", "n": -1e20},
]  # fmt: skip


class Colour(enum.Enum):
    """As an application declares it."""

    red = "r"
    green = "g"


#: type, given value, what is read back (by default: what was given)
VALUES: list[tuple[str, Any, Any, Any]] = [
    ("integer", sa.Integer, 2**31 - 1, ...),
    ("integer from text", sa.Integer, "-12", -12),
    ("integer from decimal", sa.Integer, Decimal("7.0"), 7),
    ("bigint", sa.BigInteger, -(2**63), ...),
    ("smallint", sa.SmallInteger, -32768, ...),
    ("boolean", sa.Boolean, True, ...),
    ("boolean from text", sa.Boolean, "f", False),
    ("boolean from number", sa.Boolean, 1, True),
    ("numeric", sa.Numeric(12, 2), Decimal("-1234567890.12"), ...),
    ("numeric rounds half up", sa.Numeric(12, 2), Decimal("2.345"), Decimal("2.35")),
    ("numeric rounds half away from zero", sa.Numeric(12, 2), Decimal("-2.345"), Decimal("-2.35")),
    ("numeric from float", sa.Numeric(12, 2), 0.1, Decimal("0.10")),
    ("numeric from text", sa.Numeric(12, 2), "19.999", Decimal("20.00")),
    ("numeric from int", sa.Numeric(12, 2), 7, Decimal("7.00")),
    ("numeric zero", sa.Numeric(12, 2), Decimal("-0.00"), Decimal("0.00")),
    ("double", sa.Double, 0.1 + 0.2, ...),
    ("double tiny", sa.Double, 5e-324, ...),
    ("double huge", sa.Double, -1.7976931348623157e308, ...),
    ("double from text", sa.Double, "1e-7", 1e-7),
    ("date", sa.Date, date(2024, 2, 29), ...),
    ("date first", sa.Date, date(1, 1, 1), ...),
    ("date last", sa.Date, date(9999, 12, 31), ...),
    ("date from text", sa.Date, "2026-01-05", date(2026, 1, 5)),
    ("time", sa.Time, time(23, 59, 58), ...),
    ("time from text", sa.Time, "07:30", time(7, 30)),
    ("datetime", sa.DateTime, datetime(2026, 1, 5, 12, 30, 15), ...),
    ("datetime last", sa.DateTime, datetime(9999, 12, 31, 23, 59, 59), ...),
    ("datetime from text", sa.DateTime, "2026-01-05 12:30", datetime(2026, 1, 5, 12, 30)),
    ("datetime from date", sa.DateTime, date(2026, 1, 5), datetime(2026, 1, 5)),
    ("datetime with another zone", sa.DateTime, datetime(2026, 1, 5, 0, 30, tzinfo=KATHMANDU), datetime(2026, 1, 4, 18, 45)),
    ("text", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), LONG, ...),
    ("text empty", sa.Text, "", ...),
    ("text of four bytes", sa.String(4), "👩\U0001f3fd\u200d👧", ...),
    ("text from number", sa.String(9), 12.5, "12.5"),
    ("text from enum", sa.String(9), Colour.green, "g"),
    ("text trailing blank", sa.String(9), "a ", ...),
    ("bytes", sa.LargeBinary, bytes(range(256)) * 40, ...),
    ("bytes empty", sa.LargeBinary, b"", ...),
    ("bytes from hex", sa.LargeBinary, "\\x00ff", b"\x00\xff"),
    ("bytes from bytearray", sa.LargeBinary, bytearray(b"\x00'"), b"\x00'"),
    ("enum", sa.Enum("red", "light green", "it's", name="hue"), "it's", ...),
    *((f"json {value!r:.20}", sa.JSON, value, ...) for value in JSON_VALUES),
    ("json from csv-like text stays text", sa.JSON, '{"a": 1}', ...),
    ("json decimal", sa.JSON, {"a": Decimal("1.50"), "b": Decimal(3)}, {"a": 1.5, "b": 3}),
    ("json date", sa.JSON, [date(2026, 1, 5), (1, 2)], ["2026-01-05", [1, 2]]),
]  # fmt: skip


def things(place: Place, kind: Any, nullable: bool = True) -> None:
    """Make a table with a column of the type."""
    place.create(table("thing", sa.Column("id", sa.Integer, primary_key=True), sa.Column("v", kind, nullable=nullable)))


@pytest.mark.parametrize(("kind", "given", "stored"), [value[1:] for value in VALUES], ids=[v[0] for v in VALUES])
def test_value_arrives(place: Place, kind: Any, given: Any, stored: Any) -> None:
    """By upsert and load, alone and among many, and is unchanged when given again; NULL is NULL."""
    things(place, kind)
    expected = given if stored is ... else stored
    assert Changes(inserted=2) == place.db.upsert("thing", [{"id": 1, "v": given}, {"id": 2, "v": None}])
    assert Changes(inserted=1) == place.db.load("thing", [{"id": 3, "v": given}])
    assert Changes(inserted=2) == place.db.load("thing", [{"id": 4, "v": None}, {"id": 5, "v": given}])
    many = [{"id": i, "v": None if i in (2, 4) else given} for i in range(1, 71)]
    assert Changes(inserted=65, unchanged=5) == place.db.upsert("thing", many)
    assert Changes(unchanged=70) == place.db.upsert("thing", many)
    assert Changes(unchanged=2) == place.db.upsert("thing", many[:2])
    assert [None, expected] == [value for _, value in sorted(place.rows("thing"))][1:3]
    assert 68 == sum(value == expected and type(value) is type(expected) for _, value in place.rows("thing"))


@pytest.mark.parametrize(
    ("kind", "given", "stored"), [value[1:] for value in VALUES[::4]], ids=[v[0] for v in VALUES[::4]]
)
def test_null_and_value_change_places(place: Place, kind: Any, given: Any, stored: Any) -> None:
    """NULL to a value and a value to NULL are changes, alone and among many."""
    things(place, kind)
    place.db.load("thing", [{"id": i, "v": given if i % 2 else None} for i in range(100)])
    swapped = [{"id": i, "v": None if i % 2 else given} for i in range(100)]
    assert Changes(updated=2) == place.db.upsert("thing", swapped[:2])
    assert Changes(updated=98, unchanged=2) == place.db.upsert("thing", swapped)
    assert Changes(unchanged=100) == place.db.upsert("thing", swapped)


@pytest.mark.needs("enums")
def test_member_of_an_enum(place: Place) -> None:
    """An application's enum stands for its name, which is what SQLAlchemy stores, or for its value."""
    things(place, sa.Enum("red", "g", name="colour"))
    place.db.upsert("thing", [{"id": 1, "v": Colour.red}, {"id": 2, "v": Colour.green}])
    assert [(1, "red"), (2, "g")] == place.rows("thing")


@pytest.mark.needs("exact decimals")
@pytest.mark.parametrize("value", ["9" * 28 + "." + "9" * 10, "-0." + "0" * 9 + "1", "1" * 28 + "." + "5" * 11])
def test_decimals_of_38_digits(place: Place, value: str) -> None:
    """Long decimals lose nothing, and are rounded to the column's scale."""
    things(place, sa.Numeric(38, 10))
    given = {"id": 1, "v": Decimal(value)}
    assert Changes(inserted=1) == place.db.upsert("thing", [given])
    assert Changes(unchanged=1) == place.db.upsert("thing", [{"id": 1, "v": value}])
    found = place.db.scalar("SELECT v FROM thing")
    assert abs(found - Decimal(value)) <= Decimal("5e-11")
    assert found.as_tuple().exponent == -10


def test_decimals_that_cannot_be_kept_are_refused(place: Place) -> None:
    """A database that would lose digits silently is not given them."""
    things(place, sa.Numeric(38, 10))
    row = {"id": 1, "v": Decimal("12345678901234567890.0123456789")}
    if "exact decimals" in place.product.lacks:
        with pytest.raises(SeedError, match="15 significant digits") as caught:
            place.db.upsert("thing", [row])
        assert ("v", 1) == (caught.value.place.column, caught.value.place.row)
    else:
        assert Changes(inserted=1) == place.db.upsert("thing", [row])


@pytest.mark.parametrize("offset", [None, 0, 5.75, -11])
@pytest.mark.parametrize("micros", [0, 123456])
def test_timestamps_with_zone(place: Place, offset: float | None, micros: int) -> None:
    """A moment is the same moment whatever its offset; without one it is UTC."""
    things(place, sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb"))
    zone = None if offset is None else timezone(timedelta(hours=offset))
    moment = datetime(2026, 1, 5, 12, 30, 15, micros, tzinfo=zone)
    in_utc = moment.replace(tzinfo=UTC) if zone is None else moment.astimezone(UTC)
    assert Changes(inserted=1) == place.db.upsert("thing", [{"id": 1, "v": moment}])
    assert Changes(inserted=1) == place.db.load("thing", [{"id": 2, "v": moment.isoformat()}])
    assert Changes(unchanged=1) == place.db.upsert("thing", [{"id": 1, "v": in_utc}])
    assert Changes(unchanged=1) == place.db.upsert("thing", [{"id": 2, "v": in_utc.isoformat().replace("+00:00", "Z")}])
    found = [value for _, value in place.rows("thing")]
    assert [in_utc, in_utc] == [value if value.tzinfo else value.replace(tzinfo=UTC) for value in found]


def test_uuid(place: Place) -> None:
    """UUIDs as objects and as text, in the type that SQLAlchemy gives them on each database."""
    things(place, sa.Uuid)
    value = uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
    assert Changes(inserted=2) == place.db.upsert("thing", [{"id": 1, "v": value}, {"id": 2, "v": None}])
    assert Changes(inserted=1) == place.db.load("thing", [{"id": 3, "v": str(value).upper()}])
    assert Changes(unchanged=2) == place.db.upsert("thing", [{"id": 1, "v": str(value)}, {"id": 3, "v": value}])
    app = table("thing", sa.Column("id", sa.Integer), sa.Column("v", sa.Uuid))
    assert [(1, value), (2, None), (3, value)] == sorted(tuple(row) for row in place.connection.execute(sa.select(app)))


def test_json_null_is_null(place: Place) -> None:
    """None is SQL's NULL, not the word null of JSON."""
    things(place, sa.JSON)
    place.db.upsert("thing", [{"id": 1, "v": None}])
    place.db.load("thing", [{"id": 2, "v": None}])
    assert 2 == place.db.scalar("SELECT count(*) FROM thing WHERE v IS NULL")
    assert Changes(unchanged=1) == place.db.upsert("thing", [{"id": 1, "v": None}])


@pytest.mark.parametrize("many", [1, 60])
def test_json_in_another_order_is_the_same(place: Place, many: int) -> None:
    """Text that is stored as it was given differs when its order does; a second run of the same rows never does."""
    things(place, sa.JSON)
    rows = [{"id": i, "v": {"b": [1, {"z": 1, "a": None}], "a": i}} for i in range(many)]
    place.db.upsert("thing", rows)
    assert Changes(unchanged=many) == place.db.upsert("thing", rows)
    rows = [{"id": i, "v": {"b": [1, {"z": 2, "a": None}], "a": i}} for i in range(many)]
    assert Changes(updated=many) == place.db.upsert("thing", rows)


CSV = '''id,b,n,d,t,j,x,i,req
1,true,1.005,2026-01-05,2026-01-05T10:00:00Z,"{""a"": [1, null]}",00ff,7,a
2,,,,,,,,
3,NO,-0,0001-01-01,1970-01-01 00:00:00,"""text""",,-1,"x,
y"
4,0,1e3,9999-12-31,2026-01-05T10:00:00+05:45,null,0xAB,0, b
'''


def test_csv_is_read_as_the_columns_say(place: Place) -> None:
    """Text takes its column's type; an empty field is NULL, or empty text where NULL is forbidden."""
    place.create(
        table(
            "thing", sa.Column("id", sa.Integer, primary_key=True), sa.Column("b", sa.Boolean),
            sa.Column("n", sa.Numeric(9, 2)), sa.Column("d", sa.Date), sa.Column("t", sa.DateTime),
            sa.Column("j", sa.JSON), sa.Column("x", sa.LargeBinary), sa.Column("i", sa.Integer),
            sa.Column("req", sa.String(9), nullable=False),
        )
    )  # fmt: skip
    file = place.csv(CSV)
    assert Changes(inserted=4) == place.db.upsert("thing", file)
    assert Changes(unchanged=4) == place.db.upsert("thing", file)
    assert [
        (1, True, Decimal("1.01"), date(2026, 1, 5), datetime(2026, 1, 5, 10), {"a": [1, None]}, b"\0\xff", 7, "a"),
        (2, None, None, None, None, None, None, None, ""),
        (3, False, Decimal(0), date(1, 1, 1), datetime(1970, 1, 1), "text", None, -1, "x,\ny"),
        (4, False, Decimal(1000), date(9999, 12, 31), datetime(2026, 1, 5, 4, 15), None, b"\xab", 0, " b"),
    ] == place.rows("thing")  # fmt: skip


BAD: list[tuple[Any, Any, str]] = [
    (sa.Integer, "1_000", "does not fit INTEGER"),
    (sa.Integer, "twelve", "does not fit INTEGER"),
    (sa.Integer, 1.5, "not a whole number"),
    (sa.Boolean, "maybe", "not a boolean"),
    (sa.Numeric(9, 2), "1,5", "not a decimal number"),
    (sa.Numeric(9, 2), "1_000.0", "not a number"),
    (sa.Date, "05.01.2026", "does not fit DATE"),
    (sa.DateTime, "yesterday", "does not fit"),
    (sa.DateTime, 5, "not a point in time"),
    (sa.DateTime, pandas.NaT, "not a point in time; None is no value"),
    (sa.Time, "25:00", "does not fit TIME"),
    (sa.String(3), "four", "4 characters, but the column takes 3"),
    (sa.String(3), "a\0", "NUL"),
    (sa.String(3), "\ud83d", "surrogates not allowed"),
    (sa.String(3), ["a"], "list is no text"),
    (sa.Enum("red", "green", name="hue"), "blue", r"fit (the enum hue|ENUM.*): not one of red, green"),
    (sa.LargeBinary, "xyz", "does not fit"),
    (sa.JSON, {"a": float("nan")}, "no place in JSON"),
    (sa.JSON, {"a": object()}, "no place in JSON"),
]


@pytest.mark.parametrize("writer", ["upsert", "load"])
@pytest.mark.parametrize(("kind", "value", "said"), BAD, ids=[f"{v[0]!s:.30} {v[1]!r:.12}" for v in BAD])
def test_bad_value_is_named(place: Place, writer: str, kind: Any, value: Any, said: str) -> None:
    """A value that does not fit is an error with row, column and value, before the database sees it."""
    things(place, kind)
    if isinstance(kind, sa.Enum) and "enums" in place.product.lacks:
        pytest.skip(place.product.lacks["enums"])
    with pytest.raises(SeedError, match=said) as caught:
        getattr(place.db, writer)("thing", [{"id": 1, "v": None}, {"id": 2, "v": value}])
    assert ("thing", 2, "v") == (caught.value.place.table, caught.value.place.row, caught.value.place.column)
