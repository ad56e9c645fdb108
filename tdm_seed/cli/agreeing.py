"""The commands that make history agree with what is there: stamp and repair."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from tdm_seed.cli import completion, confirming
from tdm_seed.cli.options import Options, common

if TYPE_CHECKING:
    from tdm_seed.engine.label import Relabelled

_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command()
@click.argument("targets", nargs=-1, metavar="[SEED]...", shell_complete=completion.seeds)
@click.option(
    "--environment",
    "label",
    metavar="NAME",
    shell_complete=completion.environments,
    help="Give the database the name of this environment.",
)
@_yes
@common
def stamp(options: Options, targets: tuple[str, ...], label: str | None, yes: bool) -> None:
    """Record seeds as applied, and run nothing.

    Everything that is pending, or only the named SEEDs and those they depend on: for a database that has their rows
    already.

    With --environment, a restored copy gets another environment's name, without which resets and scenarios of that
    environment are refused in it. Nothing else is recorded then.
    """
    from tdm_seed.cli import payload, render
    from tdm_seed.cli.live import Live
    from tdm_seed.errors import UsageError

    if label is not None:
        if targets:
            raise UsageError("stamp takes either seeds or --environment", hint="Run it twice.")
        _relabel(options, label, yes)
        return
    begun = time.monotonic()
    with Live(options) as live, options.seeder(live) as seeder:
        results = seeder.stamp(targets)
        output = payload.run("stamp", seeder, results, dry_run=False, begun=begun)
    render.run(options, output, results)


def _relabel(options: Options, name: str, yes: bool) -> None:
    from tdm_seed.cli import output
    from tdm_seed.cli.live import Live

    with Live(options) as live, options.seeder(live) as seeder:
        found = seeder.plan_relabel(name)
        if found.before != name and not yes:
            with live.paused():
                _confirm(options, found, seeder.database)
        done = seeder.relabel(name)
        said = {
            "command": "stamp",
            "environment": done.after,
            "database": seeder.database,
            "before": done.before,
            "changed": done.before != done.after,
        }
    if options.as_json:
        output.say_json(said)
    elif not options.quiet:
        became = f"now; it was {done.before!r}" if said["changed"] else "already"
        output.say(f"{said['database']} is {name!r} {became}.")


def _confirm(options: Options, found: Relabelled, database: str) -> None:
    from tdm_seed.cli import render
    from tdm_seed.errors import Protected

    where = f"{database}, seeded as {found.before!r}"
    if not confirming.somebody_is_there(options):
        raise Protected(f"nobody is there to confirm that {where} is {found.after!r} now", hint="Say --yes.")
    seeds = render.count(found.seeds, "seed")
    confirming.confirm(f"Call {where} with {seeds}, {found.after!r} from now on?", declined="changed")


@click.command()
@click.argument("targets", nargs=-1, metavar="[SEED]...", shell_complete=completion.seeds)
@common
def repair(options: Options, targets: tuple[str, ...]) -> int:
    """Accept what became of applied seeds, each by its name.

    An edit of a seed that runs once, a new name, a file that was taken away: history is made to agree, and no row is
    touched. Without names, what there is to accept is listed, nothing is written, and the exit code is 4 if there is
    something. A seed that a crash left unfinished needs no repair: the next upgrade continues it.
    """
    from tdm_seed.cli import output
    from tdm_seed.cli.live import Live

    with Live(options) as live, options.seeder(live) as seeder:
        done = seeder.repair(targets) if targets else ()
        left = seeder.plan().drift
        said = {
            "command": "repair",
            "environment": seeder.environment.name,
            "database": seeder.database,
            "repaired": [{"seed": each.seed, "kind": str(each.kind), "becomes": each.becomes} for each in done],
            "drift": [{"seed": each.seed, "reason": each.reason} for each in left],
        }
    if options.as_json:
        output.say_json(said)
    elif not options.quiet:
        for each in done:
            output.say(f"Accepted: {each}.")
        for drift in left:
            output.say(f"Drift: {drift.seed}: {drift.reason}")
        if not done and not left:
            output.say("Nothing to repair: files and history agree.")
        elif left and not targets:
            output.say("Nothing was changed. `tdm-seed repair SEED` accepts one of them as it is.")
    return 4 if left and not targets else 0


COMMANDS = (stamp, repair)
