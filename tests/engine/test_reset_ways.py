"""The three ways of a reset: which is taken and why not a cheaper one, and that all of them lead to the same place."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any
from zlib import crc32

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tdm_seed import dialects
from tdm_seed.dialects.rewinding import Rewound, Touched
from tdm_seed.engine import Progress, rewinding
from tdm_seed.engine.reset import ResetResult
from tdm_seed.errors import DriftError, Protected, SchemaNotReady, UsageError
from tdm_seed.values import State, Way
from tests.crash.shop import copied
from tests.engine.conftest import playground
from tests.engine.playground import MANIFEST, Playground
from tests.engine.rewound import does
from tests.engine.test_schema_window import at, migrations
from tests.own_snapshots import drop_own, own
from tests.snapshots.conftest import using
from tests.snapshots.everything import product

SHOP = """
def upgrade(db):
    db.upsert("country", [{"code": "AT", "name": "Austria"}, {"code": "PT", "name": "Portugal"}], key="code")
    db.load("city", [{"name": "Graz", "country_code": "AT"}, {"name": "Porto", "country_code": "PT"}])
"""
#: What a test may do; what a database refuses is left out by itself.
WRITES = (
    "INSERT INTO item VALUES (7, 'seven')",
    "UPDATE item SET label = 'other'",
    "DELETE FROM item",
    "INSERT INTO city (name, country_code) VALUES ('Linz', 'AT')",
    "INSERT INTO city (name, country_code) VALUES ('nowhere', NULL)",
    "UPDATE city SET name = 'GRAZ' WHERE name = 'Graz'",
    "DELETE FROM city WHERE country_code = 'PT'",
    "DELETE FROM country WHERE code = 'PT'",
    "UPDATE country SET name = 'PORTUGAL' WHERE code = 'PT'",
    "INSERT INTO country VALUES ('IE', 'Ireland')",
    "TRUNCATE TABLE city",
    "CREATE TABLE scratch (n INTEGER); DROP TABLE scratch",
    "ALTER TABLE city ADD COLUMN more INTEGER; ALTER TABLE city DROP COLUMN more",
)


@pytest.fixture
def play(tmp_path: Path, database_url: str) -> Iterator[Playground]:
    """A playground with three seeds on every kind of database in turn."""
    yield from _made(tmp_path, database_url)


@pytest.fixture(params=["sqlite_url", "postgresql_url", "logging_mysql_url"])
def keeping_play(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Playground]:
    """One on each kind of database, as it goes back by rows."""
    yield from _made(tmp_path, request.getfixturevalue(request.param))


@pytest.fixture
def viewing_play(tmp_path: Path, postgresql_url: str) -> Iterator[Playground]:
    """One on the kind of database whose views may hold rows."""
    yield from _made(tmp_path, postgresql_url)


def _made(folder: Path, url: str) -> Iterator[Playground]:
    """Make a playground whose snapshots are of no other test's database, which may be on the same server."""
    made = playground(folder / "project", url)
    made.manifest(text=MANIFEST.replace("random_seed = 7", f"random_seed = {crc32(str(folder).encode())}"))
    made.seed("shop", SHOP)
    yield from using(made)


def reset(play: Playground, **given: Any) -> ResetResult:
    """Reset in a session of its own."""
    with play.seeder() as seeder:
        return seeder.reset(confirmed=True, **given)


def reasons(done: ResetResult) -> dict[str, str]:
    """Say why which way was not taken."""
    return {each.way.value: each.reason for each in done.passed}


def state(play: Playground) -> dict[str, Any]:
    """Say all that is to be the same again: content, the numbers that come next, the catalogue."""
    kind = product(play)
    dialect, _ = dialects.resolve(play.url)
    with play.connection() as connection:
        own = {name for name in play.tables() if name.startswith("seed_history")}
        found = {"digest": play.digest(), "catalogue": dialect.fingerprint(connection, own)}
    numbers = {"mysql": "SHOW CREATE TABLE city", "postgresql": "SELECT last_value, is_called FROM city_id_seq"}
    if kind in numbers:
        found["numbers"] = play.rows(numbers[kind])
    return found


