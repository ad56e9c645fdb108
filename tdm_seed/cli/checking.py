"""The gate for CI: check."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from tdm_seed.cli.options import Options, common

if TYPE_CHECKING:
    from tdm_seed.cli.live import Live
    from tdm_seed.engine.check import Checked


@click.command()
@click.option("--each", is_flag=True, help="Also load every scenario alone, and all in reverse order.")
@common
def check(options: Options, each: bool) -> int:
    """Try the seeds of an environment on an empty database.

    Migrates to the newest revision, applies, verifies; then a second upgrade must apply nothing, repeatable seeds must
    change no row when they run again, and seeds that run once must go down and up to the same content. Every problem
    is told, and the exit code is that of the first.

    Without --url it makes that database beside the environment's, or in a file of its own, and drops it afterwards. One
    that is named must be empty, and is left as the check used it. Without Alembic, it must hold the tables and no rows.
    """
    from tdm_seed.cli import output, payload
    from tdm_seed.cli.live import Live

    begun = time.monotonic()
    with Live(options) as live, _throwaway(options, live) as options, options.seeder(live) as seeder:
        done = seeder.check(each=each)
        root = seeder.environment.project.root
        problems = [problem.below(root) for problem in done.problems]
        said: dict[str, Any] = {
            "command": "check",
            "environment": seeder.environment.name,
            "database": seeder.database,
            "seeds": done.seeds,
            "scenarios": [vars(scenario) | {"needs": list(scenario.needs)} for scenario in done.scenarios],
            "reverse": done.reverse,
            "problems": [payload.error(problem)["error"] for problem in problems],
            "remarks": list(done.remarks),
            "duration_ms": round((time.monotonic() - begun) * 1000),
        }
    if options.as_json:
        output.say_json(said)
        return done.exit_code
    for problem in problems:
        output.say(f"Problem: {problem}", err=True)
    if not options.quiet:
        for remark in done.remarks:
            output.say(f"Remark: {remark}")
        output.say(_summary(said["environment"], done))
    return done.exit_code


def _summary(environment: str, done: Checked) -> str:
    """Say in a line what was tried, and whether it holds."""
    from tdm_seed.cli.render import count

    found = count(len(done.problems), "problem") if done.problems else "no problem"
    alone = f", {count(len(done.scenarios), 'scenario')} alone" if done.scenarios else ""
    reverse = " and in reverse order" if done.reverse else ""
    return f"{count(done.seeds, 'seed')} of {environment} checked{alone}{reverse}: {found}."


@contextmanager
def _throwaway(options: Options, live: Live) -> Iterator[Options]:
    """Give a database of its own to a check that was not told where to work."""
    from tdm_seed.engine.throwaway import throwaways
    from tdm_seed.errors import TdmSeedError

    if options.url is not None:
        yield options
        return
    environment = options.environment()
    try:
        with throwaways(environment, timeout=options.lock_timeout, progress=live) as databases:
            yield replace(options, url=databases.new().render_as_string(hide_password=False))
    except TdmSeedError as error:
        error.below(environment.project.root)
        raise


COMMANDS = (check,)
