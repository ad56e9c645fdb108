"""Going back to the seeded state by rows, beside emptying all tables, which brings nothing back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import sqlalchemy as sa

from benchmarks import project
from benchmarks.case import Case, Place
from benchmarks.cases._tables import GoingBack, make, schema
from benchmarks.sitting import DifferentRows
from tdm_seed.values import Way

ROWS = 1_000

#: How many tables the schemas have.
TABLES = (30, 300)
#: Milliseconds that a reset may take where nothing was written.
AT_MOST = 3
#: What servers need for it.
SETTINGS = {"mysql": {"log-bin": "binlog", "binlog-format": "ROW"}}
_THEIRS = {
    "sqlite": "a copy of the file",
    "postgresql": "TRUNCATE of all tables, RESTART IDENTITY CASCADE, which brings nothing back",
    "mysql": "TRUNCATE of each table, checks of keys off, which brings nothing back",
}


def cases(place: Place) -> Iterator[Case]:
    """Give a schema of each size, after a few rows were written and after none, where this way is there."""
    if place.database in _THEIRS:
        for tables in TABLES:
            for written in (True, False):
                case = Reset(place, tables, written=written)
                yield case
                case.close()


class Reset(GoingBack):
    """A seeded schema, in which a test has written two rows and deleted one, in two tables, and taken one back."""

    def __init__(self, place: Place, tables: int, *, written: bool) -> None:
        self.name = f"reset/{tables}-{'written' if written else 'untouched'}"
        self.rows = place.rows
        self.alternative = _THEIRS[place.database]
        self._url, self._written = place.url, written
        self._file = place.folder / "benchmark.db" if place.database == "sqlite" else None
        self._metadata = schema(tables)
        folder = place.folder / self.name
        (folder / "seeds" / "reference").mkdir(parents=True)
        (folder / "seeds" / "reference" / "20260101_0000_first.sql").write_text("SELECT 1;\n")
        with project.connected(place.url) as connection:
            make(connection, self._metadata, max(place.rows // tables, 1))
        self._seeder = project.seeder(folder, place.url)
        self._seeder.__enter__()
        self._seeder.reset(confirmed=True, adopt=True)
        self._theirs = project.engine(place.url).connect()
        self._tester = project.engine(place.url).connect()
        self._seeded = self._found()

    def prepare(self) -> None:
        """Begin with what was seeded, but for what a test has left, as the test before that did.

        Theirs leaves every table with another file, which all who use it have to open anew: that is paid for here.
        """
        for _ in range(2):
            self._restore()
            if self._written:
                self._write()

    def _write(self) -> None:
        """Do what a test does."""
        first, second = self._metadata.tables["t000"], self._metadata.tables["t001"]
        with self._tester.begin():
            self._tester.execute(sa.insert(first), [{"name": "new"}, {"name": "newer"}])
        with self._tester.begin():
            self._tester.execute(sa.delete(second).where(second.c.id == 1, ~_pointed_to(self._metadata)))
            self._tester.execute(sa.update(second).where(second.c.id == 2).values(name="other"))
        with self._tester.begin() as transaction:
            self._tester.execute(sa.insert(second), {"name": "nobody"})
            transaction.rollback()

    def ours(self) -> None:
        """Put back what was written, on a live Seeder."""
        self._side = "ours"
        self._restore()

    def _restore(self) -> None:
        if self._seeder.reset(confirmed=True).way is not Way.ROWS:
            raise DifferentRows(f"{self.name}: ours has not gone back by rows")

    def theirs(self) -> None:
        """Empty all tables on a live connection, or copy the file."""
        self._side = "theirs"
        if self._file is not None:
            shutil.copyfile(self._file, self._file.with_suffix(".copy"))
            return
        tables = [table.name for table in self._metadata.sorted_tables]
        with self._theirs.begin():
            if self._theirs.dialect.name == "mysql":
                for each in ("SET foreign_key_checks = 0", *(f"TRUNCATE {t}" for t in tables)):
                    self._theirs.exec_driver_sql(each)
                return
            names = ", ".join(tables)
            self._theirs.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY CASCADE")

    def remark(self, ours: float, theirs: float) -> str:
        """Say what it costs where nothing was written."""
        return "" if self._written else f"{ours * 1000:.2f} ms where nothing was written (at most {AT_MOST})"

    def close(self) -> None:
        """Leave the database as it was found."""
        self._seeder.reset(confirmed=True, empty=True)
        self._seeder.__exit__(None, None, None)
        for connection in (self._theirs, self._tester):
            connection.close()
            connection.engine.dispose()
        with project.connected(self._url) as connection:
            self._metadata.drop_all(connection)
            connection.execute(sa.delete(sa.table(project.HISTORY)))


def _pointed_to(metadata: sa.MetaData) -> sa.ColumnElement[bool]:
    """Tell whether a row of the second table has children."""
    child = metadata.tables["t002"]
    return sa.exists().where(child.c.parent_id == metadata.tables["t001"].c.id)
