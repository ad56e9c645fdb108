"""The shared code that a seed imports: which ``_*.py`` below the seeds folder an import statement reaches."""

from __future__ import annotations

import ast
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from tdm_seed.errors import SeedError
from tdm_seed.revisions.checksum import content_digest
from tdm_seed.revisions.files import decode, read, shown

Parts = tuple[str, ...]

_RELATIVE = re.compile(r"\bfrom[\s\\]*\.")


@dataclass(frozen=True, slots=True)
class Package:
    """The seeds folder as a package: ``seeds.scenario._names`` is ``seeds/scenario/_names.py``.

    Names are tuples of parts below the seeds folder, ``("scenario", "_names")``; the package itself is
    ``()``.
    """

    folder: str

    @property
    def name(self) -> str:
        """The name of the seeds folder, which is the name that absolute imports begin with."""
        return os.path.basename(self.folder)

    def absolute(self, here: Parts, name: str, level: int) -> Parts | None:
        """Resolve the module of an import statement in package ``here``; None for one of another package.

        Raises:
            ImportError: for a relative import that leaves the seeds folder.
        """
        words = tuple(name.split(".")) if name else ()
        if level:
            if level - 1 > len(here):
                raise ImportError(f"{'.' * level}{name} leads out of the seeds folder")
            return here[: len(here) - level + 1] + words
        return words[1:] if words[:1] == (self.name,) else None

    def source(self, parts: Parts) -> str | None:
        """Return the file that holds a module's code: None for a plain folder.

        Only a folder that itself begins with ``_`` may have an ``__init__.py`` that runs.

        Raises:
            ImportError: when there is neither file nor folder, or its name does not begin with ``_``.
        """
        if not parts:
            return None
        path = os.path.join(self.folder, *parts)
        private = any(part.startswith("_") for part in parts)
        init = os.path.join(path, "__init__.py")
        if private and os.path.isfile(init):
            return init
        if not os.path.isfile(path + ".py"):
            if os.path.isdir(path):
                return None
            raise ImportError(f"there is no {'/'.join((self.name, *parts))}.py")
        if not private:
            raise ImportError(
                f"{'/'.join((self.name, *parts))}.py is not shared code: such a file begins with "
                f"an underscore, _{parts[-1]}.py, so that it is not taken for a seed"
            )
        return path + ".py"

    def exists(self, parts: Parts) -> bool:
        """Whether a module or folder of that name lies below the seeds folder."""
        path = os.path.join(self.folder, *parts)
        return os.path.isfile(path + ".py") or os.path.isdir(path)


def imported(tree: ast.Module, package: Package, here: Parts, prefix: str = "") -> Iterator[tuple[Parts, int]]:
    """Yield every module of the seeds folder that a file imports, at its top or in functions, with the line.

    ``prefix`` is what stands before the package's name when the seeds folder is not directly below the
    project's root (``"db."``): such an import would go past the checksum and is refused.

    Raises:
        SeedError: without file; for an import that leads nowhere.
    """
    outside = f"{prefix}{package.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            wanted: list[tuple[str, int, tuple[str, ...]]] = [(alias.name, 0, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            wanted = [(node.module or "", node.level, tuple(alias.name for alias in node.names))]
        else:
            continue
        for name, level, members in wanted:
            if prefix and not level and (name == outside or name.startswith(outside + ".")):
                raise SeedError(
                    f"imports {name}, which would not be part of the checksum",
                    hint=f"Import it as {name.removeprefix(prefix)}, or relative to the seed.",
                    line=node.lineno,
                )
            try:
                parts = package.absolute(here, name, level)
                if parts is None:
                    continue
                package.source(parts)
            except ImportError as error:
                raise SeedError(
                    f"cannot import {'.' * level}{name}: {error}",
                    hint="Code that seeds share lies below the seeds folder, in files that begin with an underscore.",
                    line=node.lineno,
                ) from error
            yield parts, node.lineno
            for member in members:
                if package.exists((*parts, member)):
                    yield (*parts, member), node.lineno


class SharedCode:
    """Finds the ``_*.py`` that a seed imports, directly and through one another; reads each file once."""

    def __init__(self, folder: str, root: str) -> None:
        self.package = Package(folder)
        self._root = root
        below = os.path.relpath(os.path.dirname(folder), root)
        inside = below != os.curdir and not below.startswith(os.pardir)
        self._prefix = below.replace(os.sep, ".") + "." if inside else ""
        self._read: dict[str, tuple[str, frozenset[str]]] = {}

    def reach(self, text: str, tree: ast.Module, here: Parts, file: str) -> dict[str, str]:
        """Return the digest of every file of shared code that a seed's text reaches, keyed by path."""
        found: dict[str, str] = {}
        waiting = sorted(self._imports(text, tree, here, file))
        while waiting:
            path = waiting.pop()
            if path not in found:
                found[path], further = self._file(path)
                waiting.extend(further)
        return found

    def _imports(self, text: str, tree: ast.Module, here: Parts, file: str) -> frozenset[str]:
        if self.package.name not in text and not _RELATIVE.search(text):
            return frozenset()  # walking 2,000 trees for nothing would cost 0.1 s
        found = set()
        try:
            for parts, line in imported(tree, self.package, here, self._prefix):
                for length in range(len(parts)):
                    try:
                        source = self.package.source(parts[: length + 1])
                    except ImportError as error:
                        hint = "Rename it, and the import with it."
                        raise SeedError(str(error), hint=hint, line=line) from error
                    if source:
                        found.add(source)
        except SeedError as error:
            error.located(file=file)
            raise
        return frozenset(found)

    def _file(self, path: str) -> tuple[str, frozenset[str]]:
        known = self._read.get(path)
        if known is None:
            file = shown(path, self._root)
            content = read(path, file)
            text = decode(content, file)
            tree = parse(text, file)
            below = os.path.relpath(path, self.package.folder).split(os.sep)
            known = content_digest(content), self._imports(text, tree, tuple(below[:-1]), file)
            self._read[path] = known
        return known


#: CPython 3.11 counts for all threads together how deep its parser has gone, and two that parse at once make it fail
#: with a SystemError. https://github.com/python/cpython/issues/106905
_turn = threading.Lock()


def parse(text: str, file: str) -> ast.Module:
    """Parse Python without running it, one thread at a time.

    Raises:
        SeedError: with file and line, for text that is not Python.
    """
    if "\0" in text:
        raise SeedError(
            "is not valid Python: it holds a NUL character",
            hint="Save the file as UTF-8 text.",
            file=file,
            line=text.count("\n", 0, text.find("\0")) + 1,
        )
    try:
        with _turn:
            return ast.parse(text, file)
    except SyntaxError as error:
        raise SeedError(
            f"is not valid Python: {error.msg}",
            hint=_written(text, error.lineno),
            file=file,
            line=error.lineno,
        ) from error


def _written(text: str, line: int | None) -> str:
    """Show the line that the parser stumbled over, and say what it is where it was left by a merge."""
    lines = text.splitlines()
    shown = lines[line - 1].strip() if line and line <= len(lines) else ""
    if shown.startswith(("<<<<<<<", "=======", ">>>>>>>")):
        return "A merge left its marks here: keep what is right and take the marks out."
    if not shown:
        return "Look at the end of the file: something is not closed, or missing."
    return f"It stumbles over `{shown[:60]}`, or what stands before."
