"""The page about databases says what the classes say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tdm_seed.dialects import load
from tdm_seed.dialects.base import Dialect

PAGE = (Path(__file__).parents[2] / "docs/dialects.md").read_text(encoding="utf-8")

#: The columns of the table, by a scheme that each serves.
COLUMNS = ("sqlite", "postgresql", "mysql", "no database of ours")

TABLE = {
    row[0]: row[1]
    for line in PAGE.splitlines()
    if line.startswith("| `")
    for row in [(line.split("`")[1], [cell.strip() for cell in line.strip("|").split("|")[1:]])]
}


def shown(value: object) -> str:
    """Write a value as the table does."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "all"
    if isinstance(value, int):
        return str(value)
    return f"`{value}`" if value else "the URL's own"


@pytest.mark.parametrize("attribute", sorted(TABLE))
def test_the_table_gives_what_each_class_says(attribute: str) -> None:
    """Cell by cell."""
    assert [shown(getattr(load(name), attribute)) for name in COLUMNS] == TABLE[attribute]


def test_every_capability_is_in_the_table() -> None:
    """A new one that the page does not mention fails here."""
    capabilities = {name for name, value in vars(Dialect).items() if isinstance(value, bool)}
    assert capabilities - set(TABLE) == set()


def test_the_names_of_the_example_are_those_of_the_tested_package() -> None:
    """What the page shows is what the conformance suite installs."""
    project = (Path(__file__).parents[1] / "conformance/third_party/pyproject.toml").read_text(encoding="utf-8")
    for line in re.findall(r"^(?:\[project\.entry.*|papyrus = .*)$", PAGE, re.MULTILINE):
        assert line in project
