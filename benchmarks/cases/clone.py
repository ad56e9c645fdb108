"""Putting a snapshot in the place of a whole database, beside the bare statements or the copy of a file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from benchmarks import project
from benchmarks.case import Case, Place
from benchmarks.cases._tables import GoingBack, counted, make, schema

ROWS = 1_000

#: How many tables the schema has.
TABLES = 30
#: From this size on PostgreSQL is told to copy files, as the quicker way; so does tdm-seed.
_FILES_FROM = 24 << 20
_BESIDE = "tdm_seed_benchmark_beside"
_THEIRS = {
    "sqlite": "a copy of the file",
    "postgresql": "CREATE DATABASE … TEMPLATE, DROP DATABASE, on a connection that is open",
    "mysql": "each table dropped, made again and filled by INSERT … SELECT from a database beside it",
}


def cases(place: Place) -> Iterator[Case]:
    """Give the one case, where there are snapshots."""
    if place.database in _THEIRS:
        case = Clone(place)
        yield case
        case.close()


class Clone(GoingBack):
    """A migrated and seeded database goes back to its snapshot; on a live Seeder, which is connected again behind it.

    Theirs takes no lock, asks nothing, copies neither grants nor settings, and renames nothing.
    """

    def __init__(self, place: Place) -> None:
        self.name = f"clone/{TABLES}-tables"
        self.rows = place.rows
        self.alternative = _THEIRS[place.database]
        self._product, self._url = place.database, place.url
        self._metadata = schema(TABLES)
        folder = place.folder / "clone"
        (folder / "seeds" / "reference").mkdir(parents=True)
        (folder / "seeds" / "reference" / "20260101_0000_first.sql").write_text("SELECT 1;\n")
        with project.connected(place.url) as connection:
            make(connection, self._metadata, max(place.rows // TABLES, 1))
            migrations = _migrated(folder, connection)
            self._seeded = counted(connection, self._metadata)
        self._seeder = project.seeder(folder, place.url, alembic=migrations).__enter__()
        self._seeder.upgrade()
        self._snapshot = self._seeder.snapshot().snapshot
        url = sa.make_url(place.url)
        self._file = Path(str(url.database)) if place.database == "sqlite" else None
        beside = url.set(database="postgres") if place.database == "postgresql" else url
        self._admin = project.engine(beside.render_as_string(hide_password=False)).connect()
        self._admin = self._admin.execution_options(isolation_level="AUTOCOMMIT")
        self._definitions = self._copied(str(url.database)) if place.database == "mysql" else []

    def _copied(self, database: str) -> list[tuple[str, str]]:
        """Copy each table into a database beside this one, and give the statement that made it."""
        self._run(f"DROP DATABASE IF EXISTS {_BESIDE}", f"CREATE DATABASE {_BESIDE}")
        found = []
        for table in self._metadata.sorted_tables:
            name = table.name
            self._run(
                f"CREATE TABLE {_BESIDE}.{name} LIKE {name}", f"INSERT INTO {_BESIDE}.{name} SELECT * FROM {name}"
            )
            found.append((name, str(self._admin.exec_driver_sql(f"SHOW CREATE TABLE {name}").one()[1])))
        return found

    def _run(self, *statements: str) -> None:
        for statement in statements:
            self._admin.exec_driver_sql(statement, execution_options={"no_parameters": True})

    def prepare(self) -> None:
        """Write something, so that there is something to go back from."""
        with project.connected(self._url) as connection:
            connection.exec_driver_sql("UPDATE t000 SET name = 'other' WHERE id = 1")

    def ours(self) -> None:
        """Restore the snapshot."""
        self._side = "ours"
        self._seeder.restore(confirmed=True)

    def theirs(self) -> None:
        """Copy what is as large, by hand."""
        self._side = "theirs"
        if self._file is not None:
            shutil.copyfile(self._file, self._file.with_suffix(".copy"))
        elif self._product == "postgresql":
            strategy = "file_copy" if (self._snapshot.size or 0) >= _FILES_FROM else "wal_log"
            self._run(
                f"CREATE DATABASE {_BESIDE} TEMPLATE {self._snapshot.name} STRATEGY {strategy}",
                f"DROP DATABASE {_BESIDE}",
            )
        else:
            self._run("SET foreign_key_checks = 0")
            for name, definition in self._definitions:
                self._run(f"DROP TABLE {name}", definition, f"INSERT INTO {name} SELECT * FROM {_BESIDE}.{name}")
            self._run("SET foreign_key_checks = 1")

    def remark(self, ours: float, theirs: float) -> str:
        """Say what ours costs beyond theirs, which hardly depends on the rows."""
        return f"{(ours - theirs) * 1000:.0f} ms beyond that"

    def close(self) -> None:
        """Leave the server as it was found."""
        self._seeder.prune(keep=0)
        store = self._seeder._session.store()
        store.drop(self._snapshot)
        self._seeder.__exit__(None, None, None)
        if self._product == "mysql":
            self._run(f"DROP DATABASE {_BESIDE}")
        self._admin.close()
        self._admin.engine.dispose()


def _migrated(folder: Path, connection: sa.Connection) -> Path:
    """Let the schema be the work of a migration, as most are: it then is known by the migration's file."""
    (folder / "migrations" / "versions").mkdir(parents=True)
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/migrations\n")
    (folder / "migrations" / "env.py").write_text("")
    (folder / "migrations" / "versions" / "one.py").write_text("revision = 'one'\ndown_revision = None\n")
    connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('one')")
    return folder / "alembic.ini"
