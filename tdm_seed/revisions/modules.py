"""Running an author's module and the shared code it imports, leaving nothing behind in ``sys.modules``."""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from tdm_seed.errors import SeedError
from tdm_seed.revisions.files import decode, read
from tdm_seed.revisions.imports import Package, Parts


class Modules:
    """The modules of one seed: its script and the shared code it imports, run once, seen by this seed alone.

    Every module gets builtins of its own whose ``__import__`` finds names below the seeds folder here and
    hands all others on. So two projects in one process may both have a ``seeds.scenario._names``, and no
    seed sees what another left in one.
    """

    def __init__(self, seeds_dir: Path, files: Sequence[Path]) -> None:
        self._package = Package(str(seeds_dir))
        self._files = frozenset(str(file) for file in files)
        self._found: dict[Parts, ModuleType] = {}
        self._open = 0
        # dataclasses and typing look a class's module up by its name; the address makes that name ours alone
        self._prefix = f"_tdm_seed_{id(self):x}"

    def run(self, script: Path) -> ModuleType:
        """Run the seed's own module; its errors pass through."""
        below = script.relative_to(self._package.folder)
        parts = (*below.parts[:-1], below.stem)
        return self._execute(parts, str(script), parts[:-1])

    @contextmanager
    def registered(self) -> Iterator[None]:
        """Let ``sys.modules`` hold the modules under their private names, inside the block only."""
        self._open += 1
        sys.modules.update((module.__name__, module) for module in self._found.values())
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                for module in self._found.values():
                    sys.modules.pop(module.__name__, None)

    def _import(
        self,
        here: Parts,
        name: str,
        globals_: Mapping[str, Any] | None = None,
        locals_: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """Stand in for ``builtins.__import__`` in package ``here``."""
        parts = self._package.absolute(here, name, level)
        if parts is None:
            return builtins.__import__(name, globals_, locals_, fromlist or (), level)
        module = self._module(parts)
        if not fromlist:
            return self._module(())  # `import seeds.scenario._names` binds `seeds`
        for member in fromlist:
            if member != "*" and not hasattr(module, member) and self._package.exists((*parts, member)):
                self._module((*parts, member))
        return module

    def _module(self, parts: Parts) -> ModuleType:
        """Return a module of the seeds folder; it and the packages above it run where they have not yet."""
        found = self._found.get(parts)
        if found is not None:
            return found
        parent = self._module(parts[:-1]) if parts else None
        source = self._package.source(parts)
        if source is None:
            module = self._create(parts, None, parts)
        else:
            module = self._execute(parts, source, parts if os.path.basename(source) == "__init__.py" else parts[:-1])
        if parent is not None:
            setattr(parent, parts[-1], module)
        return module

    def _create(self, parts: Parts, source: str | None, here: Parts) -> ModuleType:
        module = ModuleType(".".join((self._prefix, self._package.name, *parts)))
        module.__package__ = ".".join((self._package.name, *here))
        if source is not None:
            module.__file__ = source
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": partial(self._import, here)}
        self._found[parts] = module
        if self._open:
            sys.modules[module.__name__] = module
        return module

    def _execute(self, parts: Parts, source: str, here: Parts) -> ModuleType:
        if source not in self._files:
            raise SeedError(
                f"imports {os.path.basename(source)} in a way that cannot be seen without running it",
                hint="Write an import statement, so that the file becomes part of the checksum.",
            )
        module = self._create(parts, source, here)
        try:
            code = compile(decode(read(source, source), source), source, "exec", dont_inherit=True)
            exec(code, vars(module))  # noqa: S102 - running the author's file is what a seed is for
        except BaseException:
            del self._found[parts]
            sys.modules.pop(module.__name__, None)
            raise
        return module
