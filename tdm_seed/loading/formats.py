"""The formats of data files, told by their names."""

from __future__ import annotations

#: What each format is called, with its endings; text may be compressed.
_ENDINGS = {
    "csv": (".csv", ".csv.gz", ".csv.zst"),
    "json": (".json", ".json.gz", ".json.zst"),
    "jsonl": (".jsonl", ".jsonl.gz", ".jsonl.zst"),
    "parquet": (".parquet",),
    "arrow": (".arrow",),
}
#: Formats of columns with types of their own, which pyarrow reads.
COLUMNAR = ("parquet", "arrow")
FORMATS = tuple(_ENDINGS)
SUFFIXES = tuple(ending for endings in _ENDINGS.values() for ending in endings)


def format_of(name: str) -> str | None:
    """Tell a file's format, whatever the case of its ending; None for one that holds no rows."""
    lower = name.lower()
    return next((kind for kind, endings in _ENDINGS.items() if lower.endswith(endings)), None)


def endings(kind: str) -> tuple[str, ...]:
    """Give the endings of a format, the plain one first."""
    return _ENDINGS[kind]
