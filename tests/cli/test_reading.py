"""status, history, show, verify and digest, as a person and as a program see them."""

from __future__ import annotations

import pytest

from tests.cli.conftest import COUNTRIES, GREETINGS, PEOPLE, TABLES, Small, Tool


def test_status_shows_where_each_seed_stands(project: Small, tool: Tool) -> None:
    """Before and after."""
    before = tool("status")
    assert (0, "Environment dev: 3 pending.") == (before.code, before.out.splitlines()[-1])
    tool("upgrade")
    project.write(GREETINGS, "INSERT INTO greeting (word) VALUES ('hi')")
    project.write(PEOPLE, "def upgrade(db): ...")
    after = tool("status").out
    assert "Environment dev: 1 applied, 1 pending, 1 drift." == after.splitlines()[-1]
    assert "changed since it was applied" in after


def test_reading_makes_no_database(project: Small, tool: Tool) -> None:
    """Where the file is not there, everything is pending; the first command that writes makes it."""
    files = sorted(path.name for path in project.root.iterdir())
    url = f"sqlite:///{project.root}/new.db"
    for words in (("status",), ("plan",), ("history",), ("verify",), ("digest",), ("repair",)):
        assert 0 == tool(*words, "--url", url).code
    assert "3 pending" in tool("status", "--url", url).out
    assert 1 == tool("upgrade", "--dry-run", "--url", url).code
    assert files == sorted(path.name for path in project.root.iterdir())
    assert 2 == tool("upgrade", "nothing", "--url", url).code
    assert not (project.root / "new.db").exists()
    project.write(COUNTRIES.replace("0900_countries.csv", "0800_tables.sql"), TABLES)
    assert 0 == tool("upgrade", "tables", "--url", url).code
    assert [(0,)] == project.rows("SELECT count(*) FROM countries", "new.db")
    assert "cannot be opened" in tool("status", "--url", f"sqlite:///{project.root}/nowhere/new.db").err


def test_status_prints_one_object_for_programs(project: Small, tool: Tool) -> None:
    """With counts of what is pending and adrift."""
    tool("upgrade", "countries")
    found = tool("status", "--json").json
    assert {"environment", "seeded_as", "schema_heads", "seeds", "pending", "drift"} == set(found)
    assert ("dev", [], 2, 0) == (found["environment"], found["schema_heads"], found["pending"], found["drift"])
    assert {"seed", "layer", "state", "reason", "applied_at", "checksum"} == set(found["seeds"][0])
    assert ["applied", "pending", "pending"] == [seed["state"] for seed in found["seeds"]]
    applied, pending = found["seeds"][0]["applied_at"], found["seeds"][1]["applied_at"]
    assert applied.endswith("Z")
    assert pending is None


def test_status_leaves_the_exit_code_alone_unless_it_is_asked_to_check(project: Small, tool: Tool) -> None:
    """3 for pending, 4 for drift, and drift wins."""
    assert (0, 3) == (tool("status").code, tool("status", "--check").code)
    tool("upgrade")
    assert 0 == tool("status", "--check").code
    project.write(PEOPLE, "def upgrade(db): ...")
    assert (0, 4) == (tool("status").code, tool("status", "--check").code)
    project.write(GREETINGS, "INSERT INTO greeting (word) VALUES ('hi')")
    assert 4 == tool("status", "--check", "--json").code


def test_status_names_seeds_that_the_environment_does_not_list(project: Small, tool: Tool) -> None:
    """They are not pending: nothing listed, nothing run."""
    tool("upgrade", "--env", "small")
    out = tool("status", "--env", "small").out
    assert "small does not list it" in out
    assert "Environment small: 2 applied, 1 unlisted." == out.splitlines()[-1]
    assert 0 == tool("status", "--env", "small", "--check").code


def test_a_project_without_seeds_has_a_status(project: Small, tool: Tool) -> None:
    """One sentence."""
    for path in (COUNTRIES, GREETINGS, PEOPLE):
        (project.root / path).unlink()
    project.write("seeds/environments/dev.toml", 'url = "sqlite:///dev.db"')
    assert "Environment dev: the project has no seeds.\n" == tool("status").out


def test_history_lists_what_was_done(project: Small, tool: Tool) -> None:
    """Oldest first; before the first upgrade there is none."""
    assert "No history: nothing was applied to this database yet.\n" == tool("history").out
    tool("upgrade")
    tool("downgrade", "-1")
    lines = tool("history").out.splitlines()
    assert ["When", "Seed", "State", "Environment", "Rows", "Time", "By"] == lines[0].split()
    assert ["applied"] * 3 + ["reverted"] == [line.split()[3] for line in lines[2:]]
    entries = tool("history", "people", "--json").json["entries"]
    assert [("applied", 3, 0), ("reverted", 0, 3)] == [(e["state"], e["inserted"], e["deleted"]) for e in entries]
    assert {"people": 3} == entries[0]["volumes"]


