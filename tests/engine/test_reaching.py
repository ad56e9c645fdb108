"""Every way to write a URL reaches the database, and what does not answer gets a sentence without a password."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tdm_seed.errors import DatabaseError, TdmSeedError, UsageError
from tdm_seed.testing import servers
from tdm_seed.testing.databases import throwaway
from tests.engine.conftest import playground
from tests.engine.playground import MANIFEST, VARIABLE, Playground

#: Written with percent signs in a URL; each character has broken some tool's message before.
PASSWORD = "s3cr:t/ö@ %word"


@pytest.fixture
def postgresql_tcp(postgresql_server: servers.Server) -> Iterator[str]:
    """A database over TCP, where passwords are asked for."""
    with throwaway(postgresql_server, tcp=True) as url:
        yield url


@pytest.fixture
def mysql_tcp(mysql_server: servers.Server) -> Iterator[str]:
    """A database over TCP, where passwords are asked for."""
    with throwaway(mysql_server, tcp=True) as url:
        yield url


def spelled(url: str, scheme: str) -> str:
    """Write a URL with another scheme."""
    return scheme + url[url.index(":") :]


SCHEMES = [
    ("sqlite_url", "sqlite"),
    ("sqlite_url", "sqlite+pysqlite"),
    ("sqlite_url", "sqlite+aiosqlite"),
    ("postgresql_tcp", "postgresql"),
    ("postgresql_tcp", "postgres"),
    ("postgresql_tcp", "postgresql+psycopg"),
    ("postgresql_tcp", "postgresql+psycopg2"),
    ("postgresql_tcp", "postgresql+asyncpg"),
    ("postgresql_url", "postgres"),
    ("mysql_tcp", "mysql"),
    ("mysql_tcp", "mariadb"),
    ("mysql_tcp", "mysql+pymysql"),
    ("mysql_tcp", "mysql+mysqldb"),
    ("mysql_tcp", "mysql+aiomysql"),
    ("mysql_tcp", "mariadb+asyncmy"),
    ("mysql_url", "mariadb"),
]


@pytest.mark.parametrize(("database", "scheme"), SCHEMES, ids=[f"{scheme}-{url}" for url, scheme in SCHEMES])
def test_every_scheme_reaches_the_right_driver(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, scheme: str
) -> None:
    """Aliases, other drivers and asynchronous ones end at the one that tdm-seed is installed with."""
    play = playground(tmp_path / "project", request.getfixturevalue(database))
    play.item("one", 1)
    other = Playground(play.root, spelled(play.url, scheme))
    assert ["one"] == other.ran()
    assert [1] == play.items()


@pytest.mark.parametrize(
    "query",
    ["ssl=prefer", "prepared_statement_cache_size=0", "ssl=disable&statement_cache_size=0&command_timeout=60"],
)
def test_arguments_of_asyncpg_do_not_stand_in_the_way(postgresql_tcp: str, tmp_path: Path, query: str) -> None:
    """They mean nothing to the driver that is used, or something under another name."""
    play = playground(tmp_path / "project", postgresql_tcp)
    play.item("one", 1)
    other = Playground(play.root, f"{spelled(play.url, 'postgresql+asyncpg')}?{query}")
    assert ["one"] == other.ran()


@pytest.mark.parametrize(
    "source",
    [
        "DATABASE_URL = {url!r}",
        "from sqlalchemy import make_url\nDATABASE_URL = make_url({url!r})",
        "from sqlalchemy import create_engine\nDATABASE_URL = create_engine({url!r})",
        "def DATABASE_URL():\n    return {url!r}",
        "class Secret:\n    def get_secret_value(self):\n        return {url!r}\nDATABASE_URL = Secret()",
    ],
    ids=["text", "url", "engine", "function", "secret"],
)
def test_the_application_itself_may_say_where_its_database_is(
    database_url: str, tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``python:module:attribute``, found in the project."""
    play = playground(tmp_path / "project", database_url)
    name = f"settings_{tmp_path.name}"
    play.write(f"{name}.py", source.format(url=database_url))
    play.manifest(text=MANIFEST.replace(f"${{{VARIABLE}}}", f"python:{name}:DATABASE_URL"))
    play.item("one", 1)
    try:
        assert ["one"] == play.ran()
    finally:
        monkeypatch.delitem(__import__("sys").modules, name, raising=False)
    assert [1] == play.items()


def test_an_unknown_scheme_gets_a_sentence(sqlite_play: Playground) -> None:
    """No driver is guessed."""
    with pytest.raises(UsageError, match="there is no driver for nosuchdb databases"):
        Playground(sqlite_play.root, "nosuchdb://somebody:hush@localhost/app").status()


# ---- what does not answer -------------------------------------------------------------------------------------------


