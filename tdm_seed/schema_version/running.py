"""Running the user's ``env.py``: up to the point where it has chosen its database, or all the way."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from alembic import command
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.pool import QueuePool

from tdm_seed.errors import SchemaNotReady
from tdm_seed.schema_version.handover import Handover
from tdm_seed.schema_version.location import Prepared
from tdm_seed.schema_version.surroundings import as_if_run_by_hand, outside_any_loop
from tdm_seed.schema_version.version_table import DEFAULT, VersionTable
from tdm_seed.schema_version.watch import watching


@dataclass(frozen=True)
class Seen:
    """What an ``env.py`` passed to ``context.configure``."""

    url: URL | None
    connection: Connection | None
    table: VersionTable


class _Enough(BaseException):
    """Leaves ``env.py`` once it has said what it works with; no ``except Exception`` of its own stops it."""


def look(prepared: Prepared, handover: Handover) -> Seen | None:
    """Run ``env.py`` until it configures its context, and give what with; None when it never does.

    Nothing is written: a statement that could write is replaced by a harmless one, for some create a schema first.
    Whatever ``env.py`` raises comes through.
    """
    handover.apply(prepared)
    seen: list[Seen] = []

    def configure(connection: Connection | None = None, url: str | URL | None = None, **options: Any) -> None:
        used = connection.engine.url if connection is not None else make_url(url) if url else None
        table = VersionTable(options.get("version_table") or DEFAULT, options.get("version_table_schema"))
        seen.append(Seen(used, connection, table))
        if connection is not None and handover.connection is None and isinstance(connection.engine.pool, QueuePool):
            connection.invalidate()  # else it stays open in a pool that nobody will ever close
        raise _Enough

    def run() -> None:
        with as_if_run_by_hand(prepared, io.StringIO()), watching(_spare):
            directory = ScriptDirectory.from_config(prepared.config)
            context = EnvironmentContext(
                prepared.config,
                directory,
                fn=lambda *_: [],
                as_sql=False,
                starting_rev=None,
                destination_rev="heads",
            )
            context.configure = configure  # type: ignore[assignment]  # a subclass would not reach alembic.context
            with context, suppress(_Enough):
                directory.run_env()

    _where_it_may(run, handover)
    return seen[0] if seen else None


def upgrade(prepared: Prepared, handover: Handover, ours: Callable[[Connection], bool]) -> None:
    """Run ``env.py`` as ``alembic upgrade heads`` does; what it prints goes to stderr.

    Whatever ``env.py`` or a migration raises comes through.

    Raises:
        SchemaNotReady: it is about to write to a database that is not ours.
    """
    handover.apply(prepared)

    def only_ours(connection: Connection, statement: str, parameters: Any, many: bool) -> tuple[str, Any]:
        if not ours(connection):
            raise SchemaNotReady(
                f"env.py writes to another database, too: {connection.engine.url.render_as_string(hide_password=True)}",
                hint="tdm-seed migrates one database. Run `alembic upgrade heads` yourself, then upgrade without "
                "--migrate.",
            )
        return statement, parameters

    def run() -> None:
        with as_if_run_by_hand(prepared, sys.stderr), watching(only_ours):
            command.upgrade(prepared.config, "heads")

    _where_it_may(run, handover)


def _spare(connection: Connection, statement: str, parameters: Any, many: bool) -> tuple[str, Any]:
    """Put a statement in the place of one that could write; several rows at once cannot be replaced by one."""
    if many:
        raise _Enough
    return "SELECT 1", type(parameters)()


def _where_it_may(run: Callable[[], None], handover: Handover) -> None:
    """Run where ``asyncio.run`` is allowed, unless a connection is handed over, which belongs to this thread."""
    if handover.connection is None:
        outside_any_loop(run)
    else:
        run()
