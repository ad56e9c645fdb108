"""A database's URL as a shared file may hold it: by a variable, and never with a password."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import URL

_SECRET = re.compile(r"pass|pwd|secret|token|credential|api_?key", re.IGNORECASE)
_TEST = "_test"


@dataclass(frozen=True)
class SharedUrl:
    """What a manifest says: ``variable`` gives the URL, ``default`` is what serves without it, if anything does.

    ``hidden`` tells that the URL had a password, or something like it, which is in neither.
    """

    variable: str
    default: str | None = field(default=None, repr=False)
    hidden: bool = False

    def __str__(self) -> str:
        return f"${{{self.variable}:-{self.default}}}" if self.default else f"${{{self.variable}}}"


def shared(url: URL | None, root: Path, base: Path, environ: Mapping[str, str], variable: str) -> SharedUrl:
    """Write a URL for everybody who has the files.

    A variable of the environment that holds this very URL is what the project takes it from, and is named instead.
    A file-based database is named from the project's ``root``; its path counts from ``base`` so far.
    """
    if url is None:
        return SharedUrl(variable)
    if named := _named(url, environ, variable):
        return SharedUrl(named, hidden=_bare(url) != url)
    default = _default(_placed(url, root, base))
    return SharedUrl(variable, default, hidden=default is None or _bare(url) != url)


def shared_test(url: URL | None, root: Path, base: Path, environ: Mapping[str, str], variable: str) -> SharedUrl:
    """Write the URL of the database beside it that tests may wipe: its name with ``_test`` behind it."""
    if url is None or not url.database or _named(url, environ, ""):
        return SharedUrl(variable)
    placed = _placed(url, root, base)
    path, dot, suffix = str(placed.database).rpartition(".")
    database = f"{path}{_TEST}.{suffix}" if dot and "/" not in suffix else f"{placed.database}{_TEST}"
    return SharedUrl(variable, _default(placed.set(database=database)))


def local_file(url: URL | None, root: Path, base: Path) -> str | None:
    """Give the path, from the project's root, of the file that a URL stands for, if it lies in the project."""
    from tdm_seed import dialects

    if url is None or dialects.load(url.get_backend_name())().file(url) is None:
        return None
    placed = _placed(url, root, base).database or ""
    return None if Path(placed).is_absolute() or placed.startswith("file:") else placed


def _named(url: URL, environ: Mapping[str, str], first: str) -> str | None:
    """Find the variable that holds a URL, whatever driver it names."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    for name in sorted(environ, key=lambda name: (name != first, name)):
        if "://" in environ[name] and re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            try:
                held = make_url(environ[name])
            except (ArgumentError, ValueError):
                continue
            if held.set(drivername=url.drivername) == url:
                return name
    return None


def _default(url: URL) -> str | None:
    """Write a URL without secrets, or None where that cannot be told or written."""
    bare = _bare(url)
    text = bare.render_as_string(hide_password=False)
    if "}" in text or "\0" in text or any(_SECRET.search(value) for value in _values(bare)):
        return None
    return text.replace("$", "$$")


def _bare(url: URL) -> URL:
    """Take the password out, and whatever the query calls by such a name."""
    from sqlalchemy import URL

    query = {key: value for key, value in url.query.items() if not _SECRET.search(key)}
    return URL.create(url.drivername, url.username, None, url.host, url.port, url.database, query)


def _values(url: URL) -> list[str]:
    values = url.query.values()
    return [text for value in values for text in ((value,) if isinstance(value, str) else value)]


def _placed(url: URL, root: Path, base: Path) -> URL:
    """Name a file-based database from the root; one outside of it by its whole path."""
    from tdm_seed import dialects

    database = url.database or ""
    if database.startswith("file:") or dialects.load(url.get_backend_name())().file(url) is None:
        return url
    path, root = (base / database).resolve(), root.resolve()
    return url.set(database=path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path))
