"""Where the statements of a script end, which SQLite itself knows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace

from tdm_seed.dialects.statements import Statement
from tdm_seed.errors import SeedError


def statements(sql: str, words: Callable[[str], list[Statement]]) -> list[Statement]:
    """Split a script; ``words`` tells what a part of it begins with.

    Raises:
        SeedError: a part is no SQL, with its line.
    """
    found: list[Statement] = []
    line, start = 1, 0
    place = sql.find(";")
    while start < len(sql):
        end = len(sql) if place < 0 else place + 1
        if place < 0 or sqlite3.complete_statement(sql[start:end]):
            part = sql[start:end]
            try:
                told = words(part)[:1]
            except SeedError as error:  # it counts from the statement before
                error.place = replace(error.place, line=line + (error.place.line or 1) - 1)
                raise
            found += [
                Statement(part.strip().rstrip(";").rstrip(), line + s.line - 1, s.verb, s.target, s.words) for s in told
            ]
            line += part.count("\n")
            start = end
        place = sql.find(";", end)
    return found
