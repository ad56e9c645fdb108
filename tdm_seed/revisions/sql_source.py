"""A SQL seed's text taken apart: the header at its top and its sections."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tdm_seed.errors import SeedError
from tdm_seed.revisions.headers import FIELDS, LISTS, Given, first_paragraph, misspelt
from tdm_seed.revisions.spelling import did_you_mean

WORDS = ("upgrade", "verify", "downgrade")

_MARKER = re.compile(r"[ \t]*--[ \t]*tdm-seed[ \t]*:(.*)", re.DOTALL)
_NEARLY = re.compile(r"\s*--\s*tdm[-_ ]?seed\s*:?\s*(upgrade|verify|downgrade)\b", re.IGNORECASE)
_FIELD = re.compile(r"--[ \t]*([A-Za-z][A-Za-z_-]*)[ \t]*:(.*)", re.DOTALL)
_LATE = re.compile(r"--[ \t]*(depends_on|requires_schema|schema_until)[ \t]*:")
# `/*! … */` and `/*M! … */` are run by some servers
_COMMENT = re.compile(r"--[^\n]*|/\*(?![!M]).*?\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Part:
    """One section: its word, its dialect (None: for all), the line its text begins on, and the text."""

    word: str
    dialect: str | None
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.word} {self.dialect}" if self.dialect else self.word


@dataclass(frozen=True, slots=True)
class SqlSource:
    """The header fields, the first paragraph of the comment at the top, and the sections in their order."""

    given: Mapping[str, Given]
    description: str
    parts: tuple[Part, ...]


def read_sql(text: str, file: str, known_dialects: Iterable[str] | None) -> SqlSource:
    """Take a SQL seed apart without running or parsing its statements.

    Fields stand as ``-- name: value`` lines in the comments at the top, lists with commas. Sections begin
    with ``-- tdm-seed: word [dialect]``; what stands before the first is ``upgrade``. Without
    ``known_dialects`` every name passes: the file was checked when it was discovered.

    Raises:
        SeedError: with file and line: a misspelt or repeated field, an unknown or repeated section, nothing
            to run.
    """
    lines = text.split("\n")
    try:
        _plain(text, lines)
        given, description, end = _header(lines)
        parts = _parts(lines, end, None if known_dialects is None else tuple(known_dialects))
    except SeedError as error:
        error.located(file=file)
        raise
    if not any(part.word == "upgrade" for part in parts):
        raise SeedError(
            "has no statement that upgrade could run",
            hint="Statements stand below the header, or after a line `-- tdm-seed: upgrade`.",
            file=file,
        )
    return SqlSource(given, description, parts)


def _plain(text: str, lines: list[str]) -> None:
    """Refuse what no database would understand, before one is asked."""
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SeedError("holds a NUL character", hint="Save the file as UTF-8 text.", line=line)
    if "<<<<<<< " in text:
        for number, line_text in enumerate(lines, 1):
            if line_text.startswith("<<<<<<< "):
                hint = "Keep what is right and take the marks out."
                raise SeedError("a merge left its marks here", hint=hint, line=number)


def _header(lines: list[str]) -> tuple[dict[str, Given], str, int]:
    """Read the comments at the top; return the fields, the description, and the index of the next line."""
    given: dict[str, Given] = {}
    comments: list[str] = []
    inside = False
    index = 0
    for index, raw in enumerate(lines):
        line = raw.strip()
        if inside or line.startswith("/*"):
            inside = "*/" not in line
            if not inside and not line.endswith("*/"):
                break
            continue
        if (line and not line.startswith("--")) or _MARKER.match(line) or _NEARLY.match(line):
            break
        match = _FIELD.match(line)
        if match and _field(match.group(1), match.group(2).strip(), index + 1, given):
            continue
        comments.append(line.lstrip("-"))
    else:
        index = len(lines)
    return given, first_paragraph(comments), index


def _field(name: str, value: str, line: int, given: dict[str, Given]) -> bool:
    """Note a header field; False when the line is an ordinary comment."""
    if name not in FIELDS:
        plain = name.replace("-", "_").lower()
        near = plain if plain in FIELDS else misspelt(plain)
        if near:
            raise SeedError(
                f"{name} is no header field",
                hint=f"Did you mean {near}? A comment of your own may be written without the colon.",
                line=line,
            )
        return False
    if name in given:
        raise SeedError(f"sets {name} twice, first in line {given[name].line}", hint="Keep one of them.", line=line)
    if not value:
        raise SeedError(f"{name} has no value", hint="Leave the line out where there is nothing to say.", line=line)
    if name not in LISTS:
        given[name] = Given(value, line)
        return True
    items = [item.strip() for item in value.split(",")]
    if "" in items:
        raise SeedError(f"{name} has a comma too many", hint="Write `a, b, c`.", line=line)
    given[name] = Given(items, line)
    return True


def _parts(lines: list[str], start: int, known_dialects: tuple[str, ...] | None) -> tuple[Part, ...]:
    """Cut the file at its markers."""
    marks: list[tuple[int, str, str | None]] = [(-1, "upgrade", None)]
    for index in range(start, len(lines)):
        line = lines[index]
        if "--" not in line:
            continue
        marker = _MARKER.match(line)
        if marker:
            word, dialect = _marker(marker.group(1), index + 1, known_dialects)
            marks.append((index, word, dialect))
        elif _NEARLY.match(line):
            raise SeedError(
                f"`{line.strip()}` is nearly a section",
                hint="A section begins with `-- tdm-seed: upgrade`, `verify` or `downgrade`, exactly so.",
                line=index + 1,
            )
        elif late := _LATE.match(line):
            raise SeedError(
                f"{late.group(1)} stands below the header, where it has no effect",
                hint="Move the line into the comments at the top of the file.",
                line=index + 1,
            )
    parts: dict[tuple[str, str | None], Part] = {}
    for place, (index, word, dialect) in enumerate(marks):
        end = marks[place + 1][0] if place + 1 < len(marks) else len(lines)
        part = Part(word, dialect, index + 2, "\n".join(lines[index + 1 : end]))
        empty = not _COMMENT.sub("", part.text).strip(" \t\n;")
        if empty and index < 0:
            continue
        if empty and word != "downgrade":  # an empty downgrade says that there is nothing to take back
            raise SeedError(
                f"the section {part} holds no statement", hint="Write one, or leave the section out.", line=index + 1
            )
        earlier = parts.setdefault((word, dialect), part)
        if earlier is not part:
            begins = f"from line {earlier.line}" if earlier.line > 1 else "the text before the first section"
            raise SeedError(
                f"has the section {part} twice, first {begins}", hint="Write one section of both.", line=index + 1
            )
    return tuple(parts.values())


def _marker(text: str, line: int, known_dialects: tuple[str, ...] | None) -> tuple[str, str | None]:
    """Read what follows ``-- tdm-seed:``."""
    words = text.split()
    if not words or words[0] not in WORDS:
        found = words[0] if words else ""
        raise SeedError(
            f"there is no section {found!r}; there are {', '.join(WORDS)}",
            hint=did_you_mean(found, WORDS) or "What takes the rows back again stands in `-- tdm-seed: downgrade`.",
            line=line,
        )
    if len(words) == 1:
        return words[0], None
    if len(words) > 2:
        raise SeedError(
            f"`{text.strip()}` names more than one dialect",
            hint="Write one section for each dialect.",
            line=line,
        )
    if known_dialects is not None and words[1] not in known_dialects:
        raise SeedError(
            f"there is no dialect {words[1]!r}; known are {', '.join(known_dialects)}",
            hint=did_you_mean(words[1], known_dialects) or f"`-- tdm-seed: {words[0]}` alone is for all of them.",
            line=line,
        )
    return words[0], words[1]
