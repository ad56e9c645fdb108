"""Reading one seed: its header, its files and their checksum. Nothing is run."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from tdm_seed.errors import SeedError
from tdm_seed.revisions.checksum import combine, content_digest, file_digest
from tdm_seed.revisions.data_seed import DataOptions, read_options
from tdm_seed.revisions.files import decode, read, shown
from tdm_seed.revisions.headers import Header, check
from tdm_seed.revisions.imports import SharedCode
from tdm_seed.revisions.naming import name_of
from tdm_seed.revisions.python_source import read_python
from tdm_seed.revisions.sql_source import read_sql
from tdm_seed.values import Kind, Layer, Mode, Seed

_MODES = {Layer.REFERENCE: Mode.ON_CHANGE, Layer.SCENARIO: Mode.ONCE}


class Reading:
    """Reads the seeds of one project; a file that several of them share is read once."""

    def __init__(self, folder: str, root: str, known_dialects: tuple[str, ...]) -> None:
        self.root = root
        self._folder = folder
        self._dialects = known_dialects
        self._shared = SharedCode(folder, root)
        self._digests: dict[str, str] = {}

    def script(self, path: str, revision: str, layer: Layer, group: str, beside: list[str]) -> Seed:
        """Read a Python or SQL seed; ``beside`` are the files of its name, which are its data.

        Raises:
            SeedError: with file and line, for whatever is wrong in it.
        """
        file = shown(path, self.root)
        content = read(path, file)
        text = decode(content, file)
        modules: dict[str, str] = {}
        if path.lower().endswith(".py"):
            kind = Kind.PYTHON
            python = read_python(text, file)
            given, description, has = python.given, python.description, python.functions
            here = (str(layer), *(group.split("/") if group else ()))
            modules = self._shared.reach(text, python.tree, here, file)
        else:
            kind = Kind.SQL
            sql = read_sql(text, file, self._dialects)
            given, description, has = sql.given, sql.description, frozenset(part.word for part in sql.parts)
        header = check(given, file=file, known_dialects=self._dialects)
        declared = self._declared(header, os.path.dirname(path), file)
        parts = [("script", content_digest(content))]
        parts += [(f"beside:{_suffix(each)}", self._digest(each)) for each in beside]
        parts += [(f"data:{name}", self._digest(each)) for name, each in declared.items() if each not in beside]
        parts += [(f"module:{shown(each, self._folder)}", digest) for each, digest in modules.items()]
        files = dict.fromkeys((path, *beside, *declared.values(), *sorted(modules)))
        seed = Seed(
            revision=revision,
            name=name_of(revision),
            layer=layer,
            kind=kind,
            path=Path(path),
            group=group,
            checksum=combine(parts),
            files=tuple(Path(each) for each in files),
            description=description,
            has_verify="verify" in has,
            has_downgrade="downgrade" in has,
        )
        return _headed(seed, header)

    def data(self, path: str, revision: str, layer: Layer, group: str, options: str | None) -> Seed:
        """Read a data seed; ``options`` is the TOML file beside it. Of the data only the digest is taken.

        Raises:
            SeedError: with file and line, for whatever is wrong in the TOML file.
        """
        parts = [("script", self._digest(path))]
        found, header = DataOptions({}), Header()
        if options:
            file = shown(options, self.root)
            content = read(options, file)
            found = read_options(decode(content, file), file)
            header = check(found.given, file=file, known_dialects=self._dialects)
            parts.append((f"beside:{_suffix(options)}", content_digest(content)))
        seed = Seed(
            revision=revision,
            name=name_of(revision),
            layer=layer,
            kind=Kind.DATA,
            path=Path(path),
            group=group,
            checksum=combine(parts),
            files=(Path(path), Path(options)) if options else (Path(path),),
            description=found.description,
        )
        return _headed(seed, header)

    def _declared(self, header: Header, folder: str, file: str) -> dict[str, str]:
        """Return the files that a header declares, keyed by their name in the checksum."""
        found = {}
        for name in header.data:
            path = os.path.normpath(os.path.join(folder, name))
            if not os.path.isfile(path):
                what = "is a folder" if os.path.isdir(path) else "does not exist"
                raise SeedError(
                    f"declares the data file {name}, which {what}",
                    hint=f"Looked for at {shown(path, self.root)}: paths are relative to the seed's folder.",
                    file=file,
                    line=header.data_line,
                )
            found[os.path.normpath(name).replace(os.sep, "/")] = path
        return found

    def _digest(self, path: str) -> str:
        found = self._digests.get(path)
        if found is None:
            found = self._digests[path] = file_digest(path, shown(path, self.root))
        return found


def _suffix(path: str) -> str:
    """Return what follows the first dot of a file's name: it stays when the seed is renamed."""
    return "." + os.path.basename(path).partition(".")[2].lower()


def _headed(seed: Seed, header: Header) -> Seed:
    """Return the seed with the fields of its header, and the defaults of its layer."""
    return replace(
        seed,
        depends_on=header.depends_on,
        depends_on_line=header.depends_on_line,
        requires_schema=header.requires_schema,
        schema_until=header.schema_until,
        mode=header.mode or _MODES[seed.layer],
        transaction=header.transaction,
        labels=header.labels,
        dialects=header.dialects,
    )
