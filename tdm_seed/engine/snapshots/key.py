"""The key of a snapshot: a digest of all that its rows are made of, known without Alembic and without reflection."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from tdm_seed import faking
from tdm_seed.engine.selection import selection
from tdm_seed.engine.session import Session
from tdm_seed.environments import Environment
from tdm_seed.history import text_of
from tdm_seed.revisions.checksum import file_digest
from tdm_seed.revisions.plan import plan
from tdm_seed.schema_version.files import migration_files
from tdm_seed.values import Seed


@dataclass(frozen=True)
class Key:
    """A digest in hexadecimal, and the revisions of the seeds that it is about."""

    digest: str
    seeds: frozenset[str]


def key(session: Session, seeds: Sequence[Seed], clock: datetime) -> Key:
    """Digest server, schema, seeds and environment; the one query asks the server what it is.

    Where the schema has no migrations that we know of, the catalogue's fingerprint has to tell a change of it, which a
    snapshot carries besides.

    Raises:
        SeedError: dependencies do not resolve, or a migration cannot be read.
        UsageError: the environment lists a seed that is not there.
    """
    with session.reading():
        standing = session.dialect.standing(session.connection)
    environment, project = session.environment, session.environment.project
    location = session.schema_version.location if session.schema_version else None
    wanted = plan(
        seeds,
        {},
        selection=selection(environment),
        schema_revisions=None,  # those that the migrations end with, which the key knows by their content
        dialect_names=session.names,
    )
    parts = {
        "server": standing,
        "migrations": [(name, file_digest(path, str(path))) for name, path in migration_files(location)]
        if location
        else None,
        "seeds": [(step.seed.revision, step.seed.checksum) for step in wanted.steps],
        "clock": text_of(clock),
        "history": (project.history_schema, project.history_table),
        "tool": session.tool_version,
        "faker": faking.version(),
        **_environment(environment),
    }
    written = json.dumps(parts, sort_keys=True, default=str).encode()
    digest = blake2b(written, digest_size=16, person=b"tdm-seed").hexdigest()
    named = [step.seed.revision for step in wanted.steps] + [each.seed.revision for each in wanted.skipped]
    return Key(digest, frozenset(named))


def _environment(environment: Environment) -> dict[str, object]:
    return {
        "environment": environment.name,
        "volumes": dict(sorted(environment.volumes.items())),
        "random_seed": environment.random_seed,
        "locale": environment.locale,
        "keep": sorted(environment.keep),
    }
