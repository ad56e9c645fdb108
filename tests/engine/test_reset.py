"""Emptying a database and seeding it again: what goes, what stays, and what is refused before anything happens."""

from __future__ import annotations

import re
import time

import pytest
import sqlalchemy as sa

from tdm_seed.engine import baseline
from tdm_seed.engine.reset import ResetResult
from tdm_seed.errors import DatabaseError, Locked, Protected, SeedError, TdmSeedError, UsageError
from tdm_seed.values import Changes, State, Way
from tests.engine.playground import MANIFEST, Playground, Points

SHOP = """
def upgrade(db):
    db.upsert("country", [{"code": "AT", "name": "Austria"}, {"code": "PT", "name": "Portugal"}], key="code")
    db.load("city", [{"name": "Graz", "country_code": "AT"}, {"name": "Porto", "country_code": "PT"}])
"""


def reset(
    play: Playground, environment: str = "dev", *, confirmed: bool = True, empty: bool = False, adopt: bool = False
) -> ResetResult:
    """Reset in a session of its own."""
    with play.seeder(environment) as seeder:
        return seeder.reset(confirmed=confirmed, empty=empty, way=Way.REBUILD, adopt=adopt)


def create(play: Playground, *tables: str) -> None:
    """Create tables, with the type of a number that the database gives where ``SERIAL`` stands."""
    serial = {
        "sqlite": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "postgresql": "INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "mysql": "INTEGER AUTO_INCREMENT PRIMARY KEY",
    }
    kind = sa.make_url(play.url).get_backend_name()
    play.sql(*(table.replace("SERIAL", serial[kind]) for table in tables))


def test_a_reset_gives_what_the_seeds_gave_the_first_time(play: Playground) -> None:
    """Also where rows were added, changed and removed meanwhile; the counts are exact, and numbers begin anew."""
    play.seed("shop", SHOP)
    play.item("thing", 1, layer="scenario")
    play.ran()
    first, cities = play.digest(), play.rows("SELECT id, name FROM city ORDER BY id")
    play.sql("INSERT INTO item VALUES (8, 'x'), (9, 'y')", "DELETE FROM city WHERE name = 'Graz'")
    done = reset(play)
    assert {"city": 1, "country": 2, "item": 3} == {each.table: each.rows for each in done.emptying.tables}
    assert ["shop", "thing"] == [result.seed.name for result in done.results]
    assert first == play.digest()
    assert cities == play.rows("SELECT id, name FROM city ORDER BY id")
    assert [1, 2] == [number for number, _ in cities]


def test_the_history_is_only_added_to(play: Playground) -> None:
    """One entry says that the database was emptied, and behind it every seed is new."""
    play.item("one", 1)
    play.ran()
    assert () == reset(play, empty=True).results
    assert [State.APPLIED, State.RESET] == [entry.state for entry in play.history()]
    assert Changes(deleted=1) == play.history()[-1].changes
    assert ([], "pending") == (play.items(), play.status()["one"].state)
    assert ["one"] == play.ran()
    assert [] == play.ran()
    assert [1] == play.items()


def test_the_clock_of_today_is_renewed(play: Playground) -> None:
    """And another environment may seed what is empty."""
    play.manifest(text=MANIFEST.replace("2026-01-05T00:00:00Z", '"today"'))
    play.manifest("demo")
    play.item("one", 1, layer="scenario")
    play.ran()
    play.sql("UPDATE seed_history SET clock = '2024-02-29T00:00:00Z'")
    reset(play)
    assert play.history()[-1].clock.year > 2024
    reset(play, empty=True)
    assert ["one"] == play.ran(environment="demo")