def test_the_cheapest_way_that_is_right_is_taken_and_told(keeping_play: Playground) -> None:
    """First it must seed; then it goes back by rows, until what the rows are made of is something else."""
    play = keeping_play
    play.ran()
    first = reset(play)
    assert (Way.REBUILD, True) == (first.way, first.keeps)
    assert "no rows are kept" == reasons(first)["rows"]
    assert "there is no snapshot of what the environment 'dev' is now" == reasons(first)["clone"]
    seeded = state(play)
    does(play, WRITES)
    assert seeded != state(play)
    again = reset(play)
    assert (Way.ROWS, (), True) == (again.way, again.passed, again.changed)
    assert seeded == state(play)
    nothing = reset(play)
    assert (Way.ROWS, play_is_a_file(play)) == (nothing.way, nothing.changed)
    play.item("three", 3)
    other = reset(play)
    assert (Way.REBUILD, [1, 2, 3]) == (other.way, play.items())
    assert "what the rows are made of has changed since they were kept" == reasons(other)["rows"]


def play_is_a_file(play: Playground) -> bool:
    """Whether a session that has just come cannot know that nobody has written."""
    return product(play) == "sqlite"


def test_seeds_that_have_run_since_are_not_undone_by_rows(keeping_play: Playground) -> None:
    """Upgrade lets go of what was kept, and with it of the triggers that note what is written."""
    play = keeping_play
    reset(play)
    play.item("three", 3)
    assert ["three"] == play.ran()
    done = reset(play)
    assert (Way.REBUILD, "no rows are kept") == (done.way, reasons(done)["rows"])
    assert [1, 2, 3] == play.items()
    assert Way.ROWS is reset(play).way


def test_a_snapshot_is_taken_where_rows_cannot_be(play: Playground) -> None:
    """Then rows are kept in the clone, too, where they can be, so that the next reset goes back by them."""
    play.ran()
    with play.seeder() as seeder:
        seeder.snapshot()
    seeded = state(play)
    does(play, WRITES)
    done = reset(play)
    assert Way.CLONE is done.way
    assert seeded == state(play)
    assert ["applied"] * 3 + ["reset"] == [str(entry.state) for entry in play.history()]
    assert done.keeps or product(play) == "mysql"
    does(play, WRITES)
    assert (Way.ROWS if done.keeps else Way.CLONE) is reset(play).way
    assert seeded == state(play)


def test_a_changed_schema_is_not_gone_back_to_by_rows(keeping_play: Playground) -> None:
    """Nor by a snapshot, where no migrations tell which schema is right: the reset keeps it as it is."""
    play = keeping_play
    reset(play)
    with play.seeder() as seeder:
        seeder.snapshot()
    play.sql("ALTER TABLE item ADD COLUMN more INTEGER")
    done = reset(play)
    what = "table item is another one" if product(play) == "sqlite" else "column item.more is new"
    said = f"the schema has changed since rows were kept: the {what}"
    assert (Way.REBUILD, said) == (done.way, reasons(done)["rows"])
    assert reasons(done)["clone"].endswith("was saved, and would be set back")
    assert [(1, None), (2, None)] == play.rows("SELECT id, more FROM item ORDER BY id")


def test_a_way_that_is_asked_for_is_taken_or_refused(play: Playground) -> None:
    """With the reason, and nothing is changed."""
    play.ran()
    before = play.content()
    for way, why in ((Way.ROWS, "no rows|no binlog"), (Way.CLONE, "there is no snapshot")):
        with pytest.raises(UsageError, match=f"this database cannot go back by {way}: .*({why})"):
            reset(play, way=way)
    with pytest.raises(UsageError, match="--empty leaves the database empty, and --way clone brings rows back"):
        reset(play, way=Way.CLONE, empty=True)
    assert before == play.content()
    assert Way.REBUILD is reset(play, way=Way.REBUILD).way


