"""Converting a whole column of values at once, where they are all of a kind."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from itertools import repeat
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from tdm_seed.dialects.columns import Written
from tdm_seed.loading.convert import EXACT, TRUTH, CsvText, plain_json

# Converting value by value costs Python a call for each: of 10 columns that is most of the time a load takes. Most
# values are what their column wants already, or become it by one function of Python's own, and that is done for
# hundreds of them in a few calls. Whatever these do not take is converted one by one, or refused there.

#: Gives the values converted, or themselves; None where they must be looked at one by one. None of them is None.
Convert = Callable[[Sequence[Any]], Sequence[Any] | None]

_NAN: Any = float("nan")
_JSON = json.JSONEncoder(check_circular=False, default=plain_json)


@dataclass(frozen=True)
class AtOnce:
    """How columns of a type are converted at once, by the Python type that all values have; ``mixed`` takes any."""

    known: Mapping[type, Convert] = field(default_factory=dict)
    mixed: Convert | None = None
    #: Whether an empty field of a CSV is empty text, and not NULL.
    takes_empty: bool = False
    #: Whether all text is the field of a CSV.
    of_csv: bool = False

    @property
    def writes(self) -> bool:
        """Whether values become text: those of JSON."""
        return self.mixed is not None

    def converted(self, column: Sequence[Any]) -> Sequence[Any] | None:
        """Give the column converted, or itself; None where its values must be looked at one by one."""
        kinds = set(map(type, column))
        marked = str if self.of_csv else CsvText
        if marked in kinds and not self.takes_empty and "" in column:
            column = [None if type(value) is marked and not value else value for value in column]
            kinds = set(map(type, column))
        if type(None) not in kinds:
            return self._converted(kinds, column)
        kinds.discard(type(None))
        given = [value for value in column if value is not None]
        found = self._converted(kinds, given) if kinds else given
        if found is None or found is given:
            return None if found is None else column
        remaining = iter(found)
        whole = [None if value is None else next(remaining) for value in column]
        return Written(whole) if isinstance(found, Written) else whole

    def _converted(self, kinds: Collection[type], values: Sequence[Any]) -> Sequence[Any] | None:
        convert = self.mixed or (self.known.get(next(iter(kinds))) if len(kinds) == 1 else None)
        try:
            return None if convert is None else convert(values)
        except (ValueError, TypeError, ArithmeticError, RecursionError):
            return None


def at_once(
    kind: sa.types.TypeEngine[Any],
    digits: int | None,
    *,
    nullable: bool = True,
    json_text: bool = False,
    of_csv: bool = False,
) -> AtOnce:
    """Give how a column of this type is converted at once; the arguments are those of `converter`.

    JSON becomes text. ``of_csv`` says that all text is as `CsvText`, marked as such or not.
    """
    if isinstance(kind, sa.JSON):
        return AtOnce(mixed=partial(_documents, str if json_text or of_csv else CsvText), of_csv=of_csv)
    takes_empty = not nullable and isinstance(kind, sa.String)
    known = _known(kind, digits)
    read = known.get(str)
    return AtOnce({**known, CsvText: read} if read else known, takes_empty=takes_empty, of_csv=of_csv)


def _known(kind: sa.types.TypeEngine[Any], digits: int | None) -> dict[type, Convert]:
    if isinstance(kind, sa.Boolean):
        return {bool: _same, str: _truth}
    if isinstance(kind, sa.Integer):
        return {int: _in_range, bool: _each(int), str: lambda values: _in_range(_read(int, values))}
    if isinstance(kind, sa.Float):
        return {float: _same, int: _each(float), Decimal: _each(float), str: partial(_read, float)}
    if isinstance(kind, sa.Numeric):
        return _decimals(kind.scale, digits)
    if isinstance(kind, sa.DateTime):
        fitting = _with_zone if kind.timezone else _without_zone
        return {datetime: fitting, str: lambda values: fitting(list(map(datetime.fromisoformat, values)))}
    if isinstance(kind, sa.Date):
        return {date: _same, datetime: _each(datetime.date), str: _each(date.fromisoformat)}
    if isinstance(kind, sa.Time):
        return {time: _same, str: _each(time.fromisoformat)}
    if isinstance(kind, sa.Uuid):
        return {uuid.UUID: _same, str: _each(uuid.UUID)}
    if isinstance(kind, sa.LargeBinary):
        return {bytes: _same}
    if isinstance(kind, sa.Enum):
        return {str: partial(_words, frozenset(kind.enums))} if kind.enums else {}
    if isinstance(kind, sa.String):
        return {str: partial(_texts, kind.length)}
    return {}


def _same(values: Sequence[Any]) -> Sequence[Any]:
    return values


def _each(convert: Callable[[Any], Any]) -> Convert:
    return lambda values: list(map(convert, values))


def _read(kind: Callable[[str], Any], values: Sequence[str]) -> list[Any]:
    """Read numbers; Python takes 1_000 for one."""
    if "_" in "".join(values):
        raise ValueError("not a number")
    return list(map(kind, values))


def _truth(values: Sequence[str]) -> list[bool] | None:
    return list(map(TRUTH.__getitem__, values)) if TRUTH.keys() >= set(values) else None


def _in_range(values: Sequence[int]) -> Sequence[int] | None:
    return values if min(values) >= -(2**63) and max(values) < 2**64 else None


def _zones(values: Sequence[datetime]) -> set[Any]:
    return set(map(attrgetter("tzinfo"), values))


def _with_zone(values: Sequence[datetime]) -> Sequence[datetime] | None:
    zones = _zones(values)
    if zones == {None}:
        return list(map(partial(datetime.replace, tzinfo=UTC), values))
    return None if None in zones else values


def _without_zone(values: Sequence[datetime]) -> Sequence[datetime] | None:
    return values if _zones(values) == {None} else None


def _words(known: frozenset[str], values: Sequence[str]) -> Sequence[str] | None:
    return _plain(values) if known.issuperset(values) else None


def _texts(length: int | None, values: Sequence[str]) -> Sequence[str] | None:
    if length is not None and max(map(len, values)) > length:
        return None
    together = "".join(values)
    if "\0" in together:
        return None
    if not together.isascii():
        together.encode()  # half a surrogate pair is no text
    return _plain(values)


def _plain(values: Sequence[str]) -> Sequence[str]:
    """Give texts as Python's own; they are all of one type."""
    return values if type(values[0]) is str else list(map(str, values))


