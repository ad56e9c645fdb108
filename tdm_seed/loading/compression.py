"""Opening files of text that may be compressed."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from tdm_seed.loading.extra import pyarrow


def open_bytes(path: Path, shown: str) -> BinaryIO:
    """Open a file for reading; `.gz` and `.zst` are decompressed on the way.

    Raises:
        UsageError: a `.zst`, and the extra ``arrow`` is not installed.
    """
    match path.suffix.lower():
        case ".gz":
            return cast(BinaryIO, gzip.open(path, "rb"))
        case ".zst":
            arrow = pyarrow("a .zst", shown)
            return io.BufferedReader(arrow.CompressedInputStream(arrow.OSFile(str(path)), "zstd"))
    return path.open("rb")


def open_text(path: Path, shown: str, *, newline: str | None = None) -> TextIO:
    """Open a file of UTF-8 text, with or without a byte order mark."""
    return io.TextIOWrapper(open_bytes(path, shown), encoding="utf-8-sig", newline=newline)


def damaged(path: Path, error: Exception) -> bool:
    """Tell whether reading failed because what was compressed cannot be had back."""
    match path.suffix.lower():
        case ".gz":
            return isinstance(error, (gzip.BadGzipFile, EOFError, zlib.error))
        case ".zst":
            return isinstance(error, OSError) and error.errno is None  # pyarrow has no error of its own for it
    return False