def test_the_manifest_says_which_ways_there_are(play: Playground) -> None:
    """One that leaves rows out has no trigger and no copy of its rows; one that leaves rebuild out may have no way."""
    play.manifest(text=MANIFEST.replace("scenarios", 'reset_ways = ["rebuild"]\nscenarios'))
    play.ran()
    tables = play.tables()
    for _ in range(2):
        done = reset(play)
        assert (Way.REBUILD, False) == (done.way, done.keeps)
        assert "the manifest does not allow it" == reasons(done)["rows"]
    assert tables == play.tables()
    play.manifest(text=MANIFEST.replace("scenarios", 'reset_ways = ["clone"]\nscenarios'))
    with pytest.raises(Protected, match="no way that the manifest allows is right: .*clone: there is no snapshot"):
        reset(play)
    play.manifest(text=MANIFEST.replace("scenarios", 'reset_ways = ["copy"]\nscenarios'))
    with pytest.raises(UsageError, match="reset_ways: 'copy' is not known"):
        reset(play)
    play.manifest()


def test_what_a_reset_by_rows_would_undo_must_be_confirmed(keeping_play: Playground) -> None:
    """As with the other ways; where nobody has written, there is nothing to confirm."""
    play = keeping_play
    reset(play)
    with play.seeder() as seeder:
        assert not seeder.reset().changed
        play.sql("DELETE FROM item")
        said = "a reset of the environment 'dev' must be confirmed, and was not, and somebody has written to item"
        with pytest.raises(Protected, match=said):
            seeder.reset()
        assert [] == play.items()
        assert (Way.ROWS, Touched(("item",))) == ((plan := seeder.plan_reset()).way, plan.touched)
        assert Way.ROWS is seeder.reset(confirmed=True).way
        assert Touched() == seeder.plan_reset().touched
    assert [1, 2] == play.items()


def test_what_somebody_has_written_is_not_saved_as_what_seeds_make(keeping_play: Playground) -> None:
    """A clone would bring it back for seeded; behind a reset it is saved, also by a session that has just come."""
    play = keeping_play
    reset(play)
    play.sql("DELETE FROM item", "INSERT INTO city (name, country_code) VALUES ('x', 'AT')")
    with play.seeder() as seeder:
        before = own(seeder)
        with pytest.raises(DriftError, match="somebody has written to city, item.* since it was seeded") as refused:
            seeder.snapshot()
        assert (4, before) == (refused.value.exit_code, own(seeder))
        assert "`tdm-seed reset` puts them back; then save them." == refused.value.hint
        assert Way.ROWS is seeder.reset(confirmed=True).way
    with play.seeder() as seeder:
        assert seeder.snapshot().built
    play.sql("DELETE FROM item")
    assert Way.CLONE is reset(play, way=Way.CLONE).way
    assert [1, 2] == play.items()


def test_what_a_clone_brought_back_is_not_taken_for_somebodys(keeping_play: Playground) -> None:
    """It is what seeds make, and may be saved again; the next reset has nothing to do."""
    play = keeping_play
    reset(play)
    with play.seeder() as seeder:
        assert seeder.snapshot().built
    play.sql("DELETE FROM item")
    with play.seeder() as seeder:
        seeder.restore(confirmed=True)
    with play.seeder() as seeder:
        assert seeder.snapshot(again=True).built
    assert (Way.CLONE, True) == ((done := reset(play, way=Way.CLONE)).way, done.keeps)
    with play.seeder() as seeder:
        seeder.reset(confirmed=True)
        assert (Way.ROWS, Rewound()) == ((done := seeder.reset(confirmed=True)).way, done.rewound)


def test_what_a_migration_inserts_is_not_taken_for_somebodys(keeping_play: Playground) -> None:
    """Neither tables nor history tell of one that makes rows and nothing else."""
    play = keeping_play
    migrations(play)
    at(play, "m2")
    with play.seeder() as live:
        live.reset(confirmed=True)
        assert Way.ROWS is live.reset(confirmed=True).way
        for revision, ask in (("m3", live.reset), ("m2", None)):
            at(play, revision)
            play.sql("INSERT INTO item (id) VALUES (9)")
            done = ask(confirmed=True) if ask else reset(play)
            assert "migrations have run since rows were kept" == reasons(done)["rows"]
        at(play, "m3")
        play.sql("DELETE FROM item")
        assert live.snapshot().built


def test_what_nobody_can_know_keeps_nothing_from_being_saved(play: Playground) -> None:
    """Where no rows are kept, as behind ``upgrade``."""
    play.ran()
    play.sql("DELETE FROM item")
    with play.seeder() as seeder:
        assert seeder.snapshot().built


