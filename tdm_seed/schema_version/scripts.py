"""The migrations of a project as a graph: what each revision stands on."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tdm_seed.errors import SchemaNotReady, UsageError
from tdm_seed.schema_version.failures import describe, place
from tdm_seed.schema_version.location import Prepared
from tdm_seed.schema_version.surroundings import importing


@dataclass(frozen=True)
class Scripts:
    """Every revision, the newest first, with those it stands on directly, by succession or by ``depends_on``."""

    folder: Path
    stands_on: Mapping[str, frozenset[str]]
    heads: tuple[str, ...]

    @property
    def env_py(self) -> Path:
        """Give the file that runs the migrations."""
        return self.folder / "env.py"

    def applied(self, heads: Iterable[str]) -> frozenset[str]:
        """Give every revision that is in a database at these heads, the heads included.

        Raises:
            SchemaNotReady: the project has no migration of that name.
        """
        found: set[str] = set()
        waiting = list(heads)
        while waiting:
            revision = waiting.pop()
            if revision not in self.stands_on:
                raise SchemaNotReady(
                    f"the database is at Alembic revision {revision}, which {self.folder} does not have",
                    hint="Get the migrations of the branch that migrated it, or use a database of your own.",
                )
            if revision not in found:
                found.add(revision)
                waiting += self.stands_on[revision]
        return frozenset(found)


def load(prepared: Prepared) -> Scripts:
    """Read the migrations; Alembic imports each file, but runs none of them.

    Raises:
        UsageError: a file that cannot be imported, a revision that stands on one that is not there, or a circle.
    """
    from alembic.script import ScriptDirectory

    with importing(prepared), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        folder: Path | None = None
        try:
            search = list(sys.path)
            directory = ScriptDirectory.from_config(prepared.config)
            sys.path[:] = search  # it has put paths in front that count from the working directory
            folder = Path(directory.dir).absolute()
            directory.version_locations = [
                str(location) if ":" in str(location) else str(prepared.base / location)
                for location in directory.version_locations or ()
            ]
            stands_on = {
                script.revision: frozenset(
                    needed.revision
                    for names in (script.down_revision, script.dependencies)
                    for needed in directory.get_revisions(_names(names))
                )
                for script in directory.walk_revisions()
            }
            return Scripts(folder, stands_on, tuple(sorted(directory.get_heads())))
        except (Exception, SystemExit) as error:
            reasons = [str(warning.message) for warning in told if issubclass(warning.category, UserWarning)]
            reason = "; ".join(reasons) or describe(error)
            where = place(error, prepared.base, folder or prepared.base)
            raise UsageError(
                f"Alembic cannot read the migrations: {reason.strip()}",
                hint="`alembic history` meets the same. Correct the file, or get the one that is missing.",
                file=where.file or folder,
                line=where.line,
            ) from error


def _names(given: str | Iterable[str] | None) -> tuple[str, ...]:
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)
