"""Where programs are cached, where a server's files go, and where running servers are noted."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from .account import Account
from .errors import ServerFailed

CACHE_VARIABLE = "TDM_SEED_CACHE"

_MEMORY = "/dev/shm"  # noqa: S108 - only ever for a fresh directory of our own in it
_ROOM = 2 * 1024**3


def cache_directory(environ: Mapping[str, str], account: Account) -> Path:
    """Return the directory for downloaded programs, created, and readable by the account that runs them.

    ``TDM_SEED_CACHE`` is taken as it is; without it the first suitable of ``XDG_CACHE_HOME``, ``/var/cache``
    (as root, whose home others cannot enter), ``~/.cache`` and the temporary directory.

    :raises ServerFailed: when ``TDM_SEED_CACHE`` names a directory that cannot be used.
    """
    if named := environ.get(CACHE_VARIABLE):
        path = Path(named).absolute()
        if reason := _unsuitable(path, account):
            raise ServerFailed(
                f"{CACHE_VARIABLE} is {path}, but {reason}",
                hint=f"Choose another directory, or unset {CACHE_VARIABLE}.",
            )
        return path
    for path in _caches(environ, account):
        if not _unsuitable(path, account) and path.stat().st_uid == os.geteuid() and os.access(path, os.W_OK):
            return path
    raise ServerFailed("no directory can hold a cache of servers", hint=f"Name one in {CACHE_VARIABLE}.")


def _caches(environ: Mapping[str, str], account: Account) -> Iterator[Path]:
    if os.path.isabs(environ.get("XDG_CACHE_HOME", "")):  # relative ones are to be ignored, says the standard
        yield Path(environ["XDG_CACHE_HOME"], "tdm-seed")
    if not account.ours:
        yield Path("/var/cache/tdm-seed")
    if environ.get("HOME"):
        yield Path(environ["HOME"], ".cache", "tdm-seed").absolute()
    yield Path(tempfile.gettempdir(), f"tdm-seed-cache-{os.geteuid()}")


def _unsuitable(path: Path, account: Account) -> str | None:
    """Create the directory and return None, or return the reason why it will not do."""
    try:
        if not path.is_dir():
            if obstacle := account.obstacle(path):
                return f"the account that runs servers (uid {account.uid}) cannot enter {obstacle}"
            path.mkdir(parents=True)
            path.chmod(0o755)
    except OSError as error:
        return f"it cannot be created: {error.strerror}"
    if obstacle := account.obstacle(path):
        return f"the account that runs servers (uid {account.uid}) cannot enter {obstacle}"
    return None


def cached(cache: Path, key: str, build: Callable[[Path], None], usable: Callable[[Path], bool]) -> Path:
    """Return ``cache/key``, built first where it is missing or no longer usable.

    It is built beside its place and renamed, so it is whole or absent; of several processes one builds and
    the others wait. ``usable`` matters where a cache outlives the machine that filled it.
    """
    place = cache / key
    if place.is_dir() and usable(place):  # before the lock: a read-only cache is a good cache
        return place
    with FileLock(cache / f"{key}.lock"):
        if place.is_dir():
            if usable(place):
                return place
            shutil.rmtree(place)
        partial = Path(tempfile.mkdtemp(prefix=f".{key}.", dir=cache))
        try:
            partial.chmod(0o755)
            build(partial)
            _make_readable(partial)
            partial.rename(place)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return place


def system_key(program: str) -> str:
    """Name the system in the cache: a home directory may serve several, and their libraries differ."""
    with suppress(OSError):
        release = platform.freedesktop_os_release()
        return f"{program}-{release['ID']}-{release.get('VERSION_ID', 'rolling')}-{platform.machine()}"
    return f"{program}-{platform.system().lower()}-{platform.machine()}"


def _make_readable(root: Path) -> None:
    """Undo a strict umask: root fills the cache, another account reads it."""
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if mode & 0o100 else 0o444))


def scratch_directory(*, in_memory: bool = False) -> Path:
    """Create a fresh temporary directory that the account which runs servers can enter.

    The usual temporary directory comes first, then ``/tmp``, should root have been given a private one.
    ``in_memory`` prefers a file system in memory with 2 GiB to spare, for many small databases: creating
    files is the larger part of creating one (PostgreSQL: 0.02 s there, up to 0.25 s on a slow disk).

    :raises ServerFailed: when no temporary directory can be entered by the account.
    """
    account = Account.current()
    parents = [tempfile.gettempdir(), "/tmp", "/var/tmp"]  # noqa: S108 - the same
    if in_memory and _has_room(_MEMORY):
        parents.insert(0, _MEMORY)
    for parent in parents:
        if os.path.isdir(parent) and account.obstacle(Path(parent)) is None:
            path = Path(tempfile.mkdtemp(prefix="tdm-seed-", dir=parent))
            if not account.ours:
                path.chmod(0o711)
            return path
    raise ServerFailed(
        f"the account that runs servers (uid {account.uid}) can enter no temporary directory",
        hint="Set TMPDIR to a directory that every user can enter.",
    )


def _has_room(path: str) -> bool:
    try:
        return os.access(path, os.W_OK) and shutil.disk_usage(path).free >= _ROOM
    except OSError:
        return False


def run_directory(environ: Mapping[str, str]) -> Path:
    """Return this user's private directory for the notes on running servers, created.

    :raises ServerFailed: when somebody else has put a directory of that name there.
    """
    parent = environ.get("XDG_RUNTIME_DIR", "")
    path = Path(parent, "tdm-seed") if os.path.isdir(parent) else None
    if path is None or not os.access(parent, os.W_OK):
        path = Path(tempfile.gettempdir(), f"tdm-seed-{os.geteuid()}")
    path.mkdir(mode=0o700, exist_ok=True)
    status = path.lstat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise ServerFailed(
            f"{path} is not private to this user, so what it says about running servers cannot be trusted",
            hint="Remove it, or set XDG_RUNTIME_DIR to a directory of your own.",
        )
    return path
