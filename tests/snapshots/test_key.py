"""What a key is made of, and what it takes to know it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tdm_seed.environments import Project
from tdm_seed.schema_version.files import migration_files
from tdm_seed.schema_version.location import Location
from tests.engine.playground import Playground

MIGRATION = 'revision = "{}"\ndown_revision = {}\n\n\ndef upgrade():\n    pass\n'


def migrations(play: Playground, folder: str = "migrations") -> None:
    """Write what `alembic init` writes, with one migration."""
    play.write("alembic.ini", f"[alembic]\nscript_location = %(here)s/{folder}\n")
    play.write(f"{folder}/env.py", "raise SystemExit('it is not run')\n")
    play.write(f"{folder}/script.py.mako", "")
    play.write(f"{folder}/versions/0001_first.py", MIGRATION.format("0001", None))


def key(play: Playground) -> str:
    """Give the key of a snapshot of what a reset would make."""
    with play.seeder() as seeder:
        return seeder.snapshot_key()


def test_a_migration_changes_the_key_and_a_line_end_does_not(sqlite_play: Playground) -> None:
    """Content counts, in whatever checkout it is."""
    play = sqlite_play
    without = key(play)
    migrations(play)
    first = key(play)
    path = play.root / "migrations/versions/0001_first.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert first == key(play)
    play.write("migrations/versions/0002_second.py", MIGRATION.format("0002", '"0001"'))
    second = key(play)
    path.write_text(path.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    assert 4 == len({without, first, second, key(play)})


def test_a_key_is_known_without_alembic(sqlite_play: Playground) -> None:
    """It takes a third of a second to import, and a reset is run a thousand times a day."""
    play = sqlite_play
    migrations(play)
    program = (
        "import sys\nfrom tdm_seed import Project, Seeder\n"
        "with Seeder(Project.load().environment('dev')) as seeder:\n    print(seeder.snapshot_key())\n"
        "print(sorted(name for name in sys.modules if name.partition('.')[0] in ('alembic', 'faker')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=play.root, env=play.environ(), capture_output=True, text=True, timeout=60
    )
    assert "" == done.stderr
    assert [key(play), "[]"] == done.stdout.splitlines()


@pytest.mark.parametrize("said", ["%(here)s/db/migrations", "db/migrations", "db:migrations"])
def test_migrations_are_found_wherever_they_are_configured(sqlite_play: Playground, said: str) -> None:
    """Plainly, below the working directory, or as a folder of a package."""
    play = sqlite_play
    migrations(play, "db/migrations")
    play.write("db/__init__.py", "")
    play.write("alembic.ini", f"[alembic]\nscript_location = {said}\nprepend_sys_path = .\n")
    location = Location.of(Project.load(play.root))
    assert location is not None
    assert ["0/env.py", "0/script.py.mako", "0/versions/0001_first.py"] == [
        name for name, path in migration_files(location) if "__pycache__" not in str(path)
    ]


def test_migrations_behind_a_link_change_the_key(sqlite_play: Playground) -> None:
    """Alembic follows the link, and one that leads back up is no endless way."""
    play = sqlite_play
    migrations(play)
    versions = play.root / "migrations/versions"
    versions.rename(play.root / "elsewhere")
    versions.symlink_to("../elsewhere", target_is_directory=True)
    (play.root / "elsewhere/round").symlink_to("../migrations", target_is_directory=True)
    first = key(play)
    play.write("elsewhere/0002_second.py", MIGRATION.format("0002", '"0001"'))
    assert first != key(play)


def test_migrations_that_pyproject_names_besides_the_ini_change_the_key(sqlite_play: Playground) -> None:
    """Alembic reads both files, so a folder that only one of them names counts."""
    play = sqlite_play
    migrations(play)
    play.write("pyproject.toml", '[tool.alembic]\nversion_locations = ["%(here)s/more"]\n')
    play.write("more/0001_first.py", MIGRATION.format("0001", None))
    first = key(play)
    play.write("more/0002_second.py", MIGRATION.format("0002", '"0001"'))
    assert first != key(play)


def test_a_restored_database_is_told_in_json(sqlite_play: Playground) -> None:
    """With the name of the snapshot, and exit codes that tell why not."""
    play = sqlite_play
    play.upgrade()
    assert 2 == play.command("snapshot", "restore", "--yes").returncode
    saved = json.loads(play.command("snapshot", "save", "--json").stdout)
    assert 7 == play.command("snapshot", "restore").returncode
    play.sql("DELETE FROM item")
    restored = json.loads(play.command("snapshot", "restore", "--yes", "--json").stdout)
    assert saved["snapshot"] == restored["snapshot"]
    assert [1, 2] == play.items()
    listed = play.command("snapshot", "list").stdout
    assert saved["snapshot"]["name"] in listed
    assert "current" in listed
    path = Path(saved["snapshot"]["made_from"])
    assert path.with_name(f"{path.name}.tdm-seed-snapshots").is_dir()
