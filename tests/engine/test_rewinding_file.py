"""Going back on SQLite: the copy is written over the open file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tdm_seed.dialects.rewinding import Rewound, Touched
from tdm_seed.dialects.sqlite import rewind
from tdm_seed.engine import Progress, rewinding
from tdm_seed.engine.session import Session
from tdm_seed.errors import DatabaseError, Locked
from tests.engine.playground import MANIFEST, Playground
from tests.engine.rewound import Rewinds, again, dies, does, kept

WRITES = (
    "INSERT INTO city (name, country_code) VALUES ('x', '{0}')",
    "DELETE FROM city",
    "UPDATE country SET code = '{0}'",
    "INSERT INTO country VALUES ('{0}', 'Another')",
    "INSERT INTO numbered (word) VALUES ('x'), ('y')",
    "DELETE FROM numbered",
    "UPDATE loose SET n = n + 1",
)
TRANSACTION = st.tuples(
    st.lists(
        st.tuples(st.sampled_from(WRITES), st.sampled_from(["ie", "pt"])).map(lambda drawn: drawn[0].format(drawn[1])),
        min_size=1,
        max_size=3,
    ),
    st.booleans(),
)


@pytest.fixture(params=["delete", "wal"])
def play(request: pytest.FixtureRequest, sqlite_play: Playground) -> Playground:
    """A playground, with a journal for roll-backs, and with a write-ahead log."""
    with sqlite3.connect(sqlite_play.url.removeprefix("sqlite:///")) as connection:
        connection.execute(f"PRAGMA journal_mode={request.param}")
    connection.close()
    sqlite_play.sql(
        "CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTOINCREMENT, word TEXT)",
        "CREATE TABLE loose (n)",
        "CREATE TRIGGER noted AFTER INSERT ON city BEGIN INSERT INTO loose VALUES (99); END",
        "INSERT INTO country VALUES ('ie', 'Ireland'), ('de', 'Germany')",
        "INSERT INTO city (name, country_code) VALUES ('Cork', 'ie')",
        "INSERT INTO numbered (word) VALUES ('a'), ('b')",
    )
    sqlite_play.item("one", 1)
    return sqlite_play


@pytest.fixture
def back(play: Playground) -> Iterator[Rewinds]:
    """What goes back to the seeded state."""
    with kept(play) as rewinds:
        yield rewinds


def content(play: Playground) -> dict[str, Any]:
    """Read all rows, where numbering stands, and the schema; but not the history."""
    found = {name: rows for name, rows in play.content().items() if not name.startswith("seed_history")}
    return {**found, "numbers": play.rows("SELECT * FROM sqlite_sequence ORDER BY 1"), "schema": play.tables()}


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(transactions=st.lists(TRANSACTION, min_size=1, max_size=3))
def test_whatever_was_written_everything_is_as_it_was(
    play: Playground, back: Rewinds, transactions: list[tuple[list[str], bool]]
) -> None:
    """Rows, numbers and the schema, after any writes and roll-backs."""
    before = content(play)
    for statements, commits in transactions:
        does(play, statements, commits=commits)
    back()
    assert before == content(play)


def test_the_history_says_each_time_that_rows_were_put_back(play: Playground, back: Rewinds) -> None:
    """Though it goes back with the file; all seeds stay applied, and what comes next is applied as ever."""
    for _ in range(2):
        does(play, ["DELETE FROM item"])
        assert Rewound(whole=True) == back()
    assert ["applied", "reset", "reset"] == [str(entry.state) for entry in play.history()]
    assert ([], [1]) == (play.ran(), play.items())
    play.item("two", 2)
    assert ["two"] == play.ran()
    assert rewinding.find(back.session) is None
    with pytest.raises(rewinding.Stale, match="the history has gone on since rows were kept"):
        back()


def test_the_history_keeps_the_latest_resets_that_put_the_file_back(
    play: Playground, back: Rewinds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was thinned out does not come back with the file."""
    monkeypatch.setattr("tdm_seed.engine.rewinding.PUT_BACK", 3)
    monkeypatch.setattr("tdm_seed.history.PUT_BACK", 3)
    counts = []
    for _ in range(9):
        does(play, ["DELETE FROM item"])
        back()
        counts.append(len(play.history()))
    assert [2, 3, 4, 5, 6, 7, 4, 5, 6] == counts
    assert ["applied", *["reset"] * 5] == [str(entry.state) for entry in play.history()]


