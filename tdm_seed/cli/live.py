"""What a terminal shows while a run goes on; a pipe sees warnings, how far a long load is, and with -v each seed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tdm_seed.cli.output import say
from tdm_seed.engine.progress import Progress
from tdm_seed.values import Drift, Step, StepResult

if TYPE_CHECKING:
    from tdm_seed.cli.options import Options


#: Seconds after which a rate means something.
_SETTLED = 0.5
#: Seconds between two lines in a pipe, and before the first: work that is done sooner needs none.
_NOW_AND_THEN = 10.0


class Live(Progress):
    """Shows the seed that is running, and says on stderr what a person should know at once."""

    def __init__(self, options: Options) -> None:
        self._silent = options.quiet or options.as_json
        self._verbose = options.verbose
        self._status: Any = None
        self._running = ""
        self._table = ""
        self._since, self._begun = 0.0, 0
        self._said = 0.0
        self._part = ""

    def __enter__(self) -> Self:
        if not self._silent and sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True).status("Connecting …")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the terminal to somebody who prints or asks."""
        if self._status is not None:
            self._status.stop()
        yield
        if self._status is not None:
            self._status.start()

    def announce(self, steps: Sequence[Step]) -> None:
        """List what a downgrade is about to revert."""
        if not self._silent:
            for step in steps:
                because = f" ({step.reason})" if step.reason else ""
                say(f"To revert: {step.seed.revision}{because}", err=True)

    def waiting(self, holder: str) -> None:
        """Say who holds the lock, also in a pipe: somebody may be wondering."""
        say(f"Waiting for another runner: {holder}", err=True)

    def migrated(self, before: tuple[str, ...], after: tuple[str, ...]) -> None:
        """Say where the schema was moved."""
        if not (self._silent or self._part) and before != after:
            at = ", ".join(before) or "an empty schema"
            say(f"Migrated from {at} to {', '.join(after)}.", err=True)

    def emptied(self, rows: int, tables: int) -> None:
        """Show that the database is empty now, and that the seeds follow."""
        if self._status is not None:
            self._status.update(f"Emptied {tables:,} tables of {rows:,} rows")

    def trying(self, what: str) -> None:
        """Show which part of a check begins."""
        self._part = f"{what}: "
        if self._status is not None:
            self._status.update(what)
        if self._verbose:
            say(f"Trying {what}", err=True)

    def started(self, step: Step, place: int, total: int) -> None:
        """Show the seed that begins."""
        self._running, self._table = f"{self._part}[{place}/{total}] {step.seed.revision}", ""
        self._said = time.monotonic()
        if self._status is not None:
            self._status.update(self._running)
        if self._verbose:
            say(
                f"[{place}/{total}] {step.seed.revision}: {', '.join(filter(None, (step.action, step.reason)))}",
                err=True,
            )

    def loaded(self, table: str, rows: int, expected: int | None) -> None:
        """Show how far a load is, how quick, and for how long it will go on; in a pipe as a line now and then."""
        if self._silent:
            return
        now = time.monotonic()
        if self._table != table or rows < self._begun:
            self._table, self._since, self._begun = table, now, rows
        if self._status is not None:
            self._status.update(self._far(rows, expected, now))
        elif now - self._said >= _NOW_AND_THEN:
            self._said = now
            say(self._far(rows, expected, now), err=True)

    def _far(self, rows: int, expected: int | None, now: float) -> str:
        """Say how far a load is."""
        seconds, done = now - self._since, rows - self._begun
        line = f"{self._running}: {self._table} {rows:,} rows"
        if seconds > _SETTLED and done:
            line += f", {done / seconds:,.0f} rows/s"
            if expected and expected > rows:
                line += f", about {round((expected - rows) * seconds / done)} s left"
        return line

    def drifted(self, drift: Drift) -> None:
        """Warn of what is left alone."""
        say(f"Drift: {drift.seed}: {drift.reason}", err=True)

    def finished(self, result: StepResult) -> None:
        """Say what the seed has done; without -v the table at the end does."""
        if self._verbose:
            say(f"      {result.state} in {result.duration_ms} ms: {result.changes}", err=True)
