"""What a reset leaves as it is and why, and where rows that stay forbid it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from tdm_seed.dialects.orphans import ForeignKey
from tdm_seed.engine.emptying import count
from tdm_seed.engine.session import Session
from tdm_seed.errors import DatabaseError, Protected, TdmSeedError, UsageError


def foreign_keys(session: Session) -> list[ForeignKey]:
    """List the foreign keys of all schemas, those of the default one without its name."""
    connection = session.connection
    default = sa.inspect(connection).default_schema_name
    found = session.dialect.foreign_keys(connection, [None, *session.dialect.other_schemas(connection)])
    return sorted(
        (
            ForeignKey(key.child, key.columns, (None if key.parent[0] == default else key.parent[0], key.parent[1]), ())
            for key in found
        ),
        key=str,
    )


def kept(session: Session, keys: Sequence[ForeignKey], names: Collection[str], lost: Collection[str]) -> dict[str, str]:
    """Name the tables that stay, each with the reason: what the manifest keeps, and those in ``lost``.

    The latter held rows before the first seed that cannot be brought back; what their rows point to stays, too.

    Raises:
        UsageError: the manifest keeps what is no table.
    """
    found = _named(session, names)
    for name in sorted(set(lost) & set(names) - set(found)):
        found[name] = "it held rows before the first seed that cannot be brought back"
        _with_parents(session, keys, found, set(names), name)
    return found


def refuse(session: Session, keys: Sequence[ForeignKey], doomed: Collection[str]) -> None:
    """Refuse when rows that stay would lose what they point to, or go with it by ON DELETE CASCADE.

    Raises:
        Protected: they would.
    """
    for key in keys:
        schema, child = key.child
        stays = schema is not None or child not in doomed
        if not (stays and key.parent[0] is None and key.parent[1] in doomed):
            continue
        if point := _pointing(session, key):
            shown = f"{schema}.{child}" if schema else child
            why = "whose schema a reset leaves alone" if schema else "which is kept"
            raise Protected(
                f"rows of {shown}, {why}, {point} to {key.parent[1]}, which would be emptied",
                table=child,
                column=key.columns[0],
                hint=f"Nothing was emptied. Keep {key.parent[1]}, too: `keep` in the environment's manifest"
                + ("." if schema else f"; or do not keep {shown}."),
            )


def rows(session: Session, names: Collection[str]) -> dict[str, int | None]:
    """Count the rows of tables that stay; None where nobody lets us look."""
    counts: dict[str, int | None] = {}
    for name in names:
        try:
            with session.dialect.attempt(session.connection):
                counts[name] = count(session, name)
        except sa.exc.DBAPIError as error:
            if error.connection_invalidated:
                raise
            counts[name] = None
    return counts


def prove(session: Session, before: Mapping[str, int | None]) -> None:
    """Prove that tables which stay hold as many rows as ``before``, or more.

    Raises:
        DatabaseError: some went.
    """
    for name, now in rows(session, before).items():
        was = before[name]
        if was is not None and now is not None and now < was:
            raise DatabaseError(
                f"rows of {name}, which is kept, went as others were emptied ({now:,} of {was:,} are left); nothing "
                "was changed",
                table=name,
                hint="A trigger takes them along, or the application does.",
            )


def _named(session: Session, names: Collection[str]) -> dict[str, str]:
    """Take the manifest's ``keep``, with the parts of those tables."""
    found: dict[str, str] = {}
    for name in session.environment.keep:
        try:
            table = session.schema.table(name)
        except TdmSeedError as error:
            raise UsageError(
                f"`keep` names the table {name!r}, which does not exist",
                hint=f"{error.hint or ''} Nothing was emptied. Correct `keep` in the environment's manifest.".strip(),
            ) from error
        if session.schema.is_view(table):
            raise UsageError(
                f"`keep` names {name!r}, which is a view and holds no rows",
                hint="Nothing was emptied. Name the tables behind it.",
            )
        if table.schema is None:
            found[table.name] = "the manifest keeps it"
    parts = session.dialect.parts(session.connection)
    while more := {child: parent for child, parent in parts.items() if parent in found and child not in found}:
        found |= {child: f"it is a part of {parent}" for child, parent in more.items()}
    return {name: reason for name, reason in found.items() if name in names}


def _with_parents(
    session: Session, keys: Sequence[ForeignKey], found: dict[str, str], names: Collection[str], name: str
) -> None:
    """Keep what the rows of a kept table point to."""
    for key in keys:
        parent = key.parent[1]
        wanted = key.child == (None, name) and key.parent[0] is None and parent in names and parent not in found
        if wanted and (point := _pointing(session, key)):
            found[parent] = f"rows of {name} {point} to it, which is kept"
            _with_parents(session, keys, found, names, parent)


def _pointing(session: Session, key: ForeignKey) -> str | None:
    """Say that rows "point" by this key, or that they "may point" where nobody lets us look; None where none does."""
    table = sa.table(key.child[1], *map(sa.column, key.columns), schema=key.child[0])
    filled = [table.c[name].is_not(None) for name in key.columns]
    query = sa.select(sa.literal(1)).select_from(table).where(*filled).limit(1)
    try:
        with session.dialect.attempt(session.connection):
            return "point" if session.connection.execute(query).first() is not None else None
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated:
            raise
        return "may point"
