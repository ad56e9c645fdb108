"""Making a new seed in a project: what it requires, where it lies, and which environments run it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tdm_seed import dialects
from tdm_seed.engine.survey import told
from tdm_seed.environments import Environment, Project
from tdm_seed.environments.editing import Edit, with_scenario, write
from tdm_seed.errors import Protected, TdmSeedError, UsageError
from tdm_seed.revisions import discover, find
from tdm_seed.revisions.new import Draft, compose
from tdm_seed.revisions.resolve import fits
from tdm_seed.revisions.spelling import did_you_mean
from tdm_seed.schema_version import SchemaVersion
from tdm_seed.values import Layer, Seed


@dataclass(frozen=True)
class Created:
    """A new seed with its files, the manifests that list it now, and the environments that will run it."""

    seed: Seed
    files: tuple[Path, ...]
    changed: tuple[Path, ...]
    environments: tuple[str, ...]
    notes: tuple[str, ...]


def create(project: Project, draft: Draft, when: datetime, *, listed_by: Sequence[str] = ()) -> Created:
    """Write a new seed, and list it in manifests if it is a scenario.

    ``requires_schema`` is taken from the project's migrations unless the draft has it; no database is asked.

    Raises:
        UsageError: for a name that is taken, an unknown environment, dependency or migration, a reference seed that
            is to be listed, or a file that cannot be written; nothing is written then.
        Protected: an environment that takes no scenarios.
        SeedError: the seeds that are there cannot be read, or the data is no CSV.
    """
    seeds = discover(project.seeds, dialects.names(), root=project.root) if project.seeds.is_dir() else ()
    draft, notes = _at_head(project, draft)
    seed, files = compose(draft, project.seeds, seeds, when)
    edits = [edit for name in dict.fromkeys(listed_by) if (edit := _listing(project, seed, name))]
    made: list[Seed] = []

    def prove() -> None:
        found = discover(project.seeds, dialects.names(), root=project.root)
        made.append(find(found, seed.revision))

    write(files, edits, prove)
    wanted = _environments(project, made[0])
    return Created(
        seed=made[0],
        files=tuple(file.path for file in files),
        changed=tuple(edit.path for edit in edits),
        environments=wanted,
        notes=(*notes, *([_UNLISTED.format(seed.name)] if not wanted and seed.layer is Layer.SCENARIO else [])),
    )


_UNLISTED = 'no environment lists it, so it runs nowhere: add "{}" to the scenarios of a manifest'


def _at_head(project: Project, draft: Draft) -> tuple[Draft, tuple[str, ...]]:
    """Fill in the newest schema revision; where that is not one, leave it to the author, and say why."""
    schema = SchemaVersion.of(project)
    if schema is None:
        return draft, ()
    try:
        heads = schema.newest()
    except TdmSeedError as error:
        if draft.requires_schema is not None:
            return draft, ()
        return draft, (f"requires_schema is left out: {told(error, project.root)}",)
    wanted = draft.requires_schema
    if wanted is not None:
        if not schema.exists(wanted):
            raise UsageError(f"there is no migration {wanted}", hint=_meant(wanted, schema.known()))
        return draft, ()
    if len(heads) == 1:
        return replace(draft, requires_schema=heads[0]), ()
    note = f"Alembic has several heads ({', '.join(heads)}): name the one it needs in requires_schema"
    return replace(draft, heads=heads), (note,) if heads else ()


#: How many migrations are listed to somebody who has named none of them.
_LISTED = 5


def _meant(wanted: str, known: Sequence[str]) -> str:
    """Say which migration was probably meant, such as the one whose beginning was given, and what there is."""
    begun = [revision for revision in known if revision.startswith(wanted)]
    meant = f"Did you mean {begun[0]}?" if len(begun) == 1 else did_you_mean(wanted, known)
    newest, before = known[:_LISTED], len(known) - _LISTED
    listed = f"The newest are {', '.join(newest)}, and {before} before them." if before > 0 else _all(newest)
    return " ".join(filter(None, (meant, listed)))


def _all(known: Sequence[str]) -> str:
    return f"There are, the newest first: {', '.join(known)}." if known else "There is none."


def _listing(project: Project, seed: Seed, name: str) -> Edit | None:
    """Add a scenario to a manifest; nothing is to be done where a pattern there fits it already."""
    if seed.layer is not Layer.SCENARIO:
        raise UsageError(
            "a reference seed is listed nowhere: every environment that has the layer runs it",
            hint="Leave --for out, or make it --layer scenario.",
        )
    environment = project.environment(name)
    if environment.protected:
        raise Protected(f"the environment {name!r} is protected, so it runs no scenarios")
    if Layer.SCENARIO not in environment.layers:
        raise UsageError(
            f"the environment {name!r} has no scenario layer, so it would not run it",
            hint='Add "scenario" to the layers in its manifest.',
        )
    if _runs(environment, seed):
        return None
    return with_scenario(project.manifests / f"{name}.toml", project.root, seed.name, environment.scenarios)


def _runs(environment: Environment, seed: Seed) -> bool:
    if seed.layer not in environment.layers:
        return False
    if seed.layer is Layer.REFERENCE:
        return True
    return not environment.protected and any(fits(seed, pattern) for pattern in environment.scenarios)


def _environments(project: Project, seed: Seed) -> tuple[str, ...]:
    """Name the environments that will run a seed, leaving out those whose manifest cannot be read here."""
    found = []
    for name in project.runnable():
        try:
            environment = project.environment(name)
        except TdmSeedError:
            continue  # such as for want of a variable; whoever runs it will be told
        if _runs(environment, seed):
            found.append(name)
    return tuple(found)
