"""The pages of the documentation, taken apart into blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *CHECKOUT.glob("*.md"),
        *CHECKOUT.glob("docs/**/*.md"),
        *CHECKOUT.glob("examples/*/README.md"),
    ]
)
_FENCE = re.compile(r"^```(.*)$")


@dataclass(frozen=True)
class Block:
    """A fenced block: the words behind the fence, the line it begins on, and its text."""

    words: tuple[str, ...]
    line: int
    text: str

    @property
    def language(self) -> str:
        """The first word, such as ``console``."""
        return self.words[0] if self.words else ""


@dataclass(frozen=True)
class Command:
    """A command of a ``console`` block, and what the page says it prints."""

    line: int
    text: str
    expected: str


def shown(page: Path) -> str:
    """Name a page as a person would."""
    return page.relative_to(CHECKOUT).as_posix()


def blocks(page: Path) -> Iterator[Block]:
    """Give the fenced blocks of a page in order."""
    inside: list[str] | None = None
    words: tuple[str, ...] = ()
    begin = 0
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if fence is None:
            if inside is not None:
                inside.append(line)
        elif inside is None:
            inside, words, begin = [], tuple(fence[1].split()), number
        else:
            yield Block(words, begin, "\n".join(inside) + "\n")
            inside = None


def commands(block: Block) -> Iterator[Command]:
    """Give the commands of a block that begins with ``$ ``; a backslash at a line's end goes on below it."""
    lines = block.text.splitlines()
    if not lines or not lines[0].startswith("$ "):
        return
    text, expected, begin = "", [], 0
    for number, line in enumerate(lines, block.line + 1):
        if line.startswith("$ "):
            if text:
                yield Command(begin, text, "\n".join(expected))
            text, expected, begin = line.removeprefix("$ "), [], number
        elif text.endswith("\\"):
            text += "\n" + line.removeprefix("> ")
        else:
            expected.append(line)
    yield Command(begin, text, "\n".join(expected))
