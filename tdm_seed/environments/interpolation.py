"""``${VARIABLE}`` and ``${VARIABLE:-default}`` in a text, as a shell reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

#: Stands for a reference without a default in an outline; no TOML string may hold this character.
MARK = "\0"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Malformed(ValueError):
    """A ``${`` that is not a reference."""


class Unset(ValueError):
    """A variable that has no value and no default; ``name`` is the variable."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the variable {name} is not set")
        self.name = name


@dataclass(frozen=True, slots=True)
class Reference:
    """One ``${…}``; ``default`` is None where there is none."""

    name: str
    default: tuple[str | Reference, ...] | None


def parse(text: str) -> tuple[str | Reference, ...]:
    """Split a text into strings and references; ``$$``, and ``$`` before anything else, is a plain ``$``.

    Raises:
        Malformed: an unclosed ``${``, a bad variable name, or another operator than ``:-``.
    """
    parts, end = _parts(text, 0, nested=False)
    assert end == len(text)
    return parts


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Put in the values of the variables; an empty variable takes the default, as ``:-`` does in a shell.

    Raises:
        Malformed: see ``parse``.
        Unset: a variable without a value and without a default.
    """
    return "".join(_value(part, environ) for part in parse(text))


def outline(text: str) -> str:
    """Give what is written out in a text: defaults in full, and ``MARK`` for each reference that has none.

    It is what a reader of the file sees, whatever the variables hold, and so whether a password stands there.

    Raises:
        Malformed: see ``parse``.
    """
    return "".join(_outline(part) for part in parse(text))


def _value(part: str | Reference, environ: Mapping[str, str]) -> str:
    if isinstance(part, str):
        return part
    found = environ.get(part.name)
    if part.default is None:
        if found is None:
            raise Unset(part.name)
        return found
    return found or "".join(_value(inner, environ) for inner in part.default)


def _outline(part: str | Reference) -> str:
    if isinstance(part, str):
        return part
    return MARK if part.default is None else "".join(_outline(inner) for inner in part.default)


def _parts(text: str, start: int, *, nested: bool) -> tuple[tuple[str | Reference, ...], int]:
    """Read to the end of the text or, nested, to the ``}`` that closes the default; give where that is."""
    parts: list[str | Reference] = []
    plain: list[str] = []
    place = start
    while place < len(text) and not (nested and text[place] == "}"):
        two = text[place : place + 2]
        if two == "${":
            reference, place = _reference(text, place)
            parts += ["".join(plain), reference] if plain else [reference]
            plain = []
        else:
            plain.append("$" if two == "$$" else text[place])
            place += 2 if two == "$$" else 1
    if plain:
        parts.append("".join(plain))
    return tuple(parts), place


def _reference(text: str, start: int) -> tuple[Reference, int]:
    name = _NAME.match(text, start + 2)
    if name is None:
        raise Malformed("after ${ comes the name of a variable; a dollar sign itself is written $$")
    place = name.end()
    default: tuple[str | Reference, ...] | None = None
    if text.startswith(":-", place):
        default, place = _parts(text, place + 2, nested=True)
    if place >= len(text):
        raise Malformed(f"${{{name.group()} is not closed by a }}")
    if text[place] != "}":
        raise Malformed(f"after ${{{name.group()} comes }} or :-default}}, not {text[place]!r}")
    return Reference(name.group(), default), place + 1
