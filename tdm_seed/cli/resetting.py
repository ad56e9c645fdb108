"""The command that starts over: reset says what it is about to do, asks, and tells what it did."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from tdm_seed.cli import confirming
from tdm_seed.cli.options import Options, common
from tdm_seed.values import Way

if TYPE_CHECKING:
    from tdm_seed.cli.announcing import Announcing
    from tdm_seed.dialects.rewinding import Rewound
    from tdm_seed.engine import Seeder
    from tdm_seed.engine.reset import Course, ResetResult


@click.command()
@click.option("--empty", is_flag=True, help="Leave it empty: seed nothing.")
@click.option("--way", type=click.Choice([way.value for way in Way]), help="Go this way, or not at all.")
@click.option("--adopt", is_flag=True, help="Also where rows are that were there before anything was seeded.")
@click.option("--force", is_flag=True, help="End the connections of others where a clone can have none.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
def reset(options: Options, empty: bool, way: str | None, adopt: bool, force: bool, yes: bool) -> None:
    """Bring the database back to what its seeds make of it.

    The cheapest way that is right is taken and told. By rows: what was written since it was seeded is put back. By
    clone: a snapshot takes its place. By rebuild: every table is emptied but Alembic's, the tool's own and those that
    the manifest keeps, rows that were there before the first seed come back, and the seeds run again. Unless the
    manifest says reset = "allow", it asks.
    """
    from tdm_seed.cli.announcing import Announcing
    from tdm_seed.engine.reset_rules import refuse

    begun = time.monotonic()
    refuse(options.environment())  # before a server is asked, which may not even be there
    with Announcing(options) as live, options.seeder(live) as seeder:
        live.seeder = seeder
        wanted = Way(way) if way else None
        confirmed = yes
        if not yes and seeder.environment.reset == "confirm" and confirming.somebody_is_there(options):
            course = seeder.plan_reset(way=wanted, empty=empty, adopt=adopt)
            confirmed, wanted = _confirm(live, course), course.way  # another way was not agreed to
        done = seeder.reset(confirmed=confirmed, empty=empty, way=wanted, adopt=adopt, force=force)
        output = _payload(seeder, done, begun=begun)
    _render(options, output, done)


def _confirm(live: Announcing, course: Course) -> bool:
    """Ask, where rows would go, and say whether that was agreed to."""
    from tdm_seed.cli.output import say

    with live.paused():
        for each in course.passed:
            say(f"Not by {each.way}: {each.reason}.", err=True)
        if course.way is Way.REBUILD:
            live.show(course.emptying)
            if not course.emptying.rows:
                return False  # the Seeder refuses, if there are any by then
            confirming.confirm("Empty it?", declined="emptied")
        elif course.way is Way.CLONE:
            name = course.snapshot.name if course.snapshot else ""
            confirming.confirm(f"Replace {live.place()} by {name}?", declined="replaced")
        else:
            live.show_touched(course.touched)
            if course.touched is not None and not course.touched:
                return False  # as above
            confirming.confirm(f"Put back what was written to {live.place()}?", declined="put back")
    return True


def _payload(seeder: Seeder, done: ResetResult, *, begun: float) -> dict[str, Any]:
    from tdm_seed.cli import payload

    run = payload.run("reset", seeder, done.results, dry_run=False, begun=begun)
    return {
        **run,
        "changed": run["changed"] or done.changed,
        "way": done.way.value,
        "passed_over": [{"way": each.way.value, "reason": each.reason} for each in done.passed],
        "rows_are_kept": done.keeps,
        "put_back": {
            "whole": done.rewound.whole,
            "tables": [
                {"table": each.table, "inserted": each.inserted, "updated": each.updated, "deleted": each.deleted}
                for each in done.rewound.tables
            ],
            "sequences": list(done.rewound.sequences),
            "views": list(done.rewound.views),
        },
        "snapshot": done.restored.snapshot.name if done.restored else None,
        "emptied": [
            {"table": each.table, "rows": each.rows, "restored": each.restored} for each in done.emptying.tables
        ],
        "kept": [{"table": each.table, "reason": each.reason} for each in done.emptying.kept],
        "notes": [*done.emptying.notes, *done.notes],
    }


def _render(options: Options, output: dict[str, Any], done: ResetResult) -> None:
    from tdm_seed.cli import render
    from tdm_seed.cli.output import say

    if not (options.as_json or options.quiet):
        for each in done.passed:
            say(f"Not by {each.way}: {each.reason}.", err=True)
        for note in done.notes:
            say(f"Note: {note}", err=True)
        say(_told(done, f"{output['database']} (environment {output['environment']})"))
    if done.results or options.as_json:
        render.run(options, output, done.results)


def _told(done: ResetResult, where: str) -> str:
    """Say in a sentence what was done."""
    from tdm_seed.cli.render import count

    if done.way is Way.ROWS:
        return f"{_put_back(done.rewound)} {where}."
    if done.restored is not None:
        return f"{where} is {done.restored.snapshot.name} again."
    back = f", {count(done.emptying.restored, 'row')} brought back" if done.emptying.restored else ""
    emptied = f"{count(done.emptying.rows, 'row')} emptied" if done.emptying.rows else "Nothing to empty"
    return f"{emptied} on {where}{back}."


def _put_back(done: Rewound) -> str:
    from tdm_seed.cli.render import count

    if done.whole:
        return "All is as it was when it was seeded on"
    if not done:
        return "Nothing was written since it was seeded to"
    rows = sum(each.deleted + each.updated + each.inserted for each in done.tables)
    parts = [f"{count(rows, 'row')} in {count(len(done.tables), 'table')}"] if done.tables else []
    parts += [count(len(done.sequences), "sequence")] if done.sequences else []
    return f"{' and '.join(parts)} put back on"


COMMANDS = (reset,)
