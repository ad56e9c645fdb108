"""The examples work: projects are seeded twice, and the files for pipelines say what can be run."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from string import Template
from typing import Any

import pytest
import yaml
from sqlalchemy import make_url

from tdm_seed.cli import tdm_seed
from tests.docs.pages import CHECKOUT
from tests.docs.running import copy_shop
from tests.unit.alembic_projects import init, migration

CI = CHECKOUT / "examples" / "ci"
PROJECTS = sorted(file.parent for file in CHECKOUT.glob("examples/*/schema.sql"))


def _run(words: list[str], folder: Path, variables: dict[str, str]) -> str:
    """Run a command of tdm-seed's that must succeed, with these variables and no other that it reads."""
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TDM_SEED_", "SEED_COUNT_")) and name != "DATABASE_URL"
    }
    program = str(Path(sys.executable).parent / "tdm-seed")
    done = subprocess.run(
        [program, *words], cwd=folder, env=environ | variables, capture_output=True, text=True, timeout=120
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def _read(name: str) -> Any:
    return yaml.safe_load((CI / name).read_text(encoding="utf-8"))


def _commands() -> dict[str, list[list[str]]]:
    """Give the commands of tdm-seed's in each file, without the program's name."""
    steps = [
        shlex.split(step["run"]) for step in _read("github-actions.yml")["jobs"]["seeds"]["steps"] if "run" in step
    ]
    services = [service["command"] for service in _read("compose.yml")["services"].values() if "command" in service]
    return {
        "github-actions.yml": [words[1:] for words in steps if words[0] == "tdm-seed"],
        "compose.yml": [words[1:] for words in services if words[0] == "tdm-seed"],
    }


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_a_second_upgrade_of_an_example_changes_nothing(project: Path, tmp_path: Path) -> None:
    """The first one applies all seeds."""
    copy = shutil.copytree(project, tmp_path / "copy", ignore=shutil.ignore_patterns("*.db*", "__pycache__"))
    connection = sqlite3.connect(tmp_path / "example.db")
    connection.executescript((copy / "schema.sql").read_text(encoding="utf-8"))
    connection.close()
    variables = {"DATABASE_URL": f"sqlite:///{tmp_path / 'example.db'}"}
    assert "seeds applied" in _run(["upgrade"], copy, variables)
    digest = _run(["digest"], copy, variables)
    assert "Nothing to do" in _run(["upgrade"], copy, variables)
    assert digest == _run(["digest"], copy, variables)


@pytest.mark.parametrize("name", ["github-actions.yml", "compose.yml"])
def test_the_commands_for_pipelines_are_commands(name: str) -> None:
    """Each is parsed with its options, and nothing is left over."""
    assert _commands()[name]
    for words in _commands()[name]:
        command = tdm_seed.commands[words[0]]
        command.make_context(words[0], words[1:]).close()


def test_both_install_alike() -> None:
    """The image on the Python that the pipeline tests with, and by the same command."""
    image = [line.split(maxsplit=1) for line in (CI / "Dockerfile").read_text(encoding="utf-8").splitlines()]
    image = [line for line in image if line[0] != "#"]
    assert ["FROM", "WORKDIR", "COPY", "RUN"] == [word for word, _ in image]
    steps = _read("github-actions.yml")["jobs"]["seeds"]["steps"]
    (version,) = (step["with"]["python-version"] for step in steps if "with" in step)
    assert f"python:{version}-slim" == image[0][1]
    (install,) = (step["run"] for step in steps if step.get("run", "").startswith("pip "))
    assert install == image[3][1].replace("--no-cache-dir ", "")


def _pipeline(folder: Path, url: str) -> dict[str, str]:
    """Run the pipeline's steps in order, with its variables; only the databases are others."""
    variables: dict[str, str] = _read("github-actions.yml")["jobs"]["seeds"]["env"]
    test = make_url(url).set(database=str(folder / "test.db") if url.startswith("sqlite") else "not_there_yet")
    variables |= {"DATABASE_URL": url, "TEST_DATABASE_URL": test.render_as_string(hide_password=False)}
    for words in _commands()["github-actions.yml"]:
        _run([Template(word).substitute(variables) for word in words], folder, variables)
    return variables


def test_the_pipeline_runs_on_empty_databases(database_url: str, tmp_path: Path) -> None:
    """It tries the seeds in databases of their own, and leaves as many rows as its variables say."""
    copy = copy_shop(tmp_path / "shop")
    variables = _pipeline(copy, database_url)
    rows = json.loads(_run(["digest", "products", "--json"], copy, variables))["tables"][0]["rows"]
    assert int(variables["SEED_COUNT_PRODUCTS"]) == rows


def test_the_pipeline_runs_in_a_new_project(database_url: str, tmp_path: Path) -> None:
    """As ``init`` makes it for a database of that kind."""
    folder = init(tmp_path)
    migration(folder, "aa")
    _run(["init"], tmp_path, {"DATABASE_URL": database_url})
    _pipeline(tmp_path, database_url)
