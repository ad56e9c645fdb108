"""The command line: parse, call the Seeder, render. Nothing heavy is imported until a command runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from tdm_seed import __version__
from tdm_seed.cli import creating, reading, writing

_HELP = """Version the data that your schema needs.

Seeds are versioned, idempotent Python, SQL or data files in seeds/. `upgrade` brings an environment's database up to
date and notes it in seed_history; running it again changes nothing.
"""


@click.group(help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tdm-seed")
def tdm_seed() -> None:
    """Hold the commands."""


for _command in (*creating.COMMANDS, *writing.COMMANDS, *reading.COMMANDS):
    tdm_seed.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code that tells a pipeline what happened."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _run(given)
        sys.stdout.flush()
    except BrokenPipeError:  # `tdm-seed history | head` is no mistake
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def _run(given: list[str]) -> int:
    from tdm_seed.cli import failure

    try:
        code = tdm_seed.main(given, prog_name="tdm-seed", standalone_mode=False)
    except BrokenPipeError:
        raise
    except (Exception, KeyboardInterrupt) as error:
        return failure.show(error, as_json="--json" in given, verbose="-v" in given or "--verbose" in given)
    return code if isinstance(code, int) else 0
