"""What is measured: one case does a job our way and their way, and both must leave the same rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """Where a benchmark runs: a database of its own, a folder of its own, and how many rows were asked for."""

    database: str
    url: str
    folder: Path
    rows: int


class Case(ABC):
    """One job, done twice. Only ``ours`` and ``theirs`` are timed."""

    #: What JSON calls it: ``benchmark/variant``.
    name: str
    #: How many rows one run handles.
    rows: int
    #: What theirs is, in a few words.
    alternative: str

    @abstractmethod
    def prepare(self) -> None:
        """Bring the database to the state that both begin from."""

    @abstractmethod
    def ours(self) -> None:
        """Do the job with tdm-seed."""

    @abstractmethod
    def theirs(self) -> None:
        """Do the job the way people do it without."""

    @abstractmethod
    def content(self) -> object:
        """Give what the database holds now, as a value that can be compared."""

    def remark(self, ours: float, theirs: float) -> str:
        """Say what a run of these many seconds means beside its ratio, or nothing."""
        return ""


@dataclass(frozen=True)
class Result:
    """One sitting of a case. The fields are the keys of ``--json``; seconds are medians.

    A ratio below 1 is in our favour. ``void`` says that the alternative alone varied too much for it to mean anything.
    """

    case: str
    db: str
    rows: int
    ours_s: float
    theirs_s: float
    ratio: float
    ratio_q1: float
    ratio_q3: float
    rows_per_s: float
    peak_rss_mb: float
    alternative: str
    void: bool
