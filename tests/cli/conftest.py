"""A small project, and the command line run on it: in this process, or as one of its own."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tdm_seed.cli import main

COUNTRIES = "seeds/reference/20260101_0900_countries.csv"
GREETINGS = "seeds/reference/20260101_1000_greetings.sql"
PEOPLE = "seeds/scenario/20260102_0900_people.py"

FILES = {
    "seeds/environments/dev.toml": """
        url = "sqlite:///dev.db"
        scenarios = ["people"]
        now = 2026-01-05T00:00:00Z
        [volumes]
        people = 3
    """,
    "seeds/environments/small.toml": """
        url = "sqlite:///small.db"
        layers = ["reference"]
    """,
    COUNTRIES: """
        code,name
        AT,Austria
        IE,Ireland
        PT,Portugal
    """,
    GREETINGS: """
        -- What to say.
        INSERT INTO greeting (word) VALUES ('hello');

        -- tdm-seed: verify
        SELECT count(*) = 1 FROM greeting;

        -- tdm-seed: downgrade
        DELETE FROM greeting;
    """,
    PEOPLE: """
        '''People to work with.'''
        depends_on = ["countries"]

        def upgrade(db):
            db.load("people", ({"id": i, "name": f"person {i}", "country": "IE"} for i in db.range("people")))

        def verify(db):
            db.expect("SELECT count(*) FROM people", equals=db.volume("people"))

        def downgrade(db):
            db.delete("people", where="id > 0")
    """,
}

TABLES = """
    CREATE TABLE countries (code TEXT PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE greeting (word TEXT PRIMARY KEY);
    CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country TEXT REFERENCES countries (code));
"""


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object on stdout."""
        return json.loads(self.out)


Tool = Callable[..., Said]


@dataclass(frozen=True)
class Small:
    """A project of three seeds, and its files."""

    root: Path

    def write(self, path: str, text: str) -> Path:
        """Write a file of the project."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
        return file

    def rows(self, sql: str, database: str = "dev.db") -> list[Any]:
        """Ask the database, behind the tool's back."""
        with sqlite3.connect(self.root / database) as connection:
            found = connection.execute(sql).fetchall()
        connection.close()
        return found


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    """A project whose tables are there and empty; it is the current folder."""
    root = tmp_path / "project"
    small = Small(root)
    for path, text in FILES.items():
        small.write(path, text)
    for name in ("dev.db", "small.db"):
        connection = sqlite3.connect(root / name)
        connection.executescript(TABLES)
        connection.close()
    monkeypatch.chdir(root)
    monkeypatch.delenv("TDM_SEED_ENV", raising=False)
    return small


@pytest.fixture
def tool(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Run a command line in this process."""

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "path", list(sys.path))  # a project's folder is put in front of it
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main(arguments)
        out, err = capfd.readouterr()
        return Said(int(left.value.code or 0), out, err)

    return run


def command(*arguments: str) -> list[str]:
    """Give the command that runs the tool as a process of its own."""
    return [sys.executable, "-m", "tdm_seed", *arguments]


def process(*arguments: str, **environ: str) -> Said:
    """Run a command line as a process of its own, its output in pipes."""
    done = subprocess.run(
        command(*arguments), env={**os.environ, **environ}, capture_output=True, text=True, encoding="utf-8", timeout=60
    )
    return Said(done.returncode, done.stdout, done.stderr)


def on_terminal(*arguments: str, columns: int = 80, typed: str = "") -> str:
    """Run a command line on a terminal of its own and give what a person sees there, colours taken out."""
    shown = raw_terminal(*arguments, columns=columns, typed=typed)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r", "")


def raw_terminal(*arguments: str, columns: int = 80, typed: str = "") -> str:
    """Run a command line on a terminal of its own, type something there, and give the bytes it writes."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    os.write(ours, typed.encode())
    environ = {**os.environ, "TERM": "xterm"}
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        environ.pop(name, None)
    with subprocess.Popen(
        command(*arguments), env=environ, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as child:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux reports the end of the other side so
                break
            if not piece:
                break
            shown += piece
        child.wait(timeout=60)
    os.close(ours)
    return shown.decode("utf-8")
