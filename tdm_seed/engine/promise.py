"""One seed, one promise: rows, proof, verify and history entry are committed together, or nothing is."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from tdm_seed import faking
from tdm_seed.database import Database
from tdm_seed.dialects.base import HeldLock
from tdm_seed.engine.session import Session
from tdm_seed.errors import Locked, SeedError, TdmSeedError, VerificationFailed
from tdm_seed.revisions import Script, open_script, where
from tdm_seed.values import Action, Applied, Seed, State, Step, StepResult, Transaction, total


@dataclass
class Promise:
    """Runs steps on a session that holds the lock; ``known`` is the history that the plan was made from."""

    session: Session
    lock: HeldLock
    now: datetime
    heads: tuple[str, ...]
    known: Mapping[str, Applied]
    dry_run: bool = False

    def keep(self, step: Step) -> StepResult:
        """Run one step and keep its promise.

        Raises:
            TdmSeedError: nothing of the seed was kept, unless the message says so.
        """
        session, seed = self.session, step.seed
        started, begun = datetime.now(UTC), time.monotonic()
        with seed_errors(self.session, seed):
            script = open_script(seed, session.environment.project.root, session.names)
            if seed.transaction is Transaction.NONE and step.action is not Action.DOWNGRADE:
                return self._unprotected(step, script, started, begun)
            with self._transaction():
                self._look_again(seed)
                db = self._database(seed)
                with _savepoint(self.session):
                    (script.downgrade if step.action is Action.DOWNGRADE else script.upgrade)(db)
                session.progress.reached("after load")
                self._settle(db)
                if step.action is not Action.DOWNGRADE:
                    self._verify(script, db, seed)
                result = self._result(step, db, begun)
                session.progress.reached("before history")
                self._record(result, db, started)
                session.progress.reached("before commit")
                self.lock.check()
            if not self.dry_run:
                session.progress.reached("after commit")
            return result

    def _unprotected(self, step: Step, script: Script, started: datetime, begun: float) -> StepResult:
        """Run a ``transaction: none`` seed: history says ``running`` first, since nothing can be taken back."""
        session, seed = self.session, step.seed
        if self.dry_run:
            raise SeedError(
                "has `transaction: none`, so a dry run could not take back what it does",
                hint="Look at `tdm-seed plan`, or name the other seeds: upgrade --dry-run SEED …",
            )
        with self._transaction():
            self._look_again(seed)
            self._record(self._result(step, self._database(seed), begun, State.RUNNING), None, started)
        db = self._database(seed)
        try:
            with session.dialect.autocommit(session.connection):
                script.upgrade(db)
                self._settle(db)
                self._verify(script, db, seed)
        except BaseException as error:
            self._leave_running(step, db, started, begun, error)
            raise
        result = self._result(step, db, begun)
        with self._transaction():
            self._record(result, db, started)
            self.lock.check()
        session.progress.reached("after commit")
        return result

    def _leave_running(self, step: Step, db: Database, started: datetime, begun: float, error: BaseException) -> None:
        """Write why the seed stays ``running``, if the database still answers."""
        reason = error.message if isinstance(error, TdmSeedError) else f"{type(error).__name__}: {error}"
        try:
            with self._transaction():
                self._record(self._result(step, db, begun, State.RUNNING), db, started, reason=reason[:500])
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
        last = self.session.history.last(self.session.connection, seed.revision)
        planned = self.known.get(seed.revision)
        if (last and last.id) != (planned and planned.id):
            raise Locked(
                f"another runner has recorded this seed as {last.state if last else 'absent'} meanwhile",
                hint="Run the command again: it plans from what is there now.",
            )

    def _database(self, seed: Seed) -> Database:
        session = self.session
        return Database(
            session.connection,
            session.dialect,
            session.schema,
            seed,
            session.environment,
            self.now,
            dry_run=self.dry_run,
        )

    def _settle(self, db: Database) -> None:
        """Prove what was deferred and move sequences behind explicit numbers (no rollback undoes that)."""
        self.session.dialect.settle(self.session.connection)
        if not self.dry_run:
            db.writer.catch_up()

    def _verify(self, script: Script, db: Database, seed: Seed) -> None:
        try:
            script.verify(db)
        except AssertionError as error:
            raise failed_assertion(error, seed) from error

    def _result(self, step: Step, db: Database, begun: float, state: State | None = None) -> StepResult:
        state = state or (State.REVERTED if step.action is Action.DOWNGRADE else State.APPLIED)
        return StepResult(
            seed=step.seed,
            action=step.action,
            state=state,
            changes=total(db.changes.values()),
            tables=dict(sorted(db.changes.items())),
            duration_ms=round((time.monotonic() - begun) * 1000),
        )

    def _record(self, result: StepResult, db: Database | None, started: datetime, *, reason: str | None = None) -> None:
        session, seed = self.session, result.seed
        if self.dry_run:
            return
        note: dict[str, object] = {}
        if db is not None:
            if db.used_fake:
                note["faker"] = faking.version()
            if db.writer.given_numbers:
                note["given"] = sorted(db.writer.given_numbers)
            if db.writer.chosen_numbers:
                note["numbered"] = sorted(db.writer.chosen_numbers)
        if session.environment.overrides:
            note["overrides"] = dict(session.environment.overrides)
        if reason:
            note["reason"] = reason
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
                volumes=db.volumes if db is not None else {},
                changes=result.changes,
                started_at=started,
                duration_ms=result.duration_ms,
                applied_by=session.applied_by,
                tool_version=session.tool_version,
                note=note,
            ),
        )


@contextmanager
def seed_errors(session: Session, seed: Seed) -> Iterator[None]:
    """Turn whatever a seed raises into a sentence that names the seed and the line of the author's file."""
    root = session.environment.project.root

    def place(error: BaseException) -> dict[str, Any]:
        found = where(error, seed)
        path, line = found if found else (seed.path, None)
        return {"file": path.relative_to(root) if path.is_relative_to(root) else path, "line": line}

    try:
        yield
    except TdmSeedError as error:
        raise error.located(seed=seed.revision, **place(error)) from error.__cause__
    except session.dialect.driver_errors as error:
        translated = session.dialect.translate_error(error)
        raise translated.located(seed=seed.revision, **place(error)) from error
    except Exception as error:
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise SeedError(text, seed=seed.revision, **place(error)) from error


