"""Faker, seeded from environment and seed, with the environment's clock in place of the machine's."""

from __future__ import annotations

import random
import types
from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from functools import cache
from typing import TYPE_CHECKING, Any

from tdm_seed.errors import UsageError

if TYPE_CHECKING:
    from faker import Faker

#: The function of Faker's that asks for the machine's time zone.
_LOCAL_ZONE = "_get_local_timezone"

#: Attributes of Faker's classes that are made from a set, in the order of PYTHONHASHSEED.
_UNORDERED = {("faker.providers.address.it_IT", "cities")}


def faker(locale: str, key: int, now: datetime) -> Faker:
    """Make a Faker of its own for one seed.

    Faker's methods that read the machine's clock or zone (``date_time_between("-90d", "now")``, ``date_of_birth``,
    passports, social security numbers …), or draw from Python's shared ``random``, would give other values a second
    later or on another machine; here "now" is ``now`` in UTC, and all chance comes from ``key``. Only the archives of
    ``zip`` still carry the machine's time.
    """
    from faker import Faker

    try:
        fake = Faker(locale, use_weighting=True)
    except AttributeError as error:
        raise UsageError(
            f"Faker has no locale {locale!r}",
            hint=f"{_nearest(locale)} They look like en_US, de_DE, pt_BR.",
        ) from error
    fake.seed_instance(key)
    twins = _Twins(now, random.Random(key))
    for generator in fake.factories:
        for provider in generator.providers:
            twin = twins.of(type(provider))
            if twin is type(provider):
                continue
            named = [name for name in dir(provider) if not name.startswith("_")]
            shown = [name for name in named if getattr(getattr(generator, name, None), "__self__", None) is provider]
            provider.__class__ = twin
            for name in shown:
                generator.set_formatter(name, getattr(provider, name))
    return fake


def _nearest(locale: str) -> str:
    from difflib import get_close_matches

    from faker.config import AVAILABLE_LOCALES

    close = get_close_matches(locale, sorted(AVAILABLE_LOCALES), n=3)
    return f"Did you mean {' or '.join(close)}?" if close else "There is none like it."


@cache
def version() -> str:
    """Give Faker's version, which takes 2 ms to read: within one, the same seed gives the same values."""
    from importlib.metadata import version as installed

    return installed("faker")


