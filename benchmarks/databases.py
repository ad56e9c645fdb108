"""The databases that benchmarks run on: a file, or a server that is started for them."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tdm_seed.testing import servers
from tdm_seed.testing.databases import throwaway

NAMES = ("sqlite", *servers.NAMES)

#: What makes a server wait for its disk at each commit, as it does where nobody has said otherwise.
_DURABLE = {
    "postgresql": {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"},
    "mysql": {"debug-no-sync": "0", "innodb-flush-log-at-trx-commit": "1", "innodb-doublewrite": "1"},
}


@contextmanager
def scratch(*, durable: bool = False) -> Iterator[Path]:
    """Give a folder for the length of a block, in memory where there is room: a disk is busy with others too.

    A ``durable`` one is where temporary files are.
    """
    folder = servers.scratch_directory(in_memory=not durable)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def empty_database(
    name: str, folder: Path, settings: Mapping[str, str], *, durable: bool = False
) -> Iterator[tuple[str, str]]:
    """Give the URL of an empty database, and what it runs on; a server is stopped at the end.

    Servers are set up as for the tests, but for ``settings`` of their own: only a ``durable`` one waits for its disk. A
    file is in the folder that was given, and always waits.

    Raises:
        MissingServer: there is none to start.
    """
    if name == "sqlite":
        yield f"sqlite:///{folder / 'benchmark.db'}", sqlite3.sqlite_version
        return
    settings = {**settings, **(_DURABLE[name] if durable else {})}
    with servers.start(name, settings=settings) as server, throwaway(server) as url:
        yield url, server.version
