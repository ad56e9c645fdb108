"""PostgreSQL takes columns as binary blocks and a CSV as it stands, and the rows are those of the plain way."""

from __future__ import annotations

import csv
import gzip
import io
import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

from tdm_seed.errors import DatabaseError, SeedError, TdmSeedError
from tdm_seed.values import Changes
from tests.conformance import test_every_source as every
from tests.conformance.place import Place, table

pytestmark = pytest.mark.only("postgresql")

TEXT = every.TEXT
UUIDS = st.uuids()
JSON = st.sampled_from(
    ['{"a": [1, 2.5, null], "b": "x\\u00e4"}', "[]", '{"at": "2026-01-05T10:30:00", "b": -7}', "[true, 1e5]"]
)
COLUMNS: dict[str, tuple[Any, pa.DataType, st.SearchStrategy[Any]]] = {
    **every.COLUMNS,
    "extra": (postgresql.JSONB(none_as_null=True), pa.string(), JSON),
    "views": (postgresql.BYTEA(), pa.binary_view(), st.binary(max_size=20)),
    "mac": (postgresql.BYTEA(), pa.binary(6), st.binary(min_size=6, max_size=6)),
    "hue": (postgresql.ENUM("red", "grün", name="hue"), pa.string(), st.sampled_from(["red", "grün"])),
    "shade": (postgresql.ENUM("red", "grün", name="hue"), pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["red", "grün"])),
    "fixed": (sa.CHAR(9), pa.large_string(), TEXT),
    "real": (sa.REAL(), pa.float32(), st.floats(width=32)),
    "ratio": (sa.Double(), pa.float64(), st.floats()),
    "free": (sa.Numeric(), pa.decimal128(20, 6), st.decimals(-(10**12), 10**12, places=6)),
    "large": (sa.Numeric(30, 10), pa.decimal128(30, 10), st.decimals(-(10**19), 10**19, places=10)),
    "uid": (sa.Uuid(), pa.string(), UUIDS.map(str)),
    "uid2": (sa.Uuid(), pa.uuid(), UUIDS.map(lambda value: value.bytes)),
}  # fmt: skip


