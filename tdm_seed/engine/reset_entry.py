"""What the history says of a reset, whichever way it went."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from tdm_seed.engine.session import Session
from tdm_seed.history import EVERY_SEED
from tdm_seed.values import Applied, Changes, Layer, State


def entry(
    session: Session,
    started: datetime,
    *,
    clock: datetime,
    heads: tuple[str, ...],
    changes: Changes,
    note: Mapping[str, object],
    checksum: str = "",
) -> Applied:
    """Give the entry of a reset that began at ``started`` and is done now; ``clock`` is that of the seeds."""
    environment = session.environment
    return Applied(
        seed=EVERY_SEED,
        layer=Layer.REFERENCE,
        state=State.RESET,
        checksum=checksum,
        environment=environment.name,
        schema_heads=heads,
        random_seed=environment.random_seed,
        clock=clock,
        volumes={},
        changes=changes,
        started_at=started,
        duration_ms=round((datetime.now(UTC) - started).total_seconds() * 1000),
        applied_by=session.applied_by,
        tool_version=session.tool_version,
        note=dict(note),
    )
