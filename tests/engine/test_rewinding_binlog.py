"""Going back by rows on MySQL and MariaDB: the binlog tells which tables were written, by whomever."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tdm_seed.dialects.mysql import binlog, mark, places, rewind
from tdm_seed.dialects.mysql.definitions import run
from tdm_seed.dialects.rewinding import Rewound, Touched
from tdm_seed.engine import Progress, rewinding
from tdm_seed.engine.session import Session
from tdm_seed.errors import DatabaseError, DriftError, Locked, Protected
from tdm_seed.testing import servers
from tdm_seed.values import Way
from tests.engine.conftest import playground
from tests.engine.playground import MANIFEST, Playground, Points
from tests.engine.rewound import Rewinds, again, counted, dies, does, kept
from tests.own_snapshots import drop_own

#: A self reference, a circle, tables without a key, a computed column, JSON, an odd name, and all kinds of values.
TABLES = (
    "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
    "CREATE TABLE person (id int PRIMARY KEY AUTO_INCREMENT, boss int, name varchar(50), "
    "loud varchar(60) AS (upper(name)) STORED, home varchar(2), badge int UNIQUE, FOREIGN KEY (boss) REFERENCES "
    "person (id), FOREIGN KEY (home) REFERENCES country (code) ON UPDATE CASCADE ON DELETE CASCADE)",
    "CREATE TABLE hen (id int PRIMARY KEY AUTO_INCREMENT, egg int NOT NULL)",
    "CREATE TABLE egg (id int PRIMARY KEY AUTO_INCREMENT, hen int NOT NULL, FOREIGN KEY (hen) REFERENCES hen (id))",
    "CREATE TABLE loose (n int, said json, person int, FOREIGN KEY (person) REFERENCES person (id) "
    "ON DELETE SET NULL ON UPDATE SET NULL)",
    "CREATE TABLE paired (n int NOT NULL, word varchar(5) NOT NULL, more int, UNIQUE (n, word), UNIQUE (more))",
    "CREATE TABLE `od``d %t:x.y` (`a.b (c)` varchar(20) PRIMARY KEY, `n\nl` int)",
    "CREATE TABLE part (id int AUTO_INCREMENT, k int, PRIMARY KEY (id, k)) PARTITION BY HASH (k) PARTITIONS 2",
    "CREATE TABLE felt (id int PRIMARY KEY AUTO_INCREMENT, mood enum('sad', 'glad'), hues set('a', 'b'), "
    "at datetime(3), day date NOT NULL, seen timestamp NULL ON UPDATE CURRENT_TIMESTAMP, bits bit(5), "
    "word text CHARACTER SET latin1, raw varbinary(20), much float, said json)",
    "INSERT INTO country VALUES ('de', 'Germany'), ('ie', 'Ireland')",
    "INSERT INTO city (name, country_code) VALUES ('Cork', 'ie')",
    "INSERT INTO person (id, boss, name, home, badge) VALUES (1, 1, 'Ann', 'de', 1), (2, 1, 'Bob', 'ie', 2), "
    "(3, 2, 'Cy', 'de', 3)",
    "INSERT INTO hen (egg) VALUES (1), (2)",
    "INSERT INTO egg (hen) VALUES (1), (2)",
    "ALTER TABLE hen ADD FOREIGN KEY (egg) REFERENCES egg (id)",
    """INSERT INTO loose VALUES (1, '{"b": 1, "a": 2}', 1), (1, '{"b": 1, "a": 2}', 1)""",
    "INSERT INTO paired VALUES (1, 'a', NULL), (1, 'b', NULL), (2, 'a', 1)",
    "INSERT INTO `od``d %t:x.y` VALUES ('a', 1), ('b', 2)",
    "INSERT INTO part (k) VALUES (1), (2)",
    "INSERT INTO felt VALUES (0, 'sad', 'a,b', '2026-01-01 10:00:00.123', '0000-00-00', '2026-01-01', b'10101', "
    "'caf\u00e9', X'00ff27', 0.1, '[1]'), (7, NULL, '', NULL, '2026-01-00', NULL, NULL, 'A ', '', -0e0, NULL)",
)

#: What an application does, some of which the database refuses; numbers and codes are drawn for each.
WRITES = (
    "INSERT INTO person (boss, name, home, badge) VALUES ({0}, 'new', '{2}', {1})",
    "UPDATE person SET name = CONCAT(name, 'x'), badge = badge + {0} WHERE id = {1}",
    "UPDATE person SET boss = {0}, home = '{2}'",
    "DELETE FROM person WHERE id >= {0}",
    "INSERT INTO country VALUES ('{2}', 'Another')",
    "UPDATE country SET code = '{2}' WHERE code = '{3}'",
    "UPDATE country SET name = lower(name), code = upper(code)",
    "DELETE FROM country WHERE code = '{2}'",
    "SET foreign_key_checks = 0; DELETE FROM egg; INSERT INTO hen (egg) VALUES ({0}); SET foreign_key_checks = 1",
    "SET foreign_key_checks = 0; TRUNCATE person; TRUNCATE `hen`; SET foreign_key_checks = 1",
    "UPDATE egg SET hen = {0}",
    "INSERT INTO loose (n, person) VALUES ({0}, {1})",
    "DELETE FROM loose LIMIT 1",
    "TRUNCATE TABLE loose",
    "UPDATE paired SET n = n + {0}, more = {1}",
    "INSERT INTO paired VALUES ({0}, 'A', {1})",
    "UPDATE `od``d %t:x.y` SET `a.b (c)` = upper(`a.b (c)`)",
    "DELETE FROM `od``d %t:x.y` WHERE `n\nl` = {0}",
    "INSERT INTO part (k) VALUES ({0})",
    "ALTER TABLE part AUTO_INCREMENT = 77",
    "UPDATE felt SET mood = 'glad', hues = 'a', at = now(3), word = 'caf\u00c9', bits = b'1', much = much + 0e0",
    "UPDATE felt SET word = 'a', raw = X'00ff28', said = '[1 ]'",
    "INSERT INTO felt (day, raw) VALUES ('2026-01-01', X'fffe')",
    "SET SESSION tx_isolation = 'REPEATABLE-READ', binlog_format = STATEMENT; UPDATE part SET k = k + 2; SET SESSION binlog_format = ROW",
)
WRITE = st.tuples(
    st.sampled_from(WRITES),
    st.integers(1, 5),
    st.integers(1, 5),
    st.sampled_from(["de", "ie", "pt", "DE"]),
    st.sampled_from(["de", "ie", "pt"]),
).map(lambda drawn: drawn[0].format(*drawn[1:]))
TRANSACTION = st.tuples(st.lists(WRITE, min_size=1, max_size=3), st.booleans())


@pytest.fixture
def bare(logging_mysql_url: str, tmp_path: Path) -> Playground:
    """A playground with a seed, on a server that writes a binlog."""
    made = playground(tmp_path / "project", logging_mysql_url)
    made.item("one", 1)
    return made


@pytest.fixture
def play(bare: Playground) -> Playground:
    """A playground with everything that makes going back hard."""
    bare.sql(*TABLES)
    return bare


@pytest.fixture
def back(play: Playground) -> Iterator[Rewinds]:
    """What goes back to the seeded state."""
    with kept(play) as rewinds:
        yield rewinds


@pytest.fixture
def lean(bare: Playground) -> Iterator[Rewinds]:
    """The same with four tables."""
    bare.sql("CREATE TABLE loose (n int)", "INSERT INTO loose VALUES (1)")
    bare.sql("INSERT INTO country VALUES ('ie', 'Ireland')")
    bare.sql("INSERT INTO city (name, country_code) VALUES ('Cork', 'ie')")
    with kept(bare) as rewinds:
        yield rewinds


def state(play: Playground) -> dict[str, Any]:
    """Read every row, and what every table is made of, with its next number."""
    found: dict[str, Any] = {}
    with play.connection() as connection:
        for table in sa.inspect(connection).get_table_names():
            if not table.startswith("seed_history"):
                name = "`" + table.replace("`", "``") + "`"
                made = run(connection, f"SHOW CREATE TABLE {name}").all()
                found[table] = (made, sorted(map(repr, run(connection, f"SELECT * FROM {name}"))))
    return found


@settings(max_examples=15, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(transactions=st.lists(TRANSACTION, min_size=1, max_size=4))
def test_whatever_was_written_everything_is_as_it_was(
    play: Playground, back: Rewinds, transactions: list[tuple[list[str], bool]]
) -> None:
    """Rows byte for byte and next numbers, after any writes, roll-backs, truncations and cascades."""
    before = state(play)
    for statements, commits in transactions:
        does(play, statements, commits=commits)
    back()
    assert before == state(play)
    assert Rewound() == back()


def test_nothing_is_done_where_nothing_was_written(play: Playground, back: Rewinds) -> None:
    """One question; the history says nothing of it, whatever was rolled back or written to other databases."""
    does(play, ["UPDATE country SET name = 'x'", "DELETE FROM loose"], commits=False)
    other = f"other_{sa.make_url(play.url).database}"
    play.sql(
        f"CREATE DATABASE {other}", f"CREATE TABLE {other}.country (n int)", f"INSERT INTO {other}.country SELECT 1"
    )
    play.sql(f"DROP DATABASE {other}", "CREATE TABLE scratch (n int)", "INSERT INTO scratch VALUES (1)")
    play.sql("DROP TABLE scratch", "ANALYZE TABLE country", "CREATE TEMPORARY TABLE country (n int)")
    before = play.history()
    assert Rewound() == back()
    assert before == play.history()


def test_what_somebody_has_written_is_not_saved_as_what_seeds_make(bare: Playground, lean: Rewinds) -> None:
    """Tables by the log, numbers by themselves; behind a reset it is saved, and what a save does is no write."""
    does(bare, ["DELETE FROM item"])
    does(bare, ["INSERT INTO city (name, country_code) VALUES ('x', 'ie')"], commits=False)
    assert Touched(("item",), ("city",)) == rewinding.touched(lean.session, lean.kept)
    with bare.seeder() as seeder:
        said = "somebody has written to item and drawn numbers from city since it was seeded"
        with pytest.raises(DriftError, match=said):
            seeder.snapshot()
        lean()
        try:
            assert [True, True] == [seeder.snapshot(again=True).built for _ in range(2)]
        finally:
            drop_own(seeder)
    assert Touched() == rewinding.touched(lean.session, lean.kept)


def test_only_the_tables_that_were_written_are_touched(play: Playground, back: Rewinds) -> None:
    """And those that a foreign key may have changed with them; rows that are as they were stay, and none is counted."""
    does(play, ["INSERT INTO person (name) VALUES ('x'), ('y')", "UPDATE country SET name = 'x' WHERE code = 'de'"])
    does(play, ["DELETE FROM city", "INSERT INTO city VALUES (77, 'x', 'de')"], commits=False)
    done = back()
    assert {"country": (1, 0, 1), "loose": (2, 0, 2), "person": (2, 0, 0)} == counted(done)
    assert ("city", "person") == done.sequences


def test_a_change_that_the_columns_do_not_tell_apart_is_put_back(play: Playground, back: Rewinds) -> None:
    """Case, blanks at the end, the sign of zero, and the words of a document."""
    before = state(play)
    does(play, ["UPDATE country SET name = 'GERMANY' WHERE code = 'de'", "UPDATE felt SET word = 'A', much = 0 - much"])
    does(
        play,
        ["UPDATE felt SET said = '[ 1]' WHERE said IS NOT NULL", "UPDATE country SET code = 'IE' WHERE code = 'ie'"],
    )
    assert {"country", "felt"} <= counted(back()).keys()
    assert before == state(play)


def test_the_history_says_that_rows_were_put_back_and_all_seeds_stay_applied(bare: Playground, lean: Rewinds) -> None:
    """What we write ourselves does not count as written, not even to a table that has no key and so is replaced."""
    does(bare, ["DELETE FROM item", "DELETE FROM loose"])
    assert {"item": (0, 0, 1), "loose": (0, 0, 1)} == counted(lean())
    does(bare, ["DELETE FROM item", "DELETE FROM loose"])
    lean()
    assert Rewound() == lean()
    entries = bare.history()
    assert ["applied", "reset", "reset"] == [str(entry.state) for entry in entries]
    assert {"way": "rows"} == entries[-1].note
    assert ([], 2) == (bare.ran(), entries[-1].changes.inserted)


def test_what_is_kept_is_found_again_until_the_history_goes_on(bare: Playground, lean: Rewinds) -> None:
    """Another process goes back, too; but never to rows from before a seed that was applied since."""
    does(bare, ["DELETE FROM item"])
    with again(bare, lean) as other:
        assert lean.kept == rewinding.find(other.session)
        assert {"item": (0, 0, 1)} == counted(other())
        assert lean.kept == rewinding.find(other.session)
    bare.item("two", 2)
    bare.ran()
    assert rewinding.find(lean.session) is None
    with pytest.raises(rewinding.Stale, match="the history has gone on since rows were kept"):
        lean()
    assert [1, 2] == bare.items()


def test_a_log_that_is_gone_is_not_gone_back_by(bare: Playground, logging_mysql: servers.Server) -> None:
    """Nobody knows what was written, neither after a purge nor after the log began anew."""
    if logging_mysql.pid is None:
        pytest.skip("the server given by the environment is not ours to purge")
    for purge in (True, False):
        with kept(bare) as back:
            assert back.kept == rewinding.find(back.session)
            bare.sql("FLUSH BINARY LOGS" if purge else "RESET MASTER")
            while len(logs := bare.rows("SHOW BINARY LOGS")) > 1:  # one that is not written to the tables yet stays
                bare.sql(f"PURGE BINARY LOGS TO '{logs[-1][0]}'")
            bare.sql("DELETE FROM item")
            assert rewinding.find(back.session) is None
            with pytest.raises(DatabaseError, match="nobody knows what was written since rows were kept"):
                back()
            assert [] == bare.items()
            bare.sql("INSERT INTO item VALUES (1, 'one')")


def test_a_log_that_was_cut_off_is_not_gone_back_by(
    bare: Playground, lean: Rewinds, logging_mysql: servers.Server
) -> None:
    """After a crash of the server, rows may be there that its log does not tell of."""
    if logging_mysql.pid is None:
        pytest.skip("the server given by the environment is not ours to cut off")
    file = bare.rows("SHOW MASTER STATUS")[0][0]
    bare.sql("DELETE FROM item", "FLUSH BINARY LOGS")
    assert lean.kept == rewinding.find(lean.session)
    end = next(row[1] for row in bare.rows(f"SHOW BINLOG EVENTS IN '{file}'") if row[2] == "Rotate")
    os.truncate(Path(bare.rows("SELECT @@datadir")[0][0]) / file, end)
    assert rewinding.find(lean.session) is None


def test_another_log_of_the_same_name_is_not_gone_back_by(bare: Playground, lean: Rewinds) -> None:
    """Such as that of a server to which the databases were copied: what we have written there first is not in it."""
    assert lean.kept == rewinding.find(lean.session)
    with bare.connection() as connection:
        name = mark.beside(connection)
    bare.sql(f"UPDATE {name}.baseline SET anchor = 'something else'")
    assert rewinding.find(lean.session) is None


def test_what_acting_foreign_keys_lead_to_counts_as_written(play: Playground) -> None:
    """No event need tell of it; also by way of tables that stay."""
    with play.connection() as connection:
        kept_here = places.read(connection, ["loose", "country", "city"])
        names = {place.number: place.name for place in kept_here}
        found = places.reach(connection, kept_here)
    reached = {name.split(".", 1)[1]: {names[number] for number in numbers} for name, numbers in found.items()}
    expected = {"country": {"country", "loose"}, "person": {"loose"}, "loose": {"loose"}, "city": {"city"}}
    assert expected == reached


def test_the_log_may_go_on_in_other_files(bare: Playground, lean: Rewinds) -> None:
    """They are read one after the other; where there is too much to read, all tables are compared."""
    before = state(bare)
    bare.sql("DELETE FROM item", "FLUSH BINARY LOGS", "DELETE FROM city", "FLUSH BINARY LOGS")
    assert {"city": (0, 0, 1), "item": (0, 0, 1)} == counted(lean())
    assert before == state(bare)


def test_where_there_is_too_much_to_read_all_tables_are_compared(
    play: Playground, back: Rewinds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a load of millions of rows is not read event by event."""
    monkeypatch.setattr(binlog, "LIMIT", 10)
    before = state(play)
    play.sql(*["DELETE FROM country WHERE code = 'xx'; INSERT INTO item VALUES (7, 'x'); DELETE FROM item"] * 3)
    assert {"item": (0, 0, 1), "loose": (2, 0, 2)} == counted(back())
    assert before == state(play)


