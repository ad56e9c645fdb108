"""URLs as a shared file may hold them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import URL, make_url

from tdm_seed.environments.interpolation import expand
from tdm_seed.environments.sharing import local_file, shared, shared_test

ROOT = Path("/srv/shop")


def written(url: str | None, environ: dict[str, str] | None = None, base: Path = ROOT) -> str:
    """What the manifest of dev says."""
    return str(shared(make_url(url) if url else None, ROOT, base, environ or {}, "DATABASE_URL"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, "${DATABASE_URL}"),
        ("postgresql+asyncpg://shop@db/shop", "${DATABASE_URL:-postgresql+asyncpg://shop@db/shop}"),
        ("postgresql://shop:s3cret@db:5433/shop", "${DATABASE_URL:-postgresql://shop@db:5433/shop}"),
        ("postgresql:///shop?host=/run/pg&password=s3cret", "${DATABASE_URL:-postgresql:///shop?host=%2Frun%2Fpg}"),
        ("snowflake://u@a/d?Private_Key_Passphrase=s3cret&x=1", "${DATABASE_URL:-snowflake://u@a/d?x=1}"),
        ("mssql+pyodbc://?odbc_connect=DRIVER%3DX%3BPWD%3Ds3cret", "${DATABASE_URL}"),
    ],
)
def test_a_url_is_the_default_of_a_variable_without_its_password(url: str | None, expected: str) -> None:
    """However the password is handed over; where that cannot be told, there is no default."""
    assert expected == written(url)


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        ("postgresql://shop@db/shop", False),
        ("postgresql://shop:s3cret@db/shop", True),
        ("postgresql://db/shop?password=s3cret", True),
        ("mssql+pyodbc://?odbc_connect=PWD%3Ds3cret", True),
    ],
)
def test_it_is_told_that_a_password_was_left_out(url: str, hidden: bool) -> None:
    """So that its owner can say it elsewhere."""
    found = shared(make_url(url), ROOT, ROOT, {}, "DATABASE_URL")

    assert hidden == found.hidden
    assert "s3cret" not in repr(found)


def test_the_variable_that_holds_the_url_is_named_instead() -> None:
    """Whatever driver the project makes of it; DATABASE_URL goes before others."""
    environ = {"SHOP_DB": "postgres://shop:s3cret@db/shop", "PATH": "/bin", "OTHER": "driver://["}
    url = "postgresql+asyncpg://shop:s3cret@db/shop"

    assert "${SHOP_DB}" == written(url, environ)
    assert "${DATABASE_URL}" == written(url, {"AAA": environ["SHOP_DB"], "DATABASE_URL": environ["SHOP_DB"]})
    assert "${DATABASE_URL:-postgresql://db/shop}" == written("postgresql://db/shop", environ)


@pytest.mark.parametrize(
    ("url", "base", "expected"),
    [
        ("sqlite:///app.db", ROOT, "sqlite:///app.db"),
        ("sqlite:///app.db", ROOT / "backend", "sqlite:///backend/app.db"),
        ("sqlite:///../app.db", ROOT / "backend", "sqlite:///app.db"),
        (f"sqlite:///{ROOT}/var/app.db", ROOT, "sqlite:///var/app.db"),
        ("sqlite:////var/app.db", ROOT, "sqlite:////var/app.db"),
        ("sqlite+aiosqlite:///app.db?timeout=5", ROOT / "a", "sqlite+aiosqlite:///a/app.db?timeout=5"),
    ],
)
def test_a_file_is_named_from_the_root_of_the_project(url: str, base: Path, expected: str) -> None:
    """From where every environment reads it."""
    assert f"${{DATABASE_URL:-{expected}}}" == written(url, base=base)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///app.db", "sqlite:///app_test.db"),
        ("sqlite:///v1.2/app", "sqlite:///v1.2/app_test"),
        ("postgresql://me:s3cret@localhost/shop", "postgresql://me@localhost/shop_test"),
    ],
)
def test_tests_have_a_database_of_their_own(url: str, expected: str) -> None:
    """Named after the other one, for they wipe theirs."""
    assert f"${{TEST:-{expected}}}" == str(shared_test(make_url(url), ROOT, ROOT, {}, "TEST"))


def test_tests_have_no_default_where_a_variable_holds_the_url() -> None:
    """What it holds is not everybody's, and none is made up where there is no name."""
    url = make_url("postgresql://db/shop")

    assert "${TEST}" == str(shared_test(url, ROOT, ROOT, {"X": "postgresql://db/shop"}, "TEST"))
    assert "${TEST}" == str(shared_test(make_url("postgresql://db"), ROOT, ROOT, {}, "TEST"))
    assert "${TEST}" == str(shared_test(None, ROOT, ROOT, {}, "TEST"))


def test_only_a_file_in_the_project_is_one_to_ignore() -> None:
    """Version control looks no further."""
    assert "a/app.db" == local_file(make_url("sqlite:///app.db"), ROOT, ROOT / "a")
    assert None is local_file(make_url("sqlite:////var/app.db"), ROOT, ROOT)
    assert None is local_file(make_url("postgresql://db/shop"), ROOT, ROOT)
    assert None is local_file(None, ROOT, ROOT)


words = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=8)
databases = st.text("ab_-$}{", min_size=1, max_size=8)


@given(user=words, password=words, database=databases)
def test_no_url_gives_its_password_away(user: str, password: str, database: str) -> None:
    """And what is written leads to the same database once the variable is expanded."""
    url = URL.create("postgresql", user, f"pw-{password}", "db", 5432, database)

    found = str(shared(url, ROOT, ROOT, {}, "DATABASE_URL"))

    assert f"pw-{password}" not in found
    if found != "${DATABASE_URL}":
        again = make_url(expand(found, {}))
        assert (user, None, database) == (again.username, again.password, again.database)
