"""Throwaway databases on a server for tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from tdm_seed.testing.servers import Server
from tdm_seed.testing.servers.finding import product_of
from tdm_seed.testing.servers.launch import administrator


@contextmanager
def throwaway(server: Server, *, tcp: bool = False) -> Iterator[str]:
    """Create an empty database for the length of a ``with`` block and yield its URL.

    Its name is unique among all that use the server, workers of one run or runs side by side. At the end it
    is dropped, and connections that were forgotten in it are cut.
    """
    product = product_of(server.name)
    database = f"tdm_{os.getpid()}_{uuid4().hex[:12]}"
    with administrator(server.url) as connection:
        product.create_database(connection, database)
    try:
        yield server.url_for(database, tcp=tcp)
    finally:
        with administrator(server.url) as connection:
            product.drop_database(connection, database)
