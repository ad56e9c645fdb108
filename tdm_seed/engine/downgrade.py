"""Which seeds a downgrade reverts, and in which order. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tdm_seed.errors import SeedError, UsageError
from tdm_seed.history import states
from tdm_seed.revisions import find
from tdm_seed.revisions.dependencies import Dependencies, dependencies
from tdm_seed.values import Action, Applied, Seed, State, Step

_STANDING = (State.APPLIED, State.STAMPED, State.RUNNING)


def steps(seeds: Sequence[Seed], entries: Sequence[Applied], target: str) -> tuple[Step, ...]:
    """List the seed that ``target`` names and the applied ones that need it, those first.

    ``-1`` is the seed that was applied last (``-2`` the last two), ``base`` every applied seed; these need no reason.

    Raises:
        UsageError: the target is not applied, or is no seed.
        SeedError: an applied seed has no file any more, so nobody knows how to revert it.
    """
    standing = {name: entry for name, entry in states(entries).items() if entry.state in _STANDING}
    graph = dependencies(seeds)
    by_revision = {seed.revision: seed for seed in graph.seeds}
    newest = sorted(standing, key=lambda name: standing[name].id or 0, reverse=True)
    reason = ""
    if target == "base":
        chosen = newest
    elif target.startswith("-") and target[1:].isdigit():
        if not int(target):
            raise UsageError(f"{target} reverts nothing", hint="-1 is the seed that was applied last.")
        chosen = newest[: int(target) * -1]
        if len(chosen) < -int(target):
            are = "seed is" if len(chosen) == 1 else "seeds are"
            raise UsageError(f"only {len(chosen)} {are} applied", hint="`downgrade base` reverts all of them.")
    else:
        seed = _named(seeds, standing, target)
        if seed.revision not in standing:
            raise UsageError(f"{seed.revision} is not applied", hint="`tdm-seed status` lists what is.")
        chosen, reason = [seed.revision], "named"
    for name in chosen:
        if name not in by_revision:
            raise _gone(name)
    named = [by_revision[name] for name in chosen]
    wanted = {seed.revision for seed in (*named, *graph.needing(named)) if seed.revision in standing}
    return tuple(
        Step(seed, Action.DOWNGRADE, reason if seed.revision in chosen else _needs(graph, seed, wanted))
        for seed in reversed(graph.seeds)
        if seed.revision in wanted
    )


def _named(seeds: Sequence[Seed], standing: Collection[str], target: str) -> Seed:
    try:
        return find(seeds, target)
    except UsageError:
        gone = [
            name for name in standing if target in (name, name[14:]) and name not in {seed.revision for seed in seeds}
        ]
        if len(gone) == 1:
            raise _gone(gone[0]) from None
        raise


def _gone(revision: str) -> SeedError:
    return SeedError(
        "is applied, but its file is gone, so nobody knows how to revert it",
        seed=revision,
        hint=f"Bring the file back; or `tdm-seed repair {revision}` accepts that it is gone, and its rows stay.",
    )


def _needs(graph: Dependencies, seed: Seed, reverted: Collection[str]) -> str:
    names = {each.revision: each.name for each in graph.seeds}
    return f"needs {', '.join(names[need] for need in graph.needs[seed.revision] if need in reverted)}"
