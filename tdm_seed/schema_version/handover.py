"""The ways in which a database can be handed to an ``env.py`` that other people wrote."""

from __future__ import annotations

import configparser
import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import URL, make_url
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError

from tdm_seed.schema_version.location import Prepared, set_option
from tdm_seed.schema_version.target import Target


@dataclass(frozen=True)
class Handover:
    """A URL as ``sqlalchemy.url`` and ``attributes["url"]``, and perhaps ``attributes["connection"]``.

    The latter is what Alembic's documentation lets a program pass on; an ``env.py`` that was written for a test
    suite may expect an engine there.
    """

    url: str | None = field(default=None, repr=False)
    connection: Connection | Engine | None = None

    def apply(self, prepared: Prepared) -> None:
        """Put everything where an ``env.py`` looks for it."""
        if self.url is not None:
            set_option(prepared.config, "sqlalchemy.url", self.url)
            prepared.config.attributes["url"] = self.url
        if self.connection is not None:
            prepared.config.attributes["connection"] = self.connection


def ways(target: Target, prepared: Prepared) -> Iterator[Handover]:
    """Give every way to hand over a database: what ``alembic`` itself would do first."""
    urls = list(_spellings(target.url, prepared))
    if not target.only_by_connection:
        yield from (Handover(url) for url in urls)
    yield Handover(urls[0], target.connection)
    yield Handover(urls[0], target.engine)


def _spellings(url: URL, prepared: Prepared) -> Iterator[str]:
    """Spell a URL with the driver that the project's own URL names, then ours, then asynchronous ones.

    An asynchronous ``env.py`` takes no other driver, and a synchronous one no asynchronous driver.
    """
    found = [url, *_asynchronous(url)]
    theirs = configured(prepared)
    if theirs is not None and theirs.get_backend_name() == url.get_backend_name() and _loads(theirs):
        found.insert(0, url.set(drivername=theirs.drivername))
    yield from dict.fromkeys(each.render_as_string(hide_password=False) for each in found)


def configured(prepared: Prepared) -> URL | None:
    """Give the URL of the configuration file, if it is one: often it is a placeholder, or filled in later."""
    try:
        return make_url(prepared.config.get_main_option("sqlalchemy.url") or "")
    except (ArgumentError, ValueError, configparser.Error):
        return None


def _loads(url: URL) -> bool:
    try:
        url.get_dialect().import_dbapi()
    except Exception:  # not there, or not completely
        return False
    return True


def _asynchronous(url: URL) -> Iterator[URL]:
    """Find the installed asynchronous drivers of a database, beside its other ones in their SQLAlchemy package."""
    home = url.get_dialect().__module__
    package = importlib.import_module(home.rpartition(".")[0] or home)
    for module in pkgutil.iter_modules(getattr(package, "__path__", ())):
        other = url.set(drivername=f"{url.get_backend_name()}+{module.name}")
        try:
            is_async = other.get_dialect().is_async
        except Exception:  # most modules there are no drivers
            continue
        if is_async and _loads(other):
            yield other
