"""What a command found or did, told to people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tdm_seed.cli.output import say, say_json, say_table
from tdm_seed.values import Changes, Transaction, total

if TYPE_CHECKING:
    from datetime import datetime

    from tdm_seed.cli.options import Options
    from tdm_seed.engine.digest import TableDigest
    from tdm_seed.engine.status import Status
    from tdm_seed.engine.verify import Verified
    from tdm_seed.errors import TdmSeedError
    from tdm_seed.values import Applied, Circular, Plan, StepResult

#: The order in which states are summed up below a status.
_STATES = ("applied", "pending", "drift", "skipped", "unlisted")
#: How a seed's rows become visible. Chunks are committed together until they can be loaded apart.
_COMMITS = {
    Transaction.SEED: "as one",
    Transaction.CHUNK: "in chunks",
    Transaction.NONE: "each statement",
}

#: What a writing command has done to a database.
_VERBS = {"downgrade": "reverted on", "stamp": "stamped on"}


def _said(options: Options, output: Any) -> bool:
    """Print JSON if that was asked for; tell whether nothing is left to print."""
    if options.as_json:
        say_json(output)
    return options.as_json or options.quiet


def count(number: int, noun: str) -> str:
    """Write a number and its noun, ``1 seed`` or ``1,000 seeds``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _time(milliseconds: int) -> str:
    return f"{milliseconds / 1000:,.1f} s" if milliseconds >= 1000 else f"{milliseconds} ms"


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%MZ")


def _where(output: dict[str, Any]) -> str:
    return f"{output['database']} (environment {output['environment']})"


def _rows(changes: Changes) -> str:
    """Sum changes up, ``12 rows inserted, 3 updated``."""
    counted = [(number, word) for word, number in changes.as_dict().items() if number]
    if not counted:
        return "no rows touched"
    (first, word), *rest = counted
    return ", ".join([f"{count(first, 'row')} {word}", *(f"{number:,} {verb}" for number, verb in rest)])


def _results(results: Sequence[StepResult], *, dry_run: bool = False, err: bool = False) -> None:
    rows = []
    for result in results:
        lines = [f"{name or '(unknown)'} {each}" for name, each in result.tables.items() if each != Changes()]
        if not result.counted:
            lines.append("rows that are not counted")
        elif not result.changes:
            lines.insert(0, "nothing changed")
        done = "rolled back" if dry_run else str(result.state)
        rows.append((result.seed.revision, str(result.seed.layer), done, "\n".join(lines), _time(result.duration_ms)))
    columns = ("Seed", "Layer", "Done", "Rows per table", "Time")
    say_table(columns, rows, right=("Time",), wraps=("Rows per table",), spare=("Layer",), err=err)


def run(options: Options, output: dict[str, Any], results: Sequence[StepResult]) -> None:
    """Show what a run did."""
    if _said(options, output):
        return
    if not results:
        say(f"Nothing to do: {_where(output)} is up to date.")
        return
    dry_run = output["dry_run"]
    _results(results, dry_run=dry_run)
    verb = "tried on" if dry_run else _VERBS.get(output["command"], "applied to")
    done = total(result.changes for result in results)
    changes = _rows(done)
    if not all(result.counted for result in results):
        changes = f"{changes}, and rows that are not counted" if done != Changes() else "rows that are not counted"
    say(f"{count(len(results), 'seed')} {verb} {_where(output)} in {_time(output['duration_ms'])}: {changes}.")
    for load in (load for result in results for load in result.loads if dry_run):
        say(f"{load.table}: {'; '.join((f'{load.rows:,} rows by {load.by}', *load.remarks))}.")
    if dry_run:
        say("Dry run: all of it was rolled back. Numbers that the database hands out may be used up.")


def partial(error: TdmSeedError) -> None:
    """Show what an upgrade had done before it failed, and what it did not come to."""
    if error.done:
        _results(error.done, err=True)
        say(f"{count(len(error.done), 'seed')} done before the error; that stays.", err=True)
    if error.left:
        names = ", ".join(step.seed.revision for step in error.left)
        say(f"Not run: {names}. The next upgrade goes on from here.", err=True)


def plan(
    options: Options, output: dict[str, Any], found: Plan, refusal: TdmSeedError | None, circular: Sequence[Circular]
) -> None:
    """Show what would be done, and why not."""
    if _said(options, output):
        return
    if found:
        rows = [
            (step.seed.revision, str(step.seed.layer), str(step.action), step.reason, _COMMITS[step.seed.transaction])
            for step in found.steps
        ]
        say_table(("Seed", "Layer", "Would", "Because", "Commits"), rows, wraps=("Because",), spare=("Layer",))
        say(f"{count(len(found.steps), 'seed')} would run on {_where(output)}.")
    else:
        say(f"Nothing to do: {_where(output)} is up to date.")
    for skipped in found.skipped:
        say(f"Skipped: {skipped.seed.revision}: {skipped.reason}")
    for drift in found.drift:
        say(f"Drift: {drift.seed}: {drift.reason}")
    for way in dict.fromkeys(each.way for each in circular):
        names = ", ".join(f"{each.table}.{each.constraint}" for each in circular if each.way == way)
        say(f"In a circle: {names}: {way}.")
    if refusal:
        say(f"Upgrade would refuse, as things stand: {refusal}")


