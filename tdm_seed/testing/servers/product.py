"""What every kind of server must tell about itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL, Connection

from .account import Account
from .places import cache_directory

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Installation:
    """A server that could be started, or, with ``url``, one that somebody else runs."""

    name: str
    title: str
    origin: str
    version: str | None = None
    programs: Path | None = None
    share: Path | None = None
    libraries: tuple[Path, ...] = ()
    url: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        what = f"{self.title} {self.version}" if self.version else self.title
        return f"{what} ({self.origin})"

    def program(self, name: str) -> str:
        """Return the path of one of its programs."""
        assert self.programs is not None, "a server that is given by its URL has no programs"
        return str(self.programs / name)

    @property
    def environment(self) -> dict[str, str]:
        """What its programs find in their environment: nothing of ours, so that every run is alike."""
        return program_environment(self.libraries)


@dataclass(frozen=True)
class Layout:
    """Where one running server keeps its things; ``port`` is None when it listens on its socket only."""

    data: Path
    sockets: Path
    port: int | None


@dataclass
class Search:
    """One search for a server; ``looked`` collects what was tried in vain, for the error that ends it."""

    environ: Mapping[str, str]
    account: Account
    download: bool
    looked: list[str] = field(default_factory=list)

    @property
    def cache(self) -> Path:
        """The directory that keeps what was downloaded or copied."""
        return cache_directory(self.environ, self.account)

    def directories(self, variable: str, patterns: Sequence[str], programs: Sequence[str]) -> Iterator[Path]:
        """Yield the directories that hold all of ``programs``, the highest version first.

        ``variable`` may name one in the environment, which then is the only one; otherwise those that match
        the ``patterns`` come first, then those in ``PATH``.
        """
        if named := self.environ.get(variable):
            candidates = [Path(named)]
            self.looked.append(f"{variable}={named} does not hold {' and '.join(programs)}")
        else:
            matches = [sorted_by_version(Path("/").glob(pattern.lstrip("/"))) for pattern in patterns]
            candidates = list(chain.from_iterable(matches))
            candidates += [Path(part) for part in self.environ.get("PATH", "").split(":") if part]
            self.looked.append(f"no {' beside '.join(programs)} in {', '.join(patterns)} or PATH")
        seen: set[Path] = set()
        for candidate in candidates:
            if not _holds(candidate, programs):
                continue
            directory = (candidate / programs[0]).resolve().parent
            if directory in seen or not _holds(directory, programs):
                continue
            seen.add(directory)
            if self.readable(directory):
                yield directory

    def readable(self, path: Path) -> bool:
        """Tell whether the account that runs servers can reach ``path``; note it when not."""
        obstacle = self.account.obstacle(path)
        if obstacle:
            self.looked.append(f"{path} is of no use, as uid {self.account.uid} cannot enter {obstacle}")
        return obstacle is None

    def version(self, program: Path, libraries: Sequence[Path] = ()) -> str | None:
        """Ask a program for its version; note the reason when it does not run."""
        version = version_of(program, libraries)
        if version is None:
            self.looked.append(f"{program} does not run on this machine")
        return version


class Product(Protocol):
    """A kind of server: how to find it, how to set it up, how to run it, how to talk to it."""

    name: str
    url_variable: str
    title: str
    remedy: str
    stop_signals: tuple[int, ...]

    def installations(self, search: Search) -> Iterator[Installation]:
        """Yield what can be started, the preferred one first; later ones cost work, so ask no further."""

    def can_download(self) -> bool:
        """Tell whether this machine has the programs with which it would be downloaded."""

    def initialise(self, installation: Installation, data: Path) -> tuple[list[str], str]:
        """Return the command that fills an empty data directory, and what it reads on its standard input."""

    def command(self, installation: Installation, layout: Layout, settings: Mapping[str, str]) -> list[str]:
        """Return the command that runs the server in the foreground."""

    def socket(self, layout: Layout) -> Path:
        """Return the socket that the server listens on."""

    def url(self, layout: Layout) -> URL:
        """Return the administrator's URL over the socket."""

    def tcp_url(self, port: int, password: str) -> URL:
        """Return the administrator's URL over TCP."""

    def given_url(self, url: URL) -> URL:
        """Return a URL from the environment with the synchronous driver that the tests have."""

    def set_password(self, connection: Connection, password: str) -> None:
        """Give the administrator's TCP login its password."""

    def server_version(self, connection: Connection) -> str:
        """Ask a running server for its version."""

    def create_database(self, connection: Connection, database: str) -> None:
        """Create an empty database that holds any Unicode text."""

    def drop_database(self, connection: Connection, database: str) -> None:
        """Drop a database, whoever is still connected to it."""


def program_environment(libraries: Sequence[Path]) -> dict[str, str]:
    """Return the environment in which a server's programs run."""
    environment = {"PATH": SYSTEM_PATH, "LC_ALL": "C", "TZ": "UTC"}
    if libraries:
        environment["LD_LIBRARY_PATH"] = ":".join(map(str, libraries))
    return environment


def version_of(program: Path, libraries: Sequence[Path] = ()) -> str | None:
    """Return the version that a program prints, or None when it cannot run here (a library is missing)."""
    try:
        shown = subprocess.run(
            [str(program), "--version"],
            env=program_environment(libraries),
            capture_output=True,
            text=True,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\d+(\.\d+)+", shown.stdout)
    return found.group() if found and shown.returncode == 0 else None


def sorted_by_version(paths: Iterator[Path]) -> list[Path]:
    """Sort paths by the numbers in them, the highest first, so that 15 comes before 9."""

    def numbers(path: Path) -> tuple[list[int], str]:
        return [int(number) for number in re.findall(r"\d+", str(path))], str(path)

    return sorted(paths, key=numbers, reverse=True)


def has_programs(*programs: str) -> bool:
    """Tell whether all of these programs are in the search path."""
    return all(shutil.which(program, path=SYSTEM_PATH) for program in programs)


def _holds(directory: Path, programs: Sequence[str]) -> bool:
    # os.path says no, where pathlib would raise, for a directory in PATH that we cannot enter.
    return all(os.path.isfile(directory / program) for program in programs)
