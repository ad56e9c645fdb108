"""The extra ``arrow``: what reads columns, and what is said where it is not installed."""

from __future__ import annotations

from typing import Any

from tdm_seed.errors import UsageError


def pyarrow(what: str, shown: str | None = None) -> Any:
    """Give pyarrow, which ``what`` is read with; it is large, so only those who use it install and import it.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise UsageError(
            f"{what} needs the extra arrow (pyarrow), which is not installed",
            file=shown,
            hint='Install it: pip install "tdm-seed[arrow]".',
        ) from error
    return pyarrow
