"""The gate for CI: seeds tried on an empty database until nothing about them is left to chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from tdm_seed.engine import content, trials
from tdm_seed.engine.repeating import changes_again, second_run
from tdm_seed.errors import Protected, SeedError, TdmSeedError, UnsetVariable, VerificationFailed
from tdm_seed.revisions.dependencies import Dependencies, dependencies
from tdm_seed.revisions.resolve import select
from tdm_seed.schema_version import DEFAULT_VERSION_TABLE
from tdm_seed.values import Mode, Seed, State, StepResult

if TYPE_CHECKING:
    from tdm_seed.engine.seeder import Seeder
    from tdm_seed.engine.session import Session
    from tdm_seed.environments import Environment


@dataclass(frozen=True)
class Checked:
    """What a check found: ``problems`` fail it, ``remarks`` are worth knowing, ``seeds`` is how many were applied.

    ``scenarios`` are those that were also loaded alone, and ``reverse`` tells whether all were in reverse order.
    """

    seeds: int
    problems: tuple[TdmSeedError, ...]
    remarks: tuple[str, ...]
    scenarios: tuple[trials.Alone, ...] = ()
    reverse: bool = False

    @property
    def exit_code(self) -> int:
        """The exit code of the first problem, 0 without one."""
        return self.problems[0].exit_code if self.problems else 0


def run(seeder: Seeder, session: Session, *, scenarios: bool = False) -> Checked:
    """Migrate, apply, verify, and try that each seed can be repeated; gives every problem, not only the first.

    A failure that leaves nothing to go on with ends it. The database is left as the check used it. With ``scenarios``
    each of them is also loaded alone, and all in reverse order, on databases beside this one.

    Raises:
        Protected: the database is not empty, so nothing was tried.
    """
    migrate = session.schema_version is not None
    _refuse_what_is_there(seeder, session, migrate=migrate)
    with trials.beginning(seeder, session, migrate=migrate) if scenarios else nullcontext() as others:
        found, applied = _whole(seeder, session, migrate=migrate)
        if others is None or applied is None:
            return found
        try:
            tried = others.run(applied, found.problems)
        except TdmSeedError as error:
            return replace(found, problems=(*found.problems, error))
    unsteady = (f"{table} holds other rows each time: {_UNSTEADY}" for table in tried.unsteady)
    return Checked(
        found.seeds,
        (*found.problems, *tried.problems),
        (*found.remarks, *unsteady),
        tried.scenarios,
        tried.reverse,
    )


def _whole(seeder: Seeder, session: Session, *, migrate: bool) -> tuple[Checked, list[StepResult] | None]:
    """Check the seeds of the environment together; None is applied where that ended it."""
    problems: list[TdmSeedError] = []
    remarks: list[str] = []
    try:
        problems += _wanted(seeder, remarks)
        applied = seeder.upgrade(migrate=migrate)
    except TdmSeedError as error:
        if not (migrate or any(name not in session.history.own_tables for _, name in session.tables())):
            error.hint = f"No Alembic is known here that makes the tables. {_OWN_SCRIPT}"
        return Checked(len(error.done), (*problems, error), tuple(remarks)), None
    remarks += [f"{each.seed.revision} was not tried: {each.reason}" for each in seeder.plan().skipped]
    problems += [each.error for each in seeder.verify() if each.error]
    for steps in (_second_run, _again, _down_and_up):
        try:
            problems += steps(seeder, applied, remarks)
        except TdmSeedError as error:
            problems.append(error)
            break
    return Checked(len(applied), tuple(problems), tuple(remarks)), applied


_UNSTEADY = (
    "what is there depends on the moment, such as a default that reads the clock, so it was not compared between "
    "orders. A seed that gives db.now makes it comparable"
)
_OWN_SCRIPT = "Run the script that does in a database that may be thrown away, and name that with --url."


def _refuse_what_is_there(seeder: Seeder, session: Session, *, migrate: bool) -> None:
    """Refuse a database that somebody may need; without Alembic its tables must be there, but not their rows."""
    tables = session.tables()
    if migrate and tables:
        raise Protected(
            f"check needs an empty database, and {seeder.database} holds {_count(tables)}",
            table=_qualified(*tables[0]),
            hint="Name one with --url that may be thrown away.",
        )
    with session.reading():
        session.dialect.see_all(session.connection)
        notes = {DEFAULT_VERSION_TABLE, *content.of_migrations(session)}
        filled = [table for table in tables if table[1] not in notes and _holds_rows(session, *table)]
    if filled:
        raise Protected(
            f"check needs a database whose tables are empty, and {seeder.database} holds rows in {_count(filled)}",
            table=_qualified(*filled[0]),
            hint=f"No Alembic is known here that makes the tables. {_OWN_SCRIPT}",
        )


def _holds_rows(session: Session, schema: str | None, name: str) -> bool:
    return (
        session.connection.execute(sa.select(sa.literal(1)).select_from(sa.table(name, schema=schema)).limit(1)).first()
        is not None
    )


def _count(tables: Sequence[object]) -> str:
    return f"{len(tables)} {'table' if len(tables) == 1 else 'tables'}"


def _qualified(schema: str | None, name: str) -> str:
    return f"{schema}.{name}" if schema else name


def _wanted(seeder: Seeder, remarks: list[str]) -> Iterator[TdmSeedError]:
    """Find scenarios that no environment lists, and manifests that list what is not there; say what is not covered."""
    graph = dependencies(seeder.seeds)
    project, here = seeder.environment.project, _wanted_by(seeder, graph, seeder.environment)
    wanted, unread = set(here), False
    wrong: dict[str, tuple[TdmSeedError, list[str]]] = {}
    for name in project.environments():
        try:
            there = _wanted_by(seeder, graph, project.environment(name))
        except UnsetVariable as error:  # which only the machine of that environment may have
            remarks.append(f"what the environment {name} wants is not known here: {error.message}")
            unread = True
            continue
        except TdmSeedError as error:
            wrong.setdefault(str(error), (error, []))[1].append(name)
            continue
        if more := [seed.name for seed in seeder.seeds if seed.revision in there - here]:
            remarks.append(f"the environment {name} also wants what was not tried here: {', '.join(more)}")
        wanted |= there
    for found, names in wrong.values():
        where = f"environment {names[0]}" if len(names) == 1 else f"environments {', '.join(names)}"
        yield type(found)(f"{where}: {found.message}", hint=found.hint).located(**vars(found.place))
    for seed in seeder.seeds:
        if seed.revision not in wanted and not unread:
            yield SeedError(
                "no environment wants it, so it never runs",
                seed=seed.revision,
                hint=f'Add "{seed.qualified_name}" to `scenarios` of an environment, or take the seed away.',
            )


def _wanted_by(seeder: Seeder, graph: Dependencies, environment: Environment) -> frozenset[str]:
    chosen = select(seeder.seeds, environment.layers, environment.scenarios, environment.protected)
    return graph.with_needed(chosen)


def _second_run(seeder: Seeder, applied: Sequence[StepResult], _remarks: list[str]) -> Iterator[TdmSeedError]:
    yield from second_run(seeder.upgrade())


def _again(seeder: Seeder, applied: Sequence[StepResult], _remarks: list[str]) -> Iterator[TdmSeedError]:
    """Whatever may run again changes no row when it does."""
    repeatable = [result.seed.revision for result in applied if result.seed.mode is Mode.ON_CHANGE]
    if not repeatable:
        return
    before = seeder.digest()
    results = seeder.upgrade(again=repeatable)
    wrong = [result for result in results if result.changes and result.seed.mode is not Mode.ALWAYS]
    yield from map(changes_again, wrong)
    uncounted = [result.seed.revision for result in results if not result.counted]
    if uncounted and not wrong and seeder.digest() != before:
        yield SeedError(
            f"running {', '.join(uncounted)} again changed rows, so it is not idempotent",
            hint="Which rows is not counted, but the digest of the tables is another.",
        )


def _down_and_up(seeder: Seeder, applied: Sequence[StepResult], remarks: list[str]) -> Iterator[TdmSeedError]:
    """A seed that runs once goes down and up again to the same content; without a downgrade it is exempt."""
    graph = dependencies(seeder.seeds)
    first = {result.seed.revision: result for result in applied}
    standing = {result.seed.revision for result in applied if result.state is State.APPLIED}
    before = {each.table: each for each in seeder.digest()}
    for result in applied:
        seed = result.seed
        if seed.mode is not Mode.ONCE:
            continue
        lacking = [each for each in (seed, *graph.needing([seed])) if each.revision in standing and not _reverts(each)]
        if lacking:
            what = "it has" if lacking[0] is seed else f"{lacking[0].revision}, which needs it, has"
            remarks.append(f"{seed.revision} is exempt from going down and up: {what} no downgrade")
            continue
        seeder.downgrade(seed.revision)
        again = [each for each in seeder.upgrade() if each.seed.mode is not Mode.ALWAYS and each.counted]
        after = {each.table: each for each in seeder.digest()}
        if different := sorted(name for name in after if after[name] != before.get(name)):
            yield VerificationFailed(
                f"after downgrade and upgrade the content of {', '.join(different)} is another",
                seed=seed.revision,
                table=different[0],
                hint="Its downgrade leaves rows behind or takes others with it, or upgrade does not depend on its "
                "random seed, clock and volumes alone.",
            )
            before = after
            continue
        for each in again:
            if each.tables != first[each.seed.revision].tables:
                yield VerificationFailed(
                    f"after downgrade, upgrade did {_done(each)}; the first time it did "
                    f"{_done(first[each.seed.revision])}",
                    seed=each.seed.revision,
                    hint="Its downgrade leaves rows behind or takes others with it.",
                )


def _done(result: StepResult) -> str:
    return ", ".join(f"{name} {each}" for name, each in result.tables.items()) or "nothing"


def _reverts(seed: Seed) -> bool:
    return seed.has_downgrade
