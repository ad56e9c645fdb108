"""The shop is the same on every database and in every process environment."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tdm_seed.engine.digest import TableDigest
from tests.crash.shop import SEEDS, TABLES, Shop

SURROUNDINGS = [
    {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C", "LANG": "C"},
    {"PYTHONHASHSEED": "1", "TZ": "Pacific/Auckland", "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"},
    {"PYTHONHASHSEED": "4242", "TZ": "America/St_Johns", "LC_ALL": "C", "LANG": "C.UTF-8", "PYTHONUTF8": "0"},
]


def ran(shop: Shop, *words: str, **variables: str) -> Any:
    """Run the program and give what it says as JSON."""
    run = shop.start(*words, "--env", "test", "--json", **variables)
    assert 0 == run.end(), run.err
    return json.loads(run.out)


@pytest.mark.parametrize("surroundings", SURROUNDINGS, ids=lambda given: given["TZ"])
def test_the_shop_is_the_same_on_every_database_whatever_surrounds_the_process(
    shop: Shop, clean_digest: list[TableDigest], surroundings: dict[str, str]
) -> None:
    """Hash seed, time zone and locale differ from machine to machine; the rows do not."""
    assert SEEDS == len(ran(shop, "upgrade", **surroundings)["steps"])
    said = ran(shop, "digest", **surroundings)
    expected = {each.table: (each.rows, each.digest) for each in clean_digest}
    assert expected == {each["table"]: (each["rows"], each["digest"]) for each in said["tables"]}
    assert TABLES == len(expected)


def test_a_changed_row_changes_the_digest(sqlite_shop: Shop) -> None:
    """So that an equal digest says something."""
    sqlite_shop.upgrade()
    before = ran(sqlite_shop, "digest")["digest"]
    sqlite_shop.sql("UPDATE countries SET name = 'Erewhon' WHERE code = 'NZ'")
    assert before != ran(sqlite_shop, "digest")["digest"]
