"""Terminals, pipes, letters and names: how what is said arrives."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tdm_seed import __version__
from tests.cli.conftest import PEOPLE, Small, Tool, command, on_terminal, process, raw_terminal

LONG = "20260102_1000_" + "a_seed_whose_name_is_as_long_as_such_names_may_become_in_a_project_of_many_years"


def test_a_pipe_gets_no_escape_codes_and_whole_lines(project: Small) -> None:
    """However long a name is."""
    project.write(f"seeds/reference/{LONG}.py", "def upgrade(db): ...")
    for words in (["upgrade"], ["status"], ["history"], ["plan", "--again", "people"], ["show", LONG], ["digest"]):
        said = process(*words, COLUMNS="40")
        assert 0 == said.code, said.err
        assert "\x1b" not in said.out
        assert [] == [line for line in said.out.splitlines() if line != line.rstrip()]
        if words[0] in ("upgrade", "status", "history", "show"):
            assert LONG in said.out
            assert "…" not in said.out


def test_a_terminal_gets_colours_unless_they_are_not_wanted(project: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """https://no-color.org"""
    assert "\x1b[33m" in raw_terminal("status")


@pytest.mark.parametrize("columns", [80, 60])
def test_tables_fit_the_terminal(columns: int, project: Small) -> None:
    """Less important columns are left out; no name is cut short."""
    for words in (["plan"], ["upgrade"], ["status"], ["history"], ["show", "people"], ["verify"], ["digest"]):
        shown = on_terminal(*words, columns=columns)
        table = [line for line in shown.splitlines() if re.match(r"2026\d{4}|─|Seed|When", line)]
        assert [] == [line for line in table if len(line.rstrip()) > columns], words
        if words != ["digest"]:
            assert "20260102_0900_people" in shown, words
            assert "…" not in shown.replace("Connecting …", ""), words


def test_a_name_that_is_wider_than_the_terminal_is_folded(project: Small) -> None:
    """Whole, on several lines."""
    project.write(f"seeds/reference/{LONG}.py", "def upgrade(db): ...")
    shown = on_terminal("status", columns=60)
    rows = shown[shown.index("20260102_1000") :].splitlines()
    assert LONG in "".join(row.split()[0] for row in rows[:4])


def test_a_terminal_shows_which_seed_is_running(project: Small) -> None:
    """A line that goes away."""
    project.write(PEOPLE, "import time\ndef upgrade(db):\n    time.sleep(0.5)")
    assert "[3/3] 20260102_0900_people" in on_terminal("upgrade")
    assert "" == process("upgrade", "--env", "small").err


def test_a_reader_that_has_seen_enough_is_no_error(project: Small) -> None:
    """`tdm-seed history | head -1`."""
    for number in range(60):
        project.write(f"seeds/reference/20260103_10{number:02}_many_{'x' * 150}_{number}.py", "def upgrade(db): ...")
    for words in (["status"], ["status", "--json"]):
        with subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stderr is not None
            child.stdout.readline()
            child.stdout.close()
            err = child.stderr.read()
            assert (0, b"") == (child.wait(timeout=60), err)


C_LOCALE = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


@pytest.mark.parametrize("environ", [{"LC_ALL": "C"}, C_LOCALE])
def test_in_a_c_locale_letters_arrive_as_utf_8(environ: dict[str, str], project: Small) -> None:
    """Also where Python itself would speak ASCII; seeds are read as UTF-8 whatever the locale is."""
    project.write(PEOPLE, '"""Müller, 山田."""\ndef upgrade(db):\n    db.insert("people", {"id": 1, "name": "Zoë"})')
    said = process("show", "people", **environ)
    assert (0, True, True) == (said.code, "Müller, 山田." in said.out, "────" in said.out)
    assert "Müller, 山田." == process("show", "people", "--json", **environ).json["description"]
    assert 0 == process("upgrade", **environ).code
    assert [("Zoë",)] == project.rows("SELECT name FROM people")


def test_where_a_letter_cannot_be_shown_its_number_is(project: Small) -> None:
    """And JSON stays JSON."""
    project.write(PEOPLE, '"""Muller, 山田."""\ndef upgrade(db): ...')
    said = process("show", "people", PYTHONIOENCODING="latin-1")
    assert (0, True) == (said.code, r"Muller, \u5c71\u7530." in said.out)
    assert "-----" in said.out
    project.write(PEOPLE, '"""Müller, 山田."""\ndef upgrade(db): ...')
    found = process("show", "people", "--json", PYTHONIOENCODING="latin-1")
    assert (True, "Müller, 山田.") == (found.out.isascii(), found.json["description"])


def test_the_environment_may_come_from_a_variable(project: Small, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line wins."""
    monkeypatch.setenv("TDM_SEED_ENV", "small")
    assert "small" == tool("status", "--json").json["environment"]
    assert "dev" == tool("status", "--env", "dev", "--json").json["environment"]


def test_the_project_is_found_from_a_folder_within(project: Small, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its database stays where it is."""
    monkeypatch.chdir(project.root / "seeds" / "reference")
    assert f"sqlite:///{project.root}/dev.db" == tool("upgrade", "--json").json["database"]


def test_the_module_runs_like_the_program(project: Small) -> None:
    """`python -m tdm_seed` calls itself by the program's name, which is installed beside this Python."""
    said = process("--version")
    assert (0, f"tdm-seed, version {__version__}\n") == (said.code, said.out)
    program = os.path.join(os.path.dirname(sys.executable), "tdm-seed")
    done = subprocess.run([program, "status", "--check"], capture_output=True, text=True)
    assert (3, process("status", "--check").out) == (done.returncode, done.stdout)


def test_every_command_has_a_short_line_in_the_help(tool: Tool) -> None:
    """Whole, also on 80 columns."""
    out = tool("--help").out
    assert "..." not in out.partition("Commands:")[2]
    assert [] == [line for line in out.splitlines() if len(line) > 80]
    assert out == tool("-h").out
