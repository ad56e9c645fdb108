"""Run one server, and end it when asked to or when the process that wanted it is gone."""

# This file runs as a program of its own (``python supervisor.py SPEC.json``) and needs the standard library
# only, so that it starts in a few milliseconds and stays small. It exists because a parent-death signal fires
# when the parent's *thread* ends, because a killed parent cannot remove the server's files, and because a
# daemon needs somebody to be its parent.

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

ALIVE = "alive"
PIDS = "pids.json"
ALREADY_RUNNING = 3

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.5  # only where the system has no pidfd


@dataclass(frozen=True)
class Spec:
    """What to run, as which account, for whom, and what to remove afterwards."""

    directory: str
    command: list[str]
    environment: dict[str, str]
    stop_signals: list[int]
    patience: float
    user: int | None
    group: int | None
    watch: int | None
    remove: list[str]
    remove_if_empty: list[str]

    def write(self, path: Path) -> None:
        """Save it where the supervisor reads it."""
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, path: Path) -> Spec:
        """Return what `write` saved."""
        return cls(**json.loads(path.read_text()))

    def clean(self) -> None:
        """Remove what was only there for the server."""
        for path in map(Path, self.remove):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        for path in map(Path, self.remove_if_empty):
            with suppress(OSError):
                path.rmdir()


def is_alive(directory: Path) -> bool:
    """Tell whether a supervisor works in ``directory``: it holds a lock there for as long as it lives."""
    try:
        with open(directory / ALIVE, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def stop(directory: Path, patience: float) -> bool:
    """Ask the supervisor in ``directory`` to end its server, and wait until it has, its files removed.

    Returns False when it still runs after ``patience`` seconds.
    """
    try:
        file = open(directory / ALIVE, "rb")  # noqa: SIM115 - closed below; the file itself may vanish meanwhile
    except FileNotFoundError:
        return True
    with file:
        asked = False
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return True
            if not asked:
                # The lock was held a moment ago, so the number still belongs to the supervisor.
                with suppress(FileNotFoundError, ProcessLookupError):
                    os.kill(json.loads((directory / PIDS).read_text())["supervisor"], signal.SIGTERM)
                    asked = True
            time.sleep(0.01)
    return False


def server_pid(directory: Path) -> int:
    """Return the number of the server's process (not of its supervisor)."""
    return int(json.loads((directory / PIDS).read_text())["server"])


def main(spec_path: str) -> int:
    """Start the server in the background; return as soon as the lock that proves us alive is held."""
    spec = Spec.read(Path(spec_path))
    alive = _claim(Path(spec.directory))
    if alive is None:
        return ALREADY_RUNNING
    if os.fork():
        return 0
    os.setsid()  # an interrupt typed at the terminal is for the tests, not for their server
    with alive:
        if _supervise(spec):
            spec.clean()  # a server that died by itself leaves its log for whoever wants to know why
    return 0


def _claim(directory: Path) -> IO[bytes] | None:
    file = open(directory / ALIVE, "wb")  # noqa: SIM115 - held open for as long as this process lives
    for _ in range(100):  # somebody may be asking `is_alive` in this very moment
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        time.sleep(0.01)
    file.close()
    return None


def _supervise(spec: Spec) -> bool:
    """Run the server to its end; return True when that end was wanted."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _: asked.append(received))
    signal.signal(signal.SIGCHLD, lambda *_: None)  # wakes the wait below

    server = subprocess.Popen(
        spec.command,
        stdin=subprocess.DEVNULL,
        cwd=spec.directory,
        env=spec.environment,
        user=spec.user,
        group=spec.group,
        extra_groups=None if spec.user is None else (),
        umask=0o077,
        # Runs after the change of user, which would clear it. This process has one thread, so it is safe.
        preexec_fn=_DieWithParent(spec.stop_signals[0]),
    )
    pids = Path(spec.directory, PIDS)
    pids.with_suffix(".new").write_text(json.dumps({"supervisor": os.getpid(), "server": server.pid}))
    pids.with_suffix(".new").rename(pids)

    watched = _Watched(spec.watch)
    while server.poll() is None and not asked and not watched.gone:
        if wake_read in select.select([wake_read, *watched.descriptors], [], [], watched.timeout)[0]:
            os.read(wake_read, 64)
    if server.poll() is not None and not asked and not watched.gone:
        return False
    _stop(server, spec)
    return True


def _stop(server: subprocess.Popen[bytes], spec: Spec) -> None:
    for number in [*spec.stop_signals, signal.SIGKILL]:
        if server.poll() is not None:
            return
        server.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            server.wait(spec.patience)


class _DieWithParent:
    """Ask the kernel to signal this process when its parent dies, even by SIGKILL (Linux only)."""

    def __init__(self, number: int) -> None:
        # Loaded before the fork: the child should do nothing but the call.
        self._libc = ctypes.CDLL(None) if sys.platform == "linux" else None
        self._number = number

    def __call__(self) -> None:
        if self._libc is not None:
            self._libc.prctl(_PR_SET_PDEATHSIG, self._number)


class _Watched:
    """The process for whose sake the server runs; none means that it runs until it is told to stop."""

    def __init__(self, pid: int | None) -> None:
        self._pid = pid
        self._pidfd: int | None = None
        self._vanished = False
        if pid is not None and hasattr(os, "pidfd_open"):
            try:
                self._pidfd = os.pidfd_open(pid)
            except ProcessLookupError:
                self._vanished = True
            except OSError:  # a kernel or a sandbox without it: ask every half second instead
                self._pidfd = None

    @property
    def descriptors(self) -> list[int]:
        return [] if self._pidfd is None else [self._pidfd]

    @property
    def timeout(self) -> float | None:
        return _POLL_SECONDS if self._pid is not None and self._pidfd is None else None

    @property
    def gone(self) -> bool:
        if self._pid is None or self._vanished:
            return self._vanished
        if self._pidfd is not None:
            return bool(select.select([self._pidfd], [], [], 0)[0])
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
