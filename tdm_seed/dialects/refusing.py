"""The statements of a seed, told apart, and those refused that would break its promise."""

from __future__ import annotations

from tdm_seed.dialects.base import Dialect
from tdm_seed.dialects.statements import Statement
from tdm_seed.errors import SeedError
from tdm_seed.values import Seed, Transaction

_NO_TRANSACTION = (
    "Take the statement out; or, if it is safe to repeat, give the seed `transaction: none`, "
    "and nothing of it is taken back when it fails."
)


def checked_statements(
    dialect: Dialect, seed: Seed, sql: str, first_line: int | None = None, file: str | None = None
) -> list[Statement]:
    """Tell the statements of a text apart; ``first_line`` is where it begins in ``file``.

    Raises:
        SeedError: the text is no SQL, or a statement would break the seed's promise.
    """

    def at(line: int | None) -> int | None:
        return None if first_line is None else first_line + (line or 1) - 1

    try:
        statements = dialect.statements(sql)
    except SeedError as error:
        raise SeedError(error.message, hint=error.hint, file=file, line=at(error.place.line)) from error
    if seed.transaction is not Transaction.NONE:
        for statement in statements:
            if reason := dialect.refusal(statement):
                raise SeedError(reason, hint=_NO_TRANSACTION, file=file, line=at(statement.line))
    return statements
