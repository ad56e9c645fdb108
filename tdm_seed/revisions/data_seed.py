"""A data seed: a file of rows without a script, upserted into the table of its name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

from tdm_seed.errors import SeedError
from tdm_seed.loading.formats import format_of
from tdm_seed.revisions.files import decode, read, shown
from tdm_seed.revisions.headers import FIELDS, Given, first_paragraph
from tdm_seed.revisions.spelling import did_you_mean
from tdm_seed.values import Seed

_HEADER = tuple(field for field in FIELDS if field != "data")  # the seed is its data
_OWN = ("table", "key", "insert_only")
_LINE = re.compile(r"\s*[\"']?([A-Za-z0-9_-]+)[\"']?\s*=")


@dataclass(frozen=True, slots=True)
class DataOptions:
    """What the TOML file beside the data says, the description in the comment at its top; all optional."""

    given: Mapping[str, Given]
    table: str | None = None
    key: tuple[str, ...] | None = None
    insert_only: tuple[str, ...] = ()
    description: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)


def read_options(text: str, file: str) -> DataOptions:
    """Read the TOML file beside a data seed.

    Raises:
        SeedError: with file and line: not TOML, an unknown key, a value of the wrong type.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        said = re.sub(r" \(at .*\)$", "", str(error))
        raise SeedError(
            f"is not valid TOML: {said[0].lower()}{said[1:]}",
            hint='Text stands in quotes, key = "value".',
            file=file,
            line=int(line.group(1)) if line else max(1, text.count("\n")),
        ) from error
    lines = {match.group(1): number for number, line in enumerate(text.split("\n"), 1) if (match := _LINE.match(line))}
    for name in found:
        if name not in _HEADER and name not in _OWN:
            raise SeedError(
                f"{name} is no key of a data seed; there are {', '.join((*_OWN, *_HEADER))}",
                hint=did_you_mean(name, (*_OWN, *_HEADER)) or "Whatever else the rows need, a script says.",
                file=file,
                line=lines.get(name),
            )

    table = found.get("table")
    if table is not None and (not isinstance(table, str) or not table.strip()):
        raise SeedError(
            f"table = {table!r}: must be the name of a table",
            hint='Write table = "name".',
            file=file,
            line=lines.get("table"),
        )

    def columns(name: str) -> tuple[str, ...] | None:
        value = found.get(name)
        if value is None:
            return None
        columns = [value] if isinstance(value, str) else value
        if not isinstance(columns, list) or not columns or not all(isinstance(each, str) and each for each in columns):
            raise SeedError(
                f"{name} = {value!r}: must be a column or a list of columns",
                hint=f'Write {name} = "code", or {name} = ["code", "name"].',
                file=file,
                line=lines.get(name),
            )
        return tuple(columns)

    comments = (line.lstrip(" #") for line in takewhile(lambda line: line.startswith("#"), text.split("\n")))
    return DataOptions(
        given={name: Given(value, lines.get(name)) for name, value in found.items() if name in _HEADER},
        table=table,
        key=columns("key"),
        insert_only=columns("insert_only") or (),
        description=first_paragraph(comments),
        lines=lines,
    )


class DataScript:
    """The upsert of one data seed."""

    has_verify = False
    has_downgrade = False

    def __init__(self, seed: Seed, root: Path) -> None:
        self._seed = seed
        self._file = shown(seed.path, root)
        self._options, self._beside = DataOptions({}), ""
        for path in seed.files:
            if path != seed.path and path.suffix.lower() == ".toml":
                self._beside = shown(path, root)
                self._options = read_options(decode(read(path, self._beside), self._beside), self._beside)

    @property
    def table(self) -> str:
        """The table that the rows go into."""
        return self._options.table or self._seed.name

    def upgrade(self, db: Any) -> None:
        """Upsert the file's rows by the key given, or the table's own."""
        options = self._options
        try:
            db.table(self.table)
        except SeedError as error:
            if options.table:
                raise error.located(file=self._beside, line=options.lines.get("table")) from error.__cause__
            beside = f"{self._seed.revision}.toml"
            error.hint = f'{error.hint} If it is called otherwise than the seed: table = "…" in {beside} beside it.'
            raise
        rows = getattr(db, format_of(self._seed.path.name) or "csv")()
        db.upsert(self.table, rows, key=options.key, insert_only=options.insert_only)

    def verify(self, db: Any) -> None:
        """Do nothing: a data seed promises no more than its rows."""

    def downgrade(self, db: Any) -> None:
        """Refuse: which of the rows were there before is not known.

        Raises:
            SeedError: always.
        """
        raise SeedError(
            "is a data seed and has no downgrade: which of its rows were there before is not known",
            hint="Write a script of the same name beside the file, with `def downgrade(db):`.",
            seed=self._seed.revision,
            file=self._file,
        )
