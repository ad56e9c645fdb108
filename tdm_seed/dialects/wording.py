"""What drivers say and how databases are called, in words for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import URL

from tdm_seed.errors import DatabaseError, TdmSeedError

#: The hint where only the database knows what is wrong.
OWN_WORDS = "These are the database's own words: correct the statement or the rows that they speak of."
#: How many names a sentence gives.
SHOWN: Final = 5
_PARAMETERS = "Give every :name of the SQL as a keyword; a colon that begins none is written \\:."


def listed(names: Sequence[str]) -> str:
    """Write the first few names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"


def place(url: URL) -> str:
    """Name a database for people, without user and password."""
    if url.host or url.query.get("host"):
        host = url.host or url.query.get("host")
        return f"{url.database or '(no database)'} on {host}{f':{url.port}' if url.port else ''}"
    return str(url.database or "an in-memory database")


def plain(error: BaseException, url: URL | None) -> TdmSeedError:
    """Repeat what a driver says in one line; SQLAlchemy's own text goes on to say where to read about it."""
    cause = getattr(error, "orig", None) or error
    said = cause.args[0] if isinstance(cause, sa.exc.SQLAlchemyError) and cause.args else cause
    text = " ".join(str(said).split())
    if url is not None:
        hint = "Check the URL, and whether what it names is there."
        return DatabaseError(f"cannot connect to {place(url)}: {text}", hint=hint)
    parameter = isinstance(error, sa.exc.StatementError) and "bind parameter" in text
    return DatabaseError(text, hint=_PARAMETERS if parameter else OWN_WORDS)
