"""One sitting: pairs of ours and theirs in turn, so that both meet the same weather."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median, quantiles

from benchmarks.case import Case, Result
from benchmarks.memory import peak

#: A case is void when its alternative alone varies by more than this between its slowest and its fastest run.
VARIATION = 0.15
#: How often a void case is run again before it is left void.
ATTEMPTS = 3


class DifferentRows(Exception):
    """Ours and theirs did not do the same job."""


@dataclass(frozen=True)
class Run:
    """One timed run: seconds, and the peak of memory in megabytes."""

    seconds: float
    megabytes: float


def sittings(case: Case, database: str, pairs: int) -> Iterator[Result]:
    """Measure a case, again while it is void.

    Raises:
        DifferentRows: ours and theirs left other rows than the other.
    """
    witness = _Witness(case)
    witness.run(case.ours)  # warm: what is imported, compiled and cached once is not the job
    witness.run(case.theirs)
    for _ in range(ATTEMPTS):
        result = _sitting(case, database, witness, pairs)
        yield result
        if not result.void:
            return


def _sitting(case: Case, database: str, witness: _Witness, pairs: int) -> Result:
    ours: list[Run] = []
    theirs: list[Run] = []
    for pair in range(pairs):
        for side in ("ours", "theirs") if pair % 2 == 0 else ("theirs", "ours"):
            run = witness.run(case.ours if side == "ours" else case.theirs)
            (ours if side == "ours" else theirs).append(run)
    ratios = [our.seconds / their.seconds for our, their in zip(ours, theirs, strict=True)]
    first, middle, third = quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    ours_s, theirs_s = (median(run.seconds for run in side) for side in (ours, theirs))
    return Result(
        case=case.name,
        db=database,
        rows=case.rows,
        ours_s=round(ours_s, 6),
        theirs_s=round(theirs_s, 6),
        ratio=round(middle, 4),
        ratio_q1=round(first, 4),
        ratio_q3=round(third, 4),
        rows_per_s=round(case.rows / ours_s, 1),
        peak_rss_mb=round(max(run.megabytes for run in ours), 1),
        alternative=case.alternative,
        void=variation([run.seconds for run in theirs]) > VARIATION,
    )


def variation(seconds: list[float]) -> float:
    """Give the distance between the slowest and the fastest run as a part of the median."""
    return (max(seconds) - min(seconds)) / median(seconds)


class _Witness:
    """Runs a side of a case and compares what it leaves with what was left before."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._seen: list[object] = []

    def run(self, side: Callable[[], None]) -> Run:
        self._case.prepare()
        gc.collect()
        with peak() as memory:
            begun = time.perf_counter()
            side()
            seconds = time.perf_counter() - begun
        content = self._case.content()
        if self._seen and content != self._seen[0]:
            raise DifferentRows(f"{self._case.name}: ours and theirs left different rows, so nothing can be compared")
        self._seen[:] = [content]
        return Run(seconds, memory.megabytes)
