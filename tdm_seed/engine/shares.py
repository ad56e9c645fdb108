"""What each scenario has added to the tables, as far as that can be said exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tdm_seed.values import Changes, StepResult, total

if TYPE_CHECKING:
    from tdm_seed.engine.digest import TableDigest

_MODULUS = 1 << 128


@dataclass(frozen=True)
class Share:
    """So many rows, by the sum of their digests, which do not count the columns ``left_out``."""

    rows: int
    digest: int
    left_out: tuple[str, ...]


def touched(results: Sequence[StepResult]) -> list[str]:
    """Name the tables that some of these seeds say that they have written to."""
    return sorted({table for result in results for table, changes in result.tables.items() if changes})


def shares(
    results: Sequence[StepResult], before: Mapping[str, TableDigest], after: Sequence[TableDigest]
) -> dict[str, Share | None]:
    """Say what seeds have added to tables, by the digests of before and after; None where that is not exact.

    It is where they have inserted rows, nothing else, and counted them: a row that is there already or was changed may
    be another scenario's as well.
    """
    found: dict[str, Share | None] = {}
    for each in after:
        was = before.get(each.table)
        done = total(result.tables.get(each.table, Changes()) for result in results)
        exact = (
            was is not None
            and (was.left_out == each.left_out or not was.rows)
            and all(result.counted for result in results)
            and done == Changes(inserted=each.rows - was.rows)
        )
        found[each.table] = Share(done.inserted, minus(each, was), each.left_out) if was and exact else None
    return found


def differing(one: Mapping[str, Share | None], parts: Sequence[Mapping[str, Share | None]]) -> Iterator[str]:
    """Name the tables to which as many rows were added at once as in parts, but others."""
    for table, share in one.items():
        found = [part[table] for part in parts if table in part]
        exact = [each for each in found if each is not None]
        if share is None or len(exact) < len(found) or any(each.left_out != share.left_out for each in exact):
            continue
        if share.rows == sum(each.rows for each in exact) and share.digest != added(each.digest for each in exact):
            yield table


def minus(after: TableDigest, before: TableDigest) -> int:
    """Give what has come to a table's digest, which is a sum over its rows."""
    return (int(after.digest, 16) - int(before.digest, 16)) % _MODULUS


def added(digests: Iterator[int]) -> int:
    """Add digests up."""
    return sum(digests) % _MODULUS
