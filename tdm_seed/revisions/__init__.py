"""Seeds as files: found and read without running, planned without a database, opened to be run."""

from __future__ import annotations

from tdm_seed.revisions.discovery import discover
from tdm_seed.revisions.python_seed import where
from tdm_seed.revisions.resolve import find, select
from tdm_seed.revisions.script import Script, open_script
from tdm_seed.revisions.sql_seed import Section

__all__ = ["Script", "Section", "discover", "find", "open_script", "select", "where"]
