"""Every mistake as a sentence: what failed, where, why, what to do, and the exit code that tells it apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from tdm_seed.values import Step, StepResult


@dataclass(frozen=True)
class Place:
    """Where something failed; each part is optional and only named when known."""

    seed: str | None = None
    file: str | None = None
    line: int | None = None
    table: str | None = None
    row: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        parts = []
        if self.seed:
            parts.append(f"seed {self.seed}")
        if self.file:
            parts.append(f"{self.file}:{self.line}" if self.line else self.file)
        if self.table:
            parts.append(f"table {self.table}")
        if self.row is not None:
            parts.append(f"row {self.row}")
        if self.column:
            parts.append(f"column {self.column}")
        return ", ".join(parts)


class TdmSeedError(Exception):
    """The root of everything that tdm-seed raises on purpose.

    ``message`` says what failed and why in one sentence, ``hint`` what to do about it, ``place`` where it was.
    ``str()`` joins the three. ``code`` is the stable word that ``--json`` prints, ``exit_code`` what the command
    returns.
    """

    code: ClassVar[str] = "failed"
    exit_code: ClassVar[int] = 1
    #: The hint where whoever raises the error knows no better one.
    remedy: ClassVar[str | None] = None

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        seed: str | None = None,
        file: str | Path | None = None,
        line: int | None = None,
        table: str | None = None,
        row: int | None = None,
        column: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.remedy
        #: What a run had done and kept before it failed, and the steps that it did not come to.
        self.done: tuple[StepResult, ...] = ()
        self.left: tuple[Step, ...] = ()
        self.place = Place(seed, str(file) if file is not None else None, line, table, row, column)

    def located(self, **where: Any) -> TdmSeedError:
        """Fill in the parts of the place that are not known yet; what an inner floor knew is kept."""
        if isinstance(where.get("file"), Path):
            where["file"] = str(where["file"])
        if "line" in where and self.place.file is not None:
            where.pop("line")  # a line belongs to the file that the inner floor named
        missing = {name: value for name, value in where.items() if getattr(self.place, name) is None}
        self.place = replace(self.place, **missing)
        return self

    def below(self, root: Path) -> TdmSeedError:
        """Name the file from a project's folder, as its people do, where it lies in there."""
        if self.place.file is not None and (path := Path(self.place.file)).is_relative_to(root):
            self.place = replace(self.place, file=path.relative_to(root).as_posix())
        return self

    def __str__(self) -> str:
        where = str(self.place)
        text = f"{where}: {self.message}" if where else self.message
        return f"{text}\n  {self.hint}" if self.hint else text


class UsageError(TdmSeedError):
    """The command, a manifest or the project's files say something that cannot be followed."""

    code = "usage"
    exit_code = 2


class UnsetVariable(UsageError):
    """A manifest takes a value from a variable that is not set here."""


class SeedError(TdmSeedError):
    """A seed file is wrong, or failed while it ran."""

    code = "seed"
    exit_code = 1


class DatabaseError(TdmSeedError):
    """The database refused: no server, no such database, a constraint, a privilege."""

    code = "database"
    exit_code = 1


class DriftError(TdmSeedError):
    """Files and history disagree in a way that the command must not paper over."""

    code = "drift"
    exit_code = 4


class SchemaNotReady(TdmSeedError):
    """The schema is not at the revision that the seeds were written against."""

    code = "schema_not_ready"
    exit_code = 5


class Locked(TdmSeedError):
    """Another runner holds the lock, or ours was lost."""

    code = "locked"
    exit_code = 6


class Protected(TdmSeedError):
    """The environment forbids what was asked."""

    code = "protected"
    exit_code = 7


class Stopped(KeyboardInterrupt):
    """A run was interrupted, by Ctrl-C or by a signal that the program turns into one.

    Still a ``KeyboardInterrupt``, so that no ``except Exception`` keeps a program alive that was told to end.
    ``done`` and ``left`` are those of an error; ``message`` says what became of the seed that was running.
    """

    def __init__(self, message: str, done: tuple[StepResult, ...], left: tuple[Step, ...]) -> None:
        super().__init__(message)
        self.message = message
        self.done = done
        self.left = left


class VerificationFailed(TdmSeedError):
    """A ``verify`` found the rows not to be what the seed promises."""

    code = "verification_failed"
    remedy = "Correct the seed, or what its verify promises of the rows."
    exit_code = 8
