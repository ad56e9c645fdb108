"""A password goes in and never comes out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tdm_seed import Project, Seeder
from tdm_seed.testing.databases import throwaway
from tests.cli.conftest import GREETINGS, PEOPLE, Small, Tool

SECRET = "S3cret-pw"


@pytest.fixture(params=["postgresql", "mysql"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database over TCP, with the password that this takes."""
    server = request.getfixturevalue(f"{request.param}_server")
    with throwaway(server, tcp=True) as found:
        yield found


@pytest.fixture
def tables(url: str) -> None:
    """The project's tables on that server."""
    metadata = sa.MetaData()
    sa.Table("countries", metadata, sa.Column("code", sa.String(2), primary_key=True), sa.Column("name", sa.String(50)))
    sa.Table("greeting", metadata, sa.Column("word", sa.String(50), primary_key=True))
    sa.Table(
        "people",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50)),
        sa.Column("country", sa.String(2)),
    )
    from tdm_seed.dialects import resolve

    engine = sa.create_engine(resolve(url)[1])
    metadata.create_all(engine)
    engine.dispose()


def test_no_command_shows_the_password_of_its_server(
    url: str, tables: None, project: Small, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in tables nor in JSON, whether it came by an option or by a variable."""
    monkeypatch.setenv("SHOP_URL", url)
    project.write("seeds/environments/server.toml", 'url = "${SHOP_URL}"\nextends = "dev"')
    password = sa.make_url(url).password
    assert password
    project.write(PEOPLE, f"def upgrade(db):\n    raise ValueError({url!r})")
    for where in (["--url", url], ["--env", "server"]):
        for words in (["plan"], ["upgrade"], ["upgrade", "-v"], ["status"], ["history"], ["verify"], ["digest"]):
            for form in ([], ["--json"]):
                said = tool(*words, *where, *form)
                assert (words[0] == "upgrade") == bool(said.code), said
                assert str(password) not in said.out + said.err, (words, form)
    assert "***" in tool("upgrade", "--url", url).err


def test_a_wrong_password_is_not_repeated(url: str, project: Small, tool: Tool) -> None:
    """The sentence names the user instead."""
    wrong = sa.make_url(url).set(password=SECRET).render_as_string(hide_password=False)
    for form in ([], ["-v"], ["--json"], ["--json", "-v"]):
        said = tool("status", "--url", wrong, *form)
        assert 1 == said.code
        assert SECRET not in said.out + said.err


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://user:{SECRET}@localhost:1/shop",
        f"postgresql://user:pa@{SECRET}@localhost:1/shop",
        f"postgresql://user:pa/{SECRET}@localhost:1/shop",
        f"postgresql://user:pa {SECRET}@localhost:1/shop",
        f"postgresql://user:{SECRET}@localhost:port/shop",
        f"postgresql://user@localhost:{SECRET}/shop",
        f"postgresql://localhost:1/shop?user=me&password={SECRET}",
        f"postgresql://user:{SECRET}@localhost:1/shop?nonsense=1",
        f"mysql://user:{SECRET}@localhost:1/shop",
        f"mysql://user:{SECRET}@localhost:1/shop?nonsense=1",
        f"mysql://user:{SECRET}@localhost:1/shop?ssl_ca=/nowhere",
        f"oracle://user:{SECRET}@localhost:1/shop",
        f"nonsense://user:{SECRET}@localhost:1/shop",
        f"user:{SECRET}@localhost",
    ],
)
@pytest.mark.parametrize("form", [["-v"], ["--json"]])
def test_an_address_that_leads_nowhere_is_told_without_its_password(
    url: str, form: list[str], project: Small, tool: Tool
) -> None:
    """Whatever SQLAlchemy and the drivers make of it."""
    said = tool("status", "--url", url, *form)
    assert said.code in (1, 2), said
    assert SECRET not in said.out + said.err
    assert "error inside tdm-seed" not in said.out + said.err


def test_an_address_in_the_wrong_place_is_told_without_its_password(project: Small, tool: Tool) -> None:
    """Such as where a seed's name was expected."""
    for form in ([], ["--json"]):
        said = tool("upgrade", f"postgresql://user:{SECRET}@localhost/shop", *form)
        shown = said.out + said.err
        assert (2, True, False) == (said.code, "user:***@localhost" in shown, SECRET in shown)


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # SQLAlchemy 2.1 tells that SQLite takes none
def test_a_password_behind_the_question_mark_is_hidden_where_all_is_well(project: Small, tool: Tool) -> None:
    """SQLAlchemy itself hides the other one only."""
    said = tool("upgrade", "--url", f"sqlite:///dev.db?password={SECRET}", "--json")
    assert (0, True) == (said.code, said.json["database"].endswith("dev.db?password=***"))
    with Seeder(Project.load().environment(url=f"sqlite:///dev.db?password={SECRET}")) as seeder:
        assert SECRET not in seeder.database


def test_advice_about_passwords_is_not_hidden(project: Small, tool: Tool) -> None:
    """A reference to a variable is no secret."""
    project.write("seeds/environments/dev.toml", f'url = "postgresql://user:{SECRET}@localhost/shop"')
    said = tool("upgrade")
    assert (2, True, False) == (said.code, "user:${DB_PASSWORD}@host" in said.err, SECRET in said.err)


def test_history_keeps_no_password(project: Small, tool: Tool) -> None:
    """Why a seed was left unfinished is noted, without what an address in it tells."""
    project.write(GREETINGS, "-- transaction: none\nINSERT INTO greeting VALUES ('a'); SELECT nothing")
    project.write(
        GREETINGS.replace(".sql", ".py").replace("greetings", "parting"),
        f'transaction = "none"\ndef upgrade(db):\n    raise ValueError("postgresql://me:{SECRET}@host/x")',
    )
    (project.root / GREETINGS).unlink()
    assert 1 == tool("upgrade", "parting").code
    note = project.rows("SELECT note FROM seed_history WHERE state = 'running' ORDER BY id DESC LIMIT 1")[0][0]
    assert ("postgresql://me:***@host/x" in note, SECRET in note) == (True, False)
