"""Opening a seed: whatever it is written in, it can then be called with a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from tdm_seed.revisions.data_seed import DataScript
from tdm_seed.revisions.python_seed import PythonScript
from tdm_seed.revisions.sql_seed import SqlScript
from tdm_seed.values import Kind, Seed


class Script(Protocol):
    """A seed that can be run; ``db`` is what a seed is handed."""

    @property
    def has_verify(self) -> bool:
        """Whether it can be verified on this database."""

    @property
    def has_downgrade(self) -> bool:
        """Whether it can be reverted on this database."""

    def upgrade(self, db: Any) -> None:
        """Bring the rows into the state that the seed describes."""

    def verify(self, db: Any) -> None:
        """Prove the rows; nothing where there is no ``verify``."""

    def downgrade(self, db: Any) -> None:
        """Take the rows back."""


def seeds_folder(seed: Seed) -> Path:
    """Return the seeds folder that a seed was discovered in."""
    return seed.path.parents[len(seed.group.split("/")) + 1 if seed.group else 1]


def open_script(seed: Seed, root: Path, dialect_names: tuple[str, ...]) -> Script:
    """Open a seed for a server that answers to ``dialect_names``, best first.

    A Python seed's module runs here. ``root`` is the project's, below which errors name files.

    Raises:
        SeedError: when the file cannot be loaded, or a SQL seed has nothing for this server.
    """
    root = root.absolute()
    if seed.kind is Kind.PYTHON:
        return PythonScript(seed, seeds_folder(seed), root)
    if seed.kind is Kind.SQL:
        return SqlScript(seed, root, dialect_names)
    return DataScript(seed, root)
