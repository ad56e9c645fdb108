"""What merely starting costs."""

from __future__ import annotations

import os
import subprocess
import sys

HEAVY = {"sqlalchemy", "alembic", "rich", "faker", "sqlglot", "psycopg", "pymysql", "tomlkit"}


def test_help_imports_nothing_heavy() -> None:
    """SQLAlchemy and Alembic alone would cost 0.3 s of CPU."""
    code = (
        "import sys\nfrom tdm_seed.cli import main\n"
        "try:\n    main(['upgrade', '--help'])\nexcept SystemExit:\n    pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage: tdm-seed upgrade" in done.stdout
    assert set() == HEAVY & set(done.stderr.split())


def test_help_costs_at_most_100_ms_of_cpu_over_python_and_click() -> None:
    """Measured were 40 ms. The least of five runs counts, since the machine may be busy."""
    bare = min(_cpu("-c", "import click") for _ in range(5))
    ours = min(_cpu("-m", "tdm_seed", "--help") for _ in range(5))
    assert ours - bare <= 0.100


def test_importing_the_package_imports_nothing_else() -> None:
    """Its names are fetched when they are used."""
    code = "import sys, tdm_seed; print(*(name for name in sys.modules if name.startswith('tdm_seed.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "" == done.stdout.strip()


def _cpu(*arguments: str) -> float:
    """Run Python and give the CPU seconds, user and system, that it took."""
    with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL) as child:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    assert 0 == child.returncode
    return used.ru_utime + used.ru_stime
