"""What time it is in an environment, and what it was when a seed was applied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from tdm_seed.environments import Environment
from tdm_seed.history import since_reset
from tdm_seed.values import Applied

#: What the history notes beside a clock that was the day of the first seeding.
TODAY = "today"


def clock(environment: Environment, entries: Iterable[Applied]) -> datetime:
    """Give the environment's clock; "today" is the day of the first seeding, kept in the database until a reset."""
    if environment.now is not None:
        return environment.now
    kept = (entry.clock for entry in since_reset(entries) if entry.note.get("clock") == TODAY)
    return next(kept, None) or datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def as_applied(environment: Environment, entry: Applied) -> Environment:
    """Give the environment as it was when a seed was applied, as far as its rows depend on it."""
    return replace(environment, volumes={**environment.volumes, **entry.volumes}, random_seed=entry.random_seed)
