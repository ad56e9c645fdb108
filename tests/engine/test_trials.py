"""Scenarios that load only with others, or otherwise in another order, are found."""

from __future__ import annotations

from tdm_seed.engine.check import Checked
from tdm_seed.errors import TdmSeedError
from tests.engine.playground import Playground
from tests.engine.test_throwaway import databases

#: Rows of items that stand in no other's way.
ROW = 'def upgrade(db):\n    db.upsert("item", [{{"id": {0}, "label": {1}}}], key="id")\n'


COUNT = 'str(db.scalar("SELECT count(*) FROM item WHERE id <> 2"))'


SEEN = 'str(db.scalar("SELECT count(*) FROM told"))'


def tried(play: Playground, url: str | None = None) -> Checked:
    """Check a project whose tables are there, every scenario by itself as well."""
    with play.seeder(url=url) as seeder:
        return seeder.check(each=True)


def only(found: Checked) -> TdmSeedError:
    """Give the one problem."""
    (problem,) = found.problems
    return problem


def test_scenarios_that_stand_by_themselves_pass(play: Playground) -> None:
    """Each alone with what it needs, then all in reverse order; no database is left."""
    before = databases(play) if not play.url.startswith("sqlite") else []
    base = play.item("base", 1)
    first = play.item("first", 2, layer="scenario")
    second = play.item("second", 3, layer="scenario", header="depends_on = ['first', 'base']\n")
    third = play.item("third", 4, layer="scenario")
    found = tried(play)
    assert ((), 4, True) == (found.problems, found.seeds, found.reverse)
    assert [(first, ()), (second, (base, first)), (third, ())] == [(each.seed, each.needs) for each in found.scenarios]
    if not play.url.startswith("sqlite"):
        assert set(databases(play)) <= set(before)


def test_one_that_needs_another_without_saying_so_is_found(play: Playground) -> None:
    """With its own error and the code of that, once."""
    play.seed("de", 'def upgrade(db):\n    db.insert("country", {"code": "DE", "name": "D"})\n', layer="scenario")
    city = 'def upgrade(db):\n    db.upsert("city", [{"id": 1, "name": "B", "country_code": "DE"}], key="id")\n'
    needy = play.seed("needy", 'mode = "once"\n' + city, layer="scenario")
    play.item("other", 1, layer="scenario")
    problem = only(found := tried(play))
    assert (needy, 1) == (problem.place.seed, found.exit_code)
    assert problem.message.startswith("loaded alone with what it depends on: ")
    assert "Name in its depends_on every scenario whose rows it needs" in str(problem.hint)


def test_a_verify_that_holds_only_with_others_ends_with_eight(sqlite_play: Playground) -> None:
    """As any verify that fails."""
    play = sqlite_play
    play.item("first", 1, layer="scenario")
    verify = 'def verify(db):\n    db.expect("SELECT count(*) FROM item", at_least=2)\n'
    counts = play.seed("counts", ROW.format(2, '"x"') + verify, layer="scenario")
    problem = only(found := tried(play))
    assert (counts, 8) == (problem.place.seed, found.exit_code)


def test_rows_that_depend_on_other_scenarios_are_found(play: Playground) -> None:
    """Though it loads alone, with as many rows, and would leave the same ones in reverse order."""
    play.item("first", 1, layer="scenario")
    seen = play.seed("seen", 'mode = "once"\n' + ROW.format(2, COUNT), layer="scenario")
    play.item("third", 3, layer="scenario")
    problem = only(found := tried(play))
    assert (seen, "item", 8) == (problem.place.seed, problem.place.table, found.exit_code)
    assert (
        "loaded alone with what it depends on: the content of item is another than behind other scenarios"
        == problem.message
    )


def test_rows_that_two_scenarios_share_are_no_problem(play: Playground) -> None:
    """Whoever comes second adds less, and what is there at the end is the same."""
    play.seed("one", ROW.format(1, '"x"') + '    db.insert("item", {"id": 2})\n', layer="scenario")
    play.seed("two", ROW.format(1, '"x"'), layer="scenario")
    assert () == tried(play).problems


def test_rows_that_depend_on_the_order_are_found(sqlite_play: Playground) -> None:
    """With the scenarios that write them, and no others."""
    play = sqlite_play
    play.item("first", 1, layer="scenario")
    one = play.seed("one", ROW.format(2, '"x"'), layer="scenario")
    other = play.seed("other", ROW.format(2, '"y"'), layer="scenario")
    problem = only(found := tried(play))
    assert (one, "item", 8) == (problem.place.seed, problem.place.table, found.exit_code)
    assert (
        f"loaded in reverse order, the content of item is another, by what {one}, {other} write there"
        == problem.message
    )


def test_rows_that_are_others_each_time_are_told_apart(sqlite_play: Playground) -> None:
    """The clock that a default reads is no other scenario; the rest is compared all the same."""
    play = sqlite_play
    play.sql("CREATE TABLE told (id INTEGER PRIMARY KEY, at TEXT DEFAULT (strftime('%f %s', 'now')))")
    told = 'mode = "once"\ndef upgrade(db):\n    db.insert("told", {{"id": {0}}})\n'
    for number in (1, 2):
        play.seed(f"told{number}", told.format(number), layer="scenario")
    found = tried(play)
    assert ((), True) == (found.problems, found.reverse)
    assert any(remark.startswith("told holds other rows each time: ") for remark in found.remarks)
    seen = play.seed("seen", 'mode = "once"\n' + ROW.format(2, SEEN), layer="scenario")
    play.sql("DELETE FROM told", *(f"DROP TABLE {name}" for name in play.tables() if name.startswith("seed_")))
    assert seen == only(tried(play)).place.seed


def test_one_that_fails_behind_another_is_found(sqlite_play: Playground) -> None:
    """Which the usual order never tries."""
    play = sqlite_play
    play.item("first", 1, layer="scenario")
    alone = 'def upgrade(db):\n    assert db.scalar("SELECT count(*) FROM item WHERE id > 1") == 0\n'
    play.seed("greedy", 'mode = "once"\n' + alone, layer="scenario")
    play.item("third", 3, layer="scenario")
    problem = only(tried(play))
    assert problem.message.startswith("loaded in reverse order: ")
    assert str(problem.place.seed).endswith("_greedy")


def test_without_scenarios_nothing_more_is_tried(sqlite_play: Playground) -> None:
    """The reference layer was tried as a whole."""
    sqlite_play.item("base", 1)
    found = tried(sqlite_play)
    assert ((), (), False) == (found.problems, found.scenarios, found.reverse)
