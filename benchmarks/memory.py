"""The most memory that this process held during a block."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


@dataclass
class Peak:
    """Megabytes (2^20 bytes) of resident memory at the highest point."""

    megabytes: float = 0.0


@contextmanager
def peak() -> Iterator[Peak]:
    """Measure the peak of a block where the kernel can forget earlier ones, else that of the process so far."""
    found = Peak()
    forgets = _forget()
    try:
        yield found
    finally:
        found.megabytes = _since_reset() if forgets else _of_the_process()


def _forget() -> bool:
    """Ask Linux to take the present size for the highest so far."""
    try:
        _RESET.write_text("5")
    except OSError:
        return False
    return True


def _since_reset() -> float:
    lines = _STATUS.read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kilobytes) / 1024


def _of_the_process() -> float:
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest / (1 << 20 if sys.platform == "darwin" else 1 << 10)
