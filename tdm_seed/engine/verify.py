"""Verifying applied seeds later, without writing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tdm_seed.database import Database
from tdm_seed.engine.clock import as_applied
from tdm_seed.engine.mistakes import seed_errors, verifying
from tdm_seed.engine.session import Session
from tdm_seed.engine.unended import unended
from tdm_seed.errors import VerificationFailed
from tdm_seed.history import states
from tdm_seed.revisions import find, open_script
from tdm_seed.values import Applied, Seed, State


@dataclass(frozen=True)
class Verified:
    """One seed's verification: ``error`` is None when what it promises holds."""

    seed: Seed
    duration_ms: int
    error: VerificationFailed | None = None


def run(session: Session, seeds: Sequence[Seed], entries: Sequence[Applied], targets: Iterable[str]) -> list[Verified]:
    """Run the ``verify`` of every applied seed that has one, or of the named ones; whatever it writes is taken back.

    Volumes, random seed and clock are those that the seed was applied with, so that its counts still hold.
    """
    applied = {name: entry for name, entry in states(entries).items() if entry.state in (State.APPLIED, State.STAMPED)}
    named = {find(seeds, target).revision for target in targets}
    found = []
    for seed in seeds:
        if seed.revision in applied and seed.has_verify and (not named or seed.revision in named):
            found.append(_one(session, seed, applied[seed.revision]))
    return found


def _one(session: Session, seed: Seed, entry: Applied) -> Verified:
    begun = time.monotonic()
    error: VerificationFailed | None = None
    environment = as_applied(session.environment, entry)
    try:
        with seed_errors(session, seed), session.reading():
            script = open_script(seed, environment.project.root, session.names)
            db = Database(session.connection, session.dialect, session.schema, seed, environment, entry.clock)
            with unended(session), verifying(seed):
                script.verify(db)
    except VerificationFailed as failed:
        error = failed
    return Verified(seed, round((time.monotonic() - begun) * 1000), error)
