"""Loading rows as they come: as the bytes or columns that they are where the database takes those, else one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.appending import Taken
from tdm_seed.dialects.base import Dialect
from tdm_seed.dialects.failed import RowRefused
from tdm_seed.loading.columnar import Batches
from tdm_seed.loading.compression import damaged, open_bytes
from tdm_seed.loading.conversion import Conversion
from tdm_seed.loading.counted import Counted
from tdm_seed.loading.large import load
from tdm_seed.loading.references import Given
from tdm_seed.loading.rows import Rows
from tdm_seed.loading.stretch import Stretch
from tdm_seed.loading.telling import Told, heard


@dataclass
class Streaming:
    """One stream of rows into a table."""

    connection: Connection
    dialect: Dialect
    table: sa.Table
    given: Sequence[Given]
    rows: Rows
    #: Whether a load of rows, whose number nobody knows, may take indexes down once it has become large.
    rebuild: bool = False
    told: Told | None = None

    def run(self) -> tuple[int, int]:
        """Load all rows; give how many were sent, and how many the database kept."""
        if self.rows.batches is not None:
            taken = self._columns(self.rows.batches)
            return self._plainly(self.rows) if taken is None else (taken.rows, taken.kept)
        if self.rows.text is not None:
            taken = self.rows.text.taken = self._text(self.rows.text)
            if taken.rows:
                sent, kept = self._behind(self.rows.text)
                return taken.rows + sent, taken.kept + kept
        return self._plainly(self.rows)

    @property
    def _names(self) -> list[str]:
        return [one.column.name for one in self.given]

    def _plainly(self, rows: Rows) -> tuple[int, int]:
        conversion = Conversion(self.table, self.given, rows, self.dialect.decimal_digits)
        counted = Counted(rows.numbered, conversion)
        with counted.naming():
            kept = load(self.connection, self.dialect, self.table, self._names, counted, self.rebuild)
        return counted.total, kept

    def _columns(self, batches: Batches) -> Taken | None:
        def plainly(batch: Any, before: int) -> int:
            numbered = enumerate(batches.of(batch), self.rows.before + before + 1)
            return self._plainly(replace(self.rows, numbered=numbered))[1]

        try:
            at_hand, target = batches.at_hand, (self.connection, self.table, self._names)
            return self.dialect.load_columns(*target, batches.schema, batches.batches, plainly, at_hand=at_hand)
        except RowRefused as refused:
            refused.number = refused.number or self.rows.before + refused.place + 1
            raise

    def _behind(self, text: Stretch) -> tuple[int, int]:
        """Load what the database has left of a file row by row; of a part of one, that is another part."""
        if text.most is not None:
            return 0, 0
        return self._plainly(replace(self.rows, numbered=text.end.rows(self.rows.columns)))

    def _text(self, text: Stretch) -> Taken:
        """Offer a file behind its header, where that is one line and tells how lines end."""
        file = text.file
        try:
            with open_bytes(file.path, file.shown) as content:
                line = content.readline()
                end = b"\r\n" if line.endswith(b"\r\n") else b"\n"
                if not line.endswith(end) or line.count(b'"') % 2 or b"\r" in line.removesuffix(end):
                    return Taken()
                if text.size:
                    content.seek(text.size)
                if self.told is not None and self.rows.expected:
                    content = heard(content, self.told, file.path.stat().st_size, self.rows.expected)
                taken = self.dialect.load_text(self.connection, self.table, self._names, content, end, text.most)
                return taken if text.size else replace(taken, size=len(line) + taken.size, lines=1 + taken.lines)
        except Exception as error:
            if not damaged(file.path, error):
                raise
            return Taken()  # whoever reads it row by row will say so