def refused(play: Playground, url: str | sa.URL) -> TdmSeedError:
    """Ask for a status and give the error, in which there is no password."""
    text = url if isinstance(url, str) else url.render_as_string(hide_password=False)
    with pytest.raises(TdmSeedError) as caught:
        Playground(play.root, text).status()
    password = sa.make_url(text).password
    told = Playground(play.root, text).command("status")
    for secret in {password, text.rpartition("@")[0].rpartition(":")[2]} - {None, ""}:
        assert secret not in str(caught.value)
        assert secret not in told.stdout + told.stderr
    assert caught.value.exit_code == told.returncode
    assert caught.value.hint
    return caught.value


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_server_that_is_not_there(sqlite_play: Playground, scheme: str) -> None:
    """Named with host and port."""
    port = free_port()
    error = refused(sqlite_play, sa.URL.create(scheme, "somebody", PASSWORD, "127.0.0.1", port, "app"))
    assert isinstance(error, DatabaseError)
    assert "server answers for" in error.message
    assert f"127.0.0.1:{port}" in error.message
    assert "Is it running, and are host and port right?" == error.hint


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_host_that_nobody_knows(sqlite_play: Playground, scheme: str) -> None:
    """The name does not resolve."""
    error = refused(sqlite_play, f"{scheme}://somebody:hush@no-such-host.invalid/app")
    assert "no-such-host.invalid" in error.message


@pytest.mark.parametrize("database", ["postgresql_tcp", "mysql_tcp"])
@pytest.mark.parametrize("password", [PASSWORD, None])
def test_a_wrong_password(
    request: pytest.FixtureRequest, sqlite_play: Playground, database: str, password: str | None
) -> None:
    """Or none where one is asked for."""
    url = sa.make_url(request.getfixturevalue(database))
    error = refused(sqlite_play, url._replace(password=password))
    assert f"the server refused user {url.username!r}" in error.message
    assert "wrong or missing password" in error.message


@pytest.mark.parametrize("database", ["postgresql_tcp", "mysql_tcp", "postgresql_url", "mysql_url"])
def test_a_database_that_is_not_there(request: pytest.FixtureRequest, sqlite_play: Playground, database: str) -> None:
    """With how to create it."""
    url = sa.make_url(request.getfixturevalue(database)).set(database="no_such_database")
    error = refused(sqlite_play, url)
    assert "there is no database 'no_such_database'" in error.message
    assert "Create it with" in (error.hint or "")


@pytest.mark.parametrize("database", ["postgresql_tcp", "mysql_tcp"])
def test_a_user_who_may_not_enter_the_database(
    request: pytest.FixtureRequest, tmp_path: Path, sqlite_play: Playground, database: str
) -> None:
    """The password is right, the privilege is missing."""
    admin = playground(tmp_path / "admin", request.getfixturevalue(database))
    url = sa.make_url(admin.url)
    name = f"u{url.database}"
    if database.startswith("postgres"):
        admin.sql(
            f"CREATE ROLE {name} LOGIN PASSWORD 'hush-hush'", f"REVOKE CONNECT ON DATABASE {url.database} FROM PUBLIC"
        )
        drop = f"DROP ROLE {name}"
    else:
        admin.sql(f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY 'hush-hush'")
        drop = f"DROP USER {name}@'127.0.0.1'"
    try:
        error = refused(sqlite_play, url.set(username=name, password="hush-hush"))
    finally:
        admin.sql(drop)
    assert f"user {name!r} may not" in error.message


def test_a_password_with_every_kind_of_character_works(postgresql_tcp: str, tmp_path: Path) -> None:
    """Percent-encoded in the URL, as it stands in the database."""
    admin = playground(tmp_path / "project", postgresql_tcp)
    url = sa.make_url(admin.url)
    name = f"u{url.database}"
    admin.sql(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    try:
        user = Playground(admin.root, url.set(username=name, password=PASSWORD).render_as_string(hide_password=False))
        assert {} == user.status()
        assert PASSWORD not in user.seeder().environment.url or "%" in user.url
    finally:
        admin.sql(f"DROP ROLE {name}")


def test_a_file_that_cannot_be_opened(sqlite_play: Playground, tmp_path: Path) -> None:
    """Its folder is not there, or it is no database."""
    assert "cannot be opened" in refused(sqlite_play, f"sqlite:///{tmp_path}/nowhere/app.db").message
    (tmp_path / "text.db").write_text("this is a text file, and not a short one at that " * 20)
    assert "no SQLite database" in refused(sqlite_play, f"sqlite:///{tmp_path}/text.db").message


@pytest.mark.parametrize("url", ["", "not a url", "postgresql//missing-colon/app", "postgresql://u:hush@h:port/app"])
def test_what_is_no_url_is_not_repeated(sqlite_play: Playground, url: str) -> None:
    """It may hold a password."""
    with pytest.raises(UsageError) as no:
        Playground(sqlite_play.root, url).status()
    assert "hush" not in str(no.value)
