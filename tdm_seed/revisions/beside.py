"""The data files of a seed: the one beside it, and those that its header declares."""

from __future__ import annotations

from pathlib import Path

from tdm_seed.errors import SeedError
from tdm_seed.loading.formats import FORMATS, endings, format_of
from tdm_seed.loading.sources import RowsFile
from tdm_seed.revisions.files import shown
from tdm_seed.values import Seed


def data_file(seed: Seed, root: Path, kind: str, name: str | None) -> RowsFile:
    """Give the file of a format beside a seed, or the one that is named; ``root`` is the project's.

    Raises:
        SeedError: there is none, it does not count in the checksum, or it is of another format.
    """
    beside = [seed.path.with_name(f"{seed.revision}{ending}") for ending in endings(kind)]
    path = seed.path.parent / name if name else next((path for path in beside if path in seed.files), beside[0])
    said = name or path.name
    if path not in seed.files:
        raise SeedError(
            f"{said} is not part of this seed" + ("" if path.exists() else ", and there is no such file"),
            hint=f'Declare it so that its content counts in the checksum: data = ["{said}"].'
            if path.exists()
            else f"Put it beside {seed.path.name}.",
        )
    if format_of(path.name) != kind:
        readers = ", ".join(f"db.{each}" for each in FORMATS[:-1])
        raise SeedError(
            f"{path.name} cannot be read with db.{kind}",
            hint=f"{readers} and db.{FORMATS[-1]} each read files of that suffix; any other is opened as files are.",
        )
    return RowsFile(path, shown(path, root))
