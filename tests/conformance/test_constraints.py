"""Foreign keys and deferred constraints: rows in any order, proven in the end, everything as it was."""

from __future__ import annotations
