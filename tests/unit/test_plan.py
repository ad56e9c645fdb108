"""The plan: what runs, in which order and why, computed from values alone."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdm_seed.errors import SeedError, UsageError
from tdm_seed.revisions.dependencies import dependencies
from tdm_seed.revisions.plan import Selection, not_ready
from tdm_seed.revisions.plan import plan as compute
from tdm_seed.values import Action, Applied, Changes, Drift, Kind, Layer, Mode, Plan, Seed, Skipped, State

DEV = Selection("dev", (Layer.REFERENCE, Layer.SCENARIO), ("*",))
WHEN = datetime(2026, 1, 5, tzinfo=UTC)


def seed(name: str, number: int = 0, *, reference: bool = False, **fields: Any) -> Seed:
    """Make a seed without a file; its number orders it."""
    revision = f"20260101_{number:04}_{name}"
    layer = Layer.REFERENCE if reference else Layer.SCENARIO
    given: dict[str, Any] = {"group": "", "checksum": f"of {name}", "mode": Mode.ONCE, **fields}
    return Seed(revision, name, layer, Kind.SQL, Path(f"{revision}.sql"), **given)


def entry(of: Seed, state: State = State.APPLIED, checksum: str | None = None) -> Applied:
    """Make the last history entry of a seed."""
    return Applied(
        seed=of.revision,
        layer=of.layer,
        state=state,
        checksum=checksum or of.checksum,
        environment="dev",
        schema_heads=(),
        random_seed=1,
        clock=WHEN,
        volumes={},
        changes=Changes(),
        started_at=WHEN,
        duration_ms=1,
        applied_by="me",
        tool_version="0",
    )


def history(*entries: Applied) -> dict[str, Applied]:
    """Key entries as a plan expects them."""
    return {each.seed: each for each in entries}


def plan(
    seeds: Sequence[Seed],
    applied: Mapping[str, Applied] | None = None,
    *,
    selection: Selection = DEV,
    schema: frozenset[str] | None = None,
    names: tuple[str, ...] = ("postgresql",),
    **more: Any,
) -> Plan:
    """Compute a plan for the environment dev, which wants everything."""
    return compute(seeds, applied or {}, selection=selection, schema_revisions=schema, dialect_names=names, **more)


def names(made: Plan) -> list[str]:
    """Return the names of the seeds that would run."""
    return [step.seed.name for step in made.steps]


A = seed("a", 1)


@pytest.mark.parametrize(
    ("last", "mode", "again", "expected"),
    [
        (None, Mode.ONCE, False, (Action.APPLY, "new")),
        (None, Mode.ONCE, True, (Action.APPLY, "new")),
        (entry(A, State.REVERTED), Mode.ONCE, False, (Action.APPLY, "reverted")),
        (entry(A, State.RESET), Mode.ONCE, False, (Action.APPLY, "reset")),
        (entry(A, State.RUNNING), Mode.ONCE, False, (Action.CONTINUE, "left unfinished")),
        (entry(A, State.RUNNING, "other"), Mode.ONCE, True, (Action.CONTINUE, "left unfinished, and changed since")),
        (entry(A), Mode.ONCE, False, None),
        (entry(A), Mode.ON_CHANGE, False, None),
        (entry(A, State.STAMPED), Mode.ON_CHANGE, False, None),
        (entry(A), Mode.ALWAYS, False, (Action.REAPPLY, "always")),
        (entry(A), Mode.ONCE, True, (Action.REAPPLY, "again")),
        (entry(A, State.STAMPED), Mode.ONCE, True, (Action.REAPPLY, "again")),
        (entry(A, checksum="other"), Mode.ON_CHANGE, False, (Action.REAPPLY, "changed")),
        (entry(A, State.STAMPED, "other"), Mode.ON_CHANGE, False, (Action.REAPPLY, "changed")),
        (entry(A, checksum="other"), Mode.ALWAYS, False, (Action.REAPPLY, "changed")),
        (entry(A, checksum="other"), Mode.ONCE, True, (Action.REAPPLY, "again")),
    ],
)
def test_the_last_entry_decides(
    last: Applied | None, mode: Mode, again: bool, expected: tuple[Action, str] | None
) -> None:
    """Together with the checksum of the file, its mode, and what the command asks for."""
    made = plan([seed("a", 1, mode=mode)], history(last) if last else {}, again=("a",) if again else ())
    assert ([expected] if expected else []) == [(step.action, step.reason) for step in made.steps]
    assert () == made.drift


@pytest.mark.parametrize(("schema", "sunk"), [({"m1"}, ()), ({"m1", "m2"}, (A.revision,))])
def test_a_seed_whose_schema_went_back_below_it_runs_again(schema: set[str], sunk: tuple[str, ...]) -> None:
    """Now, or just before it was migrated again; one that runs once is drift, one that was only stamped is left."""
    needy = seed("a", 1, mode=Mode.ON_CHANGE, requires_schema="m2")
    again = plan([needy], history(entry(needy)), schema=frozenset(schema), sunk=sunk)
    reason = "the schema went back below m2 since it was applied"
    assert [(Action.REAPPLY, reason)] == [(step.action, step.reason.partition(";")[0]) for step in again.steps]
    once = seed("a", 1, requires_schema="m2")
    left = plan([once], history(entry(once)), schema=frozenset(schema), sunk=sunk)
    assert ((), [reason]) == (left.steps, [each.reason.partition(", so its rows")[0] for each in left.drift])
    if not sunk:
        stamped = plan([needy], history(entry(needy, State.STAMPED)), schema=frozenset(schema))
        assert ((), ()) == (stamped.steps, stamped.drift)


def test_drift_names_the_remedy_that_fits_the_seed() -> None:
    """What has a downgrade is taken back first; other rows would be written a second time on top."""
    able = seed("a", 1, has_downgrade=True)
    (drift,) = plan([able], history(entry(able, checksum="other"))).drift
    assert "`tdm-seed downgrade a` and `tdm-seed upgrade` apply it anew" in drift.reason
    assert "--again" not in drift.reason


@pytest.mark.parametrize("state", [State.APPLIED, State.STAMPED])
def test_a_once_seed_that_changed_is_drift(state: State) -> None:
    """It is left alone, and the report says what can be done."""
    made = plan([A], history(entry(A, state, "other")))
    assert () == made.steps
    (drift,) = made.drift
    assert (A.revision, Layer.SCENARIO) == (drift.seed, drift.layer)
    assert drift.reason.startswith(f"changed since it was {state}; it runs once")
    assert "`tdm-seed upgrade --again a`" in drift.reason


def test_a_seed_whose_file_is_gone_is_drift() -> None:
    """Unless it was reverted or reset; a file with the same checksum is probably it."""
    gone = seed("gone", 2)
    old = seed("old", 4, checksum="of new")
    left, away, dropped = seed("left", 3), seed("away", 5), seed("dropped", 6)
    made = plan(
        [A, seed("new", 7)],
        history(
            entry(A),
            entry(old),
            entry(gone),
            entry(left, State.RUNNING),
            entry(away, State.REVERTED),
            entry(dropped, State.RESET),
        ),
    )
    expected = (
        Drift(gone.revision, Layer.SCENARIO, "its file is gone"),
        Drift(left.revision, Layer.SCENARIO, "its file is gone, and it was left unfinished"),
        Drift(old.revision, Layer.SCENARIO, "its file is gone; renamed to 20260101_0007_new?", ("20260101_0007_new",)),
    )
    assert expected == made.drift


def test_a_file_that_is_renamed_and_edited_is_known_by_its_timestamp() -> None:
    """In the same layer: of a new seed written in that very minute, somebody must say that it is another."""
    old = seed("old", 4)
    (drift,) = plan([seed("new", 4), seed("other", 4, reference=True), seed("later", 5)], history(entry(old))).drift
    reason = "its file is gone; renamed to 20260101_0004_new, and edited?"
    assert (old.revision, reason, ("20260101_0004_new",)) == (drift.seed, drift.reason, drift.renamed_to)


def test_of_two_files_of_one_checksum_both_may_be_the_renamed_one() -> None:
    """Both would write its rows a second time; one that is applied is another seed."""
    old = entry(seed("old", 1, checksum="same"))
    one, two = seed("one", 2, checksum="same"), seed("two", 3, checksum="same")
    both = plan([one, two], history(old)).drift
    assert ["its file is gone; renamed to 20260101_0002_one or 20260101_0003_two?"] == [each.reason for each in both]
    assert [(one.revision, two.revision)] == [each.renamed_to for each in both]
    only = plan([one, two], history(old, entry(one))).drift
    assert ["its file is gone; renamed to 20260101_0003_two?"] == [each.reason for each in only]


def test_a_target_that_is_a_renamed_seed_is_told_and_no_other_drift() -> None:
    """It would write the rows of the old one a second time, whoever names it."""
    old, other, new = seed("old", 1, checksum="same"), seed("other", 2), seed("new", 3, checksum="same")
    applied = history(entry(old), entry(other))
    assert [old.revision] == [each.seed for each in plan([new], applied, targets=["new"]).drift]
    assert () == plan([new, seed("third", 4)], applied, targets=["third"]).drift


def test_dependencies_first_then_reference_then_revision() -> None:
    """By name or revision, across layers."""
    seeds = [
        seed("e", 1),
        seed("d", 2, depends_on=("c", "20260101_0009_x")),
        seed("c", 3),
        seed("b", 8, reference=True, depends_on=("x",)),
        seed("x", 9, reference=True),
    ]
    assert ["x", "b", "e", "c", "d"] == names(plan(seeds))


def test_what_a_listed_scenario_needs_is_wanted_too() -> None:
    """Though the manifest does not list it, and no more than that."""
    seeds = [seed("a", 1), seed("b", 2, depends_on=("a", "r")), seed("c", 3), seed("r", 4, reference=True)]
    selection = Selection("dev", (Layer.SCENARIO,), ("b",))
    assert ["r", "a", "b"] == names(plan(seeds, selection=selection))


def test_a_protected_environment_gets_reference_seeds_only() -> None:
    """Whatever its manifest lists."""
    seeds = [seed("a", 1, depends_on=("r",)), seed("r", 2, reference=True)]
    selection = Selection("prod", (Layer.REFERENCE, Layer.SCENARIO), ("*",), protected=True)
    assert ["r"] == names(plan(seeds, selection=selection))


def test_targets_bring_what_they_need_and_nothing_else() -> None:
    """Any unique part names one; drift elsewhere is not looked at."""
    seeds = [seed("alpha", 1), seed("beta", 2, depends_on=("alpha",)), seed("gamma", 3), seed("delta", 4)]
    applied = history(entry(seeds[3], checksum="other"), entry(seed("gone", 9)))
    made = plan(seeds, applied, targets=("bet",))
    assert (["alpha", "beta"], ()) == (names(made), made.drift)
    assert ["alpha", "beta", "delta"] == names(plan(seeds, applied, targets=("bet",), again=("delta",)))


@pytest.mark.parametrize("option", ["targets", "again"])
@pytest.mark.parametrize(
    ("selection", "name", "words"),
    [
        (
            Selection("dev", DEV.layers),
            "a",
            'Nothing listed, nothing run: add "shop/a" to `scenarios` in its manifest.',
        ),
        (Selection("dev", (Layer.REFERENCE,)), "a", 'in its manifest, and "scenario" to `layers`.'),
        (Selection("dev", (Layer.SCENARIO,)), "r", 'Add "reference" to `layers` in its manifest.'),
        (Selection("dev", DEV.layers, ("*",), protected=True), "a", "protected environments have no scenarios"),
        (DEV, "nothing", "there is no seed nothing"),
    ],
)
def test_a_target_that_is_not_wanted_is_refused(option: str, selection: Selection, name: str, words: str) -> None:
    """The error says which line of the manifest would want it."""
    seeds = [seed("a", 1, group="shop"), seed("r", 2, reference=True)]
    named: dict[str, Any] = {option: (name,)}
    with pytest.raises(UsageError) as raised:
        plan(seeds, selection=selection, **named)
    assert words in str(raised.value)


def test_a_shut_schema_window_skips() -> None:
    """Only a seed that would have run."""
    shut = seed("a", 1, schema_until="r2", mode=Mode.ON_CHANGE)
    schema = frozenset({"r1", "r2"})
    reason = "no longer applies from r2"
    assert (Skipped(shut, reason),) == plan([shut], schema=schema).skipped
    assert Plan() == plan([shut], history(entry(shut)), schema=schema)
    assert (Skipped(shut, reason),) == plan([shut], history(entry(shut, checksum="x")), schema=schema).skipped
    left = history(entry(shut, State.RUNNING))
    assert (Skipped(shut, f"left unfinished, and {reason}"),) == plan([shut], left, schema=schema).skipped
    assert ["a"] == names(plan([shut], schema=frozenset({"r1"})))
    assert ["a"] == names(plan([shut], schema=None))


def test_a_seed_for_another_database_is_skipped() -> None:
    """A server may answer to several names."""
    only = seed("a", 1, dialects=("mysql", "sqlite"))
    assert (Skipped(only, "for mysql, sqlite only"),) == plan([only]).skipped
    assert ["a"] == names(plan([only], names=("mariadb", "mysql")))


def test_what_the_schema_is_not_ready_for_stays_in_the_plan() -> None:
    """So that the command can say which revision is missing; unknown revisions are not judged."""
    seeds = [seed("a", 1), seed("b", 2, requires_schema="r1"), seed("c", 3, requires_schema="r2")]
    made = plan(seeds, schema=frozenset({"r1"}))
    assert ["a", "b", "c"] == names(made)
    assert ["c"] == [step.seed.name for step in not_ready(made, frozenset({"r1"}))]
    assert ["b", "c"] == [step.seed.name for step in not_ready(made, frozenset())]
    assert [] == not_ready(made, None)


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        (
            [seed("a", 1, group="shop", depends_on=("countrys",)), seed("countries", 2)],
            "seed 20260101_0001_a, 20260101_0001_a.sql: depends on countrys, and there is no such "
            "seed\n  Did you mean countries",
        ),
        ([seed("a", 1, depends_on=("zzzzzz",))], "depends_on names seeds by their name or revision"),
        (
            [seed("r", 1, reference=True, depends_on=("a",)), seed("a", 2)],
            "seed 20260101_0001_r, 20260101_0001_r.sql: is a reference seed and depends on a, which is a scenario",
        ),
        (
            [seed("a", 1, depends_on=("b",)), seed("b", 2, depends_on=("c",)), seed("c", 3, depends_on=("a",))],
            "waits for itself: a -> b -> c -> a",
        ),
        ([seed("a", 1, depends_on=("a",))], "waits for itself: a -> a"),
    ],
)
def test_dependencies_that_cannot_be_met_are_refused(seeds: list[Seed], words: str) -> None:
    """In seeds that the environment does not want too: the files are wrong."""
    with pytest.raises(SeedError) as raised:
        plan(seeds, selection=Selection("dev", (Layer.REFERENCE,)))
    assert words in str(raised.value)


def test_dependents_are_named_in_the_order_that_reverts_them() -> None:
    """Those of those too, newest first."""
    seeds = [seed("a", 1), seed("b", 2, depends_on=("a",)), seed("c", 3, depends_on=("b",)), seed("d", 4)]
    graph = dependencies(seeds)
    assert ["c", "b"] == [each.name for each in graph.needing([seeds[0]])]
    assert ["c"] == [each.name for each in graph.needing([seeds[0], seeds[1]])]
    assert [] == list(graph.needing([seeds[3]]))


@st.composite
def projects(draw: st.DrawFn) -> list[Seed]:
    """Draw seeds whose dependencies have no cycle and respect the layers, in any order of revisions."""
    count = draw(st.integers(0, 9))
    numbers = draw(st.permutations(range(count)))
    layers = sorted(draw(st.lists(st.booleans(), min_size=count, max_size=count)), reverse=True)
    seeds: list[Seed] = []
    for index in range(count):
        needs = draw(st.sets(st.integers(0, index - 1), max_size=3)) if index else set()
        by_name = draw(st.booleans())
        depends_on = tuple(seeds[need].name if by_name else seeds[need].revision for need in sorted(needs))
        mode = draw(st.sampled_from(Mode))
        seeds.append(seed(f"s{index}", numbers[index], reference=layers[index], depends_on=depends_on, mode=mode))
    return seeds


@given(projects())
def test_every_order_respects_dependencies(seeds: list[Seed]) -> None:
    """All of them run, each after what it needs, and never a scenario before a reference seed that is free."""
    made = names(plan(seeds))
    assert sorted(each.name for each in seeds) == sorted(made)
    known = {each.name: each for each in seeds} | {each.revision: each for each in seeds}
    for each in seeds:
        for need in each.depends_on:
            assert made.index(known[need].name) < made.index(each.name)
    layers = [known[name].layer for name in made]
    assert layers == sorted(layers)


@given(projects(), st.randoms(use_true_random=False))
def test_a_plan_does_not_depend_on_the_order_of_the_files(seeds: list[Seed], chance: random.Random) -> None:
    """Nor on that of history."""
    shuffled = chance.sample(seeds, len(seeds))
    entries = [entry(each, chance.choice(list(State)), chance.choice([None, "other"])) for each in seeds[::2]]
    mixed = chance.sample(entries, len(entries))
    assert plan(seeds, history(*entries)) == plan(shuffled, history(*mixed))


@given(projects())
def test_when_all_is_applied_only_always_runs(seeds: list[Seed]) -> None:
    """A second upgrade has nothing else to do, and nothing drifts."""
    made = plan(seeds, history(*(entry(each) for each in seeds)))
    assert sorted(each.name for each in seeds if each.mode is Mode.ALWAYS) == sorted(names(made))
    assert () == made.drift


@given(projects(), st.data())
def test_environments_agree_on_the_order(seeds: list[Seed], data: st.DataObject) -> None:
    """A smaller environment runs a part of the larger one's plan, in the same order."""
    listed = tuple(each.name for each in seeds if each.layer is Layer.SCENARIO and data.draw(st.booleans()))
    some = names(plan(seeds, selection=Selection("test", DEV.layers, listed)))
    assert some == [name for name in names(plan(seeds)) if name in some]
