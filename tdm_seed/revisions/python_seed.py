"""A Python seed: the author's module, its functions called with the database."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tdm_seed.errors import SeedError, TdmSeedError
from tdm_seed.revisions.files import shown
from tdm_seed.revisions.modules import Modules
from tdm_seed.revisions.reads import declared_only
from tdm_seed.values import Seed

#: The name and place of shared code in Python's own words, which its author knows by a shorter name.
_INTERNAL = re.compile(r"_tdm_seed_[0-9a-f]+\.| \(/[^()]*\)$")


def _remedy(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return "It is looked for in the project's folder and among what is installed beside tdm-seed."
    if isinstance(error, ImportError):
        return "Correct the name, or write it there."
    return "Correct the seed; `-v` shows the whole stack."


def where(exc: BaseException, seed: Seed) -> tuple[Path, int] | None:
    """Return file and line of the innermost frame of a traceback that lies in the seed's own files."""
    files = {str(path): path for path in (seed.path, *seed.files)}
    found = None
    trace = exc.__traceback__
    while trace is not None:
        path = files.get(trace.tb_frame.f_code.co_filename)
        if path is not None:
            found = path, trace.tb_lineno
        trace = trace.tb_next
    return found


class PythonScript:
    """The functions of one Python seed. Its module runs once, when this is made.

    While module or functions run, files of the seeds folder that the seed does not declare cannot be read.
    What they raise passes through, ``sys.exit`` excepted: that is an error of the seed.
    """

    def __init__(self, seed: Seed, seeds_dir: Path, root: Path) -> None:
        self._seed = seed
        self._seeds_dir = seeds_dir
        self._root = root
        self._modules = Modules(seeds_dir, seed.files)
        with self._running():
            try:
                self._names = vars(self._modules.run(seed.path))
            except SyntaxError as error:
                file = shown(error.filename or seed.path, root)
                raise SeedError(
                    f"is not valid Python: {error.msg}", seed=seed.revision, file=file, line=error.lineno
                ) from error
            except TdmSeedError:
                raise
            except Exception as error:
                said = _INTERNAL.sub("", str(error))
                raise self._failed(
                    error, f"fails while its file is loaded: {type(error).__name__}: {said}", _remedy(error)
                ) from error

    @property
    def has_verify(self) -> bool:
        """Whether the seed can be verified."""
        return self._seed.has_verify

    @property
    def has_downgrade(self) -> bool:
        """Whether the seed can be reverted."""
        return self._seed.has_downgrade

    def upgrade(self, db: Any) -> None:
        """Bring the rows into the state that the seed describes."""
        self._call("upgrade", db)

    def verify(self, db: Any) -> None:
        """Prove the rows; nothing where the seed has no ``verify``."""
        if self._seed.has_verify:
            self._call("verify", db)

    def downgrade(self, db: Any) -> None:
        """Take the rows back.

        Raises:
            SeedError: when the seed has no ``downgrade``.
        """
        if not self._seed.has_downgrade:
            raise SeedError(
                "has no downgrade",
                hint="Write `def downgrade(db):`, which takes the rows back.",
                seed=self._seed.revision,
                file=shown(self._seed.path, self._root),
            )
        self._call("downgrade", db)

    def _call(self, name: str, db: Any) -> None:
        function: Callable[[Any], object] = self._names[name]
        if inspect.isgeneratorfunction(function):
            raise SeedError(
                f"{name} holds a yield, so calling it would do nothing",
                hint="Move the yield into a function of its own and hand what it gives to db.",
                seed=self._seed.revision,
                file=shown(self._seed.path, self._root),
                line=getattr(getattr(function, "__code__", None), "co_firstlineno", None),
            )
        with self._running():
            function(db)

    @contextmanager
    def _running(self) -> Iterator[None]:
        seed = self._seed
        with self._modules.registered(), declared_only(seed.path, self._seeds_dir, seed.files):
            try:
                yield
            except SystemExit as error:
                raise self._failed(
                    error,
                    f"calls exit({error.code if error.code is not None else ''})",
                    hint="A seed that cannot go on raises an error that says why.",
                ) from error
            except TdmSeedError as error:
                place = where(error, seed) or (seed.path, None)
                error.located(seed=seed.revision, file=shown(place[0], self._root), line=place[1])
                raise

    def _failed(self, error: BaseException, message: str, hint: str | None = None) -> SeedError:
        path, line = where(error, self._seed) or (self._seed.path, None)
        return SeedError(message, hint=hint, seed=self._seed.revision, file=shown(path, self._root), line=line)
