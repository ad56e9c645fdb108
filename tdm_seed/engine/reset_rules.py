"""What forbids a reset, whichever way it goes: the manifest, or the database itself."""

from __future__ import annotations

from collections.abc import Sequence

from tdm_seed.engine import content
from tdm_seed.engine.emptying import count
from tdm_seed.engine.session import Session
from tdm_seed.environments import Environment
from tdm_seed.errors import Protected
from tdm_seed.history import environment_of
from tdm_seed.values import Applied


def refuse(environment: Environment) -> None:
    """Refuse where the manifest says so, which needs no database.

    Raises:
        Protected: with what forbids it.
    """
    if environment.protected:
        raise Protected(
            f"the environment {environment.name!r} is protected, so it is never reset",
            hint="A database that may be emptied belongs to an environment that is not.",
        )
    if environment.reset == "forbid":
        raise Protected(
            f"the environment {environment.name!r} forbids a reset", hint='Its manifest says reset = "forbid".'
        )


def check(session: Session, entries: Sequence[Applied], *, adopt: bool) -> None:
    """Refuse where the manifest or the database itself says so; rows without a history only where one may ``adopt``.

    Raises:
        Protected: with what forbids it.
    """
    environment = session.environment
    refuse(environment)
    marked = environment_of(entries)
    if marked is None and entries and entries[-1].environment != environment.name:
        raise Protected(
            f"this database was last emptied as {entries[-1].environment!r}, so it is not reset as "
            f"{environment.name!r}",
            hint=f"`tdm-seed upgrade --env {environment.name}` seeds what is empty; after that, the database is its.",
        )
    if marked not in (None, environment.name):
        raise Protected(
            f"this database was seeded as {marked!r}, so it is not reset as {environment.name!r}",
            hint=f"Is the URL right? `--env {marked}` is what belongs to this database.",
        )
    if not (entries or adopt):
        _refuse_rows(session)


def refuse_unconfirmed(environment: Environment, what: str, *, confirmed: bool, loses: str = "") -> None:
    """Refuse what has to be confirmed and was not, with whatever would be lost.

    Raises:
        Protected: it is so.
    """
    if not (confirmed or environment.reset == "allow"):
        raise Protected(
            f"{what} of the environment {environment.name!r} must be confirmed, and was not"
            f"{f', and {loses}' if loses else ''}",
            hint='Say --yes, or reset = "allow" in its manifest.',
        )


def _refuse_rows(session: Session) -> None:
    """Refuse a database that holds rows and was never seeded: whose they are is not known."""
    with session.reading():
        names = [name for name in content.tables(session) if name not in session.environment.keep]
        held = next((name for name in names if count(session, name)), None)
    if held is not None:
        raise Protected(
            "this database holds rows and was never seeded, so it is not reset",
            table=held,
            hint="Is the URL right? `tdm-seed upgrade` seeds it beside them; `--adopt` resets it all the same.",
        )
