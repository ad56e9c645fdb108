"""A lock file, for databases that are a file or have no locks of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from tdm_seed.dialects.base import HeldLock, Uncut, poll
from tdm_seed.errors import DatabaseError


@contextmanager
def file_lock(path: Path, timeout: float, holder: str, on_wait: Callable[[str], None]) -> Iterator[HeldLock]:
    """Hold the lock file; the kernel frees it when this process ends, however it ends.

    The holder writes who it is into the file, so that a waiting runner can say so.

    Raises:
        Locked: another process holds it longer than ``timeout`` seconds.
        DatabaseError: the file cannot be made.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, thread_local=False)

    def attempt() -> bool:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        return True

    def who() -> str:
        try:
            return path.read_text(encoding="utf-8").strip() or "an unknown process"
        except OSError:
            return "an unknown process"

    try:
        poll(attempt, who, timeout, on_wait)
    except OSError as error:
        raise DatabaseError(
            f"cannot make the lock file: {error.strerror}",
            file=path,
            hint="The folder of the database must be writable for whoever runs seeds.",
        ) from error
    try:
        path.write_text(holder + "\n", encoding="utf-8")
        yield Uncut()
    finally:
        path.write_text("", encoding="utf-8")
        lock.release()


@contextmanager
def machine_lock(key: str, timeout: float, holder: str, on_wait: Callable[[str], None]) -> Iterator[HeldLock]:
    """Hold a lock that all processes of this machine share."""
    digest = blake2b(key.encode(), digest_size=12).hexdigest()
    with file_lock(Path(tempfile.gettempdir()) / f"tdm-seed-{digest}.lock", timeout, holder, on_wait) as held:
        yield held
