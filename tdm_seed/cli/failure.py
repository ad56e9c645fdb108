"""The one place where errors leave the program: a sentence or a JSON object, and the exit code."""

from __future__ import annotations

import os
import sys
import traceback

import click

from tdm_seed.cli.output import OutputLost, say, say_json, silence
from tdm_seed.environments.urls import concealed
from tdm_seed.errors import Stopped, TdmSeedError, UsageError


class Interrupted(TdmSeedError):
    """Somebody pressed Ctrl-C; the exit code is a shell's own for that."""

    code = "interrupted"
    exit_code = 130
    remedy = "The same command goes on from here."


class Terminated(Interrupted):
    """The system asked the program to end (SIGTERM), in a shell's own exit code."""

    exit_code = 143


class Termination(KeyboardInterrupt):
    """What a SIGTERM becomes, so that a run ends as orderly as by Ctrl-C."""


def show(error: BaseException, *, as_json: bool, verbose: bool) -> int:
    """Print an error and give the exit code. Passwords are hidden here, whatever a driver has written."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return UsageError.exit_code
    trace = "".join(traceback.format_exception(error.__cause__ or error)) if verbose and _has_cause(error) else ""
    sentence = _sentence(error, verbose=verbose)
    try:
        if as_json and not isinstance(error, OutputLost):
            from tdm_seed.cli import payload

            say_json(payload.error(sentence))
        else:
            _print(sentence)
        if trace:
            say(trace, err=True)
    except (OSError, OutputLost):  # there is no room for it
        try:
            click.echo(concealed(f"Error: {sentence}"), err=True)
        except OSError:
            silence(sys.stderr)  # else Python cannot flush it at its end, and exits with 120
    return sentence.exit_code


def _has_cause(error: BaseException) -> bool:
    """Tell whether there is more to tell than the sentence: what a driver or a seed raised, or a mistake of ours."""
    known = isinstance(error, (TdmSeedError, click.ClickException, click.Abort, KeyboardInterrupt))
    return error.__cause__ is not None or not known


def _sentence(error: BaseException, *, verbose: bool) -> TdmSeedError:
    if isinstance(error, TdmSeedError):
        return error
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return _interruption(error)
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        hint = f"`{context.command_path if context else 'tdm-seed'} --help` lists what there is."
        if isinstance(error, click.NoSuchOption) and context is not None:
            return UsageError(_no_option(error, context), hint=_behind(error, context) or hint)
        return UsageError(error.format_message().rstrip("."), hint=hint)
    if isinstance(error, FileNotFoundError) and not _in_a_folder():
        return UsageError("the current folder is gone", hint="Change into one that is there.")
    return TdmSeedError(
        f"an error inside tdm-seed: {type(error).__name__}: {error}",
        hint=None if verbose else "Please report it with the output of the same command and -v.",
    )


def _in_a_folder() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _no_option(error: click.NoSuchOption, context: click.Context) -> str:
    """Prefer the option that the wrong one begins with: click takes --enviroment for --volume."""
    known = [name for option in context.command.params for name in option.opts if name.startswith("--")]
    begins = [name for name in known if error.option_name.startswith(name)]
    if not begins:
        return error.format_message().rstrip(".")
    return f"No such option '{error.option_name}'. Did you mean '{max(begins, key=len)}'?"


def _behind(error: click.NoSuchOption, context: click.Context) -> str | None:
    """Tell whoever has put a command's option in front of the command where it belongs."""
    commands = getattr(context.command, "commands", {})
    if any(error.option_name in option.opts for command in commands.values() for option in command.params):
        return f"Options stand behind the command: {context.command_path} COMMAND {error.option_name}."
    return None


def _interruption(error: BaseException) -> Interrupted:
    """Take from the run, if it had begun, what became of its seeds."""
    chain = [error]
    while (cause := chain[-1].__cause__) is not None:
        chain.append(cause)
    kind = Terminated if any(isinstance(each, Termination) for each in chain) else Interrupted
    stopped = next((each for each in chain if isinstance(each, Stopped)), None)
    found = kind(stopped.message if stopped else "interrupted")
    if stopped is not None:
        found.done, found.left = stopped.done, stopped.left
    return found


def _print(error: TdmSeedError) -> None:
    if error.done or error.left:
        from tdm_seed.cli import render

        render.partial(error)
    click.secho("Error: ", fg="red", bold=True, err=True, nl=False)
    click.echo(concealed(str(error)), err=True)
