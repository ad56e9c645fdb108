"""The statements of a seed, told apart, and those refused that would break its promise."""

from __future__ import annotations

from collections.abc import Collection

from tdm_seed.dialects.base import Dialect
from tdm_seed.dialects.statements import Statement
from tdm_seed.errors import SeedError
from tdm_seed.values import Seed, Transaction

_NO_TRANSACTION = (
    "Take the statement out; or, if it is safe to repeat, give the seed `transaction: none`, "
    "and nothing of it is taken back when it fails."
)


#: What begins a line for the clients of MySQL and of SQL Server; those of psql begin with a backslash.
_OF_CLIENTS = ("DELIMITER", "GO")


def checked_statements(
    dialect: Dialect,
    seed: Seed,
    sql: str,
    first_line: int | None = None,
    file: str | None = None,
    *,
    own: Collection[str] = (),
) -> list[Statement]:
    """Tell the statements of a text apart; ``first_line`` is where it begins in ``file``.

    ``own`` are the tables that belong to the tool and not to seeds.

    Raises:
        SeedError: the text is no SQL, or a statement would break the seed's promise.
    """

    def at(line: int | None) -> int | None:
        return None if first_line is None else first_line + (line or 1) - 1

    try:
        statements = dialect.statements(sql)
    except SeedError as error:
        raise SeedError(error.message, hint=error.hint, file=file, line=at(error.place.line)) from error
    for statement in statements:
        if table := _own_table(statement, own):
            raise writes_to_own(table).located(file=file, line=at(statement.line))
        if statement.verb in _OF_CLIENTS or statement.text.startswith("\\"):
            raise SeedError(
                f"{statement.text.split()[0]} is a command of a client program, not of the database",
                hint="Take it out: a seed is sent to the database as it stands.",
                file=file,
                line=at(statement.line),
            )
    if seed.transaction is not Transaction.NONE:
        for statement in statements:
            if reason := dialect.refusal(statement):
                raise SeedError(reason, hint=_NO_TRANSACTION, file=file, line=at(statement.line))
    return statements


def writes_to_own(table: str) -> SeedError:
    """Say that a seed would write to a table of the tool's own."""
    return SeedError(
        f"would write to {table}, which is the tool's own table and says what was applied",
        hint="Take it out. `tdm-seed repair`, `stamp`, `downgrade` and `reset` change what it says.",
        table=table,
    )


def _own_table(statement: Statement, own: Collection[str]) -> str | None:
    """Name the tool's own table that a statement writes to or alters, if it does."""
    names = {name.upper(): name for name in own}
    if statement.target is not None:
        return names.get(statement.target.rpartition(".")[2].strip('"`[]').upper())
    if statement.verb in ("CREATE", "ALTER", "DROP", "TRUNCATE", "COPY", "LOAD", "RENAME"):
        return next((names[word] for word in statement.words if word in names), None)
    return None
