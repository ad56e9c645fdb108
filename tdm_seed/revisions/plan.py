"""The plan: which steps ``upgrade`` would take, in which order and why. Pure: no database, file or clock."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tdm_seed.errors import UsageError
from tdm_seed.revisions.dependencies import Dependencies, dependencies
from tdm_seed.revisions.resolve import find, select
from tdm_seed.values import Action, Applied, Drift, Layer, Mode, Plan, Seed, Skipped, State, Step


@dataclass(frozen=True, slots=True)
class Selection:
    """What an environment wants, as its manifest says."""

    environment: str
    layers: tuple[Layer, ...]
    scenarios: tuple[str, ...] = ()
    protected: bool = False
    #: Where its scenarios are listed.
    file: str | None = None
    line: int | None = None


def plan(
    seeds: Sequence[Seed],
    applied: Mapping[str, Applied],
    *,
    selection: Selection,
    schema_revisions: frozenset[str] | None,
    dialect_names: Sequence[str],
    targets: Iterable[str] = (),
    again: Iterable[str] = (),
    sunk: Collection[str] = (),
) -> Plan:
    """Compute what ``upgrade`` would do.

    ``applied`` holds the last history entry of each seed, ``schema_revisions`` every Alembic revision that
    the database has (None: not known, then schema windows are not looked at), ``dialect_names`` what its
    server answers to. With ``targets`` only those, what they need, and ``again`` are considered. ``sunk`` names the
    applied seeds whose schema was below what they require, before it was migrated just now.

    A seed whose ``requires_schema`` is missing keeps its step: see ``not_ready``.

    Raises:
        SeedError: when dependencies do not resolve.
        UsageError: for a target that is no seed, or one that the environment does not want.
    """
    graph = dependencies(seeds)
    wanted = _wanted(graph, selection)
    repeated = frozenset(_target(text, graph.seeds, wanted, selection).revision for text in again)
    aimed = [_target(text, graph.seeds, wanted, selection) for text in targets]
    if aimed:
        wanted = graph.with_needed(aimed) | repeated
    steps: list[Step] = []
    skipped: list[Skipped] = []
    drift: list[Drift] = []
    for seed in graph.seeds:
        if seed.revision not in wanted:
            continue
        entry = applied.get(seed.revision)
        below = seed.revision in sunk or (entry is not None and sank(seed, entry, schema_revisions))
        step = _step(seed, entry, again=seed.revision in repeated, below=below)
        if isinstance(step, Drift):
            drift.append(step)
        elif step is not None:
            reason = _inapplicable(seed, schema_revisions, dialect_names)
            if reason is None:
                steps.append(_with_schema(step, schema_revisions))
            else:
                left = "left unfinished, and " if step.action is Action.CONTINUE else ""
                skipped.append(Skipped(seed, left + reason))
    gone = _gone(seeds, applied)
    if aimed:
        coming = {step.seed.revision for step in steps}
        gone = [each for each in gone if not coming.isdisjoint(each.renamed_to)]
    drift += gone
    return Plan(tuple(steps), tuple(skipped), tuple(sorted(drift, key=lambda each: each.seed)))


def not_ready(plan: Plan, schema_revisions: frozenset[str] | None) -> list[Step]:
    """Return the steps that the schema is not ready for; none where its revisions are not known."""
    if schema_revisions is None:
        return []
    return [step for step in plan.steps if step.seed.requires_schema not in (None, *schema_revisions)]


def _wanted(graph: Dependencies, selection: Selection) -> frozenset[str]:
    """Return what the environment lists and all that needs: reference seeds cannot pull a scenario in."""
    try:
        listed = select(graph.seeds, selection.layers, selection.scenarios, protected=selection.protected)
    except UsageError as error:
        error.located(file=selection.file, line=selection.line)
        raise
    return graph.with_needed(listed)


def _target(text: str, seeds: Sequence[Seed], wanted: frozenset[str], selection: Selection) -> Seed:
    """Find a seed that the command names; the environment must want it."""
    seed = find(seeds, text)
    if seed.revision in wanted:
        return seed
    if selection.protected and seed.layer is Layer.SCENARIO:
        hint = "It is protected, and protected environments have no scenarios."
    elif seed.layer is Layer.SCENARIO:
        hint = f'Nothing listed, nothing run: add "{seed.qualified_name}" to `scenarios` in its manifest'
        hint += "." if Layer.SCENARIO in selection.layers else ', and "scenario" to `layers`.'
    else:
        hint = 'Add "reference" to `layers` in its manifest.'
    raise UsageError(
        f"the environment {selection.environment} does not want {seed.qualified_name}",
        hint=hint,
        seed=seed.revision,
        file=selection.file,
        line=selection.line,
    )


def sank(seed: Seed, entry: Applied, schema_revisions: frozenset[str] | None) -> bool:
    """Tell whether the schema has gone back below what an applied seed requires, and its rows may be gone with it."""
    if schema_revisions is None or seed.requires_schema is None or entry.state is not State.APPLIED:
        return False
    return seed.requires_schema not in schema_revisions and entry.checksum == seed.checksum


def how_to_repeat(seed: Seed) -> str:
    """Say what brings the rows of a seed that runs once into their state anew."""
    if seed.has_downgrade:
        return f"`tdm-seed downgrade {seed.name}` and `tdm-seed upgrade` apply it anew"
    return f"`tdm-seed reset` begins anew, `tdm-seed upgrade --again {seed.name}` runs it on top of its rows"


def _step(seed: Seed, entry: Applied | None, *, again: bool, below: bool) -> Step | Drift | None:
    """Decide about one seed from its last history entry alone."""
    if entry is None:
        return Step(seed, Action.APPLY, "new")
    if entry.state in (State.REVERTED, State.RESET):
        return Step(seed, Action.APPLY, str(entry.state))
    changed = entry.checksum != seed.checksum
    if entry.state is State.RUNNING:
        return Step(seed, Action.CONTINUE, "left unfinished, and changed since" if changed else "left unfinished")
    if again:
        return Step(seed, Action.REAPPLY, "again")
    if changed and seed.mode is Mode.ONCE:
        return Drift(
            seed.revision,
            seed.layer,
            f"changed since it was {entry.state}; it runs once, so it is left alone: "
            f"{how_to_repeat(seed)}; `tdm-seed repair {seed.name}` accepts the edit",
        )
    if changed:
        return Step(seed, Action.REAPPLY, "changed")
    if below and seed.mode is Mode.ONCE:
        return Drift(
            seed.revision,
            seed.layer,
            f"the schema went back below {seed.requires_schema} since it was applied, so its rows may be gone: "
            f"{how_to_repeat(seed)}",
        )
    if below:
        return Step(seed, Action.REAPPLY, f"the schema went back below {seed.requires_schema} since it was applied")
    return Step(seed, Action.REAPPLY, "always") if seed.mode is Mode.ALWAYS else None


def _with_schema(step: Step, schema_revisions: frozenset[str] | None) -> Step:
    """Say with a step what its schema still lacks."""
    required = step.seed.requires_schema
    if schema_revisions is None or required is None or required in schema_revisions:
        return step
    return replace(step, reason=f"{step.reason}; needs the schema at {required}")


def _inapplicable(seed: Seed, schema_revisions: frozenset[str] | None, dialect_names: Sequence[str]) -> str | None:
    """Say why a seed does not run on this database now; None when it does."""
    if seed.dialects and not set(seed.dialects) & set(dialect_names):
        return f"for {', '.join(seed.dialects)} only"
    if schema_revisions is not None and seed.schema_until in schema_revisions:
        return f"no longer applies from {seed.schema_until}"
    return None


def _gone(seeds: Sequence[Seed], applied: Mapping[str, Applied]) -> list[Drift]:
    """Report seeds that history holds and the files do not."""
    active = {
        revision: entry for revision, entry in applied.items() if entry.state not in (State.REVERTED, State.RESET)
    }
    files = {seed.revision for seed in seeds}
    unapplied = [seed for seed in seeds if seed.revision not in active]
    found = []
    for revision, entry in active.items():
        if revision in files:
            continue
        alike = tuple(seed.revision for seed in unapplied if seed.checksum == entry.checksum)
        edited = () if alike else tuple(seed.revision for seed in unapplied if _of_one_minute(seed, entry))
        reason = "its file is gone"
        if entry.state is State.RUNNING:
            reason += ", and it was left unfinished"
        if alike:
            reason += f"; renamed to {' or '.join(alike)}?"
        elif edited:
            reason += f"; renamed to {' or '.join(edited)}, and edited?"
        found.append(Drift(revision, entry.layer, reason, alike or edited))
    return found


def _of_one_minute(seed: Seed, entry: Applied) -> bool:
    """Tell whether a seed has the layer and the timestamp of one whose file is gone: two are seldom written at once."""
    return seed.layer is entry.layer and seed.revision.split("_")[:2] == entry.seed.split("_")[:2]
