"""Fetch a Debian package and unpack it beside the system: no root, no service, no new user."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .errors import ServerFailed, tail
from .product import SYSTEM_PATH, has_programs

_log = logging.getLogger(__name__)

# A dead mirror must not hold up a test run for minutes.
_CONNECT_SECONDS = 15
_TOTAL_SECONDS = 300


def can_download() -> bool:
    """Tell whether this machine has the programs that `fetch` uses."""
    return has_programs("apt-get", "dpkg-deb")


def fetch(packages: Sequence[str], target: Path) -> None:
    """Unpack the first of ``packages`` that the machine's sources offer, and what it needs, into ``target``.

    apt-get is given its own lists and cache below ``target``, so nothing of the system changes, but the
    system's list of installed packages, so that it leaves out what is there. Signatures are checked as ever.

    :raises ServerFailed: with the end of what apt-get said.
    """
    _log.info("fetching %s with apt-get", packages[0])
    own = target / "apt"
    for name in ("state/lists/partial", "cache/archives/partial"):
        (own / name).mkdir(parents=True)
    # Whether it succeeds is no matter: one broken source among many may have nothing to do with us.
    _, said = _run([*_apt_get(own), "update"])
    # --reinstall: a package may be on the list of installed ones and its programs still be out of our reach.
    install = [
        *_apt_get(own),
        "--yes",
        "--no-install-recommends",
        "--download-only",
        "--reinstall",
        "install",
    ]
    for package in packages:
        code, output = _run([*install, package])
        if code == 0:
            break
        said += f"\n{output}"
    else:
        raise ServerFailed(f"apt-get could not fetch {packages[0]}:\n{tail(_complaints(said), 8)}")
    for archive in sorted((own / "cache" / "archives").glob("*.deb")):
        if archive.name.startswith("libc6_"):
            continue  # the C library only works with the loader of its own version, which is the system's
        code, output = _run(["dpkg-deb", "--extract", str(archive), str(target)])
        if code != 0:
            raise ServerFailed(f"dpkg-deb could not unpack {archive.name}:\n{tail(output)}")
    shutil.rmtree(own, ignore_errors=True)


def library_directories(root: Path) -> tuple[Path, ...]:
    """Return the directories below ``root`` that hold shared libraries."""
    found = {path.parent for top in ("lib", "usr/lib") for path in (root / top).rglob("lib*.so*")}
    return tuple(sorted(found))


def _apt_get(own: Path) -> list[str]:
    options = {
        "Dir::State": own / "state",
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": own / "cache",
        "Dir::Cache::archives": "archives/",
        "Debug::NoLocking": "true",
        "Acquire::Languages": "none",
        "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        "Acquire::Retries": 1,
        "Acquire::http::Timeout": _CONNECT_SECONDS,
        "Acquire::https::Timeout": _CONNECT_SECONDS,
    }
    command = ["apt-get", "--quiet"]
    for option, value in options.items():
        command += ["-o", f"{option}={value}"]
    return command


def _complaints(said: str) -> str:
    """Return the errors and warnings among what apt-get said, or all of it when it named none."""
    lines = [line for line in said.splitlines() if line[:3] in ("E: ", "W: ")]
    lines = [line for line in lines if " by glob " not in line and " by regex " not in line]
    return "\n".join(lines) or said


def _run(command: Sequence[str]) -> tuple[int, str]:
    environment = {**os.environ, "PATH": SYSTEM_PATH, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_TOTAL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return 1, f"{command[0]} did not end within {_TOTAL_SECONDS} s"
    return done.returncode, done.stdout
