"""The project of the cases: tables, and two seeds that are applied already."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.mistakes.case import COUNTRIES, DEV, PEOPLE

FILES = {
    "tdm-seed.toml": 'seeds = "seeds"\n',
    DEV: (
        'url = "sqlite:///dev.db"\nscenarios = ["people"]\nrandom_seed = 7\nnow = 2026-01-05T00:00:00Z\n\n'
        "[volumes]\npeople = 3\n"
    ),
    "seeds/environments/prod.toml": 'url = "sqlite:///prod.db"\nhosts = ["db.example"]\nprotected = true\n',
    COUNTRIES: "code,name\nAT,Austria\nIE,Ireland\nPT,Portugal\n",
    PEOPLE: (
        '"""People to work with."""\ndepends_on = ["countries"]\n\n'
        "def upgrade(db):\n"
        '    db.load("people", ({"id": i, "name": f"person {i}", "country": "IE"} for i in db.range("people")))\n'
    ),
}

TABLES = """
CREATE TABLE countries (code VARCHAR(2) PRIMARY KEY, name VARCHAR(50) NOT NULL);
CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(50) NOT NULL, country VARCHAR(2) REFERENCES countries);
CREATE TABLE city (
    id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL UNIQUE, country_code VARCHAR(2) REFERENCES countries,
    founded DATE, area NUMERIC(8, 2) CHECK (area > 0), capital BOOLEAN, people INTEGER, facts JSON,
    twin INTEGER REFERENCES city, label VARCHAR(10), shout VARCHAR(20) GENERATED ALWAYS AS (upper(name)) VIRTUAL
);
CREATE TABLE log (message VARCHAR(50), at DATETIME);
CREATE VIEW big_city AS SELECT * FROM city WHERE people > 1000000;
"""


def write(root: Path, path: str, content: str | bytes | None) -> None:
    """Write a file of the project, or remove it."""
    file = root / path
    if content is None:
        file.unlink()
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())


def make(root: Path) -> None:
    """Write the project and create its tables; nothing is applied yet."""
    for path, text in FILES.items():
        write(root, path, text)
    sql(root, TABLES)


def sql(root: Path, script: str, database: str = "dev.db") -> None:
    """Run a script on the database, past the tool."""
    with closing(sqlite3.connect(root / database)) as connection:
        connection.executescript(script)
        connection.commit()


def files(root: Path) -> dict[str, bytes]:
    """Read every file but the database, the locks beside databases, and what Python compiles."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix not in (".lock", ".pyc") and path.name != "dev.db"
    }


def content(root: Path, database: str = "dev.db") -> dict[str, list[tuple[Any, ...]]]:
    """Read the schema and every row of every table, the history included, past the tool.

    Alembic's own table is left out: it makes that before its first migration, whatever becomes of it.
    """
    path = root / database
    if not path.is_file():
        return {}
    if not path.read_bytes().startswith(b"SQLite format 3"):
        return {"": [(path.read_bytes(),)]}
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        found = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
        found = [each for each in found if "alembic_version" not in each[1]]
        rows = {"": found}
        for kind, name, _ in found:
            if kind == "table":
                rows[name] = connection.execute(f'SELECT * FROM "{name}" ORDER BY rowid').fetchall()
    return rows