def test_tables_that_point_to_one_another_and_to_themselves_are_emptied(play: Playground) -> None:
    """Also where the database looks at each key at once, and whatever it would do on delete."""
    create(
        play,
        "CREATE TABLE boss (id INTEGER PRIMARY KEY, boss_id INTEGER, team_id INTEGER, "
        "FOREIGN KEY (boss_id) REFERENCES boss (id) ON DELETE RESTRICT)",
        "CREATE TABLE team (id INTEGER PRIMARY KEY, boss_id INTEGER NOT NULL, "
        "FOREIGN KEY (boss_id) REFERENCES boss (id) ON DELETE RESTRICT)",
    )
    if "sqlite" in play.url:
        create(
            play,
            "DROP TABLE boss",
            "CREATE TABLE boss (id INTEGER PRIMARY KEY, boss_id INTEGER REFERENCES boss (id) ON DELETE RESTRICT, "
            "team_id INTEGER REFERENCES team (id) ON DELETE RESTRICT)",
        )
    else:
        create(play, "ALTER TABLE boss ADD FOREIGN KEY (team_id) REFERENCES team (id) ON DELETE RESTRICT")
    play.seed(
        "people",
        """
        def upgrade(db):
            with db.deferred_constraints("boss", "team"):
                db.load("boss", [{"id": 1, "boss_id": 2, "team_id": 1}, {"id": 2, "boss_id": None, "team_id": 1}])
                db.load("team", [{"id": 1, "boss_id": 2}])
        """,
    )
    play.ran()
    done = reset(play, empty=True)
    assert {"boss": 2, "team": 1} == {each.table: each.rows for each in done.emptying.tables}
    assert [(0, 0)] == play.rows("SELECT (SELECT count(*) FROM boss), (SELECT count(*) FROM team)")
    assert ["people"] == play.ran()


def test_what_the_manifest_keeps_stays(play: Playground) -> None:
    """And is told."""
    play.manifest(text=MANIFEST.replace("scenarios", 'keep = ["item"]\nscenarios'))
    play.seed("shop", SHOP)
    play.ran()
    play.sql("INSERT INTO item VALUES (5, 'kept')")
    done = reset(play, empty=True)
    assert [("item", "the manifest keeps it")] == [(each.table, each.reason) for each in done.emptying.kept]
    assert ([5], 0) == (play.items(), len(play.rows("SELECT * FROM country")))


def test_a_kept_table_whose_rows_point_to_others_refuses_the_reset(play: Playground) -> None:
    """Both are named, and nothing is changed: never an implicit ON DELETE CASCADE."""
    create(
        play,
        "CREATE TABLE visit (id INTEGER PRIMARY KEY, code VARCHAR(2), "
        "FOREIGN KEY (code) REFERENCES country (code) ON DELETE CASCADE)",
    )
    play.manifest(text=MANIFEST.replace("scenarios", 'keep = ["visit"]\nscenarios'))
    play.seed("shop", SHOP)
    play.ran()
    play.sql("INSERT INTO visit VALUES (1, NULL)")
    reset(play)
    play.sql("INSERT INTO visit VALUES (2, 'AT')")
    before = play.content()
    with pytest.raises(Protected) as refused:
        reset(play)
    assert "rows of visit, which is kept, point to country, which would be emptied" == refused.value.message
    assert "Keep country, too" in (refused.value.hint or "")
    assert before == play.content()


def test_a_table_to_keep_that_does_not_exist_refuses_the_reset(play: Playground) -> None:
    """A slip of the pen must not cost the rows of another table."""
    play.manifest(text=MANIFEST.replace("scenarios", 'keep = ["itme"]\nscenarios'))
    play.item("one", 1)
    play.ran()
    with pytest.raises(UsageError, match="`keep` names the table 'itme', which does not exist") as refused:
        reset(play)
    assert "Did you mean item?" in (refused.value.hint or "")
    assert [1] == play.items()


