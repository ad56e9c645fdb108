"""Thousands of seeds are planned in less than a second."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.engine.conftest import playground
from tests.engine.playground import Playground

SEEDS = 2_000
#: Processor time that a command may take, in imports of SQLAlchemy: one is 0.2 s on a quiet machine, and as much more on
#: a busy or slower one as everything else is. So this is a second.
LIMIT = 5.0

PYTHON = """\
def upgrade(db):
    db.upsert("item", [{{"id": {0}, "label": "item {0}"}}], key="id")


def verify(db):
    assert db.scalar("SELECT count(*) FROM item WHERE id = {0}") == 1


def downgrade(db):
    db.delete("item", [{{"id": {0}}}], key="id")
"""
SQL = """\
-- depends_on: {1}
INSERT INTO item (id, label) VALUES ({0}, 'item {0}; not the end');
-- tdm-seed: verify
SELECT count(*) = 1 FROM item WHERE id = {0};
-- tdm-seed: downgrade
DELETE FROM item WHERE id = {0};
"""


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Playground:
    """A project of as many Python seeds as SQL seeds and CSV files, in both layers."""
    root = tmp_path_factory.mktemp("many")
    made = playground(root / "project", f"sqlite:///{root / 'test.db'}")
    before = ""
    for number in range(SEEDS):
        layer = "reference" if number < SEEDS // 2 else "scenario"
        stamp = f"202601{number // 1_440 + 5:02}_{number // 60 % 24:02}{number % 60:02}"
        kind, suffix, text = (
            ("python", ".py", PYTHON.format(number)),
            ("sql", ".sql", SQL.format(number, before)),
            ("data", ".csv", f"id,label\n{number},item {number}\n"),
        )[number % 3]
        revision = f"{stamp}_{kind}_{number}"
        made.write(f"seeds/{layer}/{revision}{suffix}", text)
        if kind == "data":
            made.write(f"seeds/{layer}/{revision}.toml", f'table = "item"\nkey = "id"\ndepends_on = ["{before}"]\n')
        before = revision
    return made


def processor_seconds(project: Playground, arguments: list[str], output: Path) -> float:
    """Run a program and give the processor time, user and system, that this one process took."""
    with output.open("wb") as file:
        process = subprocess.Popen(arguments, cwd=project.root, env=project.environ(), stdout=file)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert 0 == process.returncode
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize("command", ["status", "plan"])
def test_two_thousand_seeds_are_read_and_planned_within_a_second(big: Playground, tmp_path: Path, command: str) -> None:
    """The best of three, and beside it what the machine takes for something known."""
    output = tmp_path / "output"
    arguments = big.arguments(command, "--env", "dev")
    known = [arguments[0], "-c", "import sqlalchemy"]
    units, taken = zip(
        *((processor_seconds(big, known, output), processor_seconds(big, arguments, output)) for _ in range(3)),
        strict=True,
    )
    assert output.read_text().count("202601") >= SEEDS
    assert min(taken) < LIMIT * min(units), (taken, units)
