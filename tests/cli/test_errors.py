"""What a command says when it cannot do what was asked, and the exit code that tells a pipeline."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.conftest import COUNTRIES, GREETINGS, PEOPLE, Small, Tool, command, process

ERROR = {"code", "message", "seed", "file", "line", "table", "row", "column", "hint"}


def test_1_a_seed_fails(project: Small, tool: Tool) -> None:
    """With the place in its file."""
    project.write(COUNTRIES, "code,nama\nAT,Austria\n")
    said = tool("upgrade", "countries")
    assert (1, "") == (said.code, said.out)
    assert said.err.startswith(f"Error: seed 20260101_0900_countries, {COUNTRIES}")
    assert "nama" in said.err


def test_1_there_is_no_server(project: Small, tool: Tool) -> None:
    """A sentence instead of a driver's stack."""
    said = tool("status", "--url", "postgresql://nobody@localhost:1/shop")
    assert 1 == said.code
    assert said.err.startswith("Error: ")
    assert "localhost:1" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["upgrade", "--urll", "x"], "Error: No such option '--urll'. Did you mean '--url'?\n"),
        (["--env", "test", "status"], "Options stand behind the command: tdm-seed COMMAND --env.\n"),
        (["--nonsense", "status"], "`tdm-seed --help` lists what there is.\n"),
        (["upgrade", "nowhere"], "Error: there is no seed nowhere\n"),
        (["upgrade", "2026"], "Error: 2026 fits 3 seeds:"),
        (["upgrade", "--env", "dve"], "Error: there is no environment 'dve'\n  Did you mean dev?"),
        (["upgrade", "--volume", "people"], "'people' is not of the form users=500\n"),
        (["upgrade", "--volume", "poeple=3"], "Error: the environment has no volume 'poeple'\n  Did you mean people?"),
        (["upgrade", "--now", "soon"], "Error: now: 'soon' is no moment\n"),
        (["upgrade", "--lock-timeout", "-1"], "'-1' is no number of seconds\n"),
        (["upgrade", "--lock-timeout", "nan"], "'nan' is no number of seconds\n"),
        (["upgrade", "--url", "nonsense"], "Error: this is not a database URL\n"),
        (["upgrade", "--migrate"], "Error: this project has no Alembic configuration to migrate with\n"),
        (["upgrade", "--migrate", "--dry-run"], "Error: --migrate changes the schema, which a dry run does not\n"),
        (["downgrade"], "Error: Missing argument 'SEED|-N|base'\n  `tdm-seed downgrade --help` lists what there is.\n"),
        (["downgrade", "people"], "Error: 20260102_0900_people is not applied\n"),
        (["downgrade", "-1"], "Error: only 0 seeds are applied\n"),
        (["show"], "Error: Missing argument 'SEED'\n"),
        (["upgrad"], "Error: No such command 'upgrad'"),
    ],
)
def test_2_what_was_asked_makes_no_sense(arguments: list[str], sentence: str, project: Small, tool: Tool) -> None:
    """The sentence names what is meant, or where to look."""
    said = tool(*arguments)
    assert (2, "") == (said.code, said.out)
    assert sentence in said.err


def test_2_outside_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: Tool) -> None:
    """It says what would make the folder one."""
    monkeypatch.chdir(tmp_path)
    said = tool("status")
    assert 2 == said.code
    assert said.err.startswith(f"Error: {tmp_path} does not belong to a project\n")
    assert "[tool.tdm-seed]" in said.err


def test_without_a_command_the_help_is_shown(tool: Tool) -> None:
    """As a mistake, since nothing was done."""
    said = tool()
    assert 2 == said.code
    assert "Commands:" in said.out + said.err


def test_3_and_4_are_for_status_to_say(project: Small, tool: Tool) -> None:
    """Something is pending; files and history disagree."""
    assert 3 == tool("status", "--check").code
    tool("upgrade")
    (project.root / COUNTRIES).unlink()
    project.write(PEOPLE, "def upgrade(db): ...")
    assert 4 == tool("status", "--check").code