@pytest.fixture
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let frames have the columns of this module."""
    monkeypatch.setattr(every, "COLUMNS", COLUMNS)


def plain(frame: pa.Table) -> list[dict[str, Any]]:
    """Give the rows as SQLAlchemy takes them."""
    rows = every.plain(frame)
    for row in rows:
        for name in ("uid", "uid2"):
            if row.get(name) is not None:
                row[name] = uuid.UUID(str(row[name]))
    return rows


def test_blocks_leave_the_rows_that_plain_inserts_leave(place: Place, columns: None) -> None:
    """Random columns of all types that are sent so, with and without NULLs; values print the same."""
    metadata = sa.MetaData()
    for name in ("plain", "loaded", "staged"):
        kinds = [sa.Column(column, kind) for column, (kind, _, _) in COLUMNS.items()]
        must = sa.Column("must", sa.Integer, nullable=False)
        sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True, autoincrement=False), must, *kinds)
    place.create(metadata)
    names = ", ".join(COLUMNS)

    @settings(max_examples=100, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=6, unique=True).flatmap(every.frames))
    def agree(frame: pa.Table) -> None:
        for name in metadata.tables:
            place.db.delete(name, where={})
        assert Changes(inserted=len(frame)) == place.db.load("loaded", frame)
        assert Changes(inserted=len(frame)) == place.db.load("staged", frame.to_reader())
        place.db.insert("plain", plain(frame))
        expected, *others = (
            place.db.rows(f"SELECT id, must, CAST(ROW({names}) AS text) FROM {name} ORDER BY id")
            for name in ("plain", "loaded", "staged")
        )
        assert [expected, expected] == others

    agree()


@contextmanager
def counting(place: Place) -> Any:
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


@pytest.mark.parametrize("name", [name for name in COLUMNS if name not in ("view", "kind", "shade")])
def test_no_value_is_made_in_between(place: Place, name: str) -> None:
    """Of any of these types."""
    kind, arrow, strategy = COLUMNS[name]
    things(place, kind)
    value = {"extra": '{"a": 1}', "large": Decimal("12.5")}.get(name) or sample(strategy)
    frame = pa.table({"id": pa.array([1, 2], pa.int8()), "v0": pa.array([None, value], arrow)})
    with counting(place) as plainly:
        assert Changes(inserted=2) == place.db.load("thing", frame)
    assert [] == plainly


def sample(strategy: st.SearchStrategy[Any]) -> Any:
    """Give a value of a strategy."""
    found: list[Any] = []
    settings(max_examples=1)(given(strategy)(lambda value: found.append(value)))()
    return found[0]


@pytest.mark.parametrize(
    ("kind", "arrow", "value"),
    [
        (sa.SmallInteger(), pa.int64(), 2**15),
        (sa.String(3), pa.string(), "four"),
        (sa.Text(), pa.string(), "a\0b"),
        (postgresql.ENUM("red", name="hue"), pa.string(), "blue"),
        (sa.DateTime(), pa.timestamp("us"), 2**62),
        (sa.DateTime(), pa.timestamp("ns"), 1),
        (sa.Date(), pa.date32(), 2**30),
        (sa.Uuid(), pa.string(), "no uuid"),
        (postgresql.JSONB(), pa.string(), "{"),
        (sa.Numeric(4, 2), pa.decimal128(9, 2), Decimal("100.00")),
    ],
    ids=str,
)
def test_what_does_not_fit_is_said_as_of_any_row(place: Place, kind: Any, arrow: pa.DataType, value: Any) -> None:
    """With its number, whatever came before it."""
    things(place, kind)
    good = None
    whole = pa.int32() if arrow == pa.date32() else pa.int64()
    values = pa.array([good] * 40_000 + [value], whole if isinstance(value, int) else arrow).cast(arrow)
    frame = pa.table({"id": pa.array(range(len(values)), pa.int32()), "v0": values})
    for rows in (frame, frame.to_reader(max_chunksize=10_000)):
        with pytest.raises(TdmSeedError) as caught:
            place.db.load("thing", rows)
        assert "thing" == caught.value.place.table
        assert caught.value.place.row == 40_001 or "cannot be kept" in caught.value.message
        place.rollback()


def test_a_row_of_a_block_that_is_refused_is_named(place: Place) -> None:
    """And the transaction can go on, since what was sent is taken back."""
    things(place, sa.Integer())
    frame = pa.table({"id": [*range(30_000), 7], "v0": range(30_001)})
    with pytest.raises(DatabaseError, match="duplicate key") as caught:
        place.db.load("thing", frame)
    assert ("thing", 30_001) == (caught.value.place.table, caught.value.place.row)
    assert 0 == place.db.scalar("SELECT count(*) FROM thing")


def test_a_trigger_that_swallows_rows_is_noticed(place: Place) -> None:
    """Of columns and of text."""
    things(place, sa.Integer())
    place.create(
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN IF NEW.id % 2 = 0 THEN RETURN NULL; END IF; RETURN NEW; END'",
        "CREATE TRIGGER swallowing BEFORE INSERT ON thing FOR EACH ROW EXECUTE FUNCTION swallow()",
    )
    place.dialect.text_from = 1  # type: ignore[misc]
    for rows in (
        pa.table({"id": range(10), "v0": range(10)}),
        place.csv("id,v0\n" + "".join(f"{i},1\n" for i in range(10))),
    ):
        with pytest.raises(DatabaseError, match="10 rows were to be inserted, but the database kept 5 of them"):
            place.db.load("thing", rows)
        place.rollback()
        place.dialect.text_from = 1  # type: ignore[misc]


# ---- a CSV as it stands ---------------------------------------------------------------------------------------------

KINDS: dict[str, Any] = {
    "whole": sa.Integer(), "big": sa.BigInteger(), "flag": sa.Boolean(), "money": sa.Numeric(9, 2), "free": sa.Numeric(),
    "ratio": sa.Double(), "real": sa.REAL(), "day": sa.Date(), "at": sa.DateTime(), "seen": sa.DateTime(timezone=True),
    "clock": sa.Time(), "uid": sa.Uuid(), "blob": sa.LargeBinary(), "word": sa.String(6), "code": sa.CHAR(3),
    "long": sa.Text(), "hue": postgresql.ENUM("red", "a b", name="hue"), "extra": postgresql.JSONB(),
}  # fmt: skip
#: What a field may hold: good values, what PostgreSQL alone takes, what it takes otherwise, and what nobody takes.
WORDS = {
    "whole": ["1", "-7", "+5", " 8", "007", "1_000", "0x1F", "1e3", "2147483648", "٣"],
    "big": ["9223372036854775807", "12"],
    "flag": ["true", "F", "yes", "off", "1", "tru", "o", " t "],
    "money": ["1", "1.005", "-0.125", ".5", "5.", "1e2", "1_0", "NaN", "12345678.9", "Infinity"],
    "free": ["1.50", "1E+3", "-0", "0x10", "000.10"],
    "ratio": ["0.1", "1e300", "-0", "1e400", "inf", "0x1p3", "nan"],
    "real": ["0.1", "16777217"],
    "day": ["2024-02-29", "2023-02-29", "20240105", "01/02/2024", "yesterday", "0001-01-01", "J2451187"],
    "at": ["2026-01-05T10:30:00", "2026-01-05 10:30", "2026-01-05", "2026-01-05 10:30:00.123456", "2026-01-05 10:30:00.1234567",
           "2026-01-05T10:30:00Z", "2026-01-05 10:30:00+02:00", "2026-01-05 24:00:00", "2026-01-05 10:30:60", "epoch", "now"],
    "seen": ["2026-01-05T10:30:00Z", "2026-01-05 10:30:00+05:45", "2026-01-05 10:30", "2026-01-05 10:30+02", "2026-01-05 10:30 CET"],
    "clock": ["10:30", "10:30:15.5", "24:00", "10:30 PM", "10"],
    "uid": ["6ba7b810-9dad-11d1-80b4-00c04fd430c8", "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}", "6BA7B8109DAD11D180B400C04FD430C8", "x"],
    "blob": ["\\x00ff", "\\x", "00ff", "abc", "\\000"],
    "word": ["abc", "ünïcöd", "abc    ", "seven77", '"', '""', "a,b", "a\nb", "\\.", "a\r\nb", "\\N", "NULL", " a", "a\tb", "日本"],
    "code": ["a", "abc", "ab ", "abcd", "abc "],
    "long": ["x", 'say "hi"', '""', '"', '"""a""', 'a""', "\x01", '"\x01', "\r", "\n", "'", "a,", "\\", "\ufeff", "\x0b\u2028"],
    "hue": ["red", "a b", "Red", "blue"],
    "extra": ["{}", '{"a": [0, -1.5, "x\\n"], "b": null}', "[1, true]", '{"a": 1.10}', "null", "{", "[1e5]", "[-0]", "[0.12345678901234567]",
              "[1.0 ]", "12", '"x"', '{"a": 1, "a": 2}', '["\\u0000"]', "[NaN]", "[01]", '{"at": "2026-01-05T10:30:00"}', '["\n"]',
              '["\\ud83d"]', "[12345678901234567890]", '{"a": "1.10, 1e5"}', "[-1.5]", "[12345678901234567.5]", "[0.0000001]", '{"a1": "1.50", "b.50": 1.5}', '["a\\"b", "\\""]', '[1.5,2.25]', "[ ]", " {}", "[1]x"],
}  # fmt: skip