def test_history_tells_how_quick_a_seed_was(project: Small, tool: Tool) -> None:
    """Rows per second, to programs always and to people with -v; nothing came of nothing."""
    tool("upgrade")
    first = tool("history", "people", "--json").json["entries"][0]
    quick = round(3_000 / first["duration_ms"]) if first["duration_ms"] else None
    assert quick == first["rows_per_s"]
    lines = tool("history", "-v").out.splitlines()
    assert ["Rows", "Time", "Rows/s", "By"] == lines[0].split()[4:]
    assert f"{quick or 0:,}" == next(line for line in lines if "people" in line).split()[-2]
    assert "Rows/s" not in tool("history").out


def test_show_tells_what_a_seed_is(project: Small, tool: Tool) -> None:
    """What its file says, without running it, and where it stands."""
    out = tool("show", "people").out
    for words in ("People to work with.", PEOPLE, "countries", "verify       yes", "state        pending"):
        assert words in out
    found = tool("show", "people", "--json").json
    assert (
        "20260102_0900_people",
        "scenario",
        "python",
        ["countries"],
        "once",
        "seed",
        True,
        True,
        "pending",
    ) == tuple(
        found[key]
        for key in ("seed", "layer", "kind", "depends_on", "mode", "transaction", "verify", "downgrade", "state")
    )


def test_verify_runs_what_seeds_promise(project: Small, tool: Tool) -> None:
    """8 when one of them is broken, also in silence."""
    assert "Nothing to verify: no seed that is meant is applied and has a verify.\n" == tool("verify").out
    tool("upgrade")
    said = tool("verify")
    assert (0, "2 seeds verified, none failed.") == (said.code, said.out.splitlines()[-1])
    project.rows("DELETE FROM people WHERE id = 2")
    said = tool("verify")
    assert (8, "2 seeds verified, 1 failed.") == (said.code, said.out.splitlines()[-1])
    sentence = (
        f"Error: seed 20260102_0900_people, {PEOPLE}:8: SELECT count(*) FROM people gives 2, not 3\n"
        "  Correct the seed, or what its verify promises of the rows.\n"
    )
    assert sentence == said.err
    assert (8, "", sentence) == tuple(vars(tool("verify", "-q")).values())
    said = tool("verify", "--json")
    assert (8, "", 1) == (said.code, said.err, said.json["failed"])
    assert [(True, None), (False, "verification_failed")] == [
        (seed["holds"], seed["error"] and seed["error"]["code"]) for seed in said.json["seeds"]
    ]


def test_digest_depends_on_the_content_alone(project: Small, tool: Tool) -> None:
    """Not on the order of rows; and it names what it leaves out."""
    tool("upgrade", "--env", "small")
    tool("upgrade", "countries")
    found, small = (
        tool("digest", "countries", "--json").json,
        tool("digest", "countries", "--env", "small", "--json").json,
    )
    assert found["tables"] == small["tables"]
    assert [("countries", 3, [])] == [(each["table"], each["rows"], each["left_out"]) for each in found["tables"]]
    assert {"environment", "database", "tables", "digest"} == set(found)
    out = tool("digest").out
    assert f"{found['tables'][0]['digest']}\n" in out
    assert "Left out, since the database numbers them: people.id.\n" == out.splitlines(keepends=True)[-1]


@pytest.mark.parametrize("word", ["current", "heads"])
def test_alembics_words_are_answered(word: str, project: Small, tool: Tool) -> None:
    """With where to look instead."""
    said = tool(word, "--env", "dev")
    assert 2 == said.code
    assert said.err.endswith("Use `tdm-seed status`.\n")


def test_reading_commands_write_nothing(project: Small, tool: Tool) -> None:
    """Not even the history's table."""
    before = (project.root / "dev.db").read_bytes()
    for words in (["plan"], ["status"], ["history"], ["show", "people"], ["verify"], ["digest"]):
        assert 0 == tool(*words).code
    assert before == (project.root / "dev.db").read_bytes()
    assert {"dev.db", "small.db", "seeds"} == {path.name for path in project.root.iterdir()}


def test_status_and_plan_name_the_environment_that_a_database_belongs_to(project: Small, tool: Tool) -> None:
    """A scenario of another one would be refused, and the preview says so before it is tried."""
    tool("upgrade", "--env", "small", "--url", "sqlite:///dev.db")
    belongs = "This database was seeded as small: no scenario of dev runs in it."
    assert belongs == tool("status").out.splitlines()[-1]
    assert "small" == tool("status", "--json").json["seeded_as"]
    said = tool("plan")
    assert (0, True) == (said.code, "Upgrade would refuse, as things stand: " in said.out)
    told = tool("plan", "--json").json["refusal"]
    assert told == tool("upgrade", "--json").json["error"]
    assert "protected" == told["code"]