def test_a_table_is_put_back_however_somebody_has_emptied_it(play: Playground, back: Rewinds) -> None:
    """The binlog holds the statement as it was written."""
    before = state(play)
    for statement in (
        "TRUNCATE item -- clean",
        "TRUNCATE TABLE item # clean",
        "TRUNCATE TABLE item WAIT 5",
        "TRUNCATE item NOWAIT",
        "TRUNCATE item /* a\nb */",
        "TRUNCATE/**/TABLE item",
        "SET sql_mode = 'ANSI_QUOTES'; TRUNCATE TABLE \"item\"",
    ):
        with play.connection() as connection:
            for each in statement.split("; "):
                connection.exec_driver_sql(each, execution_options={"no_parameters": True})
        assert [] == play.items()
        back()
        assert before == state(play), statement


def test_rows_are_kept_when_those_who_write_them_are_done(bare: Playground) -> None:
    """And no later than was asked for."""
    bare.ran()
    with Session(bare.environment(), 0.1, Progress()) as session:
        with bare.connection() as other:
            other.exec_driver_sql("UPDATE item SET label = 'x'")
            begun = time.monotonic()
            with session.lock() as lock, pytest.raises(Locked):
                rewinding.prepare(session, lock, "key")
            assert time.monotonic() - begun < 30
        with session.lock() as lock:
            assert rewinding.prepare(session, lock, "key") == rewinding.find(session)


