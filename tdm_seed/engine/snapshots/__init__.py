"""The part of the Seeder that saves, restores, lists and prunes snapshots of its database."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from tdm_seed.dialects.snapshots import Snapshot
from tdm_seed.engine import reset_rules
from tdm_seed.engine.clock import clock
from tdm_seed.engine.snapshots import pruning, restoring, saving
from tdm_seed.engine.snapshots.key import Key, key
from tdm_seed.engine.snapshots.restoring import Restored
from tdm_seed.engine.snapshots.saving import Saved
from tdm_seed.engine.whole import Whole

__all__ = ["Restored", "Saved", "Snapshot", "Snapshotting"]


class Snapshotting:
    """Copies of the seeded database, each under the key of all that it was made of."""

    def snapshot(self: Whole, *, again: bool = False, force: bool = False) -> Saved:
        """Save a snapshot of the database as it is, unless there is one under its key; ``again`` makes it anew.

        Several processes that ask at the same time build it once. Where nobody may be connected meanwhile, ``force``
        ends the connections of others.

        Raises:
            UsageError: there are no snapshots on this database; or its rows are not what the key says.
            DriftError: files and history disagree, or somebody has written since rows were kept.
            Protected: as ``reset``.
            Locked: others are connected, and are named.
        """
        session = self._session
        reset_rules.refuse(self.environment)
        store = session.store()
        now = key(session, self.seeds, clock(self.environment, session.entries()))
        with session.translated():
            if not again and (found := saving.there(store, now)):
                return Saved(found, built=False)
            with saving.alone(session, store):
                store.tidy()
                if not again and (found := saving.there(store, now)):
                    return Saved(found, built=False)
                with saving.looking(session):
                    heads, entries = session.schema_heads(), session.entries()
                    saving.refuse(session, self._plan(entries, heads, (), ()), now, entries, heads)
                describe = saving.Described(session, store, now, tuple(entries))
                return Saved(store.build(now.digest, describe, force=force), built=True)

    def snapshots(self: Whole) -> list[Snapshot]:
        """List the snapshots that this tool has made on the server, and write nothing; those of others are not told."""
        with self._session.translated():
            return self._session.store().snapshots()

    def snapshot_key(self: Whole) -> str:
        """Give the key of a snapshot of what a reset would make now."""
        return _fresh(self).digest

    def plan_restore(self: Whole, *, adopt: bool = False) -> Snapshot:
        """Find the snapshot that ``restore`` would put in the place of the database, and write nothing.

        Raises:
            UsageError: there is none, or there are no snapshots on this database.
            Protected: as ``restore``.
            SchemaNotReady: the schema has changed, and there are no migrations that tell which is right.
        """
        session = self._session
        restoring.check(session, session.entries(), adopt=adopt)
        with session.translated():
            return restoring.choose(session, session.store(), _fresh(self))

    def restore(self: Whole, *, confirmed: bool = False, force: bool = False, adopt: bool = False) -> Restored:
        """Put the newest snapshot of what the environment is now in the place of the whole database.

        Everything in it is replaced: rows of every schema, catalogue, sequences and history, to which one entry is
        added. ``adopt`` also replaces a database that holds rows and was never seeded.

        Raises:
            UsageError: there is no such snapshot.
            Protected: what forbids a reset; it is not ``confirmed``; or rows would go that the manifest keeps.
            Locked: others are connected where nobody may be, and are named; ``force`` ends their connections.
        """
        session, begun = self._session, time.monotonic()
        started = datetime.now(UTC)
        reset_rules.refuse(self.environment)
        store, now = session.store(), _fresh(self)
        with session.translated(), saving.alone(session, store):
            store.tidy()
            with saving.looking(session):
                restoring.check(session, session.entries(), adopt=adopt)
                chosen = restoring.choose(session, store, now)
                reset_rules.refuse_unconfirmed(self.environment, "to replace the database", confirmed=confirmed)
            noting = restoring.Noting(session, chosen, clock(self.environment, ()), started)
            store.clone(chosen, noting, force=force)
        session.schema.forget()
        return Restored(chosen, round((time.monotonic() - begun) * 1000))

    def prune(
        self: Whole, *, keep: int = pruning.KEPT, older_than: timedelta | None = None, everywhere: bool = False
    ) -> list[Snapshot]:
        """Drop snapshots of this database, or ``everywhere`` on the server: all but the newest, and those too old.

        The newest one of what the environment is now stays. Those that were cut off half-way are dropped as well,
        those that another database is being restored from are not.

        Raises:
            UsageError: there are no snapshots on this database.
        """
        session = self._session
        store, now = session.store(), _fresh(self)
        with session.translated(), saving.alone(session, store):
            store.tidy()
            found = store.snapshots()
            chosen = found if everywhere else list(pruning.of(found, store.database))
            doomed = pruning.superfluous(chosen, now.digest, keep=keep, older_than=older_than)
            return [each for each in doomed if store.drop(each)]


def _fresh(seeder: Whole) -> Key:
    """Give the key of what a reset would make now, with the clock that it would begin."""
    return key(seeder._session, seeder.seeds, clock(seeder.environment, ()))