def test_what_is_refused_keeps_what_is_kept(keeping_play: Playground) -> None:
    """A rebuild that nobody has confirmed leaves the next reset as quick as it was."""
    play = keeping_play
    reset(play)
    play.sql("DELETE FROM item")
    with play.seeder() as seeder, pytest.raises(Protected, match="must be confirmed"):
        seeder.reset(way=Way.REBUILD)
    assert Way.ROWS is reset(play).way


def test_rows_are_put_back_and_the_history_says_so(keeping_play: Playground) -> None:
    """By one entry; all seeds stay applied, and whoever reads the state reads no more than before."""
    play = keeping_play
    reset(play)
    play.sql("INSERT INTO item VALUES (9, 'nine')", "DELETE FROM city")
    done = reset(play)
    if product(play) == "postgresql":
        assert [("city", 2), ("item", 1)] == [
            (each.table, each.inserted + each.deleted) for each in done.rewound.tables
        ]
    assert [State.RESET, "rows"] == [play.history()[-1].state, play.history()[-1].note["way"]]
    assert [] == play.ran()


def test_a_live_seeder_goes_back_again_and_again(keeping_play: Playground) -> None:
    """What tests do a thousand times a day."""
    play = keeping_play
    with play.seeder() as seeder:
        seeder.reset(confirmed=True)
        seeded = state(play)
        for number in range(5):
            play.sql(f"INSERT INTO item VALUES ({10 + number}, 'x')", "UPDATE city SET name = 'x'")
            done = seeder.reset(confirmed=True)
            assert (Way.ROWS, True) == (done.way, done.changed)
            assert not seeder.reset(confirmed=True).changed
        assert seeded == state(play)
        assert 5 == sum(entry.note.get("way") == "rows" for entry in seeder.history())


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from(WRITES), min_size=1, max_size=4), st.booleans()), min_size=1, max_size=4
    ),
)
def test_all_ways_lead_to_the_same_content_numbers_and_catalogue(
    keeping_play: Playground, transactions: list[tuple[list[str], bool]]
) -> None:
    """Whatever was written, defined or taken back."""
    play = keeping_play
    with play.seeder() as seeder:
        seeder.reset(confirmed=True, way=Way.REBUILD, adopt=True)
        seeder.snapshot(again=True)
        seeded = state(play)
        for way in Way:
            for statements, commits in transactions:
                does(play, statements, commits=commits)
            assert way is seeder.reset(confirmed=True, way=way).way
            assert seeded == state(play), way
        assert [] == seeder.upgrade()


def test_two_who_reset_at_once_both_find_the_seeded_state(keeping_play: Playground) -> None:
    """One waits for the other; nothing is put back twice."""
    play = keeping_play
    reset(play)
    seeded = state(play)
    play.sql("DELETE FROM item", "INSERT INTO city (name, country_code) VALUES ('x', 'AT')")
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: reset(play), range(4)))
    assert {Way.ROWS} == {each.way for each in done}
    assert seeded == state(play)


def test_whoever_waits_while_another_seeds_again_goes_back_by_rows(keeping_play: Playground) -> None:
    """Under the lock it asks whether rows are kept by now."""
    keeping_play.upgrade()
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: reset(keeping_play), range(4)))
    assert [Way.REBUILD, Way.ROWS, Way.ROWS, Way.ROWS] == sorted(each.way for each in done)
    assert [1, 2] == keeping_play.items()


