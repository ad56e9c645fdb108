"""Where a database's schema stands, and how the user's own ``env.py`` brings it to the newest revision."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from tdm_seed.environments.project import Project
from tdm_seed.errors import SchemaNotReady
from tdm_seed.schema_version import version_table
from tdm_seed.schema_version.files import plain_folder
from tdm_seed.schema_version.location import Location
from tdm_seed.schema_version.version_table import VersionTable

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from tdm_seed.schema_version.handover import Handover
    from tdm_seed.schema_version.probing import Probe
    from tdm_seed.schema_version.scripts import Scripts
    from tdm_seed.schema_version.target import Target


_AGAIN = "Correct it, or what it works on, then run the command again."


@dataclass(frozen=True)
class MigrationResult:
    """The revisions that a database was at before and after it was migrated."""

    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class SchemaVersion:
    """Alembic, as a project uses it. The migrations are read once; make a new one when they have changed."""

    location: Location
    version_table: str | None = None
    version_table_schema: str | None = None
    _seen: list[VersionTable] = field(default_factory=list, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, project: Project) -> SchemaVersion | None:
        """Give the Alembic of a project, or None where it has none; no file is read yet."""
        location = Location.of(project)
        if location is None:
            return None
        return cls(location, project.version_table, project.version_table_schema)

    def newest(self) -> tuple[str, ...]:
        """List the heads of the migrations."""
        return self._scripts.heads

    def known(self) -> tuple[str, ...]:
        """List every migration, the newest first."""
        return tuple(self._scripts.stands_on)

    def exists(self, revision: str) -> bool:
        """Tell whether there is a migration of exactly this name."""
        return revision in self._scripts.stands_on

    def revisions(self, heads: tuple[str, ...]) -> frozenset[str]:
        """Give every revision that a database at these heads has, the heads included.

        Raises:
            SchemaNotReady: there is no such migration.
        """
        return self._scripts.applied(heads)

    def heads(self, connection: Connection) -> tuple[str, ...]:
        """Read what revisions a database is at; none before its first migration.

        ``env.py`` is not run, nothing is written, and the connection's transaction is left as it was.

        Raises:
            UsageError: ``env.py`` chooses its version table while it runs, and neither the configuration nor a
                probe has said which it is.
        """
        return self._table().read(connection)

    def tables(self) -> frozenset[str]:
        """Name the tables that hold Alembic's revisions, not data."""
        return frozenset((self._table().name,))

    def probe(self, url: str | None = None) -> Probe:
        """Run ``env.py`` until it has chosen its database, and tell which one that is; nothing is written.

        With a URL, that database is handed over in every way that an ``env.py`` may expect it, until it takes it;
        without, it is the one that ``alembic`` itself would use. ``heads`` reads the version table that was seen.

        Raises:
            SchemaNotReady: ``env.py`` fails, never configures Alembic, or is for several databases.
            DatabaseError: it cannot connect.
        """
        from tdm_seed.schema_version.target import Target

        if url is None:
            return self._probe(None)[0]
        with Target(url) as target:
            return self._probe(target)[0]

    def migrate(self, url: str, connection: Connection | None = None) -> MigrationResult:
        """Bring a database to the newest revisions by the project's own ``env.py``.

        The probe comes first, so that nothing is ever written to another database. A ``connection`` is lent to
        ``env.py``; no URL leads to a database in memory, or into a transaction that is open.

        Raises:
            SchemaNotReady: ``env.py`` fails or works with another database, the database is at a revision that the
                project does not have, or a migration failed.
            UsageError: a migration cannot be read.
            DatabaseError: the database cannot be reached.
        """
        from tdm_seed.schema_version.target import Target

        with Target(url, connection) as target:
            ours = target.connection
            probe, handover = self._probe(target)
            self._refuse_another(probe, target)
            before = self.heads(ours)
            self.revisions(before)
            with target.dialect.migrating(ours):
                self._upgrade(target, handover)
            after = self.heads(ours)
            if self.revisions(after) != frozenset(self._scripts.stands_on):
                raise SchemaNotReady(
                    f"this ran through, but by the table {self._table()} the database {target} is {_at(after)} instead "
                    f"of {_at(self.newest())}",
                    hint="Is it the table that env.py uses? Does env.py run the migrations, and commit?",
                    file=self._scripts.env_py,
                )
            return MigrationResult(before, after)

    @cached_property
    def _scripts(self) -> Scripts:
        from tdm_seed.schema_version.scripts import load

        return load(self.location.prepare())

    def _table(self) -> VersionTable:
        """Choose by what the configuration says, what a probe saw, what stands in ``env.py``, in this order."""
        if self.version_table is not None:
            return VersionTable(self.version_table, self.version_table_schema)
        if self._seen:
            return VersionTable(self._seen[-1].name, self.version_table_schema or self._seen[-1].schema)
        folder = plain_folder(self.location)  # which spares 0.1 s of CPU for Alembic
        env_py = folder / "env.py" if folder else self._scripts.env_py
        name = version_table.declared(env_py, "version_table") or version_table.DEFAULT
        schema = self.version_table_schema or version_table.declared(env_py, "version_table_schema")
        return VersionTable(name, schema)

    def _probe(self, target: Target | None) -> tuple[Probe, Handover]:
        from tdm_seed.schema_version.probing import probe

        found, handover = probe(self.location, target)
        self._seen.append(VersionTable(found.version_table, found.version_table_schema))
        return found, handover

    def _refuse_another(self, probe: Probe, target: Target) -> None:
        """Refuse an ``env.py`` that works with another database, with the lines that it needs."""
        from tdm_seed.schema_version.probing import REMEDY, named

        if not probe.uses_our_url:
            raise SchemaNotReady(
                f"this migrates another database, {named(probe)}, not that of the environment, {target}",
                hint=REMEDY,
                file=self._scripts.env_py,
            )

    def _upgrade(self, target: Target, handover: Handover) -> None:
        from tdm_seed.schema_version.failures import translated
        from tdm_seed.schema_version.running import upgrade

        prepared = self.location.prepare()
        try:
            upgrade(prepared, handover, target.reached_by)
            if target.lent is None and target.connection.in_transaction():
                target.connection.commit()
        except (Exception, SystemExit) as error:
            folders = (prepared.base, self._scripts.folder)
            found = translated(error, SchemaNotReady, "the migration failed", target.dialect, *folders)
            found.hint = " ".join(filter(None, (found.hint or _AGAIN, self._state(target))))
            raise found from error

    def _state(self, target: Target) -> str:
        """Say where a failed migration has left the database, if it still answers."""
        try:
            if target.lent is None:
                target.connection.rollback()
            return f"The database is {_at(self.heads(target.connection))}.{_left(target.connection)}"
        except Exception:  # what failed is being told already
            return ""


def _left(connection: Connection) -> str:
    """Say that a migration which failed, now or before, has left something behind, where Alembic has no way back."""
    from alembic.ddl.impl import DefaultImpl

    if DefaultImpl.get_by_dialect(connection.dialect).transactional_ddl:
        return ""
    return " What it had made when it failed, or was cut off before, is still there: take that back first."


def _at(heads: tuple[str, ...]) -> str:
    if not heads:
        return "at no revision yet"
    return f"at revision {heads[0]}" if len(heads) == 1 else f"at revisions {', '.join(heads)}"
