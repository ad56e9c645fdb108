"""One seed, one promise: rows, proof, verify and history entry are committed together, or nothing is."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed import faking
from tdm_seed.chunked import ChunkedDatabase, Run
from tdm_seed.database import Database
from tdm_seed.dialects.base import Dialect, HeldLock
from tdm_seed.engine import unbuilt
from tdm_seed.engine.clock import TODAY, as_applied
from tdm_seed.engine.mistakes import seed_errors, verifying
from tdm_seed.engine.session import Session
from tdm_seed.engine.unended import unended
from tdm_seed.environments import Environment
from tdm_seed.environments.urls import concealed
from tdm_seed.errors import DriftError, Locked, SeedError, TdmSeedError
from tdm_seed.history import TABLES
from tdm_seed.revisions import Script, open_script
from tdm_seed.schema import Schema
from tdm_seed.values import Action, Applied, Seed, State, Step, StepResult, Transaction, total

#: What else is to be known of a seed that commits each statement, when one of them fails.
_STAYS = "What came before is committed (`transaction: none`); the next upgrade begins with the first statement again."


@dataclass
class Promise:
    """Runs steps on a session that holds the lock.

    ``known`` is the history that the plan was made from, ``reset`` the number of the last reset in it.
    """

    session: Session
    lock: HeldLock
    now: datetime
    heads: tuple[str, ...]
    known: Mapping[str, Applied]
    reset: int = 0
    dry_run: bool = False

    def keep(self, step: Step) -> StepResult:
        """Run one step and keep its promise.

        Raises:
            TdmSeedError: nothing of the seed was kept, unless the message says so.
        """
        session, seed = self.session, step.seed
        started, begun = datetime.now(UTC), time.monotonic()
        with seed_errors(session, seed):
            script = open_script(seed, session.environment.project.root, session.names)
            if step.action is Action.CONTINUE:
                self._same_run(seed)
            if seed.transaction is Transaction.NONE:
                return self._unprotected(step, script, started, begun)
            if seed.transaction is Transaction.CHUNK and step.action is not Action.DOWNGRADE and not self.dry_run:
                return self._in_chunks(step, script, started, begun)
            entry = self.known.get(seed.revision)
            unfinished = entry is not None and entry.state is State.RUNNING and not self.dry_run
            with self._transaction():
                self._look_again(seed)
                db = self._database(step)
                with unended(session, dry_run=self.dry_run):
                    self._run(step, script, db)
                result = self._result(step, db, begun)
                session.progress.reached("before history")
                self._record(result, db, started)
                if unfinished:
                    session.checkpoints.clear(session.connection, seed.revision)
                    unbuilt.within(session, seed.revision)
                session.progress.reached("before commit")
                self.lock.check()
            if not self.dry_run:
                session.progress.reached("after commit")
            if unfinished:
                unbuilt.behind(session, self.lock)
            return result

    def stamp(self, step: Step) -> StepResult:
        """Record a seed as there already, without running it.

        Raises:
            TdmSeedError: it was not recorded.
        """
        session, seed = self.session, step.seed
        started, begun = datetime.now(UTC), time.monotonic()
        with seed_errors(session, seed), self._transaction():
            self._look_again(seed)
            db = self._database(step)
            result = self._result(step, db, begun, State.STAMPED)
            self._record(result, db, started)
            self.lock.check()
        return result

    def _unprotected(self, step: Step, script: Script, started: datetime, begun: float) -> StepResult:
        """Run a ``transaction: none`` seed: history says ``running`` first, since nothing can be taken back."""
        session, db = self.session, self._database(step)
        with self._transaction():
            self._look_again(step.seed)
            self._record(self._result(step, db, begun, State.RUNNING), db, started)
        try:
            with session.dialect.autocommit(session.connection):
                self._run(step, script, db)
        except BaseException as error:
            self._leave_running(step, db, started, begun, error)
            if isinstance(error, TdmSeedError):
                error.hint = " ".join(filter(None, (error.hint, _STAYS)))
            raise
        result = self._result(step, db, begun)
        session.progress.reached("before history")
        with self._transaction():
            self._record(result, db, started)
            session.progress.reached("before commit")
            self.lock.check()
        session.progress.reached("after commit")
        return result

    def _in_chunks(self, step: Step, script: Script, started: datetime, begun: float) -> StepResult:
        """Run a ``transaction: chunk`` seed: what is committed is not done again, and all is proven at the end."""
        session, seed = self.session, step.seed
        run = self._begin_chunks(step, started, begun)
        db = ChunkedDatabase(*self._handed(step), run=run)
        db.writer.told = session.progress.loaded
        try:
            script.upgrade(db)
            db.build_the_rest()
            session.progress.reached("after load")
            with run.transaction():
                db.loaded = True
                self._settle(db)
                with verifying(seed):
                    script.verify(db)
                result = self._result(step, db, begun)
                session.progress.reached("before history")
                self._record(result, db, started)
                session.checkpoints.clear(session.connection, seed.revision)
                session.progress.reached("before commit")
        except BaseException as error:
            self._leave_running(step, db, started, begun, error)
            raise
        session.progress.reached("after commit")
        return result

    def _begin_chunks(self, step: Step, started: datetime, begun: float) -> Run:
        """Write ``running``, or find out what an earlier attempt at the same run has committed."""
        session, seed = self.session, step.seed
        connection, checkpoints = session.connection, session.checkpoints
        with self._transaction():
            checkpoints.create(connection)
        with self._transaction():
            self._look_again(seed)
            done = checkpoints.of(connection, seed.revision) if step.action is Action.CONTINUE else {}
            if not done:
                checkpoints.clear(connection, seed.revision)
                db = Database(*self._handed(step))
                self._record(self._result(step, db, begun, State.RUNNING), db, started)
            own = session.history.last(connection, seed.revision, self.reset)
            self.lock.check()
        may = session.environment.rebuild == "allow" and session.dialect.takes_down
        rebuilding = unbuilt.rebuilding(session) if may else None
        return Run(
            checkpoints,
            done,
            lambda: self._chunk(seed, own),
            session.progress.reached,
            lambda connection: self._still_ours(seed, own, connection),
            rebuilding,
        )

    @contextmanager
    def _chunk(self, seed: Seed, own: tuple[int, State] | None) -> Iterator[None]:
        """Open the transaction of a chunk, which is committed as long as nobody else has taken the seed over."""
        connection = self.session.connection
        connection.rollback()  # what reflection has begun
        with self.session.dialect.transaction(connection, write=True):
            self._still_ours(seed, own, connection)
            yield
            self.lock.check()

    def _still_ours(self, seed: Seed, own: tuple[int, State] | None, connection: Connection) -> None:
        """Keep others away until the transaction at hand has ended, unless they have been there already.

        Raises:
            Locked: another runner has taken the seed over.
        """
        session = self.session
        session.dialect.guard(connection, session.history.qualified_name)
        if session.history.last(connection, seed.revision, self.reset) != own:
            raise Locked("another runner has taken this seed over", hint="Run the command again.")
        self.lock.check(connection)

    def _same_run(self, seed: Seed) -> None:
        """See that a seed which has committed chunks is taken up as it was begun.

        Raises:
            DriftError: it, or what it makes its rows from, has changed.
            SeedError: a dry run cannot take it up.
        """
        session, entry = self.session, self.known[seed.revision]
        with nullcontext() if self.dry_run else session.reading():
            rows = session.checkpoints.rows(session.connection).get(seed.revision)
        if rows is None:
            return
        if self.dry_run:
            raise SeedError(
                f"was left unfinished after {rows:,} rows, and a dry run cannot take it up again",
                hint="Run it: what is committed is not done again.",
            )
        now = (seed.checksum, session.environment.random_seed, self.now)
        for what, was, given in zip(
            ("content", "random seed", "clock"), (entry.checksum, entry.random_seed, entry.clock), now, strict=True
        ):
            if was != given:
                raise DriftError(
                    f"was left unfinished after {rows:,} rows, and its {what} has changed since",
                    hint=f"Finish it as it was begun, or take it back: `tdm-seed downgrade {seed.name}`.",
                )

    def _leave_running(self, step: Step, db: Database, started: datetime, begun: float, error: BaseException) -> None:
        """Write why the seed stays ``running``, if the database still answers and nobody else has taken over."""
        reason = error.message if isinstance(error, TdmSeedError) else f"{type(error).__name__}: {error}"
        try:
            self.session.connection.rollback()  # what the seed has only read
            with self._transaction():
                self.lock.check()
                self._record(self._result(step, db, begun, State.RUNNING), db, started, reason=concealed(reason)[:500])
        except (sa.exc.SQLAlchemyError, TdmSeedError):
            return

    # ---- the parts of a promise -------------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Open the seed's transaction; a dry run stands in an outer one, which is never committed."""
        if self.dry_run:
            yield
            return
        connection = self.session.connection
        with self.session.dialect.transaction(connection, write=True):
            self.session.dialect.guard(connection, self.session.history.qualified_name)
            yield

    def _look_again(self, seed: Seed) -> None:
        """Read the seed's state now that nobody else can change it.

        Raises:
            Locked: another runner got in between, so our plan is not true any more.
        """
        if self.dry_run:
            return
        last = self.session.history.last(self.session.connection, seed.revision, self.reset)
        planned = self.known.get(seed.revision)
        if (last and last[0]) != (planned and planned.id):
            raise Locked(
                f"another runner has recorded this seed as {last[1] if last else 'absent'} meanwhile",
                hint="Run the command again: it plans from what is there now.",
            )

    def _database(self, step: Step) -> Database:
        db = Database(*self._handed(step), dry_run=self.dry_run)
        db.writer.told = self.session.progress.loaded
        return db

    def _handed(self, step: Step) -> tuple[Connection, Dialect, Schema, Seed, Environment, datetime]:
        """Give what a seed works with; a downgrade finds the volumes, random seed and clock that made its rows."""
        session = self.session
        environment, now = session.environment, self.now
        entry = self.known.get(step.seed.revision)
        if step.action is Action.DOWNGRADE and entry is not None:
            environment, now = as_applied(environment, entry), entry.clock
        return session.connection, session.dialect, session.schema, step.seed, environment, now

    def _run(self, step: Step, script: Script, db: Database) -> None:
        """Run the author's code, then prove what it left behind."""
        reverting = step.action is Action.DOWNGRADE
        (script.downgrade if reverting else script.upgrade)(db)
        self.session.progress.reached("after load")
        self._settle(db)
        if not reverting:
            with verifying(step.seed):
                script.verify(db)

    def _settle(self, db: Database) -> None:
        """Prove what was deferred, move sequences behind explicit numbers (no rollback undoes that), analyse what grew.

        In a dry run other seeds follow in the same transaction, which expect deferred constraints as declared.
        """
        session = self.session
        session.dialect.settle(session.connection)
        if not session.dialect.enforces_foreign_keys:
            session.dialect.prove_constraints(session.connection, list(db.written.values()))
        if self.dry_run:
            session.dialect.undefer(session.connection)
        else:
            db.writer.catch_up()
            db.writer.refresh()

    def _result(self, step: Step, db: Database, begun: float, state: State | None = None) -> StepResult:
        state = state or (State.REVERTED if step.action is Action.DOWNGRADE else State.APPLIED)
        return StepResult(
            seed=step.seed,
            action=step.action,
            state=state,
            changes=total(db.changes.values()),
            tables=dict(sorted(db.changes.items())),
            duration_ms=round((time.monotonic() - begun) * 1000),
            counted=db.counted,
            loads=tuple(db.writer.loads),
        )

    def _record(self, result: StepResult, db: Database, started: datetime, *, reason: str | None = None) -> None:
        if self.dry_run:
            return
        session, seed = self.session, result.seed
        note = {
            "clock": TODAY if session.environment.now is None else None,
            "defaulted": sorted(db.defaulted),
            "faker": faking.version() if db.used_fake else None,
            "given": sorted(db.writer.given_numbers),
            "locale": session.environment.locale if db.used_fake else None,
            "numbered": sorted(db.writer.chosen_numbers),
            "overrides": dict(session.environment.overrides),
            "reason": reason,
            TABLES: sorted(db.written),
        }
        session.history.record(
            session.connection,
            Applied(
                seed=seed.revision,
                layer=seed.layer,
                state=result.state,
                checksum=seed.checksum,
                environment=session.environment.name,
                schema_heads=self.heads,
                random_seed=session.environment.random_seed,
                clock=self.now,
                volumes=db.volumes,
                changes=result.changes,
                started_at=started,
                duration_ms=result.duration_ms,
                applied_by=session.applied_by,
                tool_version=session.tool_version,
                note={name: value for name, value in note.items() if value},
            ),
        )
