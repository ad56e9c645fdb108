"""reset, as a person and as a program see it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest

from tdm_seed.cli import resetting
from tdm_seed.dialects.rewinding import PutBack, Rewound
from tdm_seed.engine.emptying import Emptying
from tdm_seed.engine.reset import ResetResult
from tdm_seed.values import Way
from tests.cli.conftest import Small, Tool, on_terminal, process

ALL = ["20260101_0900_countries", "20260101_1000_greetings", "20260102_0900_people"]


def people(project: Small) -> int:
    """Count the people."""
    ((number,),) = project.rows("SELECT count(*) FROM people")
    return int(number)


def allow(project: Small, word: str = "allow") -> None:
    """Say in the manifest whether a reset must be confirmed."""
    path = project.root / "seeds/environments/dev.toml"
    path.write_text(f'reset = "{word}"\n' + path.read_text(encoding="utf-8"), encoding="utf-8")


def test_a_reset_shows_what_goes_before_and_what_was_done_after(project: Small, tool: Tool) -> None:
    """Database, host, environment, tables and rows."""
    allow(project)
    tool("upgrade")
    said = tool("reset")
    assert 0 == said.code
    before = said.err.splitlines()
    assert ["Table", "Rows", "to", "go", "To", "come", "back"] == before[0].split()
    assert [["countries", "3"], ["greeting", "1"], ["people", "3"]] == [line.split() for line in before[2:5]]
    where = f"sqlite:///{project.root}/dev.db (environment dev"
    assert f"7 rows in 3 tables to empty on {where}, host localhost)." == before[5]
    assert said.out.startswith(f"7 rows emptied on {where}).\n")
    assert f"3 seeds applied to {where}) in " in said.out
    assert 3 == people(project)


def test_rows_that_come_back_are_counted_by_themselves(project: Small, tool: Tool) -> None:
    """They need not be among those that go: somebody may have deleted them."""
    sql(project, "INSERT INTO countries VALUES ('XX', 'first')")
    tool("upgrade", "countries", "greetings")
    sql(project, "DELETE FROM countries")
    said = tool("reset", "--empty", "--yes")
    assert ["countries", "0", "1"] == said.err.splitlines()[2].split()
    assert "1 row in 1 table to empty on" in said.err
    assert said.out.startswith("1 row emptied on sqlite:///")
    assert said.out.endswith("(environment dev), 1 row brought back.\n")
    sql(project, "DELETE FROM countries")
    said = tool("reset", "--empty")
    assert (0, True) == (said.code, "Nothing to empty on" in said.err)
    assert [("XX",)] == project.rows("SELECT code FROM countries")


def sql(project: Small, statement: str) -> None:
    """Run a statement, behind the tool's back."""
    with closing(sqlite3.connect(project.root / "dev.db")) as connection:
        connection.execute(statement)
        connection.commit()


def test_in_a_pipe_a_reset_must_be_confirmed(project: Small, tool: Tool) -> None:
    """The remedy is named, and nothing is emptied without it."""
    tool("upgrade")
    for words in (("reset",), ("reset", "--json"), ("reset", "--quiet")):
        said = tool(*words)
        assert (7, 3) == (said.code, people(project))
        assert "--yes" in said.out + said.err
    assert "7 rows in 3 tables to empty" in tool("reset").err
    assert (0, "", "") == ((said := tool("reset", "--yes", "--quiet")).code, said.out, said.err)
    assert ["reset", *["applied"] * 3] == [entry["state"] for entry in tool("history", "--json").json["entries"]][3:]


@pytest.mark.parametrize(("typed", "left", "shown"), [("y\n", 0, "7 rows emptied"), ("n\n", 3, "not confirmed")])
def test_on_a_terminal_a_reset_asks(project: Small, typed: str, left: int, shown: str) -> None:
    """After it has said what would go."""
    process("upgrade")
    screen = on_terminal("reset", "--empty", typed=typed)
    assert screen.index("7 rows in 3 tables to empty") < screen.index("Empty it? [y/N]") < screen.index(shown)
    assert left == people(project)


def test_nothing_to_empty_asks_nothing(project: Small, tool: Tool) -> None:
    """What was never seeded is seeded."""
    said = tool("reset")
    assert 0 == said.code
    assert "Nothing to empty on sqlite:///" in said.err
    assert "Note: this database was never seeded, so whatever is in it stays" in said.err
    assert 3 == people(project)


def test_a_reset_prints_one_object_for_programs(project: Small, tool: Tool) -> None:
    """That of upgrade, with what was emptied, kept and brought back."""
    allow(project)
    path = project.root / "seeds/environments/dev.toml"
    path.write_text('keep = ["greeting"]\n' + path.read_text(encoding="utf-8"), encoding="utf-8")
    tool("upgrade", "countries", "people")
    said = tool("reset", "--json")
    found = said.json
    assert (0, "") == (said.code, said.err)
    assert ("reset", "dev", False, True) == tuple(
        found[key] for key in ("command", "environment", "dry_run", "changed")
    )
    assert ALL == [step["seed"] for step in found["steps"]]
    assert [
        {"table": "countries", "rows": 3, "restored": 0},
        {"table": "people", "rows": 3, "restored": 0},
    ] == found["emptied"]
    assert [{"table": "greeting", "reason": "the manifest keeps it"}] == found["kept"]
    emptied = tool("reset", "--json", "--empty").json
    assert ([], True) == (emptied["steps"], emptied["changed"])
    assert 0 == people(project)
    assert 3 == tool("status", "--check").code


