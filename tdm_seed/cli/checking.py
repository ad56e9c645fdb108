"""The gate for CI: check."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from tdm_seed.cli.options import Options, common


@click.command()
@common
def check(options: Options) -> int:
    """Try the seeds of an environment on an empty database.

    Migrates to the newest revision, applies, verifies; then a second upgrade must apply nothing, repeatable seeds must
    change no row when they run again, and seeds that run once must go down and up to the same content. Every problem
    is told, and the exit code is that of the first.

    Without --url, an environment on SQLite is tried in a new file that is removed afterwards. Any other database must
    be named, must be empty, and is left as the check used it. Without Alembic, it must hold the tables and no rows.
    """
    from tdm_seed.cli import output, payload, render
    from tdm_seed.cli.live import Live

    begun = time.monotonic()
    with _throwaway(options) as options, Live(options) as live, options.seeder(live) as seeder:
        done = seeder.check()
        root = seeder.environment.project.root
        problems = [problem.below(root) for problem in done.problems]
        said: dict[str, Any] = {
            "command": "check",
            "environment": seeder.environment.name,
            "database": seeder.database,
            "seeds": done.seeds,
            "problems": [payload.error(each)["error"] for each in problems],
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
        found = render.count(len(problems), "problem") if problems else "no problem"
        output.say(f"{render.count(done.seeds, 'seed')} of {said['environment']} checked: {found}.")
    return done.exit_code


@contextmanager
def _throwaway(options: Options) -> Iterator[Options]:
    """Give a file of its own to a check that was not told where to work, if the database is a file."""
    from tdm_seed import dialects
    from tdm_seed.environments import resolve_url
    from tdm_seed.errors import UsageError

    if options.url is not None:
        yield options
        return
    dialect, url = dialects.resolve(resolve_url(options.environment()))
    if dialect.file(url) is None:
        raise UsageError(
            "check works on an empty database, and which one was not said",
            hint="Say --url with one that may be thrown away.",
        )
    with tempfile.TemporaryDirectory(prefix="tdm-seed-") as folder:
        place = url.set(database=str(Path(folder) / "check.db"), query={})
        yield replace(options, url=place.render_as_string(hide_password=False))


COMMANDS = (check,)
