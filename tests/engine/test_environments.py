"""What an environment forbids and overrides, and what the database remembers of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tdm_seed.errors import Protected, UsageError
from tdm_seed.history import History
from tdm_seed.values import State
from tests.engine.playground import MANIFEST, VARIABLE, Playground

ROWS = """
def upgrade(db):
    db.upsert("item", [{"id": n, "label": db.now.isoformat()} for n in db.range("items")], key="id")

def verify(db):
    db.expect("SELECT count(*) FROM item", at_least=db.volume("items"))
"""


def labels(play: Playground) -> set[str]:
    """Give what the items are labelled with."""
    return {label for (label,) in play.rows("SELECT label FROM item")}


def reset(play: Playground) -> None:
    """Write the history entry that says that the database was emptied."""
    last = play.history()[-1]
    with play.connection() as connection:
        History().record(connection, replace(last, state=State.RESET, id=None))


def test_a_scenario_under_another_environments_name_is_refused(play: Playground) -> None:
    """The database carries the name of the environment that seeded it; reference rows are wanted everywhere."""
    play.manifest("demo")
    play.item("base", 1)
    play.ran()
    play.item("more", 2)
    revision = play.item("made_up", 3, layer="scenario")
    with pytest.raises(Protected) as refused:
        play.ran(environment="demo")
    assert (7, revision) == (refused.value.exit_code, refused.value.place.seed)
    assert "this database was seeded as 'dev', so no scenario of 'demo' is run in it" == refused.value.message
    assert "`--env dev`" in (refused.value.hint or "")
    assert [1] == play.items()
    assert ["more"] == play.ran("more", environment="demo")
    assert ["made_up"] == play.ran()
    with pytest.raises(Protected):
        play.downgrade("made_up", environment="demo")
    assert [1, 2, 3] == play.items()


def test_after_a_reset_another_environment_may_seed_the_database(play: Playground) -> None:
    """The name goes with the rows."""
    play.manifest("demo")
    play.item("made_up", 1, layer="scenario")
    play.ran()
    reset(play)
    assert ["made_up"] == play.ran(environment="demo")


def test_a_protected_environment_has_no_scenarios_whatever_is_asked(play: Playground) -> None:
    """Neither by its manifest nor by name."""
    play.manifest("prod", MANIFEST.replace("scenarios", 'protected = true\nhosts = ["localhost"]\nscenarios'))
    play.item("base", 1)
    play.item("made_up", 2, layer="scenario")
    assert ["base"] == play.ran(environment="prod")
    with pytest.raises(UsageError, match="does not want made_up") as refused:
        play.ran("made_up", environment="prod")
    assert "protected environments have no scenarios" in (refused.value.hint or "")
    assert [1] == play.items()


def test_a_protected_environment_must_list_its_hosts(sqlite_play: Playground) -> None:
    """Else a wrong URL would reach any server."""
    sqlite_play.manifest("prod", MANIFEST.replace("scenarios", "protected = true\nscenarios"))
    with pytest.raises(Protected, match="lists no hosts"):
        sqlite_play.ran(environment="prod")


def test_another_host_is_not_even_connected_to(sqlite_play: Playground) -> None:
    """The refusal comes before the connection, for reading too."""
    sqlite_play.manifest("here", MANIFEST.replace("scenarios", 'hosts = ["db.example"]\nscenarios'))
    elsewhere = Playground(sqlite_play.root, "postgresql://somebody@192.0.2.1/app")
    with pytest.raises(Protected, match=r"may not touch the host 192\.0\.2\.1"):
        elsewhere.status("here")


def test_today_is_the_day_of_the_first_seeding_until_a_reset(play: Playground) -> None:
    """A database that was seeded yesterday keeps yesterday's clock."""
    play.manifest(text=MANIFEST.replace("2026-01-05T00:00:00Z", '"today"'))
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    play.seed("rows", ROWS)
    play.ran()
    assert labels(play) <= {midnight.isoformat()}
    earlier = "2024-02-29T00:00:00Z"
    play.sql(f"UPDATE seed_history SET clock = '{earlier}'")
    play.ran(again=("rows",))
    assert {"2024-02-29T00:00:00+00:00"} == labels(play)
    assert {datetime(2024, 2, 29, tzinfo=UTC)} == {entry.clock for entry in play.history()}
    reset(play)
    play.ran()
    assert labels(play) <= {midnight.isoformat()}


def test_an_override_of_the_clock_is_for_one_run(play: Playground) -> None:
    """It does not become the "today" of the runs that follow."""
    play.manifest(text=MANIFEST.replace("2026-01-05T00:00:00Z", '"today"'))
    play.seed("rows", ROWS)
    play.ran(now="1999-12-31")
    assert {"1999-12-31T00:00:00+00:00"} == labels(play)
    play.ran(again=("rows",))
    assert datetime.now(UTC).date().isoformat() in {label[:10] for label in labels(play)}


def test_overrides_are_recorded_and_last_for_one_run(play: Playground) -> None:
    """The history says what the command line changed, and what the seed asked for."""
    play.seed("rows", ROWS)
    play.ran(volumes={"items": 5}, random_seed=99, now="2020-02-20")
    (entry,) = play.history()
    assert {"volumes": {"items": 5}, "random_seed": 99, "now": "2020-02-20T00:00:00+00:00"} == entry.note["overrides"]
    assert ({"items": 5}, 99, datetime(2020, 2, 20, tzinfo=UTC)) == (entry.volumes, entry.random_seed, entry.clock)
    assert [1, 2, 3, 4, 5] == play.items()
    play.ran(again=("rows",))
    last = play.history()[-1]
    assert ({"items": 3}, 7) == (last.volumes, last.random_seed)
    assert "overrides" not in last.note


def test_status_tells_of_changed_volumes_without_calling_it_drift(play: Playground) -> None:
    """The remedy is named; nothing is pending."""
    play.seed("rows", ROWS)
    play.ran(volumes={"items": 2})
    status = play.status()["rows"]
    assert (
        "applied",
        "applied with items=2, the manifest says 3: "
        "`tdm-seed reset` begins anew, `tdm-seed upgrade --again rows` runs it on top of its rows",
    ) == (status.state, status.reason)
    assert [] == play.ran()
    play.ran(again=("rows",))
    assert "" == play.status()["rows"].reason


def test_status_tells_of_another_version_of_faker(play: Playground) -> None:
    """Its values last as long as its version; a seed that uses none is not concerned."""
    play.seed("plain", 'def upgrade(db):\n    db.load("item", [{"id": 1, "label": str(db.random.random())}])\n')
    play.seed("faked", 'def upgrade(db):\n    db.load("item", [{"id": 2, "label": db.fake.name()}])\n')
    play.ran()
    assert {"plain": "", "faked": ""} == {name: each.reason for name, each in play.status().items()}
    version = play.history()[1].note["faker"]
    play.sql(f"UPDATE seed_history SET note = REPLACE(note, '{version}', '9.0.1')")
    assert {"plain": "", "faked": f"made with Faker 9.0.1, {version} would give other values"} == {
        name: each.reason for name, each in play.status().items()
    }


def test_an_environment_of_its_own_database_may_share_the_project(play: Playground, tmp_path: object) -> None:
    """Each database has its own history."""
    play.manifest("other", MANIFEST.replace(f"${{{VARIABLE}}}", "sqlite:///other.db"))
    play.seed("none", "def upgrade(db):\n    pass\n")
    assert ["none"] == play.ran(environment="other")
    assert ["none"] == play.ran()