def status(options: Options, output: dict[str, Any], found: Status) -> None:
    """Show where the seeds stand."""
    if _said(options, output):
        return
    schema = f", schema at {', '.join(found.schema_heads)}" if found.schema_heads else ""
    if not found.seeds:
        say(f"Environment {found.environment}{schema}: the project has no seeds.")
        return
    rows = [
        (seed.seed, str(seed.layer), seed.state, _moment(seed.applied_at) if seed.applied_at else "", seed.reason)
        for seed in found.seeds
    ]
    say_table(
        ("Seed", "Layer", "State", "Applied at", "Remark"), rows, wraps=("Remark",), spare=("Layer", "Applied at")
    )
    states = [seed.state for seed in found.seeds]
    summed = ", ".join(f"{states.count(state):,} {state}" for state in _STATES if state in states)
    say(f"Environment {found.environment}{schema}: {summed}.")
    if found.seeded_as not in (None, found.environment):
        say(f"This database was seeded as {found.seeded_as}: no scenario of {found.environment} runs in it.")


def history(options: Options, output: dict[str, Any], entries: Sequence[Applied]) -> None:
    """Show the history."""
    if _said(options, output):
        return
    if not entries:
        say("No history: nothing was applied to this database yet.")
        return
    rows = [
        (
            _moment(entry.started_at),
            entry.seed,
            str(entry.state),
            entry.environment,
            str(entry.changes),
            _time(entry.duration_ms),
            *([f"{entry.rows_per_s or 0:,}"] if options.verbose else []),
            entry.applied_by,
            _remark(entry),
        )
        for entry in entries
    ]
    quick = ["Rows/s"] if options.verbose else []
    columns = ["When", "Seed", "State", "Environment", "Rows", "Time", *quick, "By", "Remark"]
    if not any(row[-1] for row in rows):
        columns.pop()
    spare = ("By", "Time", "Environment")
    say_table(columns, rows, right=("Time", "Rows/s"), wraps=("Rows", "Remark"), spare=spare)


def _remark(entry: Applied) -> str:
    """Tell what an entry notes: why its seed was left unfinished, and what the command line had changed."""
    remarks = [str(entry.note["reason"])] if "reason" in entry.note else []
    overrides = entry.note.get("overrides")
    for name, value in overrides.items() if isinstance(overrides, dict) else ():
        shown = ", ".join(f"{each}={number}" for each, number in value.items()) if isinstance(value, dict) else value
        remarks.append(f"{name.replace('_', ' ')} {shown}")
    return "; ".join(remarks)


def show(options: Options, output: dict[str, Any]) -> None:
    """Show one seed."""
    if _said(options, output):
        return
    rows = []
    for field, value in output.items():
        if value not in (None, [], ""):
            shown = "\n".join(value) if isinstance(value, list) else str(value)
            rows.append((field.replace("_", " "), ("no", "yes")[value] if isinstance(value, bool) else shown))
    say_table(("Field", "Value"), rows, wraps=("Value",))


def verify(options: Options, output: dict[str, Any], found: Sequence[Verified]) -> None:
    """Show which seeds hold what they promise; a promise that is broken is an error, which no option silences."""
    if not options.as_json:
        for each in found:
            if each.error:
                say(f"Error: {each.error}", err=True)
    if _said(options, output):
        return
    if not found:
        say("Nothing to verify: no seed that is meant is applied and has a verify.")
        return
    rows = [(each.seed.revision, "fails" if each.error else "holds", _time(each.duration_ms)) for each in found]
    say_table(("Seed", "Verify", "Time"), rows, right=("Time",))
    say(f"{count(len(found), 'seed')} verified, {output['failed'] or 'none'} failed.")


def digest(options: Options, output: dict[str, Any], found: Sequence[TableDigest]) -> None:
    """Show digests of tables."""
    if _said(options, output):
        return
    if not found:
        say("Nothing to digest: the database has no tables of its own.")
        return
    say_table(
        ("Table", "Rows", "Digest"), [(each.table, f"{each.rows:,}", each.digest) for each in found], right=("Rows",)
    )
    say(f"All together: {output['digest']}")
    if left_out := [f"{each.table}.{column}" for each in found for column in each.left_out]:
        say(f"Left out, since the database numbers them: {', '.join(left_out)}.")
