"""The nouns: layers, seeds, history entries, changes, drift and results, all frozen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path


class Layer(StrEnum):
    """The folder that a seed lives in: rows every environment wants, or rows to work and test with."""

    REFERENCE = "reference"
    SCENARIO = "scenario"


class Mode(StrEnum):
    """When an applied seed runs again."""

    ON_CHANGE = "on_change"
    ONCE = "once"
    ALWAYS = "always"


class Transaction(StrEnum):
    """What one commit holds: the whole seed, a chunk of its rows, or nothing (``none``: each statement on its own)."""

    SEED = "seed"
    CHUNK = "chunk"
    NONE = "none"


class State(StrEnum):
    """The state that the last history entry of a seed gives it."""

    APPLIED = "applied"
    REVERTED = "reverted"
    STAMPED = "stamped"
    RUNNING = "running"
    RESET = "reset"


class Way(StrEnum):
    """How a database goes back to its seeded state, the cheapest way first."""

    ROWS = "rows"
    CLONE = "clone"
    REBUILD = "rebuild"


class Kind(StrEnum):
    """What a seed is written in."""

    PYTHON = "python"
    SQL = "sql"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class Changes:
    """What a write did, in rows."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0

    def __add__(self, other: Changes) -> Changes:
        return Changes(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.deleted + other.deleted,
        )

    def __bool__(self) -> bool:
        """Whether anything in the database is different now."""
        return bool(self.inserted or self.updated or self.deleted)

    def __str__(self) -> str:
        """The short form of ``--dry-run``: ``+12 ~3 =240 -1``; parts that are zero are left out."""
        parts = (("+", self.inserted), ("~", self.updated), ("=", self.unchanged), ("-", self.deleted))
        return " ".join(f"{sign}{count}" for sign, count in parts if count) or "no rows"

    def as_dict(self) -> dict[str, int]:
        """The four numbers under their stable ``--json`` keys."""
        return {
            "inserted": self.inserted,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "deleted": self.deleted,
        }


def total(changes: Iterable[Changes]) -> Changes:
    """Add up changes."""
    return sum(changes, Changes())


@dataclass(frozen=True, slots=True)
class Seed:
    """One seed as its file describes it, read without running it.

    ``files`` holds every file that the checksum covers: the script first, then its data files and the ``_*.py`` it
    imports. ``group`` is the folder below the layer (``"checkout"``, or ``""``).
    """

    revision: str
    name: str
    layer: Layer
    kind: Kind
    path: Path
    group: str
    checksum: str
    files: tuple[Path, ...] = ()
    description: str = ""
    depends_on: tuple[str, ...] = ()
    depends_on_line: int | None = field(default=None, compare=False)
    requires_schema: str | None = None
    schema_until: str | None = None
    mode: Mode = Mode.ON_CHANGE
    transaction: Transaction = Transaction.SEED
    labels: tuple[str, ...] = ()
    dialects: tuple[str, ...] = ()
    has_verify: bool = False
    has_downgrade: bool = False

    @property
    def qualified_name(self) -> str:
        """The name with its folder, as manifests list scenarios: ``checkout/abandoned_carts``."""
        return f"{self.group}/{self.name}" if self.group else self.name


@dataclass(frozen=True, slots=True)
class Applied:
    """One row of ``seed_history``. Times are UTC, durations milliseconds."""

    seed: str
    layer: Layer
    state: State
    checksum: str
    environment: str
    schema_heads: tuple[str, ...]
    random_seed: int
    clock: datetime
    volumes: Mapping[str, int]
    changes: Changes
    started_at: datetime
    duration_ms: int
    applied_by: str
    tool_version: str
    note: Mapping[str, object] = field(default_factory=dict)
    id: int | None = None

    @property
    def rows_per_s(self) -> int | None:
        """How many rows a second it looked at or wrote; None where it took no time or came upon none."""
        rows = sum(self.changes.as_dict().values())
        return round(rows * 1000 / self.duration_ms) if rows and self.duration_ms else None


class Action(StrEnum):
    """What a step of a plan does with its seed."""

    APPLY = "apply"
    REAPPLY = "reapply"
    CONTINUE = "continue"
    DOWNGRADE = "downgrade"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan: a seed, what to do with it, and why."""

    seed: Seed
    action: Action
    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A wanted seed that does not run now, and why (its schema window is shut, or it is for another database)."""

    seed: Seed
    reason: str


@dataclass(frozen=True, slots=True)
class Drift:
    """One disagreement between files and history. A value to report, not a failure.

    ``renamed_to`` names unapplied seeds with the very content of one whose file is gone, or else its timestamp.
    """

    seed: str
    layer: Layer
    reason: str
    renamed_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The ordered steps that ``upgrade`` would take, with everything it would leave alone for a reason."""

    steps: tuple[Step, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    drift: tuple[Drift, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.steps)


@dataclass(frozen=True, slots=True)
class Circular:
    """A foreign key of a table to itself, or in a circle of tables, and what lets rows come in any order there."""

    table: str
    constraint: str
    way: str


@dataclass(frozen=True, slots=True)
class Load:
    """How the rows of one large load went into a table, and what became of its foreign keys and indexes meanwhile."""

    table: str
    rows: int
    by: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step did: its changes in all and per table, and how long it took in milliseconds.

    ``counted`` is False where the seed may have written more: it held the connection itself, or one number of the
    database's stands for rows inserted and changed.
    """

    seed: Seed
    action: Action
    state: State
    changes: Changes
    tables: Mapping[str, Changes]
    duration_ms: int
    counted: bool = True
    loads: tuple[Load, ...] = ()
