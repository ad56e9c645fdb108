"""Randomness that depends on nothing but the environment's random seed and a name."""

from __future__ import annotations

import random
from hashlib import blake2b


def key(random_seed: int, *names: str) -> int:
    """Derive a 128-bit key from a random seed and names, so that a stream of one seed never moves another's."""
    text = "\0".join((str(random_seed), *names))
    return int.from_bytes(blake2b(text.encode(), digest_size=16, person=b"tdm-seed").digest(), "big")


def stream(random_seed: int, *names: str) -> random.Random:
    """Give a Mersenne Twister of its own to a name; an int seeds it alike on every machine and Python 3 version."""
    return random.Random(key(random_seed, *names))
