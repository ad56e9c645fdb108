"""The one place where errors leave the program: a sentence or a JSON object, and the exit code."""

from __future__ import annotations

import json
import traceback

import click

from tdm_seed.environments.urls import concealed
from tdm_seed.errors import TdmSeedError, UsageError


def show(error: BaseException, *, as_json: bool, verbose: bool) -> int:
    """Print an error and give the exit code. Passwords are hidden here, whatever a driver has written."""
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        click.echo("Interrupted: nothing of the seed that was running is kept.", err=True)
        return 130
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.ClickException):
        hint = getattr(error, "ctx", None) and f"`{error.ctx.command_path} --help` lists what there is."  # type: ignore[attr-defined]
        error = UsageError(error.format_message().rstrip("."), hint=hint or None)
    if not isinstance(error, TdmSeedError):
        trace = "".join(traceback.format_exception(error)) if verbose else ""
        internal = TdmSeedError(
            f"an error inside tdm-seed: {type(error).__name__}: {error}",
            hint="Please report it with the output of the same command and -v." if not verbose else None,
        )
        click.echo(concealed(trace), err=True, nl=False)
        return show(internal, as_json=as_json, verbose=verbose)
    if as_json:
        from tdm_seed.cli import payload

        click.echo(concealed(json.dumps(payload.error(error), ensure_ascii=False, indent=2)))
        return error.exit_code
    if error.done or error.left:
        from tdm_seed.cli import render

        render.partial(error)
    click.secho("Error: ", fg="red", bold=True, err=True, nl=False)
    click.echo(concealed(str(error)), err=True)
    if verbose and error.__cause__ is not None:
        click.echo(concealed("".join(traceback.format_exception(error.__cause__))), err=True)
    return error.exit_code
