"""Converting given values to a column's type, so that every database is handed the same."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from enum import Enum
from math import isfinite
from typing import Any

import sqlalchemy as sa

Converter = Callable[[Any], Any]

#: Decimals have 28 digits by default, columns up to 65 (MySQL) or 131,072 (PostgreSQL).
EXACT = Context(prec=200_000)
_HEX_UUID = 32
#: What people write for true and false.
TRUTH: Mapping[str, bool] = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}


class CsvText(str):
    """Text of a CSV field: JSON where the column holds JSON; empty, it is NULL unless the column forbids that."""

    __slots__ = ()


def plain_json(value: object) -> object:
    """Make a number of what ``json`` cannot write: a Decimal that a JSON file held, or a date as ISO text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def converter(
    kind: sa.types.TypeEngine[Any], *, nullable: bool = True, digits: int | None = None, json_text: bool = False
) -> Converter:
    """Give the function that converts a value for a column of this type; None passes.

    Text is read as the column's type (a CSV has nothing else), decimals are rounded half up to the column's scale as
    PostgreSQL does, and times with a zone become UTC where the column keeps none. An empty CSV field is NULL, or empty
    text where the column is not ``nullable``. ``digits`` is how many of a decimal the database keeps. ``json_text``
    says that text for JSON is JSON, as it is in a CSV. The function raises ValueError or TypeError for a value that
    does not fit.
    """
    convert = _by_type(kind, digits)
    if json_text and isinstance(kind, sa.JSON):
        convert = _parsed
    takes_empty = not nullable and isinstance(kind, sa.String)

    def apply(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is CsvText and not value:
            return "" if takes_empty else None
        return convert(value)

    return apply


def _by_type(kind: sa.types.TypeEngine[Any], digits: int | None) -> Converter:
    if isinstance(kind, sa.Boolean):
        return _boolean
    if isinstance(kind, sa.Integer):
        return _integer
    if isinstance(kind, sa.Float):
        return _float
    if isinstance(kind, sa.Numeric):
        return _decimal(kind.scale, digits)
    if isinstance(kind, sa.DateTime):
        return _datetime(bool(kind.timezone))
    if isinstance(kind, sa.Date):
        return _date
    if isinstance(kind, sa.Time):
        return _time
    if isinstance(kind, sa.Interval):
        return lambda value: value if isinstance(value, timedelta) else timedelta(seconds=float(value))
    if isinstance(kind, sa.Uuid):
        return lambda value: value if isinstance(value, uuid.UUID) else uuid.UUID(str(value))
    if isinstance(kind, sa.LargeBinary):
        return _bytes
    if isinstance(kind, sa.ARRAY):
        return _array(_by_type(kind.item_type, digits))
    if isinstance(kind, sa.JSON):
        return _json
    if isinstance(kind, sa.Enum):
        return _enum(kind.enums)
    if isinstance(kind, sa.String):
        return _text(kind.length)
    if isinstance(base := getattr(kind, "data_type", None), sa.types.TypeEngine):
        return _by_type(base, digits)  # a domain
    return lambda value: value


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in (0, 1):
        return bool(value)
    found = TRUTH.get(str(value).strip().lower())
    if found is None:
        raise ValueError("not a boolean (true or false)")
    return found


def _integer(value: Any) -> int:
    try:
        number = int(_number(value) if isinstance(value, str) else value)
    except (ValueError, TypeError) as error:
        raise ValueError("not a whole number") from error
    if not isinstance(value, str) and number != value:
        raise ValueError("not a whole number")
    if not -(2**63) <= number < 2**64:
        raise ValueError("no integer column is that large")
    return number


def _number(text: str) -> str:
    if "_" in text:  # Python reads 1_000 as a thousand; no database does
        raise ValueError("not a number")
    return text


def _float(value: Any) -> float:
    try:
        return float(_number(value) if isinstance(value, str) else value)
    except (ValueError, TypeError) as error:
        raise ValueError("not a number") from error


def _decimal(scale: int | None, digits: int | None) -> Converter:
    step = Decimal(1).scaleb(-scale) if scale is not None else None

    def convert(value: Any) -> Decimal:
        if isinstance(value, str):
            value = _number(value)
        try:
            number = (
                value if isinstance(value, Decimal) else Decimal(repr(value) if isinstance(value, float) else value)
            )
            if step is None or not number.is_finite():
                return number
            number = number.quantize(step, ROUND_HALF_UP, EXACT)
        except InvalidOperation as error:
            raise ValueError("not a decimal number") from error
        if digits is not None and len(number.as_tuple().digits) > digits and Decimal(repr(float(number))) != number:
            raise ValueError(f"this database keeps {digits} significant digits only")
        return number

    return convert


def _enum(names: Sequence[str]) -> Converter:
    known = frozenset(names)

    def convert(value: Any) -> str:
        text = str(value.value if isinstance(value, Enum) else value)
        if text not in known and isinstance(value, Enum):
            text = value.name  # SQLAlchemy stores the name of a Python enum's member
        if known and text not in known:
            raise ValueError(f"not one of {', '.join(names)}")
        return text

    return convert


def _datetime(keeps_zone: bool) -> Converter:
    def convert(value: Any) -> datetime:
        if isinstance(value, str):
            value = _read(datetime, value, "point in time")
        elif not isinstance(value, datetime):
            if not isinstance(value, date):
                raise TypeError("not a point in time")
            value = datetime(value.year, value.month, value.day)
        moment: datetime = value
        if moment != moment:  # pandas' NaT, which calls itself a datetime
            raise ValueError("not a point in time; None is no value")
        if keeps_zone:
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)

    return convert


