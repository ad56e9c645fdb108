"""An Alembic that came to a project after tdm-seed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import URL

from tdm_seed import dialects
from tdm_seed.dialects.wording import place
from tdm_seed.engine.survey import survey
from tdm_seed.environments import Environment, Project, resolve_url
from tdm_seed.environments.urls import anchored
from tdm_seed.errors import TdmSeedError


def arrived(project: Project) -> Iterator[str]:
    """Say which database an ``env.py`` works with that the project's files know nothing of; they stay as they are."""
    if project.alembic is None or project.given_alembic is not None:
        return
    found = survey(project)
    yield from found.notes
    environment = project.environment()
    if found.url is not None and not _works_with(environment, found.url, found.base):
        yield f"env.py works with {place(found.url)}, and {environment.name} keeps the url of its manifest"


def _works_with(environment: Environment, url: URL, base: Path) -> bool:
    """Tell whether this is an environment's database; one whose URL is not known here works with another."""
    try:
        theirs = anchored(url.render_as_string(hide_password=False), base)
        return dialects.same_database(resolve_url(environment), theirs)
    except TdmSeedError:
        return False
