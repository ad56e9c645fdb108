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


@contextmanager
def scratch() -> Iterator[Path]:
    """Give a folder for the length of a block, in memory where there is room: a disk is busy with others too."""
    folder = servers.scratch_directory(in_memory=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def empty_database(name: str, folder: Path, settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Give the URL of an empty database, and what it runs on; a server is stopped at the end.

    None waits for the disk: servers are set up as for the tests, but for ``settings`` of their own, and a file is in
    the folder that was given.

    Raises:
        MissingServer: there is none to start.
    """
    if name == "sqlite":
        yield f"sqlite:///{folder / 'benchmark.db'}", sqlite3.sqlite_version
        return
    with servers.start(name, settings=settings) as server, throwaway(server) as url:
        yield url, server.version
