"""The databases that benchmarks run on: a file, or a server that is started for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tdm_seed.testing import servers
from tdm_seed.testing.databases import throwaway

NAMES = ("sqlite", *servers.NAMES)


@contextmanager
def empty_database(name: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Give the URL of an empty database, and what it runs on; a server is stopped at the end.

    Servers are set up as for the tests, which is without waiting for the disk.

    Raises:
        MissingServer: there is none to start.
    """
    if name == "sqlite":
        yield f"sqlite:///{folder / 'benchmark.db'}", "a file"
        return
    with servers.start(name) as server, throwaway(server) as url:
        yield url, server.version
