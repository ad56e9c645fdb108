"""The command line: parse, call the Seeder, render. Nothing heavy is imported until a command runs."""

from __future__ import annotations

import gc
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import click

from tdm_seed import __version__
from tdm_seed.cli import agreeing, checking, creating, reading, resetting, snapshots, writing

_HELP = """Version the data that your schema needs.

Seeds are versioned, repeatable Python, SQL or data files. `upgrade` brings the database of an environment up to
date and notes it in seed_history; running it again changes nothing.
"""

#: How many more objects there have to be before Python looks for circles among them, in place of 700.
_SELDOM = 100_000
_VERBOSE = re.compile(r"-[qvh]*v[qvh]*|--verbose")


@click.group(help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tdm-seed")
def tdm_seed() -> None:
    """Hold the commands."""


for _group in (creating, writing, resetting, snapshots, reading, agreeing, checking):
    for _command in _group.COMMANDS:
        tdm_seed.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code that tells a pipeline what happened.

    Without ``arguments`` it is the program, and the process is its own. A command imports 80,000 objects that stay
    until it ends; to look for circles among them, again and again while they come and once more at the end, is a
    quarter of the CPU time of a quick one. Arrow is told to give memory back, as `loading.extra` has it, before a seed
    can import it.
    """
    if arguments is not None:
        sys.exit(_run(list(arguments)))
    gc.set_threshold(_SELDOM)
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    try:
        sys.exit(_run(sys.argv[1:]))
    finally:
        gc.freeze()


def _run(given: list[str]) -> int:
    from tdm_seed.cli import failure, output

    output.prepare()
    try:
        with _terminable():
            code = tdm_seed.main(given, prog_name="tdm-seed", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:
        return failure.show(
            error,
            as_json="--json" in given,
            verbose=any(_VERBOSE.fullmatch(word) for word in given),
        )
    return code if isinstance(code, int) else 0


@contextmanager
def _terminable() -> Iterator[None]:
    """Let a SIGTERM end the run as Ctrl-C does, with its transaction rolled back; a second one ends it at once."""
    from tdm_seed.cli.failure import Termination

    def terminate(number: int, _frame: object) -> NoReturn:
        signal.signal(number, signal.SIG_DFL)
        raise Termination

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
