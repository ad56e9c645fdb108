"""Applying seeds: in order, each in one promise, and again only when that is asked for."""

from __future__ import annotations

import pytest

from tdm_seed.errors import DriftError, SeedError, UsageError, VerificationFailed
from tdm_seed.values import Action, Changes, State
from tests.engine.playground import Playground, Points, per_table

BROKEN_LATER = """
def upgrade(db):
    db.upsert("item", [{"id": 1, "label": "one"}], key="id")
    db.upsert("country", [{"code": "DE", "name": "Germany"}], key="code")

def verify(db):
    assert db.scalar("SELECT count(*) FROM item") == 7
"""


def test_seeds_run_in_the_order_of_their_dependencies_and_the_second_run_runs_nothing(play: Playground) -> None:
    """Reference before scenario, what is needed before what needs it, and then by revision."""
    play.item("late", 1, layer="scenario")
    play.item("needs_later", 2, header='depends_on = ["needed"]\n')
    play.item("needed", 3)
    progress = Points()
    assert ["needed", "needs_later", "late"] == play.ran(progress=progress)
    assert (["needed", "needs_later", "late"],) * 2 == (progress.begun, progress.done)
    before = play.content()
    assert [] == play.ran()
    assert before == play.content()


def test_the_three_kinds_of_seed_work_together(play: Playground) -> None:
    """Data, SQL and Python, each with what it did."""
    play.seed("country", "code,name\nDE,Germany\nFR,France\n", suffix=".csv")
    play.seed(
        "cities",
        """\
        -- depends_on: country
        INSERT INTO city (name, country_code) VALUES ('Bonn', 'DE');
        -- tdm-seed: verify
        SELECT count(*) = 1 FROM city;
        """,
        suffix=".sql",
    )
    play.seed(
        "items",
        """
        depends_on = ["cities"]

        def upgrade(db):
            db.load("item", ({"id": number, "label": f"item {number}"} for number in db.range("items")))
        """,
    )
    expected = {
        "country": {"country": Changes(inserted=2)},
        "cities": {"city": Changes(inserted=1)},
        "items": {"item": Changes(inserted=3)},
    }
    assert expected == per_table(play.upgrade())
    assert [(2, {}), (1, {}), (3, {"items": 3})] == [
        (entry.changes.inserted, dict(entry.volumes)) for entry in play.history()
    ]


def test_rows_verify_and_history_are_committed_together_or_not_at_all(play: Playground) -> None:
    """A verify that fails takes the rows back, and the history knows nothing of it."""
    play.item("before", 9)
    revision = play.seed("broken", BROKEN_LATER)
    with pytest.raises(VerificationFailed) as failed:
        play.ran()
    assert ["before"] == [result.seed.name for result in failed.value.done]
    assert [9] == play.items()
    assert [] == play.rows("SELECT * FROM country")
    assert ["before"] == [entry.seed[14:] for entry in play.history()]
    assert revision == failed.value.place.seed
    assert (f"seeds/reference/{revision}.py", 7) == (failed.value.place.file, failed.value.place.line)


def test_a_row_that_the_history_refuses_takes_the_seed_with_it(play: Playground) -> None:
    """The rows of a seed without a history entry would be applied twice."""
    play.item("first", 1)
    play.ran()
    play.item("second", 2)
    play.sql("DROP TABLE seed_history", "CREATE TABLE seed_history_kept (id INTEGER)")
    assert ["first", "second"] == play.ran()  # upserts: the first changed nothing
    play.item("third", 3)

    class Late(Points):
        def reached(self, point: str) -> None:
            if point == "before commit":
                raise RuntimeError("the disk is gone")

    with pytest.raises(SeedError, match="the disk is gone"):
        play.ran(progress=Late())
    assert [1, 2] == play.items()
    assert ["third"] == play.ran()


def test_the_named_points_are_reached_in_order(play: Playground) -> None:
    """What a crash test, or a program that watches, relies on."""
    play.item("one", 1)
    progress = Points()
    play.upgrade(progress=progress)
    assert ["after load", "before history", "before commit", "after commit"] == progress.points


@pytest.mark.parametrize(
    ("mode", "layer", "unchanged", "changed"),
    [
        ("", "reference", [], ["it"]),
        ("", "scenario", [], []),
        ('mode = "once"\n', "reference", [], []),
        ('mode = "on_change"\n', "scenario", [], ["it"]),
        ('mode = "always"\n', "scenario", ["it"], ["it"]),
    ],
)
def test_the_mode_says_when_a_seed_runs_again(
    sqlite_play: Playground, mode: str, layer: str, unchanged: list[str], changed: list[str]
) -> None:
    """Reference seeds run when they change, scenarios once, unless the header says otherwise."""
    revision = sqlite_play.item("it", 1, layer=layer, header=mode)
    assert ["it"] == sqlite_play.ran()
    assert unchanged == sqlite_play.ran()
    path = sqlite_play.path(revision)
    path.write_text(path.read_text().replace('"it"', '"that"'))
    assert changed == sqlite_play.ran()
    assert [("that" if changed else "it",)] == sqlite_play.rows("SELECT label FROM item")