def test_a_table_that_was_made_anew_is_put_back_or_refused(bare: Playground, lean: Rewinds) -> None:
    """Where it is as it was; nothing was changed where it is not."""
    bare.sql("DROP TABLE item", "CREATE TABLE item (id int PRIMARY KEY, label varchar(200))")
    assert {"item": (0, 0, 1)}.items() <= counted(lean()).items()
    bare.sql("ALTER TABLE item DROP COLUMN label", "DELETE FROM city")
    with pytest.raises(rewinding.Stale, match="the schema has changed since rows were kept"):
        lean()
    assert [] == bare.rows("SELECT * FROM city")


def test_what_has_changed_of_the_schema_is_named(bare: Playground, lean: Rewinds) -> None:
    """Tables that are gone, and columns."""
    assert lean.kept == rewinding.look(lean.session, "key")
    bare.sql("DROP TABLE loose", "ALTER TABLE item ADD COLUMN more int, MODIFY id bigint", "CREATE TABLE later (n int)")
    said = "the column item.id is of another type, the column item.more is new, the table loose is gone"
    assert f"the schema has changed since rows were kept: {said}" == rewinding.look(lean.session, "key")


def test_other_connections_stay_open(bare: Playground, lean: Rewinds) -> None:
    """Nobody is cut off, and what somebody has not committed yet is put back the next time."""
    engine = lean.session.dialect.engine(lean.session.url, "the application")
    with engine.connect() as other:
        other.exec_driver_sql("DELETE FROM item")
        other.commit()
        other.exec_driver_sql("DELETE FROM city")
        assert {"item": (0, 0, 1)} == counted(lean())
        other.commit()
        assert {"city": (0, 0, 1)} == counted(lean())
    engine.dispose()


