"""Asking an ``env.py`` which database it works with, and making the most of its answer."""

from __future__ import annotations

import re
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, make_url
from sqlalchemy.engine import Engine
from sqlalchemy.exc import InvalidRequestError, NoSuchModuleError

from tdm_seed import dialects
from tdm_seed.errors import TdmSeedError
from tdm_seed.schema_version import SchemaVersion
from tdm_seed.schema_version.handover import Handover, configured

if TYPE_CHECKING:
    from tdm_seed.schema_version.probing import Probe

#: The scheme of the URL in the configuration that `alembic init` writes.
_PLACEHOLDER = "driver"
#: A database that is not there, to see whether it is asked for.
_ELSEWHERE = "tdm_seed_elsewhere"
_VARIABLE = re.compile(r"[A-Z0-9_]*(URL|URI|DSN)[A-Z0-9_]*")


@dataclass(frozen=True)
class Answer:
    """What an ``env.py`` told: its ``url``, also where it could not connect and so there is no ``probe``.

    ``written`` is the URL in the configuration, if it is one; ``base`` is where relative paths count from.
    """

    probe: Probe | None
    url: URL | None = field(repr=False)
    written: URL | None = field(repr=False)
    base: Path
    failure: TdmSeedError | None

    @property
    def shut_out(self) -> bool:
        """Tell whether it got as far as the database, which did not let it in."""
        return self.probe is None and self.url is not None and not self.excused

    @property
    def variable(self) -> str | None:
        """Name the variable that holds its URL, where it failed for want of it."""
        error = self.failure.__cause__ if self.failure is not None else None
        name = error.args[0] if isinstance(error, KeyError) and error.args else None
        return name if isinstance(name, str) and _VARIABLE.fullmatch(name) else None

    @property
    def wants(self) -> str | None:
        """Name what it looked for and did not find, if that may be a variable for something else than a URL."""
        error = self.failure.__cause__ if self.failure is not None else None
        name = error.args[0] if isinstance(error, KeyError) and error.args else None
        return name if isinstance(name, str) and name.isupper() and not self.variable else None

    @property
    def excused(self) -> bool:
        """Tell whether it would do with a URL of ours: it failed for want of one, or over a driver."""
        return self.variable is not None or _about_driver(self.failure.__cause__ if self.failure else None)

    @property
    def migrates(self) -> bool:
        """Tell whether it can be expected to serve ``--migrate``."""
        return self.probe is not None or self.shut_out or self.excused


def ask(schema: SchemaVersion) -> Answer:
    """Run ``env.py`` up to the point where it has chosen its database. Nothing is written."""
    begun = time.time()
    probe: Probe | None = None
    failure: TdmSeedError | None = None
    with _refused() as refused, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as of coroutines that end where env.py is left
        try:
            probe = schema.probe()
        except TdmSeedError as error:
            failure = error
    if probe is not None and probe.url:
        url: URL | None = make_url(probe.url)
    else:
        url = refused[-1] if refused else _attempted(failure.__cause__ if failure is not None else None)
    base, written = _configuration(schema)
    _remove_empty(url, base, begun)
    return Answer(probe, url, written, base, failure)


def builds_its_own(schema: SchemaVersion, answer: Answer) -> bool:
    """Tell whether ``env.py`` goes to its own database though it is handed another; False where that is not known.

    It is run once more for that, with a database that is not there, unless it has taken the URL from where ours goes.
    """
    from tdm_seed.schema_version.running import look

    url = answer.url
    if answer.probe is None or url is None or url == answer.written:
        return False
    begun = time.time()
    with TemporaryDirectory(prefix="tdm-seed-") as folder, _refused() as refused, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = _ELSEWHERE if dialects.load(url.get_backend_name())().file(url) is None else f"{folder}/{_ELSEWHERE}"
        handover = Handover(url.set(database=other).render_as_string(hide_password=False))
        try:
            seen = look(schema.location.prepare(), handover)
        except (Exception, SystemExit):
            seen = None
    _remove_empty(url, answer.base, begun)
    used = refused[-1] if refused else seen.url if seen else None
    return used is not None and used.database == url.database


@contextmanager
def _refused() -> Iterator[list[URL]]:
    """Note the databases that could not be connected to: their URLs are known all the same.

    SQLAlchemy has an event for that, but not for what asynchronous drivers raise.
    """
    seen: list[URL] = []
    connect = Engine.raw_connection

    def noting(engine: Engine) -> Any:
        try:
            return connect(engine)
        except Exception:
            seen.append(engine.url)
            raise

    Engine.raw_connection = noting  # type: ignore[assignment, method-assign]
    try:
        yield seen
    finally:
        Engine.raw_connection = connect  # type: ignore[method-assign]


def _attempted(error: BaseException | None) -> URL | None:
    """Find the URL for which there is no driver in what SQLAlchemy was doing when it failed."""
    if not _about_driver(error):
        return None
    found: list[URL] = []
    for frame, _ in traceback.walk_tb(error.__traceback__ if error is not None else None):
        for value in frame.f_locals.values():
            url = value.url if isinstance(value, Engine) else value
            if isinstance(url, URL) and url.get_backend_name() != _PLACEHOLDER:
                found.append(url)
    return found[-1] if found else None


def _about_driver(error: BaseException | None) -> bool:
    """Tell whether only the driver is in the way, or the placeholder for one."""
    if isinstance(error, ImportError):
        return any(frame.name == "import_dbapi" for frame in traceback.extract_tb(error.__traceback__))
    return isinstance(error, (InvalidRequestError, NoSuchModuleError))


def _configuration(schema: SchemaVersion) -> tuple[Path, URL | None]:
    try:
        prepared = schema.location.prepare()
    except TdmSeedError:
        return schema.location.root, None
    url = configured(prepared)
    return prepared.base, None if url is None or url.get_backend_name() == _PLACEHOLDER else url


def _remove_empty(url: URL | None, base: Path, begun: float) -> None:
    """Remove the empty file that connecting to a file-based database leaves where there was none."""
    if url is None or dialects.load(url.get_backend_name())().file(url) is None:
        return
    path = base / str(url.database)
    if path.is_file() and path.stat().st_size == 0 and path.stat().st_mtime >= begun - 1:  # clocks of files lag
        path.unlink()