def _date(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    found: date = _read(date, value, "date")
    return found


def _time(value: Any) -> time:
    if isinstance(value, time):
        return value
    found: time = _read(time, value, "time")
    return found


def _read(kind: Any, value: Any, what: str) -> Any:
    """Read ISO 8601; of Python's own words only those help that name what is out of range."""
    try:
        return kind.fromisoformat(value)
    except TypeError as error:
        raise TypeError(f"not a {what}") from error
    except ValueError as error:
        said = str(error)
        raise ValueError(f"not a {what}: {said}" if "range" in said else f"not a {what}") from error


def _bytes(value: Any) -> bytes:
    return bytes.fromhex(value.removeprefix("\\x").removeprefix("0x")) if isinstance(value, str) else bytes(value)


def _json(value: Any) -> Any:
    """Parse text from a CSV; anything else is JSON already. A bare string in Python stays that string."""
    return _parsed(value) if isinstance(value, CsvText) else _plain(value)


def _parsed(value: Any) -> Any:
    """Parse text; anything else is JSON already."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ValueError("not JSON") from error
    return _plain(value)


def _plain(value: Any) -> Any:
    """Make of values within JSON what every driver can write."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, Mapping):
        return {_name(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    number = value if isinstance(value, float) else plain_json(value)
    if isinstance(number, float) and not isfinite(number):
        raise ValueError(f"{number} has no place in JSON")
    return number


def _name(key: object) -> str:
    """Name a part of an object as ``json`` does."""
    if isinstance(key, str):
        return key
    return json.dumps(key) if key is None or isinstance(key, (int, float)) else str(key)


def _array(convert: Converter) -> Converter:
    """Convert what is in lists; in a CSV an array is a JSON list, or text as the database itself writes it."""

    def elements(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [elements(each) for each in value]
        return None if value is None else convert(value)

    def apply(value: Any) -> Any:
        if isinstance(value, CsvText) and value.lstrip().startswith("["):
            try:
                value = json.loads(value, parse_float=Decimal)
            except ValueError as error:
                raise ValueError("not a JSON list") from error
        return value if isinstance(value, str) else elements(list(value))

    return apply


def _hex(text: str) -> str:
    """Write a UUID in the 32 digits that SQLAlchemy stores where the database has no such type."""
    try:
        return uuid.UUID(text).hex
    except ValueError:
        return text


def _text(length: int | None) -> Converter:
    def convert(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, (str, int, Decimal, uuid.UUID, date, time, float)):
            if isinstance(value, Enum) and isinstance(value.value, str):
                value = value.value
            else:
                raise TypeError(f"{type(value).__name__} is no text")
        text = value if type(value) is str else str(value)
        if "\0" in text:
            raise ValueError("text with a NUL character, which databases refuse")
        if not text.isascii():
            text.encode()  # half a surrogate pair is no text; the drivers each say so in another way
        if length == _HEX_UUID and len(text) > length:
            text = _hex(text)
        if length is not None and len(text) > length:
            raise ValueError(f"{len(text)} characters, but the column takes {length}")
        return text

    return convert
