"""The extra ``arrow``, as it is imported."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """\
import os
{before}
from tdm_seed.loading.extra import pyarrow
print(pyarrow("a test").default_memory_pool().backend_name, os.environ.get("ARROW_DEFAULT_MEMORY_POOL"))
"""


def allocator(before: str = "", chosen: str | None = None) -> list[str]:
    """Import Arrow in a process of its own; name what allocates, and what the variable says then."""
    environ = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    environ |= {"ARROW_DEFAULT_MEMORY_POOL": chosen} if chosen else {}
    command = [sys.executable, "-c", PROGRAM.format(before=before)]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout.split()


def test_arrow_gives_memory_back_where_nobody_has_chosen_otherwise() -> None:
    """Processes that are started later choose for themselves."""
    assert ["system", "None"] == allocator()
    assert ["mimalloc", "mimalloc"] == allocator(chosen="mimalloc")


def test_whoever_has_imported_arrow_before_has_chosen() -> None:
    """That cannot be changed then."""
    found, variable = allocator("import pyarrow")
    assert "None" == variable
    assert "system" != found
