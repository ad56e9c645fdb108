"""Memory: it does not grow with the number of rows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.conformance.place import Place

#: Loads rows from a generator or a file of columns, and prints the peak of its memory in kilobytes. (``ru_maxrss`` would
#: begin with the peak of its parent.)
PROGRAM = """\
import re, sys
from pathlib import Path
from tdm_seed.loading.sources import RowsFile
from tests.conformance.place import Place, Product

url, folder, writer, source, count = sys.argv[1:]
rows = RowsFile(Path(source), "rows") if source != "dicts" else ({"id": i, "name": f"name {i} " + "x" * 80, "amount": i % 1000} for i in range(1, int(count) + 1))
with Place(Product("any", ""), url, Path(folder)) as place:
    changes = getattr(place.db, writer)("big", rows)
    assert changes.inserted == int(count), changes
    place.rollback()
print(re.search("VmHWM:[^0-9]*([0-9]+)", Path("/proc/self/status").read_text())[1])
"""

FEW, MANY = 20_000, 100_000
#: What 80,000 more rows may add: as dicts they would be about 40 MB.
MAY_GROW = 10_000


def peak(url: str, folder: Path, writer: str, source: str, count: int) -> int:
    """Run the program and give its peak in kilobytes."""
    folder.mkdir()
    command = [sys.executable, "-c", PROGRAM, url, str(folder), writer, source, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert 0 == done.returncode, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the peak on Linux only")
@pytest.mark.parametrize("writer", ["load", "upsert"])
def test_memory_does_not_grow_with_the_rows(place: Place, writer: str, tmp_path: Path) -> None:
    """Five times the rows take the same memory."""
    place.create("CREATE TABLE big (id INTEGER PRIMARY KEY, name VARCHAR(200), amount INTEGER)")
    place.commit(begin=False)
    few = peak(place.url, tmp_path / "few", writer, "dicts", FEW)
    many = peak(place.url, tmp_path / "many", writer, "dicts", MANY)
    assert many - few < MAY_GROW


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the peak on Linux only")
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_memory_does_not_grow_with_a_file(place: Place, suffix: str, tmp_path: Path) -> None:
    """Four times the rows take a few megabytes more at most, once the library that reads it is warm."""
    place.create("CREATE TABLE big (id INTEGER PRIMARY KEY, name VARCHAR(200), amount INTEGER)")
    place.commit(begin=False)
    peaks = []
    for count in (MANY, 4 * MANY):
        file = tmp_path / f"{count}{suffix}"
        names = (f"name {i} " + "x" * 80 for i in range(1, count + 1))
        if suffix == ".csv":
            lines = (f"{i},{name},{i % 1000}\n" for i, name in enumerate(names, 1))
            file.write_text(f"id,name,amount\n{''.join(lines)}")
        else:
            numbers = range(1, count + 1)
            columns = pa.table({"id": numbers, "name": list(names), "amount": [i % 1000 for i in numbers]})
            parquet.write_table(columns, file, row_group_size=10_000)
        peaks.append(peak(place.url, tmp_path / f"for {count}", "load", str(file), count))
    assert peaks[1] - peaks[0] < (MAY_GROW if suffix == ".csv" else 2 * MAY_GROW)  # of what would be 150 MB as dicts
