"""Which tables of the default schema hold content, and which hold a tool's notes about the database."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from tdm_seed.engine.session import Session
from tdm_seed.schema_version import DEFAULT_VERSION_TABLE

#: Tables, in small letters, in which other tools note the migrations that have run: Liquibase, Flyway, Django, Rails
#: and dbmate, Prisma, goose, Knex, Sequelize, yoyo, sqlx and Atlas.
_NOTES: Final = frozenset({
    "databasechangelog", "databasechangeloglock", "flyway_schema_history", "django_migrations", "schema_migrations",
    "ar_internal_metadata", "_prisma_migrations", "goose_db_version", "knex_migrations", "knex_migrations_lock",
    "sequelizemeta", "_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock", "_sqlx_migrations",
    "atlas_schema_revisions",
})  # fmt: skip


def tables(session: Session) -> list[str]:
    """Name the tables with content: neither the tool's, nor those in which migrations note what has run."""
    out = {*_known(session), *of_migrations(session), *session.dialect.inner_tables(session.connection)}
    return [name for _, name in session.schema.names() if name not in out]


def of_migrations(session: Session) -> list[str]:
    """Name the tables in which migrations note what has run, beside the one that the project's ``env.py`` names.

    To empty one is to run migrations a second time; to bring its first rows back, too. An Alembic version table of any
    name is known by its only column, since a project may have several and tell of one.
    """
    known, columns = _known(session), session.schema.columns()
    return [
        name
        for _, name in session.schema.names()
        if name not in known and (name.lower() in _NOTES or _versions(columns.get(name, {})))
    ]


def _known(session: Session) -> frozenset[str]:
    return session.history.own_tables | session.alembic_tables() | {DEFAULT_VERSION_TABLE}


def _versions(columns: dict[str, sa.types.TypeEngine[object]]) -> bool:
    return list(columns) == ["version_num"] and isinstance(columns["version_num"], sa.String)
