"""PostgreSQL's diagnostics as sentences."""

from __future__ import annotations

import shlex

import psycopg
from psycopg import errors
from sqlalchemy.engine import URL

from tdm_seed.dialects.wording import OWN_WORDS, place
from tdm_seed.errors import DatabaseError, Locked, TdmSeedError, UsageError

_STILL_NEEDED = "Remove the rows that point to it first."

_HINTS: tuple[tuple[type[psycopg.Error], str], ...] = (
    (
        errors.UniqueViolation,
        "A row with this key exists already; db.upsert changes it instead of adding a second one.",
    ),
    (
        errors.ForeignKeyViolation,
        "Load the parents first, or wrap the calls in `with db.deferred_constraints():`.",
    ),
    (errors.RestrictViolation, _STILL_NEEDED),
    (errors.NotNullViolation, "Give the column a value, or leave it out of the rows where it has a default."),
    (errors.ExclusionViolation, "Correct the row, or take away the one that it gets in the way of."),
    (errors.CheckViolation, "Correct the row, or the constraint in a migration."),
    (errors.InsufficientPrivilege, "Grant it to the role of the URL, or use another role."),
    (errors.UndefinedTable, "Are the migrations up to date? `tdm-seed upgrade --migrate` runs them first."),
    (errors.UndefinedColumn, "Are the migrations up to date? `tdm-seed upgrade --migrate` runs them first."),
    (errors.ReadOnlySqlTransaction, "This is a read replica or a read-only session; use the primary's URL."),
    (errors.DiskFull, "Make room on the server, then run the command again."),
    (errors.SyntaxError, "Look at that word and what stands before it."),
    (errors.QueryCanceled, "Raise statement_timeout for the role or the database, or let the statement do less."),
    (errors.ConfigurationLimitExceeded, "Raise that limit for the role or the database, or let the statement do less."),
    (errors.DataError, "Correct the value, or the column in a migration."),
)


#: What to do about what the server says before there is a session.
_REFUSED = (
    ("too many", "Close other connections, or raise the limit of the role, the database or the server."),
    ("remaining connection slots", "Close other connections, or raise the limit of the server."),
    ("not permitted to log in", "ALTER ROLE … LOGIN, or use another role."),
    ("starting up", "Wait a moment, then run the command again."),
    ("shutting down", "Wait until it is back, then run the command again."),
    ("not currently accepting", "ALTER DATABASE … ALLOW_CONNECTIONS true, or correct the URL."),
    ("pg_hba.conf", "The server's pg_hba.conf must let that user in from here, with or without TLS."),
)


def translate(error: psycopg.Error, url: URL | None) -> TdmSeedError:
    """Say what a psycopg exception means and what to do; ``url`` is given while connecting."""
    if url is not None and error.sqlstate is None:
        return _unreachable(error, url)
    diagnostics = error.diag
    message = " ".join((diagnostics.message_primary or str(error)).split())
    message = message.partition(" server closed the connection unexpectedly This")[0].removeprefix("flushing failed: ")
    if diagnostics.message_detail:
        message += f": {diagnostics.message_detail}"
    if isinstance(error, (errors.LockNotAvailable, errors.DeadlockDetected)):
        return Locked(message, hint="Another session works on the same rows. Try again when it is done.")
    if isinstance(error, errors.ObjectInUse):
        return Locked(message, hint="Close the connections to it. What copies or replaces a database takes --force.")
    cut = isinstance(error, psycopg.OperationalError) and error.sqlstate is None
    if cut or isinstance(error, (errors.AdminShutdown, errors.CrashShutdown)):
        return DatabaseError(
            f"the connection to the server was lost: {message}",
            hint="What was not committed is gone with it. Run the command again.",
        )
    hint = next((text for kind, text in _HINTS if isinstance(error, kind)), diagnostics.message_hint or OWN_WORDS)
    if isinstance(error, errors.ForeignKeyViolation) and message.startswith("update or delete"):
        hint = _STILL_NEEDED
    return DatabaseError(message, hint=hint, table=diagnostics.table_name, column=diagnostics.column_name)


def creation(url: URL) -> str:
    """Write the command of the shell that makes the database of a URL; it asks for the password."""
    given = {"-h": url.query.get("host", url.host), "-p": url.query.get("port", url.port), "-U": url.username}
    options = [word for flag, value in given.items() if value for word in (flag, str(value))]
    return shlex.join(["createdb", *options, str(url.database)])


def _unreachable(error: psycopg.Error, url: URL) -> TdmSeedError:
    """Read libpq's text, which is all there is before a session exists."""
    text = " ".join(str(error).split()).partition(" Is the server running")[0]
    where = place(url)
    if text.startswith(("invalid", "connection is bad: invalid")):
        return UsageError(
            f"the driver does not take this URL: {text.removeprefix('connection is bad: ')}",
            hint="Look at its port, and at the options behind its question mark.",
        )
    if "password authentication failed" in text or "no password supplied" in text:
        return DatabaseError(
            f"the server refused user {url.username!r} for {where}: wrong or missing password",
            hint="Check the URL or the environment variable that it comes from.",
        )
    if "does not exist" in text and "database" in text:
        return DatabaseError(
            f"there is no database {url.database!r} on {url.host or 'this server'}",
            hint=f"Create it with `{creation(url)}`, or correct the URL.",
        )
    if "does not exist" in text and "role" in text:
        return DatabaseError(f"the server knows no user {url.username!r}", hint="Correct the URL, or create the role.")
    if "permission denied for database" in text or "CONNECT privilege" in text:
        return DatabaseError(
            f"user {url.username!r} may not connect to {where}", hint="GRANT CONNECT ON DATABASE to that role."
        )
    if "FATAL: " in text:
        said = text.rpartition("FATAL: ")[2].strip()
        return DatabaseError(
            f"the server refused user {url.username!r} for {where}: {said}",
            hint=next((hint for part, hint in _REFUSED if part in said), "Ask whoever runs the server."),
        )
    return DatabaseError(
        f"no PostgreSQL server answers for {where}: {text}",
        hint="Is it running, and are host and port right?",
    )
