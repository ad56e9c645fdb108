"""Which hosts an environment may touch, and how its URL is made."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tdm_seed.environments import Environment, Project, resolve_url
from tdm_seed.environments.hosts import check, targets
from tdm_seed.environments.setting import Setting
from tdm_seed.environments.urls import concealed
from tdm_seed.errors import Protected, UsageError


def environment(
    root: Path = Path("/project"), *, url: str = "", hosts: tuple[str, ...] | None = None, protected: bool = False
) -> Environment:
    """Make an environment without files."""
    project = Project(root, root / "seeds")
    given = Setting("url", url, "seeds/environments/dev.toml", 3)
    return Environment("dev", project, hosts=hosts, protected=protected, given_url=given)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite://", (("localhost", None),)),
        ("sqlite:///shop.db", (("localhost", None),)),
        ("postgresql:///shop", (("localhost", 5432),)),
        ("postgresql://127.0.0.1/shop", (("localhost", 5432),)),
        ("postgresql://[::1]:6000/shop", (("localhost", 6000),)),
        ("postgres://DB.Example.com/shop", (("db.example.com", 5432),)),
        ("postgresql+asyncpg://u:p@db:5433/shop", (("db", 5433),)),
        ("postgresql:///shop?host=/run/postgresql", (("localhost", 5432),)),
        ("postgresql://u@/shop?host=a:1&host=b:2", (("a", 1), ("b", 2))),
        ("postgresql:///shop?host=a,b&port=1,2", (("a", 1), ("b", 2))),
        ("postgresql:///shop?host=a,b&port=1", (("a", 1), ("b", 1))),
        ("postgresql://a,b/shop", (("a", 5432), ("b", 5432))),
        ("postgresql://localhost/shop?host=prod", (("prod", 5432),)),
        ("postgresql://localhost/shop?hostaddr=10.0.0.7", (("10.0.0.7", 5432),)),
        ("postgresql:///?service=prod", (("service=prod", None),)),
        ("mysql://db/shop?unix_socket=/run/mysqld.sock", (("localhost", None),)),
        ("mysql://db/shop", (("db", 3306),)),
    ],
)
def test_a_url_names_its_hosts(url: str, expected: tuple[tuple[str, int | None], ...]) -> None:
    """All of them, in whatever way the driver would find them."""
    assert expected == targets(url)


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        (None, "postgresql://anywhere/shop"),
        (("localhost",), "sqlite:///shop.db"),
        (("localhost",), "postgresql://127.0.0.1:6000/shop"),
        (("127.0.0.1",), "postgresql:///shop"),
        (("DB",), "postgresql://db:6000/shop"),
        (("db:5432",), "postgresql://db/shop"),
        (("[::1]:6000",), "postgresql://localhost:6000/shop"),
        (("a", "b"), "postgresql:///shop?host=a,b"),
    ],
)
def test_a_listed_host_is_let_through(hosts: tuple[str, ...] | None, url: str) -> None:
    """Whatever its spelling; without a list every host is."""
    check(environment(hosts=hosts), url)


@pytest.mark.parametrize(
    ("hosts", "url", "named"),
    [
        (("localhost",), "postgresql://u:hunter2@prod/shop", "prod:5432"),
        (("db:5433",), "postgresql://db/shop", "db:5432"),
        (("a",), "postgresql:///shop?host=a,b", "b:5432"),
        (("localhost",), "postgresql://localhost/shop?host=prod", "prod:5432"),
        (("localhost",), "postgresql:///?service=prod", "service=prod"),
        ((), "sqlite:///shop.db", "localhost"),
    ],
)
def test_another_host_is_refused(hosts: tuple[str, ...], url: str, named: str) -> None:
    """With its name, those that are listed, and exit code 7."""
    with pytest.raises(Protected, match=f"may not touch the host {named}") as caught:
        check(environment(hosts=hosts), url)

    assert 7 == caught.value.exit_code
    known = ", ".join(hosts) or "none"
    assert f"Its hosts are: {known}. If the URL is right, add this one." == caught.value.hint


def test_a_protected_environment_lists_its_hosts() -> None:
    """Or nothing is touched there."""
    with pytest.raises(Protected, match="protected but lists no hosts"):
        check(environment(protected=True), "sqlite:///shop.db")

    check(environment(protected=True, hosts=("localhost",)), "sqlite:///shop.db")


# ---- resolving ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///shop.db", "sqlite:////project/shop.db"),
        ("sqlite:///data/shop.db", "sqlite:////project/data/shop.db"),
        ("sqlite+aiosqlite:///shop.db", "sqlite+aiosqlite:////project/shop.db"),
        ("sqlite:////tmp/shop.db", "sqlite:////tmp/shop.db"),
        ("sqlite://", "sqlite://"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("postgresql://u:p%40@db/shop", "postgresql://u:p%40@db/shop"),
        (" postgresql:///shop ", "postgresql:///shop"),
    ],
)
def test_a_file_lies_in_the_project(url: str, expected: str) -> None:
    """Wherever the command was started; other URLs stay as they are."""
    assert expected == resolve_url(environment(url=url))


def test_what_is_no_url_is_refused() -> None:
    """Without repeating it."""
    with pytest.raises(UsageError, match="not a database URL") as caught:
        resolve_url(environment(url="hunter2"))

    assert "hunter2" not in str(caught.value)


MODULE = """
import sqlalchemy as sa

