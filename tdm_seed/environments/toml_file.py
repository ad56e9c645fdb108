"""A TOML file that still knows on which line a key stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tdm_seed.environments.setting import Setting
from tdm_seed.errors import UsageError

_WORD = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_WORD}(?:\s*\.\s*{_WORD})*"
_HEADER = re.compile(rf"\s*\[\[?\s*({_DOTTED})\s*\]")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True)
class TomlFile:
    """What a TOML file holds; ``shown`` is its path as people read it, from the project's root."""

    path: Path
    shown: str
    text: str = field(repr=False)
    data: Mapping[str, Any] = field(repr=False)

    @classmethod
    def read(cls, path: Path, root: Path) -> TomlFile:
        """Read and parse a file.

        Raises:
            UsageError: it cannot be read, is not UTF-8 or not TOML, with its line.
        """
        shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise UsageError("the file is not UTF-8", hint="Save it as UTF-8.", file=shown, line=line) from error
        except OSError as error:
            hint = "Check what it is, and who may read it."
            raise UsageError(f"the file cannot be read: {error.strerror}", hint=hint, file=shown) from error
        try:
            return cls(path, shown, text, tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            place = _PLACE.search(str(error))
            line = int(place[1]) if place and place[1] else max(1, text.count("\n"))
            said = _PLACE.sub("", str(error))
            twice = said.startswith("Cannot")
            raise UsageError(
                f"this is not TOML: {said[0].lower()}{said[1:]}",
                hint="A key or table stands in the file twice: keep one of them."
                if twice
                else 'Text stands in quotes, key = "value"; a table begins with [name].',
                file=shown,
                line=line,
            ) from error

    def table(self, *keys: str) -> dict[str, Setting] | None:
        """Give the settings of a table, or None where the file has no such key.

        Raises:
            UsageError: the key is there, but is no table.
        """
        found: Any = self.data
        for depth, key in enumerate(keys, start=1):
            if key not in found:
                return None
            found = found[key]
            if not isinstance(found, dict):
                path = ".".join(keys[:depth])
                wrong = Setting(path, found, self.shown, self._line(keys[:depth]))
                raise wrong.refuse("must be a table", f"Write [{path}], and below it key = value.")
        return {
            key: Setting(".".join((*keys, key)), value, self.shown, self._line((*keys, key)))
            for key, value in found.items()
        }

    def _line(self, path: tuple[str, ...]) -> int:
        """Give the line of a key, or else of the innermost table around it that has a line of its own."""
        best, line = 0, 1
        for number, found in self._keys():
            if found == path:
                return number
            if len(found) > best and path[: len(found)] == found:
                best, line = len(found), number
        return line

    def _keys(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Walk over the lines that open a table or give a value, leaving out the inside of long strings."""
        table: tuple[str, ...] = ()
        inside = ""
        for number, line in enumerate(self.text.splitlines(), start=1):
            within = inside
            for quotes in re.findall(r'"""|\'\'\'', line):
                inside = "" if inside == quotes else inside or quotes
            if within:
                continue
            if header := _HEADER.match(line):
                table = _words(header[1])
                yield number, table
            elif key := _KEY.match(line):
                yield number, (*table, *_words(key[1]))


def _words(dotted: str) -> tuple[str, ...]:
    return tuple(word.strip("\"'") for word in re.findall(_WORD, dotted))
