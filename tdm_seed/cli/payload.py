"""The objects that ``--json`` prints: stable keys that other programs rely on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tdm_seed.errors import TdmSeedError
from tdm_seed.history import text_of

if TYPE_CHECKING:
    from tdm_seed.engine import Seeder
    from tdm_seed.engine.digest import TableDigest
    from tdm_seed.engine.status import SeedStatus, Status
    from tdm_seed.engine.verify import Verified
    from tdm_seed.values import Applied, Circular, Plan, Seed, Step, StepResult

Json = dict[str, Any]


def step(result: StepResult) -> Json:
    """Describe what one step did."""
    return {
        "seed": result.seed.revision,
        "layer": str(result.seed.layer),
        "action": str(result.action),
        "state": str(result.state),
        **result.changes.as_dict(),
        "counted": result.counted,
        "tables": {table: changes.as_dict() for table, changes in result.tables.items()},
        "duration_ms": result.duration_ms,
        "loads": [
            {"table": each.table, "rows": each.rows, "by": each.by, "remarks": list(each.remarks)}
            for each in result.loads
        ],
    }


def run(command: str, seeder: Seeder, results: Sequence[StepResult], *, dry_run: bool, begun: float) -> Json:
    """Describe what a writing command did; ``changed`` is whether rows are different now, or may be."""
    return {
        "command": command,
        "environment": seeder.environment.name,
        "database": seeder.database,
        "dry_run": dry_run,
        "steps": [step(result) for result in results],
        "changed": any(result.changes or not result.counted for result in results),
        "duration_ms": round((time.monotonic() - begun) * 1000),
    }


def planned(each: Step) -> Json:
    """Describe one step that would be taken."""
    return {
        "seed": each.seed.revision,
        "layer": str(each.seed.layer),
        "action": str(each.action),
        "reason": each.reason,
        "transaction": str(each.seed.transaction),
    }


def plan(
    seeder: Seeder, found: Plan, refusal: TdmSeedError | None, circular: Sequence[Circular], *, begun: float
) -> Json:
    """Describe a plan under the keys of a run, though it changes nothing."""
    return {
        "command": "plan",
        "environment": seeder.environment.name,
        "database": seeder.database,
        "dry_run": True,
        "steps": [planned(each) for each in found.steps],
        "changed": False,
        "duration_ms": round((time.monotonic() - begun) * 1000),
        "skipped": [{"seed": each.seed.revision, "reason": each.reason} for each in found.skipped],
        "drift": [{"seed": each.seed, "reason": each.reason} for each in found.drift],
        "refusal": error(refusal)["error"] if refusal else None,
        "constraints": [{"table": each.table, "constraint": each.constraint, "way": each.way} for each in circular],
    }


def seed_status(each: SeedStatus) -> Json:
    """Describe where one seed stands."""
    return {
        "seed": each.seed,
        "layer": str(each.layer),
        "state": each.state,
        "reason": each.reason,
        "applied_at": text_of(each.applied_at) if each.applied_at else None,
        "checksum": each.checksum,
    }


def status(found: Status) -> Json:
    """Describe where all seeds stand; ``pending`` and ``drift`` are counts."""
    return {
        "environment": found.environment,
        "seeded_as": found.seeded_as,
        "schema_heads": list(found.schema_heads),
        "seeds": [seed_status(each) for each in found.seeds],
        "pending": found.pending,
        "drift": found.drift,
    }


def entry(each: Applied) -> Json:
    """Describe one row of the history under the names of its columns, and how quick it was."""
    return {
        "id": each.id,
        "seed": each.seed,
        "layer": str(each.layer),
        "state": str(each.state),
        "checksum": each.checksum,
        "environment": each.environment,
        "schema_heads": list(each.schema_heads),
        "random_seed": each.random_seed,
        "clock": text_of(each.clock),
        "volumes": dict(each.volumes),
        **each.changes.as_dict(),
        "started_at": text_of(each.started_at),
        "duration_ms": each.duration_ms,
        "rows_per_s": each.rows_per_s,
        "applied_by": each.applied_by,
        "tool_version": each.tool_version,
        "note": dict(each.note),
    }


def history(seeder: Seeder, entries: Sequence[Applied]) -> Json:
    """Describe the history, oldest first."""
    return {"environment": seeder.environment.name, "entries": [entry(each) for each in entries]}


def show(seed: Seed, standing: SeedStatus | None, root: Path) -> Json:
    """Describe a seed."""
    return {
        "seed": seed.revision,
        "name": seed.qualified_name,
        "layer": str(seed.layer),
        "kind": str(seed.kind),
        "description": seed.description,
        "files": [str(path.relative_to(root) if path.is_relative_to(root) else path) for path in seed.files],
        "checksum": seed.checksum,
        "depends_on": list(seed.depends_on),
        "requires_schema": seed.requires_schema,
        "schema_until": seed.schema_until,
        "mode": str(seed.mode),
        "transaction": str(seed.transaction),
        "labels": list(seed.labels),
        "dialects": list(seed.dialects),
        "verify": seed.has_verify,
        "downgrade": seed.has_downgrade,
        "state": standing.state if standing else None,
        "reason": standing.reason if standing else None,
    }


def verify(seeder: Seeder, found: Sequence[Verified]) -> Json:
    """Describe which seeds still hold what they promise."""
    return {
        "environment": seeder.environment.name,
        "seeds": [
            {
                "seed": each.seed.revision,
                "holds": each.error is None,
                "error": error(each.error)["error"] if each.error else None,
                "duration_ms": each.duration_ms,
            }
            for each in found
        ],
        "failed": sum(each.error is not None for each in found),
    }


def digest(seeder: Seeder, found: Sequence[TableDigest]) -> Json:
    """Describe the content of tables, and of all of them together."""
    whole = blake2b(digest_size=16, person=b"tdm-seed")
    for each in found:
        whole.update(f"{each.table}\0{each.rows}\0{each.digest}\0".encode())
    return {
        "environment": seeder.environment.name,
        "database": seeder.database,
        "tables": [
            {"table": each.table, "rows": each.rows, "digest": each.digest, "left_out": list(each.left_out)}
            for each in found
        ],
        "digest": whole.hexdigest(),
    }


def error(failed: TdmSeedError) -> Json:
    """Describe an error; after a partial upgrade also what was done before and what was not run."""
    place = failed.place
    output: Json = {
        "error": {
            "code": failed.code,
            "message": failed.message,
            "seed": place.seed,
            "file": place.file,
            "line": place.line,
            "table": place.table,
            "row": place.row,
            "column": place.column,
            "hint": failed.hint,
        }
    }
    if failed.done or failed.left:
        output["steps"] = [step(result) for result in failed.done]
        output["left"] = [each.seed.revision for each in failed.left]
    return output
