"""Connections on which each statement is a transaction of its own."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from tdm_seed.errors import SeedError


def commits_by_itself(connection: Connection) -> bool:
    """Tell whether each statement of the connection is a transaction of its own."""
    options = connection.get_execution_options()
    return options.get("isolation_level") == "AUTOCOMMIT" or bool(options.get("tdm_seed_autocommit"))


def refuse_autocommit(connection: Connection) -> None:
    """Refuse to defer foreign keys where every statement is proven and committed by itself.

    Raises:
        SeedError: which says so.
    """
    if commits_by_itself(connection):
        raise SeedError(
            "foreign keys cannot be deferred where each statement is a transaction of its own",
            hint="Load parents first, or take `transaction: none` out of the seed.",
        )
