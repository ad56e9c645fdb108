"""What each part of the Seeder finds in the whole, which is put together of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from tdm_seed.dialects.base import HeldLock
from tdm_seed.engine.progress import Progress
from tdm_seed.engine.session import Session
from tdm_seed.environments import Environment
from tdm_seed.values import Applied, Plan, Seed, Step, StepResult

if TYPE_CHECKING:
    from tdm_seed.engine.promise import Promise
    from tdm_seed.engine.snapshots.restoring import Restored


class Whole(Protocol):
    """The Seeder, as its parts know it."""

    environment: Environment
    _session: Session
    _progress: Progress

    @property
    def seeds(self) -> tuple[Seed, ...]:
        """All seeds of the project."""

    def restore(self, *, confirmed: bool, force: bool, adopt: bool) -> Restored:
        """Put the newest snapshot in the place of the database."""

    def _plan(
        self, entries: list[Applied], heads: tuple[str, ...], targets: Iterable[str], again: Iterable[str]
    ) -> Plan: ...

    def _upgrade(
        self, lock: HeldLock, targets: Iterable[str], again: Iterable[str], dry_run: bool
    ) -> list[StepResult]: ...

    def _each(
        self, promise: Promise, take: Callable[[Step], StepResult], steps: tuple[Step, ...]
    ) -> list[StepResult]: ...
