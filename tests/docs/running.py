"""A copy of the shop, and the commands of a page run in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import CHECKOUT, Block, Command

#: What stands for any number of lines in an expected output.
ANY = "…"
#: Where the pages say that the shop lies.
HOME = "/home/you/shop"


def copy_shop(root: Path) -> Path:
    """Copy the shop: its seeds, its migrations, its configuration."""
    ignored = shutil.ignore_patterns("__pycache__", "*.db*")
    for folder in ("seeds", "examples"):
        shutil.copytree(CHECKOUT / folder, root / folder, ignore=ignored)
    shutil.copy(CHECKOUT / "pyproject.toml", root)
    return root


def write_file(block: Block, copy: Path) -> None:
    """Write a block that says of which file it is."""
    for word in block.words[1:]:
        if word.startswith("file="):
            file = copy / word.removeprefix("file=")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")


def run(command: Command, copy: Path) -> str:
    """Run a command and give what it prints, on stdout and stderr as they come."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("TDM_SEED_", "SEED_COUNT_"))}
    for name in ("DATABASE_URL", "COLUMNS", "FORCE_COLOR"):
        environ.pop(name, None)
    environ |= {"PATH": f"{Path(sys.executable).parent}:{environ['PATH']}", "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        ["bash", "-c", command.text],
        cwd=copy,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=120,
    ).stdout


def matches(expected: str, printed: str, copy: Path) -> bool:
    """Tell whether a page says what was printed, times and dates apart; a line ``…`` stands for any lines."""
    lines = _plain(expected, copy).split("\n")
    pattern = "\n".join(".*" if line == ANY else re.escape(line) for line in lines)
    return re.fullmatch(pattern, _plain(printed, copy), re.DOTALL) is not None


def _plain(text: str, copy: Path) -> str:
    """Take out what differs from run to run: times, dates, folders, people; and how wide that made a column."""
    text = text.replace(str(copy), HOME)
    for pattern, plain in (
        (r"\b[\d,]+ ms\b|\b[\d,]+\.\d s\b", "TIME"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\dZ", "WHEN"),
        (r"\b[\w.-]+@[\w-]+\b(?!\.)", "you@host"),
        (r"─+", "─"),
        (r" +", " "),
    ):
        text = re.sub(pattern, plain, text)
    return "\n".join(line.rstrip() for line in text.strip("\n").split("\n"))
