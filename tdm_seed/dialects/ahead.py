"""Encoding columns while those before them are on their way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def encoded(batches: Iterator[Any], encode: Callable[[Any], Any], *, at_hand: bool) -> Iterator[tuple[Any, Any]]:
    """Give each batch with what is made of it, in a thread of its own where taking batches runs nobody's code.

    numpy and Arrow leave the interpreter free meanwhile. Of batches that are not ``at_hand``, whoever makes them may
    use the connection, so each is taken when the one before it is done with.
    """
    if not at_hand:
        for batch in batches:
            yield batch, encode(batch)
        return

    def take() -> tuple[Any, Any]:
        batch = next(batches, None)
        return batch, None if batch is None else encode(batch)

    with ThreadPoolExecutor(1, "tdm-seed encoding") as pool:
        coming = pool.submit(take)
        while (found := coming.result())[0] is not None:
            coming = pool.submit(take)
            yield found