def test_whoever_comes_while_rows_are_kept_goes_back_by_them(
    keeping_play: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history tells nothing of that: it had its last entry before."""
    waits, prepare, coming = Event(), rewinding.prepare, []

    class Waiting(Progress):
        def waiting(self, holder: str) -> None:
            waits.set()

    def second() -> ResetResult:
        with keeping_play.seeder(progress=Waiting()) as seeder:
            return seeder.reset(confirmed=True)

    def keeping(*given: Any) -> Any:
        if not coming:
            coming.append(pool.submit(second))
            assert waits.wait(30)
        return prepare(*given)

    monkeypatch.setattr(rewinding, "prepare", keeping)
    keeping_play.upgrade()
    with ThreadPoolExecutor(1) as pool:
        assert Way.REBUILD is reset(keeping_play).way
        assert Way.ROWS is coming[0].result().way


def test_a_database_of_another_environment_is_never_put_back(keeping_play: Playground) -> None:
    """The name in the database decides, whichever way."""
    play = keeping_play
    reset(play)
    play.manifest("other", MANIFEST)
    play.sql("DELETE FROM item")
    for way in (None, Way.ROWS, Way.REBUILD):
        with play.seeder("other") as seeder, pytest.raises(Protected, match="this database was seeded as 'dev'"):
            seeder.reset(confirmed=True, way=way)
    assert [] == play.items()


def test_a_schema_that_migrations_did_not_make_is_made_right_by_a_snapshot(tmp_path: Path, database_url: str) -> None:
    """Where they tell what it is to be: what somebody has made by hand goes, and what was dropped comes back."""
    shop = copied(tmp_path / "shop", database_url)
    with shop.seeder("test") as seeder:
        seeder.upgrade()
        seeder.snapshot()
        seeded = shop.digest(), shop.tables()
        shop.sql("CREATE TABLE scratch (id INTEGER PRIMARY KEY)", "DROP TABLE order_items")
        done = seeder.reset(confirmed=True)
        assert Way.CLONE is done.way
        assert seeded == (shop.digest(), shop.tables())
        drop_own(seeder)


def test_rows_that_a_reset_leaves_alone_are_not_cloned_away_unasked(play: Playground) -> None:
    """Another tool's notes, for one; who asks for the clone gets it."""
    play.sql("CREATE TABLE flyway_schema_history (version VARCHAR(9) PRIMARY KEY)")
    play.ran()
    with play.seeder() as seeder:
        seeder.snapshot()
    play.sql("INSERT INTO flyway_schema_history VALUES ('7')", "DELETE FROM item")
    done = reset(play)
    assert Way.REBUILD is done.way
    assert "flyway_schema_history holds rows, which a reset leaves alone" in reasons(done)["clone"]
    assert ([("7",)], [1, 2]) == (play.rows("SELECT version FROM flyway_schema_history"), play.items())
    assert Way.CLONE is reset(play, way=Way.CLONE).way
    assert [] == play.rows("SELECT version FROM flyway_schema_history")


def test_a_clone_of_a_database_without_seeds_is_one(play: Playground) -> None:
    """There is no history then, and nothing that could be kept."""
    for path in play.root.rglob("seeds/*/*.py"):
        path.unlink()
    with play.seeder() as seeder:
        seeder.snapshot()
        assert (Way.CLONE, False) == ((done := seeder.reset(confirmed=True, way=Way.CLONE)).way, done.keeps)


def test_a_live_seeder_notices_that_somebody_else_was_there(keeping_play: Playground) -> None:
    """Whoever has let go of what was kept, seeded, or altered the schema."""
    play = keeping_play
    with play.seeder() as seeder:
        seeder.reset(confirmed=True)
        assert Way.ROWS is seeder.reset(confirmed=True).way
        with play.seeder() as other:
            rewinding.let_go(other._session)
        play.sql("DELETE FROM item")
        assert Way.REBUILD is seeder.reset(confirmed=True).way
        assert [1, 2] == play.items()
        play.sql("DELETE FROM item")
        assert Way.ROWS is seeder.reset(confirmed=True).way
        play.sql("ALTER TABLE item ADD COLUMN more INTEGER")
        assert reasons(seeder.reset(confirmed=True))["rows"].startswith("the schema has changed since rows were kept: ")
        play.item("three", 3)
        play.ran()
        assert "no rows are kept" == reasons(seeder.reset(confirmed=True))["rows"]


def test_a_migration_that_has_nothing_to_do_keeps_what_is_kept(tmp_path: Path, sqlite_url: str) -> None:
    """So that the next reset is quick, as in a pipeline that always migrates first."""
    shop = copied(tmp_path / "shop", sqlite_url)
    with shop.seeder("test") as seeder:
        seeder.upgrade()
        seeder.reset(confirmed=True)
        seeder.upgrade(migrate=True)
        assert Way.ROWS is seeder.reset(confirmed=True).way


#: A seed in each language that fills a table of its own.
FILLING = {
    "gone": ("def upgrade(db):\n    db.load('gone', [{'id': 1}])\n", ".py"),
    "went": ("INSERT INTO went (id) SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM went);\n", ".sql"),
    "lost": ("id\n1\n", ".csv"),
}


@pytest.mark.parametrize("table", FILLING)
def test_a_table_that_a_seed_fills_and_that_is_gone_refuses_a_rebuild(play: Playground, table: str) -> None:
    """Before anything is emptied, and it is named with the seed; ``--empty`` seeds nothing, so it needs no such table.

    Where the table is there again, everything is.
    """
    create = f"CREATE TABLE {table} (id INTEGER PRIMARY KEY)"
    play.sql(create)
    filling, suffix = FILLING[table]
    revision = play.seed(table, filling, suffix=suffix)
    play.ran()
    seeded = play.digest()
    play.sql(f"DROP TABLE {table}")
    before = play.content()
    with pytest.raises(SchemaNotReady, match="fills this table, which is not there; nothing was") as refused:
        reset(play)
    assert (revision, table) == (refused.value.place.seed, refused.value.place.table)
    assert before == play.content()
    assert () == reset(play, empty=True).results
    play.sql(create)
    reset(play)
    assert seeded == play.digest()


def test_a_table_that_a_changed_seed_may_not_fill_any_more_refuses_nothing(play: Playground) -> None:
    """Nor one that a seed makes itself."""
    play.sql("CREATE TABLE gone (id INTEGER PRIMARY KEY)")
    filling = play.seed("filling", FILLING["gone"][0])
    if product(play) != "mysql":
        made = "CREATE TABLE IF NOT EXISTS made (id INTEGER);\nDELETE FROM made;\nINSERT INTO made VALUES (1);\n"
        play.seed("making", made, suffix=".sql")
    play.ran()
    play.sql("DROP TABLE gone")
    play.path(filling).write_text("def upgrade(db):\n    db.load('item', [{'id': 7}])\n")
    if product(play) != "mysql":
        play.sql("DROP TABLE made")
    assert Way.REBUILD is reset(play).way
    assert [1, 2, 7] == play.items()
    if product(play) != "mysql":
        assert [(1,)] == play.rows("SELECT * FROM made")


def test_a_table_that_is_a_seeds_own_for_a_while_is_none_that_is_gone(sqlite_play: Playground) -> None:
    """Nor one that is made by what the seed imports."""
    sqlite_play.write("seeds/reference/_make.py", 'MADE = "CREATE TEMPORARY TABLE gone (id INTEGER)"\n')
    sqlite_play.seed(
        "staging",
        """
        from seeds.reference._make import MADE

        def upgrade(db):
            db.execute(MADE)
            db.load("gone", [{"id": 1}])
            db.execute("INSERT INTO item SELECT id, NULL FROM gone")
            db.execute("DROP TABLE gone")
        """,
    )
    for _ in range(2):
        assert Way.REBUILD is reset(sqlite_play, way=Way.REBUILD).way
        assert [1] == sqlite_play.items()
    assert "gone" in sqlite_play.history()[-1].note["tables"]


def test_a_migration_may_take_a_table_away_with_its_seed(sqlite_play: Playground) -> None:
    """A seed that no longer applies needs none; one that went unchanged does, and says so."""
    play = sqlite_play
    migrations(play)
    at(play, "m2")
    play.sql("CREATE TABLE gone (id INTEGER PRIMARY KEY)")
    play.seed("old", "schema_until = 'm3'\n" + FILLING["gone"][0])
    play.item("one", 1)
    assert ["old", "one"] == play.ran()
    play.sql("DROP TABLE gone")
    with pytest.raises(SchemaNotReady, match="table gone"):
        reset(play)
    at(play, "m3")
    assert ["one"] == [result.seed.name for result in reset(play).results]


def test_an_edit_that_was_accepted_says_nothing_of_tables(sqlite_play: Playground) -> None:
    """What the seed fills now is known when it has run."""
    play = sqlite_play
    play.sql("CREATE TABLE gone (id INTEGER PRIMARY KEY)")
    filling = play.seed("filling", 'mode = "once"\n' + FILLING["gone"][0])
    play.ran()
    play.path(filling).write_text("mode = 'once'\ndef upgrade(db):\n    db.load('item', [{'id': 7}])\n")
    with play.seeder() as seeder:
        seeder.repair([filling])
    play.sql("DROP TABLE gone")
    assert Way.REBUILD is reset(play).way
    assert [7] == play.items()


def test_tables_are_found_however_they_are_named(postgresql_play: Playground) -> None:
    """In another schema, through a view, or with dots and quotes in the name."""
    play = postgresql_play
    play.sql(
        'CREATE SCHEMA "od.d"',
        'CREATE TABLE "od.d"."ta""b.le" (id int PRIMARY KEY)',
        'CREATE TABLE "ta""b.le" (id int PRIMARY KEY)',
        "CREATE VIEW shown AS SELECT * FROM item",
    )
    play.seed(
        "filling",
        """
        def upgrade(db):
            db.upsert('"od.d"."ta""b.le"', [{"id": 1}])
            db.upsert('"ta""b.le"', [{"id": 1}])
            db.execute("INSERT INTO shown VALUES (1, 'one')")
        """,
    )
    reset(play)
    assert ['od.d.ta"b.le', "shown", 'ta"b.le'] == play.history()[-1].note["tables"]
    assert Way.REBUILD is reset(play, way=Way.REBUILD).way
    play.sql("DROP VIEW shown")
    with pytest.raises(SchemaNotReady, match="table shown"):
        reset(play)


#: Over a table, over a view over that, in another schema and earlier in the alphabet; one that was never filled.
VIEWS = (
    "CREATE SCHEMA apart",
    "CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM item",
    "CREATE VIEW shown AS SELECT n FROM counted",
    'CREATE MATERIALIZED VIEW apart."a%b" AS SELECT n * 2 AS n FROM shown',
    "CREATE MATERIALIZED VIEW never AS SELECT count(*) AS n FROM item WITH NO DATA",
)
SHOWN = 'SELECT (SELECT n FROM counted), (SELECT n FROM apart."a%b")'
REFRESH = 'REFRESH MATERIALIZED VIEW counted; REFRESH MATERIALIZED VIEW apart."a%b"'


def test_materialised_views_show_the_same_rows_whichever_way(viewing_play: Playground) -> None:
    """Those that were filled, each behind what it is made of; also where it stays empty."""
    play = viewing_play
    play.ran()
    play.sql(*VIEWS)
    reset(play, way=Way.REBUILD)
    with play.seeder() as seeder:
        seeder.snapshot()
    for way in Way:
        play.sql("INSERT INTO item VALUES (8, 'x'), (9, 'y')", REFRESH)
        assert [(4, 8)] == play.rows(SHOWN)
        assert (way, ()) == ((done := reset(play, way=way)).way, done.notes)
        assert [(2, 4)] == play.rows(SHOWN), way
        assert [(False,)] == play.rows("SELECT relispopulated FROM pg_class WHERE relname = 'never'")
    reset(play, empty=True)
    assert [(0, 0)] == play.rows(SHOWN)


def test_views_over_what_a_reset_leaves_alone_are_left_alone(postgresql_play: Playground) -> None:
    """Unless a seed has written to it."""
    play = postgresql_play
    play.manifest(text=MANIFEST.replace("scenarios", 'keep = ["item"]\nscenarios'))
    play.sql(
        *VIEWS,
        "CREATE TABLE apart.note (n int)",
        "CREATE MATERIALIZED VIEW noted AS SELECT count(*) AS n FROM apart.note",
    )
    play.seed("shop", SHOP)
    play.ran()
    play.sql("INSERT INTO apart.note VALUES (1)", "INSERT INTO item VALUES (8, 'x')")
    reset(play, way=Way.REBUILD)
    assert [(0, 0, 0)] == play.rows("SELECT a.*, noted.n FROM (" + SHOWN + ") a, noted")
    play.item("one", 1)
    play.seed("note", "INSERT INTO apart.note VALUES (2);", suffix=".sql")
    reset(play, way=Way.REBUILD)
    assert [(2, 4, 2)] == play.rows("SELECT a.*, noted.n FROM (" + SHOWN + ") a, noted")
