"""What a project has that does not know tdm-seed yet: its migrations, and the database that they are for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from tdm_seed import dialects
from tdm_seed.engine.asking import ask, builds_its_own
from tdm_seed.environments import Project
from tdm_seed.environments.project import alembic_in
from tdm_seed.errors import TdmSeedError
from tdm_seed.schema_version import SchemaVersion

if TYPE_CHECKING:
    from sqlalchemy import URL

    from tdm_seed.schema_version.probing import Probe

#: Folders that hold other people's projects, or nothing that anybody wrote.
_STRANGE = frozenset(("node_modules", "site-packages", "build", "dist", "venv", "env", "__pycache__", "tests", "test"))
_DEEPEST = 5
#: Somebody's home has more folders than anybody would wait for.
_MOST = 10_000
#: Characters of an error that a note repeats.
_LONGEST = 240

_OWN_URL = (
    "env.py builds its own URL, so --migrate refuses every other database: let it take what it is handed first, "
    'context.config.attributes.get("url") or …what stands there now…'
)


@dataclass(frozen=True)
class Survey:
    """What was found. ``url`` is as the project uses it, password included; ``base`` is where its path counts from.

    ``migrates`` tells whether ``env.py`` can be expected to serve ``--migrate``, ``settings`` what the configuration
    must say since no file can, and ``notes`` what a person should know. ``variable`` is one that ``env.py`` misses.
    """

    url: URL | None = field(default=None, repr=False)
    base: Path = Path()
    source: str = ""
    variable: str | None = None
    heads: tuple[str, ...] = ()
    migrates: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def find_alembic(root: Path) -> tuple[Path, ...]:
    """List what may configure Alembic in a project, that nearest to its root first.

    Configurations come before folders of migrations that are configured by a program.
    """
    if found := alembic_in(root):
        return (found,)
    configurations: list[Path] = []
    folders: list[Path] = []
    for path, below, files in islice(os.walk(root), _MOST):
        here = Path(path)
        depth = len(here.relative_to(root).parts)
        inside = [name for name in below if not name.startswith(".") and name.lower() not in _STRANGE]
        below[:] = sorted(name for name in inside if depth < _DEEPEST and not (here / name / "pyvenv.cfg").exists())
        if found := alembic_in(here):
            configurations.append(found)
        elif {"env.py", "script.py.mako"} <= set(files):
            folders.append(here)
    return tuple(sorted(configurations or folders, key=lambda path: (len(path.parts), path)))


def survey(project: Project) -> Survey:
    """Read the migrations of a project and run its ``env.py`` up to the point where it has chosen its database.

    What fails is a note, for a project must not be whole to be begun with. Nothing is written.
    """
    schema = SchemaVersion.of(project)
    if schema is None:
        return Survey(base=project.root)
    notes: list[str] = []
    failures: list[TdmSeedError] = []
    heads: tuple[str, ...] = ()
    try:
        heads = schema.newest()
    except TdmSeedError as error:
        failures.append(error)
        notes.append(f"the migrations cannot be read: {told(error, project.root)}")
    answer = ask(schema)
    if answer.failure is not None and not answer.excused:
        failures.append(answer.failure)
        why = "env.py cannot connect" if answer.shut_out else "env.py does not tell its database"
        notes.append(f"{why}: {told(answer.failure, project.root)}")
    if any(isinstance(error.__cause__, ModuleNotFoundError) for error in failures):
        notes.append("tdm-seed must be able to import what they import: install it where your application is installed")
    if answer.wants:
        notes.append(f"if {answer.wants} is a variable: set it, take this away, and run `tdm-seed init` again")
    if not answer.migrates:
        notes.append("so leave --migrate out: migrate as you do now, before `tdm-seed upgrade`")
    elif builds_its_own(schema, answer):
        notes.append(_OWN_URL)
    url, source = answer.url, "env.py"
    if url is None and answer.variable is None:
        url, source = answer.written, "alembic.ini"
    if url is not None and dialects.load(url.get_backend_name())().in_memory(url):
        notes.append(f"{source} names a database in memory, which would end with each command")
        url = None
    return Survey(
        url=url,
        base=answer.base,
        source=source if url is not None else "",
        variable=answer.variable,
        heads=heads,
        migrates=answer.migrates,
        settings=_settings(project, answer.probe),
        notes=tuple(notes),
    )


def _settings(project: Project, probe: Probe | None) -> dict[str, str]:
    """Give the version table where reading ``env.py`` does not tell what running it has told."""
    if probe is None:
        return {}
    unread = SchemaVersion.of(project)
    try:
        if unread is None or unread.tables() == {probe.version_table}:
            return {}
    except TdmSeedError:
        pass  # chosen while env.py runs
    found: dict[str, Any] = {"version_table": probe.version_table, "version_table_schema": probe.version_table_schema}
    return {key: value for key, value in found.items() if value}


def told(error: TdmSeedError, root: Path) -> str:
    """Say an error in a line, with its file as seen from a project's root; what env.py raises can be long."""
    where = str(error.place).removeprefix(f"{root}/")
    return shorten(f"{where}: {error.message}" if where else error.message, _LONGEST, placeholder=" …")
