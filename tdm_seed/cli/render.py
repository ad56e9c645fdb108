"""Tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from tdm_seed.values import Action, Changes, total

if TYPE_CHECKING:
    from rich.table import Table

    from tdm_seed.cli.options import Options
    from tdm_seed.engine.digest import TableDigest
    from tdm_seed.engine.status import Status
    from tdm_seed.engine.verify import Verified
    from tdm_seed.errors import TdmSeedError
    from tdm_seed.values import Applied, Plan, StepResult

#: Columns of the output where there is no terminal to ask.
_WIDTH = 160


def _said(options: Options, output: Any) -> bool:
    """Print JSON if that was asked for; tell whether nothing is left to print."""
    if options.as_json:
        click.echo(json.dumps(output, ensure_ascii=False, indent=2))
    return options.as_json or options.quiet


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        right = column in ("Rows", "Time", "Added", "Changed", "Equal", "Removed")
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    return table


def _print(table: Table, *, err: bool = False) -> None:
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    Console(file=stream, width=None if stream.isatty() else _WIDTH, highlight=False, markup=False).print(table)


def _count(number: int, one: str) -> str:
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"


def _time(milliseconds: int) -> str:
    return f"{milliseconds / 1000:,.1f} s" if milliseconds >= 1000 else f"{milliseconds} ms"


def _results(results: Sequence[StepResult]) -> Table:
    table = _table("Seed", "Layer", "Done", "Rows per table", "Time")
    for result in results:
        touched = {name: changes for name, changes in result.tables.items() if changes != Changes()}
        rows = "\n".join(f"{name or '(unknown)'} {changes}" for name, changes in touched.items())
        table.add_row(
            result.seed.revision,
            str(result.seed.layer),
            str(result.state) if result.changes else f"{result.state}, changed nothing",
            rows or "no rows",
            _time(result.duration_ms),
        )
    return table


def run(options: Options, output: dict[str, Any], results: Sequence[StepResult]) -> None:
    """Show what a run did."""
    if _said(options, output):
        return
    where = f"{output['database']} (environment {output['environment']})"
    if not results:
        click.echo(f"Nothing to do: every seed is applied to {where}.")
        return
    _print(_results(results))
    changes = total(result.changes for result in results)
    verb = "reverted" if results[0].action is Action.DOWNGRADE else "run"
    line = f"{_count(len(results), 'seed')} {verb} on {where} in {_time(output['duration_ms'])}: {_rows(changes)}."
    click.echo(line)
    if output["dry_run"]:
        click.echo("Dry run: all of it was taken back; numbers that the database hands out may be used up.")


def _rows(changes: Changes) -> str:
    words = (
        ("inserted", changes.inserted),
        ("updated", changes.updated),
        ("unchanged", changes.unchanged),
        ("deleted", changes.deleted),
    )
    return ", ".join(f"{count:,} {word}" for word, count in words if count) or "no rows touched"


def partial(error: TdmSeedError) -> None:
    """Show what an upgrade had done before it failed, and what it did not come to."""
    if error.done:
        _print(_results(error.done), err=True)
        click.echo(f"{_count(len(error.done), 'seed')} done and kept.", err=True)
    if error.left:
        names = ", ".join(step.seed.revision for step in error.left)
        click.echo(f"Not run: {names}. The next upgrade goes on from here.", err=True)


def plan(options: Options, output: dict[str, Any], found: Plan) -> None:
    """Show what would be done."""
    if _said(options, output):
        return
    where = f"{output['database']} (environment {output['environment']})"
    if found.steps:
        table = _table("Seed", "Layer", "Would", "Because", "Commit")
        for step in found.steps:
            commit = {"seed": "one", "chunk": "one", "none": "each statement"}[step.seed.transaction]
            table.add_row(step.seed.revision, str(step.seed.layer), str(step.action), step.reason, commit)
        _print(table)
    click.echo(f"{_count(len(found.steps), 'seed')} would run on {where}." if found else f"Nothing to do on {where}.")
    for skipped in found.skipped:
        click.echo(f"Skipped: {skipped.seed.revision}: {skipped.reason}")
    for drift in found.drift:
        click.echo(f"Drift: {drift.seed}: {drift.reason}")


def status(options: Options, output: dict[str, Any], found: Status) -> None:
    """Show where the seeds stand."""
    if _said(options, output):
        return
    table = _table("Seed", "Layer", "State", "Applied at", "Remark")
    for seed in found.seeds:
        at = seed.applied_at.strftime("%Y-%m-%d %H:%M:%SZ") if seed.applied_at else ""
        table.add_row(seed.seed, str(seed.layer), seed.state, at, seed.reason)
    if found.seeds:
        _print(table)
    heads = ", ".join(found.schema_heads) or "none"
    applied = sum(seed.state == "applied" for seed in found.seeds)
    click.echo(
        f"Environment {found.environment}, schema at {heads}: {applied} applied, {found.pending} pending, "
        f"{found.drift} adrift."
    )


def history(options: Options, output: dict[str, Any], entries: Sequence[Applied]) -> None:
    """Show the history."""
    if _said(options, output):
        return
    if not entries:
        click.echo("No history: nothing was applied to this database yet.")
        return
    table = _table("When", "Seed", "State", "Environment", "Rows", "Time", "By")
    for entry in entries:
        table.add_row(
            entry.started_at.strftime("%Y-%m-%d %H:%M:%SZ"),
            entry.seed,
            str(entry.state),
            entry.environment,
            str(entry.changes),
            _time(entry.duration_ms),
            entry.applied_by,
        )
    _print(table)


def show(options: Options, output: dict[str, Any]) -> None:
    """Show one seed."""
    if _said(options, output):
        return
    table = _table("Field", "Value")
    for field, value in output.items():
        if value not in (None, [], ""):
            shown = ", ".join(value) if isinstance(value, list) else str(value)
            table.add_row(field.replace("_", " "), ("no", "yes")[value] if isinstance(value, bool) else shown)
    _print(table)


def verify(options: Options, output: dict[str, Any], found: Sequence[Verified]) -> None:
    """Show which seeds hold what they promise."""
    if _said(options, output):
        return
    if not found:
        click.echo("No applied seed has a verify.")
        return
    table = _table("Seed", "Verified", "Time")
    for each in found:
        table.add_row(each.seed.revision, str(each.error) if each.error else "holds", _time(each.duration_ms))
    _print(table)
    click.echo(f"{_count(len(found), 'seed')} verified, {output['failed']} failed.")


def digest(options: Options, output: dict[str, Any], found: Sequence[TableDigest]) -> None:
    """Show digests of tables."""
    if _said(options, output):
        return
    table = _table("Table", "Rows", "Digest", "Left out, since the database numbers them")
    for each in found:
        table.add_row(each.table, f"{each.rows:,}", each.digest, ", ".join(each.left_out))
    _print(table)
    click.echo(f"All together: {output['digest']}")
