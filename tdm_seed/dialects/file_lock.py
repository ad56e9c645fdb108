"""A lock file, for databases that are a file or have no locks of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path

from tdm_seed.dialects.base import HeldLock
from tdm_seed.dialects.waiting import Claim, Uncut, poll
from tdm_seed.errors import DatabaseError

_UNKNOWN = "an unknown process"


@contextmanager
def file_lock(path: Path, claim: Claim) -> Iterator[HeldLock]:
    """Hold the lock file; the kernel frees it when this process ends, however it ends.

    Who holds it stands in a second file, since filelock before 4.1 empties the first one when somebody else tries.

    Raises:
        Locked: another process holds it longer than we wait.
        DatabaseError: the file cannot be made.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, thread_local=False)
    name = path.with_name(f"{path.name}.holder")

    def attempt() -> bool:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        return True

    def who() -> str:
        with suppress(OSError, UnicodeDecodeError):
            return name.read_text(encoding="utf-8").strip() or _UNKNOWN
        return _UNKNOWN

    try:
        poll(claim, attempt, who)
    except OSError as error:
        raise DatabaseError(
            f"cannot open the lock file for writing: {error.strerror}",
            file=path,
            hint="It and its folder must be writable for whoever runs seeds.",
        ) from error
    try:
        with suppress(OSError):
            name.write_text(claim.holder() + "\n", encoding="utf-8")
        yield Uncut()
    finally:
        with suppress(OSError):
            name.unlink()
        lock.release()


@contextmanager
def machine_lock(database: str, claim: Claim) -> Iterator[HeldLock]:
    """Hold a lock on a database that all processes of this machine share."""
    digest = blake2b(f"{database}{claim.key}".encode(), digest_size=12).hexdigest()
    with file_lock(Path(tempfile.gettempdir()) / f"tdm-seed-{digest}.lock", claim) as held:
        yield held
