"""The names of seeds: what is wrong with one, and what it could be instead."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime

_REVISION = re.compile(r"(\d{4})(\d{2})(\d{2})_(\d{2})(\d{2})_([a-z0-9_]+)")
_TIME = re.compile(r"\d{8}_\d{4}(?!\d)")


def name_of(revision: str) -> str:
    """Return what follows the timestamp ``YYYYMMDD_HHMM_``."""
    return revision[14:]


def wrong_name(stem: str) -> str | None:
    """Say what keeps a file's stem from being a revision; None when it is one."""
    match = _REVISION.fullmatch(stem)
    if not match:
        return "is not named like a seed, YYYYMMDD_HHMM_name with small letters, digits and _ in the name"
    year, month, day, hour, minute = (int(part) for part in match.groups()[:5])
    try:
        datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        return f"is named after a time that does not exist, {stem[:13]}"
    return None


def renaming(name: str) -> str:
    """Return the sentence that proposes a better name for a file."""
    stem, suffix = os.path.splitext(name)
    time = _TIME.match(stem)
    words = stem[time.end() :] if time else stem.lstrip("0123456789_-")
    good = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_") or "name"
    revision = f"{time.group()}_{good}" if time else ""
    if wrong_name(revision):
        revision = f"YYYYMMDD_HHMM_{good}"
    proposal = f"Rename it to {revision}{suffix.lower()}"
    if suffix == ".py" and not stem[:4].isdigit():
        proposal += f", or to _{name} if it is code that seeds share"
    return proposal + "."
