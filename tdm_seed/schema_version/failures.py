"""What went wrong in a file of the user's, as a sentence with its line."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from tdm_seed.dialects.base import Dialect
from tdm_seed.environments.urls import concealed
from tdm_seed.errors import DatabaseError, TdmSeedError

_INSTALLED = frozenset(("site-packages", "dist-packages"))


@dataclass(frozen=True)
class Where:
    """A file of the user's and a line in it, as far as they are known."""

    file: Path | None = None
    line: int | None = None


def place(error: BaseException, *folders: Path) -> Where:
    """Give the innermost line that an exception came through in these folders, leaving out installed packages."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_file():
        return Where(Path(error.filename), error.lineno)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if any(map(file.is_relative_to, folders)) and _INSTALLED.isdisjoint(file.parts):
            return Where(file, frame.lineno)
    return Where()


def describe(error: BaseException) -> str:
    """Say what an exception says, in one line and without passwords."""
    if isinstance(error, SyntaxError):
        return f"this is not Python: {error.msg}"
    if isinstance(error, SystemExit):
        return f"it ended the program ({error})"
    text = concealed(" ".join(str(error).split()))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def translated(
    error: BaseException, kind: type[TdmSeedError], message: str, dialect: Dialect | None, *folders: Path
) -> TdmSeedError:
    """Make a sentence of what a user's file raised: ``kind`` with ``message``, and the database's words for its own.

    Their hints are left out, which are for seeds.
    """
    where = place(error, *folders)
    if isinstance(error, TdmSeedError):
        return error
    if isinstance(error, DBAPIError):
        found = (dialect or Dialect()).translate_error(error)
        if isinstance(found, DatabaseError) and kind is not DatabaseError:
            found = kind(f"{message}: {found.message}", table=found.place.table, column=found.place.column)
        return found.located(file=where.file, line=where.line)
    return kind(f"{message}: {describe(error)}", file=where.file, line=where.line)


def while_connecting(error: BaseException) -> bool:
    """Tell whether a database refused before there was a statement that it could have refused."""
    return isinstance(error, DBAPIError) and error.statement is None
