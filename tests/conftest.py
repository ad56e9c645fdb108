"""Real servers for the tests that ask for one: started when first asked for, shared by all workers."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings

from tdm_seed.testing import servers
from tdm_seed.testing.databases import throwaway
from tests.ordinary_user import OrdinaryUser

# No deadline, as the machine may be busy with servers; no database of examples, as the checkout may be read-only.
settings.register_profile("tdm-seed", deadline=None, database=None)
settings.load_profile("tdm-seed")

UNIT_TESTS = Path(__file__).parent / "unit"


@dataclass(frozen=True)
class Run:
    """One test run: the process that leads it, where its servers are noted, and why some are missing."""

    leader: int
    directory: str
    missing: dict[str, str] = field(default_factory=dict)
    found: dict[str, str] = field(default_factory=dict)


RUN = pytest.StashKey[Run]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a longer run of the crash tests be asked for."""
    parser.addoption("--runs", type=int, default=10, help="how many moments a run is killed at, for each database")
    parser.addoption("--rows", type=int, default=20_000, help="how many rows the loads have that are killed")


def pytest_configure(config: pytest.Config) -> None:
    """Look for the servers in the leading process; its workers are told what it found."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background; programs inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        config.stash[RUN] = Run(**config.workerinput["tdm_seed_run"])
        return
    missing, found = {}, {}
    for name in servers.NAMES:
        try:
            found[name] = str(servers.find(name, download=_required(name) or not _only_unit_tests(config)))
        except servers.MissingServer as error:
            missing[name] = str(error)
        except servers.ServerFailed as error:
            raise pytest.UsageError(str(error)) from error
    if required := [reason for name, reason in missing.items() if _required(name)]:
        raise pytest.UsageError("TDM_SEED_REQUIRE: " + "\n".join(required))
    directory = servers.scratch_directory(in_memory=True)
    # The many small databases of the tests stand beside the servers', in memory where there is room. Pytest reads this
    # when the first test asks for a folder, here and in the workers.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(directory.parent))
    config.stash[RUN] = Run(os.getpid(), str(directory), missing, found)


def _required(name: str) -> bool:
    wanted = [part.strip() for part in os.environ.get("TDM_SEED_REQUIRE", "").split(",") if part.strip()]
    if unknown := set(wanted).difference(servers.NAMES, ["sqlite", "pgbouncer"]):
        raise pytest.UsageError(f"TDM_SEED_REQUIRE names unknown databases: {', '.join(sorted(unknown))}")
    return name in wanted


def _only_unit_tests(config: pytest.Config) -> bool:
    """Tell whether no test of this run can ask for a server, so that none need be downloaded for it."""
    chosen = [Path(config.invocation_params.dir, arg.split("::")[0]).resolve() for arg in config.args]
    listing = config.option.collectonly or config.option.help or config.option.version
    return listing or (bool(chosen) and all(path.is_relative_to(UNIT_TESTS) for path in chosen))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist what the leading process knows."""
    run = node.config.stash[RUN]
    node.workerinput["tdm_seed_run"] = vars(run)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say first which servers there are, and what is missing."""
    run = config.stash[RUN]
    return [
        *(f"{name}: {found}" for name, found in run.found.items()),
        *(f"{name}: MISSING, its tests are skipped: {reason}" for name, reason in run.missing.items()),
    ]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started; should this never be reached, the servers notice that the leader is gone."""
    run = config.stash.get(RUN, None)
    if run is not None and run.leader == os.getpid():
        for name in servers.NAMES:
            servers.stop_shared(name, Path(run.directory))
        shutil.rmtree(run.directory, ignore_errors=True)


def _server(config: pytest.Config, name: str) -> servers.Server:
    run = config.stash[RUN]
    if name in run.missing:
        pytest.skip(run.missing[name])
    return servers.shared(name, Path(run.directory), watch=run.leader)


@pytest.fixture(scope="session")
def postgresql_server(pytestconfig: pytest.Config) -> servers.Server:
    """The PostgreSQL server of this run, over its socket and over TCP."""
    return _server(pytestconfig, "postgresql")


@pytest.fixture(scope="session")
def mysql_server(pytestconfig: pytest.Config) -> servers.Server:
    """The MariaDB or MySQL server of this run, over its socket and over TCP."""
    return _server(pytestconfig, "mysql")


@pytest.fixture
def postgresql_url(postgresql_server: servers.Server) -> Iterator[str]:
    """The URL of an empty PostgreSQL database, this test's own."""
    with throwaway(postgresql_server) as url:
        yield url


@pytest.fixture
def mysql_url(mysql_server: servers.Server) -> Iterator[str]:
    """The URL of an empty MariaDB or MySQL database, this test's own."""
    with throwaway(mysql_server) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite database that does not exist yet, this test's own."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, on every kind of server in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def ordinary_user() -> Iterator[OrdinaryUser]:
    """An ordinary user, whose folder is where everybody may go."""
    with TemporaryDirectory(prefix="tdm-seed-test-") as folder:
        yield OrdinaryUser(Path(folder))
