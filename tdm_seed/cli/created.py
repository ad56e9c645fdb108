"""What init and revision say about the files that they made."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from tdm_seed.engine.adoption import Adoption
from tdm_seed.engine.creating import Created
from tdm_seed.environments.urls import concealed


def adoption(done: Adoption, *, as_json: bool, quiet: bool) -> None:
    """Tell what a project has now, and what comes next."""
    output = {
        "command": "init",
        "project": str(done.root),
        "alembic": _shown(done.alembic, done.root) if done.alembic else None,
        "schema_heads": list(done.heads),
        "database": done.database,
        "url": done.url or None,
        "environment": done.environment,
        "created": _all(done.created, done.root),
        "changed": _all(done.changed, done.root),
        "kept": _all(done.kept, done.root),
        "notes": list(done.notes),
        "next": list(done.next),
    }
    if _said(output, as_json=as_json, quiet=quiet):
        return
    heads = f", at {', '.join(done.heads)}" if done.heads else ""
    _list("Alembic", [f"{output['alembic']}{heads}"] if done.alembic else ["none"])
    if done.url:
        by = f"{done.database}, says {done.source}" if done.database else "not found"
        _list("Database", [by, f"dev: {done.url}"])
    _changes(output)
    _list("Note", done.notes)
    _list("Next", done.next)


def seed(done: Created, root: Path, *, as_json: bool, quiet: bool) -> None:
    """Tell what a new seed is, and where it will run."""
    output = {
        "command": "revision",
        "seed": done.seed.revision,
        "name": done.seed.name,
        "layer": str(done.seed.layer),
        "kind": str(done.seed.kind),
        "requires_schema": done.seed.requires_schema,
        "depends_on": list(done.seed.depends_on),
        "created": _all(done.files, root),
        "changed": _all(done.changed, root),
        "environments": list(done.environments),
        "notes": list(done.notes),
    }
    if _said(output, as_json=as_json, quiet=quiet):
        return
    _changes(output)
    _list("Requires", [done.seed.requires_schema] if done.seed.requires_schema else [])
    _list("Runs in", [", ".join(done.environments)] if done.environments else [])
    _list("Note", done.notes)


def _changes(output: dict[str, Any]) -> None:
    _list("Created", output["created"])
    _list("Changed", output["changed"])
    _list("Kept", output.get("kept", ()))


def _said(output: dict[str, Any], *, as_json: bool, quiet: bool) -> bool:
    """Print JSON if that was asked for; tell whether nothing is left to print."""
    if as_json:
        click.echo(concealed(json.dumps(output, ensure_ascii=False, indent=2)))
    return as_json or quiet


def _list(heading: str, lines: Iterable[str]) -> None:
    for place, line in enumerate(lines):
        click.echo(concealed(f"{heading if place == 0 else '':<10}{line}"))


def _all(paths: Iterable[Path], root: Path) -> list[str]:
    return [_shown(path, root) for path in paths]


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
