"""What an environment wants of the seeds that there are."""

from __future__ import annotations

from tdm_seed.environments import Environment
from tdm_seed.revisions.plan import Selection


def selection(environment: Environment) -> Selection:
    """Say it in the words of the plan."""
    return Selection(
        environment.name,
        environment.layers,
        environment.scenarios,
        environment.protected,
        **environment.place("scenarios"),
    )
