"""The header fields of a seed: which there are, what each may hold, what a misspelt one was meant to be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import NoReturn, TypeVar

from tdm_seed.errors import SeedError
from tdm_seed.revisions.spelling import closest, did_you_mean
from tdm_seed.values import Mode, Transaction

LISTS = ("depends_on", "data", "labels", "dialects")
FIELDS = (*LISTS, "requires_schema", "schema_until", "mode", "transaction")

_NAME = re.compile(r"[a-z0-9_]+")
_LABEL = re.compile(r"[^\s,:]+")
_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Given:
    """The value of one field as the file gives it, and the line it stands on."""

    value: object
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of one seed, checked; ``mode`` is None where the layer decides."""

    depends_on: tuple[str, ...] = ()
    depends_on_line: int | None = field(default=None, compare=False)
    requires_schema: str | None = None
    schema_until: str | None = None
    mode: Mode | None = None
    transaction: Transaction = Transaction.SEED
    data: tuple[str, ...] = ()
    data_line: int | None = None
    labels: tuple[str, ...] = ()
    dialects: tuple[str, ...] = ()


def first_paragraph(lines: Iterable[str]) -> str:
    """Join the lines before the first empty one, leading empty ones left out: the description of a seed."""
    words: list[str] = []
    for line in lines:
        if line.strip():
            words += line.split()
        elif words:
            break
    return " ".join(words)


@lru_cache(maxsize=4096)
def misspelt(word: str) -> str | None:
    """Return the field that ``word`` was probably meant to be, None where it is a field or resembles none.

    The four-letter fields count only with two letters swapped: ``model`` and ``date`` are words of their own.
    """
    if word in FIELDS:
        return None
    near = closest(word, (field for field in FIELDS if len(field) > 4), cutoff=0.8)
    if near:
        return near[0]
    swapped = [field for field in ("mode", "data") if sorted(word) == sorted(field)]
    return next(iter(closest(word, swapped, cutoff=0.75)), None)


def check(given: Mapping[str, Given], *, file: str, known_dialects: Iterable[str]) -> Header:
    """Check the fields that a file gives.

    Raises:
        SeedError: with file and line, for a value of the wrong type or one that the field does not know.
    """
    if not given:
        return _EMPTY
    checked = _Checked(given, file, tuple(known_dialects))
    data, depends_on = given.get("data"), given.get("depends_on")
    return Header(
        depends_on=checked.names("depends_on", _NAME, "names or revisions of seeds (small letters, digits and _)"),
        depends_on_line=depends_on.line if depends_on else None,
        requires_schema=checked.text("requires_schema"),
        schema_until=checked.text("schema_until"),
        mode=checked.choice("mode", Mode),
        transaction=checked.choice("transaction", Transaction) or Transaction.SEED,
        data=checked.files("data"),
        data_line=data.line if data else None,
        labels=checked.names("labels", _LABEL, "words without spaces, commas and colons"),
        dialects=checked.known("dialects"),
    )


class _Checked:
    """Fields of one file, read as the types they must have."""

    def __init__(self, given: Mapping[str, Given], file: str, known_dialects: tuple[str, ...]) -> None:
        self._given = given
        self._file = file
        self._dialects = known_dialects

    def _refuse(self, field: str, why: str, hint: str) -> NoReturn:
        given = self._given[field]
        raise SeedError(f"{field} = {given.value!r}: {why}", hint=hint, file=self._file, line=given.line)

    def text(self, field: str) -> str | None:
        given = self._given.get(field)
        if given is None or given.value is None:
            return None
        if not isinstance(given.value, str) or not given.value.strip() or " " in given.value.strip():
            self._refuse(
                field,
                "must be one Alembic revision, as text",
                "The last revision that it needs is enough: those before it are there, too. It stands in quotes.",
            )
        return given.value.strip()

    def choice(self, field: str, kind: type[_Choice]) -> _Choice | None:
        given = self._given.get(field)
        if given is None:
            return None
        words = [str(member) for member in kind]
        if given.value not in words:
            near = did_you_mean(str(given.value), words)
            self._refuse(
                field, f"must be one of {', '.join(words)}", near or f"Leave {field} out for what most seeds want."
            )
        return kind(given.value)

    def items(self, field: str) -> tuple[str, ...]:
        given = self._given.get(field)
        if given is None:
            return ()
        value = given.value
        if isinstance(value, str):
            self._refuse(field, "must be a list of texts", f'Write {field} = ["{value}"].')
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) and item.strip() for item in value):
            self._refuse(field, "must be a list of texts", f'Write {field} = ["one", "two"].')
        return tuple(dict.fromkeys(item.strip() for item in value))

    def names(self, field: str, pattern: re.Pattern[str], what: str) -> tuple[str, ...]:
        items = self.items(field)
        for item in items:
            if not pattern.fullmatch(item):
                good = re.sub(r"[^a-z0-9_]+", "_", item.partition(".")[0].lower()).strip("_")
                self._refuse(field, f"{item!r} is not possible there; it holds {what}", f'Such as "{good or "smoke"}".')
        return items

    def known(self, field: str) -> tuple[str, ...]:
        items = self.items(field)
        for item in items:
            if item not in self._dialects:
                self._refuse(
                    field,
                    f"there is no dialect {item!r}; known are {', '.join(self._dialects)}",
                    did_you_mean(item, self._dialects) or "A seed for every database leaves dialects out.",
                )
        return items

    def files(self, field: str) -> tuple[str, ...]:
        items = self.items(field)
        for item in items:
            if item.startswith(("/", "~")) or "\\" in item or re.match(r"[A-Za-z]:", item):
                self._refuse(
                    field,
                    f"{item!r} is not a path relative to the seed's folder, with forward slashes",
                    "The checksum must be the same on every machine, wherever the project lies.",
                )
        return items


_EMPTY = Header()
