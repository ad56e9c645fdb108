"""Where the schema stands according to Alembic, and how to bring it to its newest revision."""

from __future__ import annotations

from tdm_seed.schema_version.position import MigrationResult, SchemaVersion

__all__ = ["MigrationResult", "SchemaVersion"]
