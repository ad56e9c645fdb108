"""plan, upgrade and downgrade, as a person and as a program see them."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.cli.conftest import COUNTRIES, GREETINGS, PEOPLE, Small, Tool, on_terminal, process

ALL = ["20260101_0900_countries", "20260101_1000_greetings", "20260102_0900_people"]
COUNTS = {"inserted", "updated", "unchanged", "deleted"}


def test_an_upgrade_names_every_seed_with_its_changes_and_time(project: Small, tool: Tool) -> None:
    """One row a seed, and one line that sums up."""
    said = tool("upgrade")
    assert 0 == said.code
    assert "" == said.err
    for seed in ALL:
        assert seed in said.out
    assert "countries +3" in said.out
    assert said.out.count(" ms") >= 3
    last = said.out.splitlines()[-1]
    assert last.startswith(f"3 seeds applied to sqlite:///{project.root}/dev.db (environment dev) in ")
    assert last.endswith(": 7 rows inserted.")


def test_the_second_upgrade_has_nothing_to_do_and_says_so(project: Small, tool: Tool) -> None:
    """No table, no zero counts: one sentence."""
    tool("upgrade")
    said = tool("upgrade")
    assert (0, f"Nothing to do: sqlite:///{project.root}/dev.db (environment dev) is up to date.\n") == (
        said.code,
        said.out,
    )


def test_a_seed_that_ran_and_changed_nothing_is_told(project: Small, tool: Tool) -> None:
    """Running is not changing."""
    tool("upgrade")
    said = tool("upgrade", "--again", "countries")
    assert "nothing changed" in said.out
    assert "countries =3" in said.out
    assert said.out.endswith(": 3 rows unchanged.\n")


def test_what_a_session_writes_is_said_not_to_be_counted(project: Small, tool: Tool) -> None:
    """Nobody reads that nothing changed where that is not known."""
    code = "with db.session() as session:\n        session.execute(text(\"INSERT INTO greeting VALUES ('hi')\"))\n"
    project.write(
        "seeds/reference/20260101_1100_orm.py", f"from sqlalchemy import text\n\ndef upgrade(db):\n    {code}"
    )
    said = tool("upgrade", "orm")
    assert (0, True) == (said.code, "  rows that are not counted" in said.out)
    assert "nothing changed" not in said.out
    assert said.out.endswith(": rows that are not counted.\n")
    again = tool("upgrade", "--again", "countries", "--json").json
    assert [True] == [step["counted"] for step in again["steps"]]


def test_one_row_is_no_plural(project: Small, tool: Tool) -> None:
    """Sentences keep to grammar."""
    said = tool("upgrade", "greetings")
    assert said.out.splitlines()[-1].startswith("1 seed applied to ")
    assert said.out.endswith(": 1 row inserted.\n")


def test_upgrade_prints_one_object_for_programs(project: Small, tool: Tool) -> None:
    """With stable keys, and nothing beside it."""
    said = tool("upgrade", "--json")
    found = said.json
    assert (0, "") == (said.code, said.err)
    assert {"command", "environment", "database", "dry_run", "steps", "changed", "duration_ms"} == set(found)
    assert ("upgrade", "dev", False, True) == (
        found["command"],
        found["environment"],
        found["dry_run"],
        found["changed"],
    )
    assert f"sqlite:///{project.root}/dev.db" == found["database"]
    assert ALL == [step["seed"] for step in found["steps"]]
    first = found["steps"][0]
    assert {"seed", "layer", "action", "state", "tables", "counted", "duration_ms", "loads", *COUNTS} == set(first)
    assert ("reference", "apply", "applied", 3, 0, 0, 0) == (
        first["layer"],
        first["action"],
        first["state"],
        *(first[count] for count in ("inserted", "updated", "unchanged", "deleted")),
    )
    assert {"countries": {"inserted": 3, "updated": 0, "unchanged": 0, "deleted": 0}} == first["tables"]
    again = tool("upgrade", "--json").json
    assert ([], False) == (again["steps"], again["changed"])


def test_upgrade_head_is_upgrade(project: Small, tool: Tool) -> None:
    """Hands that know Alembic find what they expect."""
    assert ALL == [step["seed"] for step in tool("upgrade", "head", "--json").json["steps"]]


def test_a_named_seed_comes_with_what_it_needs_and_nothing_else(project: Small, tool: Tool) -> None:
    """Any unique part of a name will do."""
    assert [ALL[0], ALL[2]] == [step["seed"] for step in tool("upgrade", "peop", "--json").json["steps"]]


def test_a_dry_run_shows_the_changes_and_takes_them_back(project: Small, tool: Tool) -> None:
    """And nobody could take its table for that of a real run."""
    said = tool("upgrade", "--dry-run")
    assert 0 == said.code
    assert 3 == said.out.count("rolled back  ")
    assert "applied" not in said.out
    assert "3 seeds tried on " in said.out
    assert "Dry run: all of it was rolled back." in said.out
    assert [(0,)] == project.rows("SELECT count(*) FROM people")
    found = tool("upgrade", "--dry-run", "--json").json
    assert (True, 3) == (found["dry_run"], len(found["steps"]))


def test_plan_runs_nothing_and_says_why(project: Small, tool: Tool) -> None:
    """Which seeds, what would be done, and how it would be committed."""
    said = tool("plan")
    assert 0 == said.code
    assert said.out.splitlines()[0].split() == ["Seed", "Layer", "Would", "Because", "Commits"]
    assert f"3 seeds would run on sqlite:///{project.root}/dev.db (environment dev).\n" in said.out
    assert [(0,)] == project.rows("SELECT count(*) FROM countries")
    assert [] == project.rows("SELECT name FROM sqlite_master WHERE name = 'seed_history'")


def test_plan_prints_the_keys_of_a_run_with_reasons_and_without_counts(project: Small, tool: Tool) -> None:
    """A program that reads the one can read the other."""
    found = tool("plan", "--json").json
    run = {"command", "environment", "database", "dry_run", "steps", "changed", "duration_ms"}
    assert {*run, "skipped", "drift", "refusal", "constraints"} == set(found)
    assert ("plan", True, False) == (found["command"], found["dry_run"], found["changed"])
    assert {"seed", "layer", "action", "reason", "transaction"} == set(found["steps"][0])
    assert ["new"] * 3 == [step["reason"] for step in found["steps"]]


def test_plan_tells_how_each_seed_commits(project: Small, tool: Tool) -> None:
    """A seed without a transaction commits each statement; every other one as a whole."""
    project.write(GREETINGS, "-- transaction: none\nINSERT INTO greeting (word) VALUES ('hello')")
    project.write(PEOPLE, 'transaction = "chunk"\ndef upgrade(db): ...')
    lines = tool("plan").out.splitlines()
    assert ["as one", "each statement", "in chunks"] == [
        line.rpartition("new")[2].strip() for line in lines if line.startswith("2026")
    ]


def test_a_plan_tells_what_lets_rows_come_in_any_order(project: Small, tool: Tool) -> None:
    """Of foreign keys that form circles, and only as long as there is something to run."""
    assert "In a circle" not in tool("plan").out
    with closing(sqlite3.connect(project.root / "dev.db")) as database:
        database.executescript(
            "CREATE TABLE node (id INTEGER PRIMARY KEY, up_id INTEGER REFERENCES node (id));"
            "CREATE TABLE a (id INTEGER PRIMARY KEY, b_id INTEGER, CONSTRAINT a_b FOREIGN KEY (b_id) REFERENCES b (id));"
            "CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a (id));"
            "CREATE TABLE c (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a (id));"
        )
    way = "foreign keys are deferred, and proven afterwards"
    assert f"In a circle: a.a_b, b.a_id, node.up_id: {way}.\n" in tool("plan").out
    assert [("a", "a_b", way), ("b", "a_id", way), ("node", "up_id", way)] == [
        tuple(each.values()) for each in tool("plan", "--json").json["constraints"]
    ]
    tool("upgrade")
    assert ("circle" in tool("plan").out, []) == (False, tool("plan", "--json").json["constraints"])


def test_a_dry_run_tells_how_large_loads_go(project: Small, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what becomes of keys and indexes meanwhile; programs read it of every run."""
    monkeypatch.setattr("tdm_seed.loading.large.LARGE", 3)
    said = tool("upgrade", "--dry-run").out
    assert "\npeople: 3 rows by INSERT; indexes stay.\n" in said
    found = tool("upgrade", "--json").json
    assert [[], [], [{"table": "people", "rows": 3, "by": "INSERT", "remarks": []}]] == [
        step["loads"] for step in found["steps"]
    ]


