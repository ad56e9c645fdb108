"""Results as lines for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict

from benchmarks.case import Case, Result

HEADER = (
    f"{'case':<42} {'db':<11} {'rows':>9} {'ours':>10} {'theirs':>10}  "
    f"{'ratio (quartiles)':<22} {'rows/s':>9} {'peak':>8}"
)


def line(result: Result) -> str:
    """Write a result as one line under the header."""
    spread = f"{result.ratio:.2f} ({result.ratio_q1:.2f}–{result.ratio_q3:.2f})"
    return (
        f"{result.case:<42} {result.db:<11} {result.rows:>9,} {result.ours_s:>8.3f} s {result.theirs_s:>8.3f} s  "
        f"{spread:<22} {result.rows_per_s:>9,.0f} {result.peak_rss_mb:>5.0f} MB"
    )


def details(case: Case, result: Result) -> list[str]:
    """Write what belongs under a result: whether it counts, and what it means."""
    found = ["VOID: theirs alone varied by more than 15 %"] if result.void else []
    if remark := case.remark(result.ours_s, result.theirs_s):
        found.append(remark)
    return [f"    {text}" for text in found]


def as_json(results: Iterable[Result]) -> str:
    """Write results as a list of objects with stable keys."""
    return json.dumps([asdict(result) for result in results], indent=2) + "\n"
