"""The benchmark command: what it lists, prints and writes; never how long anything takes."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from benchmarks import cases, memory, sitting
from benchmarks.case import Case

ROOT = Path(__file__).parents[2]

PAGE = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")

#: What other programs read, as the page promises it.
KEYS = json.loads(PAGE.partition("```json\n")[2].partition("```")[0])


def benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command from the top of the repository."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "benchmarks", *arguments], cwd=ROOT, capture_output=True, text=True
    )


def test_every_benchmark_is_listed_with_what_it_is_about() -> None:
    """One line each, from the first line of its module."""
    done = benchmarks("--list")
    assert (0, "") == (done.returncode, done.stderr)
    assert list(cases.names()) == [line.split()[0] for line in done.stdout.splitlines()]
    assert {"small-seeds", "upsert"} <= set(cases.names())


@pytest.mark.parametrize("name", cases.names())
def test_a_tiny_run_prints_every_case_and_writes_json(name: str, tmp_path: Path) -> None:
    """The keys are what other programs read; one pair cannot vary, so nothing is void."""
    file = tmp_path / "results.json"
    done = benchmarks(name, "--db", "sqlite", "--rows", "20", "--repeat", "1", "--json", str(file))
    assert (0, "") == (done.returncode, done.stderr)
    results: list[dict[str, Any]] = json.loads(file.read_text())
    assert results
    for result in results:
        assert KEYS == list(result)
        assert ("sqlite", 20, False) == (result["db"], result["rows"], result["void"])
        assert result["ratio"] == result["ratio_q1"] == result["ratio_q3"] > 0
        assert f"{result['case']} " in done.stdout
        assert result["case"].startswith(f"{name}/")
    assert results[0]["alternative"] in done.stdout


def test_the_cost_of_a_small_seed_is_printed_in_milliseconds() -> None:
    """Beside the ratio, which says little about a promise of so many milliseconds."""
    done = benchmarks("small-seeds", "--db", "sqlite", "--rows", "3", "--repeat", "1")
    assert 3 == done.stdout.count(" ms per seed beyond its transaction")


def test_every_benchmark_is_on_the_page() -> None:
    """Under a heading of its own."""
    assert set(cases.names()) <= {line.removeprefix("## ") for line in PAGE.splitlines()}


def test_the_keys_of_json_are_those_of_the_design() -> None:
    """They are stable: others read them."""
    assert [
        "case", "db", "rows", "ours_s", "theirs_s", "ratio", "ratio_q1", "ratio_q3", "rows_per_s", "peak_rss_mb",
        "alternative", "void",
    ] == KEYS  # fmt: skip


def test_an_unknown_benchmark_is_a_usage_error() -> None:
    """Which names those that there are."""
    done = benchmarks("nonsense")
    assert 2 == done.returncode
    assert "small-seeds" in done.stderr


class Imaginary(Case):
    """A case whose clock and rows are made up."""

    name, rows, alternative = "imaginary", 100, "imagination"

    def __init__(self, clock: list[float], ours: float, theirs: list[float], differ: bool = False) -> None:
        self._clock, self._ours, self._theirs, self._differ = clock, ours, cycle(theirs), differ
        self.order: list[str] = []

    def prepare(self) -> None:
        pass

    def ours(self) -> None:
        self.order.append("ours")
        self._clock[0] += self._ours

    def theirs(self) -> None:
        self.order.append("theirs")
        self._clock[0] += next(self._theirs)

    def content(self) -> object:
        return self.order[-1] if self._differ else "the same"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that only the imaginary case moves."""
    now = [0.0]
    monkeypatch.setattr("benchmarks.sitting.time.perf_counter", lambda: now[0])
    return now


def test_the_ratio_is_ours_by_theirs_and_the_middle_of_the_pairs(clock: list[float]) -> None:
    """Two take turns in going first; the first pair only warms up."""
    case = Imaginary(clock, 1.0, [9.0, 2.0, 2.0, 2.1, 2.0, 2.2])
    (result,) = sitting.sittings(case, "sqlite", 5)
    assert ["ours", "theirs"] * 2 + ["theirs", "ours"] + ["ours", "theirs"] == case.order[:8]
    assert (1.0, 2.0, 0.5, 100.0, False) == (
        result.ours_s, result.theirs_s, result.ratio, result.rows_per_s, result.void,
    )  # fmt: skip
    assert result.ratio_q1 < result.ratio == result.ratio_q3


def test_a_case_whose_alternative_varies_is_void_and_run_again(clock: list[float]) -> None:
    """At most twice; every sitting is reported, so that nobody picks the one that pleases."""
    settles = Imaginary(clock, 1.0, [1.0, 1.0, 1.2, 1.0, 1.0])
    assert [True, False] == [result.void for result in sitting.sittings(settles, "sqlite", 2)]
    never = Imaginary(clock, 1.0, [1.0, 2.0])
    assert [True, True, True] == [result.void for result in sitting.sittings(never, "sqlite", 2)]


def test_both_must_leave_the_same_rows(clock: list[float]) -> None:
    """Otherwise they did not do the same job."""
    with pytest.raises(sitting.DifferentRows, match="imaginary: ours and theirs left different rows"):
        list(sitting.sittings(Imaginary(clock, 1.0, [1.0], differ=True), "sqlite", 1))


def test_the_peak_of_memory_is_that_of_the_block() -> None:
    """What was held before, and given back, does not count."""
    with memory.peak() as small:
        pass
    with memory.peak() as large:
        held = bytearray(64 << 20)
        held[:: 1 << 12] = b"x" * len(held[:: 1 << 12])
        del held
    with memory.peak() as after:
        pass
    assert large.megabytes - small.megabytes > 60
    assert after.megabytes <= large.megabytes