def test_a_plan_of_nothing_says_so(project: Small, tool: Tool) -> None:
    """Like the upgrade that would follow it."""
    tool("upgrade")
    assert tool("plan").out.startswith("Nothing to do: ")


def test_a_plan_tells_what_it_leaves_alone(project: Small, tool: Tool) -> None:
    """Seeds for another database are skipped, a changed scenario is drift."""
    tool("upgrade")
    project.write(GREETINGS, "-- dialects: postgresql\nINSERT INTO greeting (word) VALUES ('hi')")
    project.write(PEOPLE, "def upgrade(db): ...")
    out = tool("plan").out
    assert "Skipped: 20260101_1000_greetings: for postgresql only\n" in out
    assert "Drift: 20260102_0900_people: changed since it was applied; it runs once" in out
    found = tool("plan", "--json").json
    assert ["20260101_1000_greetings"] == [each["seed"] for each in found["skipped"]]
    assert ["20260102_0900_people"] == [each["seed"] for each in found["drift"]]


def test_an_upgrade_warns_of_drift_also_where_only_errors_are_wanted(project: Small, tool: Tool) -> None:
    """On stderr, so that a pipe stays clean."""
    tool("upgrade")
    project.write(PEOPLE, "def upgrade(db): ...")
    said = tool("upgrade", "-q")
    assert (0, "") == (said.code, said.out)
    assert said.err.startswith("Drift: 20260102_0900_people: changed since it was applied")


