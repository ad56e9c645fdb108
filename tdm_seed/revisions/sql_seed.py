"""A SQL seed: the sections that fit the database at hand, run by it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdm_seed.errors import SeedError
from tdm_seed.revisions.files import decode, read, shown
from tdm_seed.revisions.sql_source import WORDS, Part, read_sql
from tdm_seed.values import Seed


@dataclass(frozen=True, slots=True)
class Section:
    r"""SQL to run: its file, the line on which the text begins (from 1), the text with ``\n`` newlines."""

    path: Path
    line: int
    text: str


class SqlScript:
    """The sections of one SQL seed for one database.

    Raises:
        SeedError: when the seed has only ``upgrade`` sections for other databases.
    """

    def __init__(self, seed: Seed, root: Path, dialect_names: tuple[str, ...]) -> None:
        self._seed = seed
        self._file = shown(seed.path, root)
        self._dialect_names = dialect_names
        text = decode(read(seed.path, self._file), self._file)
        self._parts = read_sql(text, self._file, None).parts
        self._sections = {word: self._best(word) for word in WORDS}
        if self._sections["upgrade"] is None:
            raise self._for_others("upgrade")

    @property
    def has_verify(self) -> bool:
        """Whether there is a ``verify`` section for this database."""
        return self._sections["verify"] is not None

    @property
    def has_downgrade(self) -> bool:
        """Whether there is a ``downgrade`` section for this database."""
        return self._sections["downgrade"] is not None

    def upgrade(self, db: Any) -> None:
        """Bring the rows into the state that the seed describes."""
        db.run_sql(self._sections["upgrade"])

    def verify(self, db: Any) -> None:
        """Prove the rows; nothing where there is no ``verify`` section for this database."""
        if self.has_verify:
            db.verify_sql(self._sections["verify"])

    def downgrade(self, db: Any) -> None:
        """Take the rows back.

        Raises:
            SeedError: when there is no ``downgrade`` section for this database.
        """
        if not self.has_downgrade:
            raise self._for_others("downgrade")
        db.run_sql(self._sections["downgrade"])

    def _best(self, word: str) -> Section | None:
        """Return the section for the most specific of the server's names, else the one for all."""
        parts = {part.dialect: part for part in self._parts if part.word == word}
        for name in (*self._dialect_names, None):
            if name in parts:
                return self._section(parts[name])
        return None

    def _section(self, part: Part) -> Section:
        return Section(self._seed.path, part.line, part.text)

    def _for_others(self, word: str) -> SeedError:
        others = [part.dialect for part in self._parts if part.word == word and part.dialect]
        name = self._dialect_names[0]
        return SeedError(
            f"has {word} for {', '.join(others)} only, and this is {name}" if others else f"has no {word} section",
            hint=f"Add a section `-- tdm-seed: {word}` for all databases or `-- tdm-seed: {word} {name}`"
            + (f", or keep the seed from this one with `-- dialects: {', '.join(others)}`." if others else "."),
            seed=self._seed.revision,
            file=self._file,
        )
