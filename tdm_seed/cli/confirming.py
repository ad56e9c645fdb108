"""Asking whoever sits at the terminal, before something is done that is not taken back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tdm_seed.cli.options import Options


def somebody_is_there(options: Options) -> bool:
    """Tell whether a question would be read and answered: on a terminal, and not where a program reads."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not options.as_json


def confirm(question: str, *, declined: str) -> None:
    """Ask, on stderr.

    Raises:
        Protected: the answer is no; ``declined`` says what was not done.
    """
    from tdm_seed.errors import Protected

    if not click.confirm(question, err=True):
        raise Protected(f"not confirmed, so nothing was {declined}")
