"""Rows that have a value in the key by which they are told apart: without one, each run would add the row once more."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tdm_seed.errors import SeedError
from tdm_seed.loading.convert import CsvText
from tdm_seed.loading.rows import Rows

if TYPE_CHECKING:
    import pyarrow as pa


def keyed(table: sa.Table, names: Sequence[str], key: Collection[str], rows: Rows) -> Rows:
    """Let rows pass whose primary key has a value; what takes the text of a file refuses NULL in a key by itself.

    Raises:
        SeedError: while they are taken, for the first that has none, with its line or number and column.
    """
    primary = {column.name for column in table.primary_key.columns}
    places = [place for place, name in enumerate(names) if name in key and name in primary]
    if not places:
        return rows

    def refused(place: int, number: int) -> SeedError:
        return SeedError(
            f"the row has no value in {names[place]}, by which rows are told apart",
            table=table.name,
            column=names[place],
            hint="Give it one, or leave such rows to db.load, which adds rows.",
            **rows.origin.place(number),
        )

    def numbered() -> Iterator[tuple[int, tuple[Any, ...]]]:
        texts = {place for place in places if isinstance(table.columns[names[place]].type, sa.String)}
        for number, values in rows.numbered:
            for place in places:
                value = values[place]
                if value is None or (not value and (rows.of_csv or isinstance(value, CsvText)) and place not in texts):
                    raise refused(place, number)
            yield number, values

    def batches(given: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        number = rows.before + 1
        for batch in given:
            without = [place for place in places if batch.column(place).null_count]
            if without:
                at = {place: batch.column(place).is_valid().index(False).as_py() for place in without}
                first = min(without, key=lambda place: (at[place], place))
                raise refused(first, number + at[first])
            number += batch.num_rows
            yield batch

    if rows.batches is None:
        return replace(rows, numbered=numbered())
    checked = replace(rows.batches, batches=batches(rows.batches.batches))
    return replace(rows, numbered=enumerate(checked.rows(), rows.before + 1), batches=checked)
