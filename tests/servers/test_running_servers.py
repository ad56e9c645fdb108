"""Servers really started: they answer, they are shared, and none outlives whoever wanted it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from tdm_seed.testing import servers
from tdm_seed.testing.databases import throwaway

TIMEOUT = 20.0


@pytest.fixture(params=servers.NAMES)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each kind of server that this machine can start itself."""
    name: str = request.param
    monkeypatch.delenv(f"TDM_SEED_TEST_{name.upper()}_URL", raising=False)
    try:
        servers.find(name)
    except servers.MissingServer as error:
        pytest.skip(str(error))
    return name


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A directory that the servers' account can enter, which pytest's own is not when we are root."""
    directory = servers.scratch_directory(in_memory=True)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(params=servers.NAMES)
def server(request: pytest.FixtureRequest) -> servers.Server:
    """The running server of each kind."""
    server: servers.Server = request.getfixturevalue(f"{request.param}_server")
    return server


def scalar(url: str, statement: str) -> object:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return connection.execute(text(statement)).scalar()
    finally:
        engine.dispose()


def wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def process_of(server: servers.Server, role: str) -> int:
    assert server.directory is not None
    return int(json.loads((server.directory / "pids.json").read_text())[role])


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_started_server_answers_and_leaves_nothing_behind(name: str) -> None:
    """Within the block it answers, on a socket closed to others, without TCP; after it, nothing is left."""
    with servers.start(name) as server:
        assert server.pid is not None
        assert server.directory is not None
        assert 1 == scalar(server.url, "SELECT 1")
        assert is_running(server.pid)
        assert server.log == server.directory / "server.log"
        assert server.log.exists()
        assert 0o700 == stat.S_IMODE((server.directory / "sockets").stat().st_mode)
        with pytest.raises(ValueError, match="without TCP"):
            server.url_for("anything", tcp=True)
    assert not is_running(server.pid)
    assert not server.directory.parent.exists()


def test_tcp_asks_for_a_password(server: servers.Server) -> None:
    """With its password the administrator gets in over TCP, with a wrong one nobody does."""
    if server.tcp_url is None or server.pid is None:
        pytest.skip("the server given by the environment has its own rules")
    assert 1 == scalar(server.tcp_url, "SELECT 1")
    with pytest.raises(OperationalError):
        scalar(make_url(server.tcp_url).set(password="wrong").render_as_string(hide_password=False), "SELECT 1")


def test_passwords_are_not_shown(server: servers.Server) -> None:
    """A server can be printed anywhere."""
    password = server.tcp_url and make_url(server.tcp_url).password
    assert not password or password not in repr(server)


def test_any_unicode_text_survives(server: servers.Server) -> None:
    """A throwaway database holds every character, those beyond 16 bits too."""
    with throwaway(server) as url:
        assert "ß ☃ 🐘" == scalar(url, "SELECT 'ß ☃ 🐘'")


def test_the_server_lives_in_utc(server: servers.Server) -> None:
    """No test depends on the time zone of the machine."""
    if server.pid is None:
        pytest.skip("the server given by the environment has its own rules")
    setting = {"postgresql": "SHOW timezone", "mysql": "SELECT @@session.time_zone"}[server.name]
    assert {"postgresql": "UTC", "mysql": "+00:00"}[server.name] == scalar(server.url, setting)


def test_a_throwaway_database_is_gone_after_its_block(server: servers.Server) -> None:
    """It is dropped even though a connection with an open transaction was forgotten in it."""
    with throwaway(server) as url:
        engine = create_engine(url)
        forgotten = engine.connect()
        forgotten.execute(text("CREATE TABLE t (a INT)"))
        forgotten.commit()
        forgotten.execute(text("SELECT * FROM t")).all()
        database = make_url(url).database
    forgotten.invalidate()
    forgotten.close()
    found = {
        "postgresql": f"SELECT count(*) FROM pg_database WHERE datname = '{database}'",
        "mysql": f"SELECT count(*) FROM information_schema.schemata WHERE schema_name = '{database}'",
    }
    assert 0 == scalar(server.url, found[server.name])


def test_two_throwaway_databases_are_two(server: servers.Server) -> None:
    """Nobody gets a database that somebody else uses."""
    with throwaway(server) as one, throwaway(server) as other:
        assert make_url(one).database != make_url(other).database


def test_data_in_a_named_directory_are_found_again(name: str, scratch: Path) -> None:
    """A directory that the caller names is the caller's: it stays, and serves a second start."""
    with servers.start(name, scratch) as server:
        engine = create_engine(server.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("CREATE DATABASE kept"))
        engine.dispose()
    with servers.start(name, scratch) as server:
        assert 1 == scalar(server.url_for("kept"), "SELECT 1")


def test_a_long_directory_is_no_obstacle(name: str, scratch: Path) -> None:
    """A socket's address holds 108 bytes; a deeper directory gets its socket elsewhere."""
    directory = scratch / ("d" * 60) / ("e" * 60)
    directory.mkdir(parents=True)
    with servers.start(name, directory) as server:
        assert 1 == scalar(server.url, "SELECT 1")