def outcome(place: Place, content: str | bytes, suffix: str, least: int) -> Any:
    """Load a CSV and give what became of it: the rows as PostgreSQL prints them, or what is said."""
    place.dialect.text_from = least  # type: ignore[misc]
    file = place.file(suffix, content)
    try:
        changes = place.db.load("thing", file)
        found = place.db.rows("SELECT CAST(thing AS text) FROM thing ORDER BY id, 1")
    except TdmSeedError as error:
        where = error.place
        found, changes = (error.message, where.line, where.column, where.table), error.hint
        place.rollback()
    else:
        place.db.delete("thing", where={})
    return changes, found


def alike(place: Place, content: str | bytes, suffix: str = ".csv") -> Any:
    """Load a CSV as it stands and row by row, and give what became of it either way."""
    plainly = outcome(place, content, suffix, 2**24)
    assert plainly == outcome(place, content, suffix, 1)
    return plainly[1]


@st.composite
def files(draw: st.DrawFn) -> str:
    """Give a CSV of a few columns, mostly well-formed."""
    names = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=3, unique=True))
    good = draw(st.booleans())
    end = draw(st.sampled_from(["\n", "\r\n"]))
    lines = [",".join(["id", *names])]
    for number in range(draw(st.integers(1, 6))):
        fields = [str(number)]
        for name in names:
            value = draw(st.sampled_from(["", *(WORDS[name][:3] if good else WORDS[name])]))
            how = draw(st.sampled_from(["needed", "always", "needed", "never" if not good else "needed"]))
            marked = any(mark in value for mark in '",\r\n')
            quote = how == "always" or (how == "needed" and marked)
            fields.append('"' + value.replace('"', '""') + '"' if quote else value)
        lines.append(",".join(fields))
    if not good:
        lines.insert(
            draw(st.integers(1, len(lines))), draw(st.sampled_from(["", "\\.", "7", 'a"b",c', "9," * len(names)]))
        )
    return end.join(lines) + draw(st.sampled_from([end, ""]))