class _Twins:
    """Classes of Faker's made once more, with functions that find a stopped clock and a seeded ``random`` by name.

    Copies, since patching Faker's modules would stop the clock for everybody in the process.
    """

    def __init__(self, now: datetime, chance: random.Random) -> None:
        self._now = now.astimezone(UTC)
        self._chance = chance
        self._datetime, self._date = _stopped(self._now)
        self._datetime_module = types.SimpleNamespace(**{**_public("datetime"), **self._clocks()})
        self._random_module = types.SimpleNamespace(**{**_public("random"), **_bound(chance)})
        self._classes: dict[type[Any], type[Any]] = {}
        self._scopes: dict[int, dict[str, Any]] = {}

    def of(self, original: type[Any]) -> type[Any]:
        """Give the twin of a class, or the class itself where neither it nor a base of it needs one."""
        if original not in self._classes:
            self._classes[original] = self._made(original)
        return self._classes[original]

    def _made(self, original: type[Any]) -> type[Any]:
        if not original.__module__.startswith("faker.providers."):
            return original
        bases = tuple(self.of(base) for base in original.__bases__)
        scope = self._scope(_globals_of(original))
        unordered = [name for name in vars(original) if (original.__module__, name) in _UNORDERED]
        if bases == original.__bases__ and not scope and not unordered:
            return original
        cell = types.CellType()  # what super() looks into
        members = {
            name: self._member(member, scope, original, cell)
            for name, member in vars(original).items()
            if name not in ("__dict__", "__weakref__")
        }
        members.update((name, sorted(members[name])) for name in unordered)
        twin = type(original.__name__, bases, members)
        cell.cell_contents = twin
        return twin

    def _member(self, member: Any, scope: dict[str, Any], original: type[Any], cell: types.CellType) -> Any:
        if isinstance(member, (classmethod, staticmethod)):
            return type(member)(self._member(member.__func__, scope, original, cell))
        if isinstance(member, property):
            parts = (member.fget, member.fset, member.fdel)
            return property(*(part and self._member(part, scope, original, cell) for part in parts))
        if not isinstance(member, types.FunctionType):
            return member
        closure = tuple(cell if _holds(each, original) else each for each in member.__closure__ or ())
        return self._function(member, scope or member.__globals__, closure or None)

    def _function(
        self, function: types.FunctionType, scope: dict[str, Any], closure: tuple[types.CellType, ...] | None
    ) -> types.FunctionType:
        defaults = tuple(self._default(value) for value in function.__defaults__ or ())
        copy = types.FunctionType(function.__code__, scope, function.__name__, defaults or None, closure)
        copy.__kwdefaults__ = function.__kwdefaults__
        copy.__doc__, copy.__annotations__ = function.__doc__, function.__annotations__
        return copy

    def _default(self, value: Any) -> Any:
        """A day among the defaults of a function was read off the clock when Faker was imported."""
        return self._now.date() if type(value) is date else value

    def _scope(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """Give the globals of a module with what must not be the machine's replaced; empty where nothing must."""
        key = id(names)
        if key in self._scopes:
            return self._scopes[key]
        scope = self._scopes[key] = dict(names)
        own = [name for name, value in names.items() if self._belongs(value, names)]
        for name in names.keys() - own:
            scope[name] = self._replaced(names[name])
        if all(scope[name] is value for name, value in names.items()):
            self._scopes[key] = {}
        else:
            scope.update((name, self._replaced(names[name])) for name in own)
        return self._scopes[key]

    def _belongs(self, value: Any, names: Mapping[str, Any]) -> bool:
        """Tell whether a function or class is a module's own, and so changes only when something else there does."""
        if isinstance(value, types.FunctionType):
            return value.__globals__ is names and value.__name__ != _LOCAL_ZONE
        return type(value) is type and value.__module__ == names["__name__"]

    def _replaced(self, value: Any) -> Any:
        if value is datetime:
            return self._datetime
        if value is date:
            return self._date
        if isinstance(value, types.ModuleType) and value.__name__ in ("datetime", "random"):
            return self._datetime_module if value.__name__ == "datetime" else self._random_module
        if isinstance(value, types.MethodType) and type(value.__self__) is random.Random:
            return getattr(self._chance, value.__name__)
        if type(value) is type:
            return self.of(value)
        if isinstance(value, types.FunctionType) and value.__module__.startswith("faker."):
            if value.__name__ == _LOCAL_ZONE:
                return lambda: UTC
            scope = self._scope(value.__globals__)
            return self._function(value, scope, value.__closure__) if scope else value
        return value

    def _clocks(self) -> dict[str, Any]:
        return {"datetime": self._datetime, "date": self._date}


def _globals_of(original: type[Any]) -> Mapping[str, Any]:
    import sys

    return vars(sys.modules[original.__module__])


def _holds(cell: types.CellType, original: type[Any]) -> bool:
    try:
        return cell.cell_contents is original
    except ValueError:  # empty
        return False


def _public(module: str) -> dict[str, Any]:
    from importlib import import_module

    return {name: value for name, value in vars(import_module(module)).items() if not name.startswith("_")}


def _bound(chance: random.Random) -> dict[str, Any]:
    return {name: getattr(chance, name) for name in dir(chance) if not name.startswith("_")}


def _stopped(now: datetime) -> tuple[type[datetime], type[date]]:
    """Make ``datetime`` and ``date`` that tell ``now``, in UTC; what they make is of the real classes."""

    class _Real(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, cls.__mro__[1])

    class StoppedDatetime(datetime, metaclass=_Real):
        def __new__(cls, *given: Any, **named: Any) -> datetime:  # type: ignore[misc]
            return datetime(*given, **named)

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return now.astimezone(tz) if tz else now.replace(tzinfo=None)

        @classmethod
        def utcnow(cls) -> datetime:  # type: ignore[override]
            return now.replace(tzinfo=None)

        @classmethod
        def today(cls) -> datetime:  # type: ignore[override]
            return now.replace(tzinfo=None)

    class StoppedDate(date, metaclass=_Real):
        def __new__(cls, *given: Any, **named: Any) -> date:  # type: ignore[misc]
            return date(*given, **named)

        @classmethod
        def today(cls) -> date:  # type: ignore[override]
            return now.date()

    return StoppedDatetime, StoppedDate
