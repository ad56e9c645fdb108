"""Filling the relation that given rows become with columns as they are, where the database takes those."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import Dialect
from tdm_seed.dialects.failed import RowRefused
from tdm_seed.loading.columnar import Batches
from tdm_seed.loading.conversion import Conversion
from tdm_seed.loading.counted import Counted
from tdm_seed.loading.references import Given
from tdm_seed.loading.rows import Rows

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows in the first batch from which columns are sent as such: that takes some statements more than rows do.
COLUMNS_FROM = 1_000


@dataclass(frozen=True)
class Filling:
    """Columns on their way into a temporary table whose first column takes the numbers of the rows."""

    connection: Connection
    dialect: Dialect
    table: sa.Table
    given: Sequence[Given]
    rows: Rows
    batches: Batches

    def into(self, staged: sa.Table, columns: Sequence[str]) -> int | None:
        """Fill the table and give the number of rows; None where the database has taken none.

        Raises:
            RowRefused: a row was refused, where the database tells which.
        """
        import pyarrow as pa

        def plainly(batch: pa.RecordBatch, before: int) -> int:
            given = pa.RecordBatch.from_arrays(batch.columns[1:], schema=self.batches.schema)
            numbered = enumerate(self.batches.of(given), self.rows.before + before + 1)
            conversion = Conversion(self.table, self.given, self.rows, self.dialect.decimal_digits)
            counted = Counted(numbered, conversion, numbers=True)
            with counted.naming():
                return self.dialect.load(self.connection, staged, columns, counted)

        schema = pa.schema([pa.field(columns[0], pa.int32()), *self.batches.schema])
        target = (self.connection, staged, columns)
        try:
            taken = self.dialect.fill_columns(
                *target, schema, self._numbered(schema), plainly, at_hand=self.batches.at_hand
            )
        except RowRefused as refused:
            refused.number = refused.number or self.rows.before + refused.place + 1
            raise
        return None if taken is None else taken.kept

    def _numbered(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        number = self.rows.before + 1
        for batch in self.batches.batches:
            numbers: Any = pa.array(range(number, number + batch.num_rows), pa.int32())
            number += batch.num_rows
            yield pa.RecordBatch.from_arrays([numbers, *batch.columns], schema=schema)


def filling(
    connection: Connection, dialect: Dialect, table: sa.Table, given: Sequence[Given], rows: Rows
) -> tuple[Rows, Filling | None]:
    """Look at the first batch of columns; give the same rows, and what fills a table with them if they are many."""
    if rows.batches is None or (first := next(rows.batches.batches, None)) is None:
        return rows, None
    batches = replace(rows.batches, batches=chain((first,), rows.batches.batches))
    rows = replace(rows, numbered=enumerate(batches.rows(), rows.before + 1), batches=batches)
    many = first.num_rows >= COLUMNS_FROM
    return rows, Filling(connection, dialect, table, given, rows, batches) if many else None
