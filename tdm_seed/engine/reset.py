"""The part of the Seeder that goes back to the seeded state: by the cheapest way that is right, and it tells which."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from tdm_seed.dialects.base import HeldLock
from tdm_seed.dialects.rewinding import Kept, Rewound, Touched
from tdm_seed.dialects.snapshots import Snapshot
from tdm_seed.engine import reset_rules, rewinding
from tdm_seed.engine.clock import clock
from tdm_seed.engine.emptying import Emptying
from tdm_seed.engine.session import Session
from tdm_seed.engine.snapshots import Restored, restoring
from tdm_seed.engine.snapshots.key import Key, key
from tdm_seed.engine.whole import Whole
from tdm_seed.errors import DatabaseError, Locked, Protected, TdmSeedError, UsageError
from tdm_seed.values import Applied, StepResult, Way


@dataclass(frozen=True)
class Passed:
    """A cheaper way that is not taken, and why, in half a sentence."""

    way: Way
    reason: str


@dataclass(frozen=True)
class Course:
    """What a reset would do: the way that it goes, and what that needs; ``emptying`` is a rebuild's.

    ``touched`` is what going back by rows would put back, None where nobody knows.
    """

    way: Way
    passed: tuple[Passed, ...] = ()
    emptying: Emptying = field(default_factory=Emptying)
    kept: Kept | None = None
    touched: Touched | None = None
    snapshot: Snapshot | None = None


@dataclass(frozen=True)
class ResetResult:
    """What a reset did: a rebuild has an ``emptying`` and the results of seeds, the other ways what they put back.

    ``keeps`` tells whether the next one can go back by rows; ``notes`` say what a person should know besides.
    """

    emptying: Emptying
    results: tuple[StepResult, ...]
    way: Way = Way.REBUILD
    passed: tuple[Passed, ...] = ()
    rewound: Rewound = field(default_factory=Rewound)
    restored: Restored | None = None
    keeps: bool = False
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything is other than it was."""
        steps = any(result.changes for result in self.results)
        return bool(self.emptying.rows or self.rewound or self.restored or steps)


class _Resettable(Whole, Protocol):
    """The Seeder, with what this part keeps in it."""

    _known: tuple[Kept, datetime] | None


class Resetting:
    """Three ways back to the seeded state: by the rows that were written, by a snapshot, by seeding again."""

    #: What this Seeder has gone back to by rows, and the clock at which that was right: while neither history nor
    #: catalogue have changed, it still is.
    _known: tuple[Kept, datetime] | None = None

    def plan_reset(self: _Resettable, *, way: Way | None = None, empty: bool = False, adopt: bool = False) -> Course:
        """Find out which way ``reset`` would go and what it would empty, keep and bring back; write nothing.

        Raises:
            Protected: the manifest, the database's own mark or rows that stay forbid it; or none of the ways that the
                manifest allows is right.
            UsageError: the ``way`` that is asked for is not.
        """
        session = self._session
        entries = session.entries()
        reset_rules.check(session, entries, adopt=adopt)
        course = _choose(self, entries, way, empty=empty, adopt=adopt)
        if course.kept is not None:
            return replace(course, touched=rewinding.touched(session, course.kept))
        if course.way is not Way.REBUILD:
            return course
        from tdm_seed.engine import rebuild

        with session.reading():
            return replace(course, emptying=rebuild.look(session, entries))

    def reset(
        self: _Resettable,
        *,
        confirmed: bool = False,
        empty: bool = False,
        way: Way | None = None,
        adopt: bool = False,
        force: bool = False,
    ) -> ResetResult:
        """Bring the database back to what the seeds make of it, and leave what the manifest keeps.

        By rows, what was written since is put back; by clone, a snapshot takes the database's place; by rebuild, it is
        emptied, gets what was there first, and is seeded again. The first of these that is right is taken unless a
        ``way`` is asked for. A rebuild's emptying is one transaction, and so is each seed behind it: should one fail,
        the next upgrade goes on. What would keep the seeds from running is found before anything is emptied. With
        ``empty`` nothing is seeded. ``adopt`` takes what a database holds that was never seeded for what was there
        first; ``force`` ends connections of others where a clone can have none.

        Raises:
            Protected: it is forbidden, or rows would go and that is not ``confirmed``; nothing was changed.
            UsageError: the ``way`` that is asked for is not right here, and why.
            TdmSeedError: as ``upgrade``.
        """
        if self._known is not None and way in (None, Way.ROWS) and not empty:
            kept, then = self._known
            if then == clock(self.environment, ()):
                with suppress(DatabaseError):  # what was known is not so any more
                    return _by_rows(self, Course(Way.ROWS, kept=kept), confirmed=confirmed)
            self._known = None
        self._session.go_on()
        given = {"confirmed": confirmed, "empty": empty, "adopt": adopt, "force": force}
        with suppress(_Overtaken):
            return _once(self, way, **given, again=way is None and not empty)
        return _once(self, way, **given, again=False)


