"""stamp, repair and check, as a person and as a program see them."""

from __future__ import annotations

from tests.cli.conftest import COUNTRIES, GREETINGS, PEOPLE, Small, Tool


def test_stamp_names_what_it_recorded(project: Small, tool: Tool) -> None:
    """No row was written, and the second time there is nothing to do."""
    said = tool("stamp")
    assert (0, "") == (said.code, said.err)
    assert 3 == said.out.count(" stamped  ")
    assert "\n3 seeds stamped on " in said.out
    assert [(0,)] == project.rows("SELECT count(*) FROM countries")
    assert "Nothing to do" in tool("stamp").out
    assert 0 == tool("status", "--check").code


def test_a_database_is_relabelled_only_when_somebody_says_so(project: Small, tool: Tool) -> None:
    """In a pipe that is --yes; without it nothing is written."""
    tool("upgrade", "countries")
    before = project.rows("SELECT * FROM seed_history")
    said = tool("stamp", "--environment", "small")
    assert (7, "") == (said.code, said.out)
    assert "Say --yes." in said.err
    assert before == project.rows("SELECT * FROM seed_history")
    said = tool("stamp", "--environment", "small", "--yes")
    assert (0, f"sqlite:///{project.root}/dev.db is 'small' now; it was 'dev'.\n") == (said.code, said.out)
    assert 7 == tool("upgrade").code
    assert f"sqlite:///{project.root}/dev.db is 'small' already.\n" == tool("stamp", "--environment", "small").out
    assert {"before": "small", "changed": False} == {
        key: tool("stamp", "--environment", "small", "--yes", "--json").json[key] for key in ("before", "changed")
    }


def test_stamp_takes_seeds_or_a_name(project: Small, tool: Tool) -> None:
    """Not both."""
    assert 2 == tool("stamp", "countries", "--environment", "small").code


def test_repair_lists_and_accepts_by_name(project: Small, tool: Tool) -> None:
    """A list leaves with 4 and writes nothing; what is accepted is named."""
    tool("upgrade")
    assert (0, "Nothing to repair: files and history agree.\n") == (tool("repair").code, tool("repair").out)
    (project.root / GREETINGS).unlink()
    people = project.root / PEOPLE
    people.write_text(people.read_text() + "# more\n")
    listed = tool("repair")
    assert (4, True) == (listed.code, "Nothing was changed." in listed.out)
    assert 2 == listed.out.count("Drift: ")
    accepted = tool("repair", "people", "greetings")
    assert 0 == accepted.code
    assert "Accepted: 20260102_0900_people was edited; its rows stay as they are." in accepted.out
    assert "Accepted: 20260101_1000_greetings has no file any more; its rows stay as they are." in accepted.out
    assert 0 == tool("status", "--check").code
    nothing = tool("repair", "people")
    assert (2, True) == (nothing.code, "names nothing to repair" in nothing.err)


def test_check_works_in_a_file_of_its_own(project: Small, tool: Tool) -> None:
    """The database of the environment is not touched, and every problem is told with the code of the first."""
    project.write(COUNTRIES.replace("countries.csv", "tables.sql").replace("0900", "0800"), TABLES)
    (project.root / GREETINGS).unlink()
    said = tool("check")
    assert (0, "") == (said.code, said.err)
    assert "3 seeds of dev checked: no problem." in said.out
    assert [(0,)] == project.rows("SELECT count(*) FROM countries")
    project.write(
        GREETINGS.replace("greetings", "grows"), "INSERT INTO countries SELECT code || 'X', name FROM countries;"
    )
    said = tool("check", "--json")
    assert (1, "") == (said.code, said.err)
    assert ["20260101_1000_grows"] == [each["seed"] for each in said.json["problems"]]


def test_check_tells_a_problem_once_and_names_files_from_the_project(project: Small, tool: Tool) -> None:
    """Also one that several environments have."""
    project.write(COUNTRIES.replace("countries.csv", "tables.sql").replace("0900", "0800"), TABLES)
    (project.root / GREETINGS).unlink()
    for name in ("one", "two"):
        project.write(f"seeds/environments/{name}.toml", 'scenarios = ["poeple"]\n')
    said = tool("check", "--env", "small", "--json").json["problems"]
    assert ["environments one, two: the environment lists the scenario poeple, which fits none"] == [
        each["message"] for each in said
    ]
    project.write(PEOPLE, "depends_on = ['contries']\ndef upgrade(db): ...\n")
    (problem,) = tool("check", "--json").json["problems"]
    assert (PEOPLE, 1) == (problem["file"], problem["line"])


TABLES = """
    CREATE TABLE IF NOT EXISTS countries (code TEXT PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country TEXT REFERENCES countries);
"""


def test_check_wants_to_be_told_which_database(project: Small, tool: Tool) -> None:
    """One that is not empty is left alone; where none can be made, one must be named."""
    tool("upgrade")
    said = tool("check", "--url", f"sqlite:///{project.root}/dev.db")
    assert (7, "") == (said.code, said.out)
    assert "check needs a database whose tables are empty" in said.err
    project.write("seeds/environments/server.toml", 'url = "oracle://db.example/shop"\n')
    said = tool("check", "--env", "server")
    assert (2, True) == (said.code, "--url" in said.err)
