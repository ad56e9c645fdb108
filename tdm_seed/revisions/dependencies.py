"""What seeds need one another for: names resolved, mistakes named, the one order that plans follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tdm_seed.errors import SeedError
from tdm_seed.graph import CycleError, order
from tdm_seed.revisions.spelling import did_you_mean
from tdm_seed.values import Kind, Layer, Seed


@dataclass(frozen=True, slots=True)
class Dependencies:
    """All seeds of a project in order, and for each revision the revisions it needs directly.

    The order: what a seed needs before it, among free ones reference before scenario, then by revision.
    Leaving seeds out that no other needs does not change the order of the rest, so environments agree on
    it.
    """

    seeds: tuple[Seed, ...]
    needs: Mapping[str, tuple[str, ...]]

    def with_needed(self, wanted: Iterable[Seed]) -> frozenset[str]:
        """Return the revisions of seeds and of all that they need, directly or not."""
        return _reach((seed.revision for seed in wanted), self.needs)

    def needing(self, seeds: Iterable[Seed]) -> tuple[Seed, ...]:
        """Return all that need one of the seeds, directly or not, in the order that reverts them safely."""
        needed_by: dict[str, list[str]] = {revision: [] for revision in self.needs}
        for revision, needs in self.needs.items():
            for need in needs:
                needed_by[need].append(revision)
        start = [seed.revision for seed in seeds]
        found = _reach(start, needed_by) - set(start)
        return tuple(seed for seed in reversed(self.seeds) if seed.revision in found)


def dependencies(seeds: Sequence[Seed]) -> Dependencies:
    """Resolve every ``depends_on``, which may name a seed by revision or name.

    Raises:
        SeedError: for a name that no seed has, a reference seed that needs a scenario, or a cycle, which is
            spelt out.
    """
    by_revision = {seed.revision: seed for seed in seeds}
    known = {seed.name: seed for seed in seeds} | by_revision
    needs: dict[str, tuple[str, ...]] = {}
    for seed in sorted(seeds, key=lambda seed: seed.revision):
        found: list[str] = []
        for name in seed.depends_on:
            need = known.get(name)
            if need is None:
                hint = did_you_mean(name, known) or "depends_on names seeds by their name or revision."
                raise SeedError(
                    f"depends on {name}, and there is no such seed",
                    hint=hint,
                    seed=seed.revision,
                    **_place(seed),
                )
            if seed.layer is Layer.REFERENCE and need.layer is Layer.SCENARIO:
                raise SeedError(
                    f"is a reference seed and depends on {need.name}, which is a scenario",
                    hint="Move the rows it needs into a reference seed, or make it a scenario.",
                    seed=seed.revision,
                    **_place(seed),
                )
            found.append(need.revision)
        needs[seed.revision] = tuple(dict.fromkeys(found))
    try:
        ordered = order(needs, lambda revision: (by_revision[revision].layer is Layer.SCENARIO, revision))
    except CycleError as error:
        names = [by_revision[revision].name for revision in error.cycle]
        first = by_revision[error.cycle[0]]
        raise SeedError(
            f"waits for itself: {' -> '.join(names)} (each depends on the next)",
            hint="Take one of these names out of its depends_on.",
            seed=first.revision,
            **_place(first),
        ) from error
    return Dependencies(tuple(by_revision[revision] for revision in ordered), needs)


def _reach(start: Iterable[str], edges: Mapping[str, Iterable[str]]) -> frozenset[str]:
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        revision = waiting.pop()
        if revision not in found:
            found.add(revision)
            waiting.extend(edges[revision])
    return frozenset(found)


def _place(seed: Seed) -> dict[str, Any]:
    """Give file and line of a seed's ``depends_on``: of the TOML file beside it where the seed is data."""
    file = (
        next((path for path in seed.files if path.suffix == ".toml"), seed.path)
        if seed.kind is Kind.DATA
        else seed.path
    )
    return {"file": file, "line": seed.depends_on_line}
