"""One server for many processes: noted in a directory, started by the first that asks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock

from .account import Account
from .finding import find, product_of
from .launch import end, given, is_running, launch
from .places import run_directory
from .server import Server


def shared(
    name: str,
    directory: Path,
    *,
    watch: int,
    tcp: bool = True,
    settings: Mapping[str, str] | None = None,
) -> Server:
    """Return the server that all who pass the same ``directory`` share; the first to ask starts it.

    The others wait for it. It lives as long as the process ``watch`` (of a test run with workers: the one
    that started the workers), or until `stop_shared`. Whoever happens to start it may end before that.

    :raises MissingServer: when there is none to start.
    :raises ServerFailed: when it does not start, with the end of its log.
    """
    base = directory if Account.current().obstacle(directory) is None else None
    return _shared(name, directory, base, watch=watch, tcp=tcp, settings=settings)


def stop_shared(name: str, directory: Path) -> bool:
    """Stop a shared server and remove its files; return False when none was running."""
    if not directory.is_dir():
        return False
    with FileLock(directory / f"{name}.lock"):
        server = _noted(name, directory)
        if server is None:
            return False
        running = is_running(server)
        end(server)
        (directory / f"{name}.json").unlink(missing_ok=True)
    return running


def start_daemon(name: str, *, tcp: bool = False, settings: Mapping[str, str] | None = None) -> Server:
    """Return this user's server that outlives the command, started with these settings when it does not run yet.

    :raises MissingServer: when there is none to start.
    :raises ServerFailed: when it does not start, with the end of its log.
    """
    # Its data go to the temporary directory: the one for notes is in memory on many systems, and often small.
    return _shared(name, run_directory(os.environ), None, watch=None, tcp=tcp, settings=settings)


def stop_daemon(name: str) -> bool:
    """Stop this user's server and remove its data; return False when none was running."""
    product_of(name)
    return stop_shared(name, run_directory(os.environ))


def daemon(name: str) -> Server | None:
    """Return this user's server when it runs. Starts nothing."""
    product_of(name)
    server = _noted(name, run_directory(os.environ))
    return server if server is not None and is_running(server) else None


def daemon_url(name: str) -> str | None:
    """Return the administrator's URL of this user's server, or None when it does not run."""
    server = daemon(name)
    return None if server is None else server.url


def _shared(
    name: str,
    directory: Path,
    base: Path | None,
    *,
    watch: int | None,
    tcp: bool,
    settings: Mapping[str, str] | None,
) -> Server:
    installation = find(name)
    if installation.url is not None:
        return given(installation)
    directory.mkdir(parents=True, exist_ok=True)
    note, lock = directory / f"{name}.json", directory / f"{name}.lock"
    with FileLock(lock):
        server = _noted(name, directory)
        if server is not None:
            if is_running(server):
                return server
            end(server)  # it died by itself: its remains go before the next one comes
        # Nobody waits for the lock of a run that is over, but somebody may for that of a daemon.
        remains = [note] if watch is None else [note, lock]
        server = launch(installation, base, watch=watch, tcp=tcp, settings=settings, also_remove=remains)
        with open(note, "w", opener=_private) as file:
            file.write(server.to_json())
        return server


def _noted(name: str, directory: Path) -> Server | None:
    try:
        return Server.from_json((directory / f"{name}.json").read_text())
    except FileNotFoundError:
        return None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
