"""The three ways of a reset: which is taken and why not a cheaper one, and that all of them lead to the same place."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tdm_seed import dialects
from tdm_seed.dialects.rewinding import Touched
from tdm_seed.engine import rewinding
from tdm_seed.engine.reset import ResetResult
from tdm_seed.errors import DriftError, Protected, UsageError
from tdm_seed.values import State, Way
from tests.crash.shop import copied
from tests.engine.conftest import playground
from tests.engine.playground import MANIFEST, Playground
from tests.engine.rewound import does
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
)


@pytest.fixture
def play(tmp_path: Path, database_url: str) -> Iterator[Playground]:
    """A playground with three seeds on every kind of database in turn."""
    yield from _made(tmp_path, database_url)


@pytest.fixture(params=["sqlite_url", "postgresql_url"])
def keeping_play(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Playground]:
    """One on each kind of database that can go back by rows as it comes."""
    yield from _made(tmp_path, request.getfixturevalue(request.param))


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
        before = seeder.snapshots()
        with pytest.raises(DriftError, match="somebody has written to city, item.* since it was seeded") as refused:
            seeder.snapshot()
        assert (4, before) == (refused.value.exit_code, seeder.snapshots())
        assert "`tdm-seed reset` puts them back; then save them." == refused.value.hint
        assert Way.ROWS is seeder.reset(confirmed=True).way
    with play.seeder() as seeder:
        assert seeder.snapshot().built
    play.sql("DELETE FROM item")
    assert Way.CLONE is reset(play, way=Way.CLONE).way
    assert [1, 2] == play.items()


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
    st.lists(st.tuples(st.lists(st.sampled_from(WRITES), min_size=1, max_size=4), st.booleans()), max_size=4),
)
def test_all_ways_lead_to_the_same_content_numbers_and_catalogue(
    play: Playground, transactions: list[tuple[list[str], bool]]
) -> None:
    """Whatever was written or taken back."""
    with play.seeder() as seeder:
        seeder.reset(confirmed=True, way=Way.REBUILD, adopt=True)
        seeder.snapshot(again=True)
        seeded = state(play)
        ways = [way for way in Way if way is not Way.ROWS or product(play) != "mysql"]
        for way in ways:
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
        for each in seeder.snapshots():
            seeder._session.store().drop(each)


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