def test_a_changed_once_seed_is_told_and_left_alone_until_it_is_asked_for_again(play: Playground) -> None:
    """Drift is a value: the run goes on, and the remedies are named; what has no way back can be run on top."""
    revision = play.item("it", 1, layer="scenario")
    play.item("other", 2, layer="scenario")
    play.ran()
    path = play.path(revision)
    path.write_text(path.read_text() + "# other\n")
    play.item("new", 3)
    progress = Points()
    assert ["new"] == play.ran(progress=progress)
    assert [
        f"{revision}: changed since it was applied; it runs once, so it is left alone: "
        "`tdm-seed downgrade it` and `tdm-seed upgrade` apply it anew; "
        "`tdm-seed repair it` accepts the edit"
    ] == progress.drift
    assert "drift" == play.status()["it"].state
    assert ["it"] == play.ran(again=("it",))
    assert "applied" == play.status()["it"].state


def test_targets_run_with_what_they_need_and_nothing_else(play: Playground) -> None:
    """Named by any unique part."""
    play.item("needed", 1)
    play.item("wanted", 2, header='depends_on = ["needed"]\n')
    play.item("other", 3)
    assert ["needed", "wanted"] == play.ran("want")
    assert ["other"] == play.ran()


def test_again_runs_an_applied_seed_once_more(play: Playground) -> None:
    """With what is pending, and the same changes counted as none."""
    play.item("it", 1)
    play.item("other", 2)
    play.ran()
    (result,) = play.upgrade(again=("it",))
    assert (Action.REAPPLY, State.APPLIED) == (result.action, result.state)
    assert (0, 1) == (result.changes.inserted, result.changes.unchanged)
    assert not result.changes


def test_an_unknown_target_is_refused_before_anything_is_written(play: Playground) -> None:
    """Not even the history is created."""
    play.item("it", 1)
    with pytest.raises(UsageError, match="there is no seed nonsense"):
        play.ran("nonsense")
    assert "seed_history" not in play.tables()


def test_a_reverted_seed_runs_again_with_the_next_upgrade(play: Playground) -> None:
    """The history keeps every entry, the last one counts."""
    play.item("it", 1)
    play.ran()
    assert ["it"] == play.downgrade("it")
    assert [] == play.items()
    assert ("pending", "reverted") == (play.status()["it"].state, play.status()["it"].reason)
    assert ["it"] == play.ran()
    assert [State.APPLIED, State.REVERTED, State.APPLIED] == [entry.state for entry in play.history()]


# ---- a file under another name --------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [(), ("after",)])
def test_a_renamed_seed_is_held_back_before_anything_runs(play: Playground, target: tuple[str, ...]) -> None:
    """Under its new name it is new, and applied it would write its rows a second time."""
    old = play.seed("before", "def upgrade(db):\n    db.load('city', [{'name': 'Bonn', 'country_code': 'DE'}])\n")
    play.sql("INSERT INTO country (code, name) VALUES ('DE', 'Germany')")
    play.ran()
    play.item("another", 1)
    new = old.replace("before", "after")
    play.path(old).rename(play.root / "seeds" / "reference" / f"{new}.py")
    with pytest.raises(DriftError) as refused:
        play.ran(*target)
    assert 4 == refused.value.exit_code
    assert (new, f"seeds/reference/{new}.py") == (refused.value.place.seed, refused.value.place.file)
    assert f"has the very content of {old}" in refused.value.message
    assert f"`tdm-seed repair {new}` accepts the new name" in (refused.value.hint or "")
    assert [] == play.items()
    assert [("Bonn",)] == play.rows("SELECT name FROM city")
    assert ("drift", f"its file is gone; renamed to {new}?") == (play.status()[old].state, play.status()[old].reason)


def test_the_two_ways_out_of_a_renamed_seed(play: Playground) -> None:
    """Renamed back it is the old one; changed, and with another timestamp, it is one of its own."""
    old = play.item("before", 1)
    play.ran()
    there = play.root / "seeds" / "reference" / f"{old.replace('before', 'after')}.py"
    here = play.path(old)
    here.rename(there)
    there.rename(here)
    assert [] == play.ran()
    here.rename(there)
    there.write_text(there.read_text() + "# a seed of its own\n")
    with pytest.raises(DriftError, match="has the timestamp of"):
        play.ran()
    there.rename(there.with_name("20260106_0001_after.py"))
    assert ["after"] == play.ran()


