"""What is wrong deep inside of many rows is told as it is of a few, whatever way they take; and nothing of them stays."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from pyarrow import parquet

from tdm_seed.errors import DatabaseError, SeedError, TdmSeedError
from tdm_seed.loading import large
from tdm_seed.values import Changes
from tests.conformance.place import Place, table
from tests.conformance.test_every_source import zstd

#: Lines of 100 bytes: more than a block, and more than a file must have to be sent as it stands.
ROWS, BAD = 3_000, 2_500
HEAD = "id,code,size,at,name"
#: More than any file or load has.
NEVER = 1 << 40


def lines(bad: str | None = None) -> list[str]:
    """Write a CSV, of which one row is another."""
    made = [HEAD, *(f"{i},c{i},{i % 7},2026-01-05 10:30:{i % 60:02},{'x' * 70}" for i in range(1, ROWS + 1))]
    if bad is not None:
        made[BAD] = bad
    return made


def csv(bad: str | None = None, *, encoding: str = "utf-8") -> bytes:
    """Write its bytes; letters that UTF-8 does not have stand for bytes."""
    return "\n".join([*lines(bad), ""]).encode(encoding, "surrogateescape")


def good(word: str) -> str:
    """Write a good row with a word of its own."""
    return f"{BAD},c{BAD},1,2026-01-05 10:30:00,{word}"


def jsonl(bad: str) -> bytes:
    """Write the same rows as JSON Lines, of which one is another."""
    made = [f'{{"id": {i}, "code": "c{i}", "size": 1, "name": "{"x" * 70}"}}' for i in range(1, ROWS + 1)]
    made[BAD - 1] = bad
    return "\n".join(made).encode()


@dataclass(frozen=True)
class Mistake:
    """A file with a mistake, and what is said of it: a part of the sentence, and its place."""

    name: str
    content: Callable[[], bytes]
    says: str
    line: int | None = BAD + 1
    column: str | None = None
    suffix: str = ".csv"


MISTAKES = [
    Mistake("no number", lambda: csv(f"{BAD},c,many,2026-01-05,x"), "'many' does not fit", column="size"),
    Mistake("no time", lambda: csv(f"{BAD},c,1,yesterday,x"), "'yesterday' does not fit", column="at"),
    Mistake("too long", lambda: csv(good("y" * 201)), "201 characters, but the column takes 200", column="name"),
    Mistake("a NUL", lambda: csv(good("a\0b")), "NUL", column="name"),
    Mistake("too few fields", lambda: csv(f"{BAD},c"), "2 fields, but the header names 5 columns"),
    Mistake("too many fields", lambda: csv(good("a,b")), "6 fields, but the header names 5 columns"),
    Mistake("a quote never closed", lambda: csv(good('"a')), "fields, but the header names 5|not CSV"),
    Mistake("a quote inside", lambda: csv(good('"a"b')), "not CSV"),
    Mistake("latin-1", lambda: csv(good("gr\udcfcn")), "not UTF-8 text"),
    Mistake("half a surrogate", lambda: csv(good("\udced\udca0\udc80")), "not UTF-8 text"),
    Mistake("UTF-16", lambda: csv(encoding="utf-16"), "not UTF-8 text", line=1),
    Mistake("a key twice", lambda: csv(f"7,c{BAD},1,2026-01-05,x"), "7|id"),
    Mistake("a unique value twice", lambda: csv(f"{BAD},c7,1,2026-01-05,x"), "c7|code"),
    Mistake("no value where one must be", lambda: csv(f"{BAD},c{BAD},,2026-01-05,x"), "size|NULL"),
    Mistake("a check", lambda: csv(f"{BAD},c{BAD},-1,2026-01-05,x"), "size_is_positive"),
    Mistake("half of a .gz", lambda: gzip.compress(csv())[:-20], "cannot be decompressed", None, suffix=".csv.gz"),
    Mistake("a changed .gz", lambda: gzip.compress(csv())[:-6] + bytes(6), "cannot be decompressed", None, suffix=".csv.gz"),
    Mistake("half of a .zst", lambda: zstd(csv().decode())[:-20], "cannot be decompressed", None, suffix=".csv.zst"),
    Mistake("a .gz that is none", csv, "cannot be decompressed", None, suffix=".csv.gz"),
    Mistake("a bad line in a .gz", lambda: gzip.compress(csv(good("a,b"))), "6 fields", suffix=".csv.gz"),
    Mistake("a bad line in a .zst", lambda: zstd(csv(good("a,b")).decode()), "6 fields", suffix=".csv.zst"),
    Mistake("no JSON", lambda: jsonl('{"id": 1'), "not JSON", BAD, suffix=".jsonl"),
    Mistake("a surrogate", lambda: jsonl(f'{{"id": {BAD}, "code": "c", "size": 1, "name": "\\ud800"}}'), "does not fit", BAD, "name", suffix=".jsonl"),
    Mistake("a missing name", lambda: jsonl(f'{{"id": {BAD}, "code": "c", "size": 1}}'), "lacks name", BAD, suffix=".jsonl"),
    Mistake("another name", lambda: jsonl(f'{{"id": {BAD}, "code": "c", "size": 1, "nam": "x"}}'), "lacks name and adds nam", BAD, suffix=".jsonl"),
    Mistake("a NUL in JSON", lambda: jsonl(f'{{"id": {BAD}, "code": "c", "size": 1, "name": "a\\u0000"}}'), "NUL", BAD, "name", suffix=".jsonl"),
]  # fmt: skip


def spoiled(content: bytes) -> bytes:
    """Change a byte in the middle."""
    half = len(content) // 2
    return content[:half] + bytes([content[half] ^ 255]) + content[half + 1 :]


def things(place: Place) -> None:
    """Create a table that a mistake can be made with."""
    place.create(
        table(
            "thing",
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("code", sa.String(20), nullable=False),
            sa.Column("size", sa.Integer, nullable=False),
            sa.Column("at", sa.DateTime),
            sa.Column("name", sa.String(200)),
            sa.UniqueConstraint("code", name="thing_code"),
            sa.CheckConstraint("size >= 0", name="size_is_positive"),
            sa.Index("thing_name", "name"),
        )
    )


@pytest.fixture
def either(place: Place, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Iterator[None]]:
    """Go both ways, one after the other: row by row with all indexes in place, and as the database likes it best."""

    def ways() -> Iterator[None]:
        for many, least in ((NEVER, NEVER), (100, 1)):
            monkeypatch.setattr(large, "LARGE", many)
            monkeypatch.setattr(place.dialect, "text_from", least, raising=False)
            place.db.writer.rebuild = True
            yield

    return ways


Ways = Callable[[], Iterator[None]]


def told(place: Place, rows: Any, target: str = "thing") -> tuple[Any, ...]:
    """Load what must fail, see that nothing is kept, and give what is said."""
    with pytest.raises(TdmSeedError) as caught:
        place.db.load(target, rows)
    place.rollback()
    assert 0 == place.db.scalar(f"SELECT count(*) FROM {target}")
    where = caught.value.place
    return caught.value.message, caught.value.hint, where.file, where.table, where.line, where.row, where.column


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_deep_inside_of_a_file(place: Place, either: Ways, mistake: Mistake) -> None:
    """Has the same sentence, line and column either way."""
    things(place)
    file = place.file(mistake.suffix, mistake.content())
    plain, native = (told(place, file) for _ in either())
    assert plain == native
    assert re.search(mistake.says, plain[0]), plain
    assert (file.shown, mistake.line, None) == (plain[2], plain[4], plain[5])
    assert mistake.column in (None, plain[6])


def columns(**wrong: Any) -> list[dict[str, Any]]:
    """Give the rows as dicts, of which one has other values."""
    rows = [{"id": i, "code": f"c{i}", "size": i % 7, "name": "x" * 70} for i in range(1, ROWS + 1)]
    rows[BAD - 1] |= wrong
    return rows


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "y" * 201}, {"name": "a\0b"}, {"code": "c7"}, {"size": None}, {"size": -1}, {"id": 7}, {"size": 2**63 - 1}
    ],
    ids=lambda wrong: f"{next(iter(wrong))} {str(next(iter(wrong.values())))[:5]!r}",
)  # fmt: skip
def test_a_mistake_deep_inside_of_columns(place: Place, either: Ways, wrong: dict[str, Any]) -> None:
    """Has the sentence and the number that it has among dicts, and those of a list are named either way, too."""
    things(place)
    if wrong == {"size": 2**63 - 1} and place.product.name == "sqlite":
        return  # it takes that
    rows = columns(**wrong)
    frame = pa.Table.from_pylist(rows)
    found = [told(place, source) for _ in either() for source in (rows, frame, frame.to_reader(max_chunksize=1_000))]
    assert [found[0]] * 6 == found
    assert (None, "thing", None, BAD) == found[0][2:6]


def test_what_a_generator_repeats_is_named_by_its_value(place: Place, either: Ways) -> None:
    """Where the key is built afterwards, nobody can ask for the rows again to number them."""
    things(place)
    for found in [told(place, iter(columns(code="c7"))) for _ in either()]:
        assert "thing" == found[3]
        assert found[5] in (BAD, None)
        assert "c7" in found[0] or "thing.code" in found[0]


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_a_file_of_columns_that_was_not_written_to_its_end(place: Place, either: Ways, suffix: str) -> None:
    """Or that was changed on its way, where its writer has noted checksums."""
    things(place)
    sink, frame = io.BytesIO(), pa.Table.from_pylist(columns())
    if suffix == ".parquet":
        parquet.write_table(frame, sink, row_group_size=500, write_page_checksum=True)
        broken = [sink.getvalue()[:-100], spoiled(sink.getvalue())]
    else:
        with pa.ipc.new_stream(sink, frame.schema) as stream:
            stream.write_table(frame, max_chunksize=500)
        broken = [sink.getvalue()[: len(sink.getvalue()) // 2]]
    for content in broken:
        file = place.file(suffix, content)
        plain, native = (told(place, file) for _ in either())
        assert plain == native
        assert "cannot be read as columns" in plain[0]
        assert file.shown == plain[2]


L = lines()


@pytest.mark.parametrize(
    "content",
    [
        "\r\n".join(L),
        "\n".join(L[:1000]) + "\r\n" + "\r\n".join(L[1000:2000]) + "\n" + "\n".join(L[2000:]) + "\n",
        "\ufeff" + "\n".join(L) + "\n",
        "\n".join(L[:BAD]) + "\n\n\n" + "\n".join(L[BAD:]) + "\n\n",
        "\n".join(lines(good('"a ""q"",\nb\r\nc\\n\t"'))),
        "\n".join(lines(good('"\ufeff日本\u2028"'))),
        "\n".join(lines(good('"' + '"" ,\n' * 40 + '"'))),
    ],
    ids=["CRLF", "a mixture of line ends", "BOM", "empty lines", "newlines and quotes", "letters", "a field of lines"],
)
def test_odd_files_give_the_same_rows_either_way(place: Place, either: Ways, content: str) -> None:
    """All of them."""
    things(place)
    found = []
    for _ in either():
        assert Changes(inserted=ROWS) == place.db.load("thing", place.csv(content))
        found.append((place.rows("thing", "id", "at"), place.rows("thing", "name")))
        place.rollback()
    assert found[0] == found[1]


def test_a_field_of_ten_megabytes_and_the_line_behind_it(place: Place, either: Ways) -> None:
    """It arrives whole, and lines are counted on behind its million."""
    kind = "LONGTEXT" if place.product.name == "mysql" else "TEXT"
    place.create(f"CREATE TABLE wide (id INTEGER PRIMARY KEY, v0 {kind})")
    body = 'a "line",\n' * 1_000_000
    content = f'id,v0\n1,x\n2,"{body.replace(chr(34), chr(34) * 2)}"\n3,y\n'
    for _ in either():
        assert Changes(inserted=3) == place.db.load("wide", place.csv(content))
        assert [(1, "x"), (2, body), (3, "y")] == place.rows("wide")
        place.rollback()
    plain, native = (told(place, place.file(".csv", content + "x,y\n"), "wide") for _ in either())
    assert ("wide", 1_000_005, None, "id") == plain[3:] == native[3:]


#: The numbered column, the words in front of a trigger's statement, and those behind it.
WORDS = {
    "sqlite": ("INTEGER PRIMARY KEY AUTOINCREMENT", "BEGIN", "; END"),
    "mysql": ("INTEGER PRIMARY KEY AUTO_INCREMENT", "", ""),
    "postgresql": ("INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "EXECUTE FUNCTION noted()", ""),
}
NOTE = "INSERT INTO audit VALUES (NEW.id, NEW.size)"


def test_tables_with_more_to_them(place: Place, either: Ways) -> None:
    """Numbers that are given though the database always makes them, computed columns, and triggers that write."""
    number, begin, end = WORDS[place.product.name]
    body = "" if place.product.name == "postgresql" else NOTE
    if place.product.name == "postgresql":
        place.create(f"CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {NOTE}; RETURN NULL; END'")
    place.create(
        f"CREATE TABLE thing (id {number}, code VARCHAR(20) UNIQUE, size INTEGER, at TIMESTAMP NULL, "
        "name VARCHAR(200), twice INTEGER GENERATED ALWAYS AS (size * 2) STORED)",
        "CREATE INDEX thing_name ON thing (name)",
        "CREATE TABLE audit (thing INTEGER, size INTEGER)",
        f"CREATE TRIGGER notes AFTER INSERT ON thing FOR EACH ROW {begin} {body}{end}",
    )
    for _ in either():
        for source in (place.file(".csv", csv()), columns(), pa.Table.from_pylist(columns())):
            assert Changes(inserted=ROWS) == place.db.load("thing", source)
            place.commit()
            place.db.writer.rebuild = True
            place.db.load("thing", [{"code": "next"}])
            asked = "SELECT count(*) AS n, sum(size) AS s, sum(twice) AS t FROM thing"
            assert [{"n": ROWS + 1, "s": 8_998, "t": 17_996}] == place.db.rows(asked)
            assert [{"n": ROWS + 1, "s": 8_998}] == place.db.rows("SELECT count(*) AS n, sum(size) AS s FROM audit")
            assert place.db.scalar("SELECT id FROM thing WHERE code = 'next'") > ROWS
            for name in ("thing", "audit"):
                place.db.delete(name, where={})
        heads = [f"{L[0]},twice", *(f"{line},2" for line in L[1:])]
        with pytest.raises(SeedError, match="the database computes this column"):
            place.db.load("thing", place.csv("\n".join(heads)))


@pytest.mark.only("postgresql")
def test_rules_and_partitions(place: Place, either: Ways) -> None:
    """What a rule turns away is missed; a row without a partition is named; and rows go into theirs."""
    things(place)
    place.create(
        "CREATE TABLE ruled (LIKE thing INCLUDING INDEXES INCLUDING CONSTRAINTS)",
        "CREATE RULE away AS ON INSERT TO ruled WHERE NEW.size = 6 DO INSTEAD NOTHING",
        "CREATE TABLE parted (LIKE thing) PARTITION BY RANGE (id)",
        "CREATE TABLE low PARTITION OF parted FOR VALUES FROM (0) TO (2000)",
        "CREATE TABLE high PARTITION OF parted FOR VALUES FROM (2000) TO (4000)",
        "CREATE INDEX parted_name ON parted (name)",
        "CREATE VIEW seen AS SELECT * FROM thing",
    )
    missed, numbered, lost, wrong = [], [], [], []
    for _ in either():
        for source in (place.file(".csv", csv()), columns(), pa.Table.from_pylist(columns())):
            missed.append(told(place, source, "ruled")[:2])
            place.db.load("parted", source)
            assert [(1_999, 1_001)] == [
                tuple(row.values())
                for row in place.db.rows("SELECT (SELECT count(*) FROM low), (SELECT count(*) AS n FROM high)")
            ]
            place.rollback()
            wrong.append(told(place, source, "low")[4:6])
            with pytest.raises(SeedError, match="this is a view"):
                place.db.load("seen", source)
        numbered.append(told(place, columns(size=-1), "ruled")[5])
        lost.append(told(place, pa.Table.from_pylist(columns(id=9_999)), "parted")[5])
    assert {(f"{ROWS} rows were to be inserted, but the database kept 2572 of them", missed[0][1])} == set(missed)
    assert "rule away" in missed[0][1]
    assert ([BAD, BAD], [BAD, BAD]) == (numbered, lost)
    assert [(2_001, None), (None, 2_000), (None, 2_000)] * 2 == wrong


@pytest.mark.only("postgresql")
def test_policies_for_rows(place: Place, either: Ways) -> None:
    """They hold for a role that is not the table's owner: COPY would be refused, so rows are inserted."""
    things(place)
    name = f"role_{place.connection.engine.url.database}"
    place.create(
        "ALTER TABLE thing ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY sizes ON thing USING (size < 5) WITH CHECK (size < 7)",
        f"CREATE ROLE {name}",
        f"GRANT ALL ON thing TO {name}",
    )
    try:
        for _ in either():
            for source in (place.file(".csv", csv()), columns(), pa.Table.from_pylist(columns())):
                place.connection.exec_driver_sql(f"SET LOCAL ROLE {name}")
                assert Changes(inserted=ROWS) == place.db.load("thing", source)
                place.connection.exec_driver_sql("RESET ROLE")
                assert ROWS == place.db.scalar("SELECT count(*) FROM thing")
                place.rollback()
            place.connection.exec_driver_sql(f"SET LOCAL ROLE {name}")
            with pytest.raises(DatabaseError, match="violates row-level security policy") as caught:
                place.db.load("thing", place.csv(csv(f"{BAD},c,9,2026-01-05,x")))
            assert BAD + 1 == caught.value.place.line
            place.rollback()
    finally:
        place.create("DROP TABLE thing", f"DROP ROLE {name}")


@pytest.mark.only("mysql")
def test_a_row_that_is_longer_than_the_server_takes(place: Place) -> None:
    """The server hangs up without a word, so what may be the reason is told."""
    place.create("CREATE TABLE wide (id INTEGER PRIMARY KEY, v0 LONGTEXT)")
    place.seeds(
        {"reference/20260105_0001_wide.py": "def upgrade(db):\n    db.load('wide', [{'id': 1, 'v0': 'x' * 2**25}])\n"}
    )
    with place.seeder() as seeder, pytest.raises(DatabaseError) as caught:
        seeder.upgrade()
    assert "max_allowed_packet" in f"{caught.value.message} {caught.value.hint}"
    assert 0 == place.db.scalar("SELECT count(*) FROM wide")
