"""A place to try seeds in: an empty database, a project of its own, and a seed's open transaction."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tdm_seed import dialects
from tdm_seed.database import Database
from tdm_seed.dialects.base import Dialect
from tdm_seed.engine import Progress, Seeder
from tdm_seed.engine.session import Session
from tdm_seed.environments import Environment, Project
from tdm_seed.loading.sources import RowsFile
from tdm_seed.revisions import Section
from tdm_seed.values import Kind, Layer, Seed

NOW = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Product:
    """One line of the table: a name, the fixture that gives an empty database, and what is lacking, with the reason."""

    name: str
    url: str
    lacks: Mapping[str, str] = field(default_factory=dict)


class Place:
    """An empty database, a project with one seed in a folder of its own, and the seed's open transaction.

    ``db`` is what the seed is handed. `create` makes tables, `commit` keeps the seed's promise as the engine does.
    """

    def __init__(self, product: Product, url: str, folder: Path) -> None:
        self.product = product
        self.url = url
        self.folder = folder / "project"
        self.folder.mkdir()
        self._stack = ExitStack()
        self._files = itertools.count(1)

    def __enter__(self) -> Place:
        dialect, url = dialects.resolve(self.url)
        if file := dialect.file(url):
            file.touch()  # what only reads makes none, and the lock that would make it is not taken here
        self.session = self._stack.enter_context(self.session_at(self.url))
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        if hasattr(self, "_transaction"):
            self.rollback(begin=False)
        self._stack.close()

    # ---- the seed and its transaction -------------------------------------------------------------------------------

    @property
    def project(self) -> Project:
        """A project whose seeds are in a folder of their own."""
        return Project(root=self.folder, seeds=self.folder / "seeds")

    def environment(self, url: str | None = None, **values: Any) -> Environment:
        """An environment on this database."""
        return Environment(
            "dev", self.project, given_url=url or self.url, random_seed=7, now=NOW, **{"scenarios": ("*",), **values}
        )

    @contextmanager
    def session_at(self, url: str) -> Iterator[Session]:
        """Open a session as the engine does."""
        with Session(self.environment(url), 5.0, Progress()) as session:
            yield session

    def database(self, session: Session, **seed: Any) -> Database:
        """Hand a session's database to a seed."""
        path = self.folder / "20260101_0000_here.py"
        files = (path, *(path.with_suffix(suffix) for suffix in (".csv", ".json", ".jsonl")))
        here = Seed("20260101_0000_here", "here", Layer.REFERENCE, Kind.PYTHON, path, "", "1:x", files)
        return Database(
            session.connection, session.dialect, session.schema, replace(here, **seed), session.environment, NOW
        )

    @property
    def dialect(self) -> Dialect:
        """The dialect at work."""
        return self.session.dialect

    @property
    def connection(self) -> sa.Connection:
        """The seed's connection."""
        return self.session.connection

    def _begin(self) -> None:
        self._transaction = ExitStack()
        self._transaction.enter_context(self.session.dialect.transaction(self.session.connection, write=True))
        self.db = self.database(self.session)

    def commit(self, *, begin: bool = True) -> None:
        """Keep the seed's promise: prove what was deferred, let sequences catch up, commit; then begin anew."""
        self.dialect.settle(self.connection)
        self.db.writer.catch_up()
        self._transaction.close()
        del self._transaction
        if begin:
            self._begin()

    def rollback(self, *, begin: bool = True) -> None:
        """Take back what was written since the last commit."""
        transaction = self.connection.get_transaction()
        if transaction is not None and not self.connection.invalidated:
            transaction.rollback()
        self._transaction.close()
        del self._transaction
        if begin:
            self._begin()

    # ---- making things ----------------------------------------------------------------------------------------------

    def create(self, *statements: str | sa.Table | sa.MetaData) -> None:
        """Create tables, in the words of SQL or of SQLAlchemy, and commit them."""
        for statement in statements:
            if isinstance(statement, str):
                self.connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
            else:
                metadata = statement if isinstance(statement, sa.MetaData) else statement.metadata
                metadata.create_all(self.connection)
        self.session.schema.forget()
        self.commit()

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def file(self, suffix: str, content: str | bytes) -> RowsFile:
        """Write a data file and give it as ``db.csv()`` would."""
        name = f"data{next(self._files)}{suffix}"
        return RowsFile(self.write(name, content), name)

    def csv(self, content: str | bytes) -> RowsFile:
        """Write a CSV and give it as ``db.csv()`` would."""
        return self.file(".csv", content)

    def run(self, sql: str, line: int = 1) -> None:
        """Run a section of an SQL seed that begins on ``line`` of ``seed.sql``."""
        self.db.run_sql(Section(self.folder / "seed.sql", line, sql))

    def verify(self, sql: str, line: int = 1) -> None:
        """Run a verify section that begins on ``line`` of ``seed.sql``."""
        self.db.verify_sql(Section(self.folder / "seed.sql", line, sql))

    # ---- looking ----------------------------------------------------------------------------------------------------

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Read a table as SQLAlchemy gives it, sorted."""
        found = self.db.table(table)
        picked = [found.columns[name] for name in columns] or list(found.columns)
        return sorted((tuple(row) for row in self.connection.execute(sa.select(*picked))), key=repr)

    @contextmanager
    def other(self, url: str | None = None) -> Iterator[sa.Connection]:
        """Connect as the application would, side by side with the seed."""
        engine = self.dialect.engine(sa.make_url(self.dialect.url(sa.make_url(url or self.url))), "the application")
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

    # ---- whole seeds ------------------------------------------------------------------------------------------------

    def seeds(self, files: Mapping[str, str | bytes]) -> None:
        """Write the files of seeds, by path below ``seeds/``."""
        for name, content in files.items():
            self.write(f"seeds/{name}", content)

    @contextmanager
    def seeder(self, url: str | None = None, **environment: Any) -> Iterator[Seeder]:
        """Work as the command line does; the seed's own transaction is committed before."""
        self.commit(begin=False)
        try:
            with Seeder(self.environment(url, **environment), lock_timeout=10) as seeder:
                yield seeder
        finally:
            self.session.schema.forget()
            self._begin()


def table(name: str, *columns: Any, **options: Any) -> sa.Table:
    """Describe a table by itself."""
    return sa.Table(name, sa.MetaData(), *columns, **options)


def dicts(names: str, *rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Write rows as tuples under one line of names."""
    columns = names.split()
    return [dict(zip(columns, row, strict=True)) for row in rows]
