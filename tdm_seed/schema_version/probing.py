"""Finding out which database an ``env.py`` works with, before it does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import InvalidRequestError, NoSuchModuleError

from tdm_seed.dialects.wording import place
from tdm_seed.errors import DatabaseError, SchemaNotReady, TdmSeedError
from tdm_seed.schema_version.failures import translated, while_connecting
from tdm_seed.schema_version.handover import Handover, ways
from tdm_seed.schema_version.location import Location
from tdm_seed.schema_version.running import Seen, look
from tdm_seed.schema_version.target import Target

#: What an ``env.py`` raises that is given a driver of the wrong kind: synchronous, asynchronous, not installed.
WRONG_DRIVER = (InvalidRequestError, NoSuchModuleError, ImportError)

REMEDY = """Let env.py take the URL that it is handed, wherever it chooses one:
    url = context.config.attributes.get("url") or …what stands there now…"""


@dataclass(frozen=True)
class Probe:
    """What an ``env.py`` works with: its database and version table, and whether it is the database we meant."""

    url: str | None = field(repr=False)
    version_table: str
    version_table_schema: str | None
    uses_our_url: bool


def probe(location: Location, target: Target | None) -> tuple[Probe, Handover]:
    """Hand the database over in every way until ``env.py`` takes it; give what it took at last, and how.

    Without a target, it is the database that ``env.py`` would choose by itself.

    Raises:
        SchemaNotReady: ``env.py`` fails, never configures Alembic, or is for several databases.
        DatabaseError: it cannot connect.
    """
    prepared = location.prepare()
    names = (prepared.config.get_main_option("databases") or "").replace(",", " ").split()
    if len(names) > 1:
        raise SchemaNotReady(
            f"these migrations are for several databases: {', '.join(names)}",
            hint="tdm-seed migrates one. Run `alembic upgrade heads` yourself, then upgrade without --migrate.",
            file=location.file,
        )
    elsewhere: tuple[Probe, Handover] | None = None
    failures: list[BaseException] = []
    for handover in ways(target, prepared) if target else (Handover(),):
        if handover.connection is None and _telling(failures):
            continue  # another driver would not help
        try:
            seen = look(location.prepare(), handover)
        except (Exception, SystemExit) as error:
            failures.append(error)
            continue
        if seen is not None:
            meant = target is not None and _reached(target, seen)
            url = seen.url.render_as_string(hide_password=False) if seen.url else None
            schema = seen.table.schema or (_other_default(target, seen) if target and meant else None)
            found = Probe(url, seen.table.name, schema, meant), handover
            if meant:
                return found
            elsewhere = elsewhere or found
    if elsewhere is not None:
        return elsewhere
    raise _refusal(failures, target, prepared.base, location) from next(iter(failures), None)


def named(probe: Probe) -> str:
    """Name the database of an ``env.py``, without user and password."""
    return place(make_url(probe.url)) if probe.url else "one that it does not name"


def _reached(target: Target, seen: Seen) -> bool:
    if seen.connection is not None:
        return target.reached_by(seen.connection)
    return seen.url is not None and target.named_by(seen.url)


def _other_default(target: Target, seen: Seen) -> str | None:
    """Give the schema that ``env.py`` made the default one: that is how Alembic's recipe for tenants works."""
    theirs = seen.connection.dialect.default_schema_name if seen.connection is not None else None
    return theirs if theirs != target.connection.dialect.default_schema_name else None


def _telling(failures: Iterable[BaseException]) -> BaseException | None:
    """Give the first failure that is not just about a driver."""
    return next((failure for failure in failures if not isinstance(failure, WRONG_DRIVER)), None)


def _refusal(failures: list[BaseException], target: Target | None, base: Path, location: Location) -> TdmSeedError:
    if not failures:
        return SchemaNotReady(
            "env.py never calls context.configure, so it migrates nothing",
            hint="`alembic init` writes an env.py that does; `alembic current` must work before --migrate can.",
            file=location.file,
        )
    error = failures[0]
    kind = DatabaseError if while_connecting(error) else SchemaNotReady
    found = translated(error, kind, "env.py fails", target.dialect if target else None, base, location.root)
    if target is not None and kind is DatabaseError:
        found.hint = "\n  ".join(filter(None, (found.hint, f"If that is another database than {target}:", REMEDY)))
    if found.hint is None:
        found.hint = "`alembic current` runs the same file: what it needs there, such as a variable, it needs here."
    return found
