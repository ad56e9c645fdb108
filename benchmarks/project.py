"""A project with the seeds of a benchmark, and the tables that it fills."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

import sqlalchemy as sa

from tdm_seed.dialects import resolve
from tdm_seed.engine import Seeder
from tdm_seed.environments import Environment, Project

HISTORY = "seed_history"


def seeder(folder: Path, url: str, volumes: Mapping[str, int] | None = None, *, alembic: Path | None = None) -> Seeder:
    """Work on the seeds in ``folder`` as the command line does, with migrations where they are named."""
    project = Project(root=folder, seeds=folder / "seeds", history_table=HISTORY, alembic=alembic)
    return Seeder(
        Environment(
            "benchmark", project, given_url=url, now=datetime(2026, 1, 5, tzinfo=UTC), volumes=dict(volumes or {})
        )
    )


def engine(url: str) -> sa.Engine:
    """Connect with the very settings that tdm-seed uses, for what is compared with it."""
    dialect, resolved = resolve(url)
    return dialect.engine(resolved, "benchmark")


@contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    """Open a connection for what is not timed; its transaction is committed at the end."""
    found = engine(url)
    try:
        with found.begin() as connection:
            yield connection
    finally:
        found.dispose()


def create_anew(url: str, table: sa.Table) -> None:
    """Give an empty table, and no memory of what was seeded into the one before."""
    with connected(url) as connection:
        table.metadata.drop_all(connection)
        table.metadata.create_all(connection)
        if sa.inspect(connection).has_table(HISTORY):
            connection.execute(sa.delete(sa.table(HISTORY)))


def content(url: str, table: sa.Table) -> tuple[int, str]:
    """Digest the rows of a table in the order of its key; not with the tool's own digest, which is ours."""
    digest, count = blake2b(digest_size=16), 0
    with connected(url) as connection:
        rows = connection.execution_options(stream_results=True).execute(
            sa.select(table).order_by(*table.primary_key.columns)
        )
        for row in rows:
            digest.update(repr(tuple(row)).encode())
            count += 1
    return count, digest.hexdigest()
