"""Rows from CSV, JSON and JSON lines: what is read, and how bad input is named."""

from __future__ import annotations
