"""Telling of a whole column of values at once that they fit its type as they are, so that none need be converted."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

# Converting value by value costs Python a call for each: of 10 columns that is most of the time a load takes. Most
# values are what their column wants already, and that can be seen for a thousand of them in a few calls.

#: Tells of values, none of them None and all of one Python type, that the converter of their column changes none.
Fits = Callable[[Sequence[Any]], bool]


def fits(kind: sa.types.TypeEngine[Any], digits: int | None) -> dict[type, Fits]:
    """Give, by the Python type of the values, how to tell that a column of this type takes them as they are.

    ``digits`` is how many of a decimal the database keeps.
    """
    if isinstance(kind, sa.Boolean):
        return {bool: _always}
    if isinstance(kind, sa.Integer):
        return {int: _in_range}
    if isinstance(kind, sa.Float):
        return {float: _always}
    if isinstance(kind, sa.Numeric) and kind.scale is not None:
        return {Decimal: _rounded(kind.scale, digits)}
    if isinstance(kind, sa.DateTime):
        return {datetime: _with_zone if kind.timezone else _without_zone}
    if isinstance(kind, sa.Date):
        return {date: _always}
    if isinstance(kind, sa.Time):
        return {time: _always}
    if isinstance(kind, sa.Uuid):
        return {uuid.UUID: _always}
    if isinstance(kind, sa.LargeBinary):
        return {bytes: _always}
    if isinstance(kind, sa.Enum):
        known = frozenset(kind.enums)
        return {str: lambda values: known.issuperset(values)} if known else {}
    if isinstance(kind, sa.String):
        return {str: lambda values: _is_text(values, kind.length)}
    return {}


def fit(column: Sequence[Any], known: dict[type, Fits]) -> bool:
    """Tell that all values are fine as they are; False says that they must be looked at one by one."""
    kinds = set(map(type, column))
    if type(None) in kinds:
        kinds.discard(type(None))
        column = [value for value in column if value is not None]
    if len(kinds) != 1:
        return not kinds
    test = known.get(kinds.pop())
    return test is not None and test(column)


def _always(_: Sequence[Any]) -> bool:
    return True


def _in_range(values: Sequence[int]) -> bool:
    return min(values) >= -(2**63) and max(values) < 2**64


def _with_zone(values: Sequence[datetime]) -> bool:
    return None not in {value.tzinfo for value in values}


def _without_zone(values: Sequence[datetime]) -> bool:
    return {None} == {value.tzinfo for value in values}


def _is_text(values: Sequence[str], length: int | None) -> bool:
    if length is not None and max(map(len, values)) > length:
        return False
    together = "".join(values)
    if "\0" in together:
        return False
    return together.isascii() or _can_be_encoded(together)


def _can_be_encoded(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return True


def _rounded(scale: int, digits: int | None) -> Fits:
    """Tell of decimals that they have the column's scale and no more digits than the database keeps."""
    step = Decimal(1).scaleb(-scale)
    limit = None if digits is None else Decimal(10) ** (digits - scale)

    def test(values: Sequence[Decimal]) -> bool:
        if not all(map(step.same_quantum, values)):  # neither NaN nor infinite, then
            return False
        return limit is None or (-limit < min(values) and max(values) < limit)

    return test
