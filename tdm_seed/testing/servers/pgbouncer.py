"""PgBouncer in front of a PostgreSQL server: found on the machine, or downloaded; it pools by transaction."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from . import download, supervisor
from .account import Account
from .errors import MissingServer, ServerFailed, tail
from .launch import administrator, socket_directory
from .places import cached, scratch_directory, system_key
from .product import Installation, Search, version_of
from .server import Server

NAME = "pgbouncer"
_BIN_VARIABLE = "TDM_SEED_TEST_PGBOUNCER_BIN"
_DIRECTORIES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/opt/pgbouncer/bin")
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02
_PORT = 6432  # part of the socket's name; nothing listens on TCP


def find(*, download: bool = True, environ: Mapping[str, str] | None = None) -> Installation:
    """Return the PgBouncer that `pooled` runs; downloaded when there is none and that is allowed.

    :raises MissingServer: names every place that was looked at, and what to install.
    """
    environ = os.environ if environ is None else environ
    search = Search(environ, Account.current(), download)
    for programs in search.directories(_BIN_VARIABLE, _DIRECTORIES, (NAME,)):
        if version := search.version(programs / NAME):
            return Installation(NAME, "PgBouncer", str(programs), version, programs)
    try:
        root = _downloaded(search)
    except (OSError, ServerFailed) as error:
        search.looked.append(error.message if isinstance(error, ServerFailed) else str(error))
        root = None
    if root is not None and search.readable(root):
        version = version_of(root / "usr" / "sbin" / NAME, _libraries(root))
        return Installation(
            NAME, "PgBouncer", f"downloaded, {root}", version, root / "usr" / "sbin", libraries=_libraries(root)
        )
    raise MissingServer(
        "there is no PgBouncer to start: " + "; ".join(search.looked),
        hint=f"Install it (Debian, Ubuntu: `apt-get install pgbouncer`), or name its directory in {_BIN_VARIABLE}.",
    )


@contextmanager
def pooled(server: Server) -> Iterator[URL]:
    """Run a PgBouncer in front of a PostgreSQL server for the length of a ``with`` block; give its URL.

    Any database of the server is reached with ``url.set(database=…)``. Each transaction may get another session, as
    where PgBouncer is run with ``pool_mode = transaction``. It refuses to be root, so it runs as who runs the server.

    :raises MissingServer: when there is none to start.
    :raises ServerFailed: when it does not start, with the end of its log.
    """
    installation, account = find(), Account.current()
    directory = scratch_directory(in_memory=True) / NAME
    directory.mkdir(mode=0o700 if account.ours else 0o711)
    sockets = socket_directory(directory, account)
    config = directory / "pgbouncer.ini"
    config.write_text(_config(make_url(server.url), sockets))
    config.chmod(0o600)
    user, group, _ = account.switch
    if user is not None and group is not None:
        os.chown(config, user, group)
    spec = supervisor.Spec(
        directory=str(directory),
        command=[installation.program(NAME), str(config)],
        environment=installation.environment,
        stop_signals=[int(signal.SIGTERM)],
        patience=_STOP_SECONDS,
        user=user,
        group=group,
        watch=os.getpid(),
        remove=[str(sockets), str(directory)],
        remove_if_empty=[str(directory.parent)],
    )
    url = URL.create(
        "postgresql+psycopg", "anybody", database="postgres", query={"host": str(sockets), "port": str(_PORT)}
    )
    try:
        _run(spec, directory, url)
        yield url
    finally:
        supervisor.stop(directory, 2 * _STOP_SECONDS)
        spec.clean()


def _run(spec: supervisor.Spec, directory: Path, url: URL) -> None:
    """Start it and wait until it lets somebody through."""
    spec_path, log = directory / "supervisor.json", directory / "server.log"
    spec.write(spec_path)
    with open(log, "wb") as output:
        subprocess.run(
            [sys.executable, "-I", "-S", supervisor.__file__, str(spec_path)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=directory,
        )
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with administrator(url) as connection:
                connection.exec_driver_sql("SELECT 1")
            return
        except SQLAlchemyError as error:
            if not supervisor.is_alive(directory) or time.monotonic() > deadline:
                text = tail(log.read_text(errors="replace"))
                raise ServerFailed(f"PgBouncer did not start; the end of its log:\n{text}") from error
        time.sleep(_POLL_SECONDS)


def _config(server: URL, sockets: Path) -> str:
    """Let everybody through to every database as the server's administrator; few sessions, so that they are shared."""
    parts = {
        "host": server.query.get("host") or server.host,
        "port": server.query.get("port") or server.port or 5432,
        "user": server.username,
        "password": server.password,
    }
    target = " ".join(f"{name}='{value}'" for name, value in parts.items() if value)
    return (
        f"[databases]\n* = {target}\n\n[pgbouncer]\nunix_socket_dir = {sockets}\nunix_socket_mode = 0700\n"
        f"listen_port = {_PORT}\nauth_type = any\npool_mode = transaction\nmax_client_conn = 200\n"
        "default_pool_size = 20\nserver_round_robin = 1\n"
    )


def _downloaded(search: Search) -> Path | None:
    def usable(root: Path) -> bool:
        return version_of(root / "usr" / "sbin" / NAME, _libraries(root)) is not None

    def build(root: Path) -> None:
        download.fetch((NAME,), root)
        if not usable(root):
            raise ServerFailed("the downloaded pgbouncer does not run here: a library is still missing")

    place = search.cache / system_key(NAME)
    if place.is_dir() and usable(place):
        return place
    if not download.can_download():
        search.looked.append("this system has no apt-get and dpkg-deb to download it with")
        return None
    if not search.download:
        search.looked.append(f"not downloaded to {place} yet")
        return None
    return cached(search.cache, place.name, build, usable)


def _libraries(root: Path) -> tuple[Path, ...]:
    return download.library_directories(root)
