"""The commands that save, restore, list and prune snapshots of a seeded database."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from tdm_seed.cli import confirming
from tdm_seed.cli.options import Options, common

if TYPE_CHECKING:
    from tdm_seed.engine import Seeder
    from tdm_seed.engine.snapshots import Snapshot

_AGE = re.compile(r"(\d+)([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_force = click.option("--force", is_flag=True, help="End the connections of others where nobody may be connected.")


class _Age(click.ParamType[timedelta]):
    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        found = _AGE.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} is not of the form 12h, 30d or 4w", param, ctx)
        try:
            return timedelta(**{_UNITS[found[2]]: int(found[1])})
        except (OverflowError, ValueError):
            self.fail(f"{value!r} is longer than can be counted", param, ctx)


@click.group()
def snapshot() -> None:
    """Keep copies of the seeded database, and go back to one.

    Each is known by a key of all that its rows are made of: migrations, seeds, environment, server. Only those that
    this tool has made are ever listed, restored or dropped.
    """


@snapshot.command()
@click.option("--again", is_flag=True, help="Make it anew where there is one, which is dropped first.")
@_force
@common
def save(options: Options, again: bool, force: bool) -> None:
    """Save a snapshot of the database as it is.

    The database must be up to date: what is pending, adrift, was seeded with other volumes or at another clock, or was
    written to since it was seeded is refused. Where there is a snapshot under its key, nothing is done.
    """
    from tdm_seed.cli import output, render
    from tdm_seed.cli.live import Live

    begun = time.monotonic()
    with Live(options) as live, options.seeder(live) as seeder:
        done = seeder.snapshot(again=again, force=force)
        said = _payload("snapshot save", seeder, begun, changed=done.built, snapshot=described(done.snapshot))
    if options.as_json:
        output.say_json(said)
    elif not options.quiet:
        what = f"Saved {done.snapshot.name}" if done.built else f"{done.snapshot.name} is there already"
        seeds = render.count(done.snapshot.mark.seeds if done.snapshot.mark else 0, "seed")
        output.say(f"{what}: {said['database']} (environment {said['environment']}) with {seeds}.")


@snapshot.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--adopt", is_flag=True, help="Also replace a database that holds rows and was never seeded.")
@_force
@common
def restore(options: Options, yes: bool, adopt: bool, force: bool) -> None:
    """Put the newest snapshot in the place of the database.

    It is the newest one of what the environment is now. Everything in the database is replaced: rows, catalogue,
    sequences and history. What forbids a reset forbids this, too; unless the manifest says reset = "allow", it asks.
    """
    from tdm_seed.cli import output
    from tdm_seed.cli.live import Live
    from tdm_seed.engine.reset_rules import refuse

    begun = time.monotonic()
    refuse(options.environment())  # before a server is asked, which may not even be there
    with Live(options) as live, options.seeder(live) as seeder:
        confirmed = yes
        if not yes and seeder.environment.reset == "confirm" and confirming.somebody_is_there(options):
            with live.paused():
                found = seeder.plan_restore(adopt=adopt)
                _confirm(seeder, found)
                confirmed = True
        done = seeder.restore(confirmed=confirmed, force=force, adopt=adopt)
        said = _payload("snapshot restore", seeder, begun, changed=True, snapshot=described(done.snapshot))
    if options.as_json:
        output.say_json(said)
    elif not options.quiet:
        output.say(f"{said['database']} (environment {said['environment']}) is {done.snapshot.name} again.")


def _confirm(seeder: Seeder, found: Snapshot) -> None:
    environment, made = seeder.environment.name, found.mark.made_at.isoformat(" ", "seconds") if found.mark else ""
    where = f"{seeder.database} (environment {environment}, host {seeder.host})"
    confirming.confirm(f"Replace {where} by {found.name} of {made}?", declined="replaced")


@snapshot.command("list")
@common
def list_(options: Options) -> None:
    """List the snapshots on the server.

    Those of other databases are listed, too. One that is current is what a reset of the environment would make now.
    """
    from tdm_seed.cli import output

    with options.seeder() as seeder:
        found, key = seeder.snapshots(), seeder.snapshot_key()
        said = {
            "environment": seeder.environment.name,
            "database": seeder.database,
            "key": key,
            "snapshots": [described(each) for each in found],
        }
    if options.as_json:
        output.say_json(said)
    elif not options.quiet:
        _show(found, key)


def _show(found: Sequence[Snapshot], key: str) -> None:
    from tdm_seed.cli import output

    if not found:
        output.say("There are no snapshots.")
        return
    heading = ("Snapshot", "Database", "Environment", "Saved at", "Seeds", "MB", "")
    output.say_table(heading, [_row(each, key) for each in found], right=("Seeds", "MB"))


def _row(each: Snapshot, key: str) -> tuple[str, ...]:
    size = "" if each.size is None else f"{each.size / 1e6:,.1f}"
    mark = each.mark
    if mark is None:
        return (each.name, "", "", "", "", size, "cut off, or being built")
    made = mark.made_at.strftime("%Y-%m-%d %H:%M:%S")
    state = "current" if mark.key == key else ""
    return (each.name, mark.database, mark.environment, made, str(mark.seeds), size, state)


@snapshot.command()
@click.option("--keep", type=click.IntRange(min=0), default=3, metavar="N", help="Keep the N newest (default: 3).")
@click.option("--older-than", type=_Age(), metavar="AGE", help="Drop those that are older, too: 12h, 30d or 4w.")
@click.option("--all", "everywhere", is_flag=True, help="Those of every database on the server, each by itself.")
@common
def prune(options: Options, keep: int, older_than: timedelta | None, everywhere: bool) -> None:
    """Drop old snapshots of the database, and those that were cut off.

    The newest one that is current always stays.
    """
    from tdm_seed.cli import output, render
    from tdm_seed.cli.live import Live

    begun = time.monotonic()
    with Live(options) as live, options.seeder(live) as seeder:
        dropped = seeder.prune(keep=keep, older_than=older_than, everywhere=everywhere)
        said = _payload(
            "snapshot prune", seeder, begun, changed=bool(dropped), dropped=[described(each) for each in dropped]
        )
    if options.as_json:
        output.say_json(said)
    elif not options.quiet:
        for each in dropped:
            output.say(f"Dropped {each.name}.")
        output.say(f"{render.count(len(dropped), 'snapshot')} dropped.")


def _payload(command: str, seeder: Seeder, begun: float, **given: Any) -> dict[str, Any]:
    return {
        "command": command,
        "environment": seeder.environment.name,
        "database": seeder.database,
        **given,
        "duration_ms": round((time.monotonic() - begun) * 1000),
    }


def described(each: Snapshot) -> dict[str, Any]:
    """Describe a snapshot; of one that is not complete, only its name and size are known."""
    from tdm_seed.history import text_of

    mark = each.mark
    return {
        "name": each.name,
        "complete": each.complete,
        "size": each.size,
        "made_from": mark.database if mark else None,
        "made_as": mark.environment if mark else None,
        "key": mark.key if mark else None,
        "fingerprint": mark.fingerprint if mark else None,
        "applied": mark.seeds if mark else None,
        "made_at": text_of(mark.made_at) if mark else None,
    }


COMMANDS = (snapshot,)