def test_what_another_version_has_kept_is_not_gone_back_to(play: Playground, back: Rewinds) -> None:
    """Its copy is called otherwise, and goes when rows are kept anew."""
    (copy,) = rewind.copies(Path(play.url.removeprefix("sqlite:///")))
    copy.rename(copy.with_name(copy.name.rpartition("-")[0]))
    assert rewinding.find(back.session) is None
    with kept(play) as anew:
        assert anew.kept == rewinding.find(anew.session)
        assert 1 == len(rewind.copies(Path(play.url.removeprefix("sqlite:///"))))


def test_nothing_is_done_where_nothing_was_written(sqlite_play: Playground) -> None:
    """A live session knows; one that has just come does not, and goes back to be sure."""
    sqlite_play.item("one", 1)
    with kept(sqlite_play) as back:
        assert Rewound() == back()
        does(sqlite_play, ["DELETE FROM item"])
        assert [True, False, False] == [bool(back()) for _ in range(3)]
        with again(sqlite_play, back) as other:
            assert back.kept == rewinding.find(other.session)
            assert [True, False] == [bool(other()) for _ in range(2)]


@pytest.mark.parametrize(
    ("statements", "tables", "sequences"),
    [
        (["INSERT INTO item VALUES (2, 'x')", "DELETE FROM item WHERE id = 2"], [], []),
        (["DELETE FROM item"], ["item"], []),
        (["DELETE FROM loose", "INSERT INTO loose SELECT 99.0"], ["loose"], []),
        (["UPDATE country SET name = upper(name)"], ["country"], []),
        (["INSERT INTO numbered (word) VALUES ('c')", "DELETE FROM numbered WHERE word = 'c'"], [], ["numbered"]),
        (["""UPDATE "od""d t:x.y" SET "A b" = upper("A b") """], ['od"d t:x.y'], []),
        (["""DELETE FROM "od""d t:x.y" WHERE n = 1"""], ['od"d t:x.y'], []),
        (["INSERT INTO felt VALUES (1)"], ["felt"], []),
        (["VACUUM"], [], []),
    ],
)
def test_who_has_just_come_can_compare_the_file(
    play: Playground, statements: list[str], tables: list[str], sequences: list[str]
) -> None:
    """Row by row, as bytes and with types; a file that is found like the copy is not put back."""
    play.sql(
        'CREATE TABLE "od""d t:x.y" ("A b" TEXT COLLATE NOCASE, n, up AS (n + 1), PRIMARY KEY ("A b", n)) WITHOUT ROWID',
        """INSERT INTO "od""d t:x.y" VALUES ('an', 1), ('bc', 2)""",
        "CREATE TABLE felt (rowid TEXT)",
        "INSERT INTO felt VALUES (1), (1)",
        "CREATE VIRTUAL TABLE found USING fts4(word)",
        "INSERT INTO found VALUES ('some words')",
    )
    with kept(play) as back:
        back()
        with sqlite3.connect(play.url.removeprefix("sqlite:///"), isolation_level=None) as other:
            for statement in statements:
                other.execute(statement)
        other.close()
        with again(play, back) as came:
            found = rewinding.touched(came.session, back.kept)
            assert Touched(tuple(tables), tuple(sequences)) == found
            assert bool(found) == bool(came())


def test_who_has_just_come_says_nothing_of_what_cannot_be_compared(sqlite_play: Playground) -> None:
    """Such as a table whose columns have taken all names that rows have; going back makes it known."""
    sqlite_play.sql("CREATE TABLE taken (rowid, _rowid_ TEXT, oid)")
    sqlite_play.item("one", 1)
    with kept(sqlite_play) as back, again(sqlite_play, back) as came:
        does(sqlite_play, ["DELETE FROM item"])
        assert rewinding.touched(came.session, back.kept) is None
        assert came()
        assert Touched() == rewinding.touched(came.session, back.kept)


