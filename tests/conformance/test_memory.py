"""Memory: it does not grow with the number of rows."""

from __future__ import annotations
