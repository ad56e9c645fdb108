"""What an ``env.py`` finds around it, and that it leaves nothing of its own behind."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import logging.config
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TextIO, TypeVar

from tdm_seed.schema_version.location import Prepared

Result = TypeVar("Result")

#: How an ini file separates paths is its author's affair; Alembic warns once in each run.
_INI_STYLE = "(No path_separator found|The version_path_separator)"


@contextlib.contextmanager
def importing(prepared: Prepared) -> Iterator[None]:
    """Look for modules where Alembic's configuration says, then in the folder it is run from."""
    before = list(sys.path)
    sys.path[:] = [*prepared.imports, *before, str(prepared.base)]
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before


@contextlib.contextmanager
def as_if_run_by_hand(prepared: Prepared, prints: TextIO) -> Iterator[None]:
    """Stand in the folder from which a person would run Alembic; what is printed there goes to ``prints``.

    The working directory, ``sys.path``, stdout and the logging of the whole process are changed for the length of
    the block, as Alembic's own ``context`` is: run one ``env.py`` at a time.
    """
    before = os.getcwd()
    os.chdir(prepared.base)
    try:
        with importing(prepared), contextlib.redirect_stdout(prints), _own_logging(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=_INI_STYLE, category=DeprecationWarning)
            yield
    finally:
        os.chdir(before)


def outside_any_loop(run: Callable[[], Result]) -> Result:
    """Run a function where ``asyncio.run`` is allowed: in a thread of its own when a loop runs in this one."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return run()
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(run).result()


@dataclass(frozen=True)
class _Logger:
    """How a logger was set up."""

    logger: logging.Logger
    level: int
    handlers: list[logging.Handler]
    propagate: bool
    disabled: bool

    @classmethod
    def of(cls, logger: logging.Logger) -> _Logger:
        return cls(logger, logger.level, list(logger.handlers), logger.propagate, logger.disabled)

    def restore(self) -> None:
        self.logger.setLevel(self.level)
        self.logger.handlers[:] = self.handlers
        self.logger.propagate = self.propagate
        self.logger.disabled = self.disabled


@contextlib.contextmanager
def _own_logging() -> Iterator[None]:
    """Keep the caller's logging: the usual ``env.py`` calls ``fileConfig``, which mutes and closes what was there.

    Both ways to configure logging as a whole do nothing inside the block, since closed handlers cannot be
    reopened; whatever else was changed is put back.
    """

    def nothing(*_: Any, **__: Any) -> None:
        return None

    known = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    before = [_Logger.of(logger) for logger in known if isinstance(logger, logging.Logger)]
    disabled = logging.Logger.manager.disable
    whole = (logging.config.fileConfig, logging.config.dictConfig)
    logging.config.fileConfig = logging.config.dictConfig = nothing
    try:
        yield
    finally:
        logging.config.fileConfig, logging.config.dictConfig = whole
        for logger in before:
            logger.restore()
        logging.disable(disabled)
