"""Where the schema stands according to Alembic, and how to bring it to its newest revision."""

from __future__ import annotations

from tdm_seed.schema_version.position import MigrationResult, SchemaVersion
from tdm_seed.schema_version.version_table import DEFAULT as DEFAULT_VERSION_TABLE

__all__ = ["DEFAULT_VERSION_TABLE", "MigrationResult", "SchemaVersion"]
