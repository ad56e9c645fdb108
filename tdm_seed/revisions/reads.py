"""While a seed runs: opening a file of the seeds folder that is not part of its checksum is an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tdm_seed.errors import SeedError

_WRITING = os.O_WRONLY | os.O_RDWR


@dataclass(frozen=True, slots=True)
class _Watch:
    """What may be read: the folder watched, as written and with links resolved, and the files declared."""

    beside: str
    folders: tuple[str, ...]
    declared: frozenset[str]

    def refuse(self, path: str) -> None:
        forms = {os.path.abspath(path), os.path.realpath(path)}
        if not any(form.startswith(self.folders) for form in forms) or forms & self.declared:
            return
        name = os.path.relpath(path, self.beside).replace(os.sep, "/")
        raise SeedError(
            f"reads {name}, which it does not declare: a change of that file would go unnoticed",
            hint=f'Declare it in the header, data = ["{name}"], so that it is part of the checksum.',
        )


_watch: ContextVar[_Watch | None] = ContextVar("tdm_seed_watch", default=None)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open":
        return
    watch = _watch.get()
    if watch is None:
        return
    path, _, flags = arguments
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if not isinstance(path, str) or path.endswith((".py", ".pyc")) or (flags or 0) & _WRITING:
        return
    watch.refuse(path)


@cache
def _install() -> None:
    """Install the audit hook, once for the process: Python has no way to take one out again.

    It sees every way to open a file (``open``, ``Path.read_text``, ``os.open``) without replacing any.
    Outside of a seed it costs 0.1 µs for each audited event.
    """
    sys.addaudithook(_audit)


@contextmanager
def declared_only(script: Path, folder: Path, files: Iterable[Path]) -> Iterator[None]:
    """Refuse to read, inside the block and in this thread, what lies below ``folder`` but not in ``files``.

    Python files are left to the loader of shared code, and writing is the author's own affair.

    Raises:
        SeedError: out of the very call that opens the file; says how to declare it.
    """
    _install()
    roots = {os.path.abspath(folder), os.path.realpath(folder)}
    declared = {form for file in files for form in (os.path.abspath(file), os.path.realpath(file))}
    watch = _Watch(str(script.parent), tuple(sorted(root + os.sep for root in roots)), frozenset(declared))
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)
