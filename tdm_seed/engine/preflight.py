"""What is refused before the first seed runs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

from tdm_seed.dialects.refusing import checked_statements
from tdm_seed.engine.session import Session
from tdm_seed.errors import DriftError, Protected, SchemaNotReady, SeedError, TdmSeedError
from tdm_seed.history import TABLES, environment_of, states
from tdm_seed.revisions import Section, open_script
from tdm_seed.revisions.data_seed import DataScript
from tdm_seed.revisions.plan import not_ready
from tdm_seed.values import Applied, Kind, Layer, Plan, Seed, State, Step, Transaction

#: How a script makes a table.
_MAKES: Final = re.compile(
    r"\bcreate\b[^;]*?\btable\b|\binto\s+(temp|unlogged|table)|create_all\(|\.create\(", re.IGNORECASE
)
#: How a script has one for a while that it makes in no such words.
_HAD: Final = re.compile(r"\bdrop\b|drop_all\(|\.drop\(|\bselect\b[^;]*?\binto\b|\bcall\b", re.IGNORECASE)


def check(
    session: Session, plan: Plan, entries: Sequence[Applied], heads: tuple[str, ...], *, dry_run: bool = False
) -> None:
    """Refuse a plan that could not be carried out, or is for another database.

    Raises:
        Protected: a scenario, and the database belongs to another environment.
        DriftError: a new seed is an applied one under another name.
        SchemaNotReady: a seed needs a migration that has not run.
        SeedError: an SQL seed holds a statement that may not stand in one, a dry run could not be taken back, or a
            pooler would not keep the session of a seed without a transaction.
    """
    _right_environment(session, plan.steps, entries)
    _not_renamed(session, plan)
    _schema_ready(session, plan, heads)
    if dry_run:
        _taken_back(session, plan)
    _one_session(session, (step.seed for step in plan.steps))
    _sql(session, (step.seed for step in plan.steps))


def check_tables(session: Session, plan: Plan, entries: Sequence[Applied]) -> None:
    """Refuse a plan for a database that has lost a table which one of the seeds fills.

    Which ones they fill is told by the history, of seeds that have not changed since, and by the files of data seeds. A
    table that a seed of the plan may make itself is none that is missing.

    Raises:
        SchemaNotReady: a table is not there.
    """
    known = states(entries)
    wanted: dict[str, Seed] = {}
    for step in plan.steps:
        for name in _filled(session, step.seed, known.get(step.seed.revision)):
            wanted.setdefault(name, step.seed)
    for name in _not_there(session, wanted):
        if not (_HAD.search(_words(wanted[name])) or any(_makes(step.seed, name) for step in plan.steps)):
            raise SchemaNotReady(
                "the seed fills this table, which is not there; nothing was emptied",
                seed=wanted[name].revision,
                file=_shown(session, wanted[name].path),
                table=name,
                hint="Make it again: by the migrations, on a database made anew if they have run; or go back to a "
                "snapshot: `tdm-seed snapshot list`. If the seed is to do without it, change the seed.",
            )


def check_downgrade(
    session: Session, steps: Sequence[Step], entries: Sequence[Applied], *, confirmed: bool = False
) -> None:
    """Refuse to revert anything when one of the seeds cannot be reverted.

    Raises:
        Protected: a scenario, and the database belongs to another environment; or the environment is protected, and
            nobody has ``confirmed`` that rows go.
        SeedError: it has no ``downgrade``, or its SQL holds a statement that may not stand in a seed.
    """
    _right_environment(session, steps, entries)
    for step in steps:
        if not open_script(step.seed, session.environment.project.root, session.names).has_downgrade:
            raise SeedError(
                "has no downgrade, so nothing was reverted",
                seed=step.seed.revision,
                file=_shown(session, step.seed.path),
                hint=_downgrade(step.seed),
            )
    _one_session(session, (step.seed for step in steps))
    _sql(session, (step.seed for step in steps))
    if session.environment.protected and steps and not confirmed:
        raise Protected(
            f"the environment {session.environment.name!r} is protected, so a downgrade must be confirmed",
            hint="Say --yes, or run it on a terminal.",
        )


def _filled(session: Session, seed: Seed, entry: Applied | None) -> list[str]:
    """Name the tables that a seed is known to write to."""
    if seed.kind is Kind.DATA:
        script = open_script(seed, session.environment.project.root, session.names)
        return [script.table] if isinstance(script, DataScript) else []
    if entry is None or entry.state is not State.APPLIED or entry.checksum != seed.checksum:
        return []
    noted = entry.note.get(TABLES)
    return list(map(str, noted)) if isinstance(noted, list) else []


def _not_there(session: Session, names: Collection[str]) -> list[str]:
    """Look for tables, and closer for those that the default schema does not list: views, and those of others."""
    with session.reading():
        unlisted = sorted(set(names) - {name for _, name in session.schema.names()})
    if not unlisted:
        return []
    others = {f"{schema}.{name}" for schema, name in session.tables()}
    with session.reading():
        return [name for name in unlisted if name not in others and not session.schema.knows(name)]


def _makes(seed: Seed, table: str) -> bool:
    """Tell whether a script may make a table, by its words."""
    words = _words(seed)
    return table.rpartition(".")[2].lower() in words.lower() and _MAKES.search(words) is not None


def _words(seed: Seed) -> str:
    """Read a script and what it imports."""
    scripts = (path for path in seed.files if path.suffix in (".py", ".sql"))
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in scripts)


def _downgrade(seed: Seed) -> str:
    """Say where a seed's downgrade is to be written; that of a data seed cannot know which rows were there before."""
    if seed.kind is not Kind.DATA:
        return "Write one: `def downgrade(db):`, or `-- tdm-seed: downgrade` in SQL."
    return (
        f"Rows of a data seed are not taken back by themselves. Write a script {seed.revision}.py beside it: its "
        f"upgrade reads them with db.{seed.path.suffix.lower().lstrip('.')}(), and it may have a downgrade."
    )


