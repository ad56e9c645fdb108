"""Whatever a person gets wrong, a sentence says what, where and what to do, and nothing is half-written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.mistakes import project
from tests.mistakes.case import PASSWORD, Case
from tests.mistakes.cases import CASES
from tests.mistakes.conftest import Said, Tool

_PAGE = Path(__file__).parents[2] / "docs" / "exit-codes.md"


def designed() -> dict[str, int]:
    """Read from the page about exit codes which one each word of an error has."""
    rows = re.findall(r"^\| (\d+) \| (`.*?) \|", _PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    found: dict[str, int] = {}
    for code, words in rows:
        for word in re.findall(r"`(\w+)`", words):
            found.setdefault(word, int(code))
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_bad_input_gives_a_sentence_and_changes_nothing(
    case: Case, place: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code, the sentence with its place and remedy, the same as an object, and everything as it was."""
    for path, content in case.files.items():
        project.write(place, path, content)
    if case.prepare is not None:
        case.prepare(place)
    for name, value in case.environ.items():
        monkeypatch.setenv(name, value)
    before = project.files(place), project.content(place)
    said, told = tool(*case.command), tool(*case.command, "--json")
    after = project.files(place), project.content(place)
    if case.makes is not None:
        after[0].pop(case.makes)
    assert before == after
    speaks(case, said)
    tells(case, told)
    for each in (said, told):
        assert "Traceback" not in each.out + each.err
        assert "error inside tdm-seed" not in each.out + each.err
        assert PASSWORD not in each.out + each.err


def speaks(case: Case, said: Said) -> None:
    """See that a person is told."""
    assert (designed()[case.word], "") == (said.code, said.out), said.err
    assert "Error: " in said.err
    sentence = said.err.partition("Error: ")[2]
    for part in (*case.says, case.hint, *([case.at] if case.at else []), *([case.seed] if case.seed else [])):
        assert part in sentence
    for word, value in (("table", case.table), ("row", case.row), ("column", case.column)):
        if value is not None:
            assert f"{word} {value}" in sentence


def tells(case: Case, told: Said) -> None:
    """See that a program is told the same."""
    error = told.error
    assert (designed()[case.word], case.word) == (told.code, error["code"])
    assert case.place == {part: error[part] for part in case.place}
    for part in case.says:
        assert part in error["message"]
    assert case.says
    assert case.hint
    assert case.hint in (error["hint"] or "")


def test_there_are_enough_cases_and_each_has_a_name_of_its_own() -> None:
    """A hundred and fifty on SQLite alone; those on servers come on top."""
    assert 150 <= len(CASES)
    assert len(CASES) == len({case.id for case in CASES})
