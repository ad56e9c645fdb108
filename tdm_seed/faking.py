"""Faker, seeded from environment and seed, with the environment's clock in place of the machine's."""

from __future__ import annotations

import types
from datetime import UTC, date, datetime, tzinfo
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faker import Faker


def faker(locale: str, key: int, now: datetime) -> Faker:
    """Make a Faker of its own for one seed.

    Faker's methods that read the clock (``date_time_between("-90d", "now")``, ``date_of_birth``, passports, social
    security numbers …) would give other values a second later; here "now" is ``now``.
    """
    from faker import Faker

    fake = Faker(locale, use_weighting=True)
    for generator in fake.factories:
        for provider in list(generator.providers):
            clocked = _clocked(type(provider), now)
            if clocked is not None:
                generator.add_provider(clocked(generator))
    fake.seed_instance(key)
    return fake


def version() -> str:
    """Give Faker's version: within one, the same seed gives the same values."""
    from importlib.metadata import version as installed

    return installed("faker")


def _clocked(provider: type[Any], now: datetime) -> type[Any] | None:
    """Derive a provider whose functions find a stopped clock under the names ``datetime`` and ``date``.

    The functions are copied with other globals instead of patching Faker's modules, which would stop the clock for
    everybody in the process.
    """
    stopped_datetime, stopped_date = _stopped(now)
    changed: dict[str, Any] = {}
    for base in reversed(provider.__mro__):
        for name, member in vars(base).items():
            function = getattr(member, "__func__", member)
            if not isinstance(function, types.FunctionType) or not {"now", "today", "utcnow"} & set(
                function.__code__.co_names
            ):
                continue
            scope = {
                key: stopped_datetime if value is datetime else stopped_date if value is date else value
                for key, value in function.__globals__.items()
            }
            copy = types.FunctionType(
                function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
            )
            copy.__kwdefaults__ = function.__kwdefaults__
            changed[name] = type(member)(copy) if isinstance(member, (classmethod, staticmethod)) else copy
    return type(provider.__name__, (provider,), {**changed, "__module__": provider.__module__}) if changed else None


def _stopped(now: datetime) -> tuple[type[datetime], type[date]]:
    """Make ``datetime`` and ``date`` classes that tell ``now``; other instances of the real classes count as theirs."""
    moment = now.astimezone(UTC)

    class _Kind(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, cls.__mro__[1])

    class StoppedDatetime(datetime, metaclass=_Kind):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return moment.astimezone(tz) if tz else moment.replace(tzinfo=None)

        @classmethod
        def utcnow(cls) -> datetime:  # type: ignore[override]
            return moment.replace(tzinfo=None)

        @classmethod
        def today(cls) -> datetime:  # type: ignore[override]
            return moment.replace(tzinfo=None)

    class StoppedDate(date, metaclass=_Kind):
        @classmethod
        def today(cls) -> date:  # type: ignore[override]
            return moment.date()

    return StoppedDatetime, StoppedDate
