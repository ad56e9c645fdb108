"""Rows of an ordinary table, the same for both sides; ``upsert`` copies this file to where a seed can import it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

_START = datetime(2026, 1, 5)


def rows(count: int, changed_every: int = 0) -> Iterator[dict[str, Any]]:
    """Make rows; with ``changed_every`` each n-th has another price."""
    for number in range(1, count + 1):
        changed = changed_every and number % changed_every == 0
        yield {
            "id": number,
            "code": f"item-{number:08d}",
            "name": f"An item that is number {number}",
            "price": Decimal(number % 10_000 + (1 if changed else 0)) / 100,
            "stock": number * 7 % 1_000,
            "active": number % 3 == 0,
            "updated": _START + timedelta(seconds=number),
            "note": None if number % 4 else f"Note on {number}",
        }