def test_a_row_that_is_being_written_is_waited_for(bare: Playground, lean: Rewinds) -> None:
    """At most as long as another runner; then nothing was changed, and the next attempt does it all."""
    does(bare, ["DELETE FROM city", "INSERT INTO item VALUES (2, 'x')"])
    engine = lean.session.dialect.engine(lean.session.url, "the application")
    lean.session.lock_timeout = 1
    with engine.connect() as other:
        other.exec_driver_sql("UPDATE item SET label = 'mine' WHERE id = 2")
        number = other.scalar(sa.text("SELECT CONNECTION_ID()"))
        said = rf"one of item, city, and was not done in time; a transaction is open of .* \(connection {number}, idle"
        begun = time.monotonic()
        with pytest.raises(Locked, match=said):
            lean()
        assert time.monotonic() - begun < 30
        assert [1, 2] == bare.items()
        other.commit()
        assert {"city": (0, 0, 1), "item": (1, 0, 0)} == counted(lean())
    engine.dispose()


def test_numbers_that_cannot_be_set_back_are_told(bare: Playground, lean: Rewinds) -> None:
    """The rows are back by then, and the next attempt does the rest."""
    before = state(bare)
    does(bare, ["INSERT INTO city (name, country_code) VALUES ('Cork', 'ie')"])
    engine = lean.session.dialect.engine(lean.session.url, "the application")
    lean.session.lock_timeout = 1
    with engine.connect() as other:
        other.exec_driver_sql("SELECT * FROM city").all()
        with pytest.raises(Locked, match="the rows are put back, but not the numbers of new ones: ") as told:
            lean()
        assert "Let them end their transactions, and reset again." == told.value.hint
        other.rollback()
    engine.dispose()
    lean()
    assert before == state(bare)


