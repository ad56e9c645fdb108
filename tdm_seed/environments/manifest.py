"""A manifest, ``seeds/environments/<name>.toml``, with everything it extends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tdm_seed.environments.setting import Setting, nearest
from tdm_seed.environments.toml_file import TomlFile
from tdm_seed.errors import UsageError

KEYS = (
    "extends", "description", "url", "hosts", "layers", "scenarios", "random_seed", "now", "locale",
    "reset", "protected", "keep", "volumes", "source", "rebuild", "reset_ways",
)  # fmt: skip

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class Manifest:
    """The settings of an environment after ``extends``: the nearest file wins, volumes one by one."""

    name: str
    file: str
    settings: Mapping[str, Setting]
    volumes: Mapping[str, Setting]


def names(folder: Path) -> tuple[str, ...]:
    """List the environments of a folder in order; files whose name no environment may have are left out."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml") if _NAME.fullmatch(path.stem) and path.is_file()))


def bases(folder: Path, root: Path) -> frozenset[str]:
    """Name the manifests of a folder that others extend and that lead to no database; what cannot be read is none."""
    found = {}
    for name in names(folder):
        with suppress(UsageError):
            found[name] = TomlFile.read(folder / f"{name}.toml", root).data
    extended = {name: data.get("extends") for name, data in found.items()}

    def leads_nowhere(name: str) -> bool:
        chain = []
        while name in found and name not in chain:
            if "url" in found[name]:
                return False
            chain.append(name)
            name = str(extended[name]).strip()
        return True

    return frozenset(name for name in found if name in extended.values() and leads_nowhere(name))


def read(name: str, folder: Path, root: Path, environ: Mapping[str, str]) -> Manifest:
    """Read a manifest and what it extends.

    Raises:
        UsageError: no such environment, a name none may have, a file that is not TOML, an unknown key, a
            password written out, an ``extends`` that leads in a circle; with file and line.
    """
    return _read(name, folder, root, environ, ())


def _read(name: str, folder: Path, root: Path, environ: Mapping[str, str], below: tuple[str, ...]) -> Manifest:
    own = TomlFile.read(_find(name, folder, root), root)
    settings = own.table() or {}
    check_keys(settings, KEYS, "a manifest")
    for key in ("url", "source"):
        if key in settings:
            refuse_password(settings[key])
    volumes = own.table("volumes") or {}
    settings.pop("volumes", None)
    extends = settings.pop("extends", None)
    if extends is None:
        return Manifest(name, own.shown, settings, volumes)
    base = extends.text(environ).strip()
    chain = (*below, name)
    if base in chain:
        circle = " -> ".join((*chain[chain.index(base) :], base))
        raise extends.refuse(f"the manifests extend one another in a circle: {circle}", "Take one out.")
    if not _NAME.fullmatch(base) or not (folder / f"{base}.toml").is_file():
        raise extends.refuse(f"there is no environment {base!r} to extend", nearest(base, names(folder)))
    inherited = _read(base, folder, root, environ, chain)
    return Manifest(name, own.shown, {**inherited.settings, **settings}, {**inherited.volumes, **volumes})


def check_keys(settings: Mapping[str, Setting], allowed: tuple[str, ...], where: str) -> None:
    """Refuse a key that is not among the allowed ones, with the one that was probably meant."""
    for key, setting in settings.items():
        if key not in allowed:
            raise UsageError(
                f"{where} has no key {key!r}",
                hint=nearest(key, allowed),
                file=setting.file,
                line=setting.line,
            )


def refuse_password(setting: Setting) -> None:
    """Refuse a password that stands in the file, where version control would keep it; it is not repeated."""
    if setting.open_password():
        raise setting.refuse(
            "a password is written out here, and files are shared",
            "Take it from a variable: scheme://user:${DB_PASSWORD}@host/name. "
            "A default, ${DB_PASSWORD:-…}, is written out, too.",
        )


def _find(name: str, folder: Path, root: Path) -> Path:
    if not _NAME.fullmatch(name):
        meant = Path(name).stem.lower()
        close = f" Did you mean {meant}?" if meant in names(folder) else ""
        raise UsageError(
            f"{name!r} cannot be the name of an environment",
            hint=f"Small letters, digits, _ and -, beginning with a letter or a digit.{close}",
        )
    path = folder / f"{name}.toml"
    if not path.is_file():
        raise _missing(name, path, root)
    return path


def _missing(name: str, path: Path, root: Path) -> UsageError:
    """Say why there is no manifest of that name, which something else may have."""
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    message = f"there is no environment {name!r}"
    if path.is_dir():
        return UsageError(f"{message}: this is a folder", hint="A manifest is a file.", file=shown.as_posix())
    if path.is_symlink():
        hint = "Put the file there, or write the manifest in the place of the link."
        return UsageError(f"{message}: this is a link that leads nowhere", hint=hint, file=shown.as_posix())
    if other := next((found for found in sorted(path.parent.glob(f"{name}.*")) if found.is_file()), None):
        hint = f"Write it as {path.name}: manifests are TOML."
        return UsageError(f"{message}: this is no TOML file", hint=hint, file=shown.with_name(other.name).as_posix())
    known = names(path.parent)
    return UsageError(message, hint=nearest(name, known) if known else f"Write one: {shown.as_posix()}.")
