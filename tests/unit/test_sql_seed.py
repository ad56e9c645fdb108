"""A SQL seed as it runs: the section that fits the database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tdm_seed.errors import SeedError
from tdm_seed.revisions import Section, discover, open_script
from tdm_seed.revisions.script import Script

DIALECTS = ("sqlite", "postgresql", "mysql", "mariadb")
SQL = (
    "SELECT 'all';\n-- tdm-seed: upgrade mysql\nSELECT 'mysql';\n-- tdm-seed: upgrade mariadb\nSELECT 'mariadb';\n"
    "-- tdm-seed: verify postgresql\nSELECT true;\n-- tdm-seed: downgrade mysql\nSELECT 0;\n"
)


class Database:
    """Notes the sections it is asked to run."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, Section]] = []

    def run_sql(self, section: Section) -> None:
        """Note a section to run."""
        self.ran.append(("run", section))

    def verify_sql(self, section: Section) -> None:
        """Note a section to verify."""
        self.ran.append(("verify", section))


def opened(root: Path, sql: str, *names: str) -> Script:
    """Write a SQL seed and open it for a server of these names."""
    path = root / "seeds/reference/20260101_0000_a.sql"
    path.parent.mkdir(parents=True)
    path.write_bytes(sql.encode())
    (seed,) = discover(root / "seeds", DIALECTS)
    return open_script(seed, root, names)


@pytest.mark.parametrize(
    ("names", "line", "text"),
    [
        (("sqlite",), 1, "SELECT 'all';"),
        (("postgresql",), 1, "SELECT 'all';"),
        (("mysql",), 3, "SELECT 'mysql';"),
        (("mariadb", "mysql"), 5, "SELECT 'mariadb';"),
    ],
)
def test_the_most_specific_section_runs(tmp_path: Path, names: tuple[str, ...], line: int, text: str) -> None:
    """The server's best name first, the section for all last; its line is that of the file."""
    db = Database()
    opened(tmp_path, SQL, *names).upgrade(db)
    assert [("run", Section(tmp_path / "seeds/reference/20260101_0000_a.sql", line, text))] == db.ran


def test_sections_for_others_are_as_if_they_were_not_there(tmp_path: Path) -> None:
    """Nothing is verified, and a downgrade refuses and says for which databases there is one."""
    script = opened(tmp_path, SQL, "sqlite")
    db = Database()
    script.verify(db)
    assert ([], False, False) == (db.ran, script.has_verify, script.has_downgrade)
    with pytest.raises(SeedError, match=r"a\.sql: has downgrade for mysql only, and this is sqlite"):
        script.downgrade(db)


def test_sections_that_fit_are_run(tmp_path: Path) -> None:
    """Verify as a proof, downgrade as statements."""
    db = Database()
    script = opened(tmp_path, SQL.replace("verify postgresql", "verify"), "mariadb", "mysql")
    script.verify(db)
    script.downgrade(db)
    assert [("verify", 7, "SELECT true;"), ("run", 9, "SELECT 0;\n")] == [
        (how, section.line, section.text) for how, section in db.ran
    ]


def test_a_seed_for_other_databases_only_is_refused_when_opened(tmp_path: Path) -> None:
    """Before anything runs; the error says what to add."""
    with pytest.raises(SeedError) as raised:
        opened(tmp_path, SQL.replace("SELECT 'all';", "-- A seed."), "sqlite")
    assert "has upgrade for mysql, mariadb only, and this is sqlite" in str(raised.value)
    assert "`-- dialects: mysql, mariadb`" in str(raised.value)


def test_literals_over_lines_are_the_same_in_every_checkout(tmp_path: Path) -> None:
    """Windows newlines and a byte order mark do not reach the database."""
    db = Database()
    opened(tmp_path, "\ufeffSELECT 'a\r\nb';\r\n", "sqlite").upgrade(db)
    assert "SELECT 'a\nb';\n" == db.ran[0][1].text