def test_what_somebody_commits_while_we_wait_is_put_back_too(bare: Playground, lean: Rewinds) -> None:
    """Also in a table that nobody had written to when we began."""
    before = state(bare)
    does(bare, ["INSERT INTO item VALUES (2, 'x')"])
    engine = lean.session.dialect.engine(lean.session.url, "the application")
    with engine.connect() as other:
        other.exec_driver_sql("UPDATE item SET label = 'mine' WHERE id = 2")
        other.exec_driver_sql("DELETE FROM city")
        commits = threading.Timer(0.3, other.commit)
        commits.start()
        assert {"city": (0, 0, 1), "item": (1, 0, 0)} == counted(lean())
        commits.join()
    engine.dispose()
    assert before == state(bare)
    assert Rewound() == lean()


def test_what_somebody_commits_where_we_were_done_is_put_back_too(bare: Playground, lean: Rewinds) -> None:
    """Children are looked at first; one that comes behind that must not be left without its parent."""
    before = state(bare)
    does(bare, ["UPDATE city SET name = 'x'", "UPDATE country SET name = 'x'"])
    engine = lean.session.dialect.engine(lean.session.url, "the application")
    with engine.connect() as other, ThreadPoolExecutor(1) as pool:
        other.exec_driver_sql("INSERT INTO country VALUES ('pt', 'Portugal')")
        done = pool.submit(lean)
        waits = "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
        while bare.rows(waits) == [(0,)]:
            assert not done.done()
        other.exec_driver_sql("INSERT INTO city (name, country_code) VALUES ('Porto', 'pt')")
        other.commit()
        assert {"city": (2, 0, 1), "country": (2, 0, 1)} == counted(done.result())
    engine.dispose()
    assert before == state(bare)
    assert Rewound() == lean()


