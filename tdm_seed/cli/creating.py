"""The commands that make files: init and revision."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from tdm_seed.cli import completion

Function = TypeVar("Function", bound=Callable[..., Any])

_LAYERS = """--layer reference   rows that every environment needs, production too: countries, roles, plans
  --layer scenario    rows to work or test with, only where an environment lists them: a busy shop"""


class _Layer(click.Choice[str]):
    """Says what the two layers are for whoever names another, or none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in self.choices:
            from tdm_seed.errors import UsageError

            raise UsageError(f"there is no layer {value!r}; there are two:", hint=_LAYERS)
        return str(value)


_OUTPUT = (
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else."),
    click.option("-q", "--quiet", is_flag=True, help="Print errors only."),
    click.option("-v", "--verbose", is_flag=True, help="Tell all about errors."),
)


def _output(function: Function) -> Function:
    """Add the options that say how a command reports, and hand on a function that prints."""

    @wraps(function)
    def command(*args: Any, as_json: bool, quiet: bool, verbose: bool, **given: Any) -> Any:
        return function(*args, as_json=as_json, quiet=quiet, **given)

    for option in reversed(_OUTPUT):
        command = option(command)
    return command  # type: ignore[return-value]


@click.command()
@click.option(
    "--alembic", type=click.Path(path_type=Path), metavar="PATH", help="Alembic's configuration, where it is not found."
)
@click.option("--url", metavar="URL", help="The database to work with; env.py is not asked then.")
@_output
def init(alembic: Path | None, url: str | None, as_json: bool, quiet: bool) -> None:
    """Prepare this folder for seeds.

    Finds Alembic's configuration and the database that env.py uses, writes the configuration, four environments and a
    first seed, and overwrites nothing.
    """
    import os
    from datetime import UTC, datetime

    from tdm_seed.cli import created
    from tdm_seed.engine.adoption import adopt

    done = adopt(Path.cwd(), datetime.now(UTC), os.environ, alembic=alembic, url=url)
    created.adoption(done, as_json=as_json, quiet=quiet)


@click.command()
@click.option("-m", "--message", required=True, metavar="TEXT", help="What it brings; the seed is named after it.")
@click.option("--layer", type=_Layer(("reference", "scenario")), help="Wanted everywhere, or only where listed.")
@click.option("--sql", is_flag=True, help="Write it in SQL.")
@click.option("--csv", "data", type=click.Path(path_type=Path), metavar="FILE", help="Make it of a copy of this CSV.")
@click.option("--table", metavar="NAME", help="The table of its rows (default: the seed's name).")
@click.option(
    "--for",
    "listed_by",
    multiple=True,
    metavar="ENV",
    shell_complete=completion.environments,
    help="List the scenario there; repeatable.",
)
@click.option(
    "--depends-on",
    multiple=True,
    metavar="SEED",
    shell_complete=completion.seeds,
    help="A seed that it needs; repeatable.",
)
@click.option("--requires-schema", metavar="REVISION", help="The migration that it needs (default: the newest).")
@click.option("--edit", is_flag=True, help="Open it in your editor.")
@_output
def revision(
    message: str, layer: str | None, sql: bool, data: Path | None, listed_by: tuple[str, ...], edit: bool,
    as_json: bool, quiet: bool, **given: Any,
) -> None:  # fmt: skip
    """Write a new seed.

    It is named after the message, stamped with the time in UTC, and requires the newest migration of the project. A
    scenario runs where an environment lists it: --for adds it there.
    """
    from datetime import UTC, datetime

    from tdm_seed.cli import created
    from tdm_seed.engine.creating import create
    from tdm_seed.environments import Project
    from tdm_seed.revisions.new import Draft
    from tdm_seed.values import Layer

    draft = Draft(message, Layer(_chosen(layer)), _kind(sql, data), data=data, **given)
    project = Project.load()
    done = create(project, draft, datetime.now(UTC), listed_by=listed_by)
    created.seed(done, project.root, as_json=as_json, quiet=quiet)
    if edit:
        click.edit(filename=str(done.files[0]))


def _chosen(layer: str | None) -> str:
    from tdm_seed.errors import UsageError

    if layer is None:
        raise UsageError("a seed belongs to one of two layers, and --layer says to which:", hint=_LAYERS)
    return layer


def _kind(sql: bool, data: Path | None) -> Any:
    from tdm_seed.errors import UsageError
    from tdm_seed.values import Kind

    if sql and data is not None:
        raise UsageError("--sql and --csv are two kinds of seed", hint="Choose one of them.")
    return Kind.SQL if sql else Kind.DATA if data is not None else Kind.PYTHON


COMMANDS = (init, revision)
