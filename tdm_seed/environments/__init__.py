"""Projects, their manifests and the environments these describe."""

from __future__ import annotations

from tdm_seed.environments.environment import Environment
from tdm_seed.environments.project import Project
from tdm_seed.environments.urls import resolve_url

__all__ = ["Environment", "Project", "resolve_url"]
