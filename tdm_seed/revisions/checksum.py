"""The checksum of a seed: ``1:sha256:…`` over all that its rows are made from, the same in every checkout."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterable
from pathlib import Path

from tdm_seed.errors import SeedError

_CHUNK = 1 << 20  # bytes read at a time, so that a data file of gigabytes costs a megabyte
_SNIFF = 8192  # bytes that are searched for a NUL, as git does to tell bytes from text


def content_digest(content: bytes) -> str:
    """Digest content newline- and BOM-insensitively: CRLF, CR and LF are the same.

    Content with a NUL byte among its first 8,192 bytes is not text and is taken as it is.
    """
    if b"\0" not in content[:_SNIFF]:
        content = _with_newlines(content.removeprefix(codecs.BOM_UTF8))
    return hashlib.sha256(content).hexdigest()


def file_digest(path: str | Path, file: str) -> str:
    """Digest a file like ``content_digest``, in flat memory.

    Raises:
        SeedError: when it cannot be read.
    """
    total = hashlib.sha256()
    try:
        with open(path, "rb", buffering=0) as opened:
            chunk = opened.read(_CHUNK)
            if b"\0" in chunk[:_SNIFF]:
                while chunk:
                    total.update(chunk)
                    chunk = opened.read(_CHUNK)
                return total.hexdigest()
            chunk = chunk.removeprefix(codecs.BOM_UTF8)
            while chunk:
                following = opened.read(_CHUNK)
                if chunk.endswith(b"\r") and following.startswith(b"\n"):
                    chunk = chunk[:-1]  # the two halves of one CRLF
                total.update(_with_newlines(chunk))
                chunk = following
    except OSError as error:
        raise SeedError(f"cannot be read: {error.strerror or error}", file=file) from error
    return total.hexdigest()


def _with_newlines(content: bytes) -> bytes:
    """Make LF of CRLF and CR; looking for one byte takes a tenth of the digest, for two more than it."""
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in content else content


def combine(parts: Iterable[tuple[str, str]]) -> str:
    """Join the digests of a seed's files, each under a label, into its checksum.

    Labels keep two files apart whose contents were swapped. They must neither hold the seed's own name, so
    that a renamed seed is recognised by its checksum, nor where the project lies.
    """
    total = hashlib.sha256()
    for label, digest in sorted(parts):
        total.update(f"{label}\0{digest}\n".encode())
    return f"1:sha256:{total.hexdigest()}"
