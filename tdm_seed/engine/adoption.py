"""Making a project tdm-seed's own: its configuration, its environments and a first seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from tdm_seed import dialects
from tdm_seed.dialects.wording import place
from tdm_seed.engine.arrival import arrived
from tdm_seed.engine.survey import Survey, find_alembic, survey
from tdm_seed.environments import Project, hosts
from tdm_seed.environments.editing import Edit, configured, table_of, write
from tdm_seed.environments.project import OWN_FILE, SHARED_FILE, alembic_in
from tdm_seed.environments.sharing import SharedUrl, local_file, shared, shared_test
from tdm_seed.environments.starter import manifests
from tdm_seed.errors import TdmSeedError, UsageError
from tdm_seed.revisions import discover
from tdm_seed.revisions.new import Draft, NewFile, compose
from tdm_seed.values import Layer

VARIABLE, TEST_VARIABLE = "DATABASE_URL", "TEST_DATABASE_URL"

_FIRST = """\
It changes nothing yet. `tdm-seed upgrade` runs it in every environment that has the reference layer, again whenever
this file changes, and its verify right after it. Write rows of your own below."""


@dataclass(frozen=True)
class Adoption:
    """What was found, made and left alone; paths are below ``root``, ``url`` is what the manifest of dev says."""

    root: Path
    alembic: Path | None
    heads: tuple[str, ...]
    database: str | None
    source: str
    url: str
    created: tuple[Path, ...]
    changed: tuple[Path, ...]
    kept: tuple[Path, ...]
    environment: str
    migrates: bool
    notes: tuple[str, ...]

    @property
    def next(self) -> tuple[str, ...]:
        """The commands to go on with."""
        first = "status" if not (self.created or self.changed) else "upgrade --migrate" if self.migrates else "upgrade"
        return f"tdm-seed {first}", 'tdm-seed revision -m "Countries" --layer reference'


def adopt(
    start: Path,
    when: datetime,
    environ: Mapping[str, str],
    *,
    alembic: Path | None = None,
    url: str | None = None,
) -> Adoption:
    """Write what a project needs to be seeded. What is there already is kept, and ``env.py`` is only asked.

    ``alembic`` and ``url`` say what would be looked for otherwise; ``env.py`` is not run when ``url`` is given.

    Raises:
        UsageError: ``alembic`` or ``url`` is none, a file of the project is wrong, or something cannot be written.
    """
    project = _project(start, alembic)
    others = () if project.alembic or project.config_file else find_alembic(project.root)
    chosen = _chosen(others)
    if chosen is not None:
        project = replace(project, alembic=chosen)
    wanted = [project.manifests / f"{name}.toml" for name in ("dev", "test")]
    whole = project.config_file is not None and all(path.is_file() for path in wanted)
    found = Survey(base=project.root) if whole else _surveyed(project, url)
    urls = (
        shared(found.url, project.root, found.base, environ, found.variable or VARIABLE),
        shared_test(found.url if _local(found.url) else None, project.root, found.base, environ, TEST_VARIABLE),
    )
    new, edits, kept = _files(project, found, urls, when)
    write(new, edits, prove=lambda: _prove(project.root, new))
    return Adoption(
        root=project.root,
        alembic=project.alembic,
        heads=found.heads,
        database=place(found.url) if found.url is not None else None,
        source=found.source,
        url="" if whole else str(urls[0]),
        created=tuple(file.path for file in new),
        changed=tuple(edit.path for edit in edits),
        kept=kept,
        environment=project.default_environment,
        migrates=found.migrates,
        notes=tuple(arrived(project) if whole else (*found.notes, *_advice(project, found, urls, others))),
    )


def _project(start: Path, alembic: Path | None) -> Project:
    """Give the project that the folder is or belongs to already, or the one that it will be."""
    configuration = _alembic(start, alembic) if alembic is not None else None
    try:
        known = Project.load(start)
    except UsageError as error:
        if error.place.file is not None:
            raise  # it is one, with a mistake
        return Project(start, start / "seeds", alembic=configuration or alembic_in(start))
    if known.root != start and (configuration or alembic_in(start)):
        return Project(start, start / "seeds", alembic=configuration or alembic_in(start))
    return replace(known, alembic=configuration or known.alembic)


def _alembic(start: Path, given: Path) -> Path:
    path = start / given
    found = path if path.is_file() else alembic_in(path) or (path if (path / "env.py").is_file() else None)
    if found is None:
        raise UsageError(
            f"{given} is not Alembic's",
            hint="Name alembic.ini, a pyproject.toml with [tool.alembic], or the folder that holds env.py.",
        )
    return found


def _chosen(others: tuple[Path, ...]) -> Path | None:
    """Choose the configuration nearest to the root, if there is one such."""
    nearest = [path for path in others if len(path.parts) == len(others[0].parts)]
    return nearest[0] if len(nearest) == 1 else None


def _surveyed(project: Project, url: str | None) -> Survey:
    if url is None:
        return survey(project)
    try:
        dialects.resolve(url)
        return replace(Survey(base=project.root), url=make_url(url), source="--url", migrates=bool(project.alembic))
    except (ArgumentError, ValueError) as error:
        raise UsageError("this is not a database URL") from error


def _files(
    project: Project, found: Survey, urls: tuple[SharedUrl, SharedUrl], when: datetime
) -> tuple[list[NewFile], list[Edit], tuple[Path, ...]]:
    """Give the files to make, those to change, and those that are there already."""
    texts = manifests(*urls, day=when.date())
    new = [NewFile(project.manifests / f"{name}.toml", text) for name, text in texts.items()]
    kept = [file.path for file in new if file.path.exists()]
    new = [file for file in new if file.path not in kept]
    seeds = discover(project.seeds, dialects.names(), root=project.root) if project.seeds.is_dir() else ()
    if seeds:
        kept += [project.seeds / layer for layer in Layer if any(seed.layer is layer for seed in seeds)]
    else:
        head = found.heads[0] if len(found.heads) == 1 else None
        first = Draft(
            "First seed", Layer.REFERENCE, requires_schema=head, heads=found.heads, table="country", details=_FIRST
        )
        new += compose(first, project.seeds, (), when)[1]
    edits = []
    if project.config_file is not None:
        kept.insert(0, project.config_file)
    elif (project.root / SHARED_FILE).is_file():
        edits.append(configured(project.root / SHARED_FILE, project.root, _settings(project, found)))
    else:
        new.append(NewFile(project.root / OWN_FILE, table_of(_settings(project, found))))
    return new, edits, tuple(kept)


def _settings(project: Project, found: Survey) -> dict[str, str]:
    settings = {"seeds": project.seeds.relative_to(project.root).as_posix()}
    if project.alembic is not None:
        inside = project.alembic.is_relative_to(project.root)
        path = project.alembic.relative_to(project.root) if inside else project.alembic
        settings["alembic"] = path.as_posix()
    return settings | dict(found.settings)


def _local(url: URL | None) -> bool:
    """Tell whether a database is on this machine: tests wipe theirs, so elsewhere it must be named by a person."""
    try:
        return url is None or {host for host, _ in hosts.targets(url.render_as_string(False))} == {hosts.LOCAL}
    except TdmSeedError:
        return False


def _prove(root: Path, new: Iterable[NewFile]) -> None:
    """Read back what was written, as the next command will."""
    project = Project.load(root)
    discover(project.seeds, dialects.names(), root=project.root)
    for file in new:
        if file.path.parent == project.manifests:
            project.environment(file.path.stem)


def _advice(
    project: Project, found: Survey, urls: tuple[SharedUrl, SharedUrl], others: tuple[Path, ...]
) -> Iterator[str]:
    """Say what a person should do or know, beside what the survey noted."""
    url, test_url = urls
    if len(others) > 1:
        listed = ", ".join(path.relative_to(project.root).as_posix() for path in others[:5])
        yield f"there are {len(others)} configurations of Alembic ({listed}); --alembic names another than was taken"
    if project.alembic is None:
        yield "there is no Alembic here: seeds run all the same, and migrating is left to you"
    if url.hidden:
        yield f"the password is written nowhere: set {url.variable} to the whole URL"
    elif found.url is None:
        yield f"set {url.variable} to the URL of your database, scheme://user@host/name"
    if len(found.heads) > 1:
        yield f"Alembic has several heads ({', '.join(found.heads)}), so each seed must say which it requires"
    test = make_url(test_url.default.replace("$$", "$")) if test_url.default else None
    if test is not None and (command := dialects.load(test.get_backend_name())().creation(test)):
        yield f"test wants a database of its own: {command}"
    files = (local_file(found.url, project.root, found.base), local_file(test, project.root, project.root))
    if ignored := _unignored(project.root, [file for file in files if file]):
        yield f"lines for .gitignore: {' '.join(ignored)}"


def _unignored(root: Path, files: list[str]) -> list[str]:
    """List what version control should leave out, as far as ``.gitignore`` does not say so already."""
    ignore = root / ".gitignore"
    lines = ignore.read_text(encoding="utf-8", errors="replace").split() if ignore.is_file() else []
    wanted = dict.fromkeys((*files, *(["*.tdm-seed.lock*"] if files else [])))
    return [file for file in wanted if not any(fnmatch(file, line.lstrip("/")) for line in lines)]