def _decimals(scale: int | None, digits: int | None) -> dict[type, Convert]:
    """Round decimals to the column's scale, as long as they have no more digits than the database keeps."""
    if scale is None:
        return {Decimal: _same, int: _each(Decimal), str: partial(_read, Decimal)}
    step = Decimal(1).scaleb(-scale)
    limit = None if digits is None else Decimal(10) ** (digits - scale)

    def rounded(values: Sequence[Decimal]) -> Sequence[Decimal] | None:
        if not all(map(step.same_quantum, values)):  # neither NaN nor infinite, then
            values = list(map(Decimal.quantize, values, repeat(step), repeat(ROUND_HALF_UP), repeat(EXACT)))
        return values if limit is None or (-limit < min(values) and max(values) < limit) else None

    return {
        Decimal: rounded,
        int: lambda values: rounded(list(map(Decimal, values))),
        float: lambda values: rounded(list(map(Decimal, map(repr, values)))),
        str: lambda values: rounded(_read(Decimal, values)),
    }


def _documents(texts: type[str], values: Sequence[Any]) -> Written | None:
    """Write documents as one list, in a third of the time that they take one by one, and divide it again.

    Between any two stands NaN, which has no place in a document: where there are more of them, a document holds one, or
    the word. ``texts`` is the type of those that are text already.
    """
    are_text = {issubclass(kind, texts) for kind in set(map(type, values))}
    found = _read_together(values) if are_text == {True} else values
    if found is None or len(are_text) > 1 or None in found:
        return None
    values = found
    listed = [_NAN] * (2 * len(values) - 1)
    listed[::2] = values
    together = _JSON.encode(listed)
    if together.count("NaN") != len(values) - 1 or "Infinity" in together:
        return None
    return Written(together[1:-1].split(", NaN, "))


def _read_together(texts: Sequence[str]) -> list[Any] | None:
    """Read documents as one list, too: all that is between two marks is one value, if no mark is anywhere else."""
    together = ", NaN, ".join(texts)
    if together.count("NaN") != len(texts) - 1:
        return None
    listed: list[Any] = json.loads(f"[{together}]", parse_constant=lambda _: _NAN)
    apart = len(listed) == 2 * len(texts) - 1 and all(each is _NAN for each in listed[1::2])
    return listed[::2] if apart else None
