"""The conformance suite: what a seed is promised, tried on the real server of every dialect.

A dialect joins with one line in `DIALECTS`. What it cannot do stands there with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.place import Place, Product

DIALECTS = (
    Product(
        "sqlite",
        "sqlite_url",
        {
            "schemas": "SQLite attaches other files; there are no schemas inside one",
            "enums": "an enum is a text column here, whose words nobody knows",
            "exact decimals": "SQLite keeps decimals as 8-byte floats of 15 digits",
            "privileges": "SQLite has no users",
            "races": "SQLite lets one connection write at a time, so nobody gets in between",
            "out of range": "SQLite's integers all have 8 bytes, whatever the column is called",
            "sequences": "SQLite numbers from the largest rowid, so nothing can be behind",
        },
    ),
    Product(
        "postgresql",
        "postgresql_url",
        {"folding collation": "PostgreSQL's default collations tell 'a' from 'A'; citext is tried by itself"},
    ),
    Product(
        "mysql",
        "mysql_url",
        {
            "schemas": "a schema is a database here, and the tests' user has only one",
            "DDL in a transaction": "MySQL and MariaDB commit before CREATE, ALTER and DROP",
            "swallowed rows": "a trigger of MySQL or MariaDB can refuse a row, but not drop it silently",
            "deferrable": "MySQL and MariaDB have no deferrable constraints",
            "sequences": "AUTO_INCREMENT follows explicit numbers by itself",
            "expression indexes": "MariaDB has no indexes on expressions or on a part of the rows",
        },
    ),
)


def pytest_configure(config: pytest.Config) -> None:
    """Register this suite's marks."""
    config.addinivalue_line("markers", "needs(what): skipped on dialects that lack it, with the reason of the table")
    config.addinivalue_line("markers", "only(name): a test of what one dialect alone has")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test of the suite on every dialect of the table."""
    if "product" not in metafunc.fixturenames:
        return
    wanted = {name for mark in metafunc.definition.iter_markers("only") for name in mark.args}
    chosen = [product for product in DIALECTS if not wanted or product.name in wanted]
    metafunc.parametrize("product", chosen, ids=[product.name for product in chosen], scope="function")


@pytest.fixture
def place(product: Product, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty database with a seed of its own; see `Place`."""
    for mark in request.node.iter_markers("needs"):
        for what in mark.args:
            if what in product.lacks:
                pytest.skip(product.lacks[what])
    with Place(product, request.getfixturevalue(product.url), tmp_path) as place:
        yield place