def _right_environment(session: Session, steps: Sequence[Step], entries: Sequence[Applied]) -> None:
    marked = environment_of(entries)
    scenario = next((step.seed for step in steps if step.seed.layer is Layer.SCENARIO), None)
    if marked is not None and marked != session.environment.name and scenario is not None:
        raise Protected(
            f"this database was seeded as {marked!r}, so no scenario of {session.environment.name!r} is run in it",
            seed=scenario.revision,
            hint=f"Is the URL right? `--env {marked}` is what belongs to this database.",
        )


def _not_renamed(session: Session, plan: Plan) -> None:
    """Hold a renamed seed back: under its new name it would write its rows once more."""
    seeds = {step.seed.revision: step.seed for step in plan.steps}
    for drift in plan.drift:
        for seed in (seeds[name] for name in drift.renamed_to if name in seeds):
            edited = drift.reason.endswith("edited?")
            raise DriftError(
                f"has the {'timestamp' if edited else 'very content'} of {drift.seed}, whose rows are there and whose "
                "file is gone: it was renamed, and applied under another name it would write its rows a second time",
                seed=seed.revision,
                file=_shown(session, seed.path),
                hint=f"`tdm-seed repair {seed.revision}` accepts the new name. If it is a seed of its own, "
                f"{'give it another timestamp.' if edited else 'change it, if only a comment.'}",
            )


def _taken_back(session: Session, plan: Plan) -> None:
    """Refuse a dry run of what no rollback takes back."""
    for step in plan.steps:
        if step.seed.transaction is Transaction.NONE:
            raise SeedError(
                "has `transaction: none`, so a dry run could not take back what it does",
                seed=step.seed.revision,
                file=_shown(session, step.seed.path),
                hint="Look at `tdm-seed plan`, or name the other seeds: upgrade --dry-run SEED …",
            )


def _one_session(session: Session, seeds: Iterable[Seed]) -> None:
    """Refuse a seed without a transaction where each of its statements might get another session."""
    alone = next((seed for seed in seeds if seed.transaction is Transaction.NONE), None)
    if alone is None:
        return
    with session.translated():
        kept = session.dialect.keeps_session(session.connection)
    if not kept:
        raise SeedError(
            "has `transaction: none`, and each of its statements would get another session: the URL leads to a pooler "
            "that pools by transaction",
            seed=alone.revision,
            file=_shown(session, alone.path),
            hint="Use a URL that leads to the server itself, or to a pooler that pools by session.",
        )


def _schema_ready(session: Session, plan: Plan, heads: tuple[str, ...]) -> None:
    waiting = not_ready(plan, session.schema_revisions(heads))
    if not waiting:
        return
    seed = waiting[0].seed
    at = ", ".join(heads) or "no revision at all"
    version = session.schema_version
    if version is not None and seed.requires_schema and not version.exists(seed.requires_schema):
        raise SchemaNotReady(
            f"requires the schema revision {seed.requires_schema}, which the migrations do not know",
            seed=seed.revision,
            file=_shown(session, seed.path),
            hint="Correct requires_schema, or fetch the migration that is missing.",
        )
    raise SchemaNotReady(
        f"requires the schema revision {seed.requires_schema}, but the database is at {at}",
        seed=seed.revision,
        hint="Run `alembic upgrade head` first, or `tdm-seed upgrade --migrate`, which does both.",
    )


class _Statements:
    """Stands in for the database and looks at SQL instead of running it."""

    def __init__(self, session: Session, seed: Seed) -> None:
        self._session = session
        self._seed = seed

    def run_sql(self, section: Section) -> None:
        """Check every statement of a section."""
        checked_statements(
            self._session.dialect, self._seed, section.text, section.line, _shown(self._session, section.path)
        )

    verify_sql = run_sql


def _sql(session: Session, seeds: Iterable[Seed]) -> None:
    """Check the SQL seeds among these; what a Python seed will say is known only when it says it."""
    for seed in seeds:
        if seed.kind is not Kind.SQL:
            continue
        try:
            script = open_script(seed, session.environment.project.root, session.names)
            looking = _Statements(session, seed)
            script.upgrade(looking)
            script.verify(looking)
            if script.has_downgrade:
                script.downgrade(looking)
        except TdmSeedError as error:
            raise error.located(seed=seed.revision) from error.__cause__


def _shown(session: Session, path: Path) -> str:
    root = session.environment.project.root
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