def test_a_failed_upgrade_tells_what_stays_and_what_was_not_run(project: Small, tool: Tool) -> None:
    """And goes on from there when the mistake is mended."""
    project.write(GREETINGS, "INSERT INTO greeting (word) VALUES ('hello');\nINSERT INTO nowhere VALUES (1)")
    said = tool("upgrade")
    assert (1, "") == (said.code, said.out)
    assert "20260101_0900_countries" in said.err
    assert "1 seed done before the error; that stays.\n" in said.err
    assert "Not run: 20260102_0900_people. The next upgrade goes on from here.\n" in said.err
    assert f"Error: seed 20260101_1000_greetings, {GREETINGS}:2" in said.err
    assert [(0,)] == project.rows("SELECT count(*) FROM greeting")
    project.write(GREETINGS, "INSERT INTO greeting (word) VALUES ('hello')")
    assert ALL[1:] == [step["seed"] for step in tool("upgrade", "--json").json["steps"]]


def test_a_failed_upgrade_tells_programs_the_same(project: Small, tool: Tool) -> None:
    """The error, the steps before it, and the seeds behind it."""
    project.write(GREETINGS, "INSERT INTO nowhere VALUES (1)")
    said = tool("upgrade", "--json")
    found = said.json
    assert (1, "") == (said.code, said.err)
    assert {"error", "steps", "left"} == set(found)
    assert (["20260101_0900_countries"], ["20260102_0900_people"]) == (
        [step["seed"] for step in found["steps"]],
        found["left"],
    )


def test_a_downgrade_lists_what_it_is_going_to_revert_first(project: Small, tool: Tool) -> None:
    """Newest first, and why."""
    project.write(COUNTRIES.replace(".csv", ".py"), _COUNTRIES_PY)
    tool("upgrade")
    said = tool("downgrade", "countries")
    assert 0 == said.code
    assert [
        "To revert: 20260102_0900_people (needs countries)",
        "To revert: 20260101_0900_countries (named)",
    ] == said.err.splitlines()
    assert "2 seeds reverted on " in said.out
    assert said.out.endswith(": 6 rows deleted.\n")
    (project.root / GREETINGS).unlink()
    tool("repair", "greetings")
    tool("upgrade")
    assert [
        "To revert: 20260102_0900_people",
        "To revert: 20260101_0900_countries",
    ] == tool("downgrade", "base").err.splitlines()


_COUNTRIES_PY = """
    def upgrade(db):
        db.upsert("countries", db.csv(), key="code")

    def downgrade(db):
        db.delete("countries", where="code > ''")
"""


