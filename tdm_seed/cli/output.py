"""Where everything that a command says leaves the program: no passwords, no colour in a pipe, no line cut short."""

from __future__ import annotations

import codecs
import json
import os
import shutil
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from itertools import zip_longest
from typing import Any, TextIO

import click

from tdm_seed.environments.urls import concealed
from tdm_seed.errors import TdmSeedError

_COLOURS: Mapping[str, str] = {
    "applied": "green",
    "holds": "green",
    "pending": "yellow",
    "reverted": "yellow",
    "rolled back": "yellow",
    "running": "red",
    "drift": "red",
    "fails": "red",
}
_GAP = 2
#: A column that wraps keeps at least this width before the others must wrap, too.
_NARROWEST = 14


class OutputLost(TdmSeedError):
    """There is no room where the output goes to."""


def prepare() -> None:
    """Let a terminal that cannot show a character show its number instead of ending the program."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # whoever started us has closed it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for the rest of our life
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def say(text: str, *, err: bool = False) -> None:
    """Print a line, with the passwords of URLs hidden. A reader that has seen enough (``| head``) is no mistake.

    Raises:
        OutputLost: it cannot be written, as to a disk that is full.
    """
    try:
        click.echo(concealed(text), err=err)
    except BrokenPipeError:
        silence(sys.stderr if err else sys.stdout)
    except OSError as error:
        silence(sys.stderr if err else sys.stdout)
        raise OutputLost(
            f"the output cannot be written: {error.strerror}",
            hint="Make room where it goes to. What the command did is done, as `tdm-seed status` tells.",
        ) from error


def silence(stream: TextIO) -> None:
    """Let a stream that nobody reads any more lead nowhere, so that Python has nothing to complain of at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say_json(output: Any) -> None:
    """Print an object; letters beyond ASCII stand as they are where the stream can carry them."""
    say(json.dumps(output, ensure_ascii=not _is_unicode(sys.stdout), indent=2))


def say_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[str] = (),
    wraps: Collection[str] = (),
    spare: Sequence[str] = (),
    err: bool = False,
) -> None:
    """Print rows below their headings.

    On a terminal that is too narrow the ``spare`` columns are left out one after another, then those in ``wraps``
    become several lines high. Elsewhere a table is as wide as it needs to be.
    """
    stream = sys.stderr if err else sys.stdout
    room = shutil.get_terminal_size().columns if stream.isatty() else None
    widths = _widths(columns, rows)
    shown = list(columns)
    for column in spare:
        if room and _least(shown, widths, wraps) > room:
            shown.remove(column)
    kept = [[row[columns.index(column)] for column in shown] for row in rows]
    loose = shown if room and _least(shown, widths, wraps) > room else wraps
    if room is None:
        say(_plain(shown, kept, right, widths, stream), err=err)
    else:
        say(_draw(shown, kept, right, loose, room, stream), err=err)


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, int]:
    from rich.cells import cell_len

    return {
        column: max(cell_len(line) for cell in (column, *(row[place] for row in rows)) for line in cell.split("\n"))
        for place, column in enumerate(columns)
    }


def _least(columns: Sequence[str], widths: Mapping[str, int], wraps: Collection[str]) -> int:
    """Give the width below which a table of these columns becomes hard to read."""
    needed = [min(widths[column], _NARROWEST) if column in wraps else widths[column] for column in columns]
    return sum(needed) + _GAP * (len(columns) - 1)


def _plain(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Collection[str],
    widths: Mapping[str, int],
    stream: TextIO,
) -> str:
    """Draw a table that neither wraps nor has colours: thousands of rows in a tenth of the time that rich takes."""
    from rich.cells import cell_len

    def line(cells: Sequence[str]) -> str:
        padding = [" " * (widths[column] - cell_len(cell)) for column, cell in zip(columns, cells, strict=True)]
        parts = [
            space + cell if column in right else cell + space
            for column, cell, space in zip(columns, cells, padding, strict=True)
        ]
        return (" " * _GAP).join(parts).rstrip()

    rule = ("─" if _is_unicode(stream) else "-") * (
        sum(widths[column] for column in columns) + _GAP * (len(columns) - 1)
    )
    lines = [line(columns), rule]
    for row in rows:
        lines += [line(cells) for cells in zip_longest(*(cell.split("\n") for cell in row), fillvalue="")]
    return "\n".join(lines)


def _draw(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Collection[str],
    wraps: Collection[str],
    width: int,
    stream: TextIO,
) -> str:
    from io import StringIO

    from rich.box import Box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    line = "─" if _is_unicode(stream) else "-"
    box = Box("    \n    \n" + f" {line}{line} \n" + "    \n" * 5, ascii=line == "-")
    table = Table(box=box, show_edge=False, padding=(0, _GAP - 1, 0, 0), pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="fold",
            no_wrap=column not in wraps,
        )
    for row in rows:
        table.add_row(*(Text(cell, style=_COLOURS.get(cell, "")) for cell in row))
    paper = StringIO()
    Console(file=paper, width=width, force_terminal=True, highlight=False).print(table)
    return "\n".join(line.rstrip() for line in paper.getvalue().rstrip("\n").split("\n"))


def _is_unicode(stream: TextIO) -> bool:
    """Tell whether a stream carries every letter; where Python says ASCII, click writes UTF-8 all the same."""
    return codecs.lookup(stream.encoding or "utf-8").name in ("utf-8", "ascii")