def test_whoever_does_not_stop_writing_is_not_gone_on_against(
    bare: Playground, lean: Rewinds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then nothing was changed."""
    does(bare, ["DELETE FROM item", "DELETE FROM city"])
    look = rewind.look

    def writes(connection: sa.Connection) -> rewind.Found:
        found = look(connection)
        bare.sql("INSERT INTO country VALUES ('pt', 'Portugal')", "DELETE FROM country WHERE code = 'pt'")
        return found

    monkeypatch.setattr(rewind, "look", writes)
    monkeypatch.setattr(rewind, "_ROUNDS", 3)
    with pytest.raises(Locked, match="others do not stop to write what is put back"):
        lean()
    assert [] == bare.items()


def test_a_row_is_not_put_back_without_what_it_points_to(bare: Playground) -> None:
    """Where that was in a table that stays, and is gone."""
    bare.manifest(text=MANIFEST.replace("scenarios", 'keep = ["country"]\nscenarios'))
    bare.sql("INSERT INTO country VALUES ('ie', 'Ireland')")
    bare.sql("INSERT INTO city (name, country_code) VALUES ('Cork', 'ie')")
    with kept(bare) as back:
        bare.sql("DELETE FROM city", "DELETE FROM country")
        with pytest.raises(DatabaseError, match="points to no row of country"):
            back()
        assert [] == bare.rows("SELECT * FROM city")


def test_a_table_that_stays_is_left_alone(bare: Playground) -> None:
    """With its rows and its numbers; and nothing goes that its rows point to."""
    bare.manifest(text=MANIFEST.replace("scenarios", 'keep = ["city"]\nscenarios'))
    with kept(bare) as back:
        bare.sql("INSERT INTO country VALUES ('pt', 'Portugal')")
        bare.sql("INSERT INTO city (name, country_code) VALUES ('Porto', 'pt')")
        with pytest.raises(Protected, match="rows of city, which stay, point to rows of country that would go"):
            back()
        assert [("pt",)] == bare.rows("SELECT code FROM country")
        bare.sql("DELETE FROM city")
        bare.sql("INSERT INTO item VALUES (2, 'x')")
        done = back()
        assert ({"country": (1, 0, 0), "item": (1, 0, 0)}, ()) == (counted(done), done.sequences)


@pytest.mark.parametrize(
    ("made", "gone", "reason"),
    [
        ("CREATE TABLE odd (n int) ENGINE=MyISAM", "DROP TABLE odd", "the table odd is one of MyISAM"),
        ("CREATE TABLE odd (n int) ENGINE=MEMORY", "DROP TABLE odd", "the table odd is one of MEMORY"),
        (
            "CREATE TRIGGER noted AFTER DELETE ON item FOR EACH ROW DELETE FROM city",
            "DROP TRIGGER noted",
            "the trigger noted would run as rows of item are put back",
        ),
        ("SET GLOBAL binlog_format = MIXED", "SET GLOBAL binlog_format = ROW", "binlog_format is MIXED"),
        (
            "CREATE SEQUENCE free",
            "DROP SEQUENCE free",
            "nothing tells how many numbers of the sequence free are in use",
        ),
        (
            "CREATE TABLE odd (n int) WITH SYSTEM VERSIONING",
            "DROP TABLE odd",
            "the table odd keeps old versions of its rows",
        ),
    ],
    ids=["MyISAM", "MEMORY", "trigger", "format", "sequence", "versions"],
)
def test_what_cannot_be_put_back_is_named_first(
    bare: Playground, logging_mysql: servers.Server, made: str, gone: str, reason: str
) -> None:
    """Before anything is changed."""
    if logging_mysql.pid is None:
        pytest.skip("the server given by the environment may be a MySQL, and its settings are not ours")
    bare.ran()
    bare.sql(made)
    try:
        with Session(bare.environment(), 5, Progress()) as session:
            assert reason in str(rewinding.look(session, "key"))
            with session.lock() as lock, pytest.raises(DatabaseError, match=reason):
                rewinding.prepare(session, lock, "key")
    finally:
        bare.sql(gone)


def test_a_server_without_a_log_says_so(mysql_play: Playground) -> None:
    """Then another way it must be."""
    mysql_play.item("one", 1)
    mysql_play.ran()
    if mysql_play.rows("SELECT @@GLOBAL.log_bin") == [(1,)]:
        pytest.skip("the server given by the environment writes a binlog")
    with Session(mysql_play.environment(), 5, Progress()) as session:
        assert "the server writes no binlog, which would note what is written" == rewinding.look(session, "key")
        assert rewinding.find(session) is None


def test_a_user_is_told_what_is_missing(bare: Playground, logging_mysql: servers.Server) -> None:
    """To read the log, then to create the database beside; no more is needed than that."""
    if logging_mysql.pid is None:
        pytest.skip("the server given by the environment may be a MySQL, whose privileges have other names")
    bare.ran()
    name = sa.make_url(bare.url).database
    user = f"u{name}"[:30]
    bare.sql(f"CREATE USER {user}@localhost", f"GRANT ALL ON {name}.* TO {user}@localhost")
    url = sa.make_url(bare.url).set(username=user).render_as_string(hide_password=False)
    play = Playground(bare.root, url)
    try:
        with Session(play.environment(), 5, Progress()) as session:
            assert "this user may not read the binlog" in str(rewinding.look(session, "key"))
        bare.sql(f"GRANT BINLOG MONITOR ON *.* TO {user}@localhost")
        with Session(play.environment(), 5, Progress()) as session:
            assert "this user may not create the database tdm_seed_rows_" in str(rewinding.look(session, "key"))
        bare.sql(f"GRANT CREATE, SELECT, INSERT ON `tdm\\_seed\\_%`.* TO {user}@localhost")
        with Session(play.environment(), 5, Progress()) as session:
            assert "this user may not drop the database tdm_seed_rows_" in str(rewinding.look(session, "key"))
        bare.sql(f"GRANT ALL ON `tdm\\_seed\\_%`.* TO {user}@localhost")
        with kept(play) as back:
            does(play, ["INSERT INTO city (name, country_code) VALUES ('x', 'de')", "DELETE FROM item"])
            assert {"item": (0, 0, 1)} == counted(back())
    finally:
        bare.sql(f"DROP USER {user}@localhost")


POINTS = ["before putting back", "after putting back", "before commit", "before numbers", "after commit"]


@pytest.mark.parametrize("point", POINTS)
def test_whoever_dies_is_gone_on_with(play: Playground, back: Rewinds, point: str) -> None:
    """SIGKILL, where nothing can be tidied up. Rows are all back or none; numbers follow, the next time at the latest."""
    seeded = state(play)
    does(play, ["INSERT INTO person (name, badge) VALUES ('x', 9)", "DELETE FROM loose"])
    written = state(play)
    dies(play, point)
    found = state(play)
    if point == "before numbers":
        assert {table: rows for table, (_, rows) in seeded.items()} == {name: rows for name, (_, rows) in found.items()}
    else:
        assert (seeded if point == "after commit" else written) == found
    assert back() if point != "after commit" else not back()
    assert seeded == state(play)
    assert not back()


@pytest.mark.parametrize("point", ["before commit", "after commit"])
def test_whoever_dies_while_rows_are_kept_has_kept_all_or_nothing(bare: Playground, point: str) -> None:
    """What is left is no mark, and goes the next time."""
    bare.ran()
    dies(bare, point, "keep")
    with Session(bare.environment(), 5, Progress()) as session:
        assert (point == "after commit") == (rewinding.find(session) is not None)
    with kept(bare) as back:
        does(bare, ["DELETE FROM item"])
        assert {"item": (0, 0, 1)} == counted(back())


def test_another_runner_is_waited_for(bare: Playground, lean: Rewinds) -> None:
    """Going back holds the lock of a run, where there is anything to put back."""
    does(bare, ["DELETE FROM item"])
    with Session(bare.environment(), 5, Progress()) as other, other.lock(), again(bare, lean) as waiting:
        waiting.session.lock_timeout = 0.1
        with pytest.raises(Locked, match="another runner holds the lock"):
            waiting()
        assert [] == bare.items()
    assert {"item": (0, 0, 1)} == counted(lean())
    with Session(bare.environment(), 0.1, Progress()) as other, other.lock():
        assert Rewound() == lean()


def test_another_runner_is_not_kept_waiting_by_whoever_waits_for_it(bare: Playground) -> None:
    """It may drop every table meanwhile, as a clone does."""
    points = Points()
    with kept(bare, points) as back, ThreadPoolExecutor(1) as pool:
        does(bare, ["DELETE FROM item"])
        with Session(bare.environment(), 5, Progress()) as other, other.lock():
            done = pool.submit(back)
            while not points.waited:
                assert not done.done()
            bare.sql("SET lock_wait_timeout = 2", "LOCK TABLES seed_history WRITE", "UNLOCK TABLES")
        assert {"item": (0, 0, 1)} == counted(done.result())


def test_the_database_beside_goes_without_a_trace(bare: Playground, lean: Rewinds) -> None:
    """But not with what somebody else has put into it; then it holds nothing any more that is gone back to."""
    with bare.connection() as connection:
        name = mark.beside(connection)
    before = bare.digest()
    bare.sql(f"CREATE TABLE {name}.mine (n int)")
    with lean.session.lock() as lock, pytest.raises(DatabaseError, match="it holds the table mine"):
        rewinding.prepare(lean.session, lock, "key")
    assert lean.kept == rewinding.find(lean.session)
    rewinding.let_go(lean.session)
    assert rewinding.find(lean.session) is None
    bare.sql(f"DROP TABLE {name}.mine")
    rewinding.let_go(lean.session)
    assert rewinding.find(lean.session) is None
    assert [] == bare.rows(f"SHOW DATABASES LIKE '{name}'")
    assert before == bare.digest()


def test_a_mark_that_is_not_understood_is_none(bare: Playground, lean: Rewinds) -> None:
    """Such as that of another version."""
    with bare.connection() as connection:
        name = mark.beside(connection)
    for table in ("place", "baseline"):
        bare.sql(f"ALTER TABLE {name}.{table} RENAME COLUMN {'counter' if table == 'place' else 'turn'} TO more")
        bare.sql(f"ALTER TABLE {name}.{table} ADD COLUMN another int")
        assert rewinding.find(lean.session) is None
        rewinding.let_go(lean.session)
        with lean.session.lock() as lock:
            lean.kept = rewinding.prepare(lean.session, lock, "key")


def test_somebody_elses_database_of_that_name_is_left_alone(bare: Playground) -> None:
    """Seeds and resets go on without it."""
    with bare.connection() as connection:
        name = mark.beside(connection)
    bare.sql(f"CREATE DATABASE {name}", f"CREATE TABLE {name}.mine AS SELECT 1 AS n")
    assert ["one"] == bare.ran()
    with bare.seeder() as seeder:
        done = seeder.reset(confirmed=True)
    assert (Way.REBUILD, False) == (done.way, done.keeps)
    assert [(1,)] == bare.rows(f"SELECT n FROM {name}.mine")
    bare.sql(f"DROP DATABASE {name}")


@contextmanager
def a_role(bare: Playground, beside: str) -> Iterator[Playground]:
    """Log in as a role that owns the database, and has those rights on what is kept beside."""
    url = sa.make_url(bare.url)
    user = f"u{url.database}"[:30]
    bare.sql(f"CREATE USER {user} IDENTIFIED BY '{url.password or ''}'", f"GRANT ALL ON {url.database}.* TO {user}")
    bare.sql(f"GRANT {beside} ON `tdm\\_seed\\_rows\\_%`.* TO {user}")
    try:
        yield Playground(bare.root, url.set(username=user).render_as_string(hide_password=False))
    finally:
        bare.sql(f"DROP USER {user}")


@pytest.mark.parametrize("rights", ["SELECT", "SELECT, DELETE"])
def test_whoever_may_not_let_go_may_write_all_the_same(bare: Playground, lean: Rewinds, rights: str) -> None:
    """What is kept is emptied where that is allowed; and where it is not, the history tells that it is out of date."""
    with a_role(bare, rights) as play:
        play.item("two", 2)
        with Session(play.environment(), 5, Progress()) as session:
            rewinding.let_go(session)
        assert ("DELETE" in rights) == (rewinding.find(lean.session) is None)
        assert ["two"] == play.ran()
        assert rewinding.find(lean.session) is None
        with play.seeder() as seeder:
            done = seeder.reset(confirmed=True)
        assert (Way.REBUILD, False) == (done.way, done.keeps)
        assert rewinding.find(lean.session) is None
        with pytest.raises(rewinding.Stale, match="the history has gone on since rows were kept"):
            lean()
        assert [1, 2] == bare.items()


def test_what_was_kept_of_a_database_that_was_made_anew_is_not_gone_back_to(bare: Playground, lean: Rewinds) -> None:
    """Whoever may not let go has its history count from one again, where entries have the numbers that they had."""
    name = sa.make_url(bare.url).database
    with a_role(bare, "SELECT") as play:
        play.sql(f"DROP DATABASE {name}", f"CREATE DATABASE {name} CHARACTER SET utf8mb4", f"USE {name}")
        anew = playground(play.root, play.url)
        anew.sql("CREATE TABLE loose (n int)")
        assert ["one"] == anew.ran()
    with again(bare, lean) as other:
        assert (lean.kept.entry, 0) == other.session.history.newest(other.session.connection)
        other.session.connection.rollback()
        assert rewinding.find(other.session) is None
        with pytest.raises(DatabaseError, match="the database was made anew"):
            other()


def test_a_function_that_is_called_elsewhere_may_write_here(bare: Playground) -> None:
    """Where rows are not logged, and the statement tells of it in no way."""
    name = sa.make_url(bare.url).database
    bare.sql(f"CREATE DATABASE {name}_x")
    writes = "RETURNS int DETERMINISTIC MODIFIES SQL DATA BEGIN DELETE FROM item; RETURN 1; END"
    bare.sql(
        f"CREATE FUNCTION f() {writes}", f"CREATE FUNCTION {name}_x.f() RETURNS int DETERMINISTIC RETURN {name}.f()"
    )
    with kept(bare) as back:
        for made in (f"USE {name}_x; CREATE TABLE t AS SELECT f() AS n", "CREATE TEMPORARY TABLE t AS SELECT f() AS n"):
            with back.session.engine.connect() as other:
                run(other, "SET SESSION tx_isolation = 'REPEATABLE-READ', binlog_format = STATEMENT")
                other.commit()
                for each in made.split("; "):
                    run(other, each)
                other.commit()
                assert {"item": (0, 0, 1)}.items() <= counted(back()).items()
    bare.sql(f"DROP DATABASE {name}_x")