class _Overtaken(Exception):
    """There are rows to go back to, which another runner has kept while its lock was waited for."""


def _once(
    seeder: _Resettable, way: Way | None, *, confirmed: bool, empty: bool, adopt: bool, force: bool, again: bool
) -> ResetResult:
    """Choose a way and go it, or the next one where it turns out not to be right.

    Raises:
        _Overtaken: the choice has to be made ``again``, which is allowed.
    """
    entries = seeder._session.entries()
    reset_rules.check(seeder._session, entries, adopt=adopt)
    course = _choose(seeder, entries, way, empty=empty, adopt=adopt)
    takes: dict[Way, Callable[[], ResetResult]] = {
        Way.ROWS: lambda: _by_rows(seeder, course, confirmed=confirmed),
        Way.CLONE: lambda: _by_clone(seeder, course, confirmed=confirmed, force=force, adopt=adopt),
    }
    while take := takes.get(course.way):
        try:
            return take()
        except (DatabaseError, Locked) as error:
            if way is not None or (isinstance(error, Locked) and course.way is Way.ROWS):
                raise
            passed = (*course.passed, Passed(course.way, error.message))
            course = _choose(seeder, entries, None, empty=empty, adopt=False, passed=passed)
    return _by_rebuild(seeder, course, confirmed=confirmed, empty=empty, adopt=adopt, again=again)


def _choose(
    seeder: _Resettable,
    entries: list[Applied],
    asked: Way | None,
    *,
    empty: bool,
    adopt: bool,
    passed: tuple[Passed, ...] = (),
) -> Course:
    """Take the first way that is right, but for those that were ``passed`` over."""
    if empty:
        if asked not in (None, Way.REBUILD):
            raise UsageError(f"--empty leaves the database empty, and --way {asked} brings rows back")
        return Course(Way.REBUILD)
    now = _key(seeder)
    reasons = list(passed)
    for way in Way:
        if asked not in (None, way) or any(each.way is way for each in passed):
            continue
        found = _look(seeder, way, entries, now, asked=asked is way, adopt=adopt)
        if isinstance(found, Course):
            return replace(found, passed=tuple(reasons))
        reasons.append(Passed(way, found))
    if asked is not None:
        raise UsageError(f"this database cannot go back by {asked}: {reasons[-1].reason}", hint="Leave --way out.")
    raise Protected(
        "no way that the manifest allows is right: " + "; ".join(f"{each.way}: {each.reason}" for each in reasons),
        hint='Add "rebuild" to reset_ways, which is always right.',
        **seeder.environment.place("reset_ways"),
    )


def _key(seeder: _Resettable) -> Key:
    return key(seeder._session, seeder.seeds, clock(seeder.environment, ()))


def _look(seeder: _Resettable, way: Way, entries: list[Applied], now: Key, *, asked: bool, adopt: bool) -> Course | str:
    """Find out whether a way is right; else say why not, in half a sentence."""
    session = seeder._session
    if way not in seeder.environment.reset_ways:
        return "the manifest does not allow it"
    if way is Way.REBUILD:
        return Course(way)
    if way is Way.CLONE:
        return _look_at_snapshots(session, entries, now, asked=asked, adopt=adopt)
    if not entries:
        return "nothing was seeded yet"
    found = rewinding.look(session, now.digest)
    return found if isinstance(found, str) else Course(way, kept=found)


