"""Scenarios tried each by itself, and all in another order, on databases made for that."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy.engine import URL

from tdm_seed.dialects.throwaway import Databases
from tdm_seed.engine.repeating import second_run
from tdm_seed.engine.shares import Share, differing, minus, shares, touched
from tdm_seed.engine.throwaway import throwaways
from tdm_seed.errors import TdmSeedError, VerificationFailed
from tdm_seed.revisions.dependencies import dependencies
from tdm_seed.values import Layer, Seed, StepResult

if TYPE_CHECKING:
    from tdm_seed.engine.digest import TableDigest
    from tdm_seed.engine.seeder import Seeder
    from tdm_seed.engine.session import Session
    from tdm_seed.environments import Environment

_NEEDS = "Name in its depends_on every scenario whose rows it needs, and let it count on no others."


@dataclass(frozen=True)
class Alone:
    """A scenario that was loaded with what it ``needs`` and nothing else, and how long that took in milliseconds."""

    seed: str
    needs: tuple[str, ...]
    duration_ms: int


@dataclass(frozen=True)
class Tried:
    """What was found: each scenario that was loaded alone, whether all were in reverse order, and the problems.

    ``unsteady`` names tables that hold other rows each time, in the same order too, and were not compared.
    """

    scenarios: tuple[Alone, ...] = ()
    reverse: bool = False
    problems: tuple[TdmSeedError, ...] = ()
    unsteady: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Usual:
    """What each scenario adds to each table in the usual order, and what is there at the end."""

    shares: Mapping[str, Mapping[str, Share | None]]
    end: tuple[TableDigest, ...]


@contextmanager
def beginning(seeder: Seeder, session: Session, *, migrate: bool) -> Iterator[Trials]:
    """Prepare for trials of the scenarios of a check, before anything is written to the database that is checked.

    Without migrations that make the tables, a copy of that database is what the trials begin with.
    """
    with throwaways(seeder.environment, timeout=session.lock_timeout, progress=session.progress) as databases:
        if migrate or session.dialect.in_memory(session.url):
            start = databases.new()
        else:
            with session.away():
                start = databases.copy(session.url)
        yield Trials(seeder, session, databases, start, migrate=migrate)


class Trials:
    """Tries scenarios on databases that hold the schema and the reference layer, which are made once and copied."""

    def __init__(self, seeder: Seeder, session: Session, databases: Databases, base: URL, *, migrate: bool) -> None:
        self._seeder = seeder
        self._session = session
        self._databases = databases
        self._base = base
        self._migrate = migrate
        self._unsteady: frozenset[str] | None = None

    def run(self, applied: Sequence[StepResult], known: Sequence[TdmSeedError]) -> Tried:
        """Load each of the scenarios alone, and if that holds for all, once more in reverse order.

        A problem that is ``known`` from the check of the whole is not told again.
        """
        scenarios = [result.seed for result in applied if result.seed.layer is Layer.SCENARIO]
        if not scenarios:
            return Tried()
        begin = self._prepare()
        usual = self._usual(scenarios, begin)
        graph = dependencies(self._seeder.seeds)
        said = {_said(error) for error in known}
        problems: list[TdmSeedError] = []
        alone: list[Alone] = []
        failed: set[str] = set()
        for place, scenario in enumerate(scenarios, 1):
            self._session.progress.trying(f"{scenario.revision} alone, {place} of {len(scenarios)}")
            begun = time.monotonic()
            needs = graph.with_needed([scenario]) - {scenario.revision}
            parts = None if needs & failed else [usual.shares[each.revision] for each in scenarios
                                                 if each.revision in {scenario.revision, *needs}]  # fmt: skip
            found = [error for error in self._alone(scenario, begin, usual, parts) if _said(error) not in said]
            if found:
                failed.add(scenario.revision)
            said |= {_said(error) for error in found}
            problems += [_in_case(error, "loaded alone with what it depends on", scenario) for error in found]
            took = round((time.monotonic() - begun) * 1000)
            alone.append(Alone(scenario.revision, tuple(sorted(needs)), took))
        reverse = len(scenarios) > 1 and not problems
        if reverse:
            problems += self._in_reverse(scenarios, usual)
        return Tried(tuple(alone), reverse, tuple(problems), tuple(sorted(self._unsteady or ())))

    def _prepare(self) -> dict[str, TableDigest]:
        """Migrate, load the reference layer, and say what is there now."""
        self._session.progress.trying("the reference layer")
        with self._at(self._base, replace(self._seeder.environment, scenarios=())) as seeder:
            seeder.upgrade(migrate=self._migrate)
            return {each.table: each for each in seeder.digest()}

    def _usual(self, scenarios: Sequence[Seed], begin: Mapping[str, TableDigest]) -> _Usual:
        """Load all as ever, and note what each adds."""
        self._session.progress.trying("all scenarios in the usual order")
        found, now = {}, dict(begin)
        with self._copy() as seeder:
            for scenario in scenarios:
                done = seeder.upgrade([scenario.revision])
                after = seeder.digest(names) if (names := touched(done)) else []
                found[scenario.revision] = shares(done, now, after)
                now |= {each.table: each for each in after}
            return _Usual(found, tuple(seeder.digest()))

    def _alone(
        self,
        scenario: Seed,
        begin: Mapping[str, TableDigest],
        usual: _Usual,
        parts: Sequence[Mapping[str, Share | None]] | None,
    ) -> Iterator[TdmSeedError]:
        """Load one with what it needs, which adds the ``parts`` in the usual order, if those can be relied on."""
        with self._copy() as seeder:
            try:
                done = seeder.upgrade([scenario.revision])
                yield from (each.error for each in seeder.verify() if each.error)
                names = touched(done)
                if parts is not None and names:
                    found = shares(done, begin, seeder.digest(names))
                    if tables := self._steady(differing(found, parts), usual):
                        yield VerificationFailed(
                            f"the content of {', '.join(tables)} is another than behind other scenarios",
                            seed=scenario.revision,
                            table=tables[0],
                        )
                yield from second_run(seeder.upgrade([scenario.revision]))
            except TdmSeedError as error:
                yield error

    def _in_reverse(self, scenarios: Sequence[Seed], usual: _Usual) -> Iterator[TdmSeedError]:
        """Load all with the last one first, each behind what it depends on, and compare what is there then."""
        self._session.progress.trying("all scenarios in reverse order")
        reverse: list[StepResult] = []
        with self._copy() as seeder:
            for scenario in reversed(scenarios):
                try:
                    reverse += seeder.upgrade([scenario.revision])
                except TdmSeedError as error:
                    yield _in_case(error, "loaded in reverse order", scenario)
                    return
            found = {each.table: each for each in seeder.digest()}
        if tables := self._steady((each.table for each in usual.end if each != found.get(each.table)), usual):
            yield self._order_matters(tables, [each.revision for each in scenarios], _order(reverse))

    def _steady(self, tables: Iterable[str], usual: _Usual) -> list[str]:
        """Keep the tables whose rows are the same each time in the same order: a default may read the clock.

        So much is found out only where something differs, and behind that: the clock has gone on since the first time.
        """
        found = list(tables)
        if found and self._unsteady is None:
            with self._copy() as seeder:
                seeder.upgrade(list(usual.shares))
                again = {each.table: each for each in seeder.digest()}
            self._unsteady = frozenset(each.table for each in usual.end if each != again.get(each.table))
        return [table for table in found if table not in (self._unsteady or ())]

    def _order_matters(self, tables: Sequence[str], usual: Sequence[str], reverse: Sequence[str]) -> TdmSeedError:
        """Find out which scenarios leave other rows in these tables, by loading them once more, one at a time."""
        one, other = self._added(usual, tables), self._added(reverse, tables)
        guilty = [scenario for scenario in usual if one[scenario] != other.get(scenario)] or list(usual)
        return VerificationFailed(
            f"loaded in reverse order, the content of {', '.join(tables)} is another, by what "
            f"{', '.join(guilty)} {'writes' if len(guilty) == 1 else 'write'} there",
            seed=guilty[0],
            table=tables[0],
            hint=_NEEDS,
        )

    def _added(self, order: Sequence[str], tables: Sequence[str]) -> dict[str, list[int]]:
        """Give what each scenario adds to the digests of tables."""
        found: dict[str, list[int]] = {}
        with self._copy() as seeder:
            before = seeder.digest(tables)
            for scenario in order:
                seeder.upgrade([scenario])
                after = seeder.digest(tables)
                found[scenario] = list(map(minus, after, before))
                before = after
        return found

    @contextmanager
    def _copy(self) -> Iterator[Seeder]:
        """Lend a Seeder on a copy of what all trials begin with."""
        url = self._databases.copy(self._base)
        try:
            with self._at(url, self._seeder.environment) as seeder:
                yield seeder
        finally:
            self._databases.drop(url)

    def _at(self, url: URL, environment: Environment) -> Seeder:
        there = replace(environment, given_url=url.render_as_string(hide_password=False))
        return type(self._seeder)(there, lock_timeout=self._session.lock_timeout, progress=self._session.progress)


def _order(results: Sequence[StepResult]) -> list[str]:
    """Give the scenarios that ran, each once, in the order in which they did."""
    return list(dict.fromkeys(each.seed.revision for each in results if each.seed.layer is Layer.SCENARIO))


def _said(error: TdmSeedError) -> tuple[str | None, str]:
    return error.place.seed, error.message


def _in_case(error: TdmSeedError, case: str, scenario: Seed) -> TdmSeedError:
    """Say in which case a scenario fails that does not fail in the whole."""
    error.message = f"{case}: {error.message}"
    error.hint = f"In the usual order it works. {_NEEDS} {error.hint or ''}".rstrip()
    return error.located(seed=scenario.revision)