def test_rows_that_migrations_inserted_come_back(play: Playground) -> None:
    """With their numbers and values, parents and children, also a row that refers to itself; numbers go on behind."""
    create(
        play,
        "CREATE TABLE domain (id SERIAL, parent_id INTEGER NOT NULL, name VARCHAR(50), amount NUMERIC(20, 10), "
        "ratio FLOAT, born TIMESTAMP NULL, FOREIGN KEY (parent_id) REFERENCES domain (id))",
        "CREATE TABLE flag (code VARCHAR(9) PRIMARY KEY, domain_id INTEGER, "
        "FOREIGN KEY (domain_id) REFERENCES domain (id))",
    )
    over = "OVERRIDING SYSTEM VALUE " if "postgresql" in play.url else ""
    play.sql(
        f"INSERT INTO domain (id, parent_id, name, amount, ratio, born) {over}"
        "VALUES (7, 7, 'Österreich :x %s', 12345678.0123456789, 16777217.25, '2024-02-29 12:34:56')",
        "INSERT INTO flag VALUES ('root', 7)",
        "INSERT INTO country VALUES ('IE', 'Ireland')",
    )
    rows = play.content()
    play.seed(
        "more",
        """
        def upgrade(db):
            db.upsert("country", [{"code": "AT", "name": "Austria"}, {"code": "IE", "name": "Eire"}], key="code")
            db.load("domain", [{"parent_id": 7, "name": "below"}])
        """,
    )
    play.ran()
    whole = play.digest()
    play.sql("DELETE FROM flag")
    done = reset(play, empty=True)
    assert {"country": (2, 1), "domain": (2, 1), "flag": (0, 1)} == {
        each.table: (each.rows, each.restored) for each in done.emptying.tables
    }
    assert rows == {name: found for name, found in play.content().items() if not name.startswith("seed_history")}
    play.ran()
    assert whole == play.digest()
    assert [(7,), (8,)] == play.rows("SELECT id FROM domain ORDER BY id")