def test_4_a_seed_was_renamed(project: Small, tool: Tool) -> None:
    """Applied under its new name it would write its rows a second time, so nothing is."""
    tool("upgrade")
    (project.root / COUNTRIES).rename(project.root / COUNTRIES.replace("20260101_0900", "20260103_0900"))
    said = tool("upgrade")
    assert (4, "") == (said.code, said.out)
    assert "Error: seed 20260103_0900_countries" in said.err
    assert "`tdm-seed repair 20260103_0900_countries` accepts the new name." in said.err
    assert "drift" == tool("upgrade", "--json").json["error"]["code"]


def test_5_the_schema_is_not_ready(project: Small, tool: Tool) -> None:
    """With both ways to make it so."""
    _alembic(project)
    said = tool("upgrade")
    assert 5 == said.code
    assert "requires the schema revision r1, but the database is at no revision at all" in said.err
    assert "`tdm-seed upgrade --migrate`" in said.err
    plan = tool("plan")
    assert (0, True) == (plan.code, "new; needs the schema at r1" in plan.out)
    said = tool("upgrade", "--migrate")
    assert (0, "Migrated from an empty schema to r1.\n") == (said.code, said.err)
    assert "Environment dev, schema at r1: 3 applied." == tool("status").out.splitlines()[-1]


def _alembic(project: Small) -> None:
    project.write(GREETINGS, "-- requires_schema: r1\nINSERT INTO greeting (word) VALUES ('hello')")
    project.write("alembic.ini", "[alembic]\nscript_location = migrations\n")
    project.write("migrations/versions/r1.py", "revision = 'r1'\ndown_revision = None\ndef upgrade(): ...")
    project.write(
        "migrations/env.py",
        """
        from alembic import context
        from sqlalchemy import create_engine

        with create_engine(context.config.get_main_option("sqlalchemy.url")).connect() as connection:
            context.configure(connection=connection)
            with context.begin_transaction():
                context.run_migrations()
        """,
    )


def test_6_another_runner_holds_the_lock(project: Small, tool: Tool) -> None:
    """The one who waits is told for whom, and gives up after its time."""
    (project.root / PEOPLE).write_text(_SLEEPS)
    with subprocess.Popen(command("upgrade", "people"), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as other:
        _wait_for(project.root / "asleep")
        said = tool("upgrade", "--lock-timeout", "0.2")
        found = tool("upgrade", "--lock-timeout", "0", "--json").json
        others = [
            tool(*words, "--lock-timeout", "0.2") for words in (("stamp",), ("repair", "people"), ("reset", "--yes"))
        ]
        (project.root / "awake").touch()
        other.communicate(timeout=60)
    assert 6 == said.code
    assert f"pid {other.pid} since " in said.err
    assert said.err.startswith("Waiting for another runner: ")
    assert "Waited 0.2 s." in said.err
    assert "locked" == found["error"]["code"]
    assert [(6, True)] * 3 == [(each.code, "Waiting for another runner: " in each.err) for each in others]
    assert (0, 0) == (other.returncode, tool("upgrade").code)


_SLEEPS = """
import time
from pathlib import Path

def upgrade(db):
    db.execute("INSERT INTO people (id, name) VALUES (1, 'Ada')")
    Path("asleep").touch()
    while not Path("awake").exists():
        time.sleep(0.02)
"""


def _wait_for(path: Path) -> None:
    end = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} did not appear"
        time.sleep(0.02)


def test_7_the_environment_forbids_it(project: Small, tool: Tool) -> None:
    """A host that is not listed; a database that belongs to another environment."""
    project.write("seeds/environments/prod.toml", 'url = "sqlite:///dev.db"\nhosts = ["db.example"]\nprotected = true')
    said = tool("upgrade", "--env", "prod")
    assert 7 == said.code
    assert "the environment 'prod' may not touch the host localhost" in said.err
    tool("upgrade", "--env", "small")
    said = tool("upgrade", "--url", "sqlite:///small.db")
    assert 7 == said.code
    assert "this database was seeded as 'small'" in said.err


