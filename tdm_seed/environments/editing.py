"""Files that people write, changed in place: comments, order and line ends stay as they are."""

from __future__ import annotations

import codecs
import json
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from stat import S_IMODE

from tdm_seed.environments.project import OWN_FILE
from tdm_seed.environments.toml_file import TomlFile
from tdm_seed.errors import UsageError
from tdm_seed.revisions.new import NewFile


@dataclass(frozen=True, slots=True)
class Edit:
    """What a file is to hold instead of what it holds now."""

    path: Path
    content: bytes


def with_scenario(manifest: Path, root: Path, name: str, inherited: Sequence[str]) -> Edit:
    """List one scenario more in a manifest.

    Where the list comes from a manifest that this one extends, this one gets a list of its own that begins with the
    ``inherited`` ones, for others extend the same.

    Raises:
        UsageError: the manifest cannot be read, or its list is none.
    """
    import tomlkit

    listed = TomlFile.read(manifest, root).data.get("scenarios", [*inherited])
    if isinstance(listed, str):  # it may hold variables, and commas part the names
        wanted: object = f"{listed},{name}" if listed.strip() else name
    else:
        wanted = [*listed, name] if isinstance(listed, list) else None

    def change(text: str) -> str:
        document = tomlkit.parse(text)
        if isinstance(document.get("scenarios"), list):
            document["scenarios"].append(name)
        else:
            document["scenarios"] = wanted
        return document.as_string()

    return _edited(manifest, root, change, {"scenarios": wanted}, f'Write it by hand: add "{name}" to scenarios.')


def configured(shared: Path, root: Path, settings: Mapping[str, str]) -> Edit:
    """Append ``[tool.tdm-seed]`` to a ``pyproject.toml``.

    Raises:
        UsageError: the file cannot be read, or its ``tool`` cannot be added to.
    """
    table = table_of(settings)

    def change(text: str) -> str:
        above = text.rstrip()
        return f"{above}\n\n[tool.tdm-seed]\n{table}" if above else f"[tool.tdm-seed]\n{table}"

    before = TomlFile.read(shared, root).data.get("tool")
    wanted = {"tool": {**(before if isinstance(before, dict) else {}), "tdm-seed": dict(settings)}}
    return _edited(shared, root, change, wanted, f"Write a {OWN_FILE} beside it instead, with these lines: {table}")


def table_of(settings: Mapping[str, str]) -> str:
    """Write settings as lines of TOML."""
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in settings.items())


def write(new: Sequence[NewFile], edits: Sequence[Edit] = (), prove: Callable[[], None] = lambda: None) -> None:
    """Make new files and change old ones: all of it, or, when something fails or ``prove`` raises, nothing.

    Raises:
        UsageError: a new file is there already, or a file where a folder should be, or the operating system refuses.
    """
    with ExitStack() as undo:
        try:
            for file in new:
                _make_folder(file.path.parent, undo)
                _make(file, undo)
            for edit in edits:
                _replace(edit, undo)
        except OSError as error:
            path = Path(error.filename or "")
            if isinstance(error, FileExistsError):
                raise UsageError("is there already, and nothing is overwritten", file=path) from error
            raise UsageError(f"cannot be written: {error.strerror}", file=path) from error
        prove()
        undo.pop_all()


def _make_folder(folder: Path, undo: ExitStack) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError("is no folder, and one is needed there", file=folder)
    if not folder.exists():
        _make_folder(folder.parent, undo)
        folder.mkdir()
        undo.callback(folder.rmdir)


def _make(file: NewFile, undo: ExitStack) -> None:
    with file.path.open("xb") as written:
        undo.callback(file.path.unlink)
        if isinstance(file.content, str):
            written.write(file.content.encode())
        else:
            with file.content.open("rb") as source:
                copyfileobj(source, written)


def _replace(edit: Edit, undo: ExitStack) -> None:
    """Change a file; one that its owner has made read-only is refused, though its folder would let us."""
    path = edit.path.resolve()
    with path.open("r+b") as opened:
        before, mode = opened.read(), S_IMODE(os.fstat(opened.fileno()).st_mode)
    _swap(path, edit.content, mode)
    undo.callback(_swap, path, before, mode)


def _swap(path: Path, content: bytes, mode: int) -> None:
    """Exchange a file in one step, so that whoever reads it meanwhile sees the old one or the new one."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_bytes(content)
        beside.chmod(mode)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _edited(path: Path, root: Path, change: Callable[[str], str], wanted: Mapping[str, object], by_hand: str) -> Edit:
    """Change a TOML file, and prove that it says what is wanted, and everything else as before."""
    from tomlkit.exceptions import TOMLKitError

    before = TomlFile.read(path, root)
    raw = path.read_bytes()
    mark = codecs.BOM_UTF8 if raw.startswith(codecs.BOM_UTF8) else b""
    text = raw.removeprefix(mark).decode()
    refused = UsageError("this file is written in a way that cannot be added to", hint=by_hand, file=before.shown)
    try:
        changed = change(text)
        if "\r\n" in text:
            changed = changed.replace("\r\n", "\n").replace("\n", "\r\n")
        if tomllib.loads(changed) != {**before.data, **wanted}:
            raise refused
    except (ValueError, TOMLKitError) as error:
        raise refused from error
    return Edit(path, mark + changed.encode())
