"""Seed files as text: read once, decoded, and named in errors as their author knows them."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

from tdm_seed.errors import SeedError


def shown(path: str | Path, root: str | Path) -> str:
    """Name a file as errors do: relative to the project's root when below it, with forward slashes."""
    text, folder = os.fspath(path), os.fspath(root)
    prefix = folder if folder.endswith(os.sep) else folder + os.sep
    return (text[len(prefix) :] if text.startswith(prefix) else text).replace(os.sep, "/")


def read(path: str | Path, file: str) -> bytes:
    """Read a whole script; ``file`` is its name in errors.

    Raises:
        SeedError: when the operating system refuses.
    """
    try:
        with open(path, "rb") as opened:
            return opened.read()
    except OSError as error:
        raise SeedError(
            f"cannot be read: {error.strerror or error}", hint="Check what it is, and who may read it.", file=file
        ) from error


def decode(content: bytes, file: str) -> str:
    r"""Decode a script: UTF-8, with or without a byte order mark, every newline as ``\n``.

    Newlines are made one because checksums are newline-insensitive: a checkout that turns them into CRLF
    must not change what a string literal over two lines puts into the database.

    Raises:
        SeedError: when the file is not UTF-8, with the line of the first byte that is not.
    """
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SeedError(
            f"is not UTF-8: byte 0x{error.object[error.start]:02x} is not valid there",
            hint="Save the file as UTF-8.",
            file=file,
            line=line,
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
