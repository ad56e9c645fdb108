"""The commands that write: upgrade and downgrade; and plan, which says what upgrade would write."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from tdm_seed.cli import completion, confirming
from tdm_seed.cli.options import Options, common

if TYPE_CHECKING:
    from tdm_seed.engine import Seeder

_targets = click.argument("targets", nargs=-1, metavar="[SEED]...", shell_complete=completion.seeds)
_again = click.option(
    "--again",
    multiple=True,
    metavar="SEED",
    shell_complete=completion.seeds,
    help="Run this seed although it is applied; repeatable.",
)


@click.command()
@_targets
@_again
@common
def plan(options: Options, targets: tuple[str, ...], again: tuple[str, ...]) -> None:
    """Show what upgrade would do, and run nothing."""
    from tdm_seed.cli import payload, render

    begun = time.monotonic()
    with options.seeder() as seeder:
        found = seeder.plan(_without_head(targets), again=again)
        refusal = seeder.refusal(found)
        circular = seeder.circular() if found else []
        output = payload.plan(seeder, found, refusal, circular, begun=begun)
    render.plan(options, output, found, refusal, circular)


@click.command()
@_targets
@click.option("--dry-run", is_flag=True, help="Run everything, show the changes, take all of it back.")
@click.option("--migrate", is_flag=True, help="Run the Alembic migrations first, under the same lock.")
@_again
@common
def upgrade(options: Options, targets: tuple[str, ...], dry_run: bool, migrate: bool, again: tuple[str, ...]) -> None:
    """Apply what is pending.

    Everything that the environment lists, or only the named SEEDs and those they depend on.
    """
    from tdm_seed.cli import payload, render
    from tdm_seed.cli.live import Live

    begun = time.monotonic()
    with Live(options) as live, options.seeder(live) as seeder:
        results = seeder.upgrade(_without_head(targets), again=again, dry_run=dry_run, migrate=migrate)
        output = payload.run("upgrade", seeder, results, dry_run=dry_run, begun=begun)
    render.run(options, output, results)


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("target", metavar="SEED|-N|base", shell_complete=completion.seeds)
@click.option("--yes", is_flag=True, help="Do not ask, though the environment is protected.")
@common
def downgrade(options: Options, target: str, yes: bool) -> None:
    """Revert a seed, the last one (-1) or the last N, or all (base).

    Applied seeds that depend on it are reverted before it, newest first. A seed without a downgrade refuses before
    anything happens. A protected environment is asked about first.
    """
    from tdm_seed.cli import payload, render
    from tdm_seed.cli.live import Live

    begun = time.monotonic()
    with Live(options) as live, options.seeder(live) as seeder:
        steps = seeder.plan_downgrade(target)
        live.announce(steps)
        with live.paused():
            confirmed = yes or (bool(steps) and _confirm(options, seeder, len(steps)))
        results = seeder.downgrade(target, confirmed=confirmed)
        output = payload.run("downgrade", seeder, results, dry_run=False, begun=begun)
    render.run(options, output, results)


def _confirm(options: Options, seeder: Seeder, seeds: int) -> bool:
    from tdm_seed.cli import render

    if not (seeder.environment.protected and confirming.somebody_is_there(options)):
        return False  # the Seeder refuses, if it must be confirmed
    what = f"{render.count(seeds, 'seed')} on {seeder.database}, environment {seeder.environment.name}"
    confirming.confirm(f"Revert {what}, which is protected?", declined="reverted")
    return True


def _without_head(targets: tuple[str, ...]) -> tuple[str, ...]:
    """Take Alembic's ``head`` for what it is there: everything."""
    return () if targets in (("head",), ("heads",)) else targets


COMMANDS = (plan, upgrade, downgrade)
