"""Where a project's Alembic files are, and Alembic's configuration made from them."""

from __future__ import annotations

import configparser
import io
import warnings
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tdm_seed.environments.project import Project
from tdm_seed.errors import UsageError

if TYPE_CHECKING:
    from alembic.config import Config


@dataclass(frozen=True)
class Prepared:
    """A configuration, the folder from which a person would run Alembic, and what goes on ``sys.path`` first."""

    config: Config
    base: Path
    imports: tuple[str, ...]


@dataclass(frozen=True)
class Location:
    """The files that configure Alembic; ``scripts`` is a folder of migrations named without any of them."""

    root: Path
    ini: Path | None = None
    toml: Path | None = None
    scripts: Path | None = None

    @classmethod
    def of(cls, project: Project) -> Location | None:
        """Find the files of a project, or None where it has no Alembic.

        Alembic reads ``alembic.ini`` and ``pyproject.toml`` together, so the neighbour of the one named counts.
        """
        named = project.alembic
        if named is None:
            return None
        if named.is_dir():
            return cls(project.root, scripts=named)
        if named.suffix == ".toml":
            ini = named.parent / "alembic.ini"
            return cls(project.root, ini=ini if ini.is_file() else None, toml=named)
        tomls = [folder / "pyproject.toml" for folder in (named.parent, project.root)]
        return cls(project.root, ini=named, toml=next((toml for toml in tomls if toml.is_file()), None))

    @property
    def file(self) -> Path:
        """Give the file or folder that errors name."""
        found = self.ini or self.toml or self.scripts
        assert found is not None
        return found

    def prepare(self) -> Prepared:
        """Make a fresh configuration that prints nowhere and whose migrations have an absolute path.

        It looks like that of ``alembic upgrade heads``, since an ``env.py`` may ask what it is run for.

        Raises:
            UsageError: the file cannot be read, or names no migrations that are there.
        """
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        asked = Namespace(
            cmd=(command.upgrade, ["revision"], ["sql", "tag"]),
            config=[str(self.file)], name="alembic", x=None, raiseerr=True, quiet=True, verbose=False,
            revision="heads", sql=False, tag=None,
        )  # fmt: skip
        files: dict[str, Any] = {"toml_file": str(self.toml)} if self.toml else {}  # unknown before Alembic 1.16
        nowhere = io.StringIO()
        config = Config(
            str(self.ini) if self.ini else None,
            stdout=nowhere,
            output_buffer=nowhere,
            cmd_opts=asked,
            **files,
        )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # how it separates paths is the user's affair
                base = self._place_scripts(config)
                imports = config.get_prepend_sys_paths_list() if self.scripts is None else None
        except (configparser.Error, ValueError, KeyError, CommandError) as error:
            raise UsageError(
                f"Alembic cannot read its configuration: {_first_line(error)}",
                hint="It begins with [alembic], and below it are lines such as script_location = %(here)s/migrations.",
                file=self.file,
                line=getattr(error, "lineno", None),
            ) from error
        return Prepared(config, base, tuple(str(base / path) for path in imports or ()))

    def _place_scripts(self, config: Config) -> Path:
        """Make the path of the migrations absolute and give the folder from which relative paths count."""
        if self.scripts is not None:
            set_option(config, "script_location", str(self.scripts))
            return self.root
        given = config.get_main_option("script_location") if self.ini else None
        if given is None and self.toml:
            given = config.get_alembic_option("script_location")
        if given is None and self.ini and (self.ini.parent / "env.py").is_file():
            set_option(config, "script_location", str(self.ini.parent))  # Flask-Migrate sets it likewise
            return self.root
        if given is None:
            raise UsageError(
                "there is no script_location, so there are no migrations",
                hint="Name their folder: script_location = %(here)s/migrations.",
                file=self.file,
            )
        if ":" in given and not Path(given).is_absolute():
            return self.file.parent  # package:folder, found on sys.path
        for base in (self.file.parent, self.root):
            if (base / given).is_dir():
                set_option(config, "script_location", str(base / given))
                return base
        raise UsageError(
            f"script_location is {given}, which is not there",
            hint="Give it from the file's own folder: script_location = %(here)s/migrations.",
            file=self.file,
        )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def set_option(config: Config, name: str, value: str) -> None:
    """Set an option of Alembic's main section; a percent sign is part of the value."""
    config.set_main_option(name, value.replace("%", "%%"))
