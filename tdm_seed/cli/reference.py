"""Print docs/commands.md, made of what the commands say about themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence

import click

from tdm_seed.cli import tdm_seed
from tdm_seed.cli.options import common

_TOP = """\
# Commands

This page is made by `python -m tdm_seed.cli.reference > docs/commands.md` from what `--help` says; a test keeps the
two alike. What the exit codes mean stands in [exit-codes.md](exit-codes.md), what `--json` prints in
[json.md](json.md).

A SEED is named by any part of its revision that only it has: `countries` is enough for `20260105_1200_countries`.
"""

_COMMON = """\
## Options of every command

They stand after the command: `tdm-seed status --env test`.
"""


def reference() -> str:
    """Write the page."""

    @click.command()
    @common
    def every() -> None:
        """Hold the common options."""

    shared = _options(every)
    known = [option.name for option in shared]
    parts = [_TOP, *_commands("tdm-seed", tdm_seed, known), _COMMON + "\n" + _table(shared)]
    return "\n".join(parts)


def _commands(before: str, group: click.Group, known: Sequence[str | None]) -> Iterator[str]:
    """Write the commands of a group, each with those that it is a group of behind it."""
    for name, command in sorted(group.commands.items()):
        if not command.hidden:
            yield _command(before, command, known)
        if isinstance(command, click.Group):
            yield from _commands(f"{before} {name}", command, known)


def _command(before: str, command: click.Command, known: Iterable[str | None]) -> str:
    arguments = [argument.make_metavar(click.Context(command)) for argument in _arguments(command)]
    heading = f"## `{' '.join([before, command.name or '', *arguments])}`"
    text = inspect.cleandoc(command.help or "")
    own = [option for option in _options(command) if option.name not in known]
    return "\n\n".join([heading, text, *([_table(own)] if own else [])]).rstrip("\n") + "\n"


def _arguments(command: click.Command) -> list[click.Argument]:
    return [parameter for parameter in command.params if isinstance(parameter, click.Argument)]


def _options(command: click.Command) -> list[click.Option]:
    return [parameter for parameter in command.params if isinstance(parameter, click.Option)]


def _table(options: Iterable[click.Option]) -> str:
    rows = ["| option | meaning |", "|---|---|"]
    for option in options:
        spelt = ", ".join(option.opts)
        takes = "" if option.is_flag else f" {option.make_metavar(click.Context(click.Command('')))}"
        rows.append(f"| `{spelt}{takes}` | {option.help} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    click.echo(reference(), nl=False)
