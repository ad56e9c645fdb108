"""How far a long load is, told in a pipe: a line now and then on stderr, and none for short work."""

from __future__ import annotations

from pathlib import Path

import pytest

from tdm_seed.cli import live
from tdm_seed.cli.options import Options
from tdm_seed.values import Action, Kind, Layer, Seed, Step

SEED = Seed("20260105_0001_big", "big", Layer.SCENARIO, Kind.PYTHON, Path("big.py"), "", "1:x", ())


def said(
    capsys: pytest.CaptureFixture[str],
    patch: pytest.MonkeyPatch,
    seconds: int,
    *,
    quiet: bool = False,
    as_json: bool = False,
) -> list[str]:
    """Let a load of 1,000 rows a second go on for so long, and give what was said on stderr."""
    now = [0.0]
    patch.setattr(live.time, "monotonic", lambda: now[0])
    options = Options(None, None, as_json, 60.0, quiet, False, {}, None, None)
    with live.Live(options) as shown:
        shown.started(Step(SEED, Action.APPLY, ""), 1, 2)
        for second in range(1, seconds + 1):
            now[0] = float(second)
            shown.loaded("orders", second * 1_000, 60_000)
    out, err = capsys.readouterr()
    assert "" == out
    return err.splitlines()


def test_a_long_load_writes_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every ten seconds at most, with rows, rows per second and the time that is left."""
    assert [
        "[1/2] 20260105_0001_big: orders 10,000 rows, 1,000 rows/s, about 50 s left",
        "[1/2] 20260105_0001_big: orders 20,000 rows, 1,000 rows/s, about 40 s left",
    ] == said(capsys, monkeypatch, 29)


def test_short_work_and_whoever_wants_silence_see_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With -q, and with --json."""
    assert [] == said(capsys, monkeypatch, 9)
    assert [] == said(capsys, monkeypatch, 60, quiet=True)
    assert [] == said(capsys, monkeypatch, 60, as_json=True)