def test_a_csv_gives_the_same_rows_and_the_same_errors_either_way(place: Place) -> None:
    """Whatever it holds: as it stands, the server reads what our reader reads."""
    must = sa.Column("must", sa.String(5), nullable=False, server_default="-")
    columns = [sa.Column(name, kind) for name, kind in KINDS.items()]
    place.create(table("thing", sa.Column("id", sa.Integer, primary_key=True, autoincrement=False), must, *columns))

    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    @given(files())
    @example('id,must,word\n1,"",""\n2,,\n3,a,b\n')
    @example('id,word\n1,a"b\n2,ab"c"\n')
    @example('id,long\n1,\x01"abc"\n')
    @example('id,word\n1,"a\nb"\n2,"c\r\nd"\n\n3,x\n')
    @example("id,word\r\n1,a\n2,b\r\n")
    @example('\ufeff"id",word\n1,a\n1,b\n')
    def agree(content: str) -> None:
        alike(place, content)

    agree()


def test_an_empty_line_is_no_row_of_a_single_column(place: Place) -> None:
    """Though it would be one for the server."""
    place.create(table("thing", sa.Column("v0", sa.Text)))
    place.dialect.text_from = 1  # type: ignore[misc]
    assert Changes(inserted=2) == place.db.load("thing", place.csv("v0\na\n\nb\n"))
    assert [("a",), ("b",)] == place.rows("thing")


@pytest.mark.parametrize("name", KINDS)
def test_every_word_gives_the_same_either_way(place: Place, name: str) -> None:
    """In quotes and without."""
    things(place, KINDS[name])
    for word in WORDS[name]:
        quoted = '"' + word.replace('"', '""') + '"'
        alike(place, f"id,v0\n1,{quoted}\n2,\n")
        alike(place, f"id,v0\n1,{word}\n2,\n")


def rows_of(count: int, other: Callable[[int], str] = lambda number: "") -> list[str]:
    """Write lines of a CSV with one quoted field; ``other`` gives the last field."""
    return [f'{i},"name, {i}\n",2026-01-05 10:30:{i % 60:02},{other(i)}' for i in range(1, count + 1)]


HEAD = "id,v0,v1,v2"


@pytest.fixture
def wide(place: Place) -> Place:
    """A place with a table for those lines."""
    things(place, sa.String(40), sa.DateTime(), sa.Integer())
    return place


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [(".csv", bytes), (".csv.gz", gzip.compress), (".csv.zst", lambda c: every.zstd(c.decode()))],
)
def test_a_large_csv_is_sent_as_it_stands(wide: Place, suffix: str, compress: Any) -> None:
    """In blocks, decompressed on its way."""
    content = "\n".join([HEAD, *rows_of(20_000)]).encode()
    with counting(wide) as plainly:
        assert Changes(inserted=20_000) == wide.db.load("thing", wide.file(suffix, compress(content)))
    assert [0] == plainly
    assert (7, "name, 7\n", datetime(2026, 1, 5, 10, 30, 7), None) == wide.rows("thing")[
        sorted(range(1, 20_001), key=lambda i: repr((i,))).index(7)
    ]
    assert (20_000, 20_000) == tuple(
        wide.db.rows("SELECT count(*) AS a, count(DISTINCT v0) AS b FROM thing")[0].values()
    )


def test_small_files_are_read_row_by_row(wide: Place) -> None:
    """They would not gain, and a savepoint would be one more thing to do."""
    with counting(wide) as plainly:
        wide.db.load("thing", wide.csv("\n".join([HEAD, *rows_of(1_000)])))
    assert [1_000] == plainly