def failed_assertion(error: AssertionError, seed: Seed) -> VerificationFailed:
    """Make a plain ``assert`` of a seed's verify a failed verification."""
    found = where(error, seed)
    text = str(error)
    if not text and found:
        text = found[0].read_text(encoding="utf-8-sig").splitlines()[found[1] - 1].strip()
    return VerificationFailed(text or "an assertion failed", line=found[1] if found else None)


@contextmanager
def _savepoint(session: Session) -> Iterator[None]:
    """Notice a seed that ends our transaction behind our back: the savepoint around it is gone then.

    Raises:
        SeedError: which says that what it wrote before is in the database.
    """
    outer = session.connection.get_transaction()
    savepoint = session.connection.begin_nested()
    try:
        yield
    except BaseException:
        if savepoint.is_active and not session.connection.invalidated:
            try:
                savepoint.rollback()
            except sa.exc.DBAPIError as error:
                if not error.connection_invalidated:
                    raise _ended() from error
        raise
    if not savepoint.is_active or outer is None or not outer.is_active:
        raise _ended()
    try:
        savepoint.commit()
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated:
            raise
        raise _ended() from error


def _ended() -> SeedError:
    return SeedError(
        "ended the transaction that it runs in, by a COMMIT or by a statement that commits implicitly",
        hint="What it wrote before that is in the database, without a history entry. Take the statement out; "
        "if the seed is safe to repeat, run it again.",
    )
