"""Discovery: which seeds a project has, read from its files. Nothing is run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tdm_seed.errors import SeedError, UsageError
from tdm_seed.loading.formats import SUFFIXES, format_of
from tdm_seed.revisions.files import shown
from tdm_seed.revisions.naming import renaming, wrong_name
from tdm_seed.revisions.reading import Reading
from tdm_seed.values import Layer, Seed

_SCRIPTS = (".py", ".sql")
# what editors and merges leave beside a file
_LEFTOVERS = ("~", ".bak", ".orig", ".pyc", ".rej", ".swp", ".tmp")
_LAYERS = {str(layer): layer for layer in Layer}


@dataclass(frozen=True, slots=True)
class _Folder:
    """One folder of seeds; ``stems`` are its files by what stands before the first dot."""

    path: str
    layer: Layer | None
    group: str
    stems: dict[str, list[str]]


@dataclass(slots=True)
class _Strays:
    """Files that are errors unless a seed declares them as its data."""

    found: list[tuple[str, SeedError]] = field(default_factory=list)

    def check(self, seeds: Iterable[Seed]) -> None:
        if self.found:
            declared = {str(file) for seed in seeds for file in seed.files}
            for path, error in self.found:
                if path not in declared:
                    raise error


def discover(seeds_dir: Path, known_dialects: Iterable[str], *, root: Path | None = None) -> tuple[Seed, ...]:
    """Read every seed below ``seeds_dir``, sorted by revision; nothing is run.

    The layer is the folder, the group the folders below it. Files and folders that begin with ``.`` or
    ``_`` are no seeds, and neither is ``environments``. ``root`` is the project's (by default the folder
    above), below which errors name files.

    Raises:
        UsageError: when there is no such folder.
        SeedError: for the first file, in the order of their names, that is not what a seed may be.
    """
    if not seeds_dir.is_dir():
        raise UsageError(
            f"there is no folder {shown(seeds_dir, root or Path.cwd())}",
            hint="Seeds live in `reference` and `scenario` below it.",
        )
    top = os.path.abspath(seeds_dir)
    reading = Reading(top, os.path.abspath(root) if root else os.path.dirname(top), tuple(known_dialects))
    strays = _Strays()
    seeds: list[Seed] = []
    for folder in _folders(top, None, ""):
        for stem, names in sorted(folder.stems.items()):
            if folder.layer is None:
                _outside(folder, stem, names, reading.root, strays)
            else:
                seeds.extend(_seed(folder, folder.layer, stem, names, reading, strays))
    strays.check(seeds)
    _unique(seeds, reading.root)
    return tuple(sorted(seeds, key=lambda seed: seed.revision))


def _folders(path: str, layer: Layer | None, group: str, *, top: bool = True) -> Iterator[_Folder]:
    """Walk the folders, each before those below it, in the order of their names."""
    stems: dict[str, list[str]] = {}
    below: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name
            if name.startswith((".", "_")) or name.endswith(_LEFTOVERS):
                continue
            if _is_folder(entry):
                below.append(name)
            else:
                stems.setdefault(name.partition(".")[0], []).append(name)
    for names in stems.values():
        names.sort()
    yield _Folder(path, layer, group, stems)
    for name in sorted(below):
        inner = os.path.join(path, name)
        if not top:
            yield from _folders(inner, layer, f"{group}/{name}" if group else name, top=False)
        elif name != "environments":
            yield from _folders(inner, _LAYERS.get(name), "", top=False)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself: whoever reads it will say so
        return False


def _seed(
    folder: _Folder, layer: Layer, stem: str, names: list[str], reading: Reading, strays: _Strays
) -> Iterator[Seed]:
    """Yield the seed that files of one stem make, if they make one."""

    def path(name: str) -> str:
        return os.path.join(folder.path, name)

    def error(message: str, hint: str, name: str) -> SeedError:
        return SeedError(message, hint=hint, file=shown(path(name), reading.root))

    scripts = [name for name in names if os.path.splitext(name)[1].lower() in _SCRIPTS]
    data = [name for name in names if name[len(stem) :].lower() in SUFFIXES]
    wrong = wrong_name(stem)
    if scripts:
        dotted = [name for name in scripts if name.count(".") > 1]
        if wrong or dotted:
            name = (dotted or scripts)[0]
            raise error(wrong or "has a dot in its name", renaming(name), name)
        if len(scripts) > 1:
            raise error(f"has the same revision as {scripts[1]}", "Rename one of them.", scripts[0])
        beside = [path(name) for name in names if name != scripts[0]]
        yield reading.script(path(scripts[0]), stem, layer, folder.group, beside)
    elif data and not wrong:
        if len(data) > 1:
            hint = "Rename one of them, or write a script of that name that reads both."
            raise error(f"has the same revision as {data[1]}", hint, data[0])
        options = f"{stem}.toml"
        yield reading.data(path(data[0]), stem, layer, folder.group, path(options) if options in names else None)
    elif data and stem[:4].isdigit():
        hint = f'{renaming(data[0])} Data that a script reads is declared in its header, data = ["{data[0]}"].'
        strays.found.append((path(data[0]), error(wrong or "", hint, data[0])))
    elif f"{stem}.toml" in names and stem[:4].isdigit():
        name = f"{stem}.toml"
        hint = f"Put {stem}.csv, .json or .jsonl beside it, or rename it like the data it belongs to."
        strays.found.append((path(name), error("describes a data seed, and there is no data beside it", hint, name)))


def _outside(folder: _Folder, stem: str, names: list[str], root: str, strays: _Strays) -> None:
    """Note files that are named like seeds and lie in no layer."""
    if not wrong_name(stem):
        for name in names:
            if os.path.splitext(name)[1].lower() in _SCRIPTS or format_of(name):
                path = os.path.join(folder.path, name)
                error = SeedError(
                    "is named like a seed and lies in no layer, so it would never run",
                    hint=f"Move it into {' or '.join(_LAYERS)}.",
                    file=shown(path, root),
                )
                strays.found.append((path, error))


def _unique(seeds: list[Seed], root: str) -> None:
    """Refuse two seeds of one name: files and command lines could not tell them apart."""
    names: dict[str, Seed] = {}
    for seed in seeds:
        other = names.setdefault(seed.name, seed)
        if other is not seed:
            raise SeedError(
                f"has the name {seed.name}, which {shown(other.path, root)} has already",
                hint="Rename one of them: a name is unique in the project, whatever its time and folder.",
                file=shown(seed.path, root),
            )