def test_a_refused_setting_is_told_with_the_servers_own_words(name: str) -> None:
    """Errors at start reach whoever started it, with the end of the log."""
    with (
        pytest.raises(servers.ServerFailed, match=r"it ended at once(.|\n)*no_such_setting"),
        servers.start(name, settings={"no_such_setting": "1"}),
    ):
        pass


def test_a_directory_that_the_server_cannot_enter_is_named(name: str, scratch: Path) -> None:
    """As root the server runs as nobody: a private directory is refused before anything is started."""
    if os.geteuid() != 0:
        pytest.skip("only root changes the account")
    scratch.chmod(0o700)
    with (
        pytest.raises(servers.ServerFailed, match=f"cannot enter {re.escape(str(scratch))}"),
        servers.start(name, scratch),
    ):
        pass


def test_many_who_ask_at_once_share_one_server(name: str, scratch: Path) -> None:
    """The first starts it, the others get the same one; it is gone after the stop."""
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: servers.shared(name, scratch, watch=os.getpid()), range(4)))
    assert 1 == len({server.pid for server in found})
    assert servers.stop_shared(name, scratch)
    assert not servers.stop_shared(name, scratch)
    assert found[0].pid is not None
    assert not is_running(found[0].pid)


def test_a_shared_server_that_died_is_started_again(name: str, scratch: Path) -> None:
    """Whoever asks next gets one that runs."""
    first = servers.shared(name, scratch, watch=os.getpid())
    os.kill(process_of(first, "server"), signal.SIGKILL)
    supervisor = process_of(first, "supervisor")
    assert wait_until(lambda: not is_running(supervisor))
    second = servers.shared(name, scratch, watch=os.getpid())
    assert 1 == scalar(second.url, "SELECT 1")
    assert servers.stop_shared(name, scratch)


def test_a_server_outlives_the_thread_that_started_it(name: str, scratch: Path) -> None:
    """It belongs to the process: a parent-death signal alone would end it with the thread."""
    with ThreadPoolExecutor(1) as pool:
        server = pool.submit(servers.shared, name, scratch, watch=os.getpid()).result()
    time.sleep(0.2)
    assert 1 == scalar(server.url, "SELECT 1")
    assert servers.stop_shared(name, scratch)


STARTER = """
import json, sys, time
from tdm_seed.testing import servers
with servers.start(sys.argv[1]) as server:
    print(json.dumps([server.pid, str(server.directory)]), flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_server_outlives_its_process(name: str, number: signal.Signals) -> None:
    """However the process dies, its server ends and the files are removed."""
    starter = subprocess.Popen([sys.executable, "-c", STARTER, name], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    pid, directory = json.loads(starter.stdout.readline())
    assert is_running(pid)
    starter.send_signal(number)
    starter.communicate()
    assert wait_until(lambda: not is_running(pid))
    assert wait_until(lambda: not Path(directory).exists())


def test_no_server_outlives_its_supervisor(name: str) -> None:
    """Even when the supervisor is killed, the kernel tells the server."""
    with servers.start(name) as server:
        os.kill(process_of(server, "supervisor"), signal.SIGKILL)
        pid = process_of(server, "server")
        assert wait_until(lambda: not is_running(pid))


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``python -m tdm_seed.testing.servers`` with notes of its own, apart from those of the user."""
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    for name in servers.NAMES:
        environment.pop(f"TDM_SEED_TEST_{name.upper()}_URL", None)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tdm_seed.testing.servers", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    return run


def test_the_command_says_what_does_not_run(command: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """`url` fails, with what to do, when a server does not run; `stop` has nothing to do and says so."""
    asked = command("url", "mysql")
    assert (1, "") == (asked.returncode, asked.stdout)
    assert "mysql: not running" in asked.stderr
    assert "start mysql" in asked.stderr
    stopped = command("stop", "mysql")
    assert (0, "mysql: was not running\n") == (stopped.returncode, stopped.stdout)


def test_the_command_starts_names_and_stops(
    name: str, command: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """`start` prints a URL that works after the command has ended; `url` repeats it; `stop` ends it."""
    started = command("start", name, "--set", "max_connections=37")
    try:
        assert (0, "") == (started.returncode, started.stderr)
        asked = "SELECT @@max_connections" if name == "mysql" else "SHOW max_connections"
        assert "37" == str(scalar(started.stdout.strip(), asked))
        assert started.stdout == command("url", name).stdout
        again = command("start", "--export", name).stdout
        assert again.startswith(f"export TDM_SEED_TEST_{name.upper()}_URL=")
        assert started.stdout.strip() in again
        made = command("start", name, "--database", "shop").stdout.strip()
        assert "shop" == make_url(made).database
        assert 0 == scalar(
            made, "SELECT count(*) FROM information_schema.tables WHERE table_schema IN ('public', 'shop')"
        )
        assert made == command("start", name, "--database", "shop").stdout.strip()
        assert made == command("url", name, "--database", "shop").stdout.strip()
        assert 2 == command("start", name, "--database", "shop; DROP").returncode
    finally:
        stopped = command("stop", name)
    assert (0, f"{name}: stopped\n") == (stopped.returncode, stopped.stdout)
    where = make_url(started.stdout.strip()).query
    assert not Path(str(where.get("unix_socket", where.get("host")))).exists()