def test_what_the_manifest_forbids_no_option_allows(project: Small, tool: Tool) -> None:
    """Exit code 7."""
    tool("upgrade")
    allow(project, "forbid")
    said = tool("reset", "--yes")
    assert (7, 3) == (said.code, people(project))
    assert "the environment 'dev' forbids a reset" in said.err
    assert 'reset = "forbid"' in said.err


def test_a_terminal_sees_the_seeds_after_the_emptying(project: Small) -> None:
    """And rows that were there first are told to come back."""
    process("upgrade", "countries")
    allow(project)
    screen = on_terminal("reset", "--verbose")
    assert screen.index("to empty on") < screen.index("[1/3] 20260101_0900_countries")


def test_a_second_reset_goes_back_by_rows_and_says_so(project: Small, tool: Tool) -> None:
    """The first one says why it did not."""
    allow(project)
    tool("upgrade")
    first = tool("reset")
    assert "Not by rows: no rows are kept.\n" in first.err
    assert "Not by clone: there is no snapshot of what the environment 'dev' is now.\n" in first.err
    sql(project, "DELETE FROM people")
    said = tool("reset")
    assert (0, "") == (said.code, said.err)
    where = f"sqlite:///{project.root}/dev.db (environment dev)"
    assert f"All is as it was when it was seeded on {where}.\n" == said.out
    assert 3 == people(project)
    found = tool("reset", "--json").json
    assert ("rows", [], True, None) == tuple(found[key] for key in ("way", "passed_over", "rows_are_kept", "snapshot"))
    assert ([], []) == (found["steps"], found["emptied"])


def test_a_reset_by_clone_names_the_snapshot(project: Small, tool: Tool) -> None:
    """A way that is asked for is taken, or refused as a usage error."""
    allow(project)
    tool("upgrade")
    refused = tool("reset", "--way", "clone")
    assert (2, 3) == (refused.code, people(project))
    assert "this database cannot go back by clone: there is no snapshot" in refused.err
    name = tool("snapshot", "save", "--json").json["snapshot"]["name"]
    sql(project, "DELETE FROM people")
    said = tool("reset", "--way", "clone")
    assert f"sqlite:///{project.root}/dev.db (environment dev) is {name} again.\n" == said.out
    assert 3 == people(project)


@pytest.mark.parametrize("age", ["99999999999d", "9" * 5000 + "h", "9d9"])
def test_an_age_that_is_none_is_a_usage_error(tool: Tool, age: str) -> None:
    """Whatever it is: too long to be counted, or of no such form."""
    refused = tool("snapshot", "prune", "--older-than", age)
    assert (2, "") == (refused.code, refused.out)
    assert repr(age) in refused.err


@pytest.mark.parametrize(("way", "question"), [("rows", "Put back what was written to"), ("clone", "Replace")])
def test_on_a_terminal_every_way_asks(project: Small, way: str, question: str) -> None:
    """With the database, the environment and the host."""
    process("upgrade")
    process("reset", "--yes")
    process("snapshot", "save")
    sql(project, "DELETE FROM people")
    screen = on_terminal("reset", "--way", way, typed="n\n")
    assert (way == "rows") == (
        re.search(r"Written since it was seeded.*people +rows.*Put back", screen, re.S) is not None
    )
    assert screen.index(question) < screen.index("(environment dev, host localhost)") < screen.index("not confirmed")
    assert 0 == people(project)
    on_terminal("reset", "--way", way, typed="y\n")
    assert 3 == people(project)


def test_nothing_to_put_back_asks_nothing(project: Small) -> None:
    """And the history gets no entry."""
    process("upgrade")
    process("reset", "--yes")
    screen = on_terminal("reset")
    assert "Nothing was written since it was seeded to sqlite:///" in screen
    assert "[y/N]" not in screen
    assert [("applied",)] * 3 == project.rows("SELECT state FROM seed_history ORDER BY id DESC LIMIT 3")


def test_what_was_written_is_told_to_programs_that_have_not_confirmed(project: Small, tool: Tool) -> None:
    """In the message of the error."""
    tool("upgrade")
    tool("reset", "--yes")
    sql(project, "DELETE FROM people")
    said = tool("reset", "--json")
    assert 7 == said.code
    assert said.json["error"]["message"].endswith("must be confirmed, and was not, and somebody has written to people")
    refused = tool("snapshot", "save")
    assert 4 == refused.code
    assert "somebody has written to people since it was seeded" in refused.err
    assert 0 == tool("reset", "--yes").code
    assert 0 == tool("snapshot", "save").code


@pytest.mark.parametrize(
    ("done", "told"),
    [
        (Rewound((PutBack("a", 1, 2, 3),), ("s",)), "6 rows in 1 table and 1 sequence put back on x."),
        (Rewound((PutBack("a", 1),)), "1 row in 1 table put back on x."),
        (Rewound((), ("s", "t")), "2 sequences put back on x."),
        (Rewound(), "Nothing was written since it was seeded to x."),
    ],
)
def test_what_was_not_put_back_is_not_told(done: Rewound, told: str) -> None:
    """No table with no rows, and no sequence where none has moved."""
    assert told == resetting._told(ResetResult(Emptying(), (), Way.ROWS, rewound=done), "x")


def test_rows_without_a_history_are_adopted_only_where_that_is_said(project: Small, tool: Tool) -> None:
    """Exit code 7, and the rows are there."""
    allow(project)
    sql(project, "INSERT INTO countries VALUES ('XX', 'first')")
    said = tool("reset")
    assert (7, [("XX",)]) == (said.code, project.rows("SELECT code FROM countries"))
    assert "this database holds rows and was never seeded" in said.err
    assert 0 == tool("reset", "--adopt").code
    assert [("XX",)] == project.rows("SELECT code FROM countries WHERE code = 'XX'")
