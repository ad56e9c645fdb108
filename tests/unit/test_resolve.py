"""Which seeds a text on the command line or in a manifest means."""

from __future__ import annotations

from pathlib import Path

import pytest

from tdm_seed.errors import UsageError
from tdm_seed.revisions import find, select
from tdm_seed.values import Kind, Layer, Seed


def seed(revision: str, *, group: str = "", labels: tuple[str, ...] = (), reference: bool = False) -> Seed:
    """Make a seed without a file."""
    layer = Layer.REFERENCE if reference else Layer.SCENARIO
    return Seed(revision, revision[14:], layer, Kind.SQL, Path(revision), group, "", labels=labels)


SEEDS = (
    seed("20260101_0000_countries", reference=True),
    seed("20260102_0000_carts", group="checkout", labels=("smoke",)),
    seed("20260103_0000_old_carts", group="checkout/old", labels=("smoke", "slow")),
    seed("20260104_0000_busy_shop"),
    seed("20260105_0000_shop"),
)
BOTH = (Layer.REFERENCE, Layer.SCENARIO)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("20260101_0000_countries", "countries"),
        ("countries", "countries"),
        ("shop", "shop"),
        ("busy", "busy_shop"),
        ("carts", "carts"),
        ("checkout/carts", "carts"),
        ("old/old", "old_carts"),
        ("20260104", "busy_shop"),
    ],
)
def test_any_unique_part_will_do(text: str, name: str) -> None:
    """A whole name goes before a part of a longer one."""
    assert name == find(SEEDS, text).name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("art", "art fits 2 seeds: 20260102_0000_carts, 20260103_0000_old_carts"),
        ("_0000_", "fits 5 seeds"),
        ("countrys", "there is no seed countrys\n  Did you mean countries"),
        ("zzzzz", "`tdm-seed status` lists the seeds"),
        ("", "an empty text names no seed"),
    ],
)
def test_none_or_several_are_refused(text: str, words: str) -> None:
    """With what it could have been."""
    with pytest.raises(UsageError) as raised:
        find(SEEDS, text)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("scenarios", "names"),
    [
        ((), ["countries"]),
        (("busy_shop",), ["countries", "busy_shop"]),
        (("20260105_0000_shop", "shop"), ["countries", "shop"]),
        (("checkout/*",), ["countries", "carts", "old_carts"]),
        (("checkout/carts",), ["countries", "carts"]),
        (("*shop",), ["countries", "busy_shop", "shop"]),
        (("label:slow", "carts"), ["countries", "carts", "old_carts"]),
        (("*",), ["countries", "carts", "old_carts", "busy_shop", "shop"]),
    ],
)
def test_nothing_listed_nothing_run(scenarios: tuple[str, ...], names: list[str]) -> None:
    """Reference seeds always, scenarios by name, revision, pattern or label."""
    assert names == [each.name for each in select(SEEDS, BOTH, scenarios, protected=False)]


def test_a_protected_environment_has_no_scenarios() -> None:
    """Whatever it lists."""
    assert ["countries"] == [each.name for each in select(SEEDS, BOTH, ("*",), protected=True)]


def test_all_scenarios_may_be_none_yet() -> None:
    """A new project may list `*` before it has one."""
    assert ["countries"] == [each.name for each in select(SEEDS[:1], BOTH, ("*",), protected=False)]


def test_a_layer_that_is_not_listed_is_not_wanted() -> None:
    """Neither of them."""
    assert ["shop"] == [each.name for each in select(SEEDS, (Layer.SCENARIO,), ("shop",), protected=False)]
    assert ["countries"] == [each.name for each in select(SEEDS, (Layer.REFERENCE,), ("*",), protected=False)]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("busy_shp", "Did you mean busy_shop"),
        ("checkout/cart", "Did you mean checkout/carts"),
        ("label:smok", "Did you mean smoke?"),
        ("label:zzz", "Labels in use: slow, smoke."),
        ("zzz/*", "Scenarios: busy_shop, checkout/carts, checkout/old/old_carts, shop."),
        ("countries", "countries is a reference seed: those are wanted without being listed."),
    ],
)
def test_a_pattern_that_fits_nothing_is_refused(pattern: str, words: str) -> None:
    """A typing error in a manifest must not leave a scenario out in silence."""
    with pytest.raises(UsageError) as raised:
        select(SEEDS, BOTH, (pattern,), protected=False)
    assert f"lists the scenario {pattern}, which fits none" in str(raised.value)
    assert words in str(raised.value)
