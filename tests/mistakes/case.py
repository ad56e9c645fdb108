"""One bad input: what is written, what is asked for, and what must be said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: Two seeds that every project of a case holds, applied already.
COUNTRIES = "seeds/reference/20260101_0900_countries.csv"
PEOPLE = "seeds/scenario/20260102_0930_people.py"
#: Where cases put the seed that is wrong.
PY = "seeds/reference/20260103_1000_new.py"
SQL = "seeds/reference/20260103_1000_new.sql"
CSV = "seeds/reference/20260103_1000_city.csv"
JSON = "seeds/reference/20260103_1000_city.json"
JSONL = "seeds/reference/20260103_1000_city.jsonl"
TOML = "seeds/reference/20260103_1000_city.toml"
DEV = "seeds/environments/dev.toml"

NEW = "20260103_1000_new"
CITY = "20260103_1000_city"

#: Must never be seen, wherever a case puts it.
PASSWORD = "hunter2-in-the-open"

Prepare = Callable[[Path], None]


@dataclass(frozen=True)
class Case:
    """One bad input.

    ``files`` are written over the project (None: removed), then ``prepare`` is called with its folder. ``says`` are
    the parts of the message that must be there, ``hint`` the part of the remedy. ``word`` is the code of the error
    object; the exit code is the one that docs/exit-codes.md gives it. ``at`` is ``file`` or ``file:line``; what is not
    given of the place must not be named. ``makes`` is the one file that may be there afterwards and was not before.
    """

    id: str
    files: Mapping[str, str | bytes | None] = field(default_factory=dict)
    prepare: Prepare | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ("upgrade",)
    word: str = "usage"
    at: str | None = None
    seed: str | None = None
    table: str | None = None
    row: int | None = None
    column: str | None = None
    says: tuple[str, ...] = ()
    hint: str = ""
    makes: str | None = None

    @property
    def place(self) -> dict[str, str | int | None]:
        """The place as the error object must give it."""
        file, colon, line = (self.at or "").rpartition(":")
        if not (colon and line.isdigit()):
            file, line = self.at or "", ""
        return {
            "seed": self.seed,
            "file": file or None,
            "line": int(line) if line else None,
            "table": self.table,
            "row": self.row,
            "column": self.column,
        }
