"""Orders of a shop, the same in every format: ten columns, about 200 bytes a row."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

CUSTOMERS = 10_000

COLUMNS = (
    "id", "number", "customer_id", "status", "placed_at", "total", "paid", "items", "details", "note",
)  # fmt: skip
_STATUSES = ("pending", "paid", "packed", "shipped", "delivered", "cancelled", "returned")
_STREETS = ("Harbour Street", "Mill Lane", "Station Road", "Church Square", "Garden Row", "Bridge End")
_START = datetime(2026, 1, 5)
_MASK = (1 << 64) - 1

_METADATA = sa.MetaData()
CUSTOMER = sa.Table(
    "customers",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(40), nullable=False),
)
ORDER = sa.Table(
    "orders",
    _METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    sa.Column("number", sa.String(20), nullable=False),
    sa.Column("customer_id", sa.Integer, nullable=False),
    sa.Column("status", sa.String(12), nullable=False),
    sa.Column("placed_at", sa.DateTime, nullable=False),
    sa.Column("total", sa.Numeric(12, 2), nullable=False),
    sa.Column("paid", sa.Boolean, nullable=False),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("details", sa.JSON().with_variant(postgresql.JSONB, "postgresql"), nullable=False),
    sa.Column("note", sa.String(80)),
    sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="orders_customer"),
    sa.Index("orders_number", "number", unique=True),
    sa.Index("orders_by_customer", "customer_id", "placed_at"),
)


def rows(count: int, changed_every: int = 0) -> Iterator[tuple[Any, ...]]:
    """Make orders as Python's values, numbered as a shop does: one after the other.

    With ``changed_every`` each n-th has another total.
    """
    for number in range(1, count + 1):
        drawn = _mixed(number)
        changed = bool(changed_every) and number % changed_every == 0
        yield (
            number,
            f"ORD-{number:09d}",
            drawn % CUSTOMERS + 1,
            _STATUSES[drawn % 7],
            _START + timedelta(seconds=drawn % 31_536_000),
            Decimal(drawn % 1_000_000 + changed) / 100,
            drawn % 3 == 0,
            drawn % 9 + 1,
            {"street": f"{drawn % 99 + 1} {_STREETS[drawn % 6]}", "city": drawn % 1_000, "gift": drawn % 11 == 0},
            None if drawn % 4 else f"ring at number {drawn % 10_000}, please",
        )


@cache
def made(count: int) -> list[tuple[Any, ...]]:
    """Make orders once: making them is no part of what is measured."""
    return list(rows(count))


def _mixed(number: int) -> int:
    """Spread a number over 64 bits, no two to the same: the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    mixed = (number * 0x9E3779B97F4A7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    return mixed ^ (mixed >> 31)


def as_texts(row: tuple[Any, ...], *, null: str, booleans: tuple[str, str]) -> list[str]:
    """Write the values of a row as the text formats of databases take them."""
    number, code, customer, status, placed, total, paid, items, details, note = row
    return [
        str(number), code, str(customer), status, placed.isoformat(" "), str(total), booleans[paid], str(items),
        json.dumps(details), null if note is None else note,
    ]  # fmt: skip


def write_csv(path: Path, count: int, *, header: bool = True, booleans: tuple[str, str] = ("false", "true")) -> Path:
    """Write orders as CSV, NULL as an empty field."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if header:
            writer.writerow(COLUMNS)
        writer.writerows(as_texts(row, null="", booleans=booleans) for row in rows(count))
    return path


def write_text(path: Path, count: int, *, booleans: tuple[str, str] = ("f", "t")) -> Path:
    r"""Write orders in the tab-separated text of COPY and LOAD DATA; no value holds a tab, a newline or a backslash."""
    with path.open("w", encoding="utf-8") as file:
        for row in rows(count):
            file.write("\t".join(as_texts(row, null=r"\N", booleans=booleans)) + "\n")
    return path


def write_parquet(path: Path, count: int, changed_every: int = 0) -> Path:
    """Write orders as Parquet, in row groups of 100,000; JSON as text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            ("id", pa.int64()),
            ("number", pa.string()),
            ("customer_id", pa.int32()),
            ("status", pa.string()),
            ("placed_at", pa.timestamp("us")),
            ("total", pa.decimal128(12, 2)),
            ("paid", pa.bool_()),
            ("items", pa.int32()),
            ("details", pa.string()),
            ("note", pa.string()),
        ]
    )
    remaining = rows(count, changed_every)
    with pq.ParquetWriter(path, schema) as writer:
        while batch := list(islice(remaining, 100_000)):
            columns = [list(column) for column in zip(*batch, strict=True)]
            columns[8] = [json.dumps(details) for details in columns[8]]
            writer.write_table(pa.table(columns, schema=schema))
    return path
