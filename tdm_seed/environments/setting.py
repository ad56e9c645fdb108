"""One value of a manifest or of the project's file: where it stands, and how it becomes its type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from difflib import get_close_matches

from tdm_seed.environments.interpolation import MARK, Malformed, Unset, expand, outline
from tdm_seed.errors import UnsetVariable, UsageError

_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")
#: The largest whole number that the history keeps (a signed 64-bit integer).
LARGEST = 2**63 - 1

#: ``user:password@`` as SQLAlchemy reads it, and the query arguments by which drivers take a password.
_IN_AUTHORITY = re.compile(r"://[^:/@?]*:(?P<password>[^@]*)@")
_IN_QUERY = re.compile(r"[?&](?:password|passwd|pwd|sslpassword)=(?P<password>[^&#]*)", re.IGNORECASE)


@dataclass(frozen=True)
class Setting:
    """A value as a file holds it. Every method interpolates first, then converts.

    All of them raise ``UsageError`` with file and line: a variable not set, a value of the wrong type.
    """

    key: str
    value: object = field(repr=False)
    file: str
    line: int

    def refuse(self, message: str, hint: str | None = None) -> UsageError:
        """Make the error that says what is wrong with this setting, and where it stands."""
        return UsageError(f"{self.key}: {message}", hint=hint, file=self.file, line=self.line)

    def text(self, environ: Mapping[str, str]) -> str:
        """Give a string."""
        if not isinstance(self.value, str):
            raise self._wrong("a text", f'Write {self.key} = "value".')
        return self._expand(self.value, environ)

    def integer(self, environ: Mapping[str, str], *, least: int = 0) -> int:
        """Give a whole number of at least ``least`` and at most ``LARGEST``; ``"1_000"`` is one, too."""
        value = self._expanded(environ)
        if isinstance(value, str):
            try:
                value = int(value)
            except ValueError:
                raise self._wrong("a whole number", "Such as 500 or 1_000.", value) from None
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong("a whole number", "Such as 500 or 1_000.")
        if not least <= value <= LARGEST:
            raise self.refuse(f"{value} is out of range", f"It must be {least} to {LARGEST}.")
        return value

    def boolean(self, environ: Mapping[str, str]) -> bool:
        """Give a truth value; ``"yes"``, ``"1"``, ``"no"`` and ``"0"`` are such, too."""
        value = self._expanded(environ)
        if isinstance(value, str) and value.strip().lower() in _TRUE + _FALSE:
            return value.strip().lower() in _TRUE
        if not isinstance(value, bool):
            raise self._wrong("true or false", "As text also: yes, no, 1, 0.", value)
        return value

    def words(self, environ: Mapping[str, str]) -> tuple[str, ...]:
        """Give a list of texts; one text is split at its commas, so that one variable can hold several."""
        if isinstance(self.value, str):
            pieces = self._expand(self.value, environ).split(",")
        elif isinstance(self.value, list) and all(isinstance(item, str) for item in self.value):
            pieces = [self._expand(item, environ) for item in self.value]
        else:
            raise self._wrong("a list of texts", f'Write {self.key} = ["one", "two"].')
        return tuple(dict.fromkeys(piece.strip() for piece in pieces if piece.strip()))

    def choice(self, environ: Mapping[str, str], allowed: Sequence[str]) -> str:
        """Give one of the allowed words."""
        word = self.text(environ).strip()
        self.among((word,), allowed)
        return word

    def among(self, words: Iterable[str], allowed: Sequence[str]) -> None:
        """Refuse a word that is not among the allowed ones, naming them."""
        for word in words:
            if word not in allowed:
                raise self.refuse(f"{word!r} is not known", nearest(word, allowed))

    def instant(self, environ: Mapping[str, str]) -> datetime | None:
        """Give a moment in UTC, or None for ``"today"``."""
        try:
            return instant(self._expanded(environ))
        except ValueError as error:
            raise self.refuse(str(error), MOMENT) from None

    def open_password(self) -> bool:
        """Tell whether a password stands in this URL for every reader of the file to see.

        A password made of ``${VARIABLE}`` alone does not; one in the default of a reference does.
        """
        if not isinstance(self.value, str):
            return False
        try:
            seen = outline(self.value)
        except Malformed as error:
            raise self.refuse(str(error), _FORMS) from None
        found = (*_IN_AUTHORITY.finditer(seen), *_IN_QUERY.finditer(seen))
        return any(match["password"].strip(MARK) for match in found)

    def _expanded(self, environ: Mapping[str, str]) -> object:
        return self._expand(self.value, environ) if isinstance(self.value, str) else self.value

    def _expand(self, text: str, environ: Mapping[str, str]) -> str:
        try:
            return expand(text, environ)
        except Unset as error:
            hint = f"Set {error.name}, or write a default: ${{{error.name}:-value}}."
            raise UnsetVariable(f"{self.key}: {error}", hint=hint, file=self.file, line=self.line) from None
        except Malformed as error:
            raise self.refuse(str(error), _FORMS) from None

    def _wrong(self, wanted: str, hint: str, value: object = None) -> UsageError:
        kind = type(self.value)
        seen = repr(value) if isinstance(value, str) else _KINDS.get(kind, kind.__name__)
        if isinstance(self.value, list) and wanted.startswith("a list"):
            seen = "a list of other things"
        return self.refuse(f"must be {wanted}, not {seen}", hint)


_FORMS = "The forms are ${VARIABLE} and ${VARIABLE:-default}."

_KINDS: Mapping[type, str] = {
    str: "a text",
    int: "a number",
    float: "a fraction",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}

MOMENT = 'Such as 2026-01-05T00:00:00Z, "2026-01-05", or "today".'


def instant(value: object) -> datetime | None:
    """Read a moment: a datetime, a date, an ISO 8601 text, or ``"today"``, which gives None. Naive means UTC.

    Raises:
        ValueError: with what was wrong.
    """
    given = value
    if isinstance(value, str):
        if value.strip().lower() == "today":
            return None
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError(f"{given!r} is no moment") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise ValueError(f"{value!s} is no moment")
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{given} does not exist in UTC") from None


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Say what was probably meant, and what there is."""
    choices = sorted(allowed)
    close = get_close_matches(word, choices, n=1)
    listed = f"There are: {', '.join(choices)}." if choices else "There is none."
    return f"Did you mean {close[0]}? {listed}" if close else listed