def test_what_follows_another_record_is_read_row_by_row(wide: Place) -> None:
    """A time with a zone is read otherwise by the server, so that block and those behind it are converted."""
    lines = rows_of(20_000)
    lines[15_000] = lines[15_000].replace(" 10:30:", "T12:30:").replace(":01,", ":01+02:00,")
    with counting(wide) as plainly:
        assert Changes(inserted=20_000) == wide.db.load("thing", wide.csv("\n".join([HEAD, *lines])))
    assert 0 < plainly[0] < 15_000
    assert datetime(2026, 1, 5, 10, 30, 1) == wide.db.scalar("SELECT v1 FROM thing WHERE id = 15001")
    assert 20_000 == wide.db.scalar("SELECT count(DISTINCT v0) FROM thing")


@pytest.mark.parametrize("where", [100, 19_990])
@pytest.mark.parametrize("bad", ["a lot", "1_000", "7,8", '"'])
def test_a_bad_line_of_a_large_csv_is_named(wide: Place, where: int, bad: str) -> None:
    """However far down, and whether the server or the reader finds it."""
    lines = rows_of(20_000, lambda number: bad if number == where else "1")
    with pytest.raises(SeedError) as caught:
        wide.db.load("thing", wide.csv("\n".join([HEAD, *lines])))
    assert ("thing", 2 * where) == (caught.value.place.table, caught.value.place.line)


def test_a_row_of_a_large_csv_that_is_refused_is_named(wide: Place) -> None:
    """By its line."""
    lines = rows_of(20_000)
    lines[17_000] = lines[17_000].replace("17001,", "5,", 1)
    with pytest.raises(DatabaseError, match="duplicate key") as caught:
        wide.db.load("thing", wide.csv("\n".join([HEAD, *lines])))
    assert ("thing", 2 * 17_001) == (caught.value.place.table, caught.value.place.line)


def test_a_large_file_that_is_damaged_is_refused(wide: Place) -> None:
    """Also when that shows late."""
    content = gzip.compress("\n".join([HEAD, *rows_of(20_000)]).encode())
    with pytest.raises(SeedError, match="cannot be decompressed"):
        wide.db.load("thing", wide.file(".csv.gz", content[:-9]))
    wide.rollback()
    with pytest.raises(SeedError, match="not UTF-8") as caught:
        wide.db.load(
            "thing", wide.csv("\n".join([HEAD, *rows_of(20_000)]).encode().replace(b"name, 19000", b"nam\xff, 19000"))
        )
    assert 2 * 19_000 == caught.value.place.line


def test_a_field_of_ten_megabytes(wide: Place) -> None:
    """Is a record longer than many blocks."""
    place = wide
    place.create("DROP TABLE thing", "CREATE TABLE thing (id INTEGER PRIMARY KEY, v0 TEXT)")
    body = 'a "line",\n' * 1_000_000
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerows([["id", "v0"], [1, "x"], [2, body], [3, "y"]])
    assert Changes(inserted=3) == place.db.load("thing", place.csv(sink.getvalue()))
    assert [(1, "x"), (2, body), (3, "y")] == place.rows("thing")


def test_the_time_zone_of_the_session_changes_nothing(place: Place) -> None:
    """Times without a zone are UTC, whatever a seed has set."""
    things(place, sa.DateTime(timezone=True))
    place.db.execute("SET LOCAL TIME ZONE 'Asia/Kathmandu'")
    place.dialect.text_from = 1  # type: ignore[misc]
    place.db.load("thing", place.csv("id,v0\n1,2026-01-05 10:30\n"))
    assert (
        "2026-01-05T10:30:00+00:00"
        == place.db.scalar("SELECT v0 FROM thing")
        .astimezone(tz=None)
        .astimezone(__import__("datetime").UTC)
        .isoformat()
    )


def test_json_stays_what_the_plain_way_makes_of_it(place: Place) -> None:
    """Numbers that Python writes in another way are converted."""
    things(place, postgresql.JSONB())
    given = ['{"a": 1.10}', "[1e5]", "[-0]", '{"a": 0.1234567890123456789}', '{"x": "1.10 e5"}', "[2.5]"]
    place.db.load("thing", pa.table({"id": range(6), "v0": given}))
    assert [json.loads(text) for text in given] == [value for _, value in sorted(place.rows("thing"))]
    assert '{"a": 1.1}' == place.db.scalar("SELECT CAST(v0 AS text) FROM thing WHERE id = 0")


