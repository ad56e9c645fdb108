"""The command that empties: reset says what would go, asks, and seeds again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from tdm_seed.cli import confirming
from tdm_seed.cli.options import Options, common

if TYPE_CHECKING:
    from tdm_seed.engine import Seeder
    from tdm_seed.engine.reset import Emptying, ResetResult


@click.command()
@click.option("--empty", is_flag=True, help="Leave it empty: seed nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
def reset(options: Options, empty: bool, yes: bool) -> None:
    """Empty the database and seed it again.

    Every table is emptied but Alembic's, the tool's own and those that the manifest keeps. Rows that were there before
    the first seed come back. What would go is shown first; unless the manifest says reset = "allow", it asks.
    """
    from tdm_seed.cli.live import Live
    from tdm_seed.engine.reset import refuse

    begun = time.monotonic()
    refuse(options.environment())  # before a server is asked, which may not even be there
    with Live(options) as live, options.seeder(live) as seeder:
        with live.paused():
            found = seeder.plan_reset()
            _announce(options, seeder, found)
            confirmed = yes or (bool(found.rows) and _confirm(options, seeder))
        done = seeder.reset(confirmed=confirmed, empty=empty)
        output = _payload(seeder, done, begun=begun)
    _render(options, output, done)


def _announce(options: Options, seeder: Seeder, found: Emptying) -> None:
    """Say what would go, where, and what stays; on stderr, since it is no result."""
    from tdm_seed.cli.output import say, say_table
    from tdm_seed.cli.render import count

    if options.as_json or (options.quiet and not _asks(options, seeder)):
        return
    if found.tables:
        rows = [(each.table, f"{each.rows:,}", f"{each.restored:,}" if each.restored else "") for each in found.tables]
        say_table(("Table", "Rows to go", "To come back"), rows, right=("Rows to go", "To come back"), err=True)
    environment = seeder.environment.name
    held = sum(1 for each in found.tables if each.rows)
    what = f"{count(found.rows, 'row')} in {count(held, 'table')}" if held else "Nothing"
    say(f"{what} to empty on {seeder.database} (environment {environment}, host {seeder.host}).", err=True)
    for kept in found.kept:
        say(f"Kept: {kept.table}: {kept.reason}", err=True)
    for note in found.notes:
        say(f"Note: {note}", err=True)


def _asks(options: Options, seeder: Seeder) -> bool:
    """Tell whether there is a question, and somebody to answer it."""
    return seeder.environment.reset == "confirm" and confirming.somebody_is_there(options)


def _confirm(options: Options, seeder: Seeder) -> bool:
    if not _asks(options, seeder):
        return False  # the Seeder refuses, if it must be confirmed
    confirming.confirm("Empty it?", declined="emptied")
    return True


def _payload(seeder: Seeder, done: ResetResult, *, begun: float) -> dict[str, Any]:
    from tdm_seed.cli import payload

    run = payload.run("reset", seeder, done.results, dry_run=False, begun=begun)
    return {
        **run,
        "changed": run["changed"] or bool(done.emptying.rows),
        "emptied": [
            {"table": each.table, "rows": each.rows, "restored": each.restored} for each in done.emptying.tables
        ],
        "kept": [{"table": each.table, "reason": each.reason} for each in done.emptying.kept],
        "notes": list(done.emptying.notes),
    }


def _render(options: Options, output: dict[str, Any], done: ResetResult) -> None:
    from tdm_seed.cli import render
    from tdm_seed.cli.output import say

    if not (options.as_json or options.quiet):
        back = f", {render.count(done.emptying.restored, 'row')} brought back" if done.emptying.restored else ""
        where = f"{output['database']} (environment {output['environment']})"
        say(f"{render.count(done.emptying.rows, 'row')} emptied on {where}{back}.")
    if done.results or options.as_json:
        render.run(options, output, done.results)


COMMANDS = (reset,)