def test_minus_one_is_the_seed_that_was_applied_last(project: Small, tool: Tool) -> None:
    """No option, though it looks like one."""
    tool("upgrade")
    found = tool("downgrade", "-1", "--json").json
    assert ("downgrade", ["20260102_0900_people"], True) == (
        found["command"],
        [step["seed"] for step in found["steps"]],
        found["changed"],
    )
    assert ("downgrade", "reverted", 3) == tuple(found["steps"][0][key] for key in ("action", "state", "deleted"))


def test_a_seed_without_a_downgrade_refuses_before_anything_happens(project: Small, tool: Tool) -> None:
    """Also the one that depends on it is left alone."""
    tool("upgrade")
    said = tool("downgrade", "base")
    assert 1 == said.code
    assert said.err.startswith("Error: seed 20260101_0900_countries")
    assert [(3,)] == project.rows("SELECT count(*) FROM people")


def test_what_the_command_line_overrides_is_recorded(project: Small, tool: Tool) -> None:
    """And shown by the history."""
    tool("upgrade", "--volume", "people=1_0", "--random-seed", "7", "--now", "2026-02-03")
    assert [(10,)] == project.rows("SELECT count(*) FROM people")
    note = tool("history", "people", "--json").json["entries"][0]["note"]
    assert {"volumes": {"people": 10}, "random_seed": 7, "now": "2026-02-03T00:00:00+00:00"} == note["overrides"]
    assert "volumes people=10; random seed 7" in tool("history", "people").out.replace(
        "now 2026-02-03T00:00:00+00:00; ", ""
    )


def test_verbose_tells_of_each_seed_as_it_runs(project: Small, tool: Tool) -> None:
    """For the log of a pipeline."""
    err = tool("upgrade", "-v").err
    assert "[1/3] 20260101_0900_countries: apply, new\n" in err
    assert "applied in " in err


def test_quiet_prints_nothing_when_all_is_well(project: Small, tool: Tool) -> None:
    """Neither a table nor a summary."""
    for words in (["plan"], ["upgrade"], ["status"], ["history"], ["show", "people"], ["verify"], ["digest"]):
        said = tool(*words, "-q")
        assert (0, "", "") == (said.code, said.out, said.err), words
    assert (0, "", "") == tuple(vars(tool("downgrade", "-1", "-q")).values())


def test_what_a_seed_prints_does_not_get_into_the_object(project: Small, tool: Tool) -> None:
    """It goes to stderr."""
    project.write(PEOPLE, "def upgrade(db):\n    print('working')")
    said = tool("upgrade", "--json")
    assert 3 == len(said.json["steps"])
    assert "working\n" == said.err


def protect(project: Small) -> None:
    """Make dev an environment that is protected, on this host, with its reference layer alone."""
    project.write("seeds/environments/dev.toml", 'url = "sqlite:///dev.db"\nprotected = true\nhosts = ["localhost"]\n')


def test_where_it_is_protected_a_downgrade_must_be_confirmed(project: Small, tool: Tool) -> None:
    """In a pipe by --yes; nothing is taken back before."""
    protect(project)
    tool("upgrade")
    for words in (("downgrade", "greetings"), ("downgrade", "greetings", "--json")):
        said = tool(*words)
        assert (7, 1) == (said.code, len(project.rows("SELECT * FROM greeting")))
        assert "'dev' is protected, so a downgrade must be confirmed" in said.out + said.err
        assert "--yes" in said.out + said.err
    assert (0, []) == (tool("downgrade", "greetings", "--yes").code, project.rows("SELECT * FROM greeting"))


@pytest.mark.parametrize(("typed", "left", "shown"), [("y\n", 0, "1 seed reverted"), ("n\n", 1, "not confirmed")])
def test_where_it_is_protected_a_terminal_is_asked(project: Small, typed: str, left: int, shown: str) -> None:
    """With the seeds that would go, the database and the environment."""
    protect(project)
    process("upgrade")
    screen = on_terminal("downgrade", "greetings", typed=typed)
    assert screen.index("To revert") < screen.index("Revert 1 seed on sqlite:") < screen.index(shown)
    assert left == len(project.rows("SELECT * FROM greeting"))