def test_8_a_verification_fails(project: Small, tool: Tool) -> None:
    """While it runs or later; nothing of the seed is kept."""
    project.write(
        PEOPLE, "def upgrade(db): ...\n\ndef verify(db):\n    assert db.scalar('SELECT count(*) FROM people') == 1"
    )
    said = tool("upgrade", "people")
    assert 8 == said.code
    assert f"{PEOPLE}:4: assert db.scalar('SELECT count(*) FROM people') == 1" in said.err
    assert "pending" in tool("status").out


def test_an_error_is_one_object_for_programs(project: Small, tool: Tool) -> None:
    """The same keys for every error, on stdout."""
    project.write(GREETINGS, "INSERT INTO greeting (word)\nVALUES ('hello');\n\nINSERT INTO nowhere VALUES (1)")
    said = tool("upgrade", "greetings", "--json")
    error = said.json["error"]
    assert (1, "") == (said.code, said.err)
    assert ERROR == set(error)
    assert ("20260101_1000_greetings", GREETINGS, 4) == (error["seed"], error["file"], error["line"])
    for arguments, code in ((["show", "x"], "usage"), (["upgrade", "--nothing"], "usage"), (["downgrade"], "usage")):
        said = tool(*arguments, "--json")
        assert (ERROR, code, 2, "") == (set(said.json["error"]), said.json["error"]["code"], said.code, said.err)


def test_verbose_adds_where_an_error_comes_from(project: Small, tool: Tool) -> None:
    """The stack of what the seed or the driver raised, behind the sentence."""
    project.write(PEOPLE, "def upgrade(db):\n    return 1 / 0")
    brief, verbose = tool("upgrade", "people"), tool("upgrade", "people", "-v")
    assert f"Error: seed 20260102_0900_people, {PEOPLE}:2: ZeroDivisionError: division by zero\n" in brief.err
    assert "Traceback" not in brief.err
    assert "Traceback" in verbose.err
    assert (brief.code, brief.out) == (verbose.code, verbose.out) == (1, "")
    both = tool("upgrade", "people", "--json", "-v")
    assert ("seed", True) == (both.json["error"]["code"], "Traceback" in both.err)


def test_our_own_mistakes_ask_to_be_reported(project: Small, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what helps to find them."""
    monkeypatch.setattr("tdm_seed.engine.Seeder.status", lambda self: {}["key"])
    brief, verbose = tool("status"), tool("status", "-v")
    assert (1, 1) == (brief.code, verbose.code)
    assert "Error: an error inside tdm-seed: KeyError: 'key'\n  Please report it with" in brief.err
    assert ("Traceback" in brief.err, "Traceback" in verbose.err) == (False, True)
    assert "failed" == tool("status", "--json").json["error"]["code"]


@pytest.mark.parametrize("json", [False, True])
def test_130_ctrl_c_keeps_what_was_finished_and_nothing_else(json: bool, project: Small) -> None:
    """It says so, without a stack."""
    (project.root / PEOPLE).write_text(_SLEEPS)
    words = command("upgrade", *(["--json"] if json else []))
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        _wait_for(project.root / "asleep")
        os.kill(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert 130 == running.returncode
    sentence = "interrupted: 20260102_0900_people is kept as a whole or not at all, as status tells"
    if json:
        assert (f'"message": "{sentence}"' in out, "") == (True, err.strip())
    else:
        assert ("", f"Error: {sentence}") == (out, err.strip().splitlines()[-2])
        assert "  The same command goes on from here." == err.rstrip().splitlines()[-1]
        assert "20260101_0900_countries" in err
    assert "Traceback" not in out + err
    assert [(0,)] == project.rows("SELECT count(*) FROM people")
    assert [(3,)] == project.rows("SELECT count(*) FROM countries")
    (project.root / "awake").touch()
    assert 0 == process("upgrade").code
