"""Memory: it does not grow with the number of rows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.place import Place

#: Loads rows from a generator, commits, and prints the peak of its memory in kilobytes.
PROGRAM = """\
import resource, sys
from pathlib import Path
from tests.conformance.place import Place, Product

url, folder, writer, count = sys.argv[1:]
rows = ({"id": i, "name": f"name {i} " + "x" * 80, "amount": i % 1000} for i in range(1, int(count) + 1))
with Place(Product("any", ""), url, Path(folder)) as place:
    changes = getattr(place.db, writer)("big", rows)
    assert changes.inserted == int(count), changes
    place.rollback()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""

FEW, MANY = 20_000, 100_000
#: What 80,000 more rows may add: as dicts they would be about 40 MB.
MAY_GROW = 10_000


def peak(url: str, folder: Path, writer: str, count: int) -> int:
    """Run the program and give its peak in kilobytes."""
    folder.mkdir()
    command = [sys.executable, "-c", PROGRAM, url, str(folder), writer, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert 0 == done.returncode, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts kilobytes on Linux only")
@pytest.mark.parametrize("writer", ["load", "upsert"])
def test_memory_does_not_grow_with_the_rows(place: Place, writer: str, tmp_path: Path) -> None:
    """Five times the rows take the same memory."""
    place.create("CREATE TABLE big (id INTEGER PRIMARY KEY, name VARCHAR(200), amount INTEGER)")
    place.commit(begin=False)
    few = peak(place.url, tmp_path / "few", writer, FEW)
    many = peak(place.url, tmp_path / "many", writer, MANY)
    assert many - few < MAY_GROW