def test_rows_that_cannot_be_brought_back_stay_with_what_they_point_to(
    play: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is told why."""
    monkeypatch.setattr(baseline, "MOST_ROWS", 2)
    play.sql(
        "INSERT INTO country VALUES ('IE', 'Ireland')",
        "INSERT INTO city (id, name, country_code) VALUES (1, 'Cork', 'IE'), (2, 'Dublin', 'IE'), (3, 'Sligo', 'IE')",
    )
    play.item("one", 1)
    play.ran()
    done = reset(play)
    assert {
        "city": "it held rows before the first seed that cannot be brought back",
        "country": "rows of city point to it, which is kept",
    } == {each.table: each.reason for each in done.emptying.kept}
    assert (3, 1, [1]) == (len(play.rows("SELECT * FROM city")), len(play.rows("SELECT * FROM country")), play.items())


def test_rows_without_a_history_are_left_alone_unless_they_are_adopted(play: Playground) -> None:
    """Then they were there before the first seed, and a later reset still knows them."""
    play.sql("INSERT INTO item VALUES (5, 'first')")
    play.item("one", 1)
    with pytest.raises(Protected, match="this database holds rows and was never seeded, so it is not reset") as no:
        reset(play)
    assert ("item", True) == (no.value.place.table, "`--adopt`" in (no.value.hint or ""))
    assert [5] == play.items()
    assert 0 == reset(play, adopt=True).emptying.rows
    assert [1, 5] == play.items()
    reset(play, empty=True)
    assert [5] == play.items()


def test_a_first_seed_that_fails_leaves_the_baseline_open(play: Playground) -> None:
    """Rows that a migration adds before the next try are there before the first seed, too."""
    play.sql("INSERT INTO item VALUES (5, 'first')")
    broken = play.seed("one", "def upgrade(db):\n    raise ValueError\n")
    with pytest.raises(SeedError):
        play.ran()
    play.sql("INSERT INTO item VALUES (6, 'second')", "DELETE FROM item WHERE id = 5")
    play.path(broken).write_text('def upgrade(db):\n    db.insert("item", {"id": 1})\n')
    play.ran()
    reset(play, empty=True)
    assert [6] == play.items()


def test_the_tools_own_tables_are_no_content(play: Playground) -> None:
    """Neither emptied nor digested."""
    play.sql("INSERT INTO item VALUES (5, 'first')")
    play.item("one", 1)
    play.ran()
    assert ["city", "country", "item"] == [each.table for each in play.digest()]


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ('reset = "forbid"', "the environment 'dev' forbids a reset"),
        ('protected = true\nhosts = ["localhost"]', "the environment 'dev' is protected, so it is never reset"),
    ],
)
def test_what_the_manifest_forbids_is_not_done(sqlite_play: Playground, manifest: str, message: str) -> None:
    """Whatever the command line says."""
    sqlite_play.item("one", 1)
    sqlite_play.ran()
    sqlite_play.manifest(text=MANIFEST.replace("scenarios", f"{manifest}\nscenarios"))
    with sqlite_play.seeder() as seeder, pytest.raises(Protected) as refused:
        seeder.plan_reset()
    assert (message, 7) == (refused.value.message, refused.value.exit_code)
    with pytest.raises(Protected):
        reset(sqlite_play)
    assert [1] == sqlite_play.items()


def test_another_environments_database_is_not_emptied(play: Playground) -> None:
    """It carries the name of the environment that seeded it."""
    play.manifest("demo")
    play.item("one", 1)
    play.ran()
    with pytest.raises(Protected) as refused:
        reset(play, "demo")
    assert "this database was seeded as 'dev', so it is not reset as 'demo'" == refused.value.message
    assert [1] == play.items()


def test_an_emptied_database_is_not_emptied_by_another_environment(play: Playground) -> None:
    """What the first one keeps is still there; to be seeded by another one is enough to become its."""
    play.manifest(text=MANIFEST.replace("scenarios", 'keep = ["country"]\nscenarios'))
    play.manifest("demo")
    play.item("one", 1, layer="scenario")
    play.ran()
    play.sql("INSERT INTO country VALUES ('AT', 'Austria')")
    reset(play, empty=True)
    with pytest.raises(Protected) as refused:
        reset(play, "demo")
    assert "this database was last emptied as 'dev', so it is not reset as 'demo'" == refused.value.message
    assert [("AT",)] == play.rows("SELECT code FROM country")
    assert ["one"] == play.ran(environment="demo")
    assert {"country": 1, "item": 1} == {each.table: each.rows for each in reset(play, "demo").emptying.tables}


def test_what_is_not_confirmed_is_not_done_unless_the_manifest_allows_it(sqlite_play: Playground) -> None:
    """The default is to confirm."""
    sqlite_play.item("one", 1)
    sqlite_play.ran()
    with pytest.raises(Protected, match="must be confirmed") as refused:
        reset(sqlite_play, confirmed=False)
    assert "--yes" in (refused.value.hint or "")
    sqlite_play.manifest(text=MANIFEST.replace("scenarios", 'reset = "allow"\nscenarios'))
    assert 1 == reset(sqlite_play, confirmed=False).emptying.rows


class Breaks(Points):
    """Fails at a point of a run."""

    def __init__(self, point: str) -> None:
        super().__init__()
        self.point = point

    def reached(self, point: str) -> None:
        """Fail where it was asked for."""
        super().reached(point)
        if point == self.point:
            raise TdmSeedError(f"broken off {point}")


@pytest.mark.parametrize("point", ["after emptying", "before commit"])
def test_a_reset_that_fails_half_way_leaves_everything_as_it_was(play: Playground, point: str) -> None:
    """Rows, history and the numbers that come next."""
    play.sql("INSERT INTO country VALUES ('IE', 'Ireland')")
    play.seed("shop", SHOP)
    play.ran()
    before = play.content()
    with play.seeder(progress=Breaks(point)) as seeder, pytest.raises(TdmSeedError, match="broken off"):
        seeder.reset(confirmed=True)
    assert before == play.content()
    with play.connection() as connection:
        table = sa.Table("city", sa.MetaData(), autoload_with=connection, resolve_fks=False)
        connection.execute(sa.insert(table).values(name="Wien", country_code="AT"))
    assert [(3,)] == play.rows("SELECT id FROM city WHERE name = 'Wien'")
    assert reset(play).results


def test_the_next_upgrade_completes_a_reset_that_was_cut_off_behind_the_emptying(play: Playground) -> None:
    """Nothing twice, nothing missing, and numbers as in the first run."""
    play.seed("shop", SHOP)
    play.item("thing", 1)
    play.ran()
    whole, cities = play.digest(), play.rows("SELECT id, name FROM city ORDER BY id")
    with play.seeder(progress=Breaks("after commit")) as seeder, pytest.raises(TdmSeedError, match="broken off"):
        seeder.reset(confirmed=True)
    assert [] == play.items()
    assert {"pending"} == {each.state for each in play.status().values()}
    assert ["shop", "thing"] == play.ran()
    assert (whole, cities) == (play.digest(), play.rows("SELECT id, name FROM city ORDER BY id"))


def test_a_seed_that_fails_behind_the_emptying_says_what_was_done_and_what_was_not(play: Playground) -> None:
    """The next upgrade goes on from there."""
    play.item("one", 1)
    broken = play.item("two", 2)
    play.item("three", 3)
    play.ran()
    text = play.path(broken).read_text()
    play.path(broken).write_text("def upgrade(db):\n    raise ValueError('no')\n")
    with pytest.raises(SeedError) as failed:
        reset(play)
    assert "The database is emptied all the same" in (failed.value.hint or "")
    assert (["one"], ["three"]) == (
        [result.seed.name for result in failed.value.done],
        [step.seed.name for step in failed.value.left],
    )
    play.path(broken).write_text(text)
    assert ["two", "three"] == play.ran()
    assert [1, 2, 3] == play.items()


def test_what_keeps_the_seeds_from_running_is_found_before_anything_is_emptied(sqlite_play: Playground) -> None:
    """A statement that may not stand in a seed, for one."""
    sqlite_play.item("one", 1)
    sqlite_play.ran()
    sqlite_play.seed("wrong", "DELETE FROM item; COMMIT;", suffix=".sql")
    with pytest.raises(SeedError, match="COMMIT"):
        reset(sqlite_play)
    assert [1] == sqlite_play.items()
    assert 1 == reset(sqlite_play, empty=True).emptying.rows


def test_foreign_keys_are_looked_at_again_behind_the_emptying(play: Playground) -> None:
    """A seed that leaves an orphan fails, in the very session that emptied."""
    orphan = play.seed("orphan", SHOP)
    play.ran()
    play.path(orphan).write_text('def upgrade(db):\n    db.load("city", [{"name": "Ur", "country_code": "XX"}])\n')
    with pytest.raises(DatabaseError):
        reset(play)
    assert [] == play.rows("SELECT * FROM city")


@pytest.mark.parametrize("used", ["SELECT * FROM item", "UPDATE item SET label = 'x'"])
def test_a_table_that_somebody_uses_is_waited_for_and_not_for_ever(postgresql_play: Playground, used: str) -> None:
    """Nothing is changed then; whether a table is truncated, or its rows are deleted since others could point to it."""
    play = postgresql_play
    play.item("one", 1)
    play.ran()
    if used.startswith("UPDATE"):
        play.sql("CREATE SCHEMA other", "CREATE TABLE other.visit (id integer REFERENCES item)")
    with play.connection() as somebody:
        somebody.exec_driver_sql(used)
        number = somebody.scalar(sa.text("SELECT pg_backend_pid()"))
        begun = time.monotonic()
        with play.seeder(lock_timeout=0.1) as seeder, pytest.raises(Locked, match="not done in time") as locked:
            seeder.reset(confirmed=True)
        assert time.monotonic() - begun < 30
    message, hint = locked.value.message, locked.value.hint
    assert "item" == locked.value.place.table
    assert re.search(rf"'test' of \w+ \(pid {number}, idle in transaction since 20.*Z\) uses item", message)
    assert "label" not in message
    assert "Nothing was changed. Let them end their transactions, or wait longer with --lock-timeout SECONDS." == hint
    assert [1] == play.items()


def test_numbers_that_somebody_holds_up_are_waited_for_and_not_for_ever(mysql_play: Playground) -> None:
    """The emptying stands then, which is told, and the next upgrade completes it."""
    mysql_play.seed("shop", SHOP)
    mysql_play.ran()
    with mysql_play.connection() as reader:
        reader.exec_driver_sql("SELECT * FROM city")
        number = reader.scalar(sa.text("SELECT CONNECTION_ID()"))
        with mysql_play.seeder(lock_timeout=0.1) as seeder, pytest.raises(Locked, match="cannot begin anew") as locked:
            seeder.reset(confirmed=True)
    assert locked.value.message.startswith("the tables are emptied, but their numbers cannot begin anew: somebody uses")
    assert "city" == locked.value.place.table
    assert f"a transaction is open of root from localhost (connection {number}, idle for" in locked.value.message
    assert [] == mysql_play.rows("SELECT * FROM city")
    assert ["shop"] == mysql_play.ran()
    assert [(1,), (2,)] == mysql_play.rows("SELECT id FROM city ORDER BY id")


def test_a_row_that_somebody_writes_is_waited_for_and_not_for_ever(mysql_play: Playground) -> None:
    """Nothing is changed then, and the table is named."""
    mysql_play.seed("shop", SHOP)
    mysql_play.ran()
    with mysql_play.connection() as writer:
        writer.exec_driver_sql("UPDATE city SET name = 'x'")
        said = "table city: somebody uses it, and was not done in time; a transaction is open of root from"
        begun = time.monotonic()
        with mysql_play.seeder(lock_timeout=0) as seeder, pytest.raises(Locked, match=said):
            seeder.reset(confirmed=True)
        assert time.monotonic() - begun < 30
    assert [("x",), ("x",)] == mysql_play.rows("SELECT name FROM city")


def test_a_sequence_that_a_kept_table_shares_goes_on(postgresql_play: Playground) -> None:
    """Else the next row there would get a number that is in use."""
    play = postgresql_play
    play.sql(
        "CREATE SEQUENCE numbers",
        "CREATE TABLE a (id integer DEFAULT nextval('numbers') PRIMARY KEY)",
        "CREATE TABLE b (id integer DEFAULT nextval('numbers') PRIMARY KEY)",
    )
    play.manifest(text=MANIFEST.replace("scenarios", 'keep = ["b"]\nscenarios'))
    play.item("one", 1)
    play.ran()
    play.sql("INSERT INTO a DEFAULT VALUES", "INSERT INTO b DEFAULT VALUES")
    reset(play)
    assert [(3,)] == play.rows("INSERT INTO a DEFAULT VALUES RETURNING id")
    play.manifest()
    reset(play, empty=True)
    assert [(1,)] == play.rows("INSERT INTO b DEFAULT VALUES RETURNING id")


def test_rows_that_triggers_write_are_emptied_too(sqlite_play: Playground) -> None:
    """Whichever table comes first."""
    sqlite_play.sql(
        "CREATE TRIGGER a AFTER DELETE ON item BEGIN INSERT OR IGNORE INTO country VALUES (OLD.id, 'item'); END",
        "CREATE TRIGGER b AFTER DELETE ON city BEGIN INSERT INTO item VALUES (OLD.id + 100, 'city'); END",
    )
    sqlite_play.seed("shop", SHOP)
    sqlite_play.item("one", 1)
    sqlite_play.ran()
    reset(sqlite_play, empty=True)
    assert [(0, 0)] == sqlite_play.rows("SELECT (SELECT count(*) FROM item), (SELECT count(*) FROM country)")


def test_rows_that_do_not_come_back_as_they_were_refuse_the_reset(sqlite_play: Playground) -> None:
    """A trigger has changed them; everything is as it was before."""
    sqlite_play.sql("INSERT INTO item VALUES (5, 'first')")
    sqlite_play.item("one", 1)
    sqlite_play.ran()
    sqlite_play.sql("CREATE TRIGGER a AFTER INSERT ON item BEGIN UPDATE item SET label = 'x' WHERE id = NEW.id; END")
    before = sqlite_play.content()
    with pytest.raises(DatabaseError, match="cannot be brought back, so nothing was changed: a trigger") as refused:
        reset(sqlite_play)
    assert "item" == refused.value.place.table
    assert before == sqlite_play.content()


def test_rows_that_triggers_always_write_refuse_the_reset(sqlite_play: Playground) -> None:
    """Nothing is changed then."""
    sqlite_play.sql("CREATE TRIGGER a AFTER DELETE ON item BEGIN INSERT INTO item VALUES (OLD.id + 1, 'again'); END")
    sqlite_play.item("one", 1)
    sqlite_play.ran()
    with pytest.raises(DatabaseError, match="rows come back"):
        reset(sqlite_play)
    assert [1] == sqlite_play.items()


def test_partitions_are_counted_once_and_kept_with_their_table(postgresql_play: Playground) -> None:
    """Rows stand in the partitions only."""
    play = postgresql_play
    play.sql(
        "CREATE TABLE event (id integer, at integer) PARTITION BY RANGE (at)",
        "CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM (10) TO (20)",
        "INSERT INTO event VALUES (1, 5)",
    )
    play.seed("events", 'def upgrade(db):\n    db.load("event", [{"id": 2, "at": 6}, {"id": 3, "at": 15}])\n')
    play.ran()
    done = reset(play, empty=True)
    assert {"event_1": (2, 1), "event_2": (1, 0)} == {e.table: (e.rows, e.restored) for e in done.emptying.tables}
    assert [(1, 5)] == play.rows("SELECT * FROM event")
    play.manifest(text=MANIFEST.replace("scenarios", 'keep = ["event"]\nscenarios'))
    assert ["event", "event_1", "event_2"] == [each.table for each in reset(play).emptying.kept]
    assert 3 == len(play.rows("SELECT * FROM event"))


def test_every_type_comes_back_as_it_was(postgresql_play: Playground) -> None:
    """Read and written as the server itself writes it."""
    play = postgresql_play
    play.sql(
        "CREATE TYPE mood AS ENUM ('glad', 'sad')",
        "CREATE TABLE zoo (id serial PRIMARY KEY, j jsonb, a text[], r int4range, m mood, i interval, n numeric, "
        "t timestamptz, b bytea, f real, c inet, g integer GENERATED ALWAYS AS (1 + 1) STORED)",
        """INSERT INTO zoo VALUES (3, '{"x": 1.00000000000000000001}', '{"a,b",NULL}', '[1,5)', 'sad', '1 mon 2 days',
        'NaN', '0044-03-15 BC', '\\x00ff', 0.1, '10.0.0.0/8')""",
    )
    before = play.rows("SELECT zoo::text FROM zoo")
    play.item("one", 1)
    play.ran()
    assert {"item": (1, 0), "zoo": (1, 1)} == {
        each.table: (each.rows, each.restored) for each in reset(play, empty=True).emptying.tables
    }
    assert before == play.rows("SELECT zoo::text FROM zoo")
    assert [(4,)] == play.rows("INSERT INTO zoo (m) VALUES ('glad') RETURNING id")


def test_rows_of_another_schema_that_point_here_refuse_the_reset(server_play: Playground) -> None:
    """A reset leaves other schemas alone."""
    play = server_play
    other = f"{sa.make_url(play.url).database}_other"
    play.seed("shop", SHOP)
    play.ran()
    play.sql(
        f"CREATE SCHEMA {other}",
        f"CREATE TABLE {other}.visit (code varchar(2), FOREIGN KEY (code) REFERENCES {here(play)}country (code) "
        "ON DELETE CASCADE)",
    )
    try:
        assert 4 == reset(play).emptying.rows
        play.sql(f"INSERT INTO {other}.visit VALUES ('AT')")
        with pytest.raises(Protected, match=rf"rows of {other}\.visit, whose schema a reset leaves alone, point to"):
            reset(play)
        assert [("AT",)] == play.rows(f"SELECT code FROM {other}.visit")
    finally:
        play.sql(f"DROP TABLE {other}.visit", f"DROP SCHEMA {other}")


def here(play: Playground) -> str:
    """Give what stands before the name of a table of the playground's in a statement about another schema."""
    return f"{sa.make_url(play.url).database}." if "mysql" in play.url else ""


def test_a_stranger_column_that_a_migration_added_takes_its_default(play: Playground) -> None:
    """And one that it dropped is left out."""
    play.sql("INSERT INTO item VALUES (5, 'first')")
    play.item("one", 1)
    play.ran()
    play.sql("ALTER TABLE item ADD COLUMN more INTEGER DEFAULT 3")
    reset(play, empty=True)
    assert [(5, "first", 3)] == play.rows("SELECT id, label, more FROM item")


def test_a_column_that_is_gone_is_told(play: Playground) -> None:
    """It may have been renamed, and then its values would be missed."""
    play.sql("INSERT INTO item VALUES (5, 'first')")
    play.item("one", 1)
    play.ran()
    play.sql("ALTER TABLE item RENAME COLUMN label TO title")
    with play.seeder() as seeder:
        assert (
            "item has no column label any more, so the values that it held before the first seed do not come back",
        ) == seeder.plan_reset(way=Way.REBUILD).emptying.notes
    reset(play, empty=True)
    assert [(5, None)] == play.rows("SELECT id, title FROM item")


def test_rows_that_the_schema_takes_no_more_refuse_the_reset(play: Playground) -> None:
    """It is told that they were to come back, and what helps; nothing is changed."""
    play.sql("INSERT INTO country VALUES ('AT', 'Austria')")
    play.item("one", 1)
    play.ran()
    play.sql("ALTER TABLE country RENAME COLUMN name TO title")
    before = play.content()
    with pytest.raises(
        DatabaseError, match="before the first seed cannot be brought back, so nothing was changed"
    ) as no:
        reset(play)
    assert "country" == no.value.place.table
    assert "Keep the table" in (no.value.hint or "")
    assert before == play.content()


def test_a_table_with_rows_that_is_gone_is_told(play: Playground) -> None:
    """Its rows cannot come back."""
    create(play, "CREATE TABLE old (id INTEGER PRIMARY KEY)")
    play.sql("INSERT INTO old VALUES (1)")
    play.item("one", 1)
    play.ran()
    play.sql("DROP TABLE old")
    assert ("old held rows before the first seed, and there is no such table any more",) == reset(play).emptying.notes


def test_what_was_before_the_last_reset_is_history_only(play: Playground) -> None:
    """It is shown, and counts for nothing else: a database that is reset all day plans as quickly as a new one."""
    play.item("first", 1)
    with play.seeder() as seeder:
        seeder.upgrade()
        for _ in range(3):
            seeder.reset(confirmed=True, way=Way.REBUILD)
        assert ["applied", "reset"] * 3 + ["applied"] == [str(entry.state) for entry in seeder.history()]
        assert ([], 0) == (seeder.upgrade(), seeder.status().pending)
        seeder.reset(confirmed=True, empty=True)
        assert 1 == seeder.status().pending
        assert [State.APPLIED] == [result.state for result in seeder.upgrade()]
