"""The part of the Seeder that makes history, files and database agree: stamp, relabel and repair."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from tdm_seed.engine.clock import clock
from tdm_seed.engine.whole import Whole
from tdm_seed.history import last_reset, states
from tdm_seed.values import Action, StepResult

if TYPE_CHECKING:
    from tdm_seed.engine import label, repair


class Agreeing:
    """What is written down without running a seed."""

    def stamp(self: Whole, targets: Iterable[str] = ()) -> list[StepResult]:
        """Record what is pending, or the named seeds and what they need, as there already; run nothing.

        A seed that was left unfinished is recorded only if it is named: what it has written is there in part.

        Raises:
            TdmSeedError: as ``upgrade``; the seeds before are recorded.
        """
        from tdm_seed.engine import baseline, preflight, unbuilt
        from tdm_seed.engine.promise import Promise

        with self._session.lock() as lock:
            heads, entries = self._session.schema_heads(), self._session.entries()
            targets = tuple(targets)
            found = self._plan(entries, heads, targets, ())
            for drift in found.drift:
                self._progress.drifted(drift)
            steps = tuple(
                step
                for step in found.steps
                if step.reason != "always" and (targets or step.action is not Action.CONTINUE)
            )
            preflight.check(self._session, replace(found, steps=steps), entries, heads)
            unbuilt.before(self._session, lock, entries)
            if not steps:
                return []
            self._session.create_history()
            if not entries:
                baseline.record(self._session)
            promise = Promise(
                self._session, lock, clock(self.environment, entries), heads, states(entries), last_reset(entries)
            )
            return self._each(promise, promise.stamp, steps)

    def plan_relabel(self: Whole, name: str) -> label.Relabelled:
        """Find out what ``relabel`` would do, and write nothing."""
        from tdm_seed.engine import label

        return label.look(self._session, self._session.entries(), name)

    def relabel(self: Whole, name: str) -> label.Relabelled:
        """Let the database carry the name of another environment, as a copy does that was restored elsewhere.

        Raises:
            UsageError: there is no such environment, or no seed was ever applied.
            Protected: a protected environment may be on this host.
        """
        from tdm_seed.engine import label, unbuilt

        with self._session.lock() as lock:
            heads, entries = self._session.schema_heads(), self._session.entries()
            unbuilt.before(self._session, lock, entries)
            return label.run(self._session, lock, entries, name, heads, clock(self.environment, entries))

    def plan_repair(self: Whole, targets: Iterable[str] = ()) -> tuple[repair.Repair, ...]:
        """Find out what ``repair`` would accept, and write nothing."""
        from tdm_seed.engine import repair

        entries = self._session.entries()
        found = self._plan(entries, self._session.schema_heads(), (), ())
        return repair.choose(found, {seed.revision for seed in self.seeds}, targets)

    def repair(self: Whole, targets: Iterable[str]) -> tuple[repair.Repair, ...]:
        """Accept what became of applied seeds whose files and history disagree, each by its name; no row is touched.

        Raises:
            UsageError: a name fits no such seed, or several; nothing was written.
        """
        from tdm_seed.engine import repair, unbuilt

        with self._session.lock() as lock:
            heads, entries = self._session.schema_heads(), self._session.entries()
            found = self._plan(entries, heads, (), ())
            chosen = repair.choose(found, {seed.revision for seed in self.seeds}, targets)
            unbuilt.before(self._session, lock, entries)
            if chosen:
                repair.run(self._session, lock, chosen, self.seeds, states(entries), heads)
            return chosen
