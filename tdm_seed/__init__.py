"""Version the data that a schema needs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tdm_seed.database import Database
    from tdm_seed.engine import Progress, Seeder
    from tdm_seed.environments import Environment, Project
    from tdm_seed.errors import TdmSeedError
    from tdm_seed.values import Changes, Plan, StepResult

__version__ = "0.1.0"

__all__ = [
    "Changes",
    "Database",
    "Environment",
    "Plan",
    "Progress",
    "Project",
    "Seeder",
    "StepResult",
    "TdmSeedError",
    "__version__",
]

_HOMES = {
    "Changes": "values",
    "Database": "database",
    "Environment": "environments",
    "Plan": "values",
    "Progress": "engine",
    "Project": "environments",
    "Seeder": "engine",
    "StepResult": "values",
    "TdmSeedError": "errors",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that ``import tdm_seed`` itself costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
