"""What a shell offers behind Tab: environments and seeds of the project, without touching a database."""

from __future__ import annotations

import click


def environments(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Offer the environments of the project."""
    from tdm_seed.environments import Project
    from tdm_seed.errors import TdmSeedError

    try:
        return [name for name in Project.load().runnable() if name.startswith(begun)]
    except TdmSeedError:
        return []


def seeds(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Offer seeds by their names; by their revisions where a timestamp was begun."""
    from tdm_seed.dialects import names
    from tdm_seed.environments import Project
    from tdm_seed.errors import TdmSeedError
    from tdm_seed.revisions import discover

    try:
        project = Project.load()
        found = discover(project.seeds, names(), root=project.root)
    except TdmSeedError:
        return []
    offered = [seed.revision if begun[:1].isdigit() else seed.name for seed in found]
    return sorted(name for name in offered if name.startswith(begun))
