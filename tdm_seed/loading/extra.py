"""The extra ``arrow``: what reads columns, and what is said where it is not installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Final

from tdm_seed.errors import UsageError

#: By what Arrow learns, as it is imported, how it is to allocate memory.
_ALLOCATOR: Final = "ARROW_DEFAULT_MEMORY_POOL"


def pyarrow(what: str, shown: str | None = None) -> Any:
    """Give pyarrow, which ``what`` is read with; it is large, so only those who use it install and import it.

    Where nobody has imported it before, it gives memory back to the system.

    Raises:
        UsageError: it is not installed.
    """
    try:
        with nullcontext() if "pyarrow" in sys.modules else _frugal():
            import pyarrow
    except ImportError as error:
        raise UsageError(
            f"{what} needs the extra arrow (pyarrow), which is not installed",
            file=shown,
            hint='Install it: pip install "tdm-seed[arrow]".',
        ) from error
    return pyarrow


@contextmanager
def _frugal() -> Iterator[None]:
    """Choose the system's allocator, unless another one was chosen.

    Arrow's own keeps what is freed for later: 10 million rows in chunks take 340 MB with it in place of 300, and 3 %
    less time. Once it is imported, only a part of it can be told.
    """
    if _ALLOCATOR in os.environ:
        yield
        return
    os.environ[_ALLOCATOR] = "system"
    try:
        yield
    finally:
        del os.environ[_ALLOCATOR]
