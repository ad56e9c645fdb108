"""Which seeds a text means: on the command line any unique part, in a manifest names and patterns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from tdm_seed.errors import UsageError
from tdm_seed.revisions.spelling import did_you_mean
from tdm_seed.values import Layer, Seed

_LABEL = "label:"


def find(seeds: Sequence[Seed], text: str) -> Seed:
    """Find the one seed that a text on the command line means.

    Its revision, name or ``group/name`` in full goes before any part of them.

    Raises:
        UsageError: when none or several fit; names them, or what is spelt alike.
    """
    if not text.strip():
        raise UsageError("an empty text names no seed", hint="Is a variable in the command not set?")
    for seed in seeds:
        if text in (seed.revision, seed.name, seed.qualified_name):
            return seed
    found = sorted((seed for seed in seeds if text and _holds(seed, text)), key=lambda seed: seed.revision)
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"{text} fits {len(found)} seeds: {_listed(seed.revision for seed in found)}",
            hint="Give more of the name of the one that is meant.",
        )
    hint = did_you_mean(text, _words(seeds))
    raise UsageError(f"there is no seed {text}", hint=hint or "`tdm-seed status` lists the seeds.")


def select(
    seeds: Sequence[Seed], layers: Iterable[Layer], scenarios: Iterable[str], protected: bool
) -> tuple[Seed, ...]:
    """Return the seeds that an environment lists, sorted by revision, without what they need.

    Reference seeds are wanted where the layer is; a scenario where a pattern fits too: its name or
    revision, a pattern of ``group/name`` with ``*`` and ``?``, or ``label:word``. A protected environment
    has no scenarios, whatever it lists.

    Raises:
        UsageError: for a pattern that fits no scenario.
    """
    wanted_layers = frozenset(layers)
    chosen: dict[str, Seed] = {}
    if Layer.REFERENCE in wanted_layers:
        chosen = {seed.revision: seed for seed in seeds if seed.layer is Layer.REFERENCE}
    if Layer.SCENARIO in wanted_layers and not protected:
        candidates = [seed for seed in seeds if seed.layer is Layer.SCENARIO]
        for pattern in scenarios:
            found = {seed.revision: seed for seed in candidates if fits(seed, pattern)}
            if not found and pattern != "*":  # all there are may be none yet
                raise _fits_nothing(pattern, seeds, candidates)
            chosen |= found
    return tuple(chosen[revision] for revision in sorted(chosen))


def _holds(seed: Seed, text: str) -> bool:
    return text in seed.revision or text in seed.qualified_name


def fits(seed: Seed, pattern: str) -> bool:
    """Tell whether a scenario is among those that one line of a manifest's list means."""
    if pattern.startswith(_LABEL):
        return any(fnmatchcase(label, pattern.removeprefix(_LABEL)) for label in seed.labels)
    return pattern in (seed.name, seed.revision) or fnmatchcase(seed.qualified_name, pattern)


def _fits_nothing(pattern: str, seeds: Sequence[Seed], candidates: Sequence[Seed]) -> UsageError:
    message = f"the environment lists the scenario {pattern}, which fits none"
    if any(pattern in (seed.name, seed.revision) for seed in seeds if seed.layer is Layer.REFERENCE):
        return UsageError(message, hint=f"{pattern} is a reference seed: those are wanted without being listed.")
    if pattern.startswith(_LABEL):
        labels = {label for seed in candidates for label in seed.labels}
        hint = did_you_mean(pattern.removeprefix(_LABEL), labels)
        hint = hint or f"Labels in use: {_listed(sorted(labels)) or 'none'}."
    else:
        hint = did_you_mean(pattern, _words(candidates)) or (
            f"Scenarios: {_listed(sorted(seed.qualified_name for seed in candidates)) or 'none yet'}. "
            "One that was renamed or removed is so in the manifest first."
        )
    return UsageError(message, hint=hint)


def _words(seeds: Iterable[Seed]) -> set[str]:
    return {word for seed in seeds for word in (seed.name, seed.qualified_name, seed.revision)}


def _listed(words: Iterable[str], limit: int = 8) -> str:
    every = list(words)
    more = f" and {len(every) - limit} more" if len(every) > limit else ""
    return ", ".join(every[:limit]) + more
