"""What differs between databases: one package each, found by the entry point group ``tdm_seed.dialects``."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from tdm_seed.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import URL

    from tdm_seed.dialects.base import Dialect

GROUP = "tdm_seed.dialects"

#: Schemes that other tools write for a database that has one name here.
_ALIASES = {"postgres": "postgresql", "pgsql": "postgresql"}

_FORM = (
    "Write it as scheme://user@host:port/database, for example sqlite:///dev.db; "
    "special characters in a password are percent-encoded."
)


def names() -> tuple[str, ...]:
    """List every name that a seed's ``dialects`` field or an SQL section may use, plug-ins included."""
    return tuple(sorted(_found().names))


def load(name: str) -> type[Dialect]:
    """Load the dialect that serves a URL's backend name; an unknown one gets plain SQL from ``generic``."""
    for point in _found().select(name=name):
        found: type[Dialect] = point.load()
        return found
    from tdm_seed.dialects.generic import Generic

    return Generic


def _found() -> EntryPoints:
    return _installed(tuple(sys.path))


@cache
def _installed(path: tuple[str, ...]) -> EntryPoints:
    """Look through all that is installed where Python looks, which takes 4 ms, once."""
    return entry_points(group=GROUP)


def resolve(text: str) -> tuple[Dialect, URL]:
    """Give the dialect and the SQLAlchemy URL of a database, with the synchronous driver that we use for it.

    ``postgres://``, ``postgresql+asyncpg://``, ``mariadb://``, ``mysql+aiomysql://`` and ``sqlite+aiosqlite://`` all
    arrive at the driver that tdm-seed is installed with.

    Raises:
        UsageError: the text is no database URL; the message does not repeat it, since it may hold a password.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    scheme, colon, rest = text.strip().partition(":")
    backend, plus, driver = scheme.partition("+")
    backend = _ALIASES.get(backend.lower(), backend.lower())
    try:
        url = make_url(f"{backend}{plus}{driver}{colon}{rest}")
    except (ArgumentError, ValueError):
        quoted = text.strip().startswith(("'", '"'))
        hint = "Take the quotes away: they have become part of it." if quoted else _FORM
        raise UsageError("this is not a database URL", hint=hint) from None  # the cause may quote a password
    if "@" in (url.host or ""):
        raise UsageError("this is not a database URL: it has two @", hint=_FORM)
    dialect = load(backend)()
    return dialect, dialect.url(url)


def same_database(one: str, other: str) -> bool:
    """Tell whether two URLs reach the same database, whatever driver, alias or spelling of the host they use."""
    first_dialect, first = resolve(one)
    second_dialect, second = resolve(other)
    return first_dialect.identity(first) == second_dialect.identity(second)


def local_path(text: str) -> Path | None:
    """Give the file that a URL stands for, where the database is a file."""
    dialect, url = resolve(text)
    return dialect.file(url)