def test_a_renamed_data_seed_is_held_back_too(play: Playground) -> None:
    """Its options go with it; where it gets the name of its table among them, it has changed, and has its timestamp."""
    old = play.seed("country", "code,name\nDE,Germany\n", suffix=".csv")
    play.ran()
    path = play.path(old)
    path.rename(path.with_name("20260105_0001_lands.csv"))
    play.write("seeds/reference/20260105_0001_lands.toml", 'table = "country"\n')
    with pytest.raises(DriftError, match="has the timestamp of"):
        play.ran()
    with play.seeder() as seeder:
        seeder.repair(["lands"])
    assert [Changes(unchanged=1)] == [result.changes for result in play.upgrade()]
    path.with_name("20260105_0001_lands.csv").rename(path.with_name("20260105_0001_realms.csv"))
    path.with_name("20260105_0001_lands.toml").rename(path.with_name("20260105_0001_realms.toml"))
    with pytest.raises(DriftError, match="has the very content of 20260105_0001_lands"):
        play.ran()


def test_a_seed_whose_file_is_gone_is_told_and_left_alone(play: Playground) -> None:
    """Nobody knows how to revert it, and nothing else is held up."""
    revision = play.item("gone", 1)
    play.ran()
    play.path(revision).unlink()
    play.item("new", 2)
    progress = Points()
    assert ["new"] == play.ran(progress=progress)
    assert [f"{revision}: its file is gone"] == progress.drift
    assert [1, 2] == play.items()


# ---- transaction: none ----------------------------------------------------------------------------------------------

STEPWISE = """
transaction = "none"
import pathlib

def upgrade(db):
    db.upsert("item", [{"id": 1, "label": "one"}], key="id")
    if pathlib.Path(r"%s").exists():
        raise RuntimeError("the second half does not work")
    db.upsert("item", [{"id": 2, "label": "two"}], key="id")

def downgrade(db):
    db.delete("item", where="id = 1")
    if pathlib.Path(r"%s").exists():
        raise RuntimeError("the way back does not work")
    db.delete("item", where="id = 2")
"""


def test_a_seed_without_a_transaction_says_running_first_and_is_continued(play: Playground) -> None:
    """What it wrote stays, why it stopped is kept, and the next upgrade goes on."""
    stone = play.root / "stone"
    stone.touch()
    play.seed("steps", STEPWISE % (stone, stone))
    with pytest.raises(SeedError, match="the second half does not work"):
        play.ran()
    assert [1] == play.items()
    assert [State.RUNNING, State.RUNNING] == [entry.state for entry in play.history()]
    status = play.status()["steps"]
    assert ("pending", "left unfinished: RuntimeError: the second half does not work") == (status.state, status.reason)
    assert [Action.CONTINUE] == [step.action for step in play.plan().steps]
    stone.unlink()
    (result,) = play.upgrade()
    assert (1, 1) == (result.changes.inserted, result.changes.unchanged)
    assert [1, 2] == play.items()
    assert "applied" == play.status()["steps"].state
    assert [] == play.ran()


def test_a_seed_without_a_transaction_is_reverted_without_one(play: Playground) -> None:
    """What made it commit by itself holds for the way back too; half-way back it is unfinished again."""
    stone = play.root / "stone"
    play.seed("steps", STEPWISE % (stone, stone))
    play.ran()
    stone.touch()
    with pytest.raises(SeedError, match="the way back does not work"):
        play.downgrade("steps")
    assert [2] == play.items()
    assert "pending" == play.status()["steps"].state
    stone.unlink()
    assert ["steps"] == play.downgrade("steps")
    assert [] == play.items()
    assert State.REVERTED == play.history()[-1].state


def test_a_seed_without_a_transaction_may_define_tables_and_commit(play: Playground) -> None:
    """That is what it is for."""
    play.seed(
        "ddl",
        """
        transaction = "none"

        def upgrade(db):
            db.execute("CREATE TABLE IF NOT EXISTS extra (id INTEGER PRIMARY KEY)")
            db.upsert("extra", [{"id": 5}], key="id")

        def verify(db):
            db.expect("SELECT count(*) FROM extra", equals=1)

        def downgrade(db):
            db.execute("DROP TABLE extra")
        """,
    )
    assert ["ddl"] == play.ran()
    assert [(5,)] == play.rows("SELECT id FROM extra")
    assert ["ddl"] == play.downgrade("ddl")
    assert "extra" not in play.tables()


def test_literals_mean_the_same_with_and_without_a_transaction(play: Playground) -> None:
    """A point in time written without a zone is UTC in both."""
    for name, header in (("inside", ""), ("outside", 'transaction = "none"\n')):
        play.seed(
            name,
            header + "def upgrade(db):\n    db.execute(\"INSERT INTO stamp (n, at) VALUES "
            f"('{name}', '2026-07-01 12:00:00')\")\n",
        )  # fmt: skip
    kind = "TIMESTAMP WITH TIME ZONE" if play.url.startswith("postgres") else "TIMESTAMP NULL"
    play.sql(f"CREATE TABLE stamp (n VARCHAR(10) PRIMARY KEY, at {kind})")
    if play.url.startswith("postgres"):
        play.sql(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''Asia/Tokyo''', current_database()); END $$"
        )
    play.ran()
    assert 1 == len({str(at) for (at,) in play.rows("SELECT at FROM stamp")})
