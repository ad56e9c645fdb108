"""Whether what has run may run again without a change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tdm_seed.errors import SeedError, TdmSeedError
from tdm_seed.values import Changes, Mode, StepResult


def second_run(results: Iterable[StepResult]) -> Iterator[TdmSeedError]:
    """A second upgrade applies nothing but what always runs, and that changes nothing."""
    for result in results:
        if result.seed.mode is not Mode.ALWAYS:
            yield SeedError("a second upgrade ran it once more", seed=result.seed.revision)
        elif result.changes:
            yield changes_again(result)


def changes_again(result: StepResult) -> SeedError:
    """Say that a seed has changed rows when it ran again."""
    tables = ", ".join(f"{name} {each}" for name, each in result.tables.items() if each != Changes())
    return SeedError(
        f"running it again changed rows ({tables or result.changes}), so it is not idempotent",
        seed=result.seed.revision,
        hint="Use db.upsert, or INSERT … WHERE NOT EXISTS; or say `mode: once` if its rows are to be touched once.",
    )
