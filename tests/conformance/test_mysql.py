"""What MySQL and MariaDB alone have: their types, character sets, and ways of their own."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tdm_seed.errors import DatabaseError, SeedError
from tdm_seed.values import Changes
from tests.conformance.place import Place, dicts

pytestmark = pytest.mark.only("mysql")

#: declared type, value, what SQLAlchemy reads (...: what was given), what the server writes as text (...: the value)
VALUES: list[tuple[str, Any, Any, Any]] = [
    ("SET('a','b','c d')", "a,c d", ..., ...),
    ("SET('a','b')", "b,a", "a,b", "a,b"),
    ("SET('a','b')", "", ..., ...),
    ("ENUM('a','it''s','C')", "it's", ..., ...),
    ("YEAR", 2026, ..., "2026"),
    ("INT UNSIGNED", 2**32 - 1, ..., "4294967295"),
    ("BIGINT UNSIGNED", 2**64 - 1, ..., "18446744073709551615"),
    ("TINYINT", -128, ..., "-128"),
    ("TINYINT UNSIGNED", 255, ..., "255"),
    ("TINYINT(1)", True, ..., "1"),
    ("MEDIUMINT", 8388607, ..., "8388607"),
    ("BIT(8)", 5, ..., None),
    ("BIT(1)", 1, ..., None),
    ("FLOAT", 0.1, ..., "0.1"),
    ("FLOAT(7,3)", 1.0625, 1.062, None),
    ("DOUBLE", 0.1 + 0.2, ..., "0.30000000000000004"),
    ("DECIMAL(65,30)", Decimal("9" * 35 + "." + "9" * 30), ..., "9" * 35 + "." + "9" * 30),
    ("DECIMAL(5,2) UNSIGNED", "2.345", Decimal("2.35"), "2.35"),
    ("DATETIME", datetime(2026, 1, 5, 10, 0, 0, 600_000), None, None),
    ("DATETIME(3)", datetime(2026, 1, 5, 10, 0, 0, 123_456), None, None),
    ("TIMESTAMP(6) NULL", datetime(2026, 1, 5, 10, 0, 0, 123_456), ..., "2026-01-05 10:00:00.123456"),
    ("TIMESTAMP NULL", "2026-01-05T10:00:00+02:00", datetime(2026, 1, 5, 8), "2026-01-05 08:00:00"),
    ("TIME(6)", "10:00:00.000007", None, "10:00:00.000007"),
    ("DATE", date(9999, 12, 31), ..., "9999-12-31"),
    ("VARCHAR(9) CHARACTER SET latin1", "Müßig€", ..., ...),
    ("VARCHAR(9) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin", "日本 ", ..., ...),
    ("CHAR(4) CHARACTER SET ascii", "ab", ..., ...),
    ("VARCHAR(9) COLLATE utf8mb4_bin", "a ", ..., ...),
    ("TINYTEXT", "é" * 100, ..., ...),
    ("LONGTEXT", "x" * 100_000, ..., ...),
    ("BINARY(4)", b"ab\0\0", ..., None),
    ("BINARY(4)", b"ab", b"ab\0\0", None),
    ("VARBINARY(9)", b"\x00\xff ", ..., None),
    ("LONGBLOB", b"\x00'\\" * 1000, ..., None),
    ("JSON", {"b": 1.5, "a": [None, "ü", "👩"]}, ..., None),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "given", "stored", "text"), VALUES, ids=[f"{v[0]} {v[1]!r:.15}" for v in VALUES])
def test_value_arrives(place: Place, kind: str, given: Any, stored: Any, text: Any) -> None:
    """By upsert and load, and is unchanged when given again, whatever the column rounds or folds."""
    place.create(f"CREATE TABLE thing (id INTEGER PRIMARY KEY, v {kind})")
    assert Changes(inserted=2) == place.db.upsert("thing", [{"id": 1, "v": given}, {"id": 2, "v": None}])
    assert Changes(inserted=1) == place.db.load("thing", [{"id": 3, "v": given}])
    many = [{"id": i, "v": None if i == 2 else given} for i in range(1, 21)]
    assert Changes(inserted=17, unchanged=3) == place.db.upsert("thing", many)
    assert Changes(unchanged=20) == place.db.upsert("thing", many)
    if stored is not None:
        expected = given if stored is ... else stored
        assert (1, expected) == place.rows("thing")[0]
    if text is not None:
        assert (given if text is ... else text) == place.db.scalar("SELECT concat(v) FROM thing WHERE id = 1")
    assert Changes(updated=1) == place.db.upsert("thing", [{"id": 1, "v": None}])


@pytest.mark.parametrize(
    ("kind", "text"),
    [("BIT(8)", "5"), ("YEAR", "2026"), ("SET('a','b')", '"a,b"'), ("BIGINT UNSIGNED", "18446744073709551615")],
)
def test_csv_means_what_it_says(place: Place, kind: str, text: str) -> None:
    """A number in a CSV is that number in a column of bits too."""
    place.create(f"CREATE TABLE thing (id INTEGER PRIMARY KEY, v {kind})")
    assert Changes(inserted=2) == place.db.upsert("thing", place.csv(f"id,v\n1,{text}\n2,\n"))
    assert Changes(unchanged=2) == place.db.upsert("thing", place.csv(f"id,v\n1,{text}\n2,\n"))
    assert text.strip('"') == str(place.rows("thing")[0][1])


def test_text_that_the_character_set_lacks(place: Place) -> None:
    """Text that a latin1 column cannot hold is refused, not mangled."""
    place.create("CREATE TABLE thing (id INTEGER PRIMARY KEY, v VARCHAR(9) CHARACTER SET latin1)")
    for write in (place.db.upsert, place.db.load):
        with pytest.raises(DatabaseError, match="(?i)incorrect string value"), place.connection.begin_nested():
            write("thing", dicts("id v", (1, "日本")))


def test_the_number_zero(place: Place) -> None:
    """A row with the number 0 keeps it; rows without a number are numbered all the same."""
    place.create("CREATE TABLE t (id INTEGER AUTO_INCREMENT PRIMARY KEY, code VARCHAR(9) UNIQUE)")
    assert Changes(inserted=1) == place.db.load("t", dicts("id code", (0, "zero")))
    assert Changes(inserted=1, unchanged=1) == place.db.upsert("t", dicts("id code", (0, "zero"), (7, "seven")))
    assert Changes(inserted=1) == place.db.upsert("t", dicts("code", ["next"]), key="code")
    assert [0, 7, 8] == place.db.keys("t")


def test_generated_and_invisible_columns(place: Place) -> None:
    """Values for generated columns, virtual or stored, are refused; without them the row is written."""
    place.create(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER AS (a * 2) VIRTUAL, c INTEGER AS (a * 3) STORED)"
    )
    for name in "bc":
        with pytest.raises(SeedError, match="the database computes this column"):
            place.db.upsert("t", [{"id": 1, name: 2}])
    assert Changes(inserted=1) == place.db.upsert("t", dicts("id a", (1, 2)))
    assert Changes(unchanged=1) == place.db.upsert("t", dicts("id a", (1, 2)))
    assert [(1, 2, 4, 6)] == place.rows("t")


def test_columns_that_update_themselves(place: Place) -> None:
    """ON UPDATE CURRENT_TIMESTAMP moves when a row changes and stays when it does not."""
    place.create(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, at DATETIME(6) DEFAULT '2000-01-01' ON UPDATE CURRENT_TIMESTAMP(6))"
    )
    place.db.upsert("t", dicts("id a", (1, 2), (2, 2)))
    assert Changes(updated=1, unchanged=1) == place.db.upsert("t", dicts("id a", (1, 3), (2, 2)))
    assert [(1, 0), (2, 1)] == [
        (row["id"], row["old"]) for row in place.db.rows("SELECT id, at = '2000-01-01' AS old FROM t ORDER BY id")
    ]


def test_keys_on_a_part_of_the_text(place: Place) -> None:
    """A unique index on the first letters is no key: two rows may be one to it and two to us."""
    place.create("CREATE TABLE t (id INTEGER PRIMARY KEY, a VARCHAR(20), UNIQUE (a(3)))")
    with pytest.raises(SeedError, match="no unique key"):
        place.db.upsert("t", dicts("a", ["abcd"]), key="a")


@pytest.mark.parametrize("engine", ["MEMORY", "MyISAM"])  # Aria takes no SAVEPOINT
def test_tables_without_transactions(place: Place, engine: str) -> None:
    """Tables of other engines are written like any other; what they cannot take back is theirs."""
    place.create(f"CREATE TABLE t (id INTEGER AUTO_INCREMENT PRIMARY KEY, v VARCHAR(9)) ENGINE = {engine}")
    rows = [{"id": i, "v": "a"} for i in range(1, 30)]
    assert Changes(inserted=29) == place.db.upsert("t", rows)
    assert Changes(updated=1, unchanged=28) == place.db.upsert("t", [*rows[1:], {"id": 1, "v": "b"}])


def test_invalid_dates_are_refused(place: Place) -> None:
    """Days that are no days are refused before the server sees them."""
    place.create("CREATE TABLE t (id INTEGER PRIMARY KEY, d DATE)")
    with pytest.raises(SeedError, match="does not fit DATE"):
        place.db.load("t", dicts("id d", (1, "2026-02-30")))
    with pytest.raises(SeedError, match="does not fit DATE"):
        place.db.load("t", dicts("id d", (1, "0000-00-00")))


def test_tables_of_another_database(place: Place) -> None:
    """The database's own name before the table's means the same table."""
    place.create(
        "CREATE TABLE node (id INTEGER AUTO_INCREMENT PRIMARY KEY, slug VARCHAR(9) UNIQUE, up INTEGER REFERENCES node(id))"
    )
    name = place.db.scalar("SELECT database()")
    rows = dicts("slug up.slug", ("c", "b"), ("b", "a"), ("a", None))
    assert Changes(inserted=3) == place.db.upsert(f"{name}.node", rows)
    assert Changes(unchanged=3) == place.db.upsert("node", rows)
    assert {"node"} == set(place.db.changes)