def test_what_has_changed_of_the_schema_is_named(play: Playground, back: Rewinds) -> None:
    """Whatever is new, gone or another one."""
    assert back.kept == rewinding.look(back.session, "key")
    play.sql("ALTER TABLE item ADD COLUMN more", "CREATE INDEX by_label ON item (label)", "DROP TRIGGER noted")
    said = "the table item is another one, the index by_label is new, the trigger noted is gone"
    assert f"the schema has changed since rows were kept: {said}" == rewinding.look(back.session, "key")


def test_other_connections_stay_open(play: Playground, back: Rewinds) -> None:
    """They read what is there now, and write on."""
    with sqlite3.connect(play.url.removeprefix("sqlite:///")) as other:
        other.execute("DELETE FROM item")
        other.commit()
        back()
        assert [(1,)] == other.execute("SELECT id FROM item").fetchall()
        other.execute("INSERT INTO item VALUES (2, 'x')")
        other.commit()
        back()
        assert [(1,)] == other.execute("SELECT id FROM item").fetchall()
    other.close()


def test_whoever_reads_for_too_long_is_told_and_nothing_was_changed(sqlite_play: Playground) -> None:
    """A reader keeps the file from being written; without it, going back works as ever."""
    sqlite_play.item("one", 1)
    sqlite_play.url += "?timeout=0.1"
    with kept(sqlite_play) as back:
        back.session.lock_timeout = 0
        does(sqlite_play, ["DELETE FROM item"])
        with sqlite_play.connection() as reader:
            reader.exec_driver_sql("SELECT * FROM country").fetchall()
            with pytest.raises(Locked, match="somebody reads or writes the database, and was not done in time"):
                back()
        assert [] == sqlite_play.items()
        back()
        assert [1] == sqlite_play.items()


@pytest.mark.parametrize("point", ["before putting back", "after putting back", "before commit", "after commit"])
def test_whoever_dies_has_put_everything_back_or_nothing(play: Playground, back: Rewinds, point: str) -> None:
    """SIGKILL; the next one goes back all the same."""
    seeded = content(play)
    does(play, ["DELETE FROM city", "INSERT INTO numbered (word) VALUES ('z')"])
    written = content(play)
    dies(play, point)
    assert (written if point == "before putting back" else seeded) == content(play)
    back()
    assert seeded == content(play)


@pytest.mark.parametrize("point", ["before commit", "after commit"])
def test_whoever_dies_while_rows_are_kept_leaves_a_copy_that_is_whole(play: Playground, point: str) -> None:
    """It has its name only when it is done."""
    play.ran()
    seeded = content(play)
    dies(play, point, "keep")
    does(play, ["DELETE FROM city"])
    with Session(play.environment(), 5, Progress()) as session:
        found = rewinding.find(session)
        assert found is not None
        Rewinds(session, found)()
    assert seeded == content(play)


def test_what_the_manifest_keeps_stands_in_the_way(sqlite_play: Playground) -> None:
    """A file goes back as a whole."""
    sqlite_play.manifest(text=MANIFEST.replace("scenarios", 'keep = ["city"]\nscenarios'))
    sqlite_play.ran()
    sqlite_play.item("one", 1)
    with Session(sqlite_play.environment(), 5, Progress()) as session:
        assert "nothing was seeded yet" == rewinding.look(session, "key")
        sqlite_play.ran()
        assert "the manifest keeps city, and the file goes back as a whole" == rewinding.look(session, "key")
        with session.lock() as lock, pytest.raises(DatabaseError, match="the manifest keeps city"):
            rewinding.prepare(session, lock, "key")


def test_a_copy_that_is_not_wanted_any_more_goes(play: Playground, back: Rewinds) -> None:
    """Nothing is left beside the file."""
    rewinding.let_go(back.session)
    assert rewinding.find(back.session) is None
    assert not [path.name for path in play.root.parent.rglob("*.tdm-seed.rows*")]
