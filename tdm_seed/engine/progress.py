"""What a run tells while it goes on; the library itself prints nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tdm_seed.values import Drift, Step, StepResult

if TYPE_CHECKING:
    from tdm_seed.engine.emptying import Emptying


class Progress:
    """Hears of a run as it happens. Does nothing by itself: override what is of interest."""

    def waiting(self, holder: str) -> None:
        """Another runner holds the lock; ``holder`` names host, process and since when."""

    def migrated(self, before: tuple[str, ...], after: tuple[str, ...]) -> None:
        """The schema was moved from its heads before to those after."""

    def started(self, step: Step, place: int, total: int) -> None:
        """A step begins, the ``place``-th of ``total``."""

    def finished(self, result: StepResult) -> None:
        """A step is done and, outside a dry run, committed."""

    def drifted(self, drift: Drift) -> None:
        """Files and history disagree, and the run goes on without touching it."""

    def trying(self, what: str) -> None:
        """A check begins to load scenarios on a database of its own: which, and in which order."""

    def loaded(self, table: str, rows: int, expected: int | None) -> None:
        """A load has taken so many rows so far, of about so many where that is known; several times a second."""

    def emptying(self, emptying: Emptying) -> None:
        """A reset is about to empty this, if it may."""

    def emptied(self, rows: int, tables: int) -> None:
        """A reset has emptied so many tables of so many rows, and committed that; the seeds follow."""

    def reached(self, point: str) -> None:
        """The run has come to a named point.

        Of a seed "after load", "before history", "before commit", "after commit"; of a reset "after emptying" and the
        last two. Of one that commits in chunks also "after chunk" and, where a load takes indexes down, "after
        journal", "during index drop", "after index drop", "during rebuild" and "after rebuild"; of other commands
        "during rebuild", where such a seed was cut off before them. Indexes may be built by two threads at a time.
        """
