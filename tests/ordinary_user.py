"""Somebody whom file permissions bind, also where the tests run as root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: The user and group that Unix systems keep for whoever owns nothing.
_NOBODY = 65534


@dataclass(frozen=True)
class OrdinaryUser:
    """An ordinary user, and a folder that is theirs."""

    folder: Path

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Be that user for the block, with their folder and all that is in it; whoever is not root is one already."""
        if os.geteuid() != 0:
            yield
            return
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, _NOBODY, _NOBODY)
        os.seteuid(_NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)
