"""What goes wrong with servers gives a sentence, too, and leaves the database as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tdm_seed.testing import servers
from tests.engine.conftest import playground
from tests.engine.playground import VARIABLE
from tests.mistakes.case import PASSWORD
from tests.mistakes.conftest import Said, Tool
from tests.mistakes.servers import CASES, NEW, Ground, ServerCase
from tests.mistakes.test_mistakes import designed

KINDS = [pytest.param(case, kind, id=f"{case.id}-{kind}") for case in CASES for kind in case.on]


@pytest.fixture
def ground(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A project with the tables of the playground, on a database of its own."""
    url = request.getfixturevalue(f"{kind}_url")
    server: servers.Server = request.getfixturevalue(f"{kind}_server")
    tcp = server.url_for(str(make_url(url).database), tcp=True) if server.tcp_url else None
    made = Ground(playground(tmp_path / "project", url), tcp)
    yield made
    made.drop()


@pytest.mark.parametrize(("case", "kind"), KINDS)
def test_a_mistake_on_a_server_gives_a_sentence_and_changes_nothing(
    case: ServerCase, kind: str, ground: Ground, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code, the sentence with its place and remedy, the same as an object, and everything as it was."""
    if case.over_tcp and ground.tcp is None:
        pytest.skip("the server given by the environment cannot be reached over TCP")
    url = arranged(case, ground)
    monkeypatch.setenv(VARIABLE, url)
    monkeypatch.chdir(ground.play.root)
    before = ground.play.content()
    said, told = tool(*case.command), tool(*case.command, "--json")
    assert before == ground.play.content()
    speaks(case, kind, said)
    tells(case, kind, told)
    for each in (said, told):
        assert "Traceback" not in each.out + each.err
        assert "error inside tdm-seed" not in each.out + each.err
        assert PASSWORD not in each.out + each.err


def arranged(case: ServerCase, ground: Ground) -> str:
    """Apply a first seed, write the wrong one, let the case prepare the rest; give the URL to use."""
    if not case.fresh:
        ground.play.item("first", 1)
        assert ["first"] == ground.play.ran()
    else:
        ground.play.written += 1
    if case.seed:
        ground.play.seed("new", case.seed, suffix=case.suffix)
    found = case.prepare(ground) if case.prepare is not None else None
    return found or ground.play.url


def speaks(case: ServerCase, kind: str, said: Said) -> None:
    """See that a person is told."""
    assert (designed()[case.word], "") == (said.code, said.out), said.err
    sentence = said.err.partition("Error: ")[2]
    for part in (*case.wording(case.says, kind), *case.wording(case.hint, kind)):
        assert part in sentence


def tells(case: ServerCase, kind: str, told: Said) -> None:
    """See that a program is told the same, with the place."""
    error = json.loads(told.out)["error"]
    assert case.word == error["code"]
    assert case.says
    assert case.hint
    for part in case.wording(case.says, kind):
        assert part in error["message"]
    for part in case.wording(case.hint, kind):
        assert part in error["hint"]
    file = f"seeds/reference/{NEW}{case.suffix}" if case.in_seed else case.file
    place = {"seed": NEW if case.in_seed else None, "file": file, "line": case.line, "row": case.row}
    assert place == {part: error[part] for part in place}
    for part, value in (("table", case.table), ("column", case.column)):
        assert value is None or value == error[part]


def test_there_are_enough_cases_on_servers_and_each_has_a_name_of_its_own() -> None:
    """Most of them on both kinds."""
    assert 30 <= len(CASES)
    assert len(CASES) == len({case.id for case in CASES})
