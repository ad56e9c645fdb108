"""The benchmarks, one module each: ``ROWS`` and ``cases(place)``. A new module is found by being here."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from benchmarks.case import Case, Place


class _Module(Protocol):
    __doc__: str | None
    ROWS: int

    def cases(self, place: Place) -> Iterator[Case]:
        """Give each case in turn, its tables made."""


@dataclass(frozen=True)
class Benchmark:
    """One benchmark: its name on the command line, what it is about, and how many rows unless said."""

    name: str
    about: str
    rows: int
    module: _Module

    def cases(self, place: Place) -> Iterator[Case]:
        """Give its cases one after the other; what one needs is set up when it is its turn."""
        return self.module.cases(place)

    def settings(self, database: str) -> Mapping[str, str]:
        """Give what the server must be set to, by its own names: ``SETTINGS`` of the module, for each database."""
        found: Mapping[str, Mapping[str, str]] = getattr(self.module, "SETTINGS", {})
        return found.get(database, {})


def names() -> tuple[str, ...]:
    """List the benchmarks without loading any."""
    found = (module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return tuple(sorted(name.replace("_", "-") for name in found))


def load(name: str) -> Benchmark:
    """Load a benchmark by its name."""
    module = cast(_Module, importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))
    return Benchmark(name, (module.__doc__ or "").partition("\n")[0], module.ROWS, module)