def _look_at_snapshots(session: Session, entries: list[Applied], now: Key, *, asked: bool, adopt: bool) -> Course | str:
    """Look for one; what else the database holds goes only where that way is asked for."""
    try:
        restoring.check(session, entries, adopt=asked and adopt)
        with session.translated():
            found = restoring.choose(session, session.store(), now)
        if not asked and (name := restoring.left_alone(session)):
            return f"{name} holds rows, which a reset leaves alone, and it would replace them"
        return Course(Way.CLONE, snapshot=found)
    except TdmSeedError as error:
        return error.message


def _by_rows(seeder: _Resettable, course: Course, *, confirmed: bool) -> ResetResult:
    session, kept = seeder._session, course.kept
    assert kept is not None
    if not (confirmed or seeder.environment.reset == "allow"):
        found = rewinding.touched(session, kept)
        if found is None or found:
            reset_rules.refuse_unconfirmed(seeder.environment, "a reset", confirmed=False, loses=str(found or ""))
    now = clock(seeder.environment, ())
    done = rewinding.restore(session, kept, now)
    seeder._known = kept, now
    return ResetResult(Emptying(), (), Way.ROWS, course.passed, rewound=done, keeps=True)


def _by_clone(seeder: _Resettable, course: Course, *, confirmed: bool, force: bool, adopt: bool) -> ResetResult:
    done = seeder.restore(confirmed=confirmed, force=force, adopt=adopt)
    session, keeps = seeder._session, False
    with suppress(DatabaseError, Locked), session.lock() as lock:  # the clone is there, whatever becomes of this
        with session.reading():
            alone = session.history.was_put_back(session.connection)
        keeps = alone and _keep(seeder, lock)
    return ResetResult(Emptying(), (), Way.CLONE, course.passed, restored=done, keeps=keeps)


def _by_rebuild(
    seeder: _Resettable, course: Course, *, confirmed: bool, empty: bool, adopt: bool, again: bool
) -> ResetResult:
    """Empty the database and seed it again, unless it can go back by rows by now and may choose ``again``."""
    from tdm_seed.engine import preflight, rebuild  # and with them all that seeds are loaded by

    session = seeder._session
    with session.lock() as lock:
        heads, entries = session.schema_heads(), session.entries()
        reset_rules.check(session, entries, adopt=adopt)
        if again and isinstance(_look(seeder, Way.ROWS, entries, _key(seeder), asked=False, adopt=adopt), Course):
            raise _Overtaken
        if not empty:
            plan = seeder._plan([], heads, (), ())
            preflight.check(session, plan, [], heads)
            preflight.check_tables(session, plan, entries)
        now = clock(seeder.environment, entries)
        with session.reading():
            found = rebuild.look(session, entries)
        session.progress.emptying(found)
        if found.rows:
            reset_rules.refuse_unconfirmed(seeder.environment, "a reset", confirmed=confirmed)
        rewinding.let_go(session)
        emptying = rebuild.run(session, lock, entries, now, heads, confirmed=confirmed)
        if empty:
            rebuild.complete(session, session.entries())
            return ResetResult(emptying, (), passed=course.passed, notes=rebuild.refresh(session, emptying, ()))
        with rebuild.emptied(emptying):
            results = tuple(seeder._upgrade(lock, (), (), False))
        notes = rebuild.refresh(session, emptying, results)
        return ResetResult(emptying, results, passed=course.passed, keeps=_keep(seeder, lock), notes=notes)


def _keep(seeder: _Resettable, lock: HeldLock) -> bool:
    """Keep the rows as they were just seeded, so that the next reset can go back by them, where that can be done."""
    session, environment = seeder._session, seeder.environment
    if Way.ROWS not in environment.reset_ways:
        return False
    now = key(session, seeder.seeds, clock(environment, session.entries()))
    kept = rewinding.find(session)
    try:
        if kept is None or kept.key != now.digest:
            rewinding.prepare(session, lock, now.digest)
    except (DatabaseError, Locked):
        return False
    return True
