"""MySQL's error numbers as sentences."""

from __future__ import annotations

import re

import pymysql
from sqlalchemy.engine import URL

from tdm_seed.dialects.wording import OWN_WORDS, place
from tdm_seed.errors import DatabaseError, Locked, TdmSeedError

_MIGRATE = "Are the migrations up to date? `tdm-seed upgrade --migrate` runs them first."
_GRANT = "Grant it to the user of the URL, or use another user."

_VALUE = "Correct the value, or the column in a migration."
_TIME = "Raise the limit of the user or the server (max_statement_time), or let the statement do less."

#: What to do, by error number: https://mariadb.com/kb/en/mariadb-error-codes/
_HINTS = {
    1021: "Make room on the server, then run the command again.",
    1040: "Close other connections, or raise max_connections of the server.",
    1044: _GRANT,
    1048: "Give the column a value, or leave it out of the rows where it has a default.",
    1054: _MIGRATE,
    1062: "A row with this key exists already; db.upsert changes it instead of adding a second one.",
    1064: "Look at that word and what stands before it.",
    1114: "Make room on the server, then run the command again.",
    1142: _GRANT,
    1143: _GRANT,
    1153: "A row is longer than the server's max_allowed_packet: raise that, or shorten the row.",
    1146: _MIGRATE,
    1203: "Close other connections, or raise the limit of the user.",
    1226: "Wait until the hour is over, or raise the limit of the user.",
    1227: _GRANT,
    1264: _VALUE,
    1290: "The server is read-only; use the primary's URL.",
    1305: "Is it there, and may the user of the URL execute it? Each database has functions of its own.",
    1317: _TIME,
    1364: "Give the column a value, or leave it out of the rows where it has a default.",
    1366: _VALUE,
    1370: _GRANT,
    1406: _VALUE,
    1451: "Remove the rows that point to it first.",
    1452: "Load the parents first, or wrap the calls in `with db.deferred_constraints():`.",
    1792: "This is a read-only session or transaction; use the primary's URL and a user who may write.",
    1820: "Set a new password: ALTER USER … IDENTIFIED BY …, or use another user.",
    1836: "The server is read-only; use the primary's URL.",
    1862: "Set a new password: ALTER USER … IDENTIFIED BY …, or use another user.",
    1969: _TIME,
    3024: _TIME,
    3118: "ALTER USER … ACCOUNT UNLOCK, or use another user.",
    3819: "Correct the row, or the constraint in a migration.",
    4025: "Correct the row, or the constraint in a migration.",
    4151: "ALTER USER … ACCOUNT UNLOCK, or use another user.",
}

_COLUMN = re.compile(r"(?:[Cc]olumn|[Ff]ield) '([^']+)'")


def translate(error: pymysql.Error, url: URL | None) -> TdmSeedError:
    """Say what a PyMySQL exception means and what to do; ``url`` is given while connecting."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = " ".join(str(error.args[-1] if error.args else error).split())
    if url is not None and (found := _unreachable(number, text, url)):
        return found
    if number in (1205, 1213):
        return Locked(text, hint="Another session works on the same rows. Try again when it is done.")
    if number in (0, 1053, 1927, 2006, 2013):
        # A server that is sent more than it takes hangs up, and says nothing that would arrive.
        long = " If it is lost once more, a row may be longer than max_allowed_packet." if number == 2006 else ""
        return DatabaseError(
            f"the connection to the server was lost: {text or 'it closed without a word'}",
            hint=f"What was not committed is gone with it. Run the command again.{long}",
        )
    column = _COLUMN.search(text)
    return DatabaseError(text, hint=_HINTS.get(number, OWN_WORDS), column=column[1].split(".")[-1] if column else None)


def _unreachable(number: int, text: str, url: URL) -> TdmSeedError | None:
    where = place(url)
    if number == 1045:
        return DatabaseError(
            f"the server refused user {url.username!r} for {where}: wrong or missing password",
            hint="Check the URL or the environment variable that it comes from.",
        )
    if number == 1698:
        return DatabaseError(
            f"the server lets user {url.username!r} in by the operating system's account only",
            hint="Use a user with a password, or connect over the server's socket as that account.",
        )
    if number == 1044:
        return DatabaseError(f"user {url.username!r} may not use {where}", hint=_GRANT)
    if number == 1049:
        return DatabaseError(
            f"there is no database {url.database!r} on {url.host or 'this server'}",
            hint=f"Create it with `CREATE DATABASE {url.database}`, or correct the URL.",
        )
    if number in (0, 2002, 2003, 2005, 2013):
        return DatabaseError(
            f"no MySQL or MariaDB server answers for {where}: {text}",
            hint="Is it running, and are host and port right?",
        )
    return None
