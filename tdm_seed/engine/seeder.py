"""The Seeder: every command of the tool as a method that returns values, and that imports only what it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING

from tdm_seed.dialects import names as dialect_names
from tdm_seed.dialects.base import HeldLock
from tdm_seed.engine import rewinding
from tdm_seed.engine.agreeing import Agreeing
from tdm_seed.engine.clock import clock
from tdm_seed.engine.progress import Progress
from tdm_seed.engine.reset import Resetting
from tdm_seed.engine.selection import selection
from tdm_seed.engine.session import Session
from tdm_seed.engine.snapshots import Snapshotting
from tdm_seed.environments import hosts
from tdm_seed.environments.urls import concealed
from tdm_seed.errors import Stopped, TdmSeedError, UsageError
from tdm_seed.history import last_reset, states
from tdm_seed.revisions import discover
from tdm_seed.revisions.plan import plan, sank
from tdm_seed.values import Action, Applied, Circular, Plan, Seed, Step, StepResult, Transaction

if TYPE_CHECKING:
    from tdm_seed.engine import check, digest, status, verify
    from tdm_seed.engine.promise import Promise
    from tdm_seed.environments import Environment


class Seeder(Agreeing, Resetting, Snapshotting):
    """Brings the seeds of one environment into its database, as a context manager that holds the connection.

    ``lock_timeout`` is how many seconds a writing command waits for another runner, and a reset for whoever uses the
    tables. Reading commands take no lock and write nothing. Several Seeders live side by side in one process.

    Raises:
        TdmSeedError: every method, with a sentence and an exit code.
    """

    def __init__(
        self, environment: Environment, *, lock_timeout: float = 60.0, progress: Progress | None = None
    ) -> None:
        self.environment = environment
        self._progress = progress or Progress()
        self._session = Session(environment, lock_timeout, self._progress)

    def __enter__(self) -> Seeder:
        self._session.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    @cached_property
    def seeds(self) -> tuple[Seed, ...]:
        """All seeds of the project, read once and without running any."""
        project = self.environment.project
        return discover(project.seeds, dialect_names(), root=project.root)

    @property
    def database(self) -> str:
        """The database's URL without its password."""
        return concealed(self._session.url.render_as_string(hide_password=True))

    @property
    def host(self) -> str:
        """The hosts that the database's URL leads to."""
        return ", ".join(host for host, _ in hosts.targets(self._session.url.render_as_string(hide_password=False)))

    def plan(self, targets: Iterable[str] = (), *, again: Iterable[str] = ()) -> Plan:
        """Compute what ``upgrade`` would do, and write nothing."""
        from tdm_seed.engine import unbuilt

        heads = self._session.schema_heads()
        entries = self._session.entries()
        found = self._plan(entries, heads, targets, again)
        return unbuilt.noted(found, unbuilt.told(unbuilt.down(self._session, entries)))

    def refusal(self, found: Plan) -> TdmSeedError | None:
        """Say why ``upgrade`` would not carry out this plan as things stand, if it would not."""
        from tdm_seed.engine import preflight

        try:
            preflight.check(self._session, found, self._session.entries(), self._session.schema_heads())
        except TdmSeedError as error:
            return error
        return None

    def circular(self) -> list[Circular]:
        """List the foreign keys that form circles, and what lets rows come in any order there for this role."""
        return self._session.circular()

    def upgrade(
        self,
        targets: Iterable[str] = (),
        *,
        again: Iterable[str] = (),
        dry_run: bool = False,
        migrate: bool = False,
    ) -> list[StepResult]:
        """Apply what is pending, each seed in its own promise, and tell what every one did.

        A dry run does everything in one transaction and takes it back. ``migrate`` runs Alembic first, under the same
        lock.

        Raises:
            TdmSeedError: the failed step; ``done`` holds the results before it, which stay, ``left`` what was not run.
        """
        from tdm_seed.engine import unbuilt

        with self._session.lock(dry_run=dry_run) as lock:
            sunk = self._sunk() if migrate else frozenset()
            if migrate:
                unbuilt.before(self._session, lock, self._session.entries())
                self._migrate(dry_run)
            return self._upgrade(lock, targets, again, dry_run, sunk)

    def downgrade(self, target: str, *, confirmed: bool = False) -> list[StepResult]:
        """Revert a seed and the applied ones that depend on it, newest first; ``-1`` the last one, ``base`` all.

        Raises:
            Protected: the environment is protected, and nobody has ``confirmed`` that rows go.
        """
        from tdm_seed.engine import downgrade, preflight, unbuilt
        from tdm_seed.engine.promise import Promise

        with self._session.lock() as lock:
            heads, entries = self._session.schema_heads(), self._session.entries()
            steps = downgrade.steps(self.seeds, entries, target)
            preflight.check_downgrade(self._session, steps, entries, confirmed=confirmed)
            unbuilt.before(self._session, lock, entries, {step.seed.revision for step in steps})
            rewinding.let_go(self._session)
            now = clock(self.environment, entries)
            return self._keep(Promise(self._session, lock, now, heads, states(entries), last_reset(entries)), steps)

    def check(self, *, each: bool = False) -> check.Checked:
        """Try the seeds on this database, which must be empty, and give every problem.

        Without Alembic, which would make them, it may hold tables that are empty. ``each`` also loads every scenario
        alone, and all in reverse order, on databases that are made beside this one and dropped again.

        Raises:
            Protected: it holds more, so nothing was tried.
        """
        from tdm_seed.engine import check

        return check.run(self, self._session, scenarios=each)

    def plan_downgrade(self, target: str) -> tuple[Step, ...]:
        """List what ``downgrade`` would revert, and write nothing; what it could not do is refused here, too."""
        from tdm_seed.engine import downgrade, preflight

        entries = self._session.entries()
        steps = downgrade.steps(self.seeds, entries, target)
        preflight.check_downgrade(self._session, steps, entries, confirmed=True)
        return steps

    def status(self) -> status.Status:
        """Compare files and history, and write nothing."""
        from tdm_seed.engine import status, unbuilt

        heads, entries = self._session.schema_heads(), self._session.entries()
        found = self._plan(entries, heads, (), ())
        with self._session.reading():
            rows_so_far = self._session.checkpoints.rows(self._session.connection)
        down = unbuilt.told(unbuilt.down(self._session, entries))
        return status.compare(self.seeds, found, entries, self.environment, heads, rows_so_far, down)

    def history(self, seed: str | None = None) -> list[Applied]:
        """Read the history, oldest first, of all seeds or one."""
        from tdm_seed.engine import status

        with self._session.reading():
            entries = self._session.history.entries(self._session.connection)
        return status.chosen(self.seeds, entries, seed)

    def verify(self, targets: Iterable[str] = ()) -> list[verify.Verified]:
        """Run ``verify`` of the applied seeds, take back whatever that writes, and tell which hold."""
        from tdm_seed.engine import verify

        return verify.run(self._session, self.seeds, self._session.entries(), targets)

    def digest(self, tables: Iterable[str] = ()) -> list[digest.TableDigest]:
        """Digest the content of tables, independent of row order and of the database product."""
        from tdm_seed.engine import digest

        return digest.run(self._session, self._session.entries(), tables)

    def _sunk(self) -> frozenset[str]:
        """Name the applied seeds whose schema is below what they require, before it is migrated again."""
        revisions = self._session.schema_revisions(self._session.schema_heads())
        current = states(self._session.entries())
        applied = ((seed, current.get(seed.revision)) for seed in self.seeds)
        return frozenset(seed.revision for seed, entry in applied if entry and sank(seed, entry, revisions))

    def _upgrade(
        self,
        lock: HeldLock,
        targets: Iterable[str],
        again: Iterable[str],
        dry_run: bool,
        sunk: frozenset[str] = frozenset(),
    ) -> list[StepResult]:
        from tdm_seed.engine import baseline, preflight, rebuild, unbuilt
        from tdm_seed.engine.promise import Promise

        heads, entries = self._session.schema_heads(), self._session.entries()
        found = self._plan(entries, heads, targets, again, sunk)
        for drift in found.drift:
            self._progress.drifted(drift)
        preflight.check(self._session, found, entries, heads, dry_run=dry_run)
        if not dry_run:
            unbuilt.before(self._session, lock, entries)
        if not found:
            return []
        promise = Promise(
            self._session,
            lock,
            clock(self.environment, entries),
            heads,
            states(entries),
            last_reset(entries),
            dry_run,
        )
        if dry_run:
            with self._session.rolled_back():
                return self._keep(promise, found.steps)
        self._session.create_history()
        if not entries:
            baseline.record(self._session)
        rebuild.complete(self._session, entries)
        rewinding.let_go(self._session)
        return self._keep(promise, found.steps)

    def _plan(
        self,
        entries: list[Applied],
        heads: tuple[str, ...],
        targets: Iterable[str],
        again: Iterable[str],
        sunk: frozenset[str] = frozenset(),
    ) -> Plan:
        environment, targets, again = self.environment, tuple(targets), tuple(again)
        try:
            return self._planned(entries, heads, targets, again, sunk)
        except UsageError as error:
            names = [word for word in (*targets, *again) if word in environment.project.environments()]
            if names and error.message == f"there is no seed {names[0]}":
                error.hint = f"{names[0]} is an environment: write --env {names[0]}."
            raise

    def _planned(
        self,
        entries: list[Applied],
        heads: tuple[str, ...],
        targets: Iterable[str],
        again: Iterable[str],
        sunk: frozenset[str],
    ) -> Plan:
        return plan(
            self.seeds,
            states(entries),
            selection=selection(self.environment),
            schema_revisions=self._session.schema_revisions(heads),
            dialect_names=self._session.names,
            targets=targets,
            again=again,
            sunk=sunk,
        )

    def _migrate(self, dry_run: bool) -> None:
        if dry_run:
            raise UsageError(
                "--migrate changes the schema, which a dry run does not",
                hint="Run the migrations first, then the dry run.",
            )
        version = self._session.schema_version
        if version is None:
            raise UsageError(
                "this project has no Alembic configuration to migrate with",
                hint='Set alembic = "path/to/alembic.ini" in the configuration of tdm-seed.',
            )
        if set(version.newest()) != set(self._session.schema_heads()):
            rewinding.let_go(self._session)
        try:
            moved = self._session.migrate(version)
        except KeyboardInterrupt as error:
            where = "interrupted in a migration: the schema is where Alembic has left it"
            raise Stopped(where, (), ()) from error
        self._progress.migrated(moved.before, moved.after)

    def _keep(self, promise: Promise, steps: tuple[Step, ...]) -> list[StepResult]:
        return self._each(promise, promise.keep, steps)

    def _each(self, promise: Promise, take: Callable[[Step], StepResult], steps: tuple[Step, ...]) -> list[StepResult]:
        results: list[StepResult] = []
        for place, step in enumerate(steps, 1):
            self._progress.started(step, place, len(steps))
            done, left = ((), ()) if promise.dry_run else (tuple(results), steps[place:])
            try:
                results.append(take(step))
            except TdmSeedError as error:
                if (heard := _heard(error)) is not None:
                    raise Stopped(_stopped(promise, step), done, left) from heard
                error.done, error.left = done, left
                raise
            except KeyboardInterrupt as error:
                raise Stopped(_stopped(promise, step), done, left) from error
            self._progress.finished(results[-1])
        return results


def _heard(error: BaseException | None) -> KeyboardInterrupt | None:
    """Find the interruption behind which something that tidies up has failed, as it may on a connection given up."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error


def _stopped(promise: Promise, step: Step) -> str:
    """Say what became of a seed that was interrupted: whether its commit came through is not known here."""
    if promise.dry_run:
        return "interrupted: everything that the dry run did is taken back"
    kind, reverting = step.seed.transaction, step.action is Action.DOWNGRADE
    if kind is Transaction.NONE or (kind is Transaction.CHUNK and not reverting):
        return f"interrupted: what {step.seed.revision} has written stays, and the next upgrade continues it"
    return f"interrupted: {step.seed.revision} is kept as a whole or not at all, as status tells"
