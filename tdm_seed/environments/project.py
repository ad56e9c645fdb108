"""A project: the folder that holds seeds, and what its configuration says."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tdm_seed.environments import manifest
from tdm_seed.environments.environment import Environment, build
from tdm_seed.environments.setting import Setting, nearest
from tdm_seed.environments.toml_file import TomlFile
from tdm_seed.errors import UsageError

OWN_FILE = "tdm-seed.toml"
SHARED_FILE = "pyproject.toml"
MANIFESTS = Path("seeds", "environments")
_ALEMBIC = re.compile(r"^\s*\[+\s*tool\.alembic\b", re.MULTILINE)

KEYS = (
    "seeds", "alembic", "history_table", "history_schema", "version_table", "version_table_schema",
    "default_environment", "url",
)  # fmt: skip


@dataclass(frozen=True)
class Project:
    """Where a project's files are, and which tables of the database are not the application's.

    ``alembic`` is an ``alembic.ini``, a ``pyproject.toml`` with ``[tool.alembic]``, a folder of migrations
    with its ``env.py``, or None where there is no Alembic. ``version_table`` None is found in ``env.py``.
    """

    root: Path
    seeds: Path
    config_file: Path | None = None
    alembic: Path | None = None
    history_table: str = "seed_history"
    history_schema: str | None = None
    version_table: str | None = None
    version_table_schema: str | None = None
    default_environment: str = "dev"
    url: Setting | None = field(default=None, repr=False)
    given_default: Setting | None = field(default=None, repr=False)
    given_alembic: Setting | None = field(default=None, repr=False)

    @classmethod
    def load(cls, start: Path | None = None, *, environ: Mapping[str, str] | None = None) -> Project:
        """Find the project that a folder belongs to: the nearest upwards with a configuration or manifests.

        Raises:
            UsageError: there is none; two files configure it; a file is wrong, with its line.
        """
        begin = Path(os.path.abspath(start or Path.cwd()))
        for folder in (begin, *begin.parents):
            files = _configurations(folder)
            if len(files) > 1:
                raise UsageError(
                    f"both {OWN_FILE} and [tool.tdm-seed] in {SHARED_FILE} configure this project",
                    hint="Keep one of them.",
                    file=OWN_FILE,
                )
            if files or (folder / MANIFESTS).is_dir():
                return _load(folder, files[0] if files else None, os.environ if environ is None else environ)
        raise UsageError(
            f"{begin} does not belong to a project",
            hint=f"A project is a folder with {MANIFESTS.as_posix()}/, {OWN_FILE} "
            f"or [tool.tdm-seed] in its {SHARED_FILE}; `tdm-seed init` begins one.",
        )

    @property
    def manifests(self) -> Path:
        """Give the folder that holds the manifests."""
        return self.seeds / "environments"

    def environments(self) -> tuple[str, ...]:
        """List the environments by name, without reading them."""
        return manifest.names(self.manifests)

    def runnable(self) -> tuple[str, ...]:
        """List the environments that have a database, leaving out those that are only there for others to extend."""
        bases = frozenset() if self.url is not None else manifest.bases(self.manifests, self.root)
        return tuple(name for name in self.environments() if name not in bases)

    def environment(
        self,
        name: str | None = None,
        *,
        url: str | None = None,
        volumes: Mapping[str, int] | None = None,
        random_seed: int | None = None,
        now: datetime | str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Environment:
        """Read an environment (the default one unless named) and override parts of it for one run.

        Raises:
            UsageError: there is no such environment, or its manifest is wrong, with file and line.
        """
        environ = os.environ if environ is None else environ
        if not self.seeds.is_dir():
            raise self._no_seeds()
        if not name and self.given_default is not None and self.default_environment not in self.environments():
            raise self.given_default.refuse(
                f"there is no environment {self.default_environment!r}",
                nearest(self.default_environment, self.environments()),
            )
        found = manifest.read(name or self.default_environment, self.manifests, self.root, environ)
        return build(self, found, environ, url=url, volumes=volumes, random_seed=random_seed, now=now)

    def _no_seeds(self) -> UsageError:
        shown = self.seeds.relative_to(self.root) if self.seeds.is_relative_to(self.root) else self.seeds
        what = "is no folder" if self.seeds.exists() else "is not there"
        return UsageError(
            f"the folder of seeds, {shown.as_posix()}, {what}",
            hint='`tdm-seed init` makes one; another is named by seeds = "…" in the configuration of tdm-seed.',
            file=self.config_file.relative_to(self.root).as_posix() if self.config_file else None,
        )


def _configurations(folder: Path) -> list[tuple[TomlFile, tuple[str, ...]]]:
    """List the files of a folder that configure a project, each with the table that does so."""
    found: list[tuple[TomlFile, tuple[str, ...]]] = []
    own, shared = folder / OWN_FILE, folder / SHARED_FILE
    if own.is_file():
        found.append((TomlFile.read(own, folder), ()))
    if shared.is_file() and "tdm-seed" in shared.read_text(encoding="utf-8", errors="replace"):
        toml = TomlFile.read(shared, folder)
        if toml.table("tool", "tdm-seed") is not None:
            found.append((toml, ("tool", "tdm-seed")))
    if len(found) > 1:
        return [(toml, table) for toml, table in found if toml.table(*table)] or found[:1]
    return found


def _load(root: Path, source: tuple[TomlFile, tuple[str, ...]] | None, environ: Mapping[str, str]) -> Project:
    settings: dict[str, Setting] = {}
    if source is not None:
        toml, table = source
        settings = toml.table(*table) or {}
        if not table and "tool" in settings:
            raise settings["tool"].refuse(f"{OWN_FILE} has no such table", "Write the keys at the top of the file.")
        manifest.check_keys(settings, KEYS, f"[{'.'.join(table)}]" if table else OWN_FILE)
    if "url" in settings:
        manifest.refuse_password(settings["url"])

    def text(key: str) -> str | None:
        return settings[key].text(environ) or None if key in settings else None

    return Project(
        root=root,
        seeds=root / (text("seeds") or "seeds"),
        config_file=source[0].path if source else None,
        alembic=_alembic(root, settings.get("alembic"), environ),
        history_table=text("history_table") or "seed_history",
        history_schema=text("history_schema"),
        version_table=text("version_table"),
        version_table_schema=text("version_table_schema"),
        default_environment=text("default_environment") or "dev",
        url=settings.get("url"),
        given_default=settings.get("default_environment"),
        given_alembic=settings.get("alembic"),
    )


def _alembic(root: Path, setting: Setting | None, environ: Mapping[str, str]) -> Path | None:
    if setting is None:
        return alembic_in(root)
    path = root / setting.text(environ)
    if path.is_file():
        return path
    if found := alembic_in(path):
        return found
    if (path / "env.py").is_file():
        return path
    missing = "holds neither alembic.ini nor env.py" if path.is_dir() else "does not exist"
    raise setting.refuse(f"{path} {missing}", "Name alembic.ini, or the folder that holds it.")


def alembic_in(folder: Path) -> Path | None:
    """Find Alembic's configuration in a folder; ``pyproject.toml`` serves since Alembic 1.16."""
    if (folder / "alembic.ini").is_file():
        return folder / "alembic.ini"
    shared = folder / SHARED_FILE
    if shared.is_file() and _ALEMBIC.search(shared.read_text(encoding="utf-8", errors="replace")):
        return shared
    return None
