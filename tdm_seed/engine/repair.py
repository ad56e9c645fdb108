"""Accepting what has become of applied seeds: an edit, another name, a file that is gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from tdm_seed.dialects.base import HeldLock
from tdm_seed.engine.session import Session
from tdm_seed.errors import UsageError
from tdm_seed.history import TABLES
from tdm_seed.values import Applied, Changes, Drift, Plan, Seed, State


class Repaired(StrEnum):
    """What is accepted: that an applied seed was changed, renamed, or taken away."""

    EDIT = "edit"
    RENAME = "rename"
    REMOVAL = "removal"


@dataclass(frozen=True)
class Repair:
    """One entry to be written: ``seed`` is the revision that history holds, ``becomes`` its new name."""

    seed: str
    kind: Repaired
    becomes: str | None = None

    def __str__(self) -> str:
        if self.kind is Repaired.RENAME:
            return f"{self.seed} is {self.becomes} now"
        if self.kind is Repaired.EDIT:
            return f"{self.seed} was edited; its rows stay as they are"
        return f"{self.seed} has no file any more; its rows stay as they are"


def choose(plan: Plan, files: Collection[str], targets: Iterable[str]) -> tuple[Repair, ...]:
    """Find the drift that each text means: a revision or a part of one, or a renamed seed by its new name.

    Raises:
        UsageError: none or several of them, or a seed whose new name could be one of two.
    """
    chosen: dict[str, Repair] = {}
    for text in targets:
        repair = _one(plan, files, text)
        chosen[repair.seed] = repair
        same = [each.seed for each in chosen.values() if each.becomes and each.becomes == repair.becomes]
        if len(same) > 1:
            raise UsageError(
                f"{' and '.join(same)} cannot both have become {repair.becomes}",
                hint="Accept the new name for one of them; the other's file is gone then.",
            )
    return tuple(chosen.values())


def _one(plan: Plan, files: Collection[str], text: str) -> Repair:
    known = [(drift, name) for drift in plan.drift for name in (drift.seed, *drift.renamed_to)]
    fits = [each for each in known if text in (each[1], each[1].split("_", 2)[-1])]
    fits = fits or [each for each in known if text and text in each[1]]
    seeds = {drift.seed for drift, _ in fits}
    if not seeds:
        raise UsageError(
            f"{text} names nothing to repair", hint="`tdm-seed repair` without names lists what there is to accept."
        )
    if len(seeds) > 1:
        raise UsageError(
            f"{text} fits {', '.join(sorted(seeds))}", hint="Give more of the name of the one that is meant."
        )
    drift = fits[0][0]
    if not drift.renamed_to:
        return Repair(drift.seed, Repaired.EDIT if drift.seed in files else Repaired.REMOVAL)
    new = {name for _, name in fits} & set(drift.renamed_to) or set(drift.renamed_to)
    if len(new) > 1:
        raise UsageError(
            f"{drift.seed} may have become {' or '.join(sorted(new))}, which are alike", hint="Give the new name."
        )
    return Repair(drift.seed, Repaired.RENAME, next(iter(new)))


def hint(drift: Drift) -> str:
    """Say how this drift is accepted."""
    name = drift.renamed_to[0] if len(drift.renamed_to) == 1 else drift.seed
    return f"tdm-seed repair {name}"


def run(
    session: Session,
    lock: HeldLock,
    repairs: Sequence[Repair],
    seeds: Sequence[Seed],
    applied: Mapping[str, Applied],
    heads: tuple[str, ...],
) -> None:
    """Write the entries that make history agree with the files, all or none. No row of a seed is touched."""
    files = {seed.revision: seed for seed in seeds}
    connection = session.connection
    with session.translated(), session.dialect.transaction(connection, write=True):
        session.dialect.guard(connection, session.history.qualified_name)
        for repair in repairs:
            for entry in _entries(session, repair, files, applied[repair.seed], heads):
                session.history.record(connection, entry)
        lock.check()


def _entries(
    session: Session, repair: Repair, files: Mapping[str, Seed], last: Applied, heads: tuple[str, ...]
) -> list[Applied]:
    entry = replace(
        last,
        id=None,
        schema_heads=heads,
        changes=Changes(),
        started_at=datetime.now(UTC),
        duration_ms=0,
        applied_by=session.applied_by,
        tool_version=session.tool_version,
    )

    def noted(reason: str) -> dict[str, object]:
        unfinished = last.note.get("reason") if last.state is State.RUNNING else None
        return {**last.note, "reason": f"{reason}; {unfinished}" if unfinished else reason}

    if repair.kind is Repaired.EDIT:
        note = noted("repaired: edited, not run again")
        note.pop(TABLES, None)  # the edited one may write to others
        return [replace(entry, checksum=files[repair.seed].checksum, note=note)]
    if repair.becomes is None:
        return [replace(entry, state=State.REVERTED, note=noted("repaired: its file is gone, its rows stay"))]
    now = files[repair.becomes]
    return [
        replace(entry, state=State.REVERTED, note=noted(f"repaired: renamed to {now.revision}, its rows stay")),
        replace(entry, seed=now.revision, layer=now.layer, note=noted(f"repaired: was {repair.seed}")),
    ]
