"""What is applied, pending or adrift, compared without writing anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from tdm_seed import faking
from tdm_seed.errors import UsageError
from tdm_seed.history import environment_of, states
from tdm_seed.revisions import find
from tdm_seed.revisions.plan import how_to_repeat
from tdm_seed.values import Applied, Layer, Plan, Seed, State

if TYPE_CHECKING:
    from tdm_seed.environments import Environment


@dataclass(frozen=True)
class SeedStatus:
    """One seed as ``status`` shows it; ``state`` is "applied", "pending", "drift", "skipped" or "unlisted"."""

    seed: str
    layer: Layer
    state: str
    reason: str
    applied_at: datetime | None
    checksum: str


@dataclass(frozen=True)
class Status:
    """All seeds of an environment, and how many of them are pending or adrift.

    ``seeded_as`` is the environment that the database belongs to, if it belongs to one.
    """

    environment: str
    schema_heads: tuple[str, ...]
    seeds: tuple[SeedStatus, ...]
    seeded_as: str | None = None

    @property
    def pending(self) -> int:
        """How many seeds ``upgrade`` would run, those that run every time left out."""
        return sum(seed.state == "pending" for seed in self.seeds)

    @property
    def drift(self) -> int:
        """How many seeds disagree with the history in a way that ``upgrade`` leaves alone."""
        return sum(seed.state == "drift" for seed in self.seeds)


def compare(
    seeds: Sequence[Seed],
    plan: Plan,
    entries: Sequence[Applied],
    environment: Environment,
    heads: tuple[str, ...],
    rows_so_far: Mapping[str, int],
    down: Mapping[str, str],
) -> Status:
    """Say for every seed of the plan's environment, and every applied one, where it stands.

    ``rows_so_far`` tells what unfinished seeds have committed in chunks, ``down`` what they have left down.
    """
    current = states(entries)
    pending = {step.seed.revision: step.reason for step in plan.steps if step.reason != "always"}
    for name in pending.keys() & rows_so_far.keys():
        pending[name] += f", {rows_so_far[name]:,} rows are there"
    for name in pending.keys() & down.keys():
        pending[name] += f"; {down[name]}"
    skipped = {each.seed.revision: each.reason for each in plan.skipped}
    drifted = {each.seed: each for each in plan.drift}
    found = [
        _one(seed, current.get(seed.revision), pending, skipped, environment)
        for seed in seeds
        if seed.revision not in drifted
    ]
    for name, drift in drifted.items():
        entry = current[name]
        found.append(SeedStatus(name, drift.layer, "drift", drift.reason, entry.started_at, entry.checksum))
    found = [
        replace(each, reason="; ".join(filter(None, (each.reason, down[each.seed]))))
        if each.seed in down.keys() - pending.keys()
        else each
        for each in found
    ]
    in_order = tuple(sorted(found, key=lambda each: (each.layer, each.seed)))
    return Status(environment.name, heads, in_order, environment_of(entries))


def _one(
    seed: Seed,
    entry: Applied | None,
    pending: Mapping[str, str],
    skipped: Mapping[str, str],
    environment: Environment,
) -> SeedStatus:
    applied = entry is not None and entry.state in (State.APPLIED, State.STAMPED)
    at = entry.started_at if entry and applied else None
    if seed.revision in pending:
        reason = pending[seed.revision]
        if entry and entry.state is State.RUNNING and "reason" in entry.note:
            reason += f": {entry.note['reason']}"
        return SeedStatus(seed.revision, seed.layer, "pending", reason, at, seed.checksum)
    if seed.revision in skipped:
        return SeedStatus(seed.revision, seed.layer, "skipped", skipped[seed.revision], at, seed.checksum)
    if entry is None or not applied:
        reason = f"{environment.name} does not list it"
        return SeedStatus(seed.revision, seed.layer, "unlisted", reason, at, seed.checksum)
    return SeedStatus(seed.revision, seed.layer, "applied", _remarks(seed, entry, environment), at, entry.checksum)


def _remarks(seed: Seed, entry: Applied, environment: Environment) -> str:
    """Tell what is no drift but worth knowing: other volumes, another Faker, stamped only."""
    remarks = ["stamped, not run"] if entry.state is State.STAMPED else []
    changed = {
        name: (count, environment.volumes[name])
        for name, count in entry.volumes.items()
        if environment.volumes.get(name, count) != count
    }
    if changed:
        was = ", ".join(f"{name}={count}" for name, (count, _) in sorted(changed.items()))
        now = ", ".join(f"{name}={count}" for name, (_, count) in sorted(changed.items()))
        now = now if len(changed) > 1 else now.partition("=")[2]
        remarks.append(f"applied with {was}, the manifest says {now}: {how_to_repeat(seed)}")
    if entry.note.get("faker") not in (None, faking.version()):
        remarks.append(f"made with Faker {entry.note['faker']}, {faking.version()} would give other values")
    return "; ".join(remarks)


def chosen(seeds: Sequence[Seed], entries: Sequence[Applied], seed: str | None) -> list[Applied]:
    """Keep the entries of one seed, named by any unique part; also one whose file is gone.

    Raises:
        UsageError: no seed, and no entry, has that name.
    """
    if seed is None:
        return list(entries)
    in_history = {entry.seed for entry in entries if seed == entry.seed}
    try:
        name = next(iter(in_history), None) or find(seeds, seed).revision
    except UsageError:
        alike = sorted({entry.seed for entry in entries if seed in entry.seed})
        if len(alike) != 1:
            raise
        name = alike[0]
    return [entry for entry in entries if entry.seed == name]