TEXT = "postgresql://u:p@db/shop"
URL = sa.make_url(TEXT)
ENGINE = sa.create_engine("sqlite:///shop.db")
NOTHING = None
AGAIN = "python:x:y"

class Secret:
    def get_secret_value(self):
        return TEXT

class Dsn:
    def unicode_string(self):
        return TEXT

class Settings:
    secret = Secret()
    dsn = Dsn()
    @property
    def broken(self):
        raise RuntimeError("no url, but postgresql://u:hunter2@db")

settings = Settings()

def make():
    return Settings.secret

def fail():
    raise RuntimeError("refused")
"""


@pytest.fixture
def module(tmp_path: Path) -> str:
    """Write a module of the application whose name no other test uses."""
    name = f"settings_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    return name


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("TEXT", "postgresql://u:p@db/shop"),
        ("URL", "postgresql://u:p@db/shop"),
        ("ENGINE", "sqlite:///{root}/shop.db"),
        ("settings.secret", "postgresql://u:p@db/shop"),
        ("settings.dsn", "postgresql://u:p@db/shop"),
        ("make", "postgresql://u:p@db/shop"),
    ],
)
def test_a_url_comes_from_the_application(tmp_path: Path, module: str, attribute: str, expected: str) -> None:
    """As text, URL, engine, secret, or from a function, without leaving a trace on sys.path."""
    before = list(sys.path)

    found = resolve_url(environment(tmp_path, url=f"python:{module}:{attribute}"))

    assert expected.format(root=tmp_path) == found
    assert before == sys.path


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("{module}", "names no attribute"),
        ("{module}:TEXTS", "Did you mean TEXT?"),
        ("{module}:NOTHING", "is of type NoneType and gives no URL"),
        ("{module}:AGAIN", "gives no URL"),
        ("{module}:settings.broken", "raised RuntimeError"),
        ("{module}:fail", "raised RuntimeError at {root}/{module}.py:31: refused"),
        ("nowhere_{module}.settings:URL", "there is no module 'nowhere_{module}.settings'"),
    ],
)
def test_a_url_that_the_application_does_not_give_is_told(
    tmp_path: Path, module: str, reference: str, words: str
) -> None:
    """As a sentence with the manifest's line, and without passwords."""
    with pytest.raises(UsageError) as caught:
        resolve_url(environment(tmp_path, url="python:" + reference.format(module=module)))

    assert words.format(module=module, root=tmp_path) in str(caught.value)
    assert ("seeds/environments/dev.toml", 3) == (caught.value.place.file, caught.value.place.line)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("body", ["import no_such_library", "raise SystemExit(3)", "x = 1 +"])
def test_a_module_that_cannot_be_imported_is_told(tmp_path: Path, body: str) -> None:
    """Including one whose own import is missing."""
    name = f"broken_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(body)

    with pytest.raises(UsageError, match=rf"python:{name}:URL raised "):
        resolve_url(environment(tmp_path, url=f"python:{name}:URL"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cannot reach postgresql://u:hunter2@db/shop now", "cannot reach postgresql://u:***@db/shop now"),
        ("?password=hunter2&x=1", "?password=***&x=1"),
        ("http://host/a@b", "http://host/a@b"),
    ],
)
def test_passwords_are_hidden_in_what_others_wrote(text: str, expected: str) -> None:
    """Such as a driver's message."""
    assert expected == concealed(text)
