"""A data seed: its options, and what it asks of the database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tdm_seed.errors import SeedError
from tdm_seed.revisions import discover, open_script
from tdm_seed.values import Kind, Mode, Seed, Transaction


class Database:
    """Notes what is upserted."""

    def __init__(self) -> None:
        self.upserts: list[tuple[str, str, dict[str, Any]]] = []

    def csv(self) -> str:
        """Stand for the rows of the CSV."""
        return "the csv"

    def json(self) -> str:
        """Stand for the rows of the JSON."""
        return "the json"

    def jsonl(self) -> str:
        """Stand for the rows of the JSON Lines."""
        return "the jsonl"

    def table(self, name: str) -> str:
        """Have every table."""
        return name

    def upsert(self, table: str, rows: str, **options: Any) -> None:
        """Note an upsert."""
        self.upserts.append((table, rows, options))


def seed(root: Path, suffix: str = "csv", toml: str | None = None) -> Seed:
    """Write a data seed and discover it."""
    folder = root / "seeds/reference"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"20260101_0000_currency.{suffix}").write_text("")
    if toml is not None:
        (folder / "20260101_0000_currency.toml").write_text(toml)
    (found,) = discover(root / "seeds", ("postgresql",))
    return found


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl"])
def test_rows_go_into_the_table_of_the_seeds_name(tmp_path: Path, suffix: str) -> None:
    """By the table's own key."""
    db = Database()
    found = seed(tmp_path, suffix)
    script = open_script(found, tmp_path, ("sqlite",))
    script.upgrade(db)
    script.verify(db)
    assert [("currency", f"the {suffix}", {"key": None, "insert_only": ()})] == db.upserts
    assert (Kind.DATA, (found.path,)) == (found.kind, found.files)


def test_the_toml_file_beside_it_says_the_rest(tmp_path: Path) -> None:
    """Where the rows go, and all that a header may say."""
    db = Database()
    found = seed(
        tmp_path,
        toml='# ISO 4217,\n#   all of it.\n#\n# Source: the agency.\ntable = "money.Currency"\nkey = ["code", "kind"]\n'
        'insert_only = "name"\ndepends_on = ["a"]\nmode = "once"\ntransaction = "chunk"\nlabels = ["x"]\n'
        'requires_schema = "ae10"\nschema_until = "bf20"\ndialects = ["postgresql"]\n',
    )
    open_script(found, tmp_path, ("sqlite",)).upgrade(db)
    options = {"key": ("code", "kind"), "insert_only": ("name",)}
    assert [("money.Currency", "the csv", options)] == db.upserts
    assert "ISO 4217, all of it." == found.description
    assert (("a",), Mode.ONCE, Transaction.CHUNK) == (found.depends_on, found.mode, found.transaction)
    assert ("ae10", "bf20", ("x",)) == (found.requires_schema, found.schema_until, found.labels)
    assert ("postgresql",) == found.dialects
    assert ["20260101_0000_currency.csv", "20260101_0000_currency.toml"] == [file.name for file in found.files]


@pytest.mark.parametrize(
    ("toml", "line", "words"),
    [
        ("table = \n", 1, "is not valid TOML"),
        ('\nkeys = "code"\n', 2, "keys is no key of a data seed; there are table, key, insert_only"),
        ('\nkeys = "code"\n', 2, "Did you mean key"),
        ('data = ["a.csv"]\n', 1, "data is no key of a data seed"),
        ("table = 1\n", 1, "table = 1: must be the name of a table"),
        ("key = 1\n", 1, "must be a column or a list of columns"),
        ("insert_only = []\n", 1, "must be a column or a list of columns"),
        ('mode = "twice"\n', 1, "must be one of on_change, once, always"),
        ("\n\ndepends_on = 1\n", 3, "must be a list of texts"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, toml: str, line: int, words: str) -> None:
    """Of the TOML file."""
    with pytest.raises(SeedError) as raised:
        seed(tmp_path, toml=toml)
    file = "seeds/reference/20260101_0000_currency.toml"
    assert (file, line) == (raised.value.place.file, raised.value.place.line)
    assert words in str(raised.value)


def test_a_data_seed_cannot_be_reverted(tmp_path: Path) -> None:
    """Nobody knows which rows were there before; the error says what to write instead."""
    found = seed(tmp_path)
    assert not found.has_downgrade
    with pytest.raises(SeedError, match=r"currency\.csv: is a data seed(.|\n)*def downgrade"):
        open_script(found, tmp_path, ("sqlite",)).downgrade(None)
