"""The files that migrations are made of, found without Alembic where they stand where most people have them."""

from __future__ import annotations

import configparser
import os
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path

from tdm_seed.errors import UsageError
from tdm_seed.schema_version.location import Location

_NOT_PLAIN = (":", "%(", "{")


def migration_files(location: Location) -> list[tuple[str, Path]]:
    """List ``env.py``, every migration and what stands beside them, each under a name that no checkout changes.

    Raises:
        UsageError: the configuration names no migrations that are there.
    """
    folder = plain_folder(location)
    folders = [folder] if folder else _by_alembic(location)
    return sorted(
        (f"{place}/{path.relative_to(folder).as_posix()}", path)
        for place, folder in enumerate(folders)
        for path in _below(folder)
        if path.is_file() and path.suffix != ".pyc"
    )


def _below(folder: Path) -> Iterator[Path]:
    """Give the files below a folder, also those behind links, as Python imports them; each folder once."""
    seen = {os.path.realpath(folder)}
    for place, folders, names in os.walk(folder, followlinks=True):
        yield from (Path(place, name) for name in names)
        fresh = []
        for name in sorted(folders):
            if (real := os.path.realpath(os.path.join(place, name))) not in seen:
                seen.add(real)
                fresh.append(name)
        folders[:] = fresh


def plain_folder(location: Location) -> Path | None:
    """Read what ``alembic init`` writes: one folder below that of the file; None where only Alembic can tell."""
    if location.scripts is not None:
        return location.scripts
    if location.toml is not None and _configures(location.toml):
        return None
    given: dict[str, str] = {}
    if location.ini is not None:
        parser = configparser.RawConfigParser()
        try:
            parser.read(location.ini, encoding="utf-8")
            given = dict(parser["alembic"]) if parser.has_section("alembic") else {}
        except (configparser.Error, UnicodeDecodeError):
            return None
    script = given.get("script_location", "").replace("%(here)s/", "").strip()
    if not script or "version_locations" in given or any(mark in script for mark in _NOT_PLAIN):
        return None
    folder = location.file.parent / script
    return folder if (folder / "env.py").is_file() else None


def _configures(toml: Path) -> bool:
    """Tell whether a ``pyproject.toml`` may say anything to Alembic, which reads it besides ``alembic.ini``."""
    try:
        tool = tomllib.loads(toml.read_text(encoding="utf-8")).get("tool", {})
    except (OSError, ValueError):
        return True
    return not isinstance(tool, dict) or "alembic" in tool


def _by_alembic(location: Location) -> list[Path]:
    """Ask Alembic, for a folder of a package, several folders, or ``pyproject.toml``."""
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    from tdm_seed.schema_version.surroundings import importing

    prepared = location.prepare()
    with importing(prepared), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # how it separates paths is the user's affair
        try:
            directory = ScriptDirectory.from_config(prepared.config)
        except CommandError as error:
            raise UsageError(
                f"Alembic cannot find the migrations: {error}", hint="Correct its script_location.", file=location.file
            ) from error
    places = [directory.dir, *(directory.version_locations or ())]
    return [path for place in places if (path := prepared.base / str(place)).is_dir()]