def test_dates_and_decimals_of_one_row_print_as_given(place: Place) -> None:
    """A fixed example beside the random ones."""
    things(place, sa.Date(), sa.Numeric(12, 3), sa.Numeric())
    days, amounts = [date(1, 1, 1), date(9999, 12, 31)], [Decimal("-0.001"), Decimal("123456789.999")]
    frame = pa.table({"id": [1, 2], "v0": days, "v1": amounts, "v2": pa.array(amounts, pa.decimal128(18, 5))})
    place.db.load("thing", frame)
    shown = place.db.rows(
        "SELECT CAST(v0 AS text) AS a, CAST(v1 AS text) AS b, CAST(v2 AS text) AS c FROM thing ORDER BY id"
    )
    assert [
        {"a": "0001-01-01", "b": "-0.001", "c": "-0.00100"},
        {"a": "9999-12-31", "b": "123456789.999", "c": "123456789.99900"},
    ] == shown


# ---- frozen rows ----------------------------------------------------------------------------------------------------

LARGE = [{"id": number, "v0": "x" * 1_000_000} for number in range(10)]


def large(place: Place, kind: str) -> Any:
    """Give rows of ten megabytes."""
    if kind == "columns":
        return pa.Table.from_pylist(LARGE)
    return place.csv("id,v0\n" + "".join(f"{row['id']},{row['v0']}\n" for row in LARGE))


def storage(place: Place) -> int:
    """Tell in which file the server keeps the table: a truncated one gets another."""
    found: int = place.db.scalar("SELECT pg_relation_filenode('thing')")
    return found


@pytest.mark.parametrize("kind", ["columns", "text"])
def test_rows_of_an_empty_table_are_frozen(place: Place, kind: str) -> None:
    """Which needs a new file; a rollback brings the old one back."""
    things(place, sa.Text())
    before = storage(place)
    assert Changes(inserted=10) == place.db.load("thing", large(place, kind))
    assert before != storage(place)
    place.rollback()
    assert (before, 0) == (storage(place), place.db.scalar("SELECT count(*) FROM thing"))
    place.db.load("thing", large(place, kind))
    place.db.load("thing", pa.table({"id": [10], "v0": ["more"]}))
    place.commit()
    assert 11 == place.db.scalar("SELECT count(*) FROM thing")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO thing (id) VALUES (99)",
        "CREATE TABLE child (id INTEGER REFERENCES thing)",
        "CREATE FUNCTION heard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$heard$$; END'; "
        "CREATE TRIGGER hears BEFORE TRUNCATE ON thing EXECUTE FUNCTION heard()",
        "CREATE TABLE heir () INHERITS (thing); INSERT INTO heir (id) VALUES (99)",
        "ALTER TABLE thing ENABLE ROW LEVEL SECURITY",
        "CREATE PUBLICATION news FOR TABLE thing",
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    ],
    ids=["rows", "a reference", "a trigger", "an heir", "a policy", "a subscriber", "an old snapshot"],
)
@pytest.mark.filterwarnings("ignore:.*wal_level")
def test_what_truncating_might_cost_is_not_risked(place: Place, statement: str) -> None:
    """The rows come without being frozen, and nobody hears of it."""
    things(place, sa.Text())
    place.create(statement)
    before, there = storage(place), place.db.scalar("SELECT count(*) FROM thing")
    for kind in ("columns", "text"):
        assert Changes(inserted=10) == place.db.load("thing", large(place, kind))
        assert (before, there + 10) == (storage(place), place.db.scalar("SELECT count(*) FROM thing"))
        place.db.execute("DELETE FROM thing WHERE id < 10")


def test_whoever_uses_the_table_is_not_waited_for(place: Place) -> None:
    """Nor later rows that the same transaction has deleted."""
    things(place, sa.Text())
    before = storage(place)
    with place.other() as other:
        other.exec_driver_sql("SELECT count(*) FROM thing")
        assert Changes(inserted=10) == place.db.load("thing", large(place, "columns"))
        assert before == storage(place)
        other.rollback()
    place.commit()


@pytest.mark.parametrize("scale", [0, 1, 3, 18])
def test_decimals_at_the_edge_of_what_is_sent_as_a_block(place: Place, scale: int) -> None:
    """Those of more digits are converted."""
    things(place, sa.Numeric())
    for number in (2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**37, 10**18 - 1, 1 - 10**18):
        value = Decimal(number).scaleb(-scale, Context(prec=40))
        place.db.load("thing", pa.table({"id": [1, 2], "v0": pa.array([value, None], pa.decimal128(38, scale))}))
        assert f"{value:f}" == place.db.scalar("SELECT CAST(v0 AS text) FROM thing WHERE id = 1")
        place.db.delete("thing", where={})
