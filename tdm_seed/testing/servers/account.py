"""Who runs the servers, and which paths that account can reach."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# The kernel's own number for "nobody" where the machine has no such entry.
_OVERFLOW_ID = 65534


@dataclass(frozen=True)
class Account:
    """The user and group that a server runs as.

    PostgreSQL refuses to run as root, so for root it is ``nobody``: that needs no new user on the machine.
    """

    uid: int
    gid: int
    ours: bool

    @classmethod
    def current(cls) -> Account:
        """Return ourselves, or ``nobody`` when we are root."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), ours=True)
        try:
            entry = pwd.getpwnam("nobody")
        except KeyError:
            return cls(_OVERFLOW_ID, _OVERFLOW_ID, ours=False)
        return cls(entry.pw_uid, entry.pw_gid, ours=False)

    @property
    def switch(self) -> tuple[int | None, int | None, Sequence[int] | None]:
        """The ``user``, ``group`` and ``extra_groups`` that ``subprocess`` needs to become this account."""
        return (None, None, None) if self.ours else (self.uid, self.gid, ())

    def obstacle(self, path: Path) -> Path | None:
        """Return the outermost directory above (or at) ``path`` that this account cannot enter, if any.

        What does not exist yet is no obstacle: whoever creates it decides. Access control lists are not read.
        """
        real = path.resolve()
        for part in [*reversed(real.parents), real]:
            try:
                status = part.stat()
            except FileNotFoundError:
                return None
            except PermissionError:
                return part.parent
            if stat.S_ISDIR(status.st_mode) and not self._enters(status):
                return part
        return None

    def _enters(self, status: os.stat_result) -> bool:
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid or (self.ours and status.st_gid in os.getgroups()):
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)

    def make_directory(self, path: Path) -> None:
        """Create ``path`` for this account alone, or leave it as it is when it exists."""
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            return
        if not self.ours:
            os.chown(path, self.uid, self.gid)
