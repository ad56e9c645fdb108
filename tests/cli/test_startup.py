"""What merely starting costs."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys

from tests.cli.conftest import Small

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


def test_going_back_to_a_snapshot_imports_neither_alembic_nor_what_shows_progress(project: Small) -> None:
    """The snapshot says where the schema stands."""
    project.write("alembic.ini", "[alembic]\nscript_location = %(here)s/migrations\n")
    project.write("migrations/env.py", "context.configure(version_table='standing')\n")
    project.write("migrations/versions/one.py", "revision = 'one'\ndown_revision = None\ndef upgrade():\n    pass\n")
    with sqlite3.connect(project.root / "dev.db") as connection:
        connection.executescript("CREATE TABLE standing (version_num TEXT); INSERT INTO standing VALUES ('one')")
    connection.close()
    for command in ("upgrade", "snapshot save"):
        subprocess.run([sys.executable, "-m", "tdm_seed", *command.split(), "-q"], cwd=project.root, check=True)
    code = (
        "import sys\nfrom tdm_seed.cli import main\nsys.argv[1:] = ['snapshot', 'restore', '--yes', '-q']\n"
        "try:\n    main()\nexcept SystemExit as left:\n    assert not left.code\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project.root, capture_output=True, text=True, check=True)
    assert {"sqlalchemy"} == HEAVY & set(done.stderr.split())
    assert [("one",)] == project.rows("SELECT schema_heads FROM seed_history WHERE state = 'reset'")


def test_the_program_has_arrow_give_memory_back(project: Small) -> None:
    """Its own allocator would keep it; whoever has chosen one has that."""
    project.write(
        "seeds/reference/20260105_0900_pool.py",
        "import pyarrow\n\ndef upgrade(db):\n    print('pool', pyarrow.default_memory_pool().backend_name)\n",
    )
    for chosen in ("", "mimalloc"):
        environ = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
        environ |= {"ARROW_DEFAULT_MEMORY_POOL": chosen} if chosen else {}
        command = [sys.executable, "-m", "tdm_seed", "upgrade", "--again", "pool"]
        done = subprocess.run(command, cwd=project.root, env=environ, capture_output=True, text=True, check=True)
        assert f"pool {chosen or 'system'}" in done.stdout + done.stderr


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
