"""The generic dialect: plain SQL, proven on SQLite's driver and on DuckDB, which tdm-seed knows nothing about."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import registry

from tdm_seed.dialects import resolve
from tdm_seed.dialects.generic import Generic
from tdm_seed.engine import Seeder
from tdm_seed.environments import Project
from tdm_seed.errors import DatabaseError, TdmSeedError
from tdm_seed.values import Changes
from tests.conformance.small import Shop, SmallConformance

#: The first SQLAlchemy that duckdb-sqlalchemy works with.
DUCKDB_NEEDS = (2, 0, 45)


ENV_PY = """\
from alembic import context
from sqlalchemy import create_engine, pool

engine = create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""

MIGRATION = """\
import sqlalchemy as sa
from alembic import op

revision, down_revision = "a1", None

def upgrade():
    op.create_table("thing", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text, unique=True))
"""


class TestSqliteDriver(SmallConformance):
    """SQLite's driver under a name that no dialect of tdm-seed answers to.

    It begins transactions late, would commit at the end of a first savepoint, leaves temporary tables behind after a
    rollback and checks no foreign key: about the worst that a driver may do to plain SQL.
    """

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        """A file that only SQLAlchemy knows to be SQLite's."""
        registry.register("plainlite", "sqlalchemy.dialects.sqlite.pysqlite", "SQLiteDialect_pysqlite")
        return f"plainlite:///{tmp_path / 'plain.db'}"

    def test_it_is_served_by_the_generic_dialect(self, url: str) -> None:
        """Which is what an unknown name gets."""
        assert Generic is type(resolve(url)[0])

    def test_foreign_keys_are_proven_inside_a_block_too(self, shop: Shop) -> None:
        """Nothing is deferred, since nothing is checked; but the block does not end with an orphan."""
        shop.add(
            "block.py",
            "depends_on = ['countries']\ndef upgrade(db):\n"
            "    try:\n"
            "        with db.deferred_constraints('city'):\n"
            "            db.insert('city', {'id': 1, 'name': 'x', 'country_code': 'QQ'})\n"
            "    except Exception as error:\n"
            "        raise ValueError(f'the block says: {error}')\n",
        )
        with pytest.raises(
            TdmSeedError, match=r"the block says: table city: \(country_code\) = \(QQ\) points to no row"
        ):
            shop.upgrade(targets=["block"])


class TestDuckDB(SmallConformance):
    """An outsider, with keys and transactions of its own kind; what it cannot do is told."""

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        """A file of DuckDB's."""
        found = tuple(int(part) for part in sa.__version__.split(".")[:3])
        if found < DUCKDB_NEEDS:
            pytest.skip(f"duckdb-sqlalchemy works from SQLAlchemy 2.0.45 on, and this is {sa.__version__}")
        return f"duckdb:///{tmp_path / 'duck.db'}"

    @pytest.fixture
    def define(self, shop: Shop) -> Iterator[sa.Connection]:
        """A connection to define further tables with."""
        dialect, url = resolve(shop.url)
        engine = dialect.engine(url, "a migration")
        with engine.begin() as connection:
            yield connection
        engine.dispose()

    def test_it_is_served_by_the_generic_dialect(self, url: str) -> None:
        """Which is what an unknown name gets."""
        assert Generic is type(resolve(url)[0])

    def test_floats_of_four_bytes_are_equal_the_second_time(self, shop: Shop, define: sa.Connection) -> None:
        """A value inside a statement would be a double, and so another one."""
        define.exec_driver_sql("CREATE TABLE heat (id INTEGER PRIMARY KEY, degrees REAL, label CHAR(5))")
        define.commit()
        shop.add("heat.py", "def upgrade(db):\n    db.upsert('heat', [{'id': 1, 'degrees': 0.1, 'label': 'a'}])\n")
        assert [{"heat": Changes(inserted=1)}] == [result.tables for result in shop.upgrade(targets=["heat"])]
        assert [{"heat": Changes(unchanged=1)}] == [
            result.tables for result in shop.upgrade(targets=["heat"], again=["heat"])
        ]

    @pytest.fixture
    def pages(self, define: sa.Connection) -> None:
        """A table that is numbered by a sequence."""
        define.exec_driver_sql("CREATE SEQUENCE numbers")
        define.exec_driver_sql("CREATE TABLE page (id INTEGER PRIMARY KEY DEFAULT nextval('numbers'), title VARCHAR)")
        define.commit()

    def test_a_sequence_is_drawn_from_until_it_is_behind_the_numbers_given(self, shop: Shop, pages: None) -> None:
        """DuckDB cannot move one otherwise; those that it is ahead of cost one number."""
        shop.add(
            "pages.py", "def upgrade(db):\n    db.insert('page', [{'id': i * 2, 'title': 'x'} for i in range(1, 4)])\n"
        )
        shop.upgrade(targets=["pages"])
        shop.add("more.py", "def upgrade(db):\n    db.insert('page', [{'title': 'y'}, {'title': 'z'}])\n")
        shop.upgrade(targets=["more"])
        assert [(2,), (4,), (6,), (7,), (8,)] == shop.rows(sa.text("SELECT id FROM page ORDER BY id"))
        assert [("page", 5, ("id",))] == [(t.table, t.rows, t.left_out) for t in shop.digest() if t.table == "page"]

    def test_a_sequence_that_is_too_far_behind_is_told(self, shop: Shop, pages: None) -> None:
        """And the rows are taken back, since their numbers would be given again."""
        shop.add("far.py", "def upgrade(db):\n    db.insert('page', {'id': 1000000, 'title': 'x'})\n")
        with pytest.raises(DatabaseError, match=r"table page, column id: numbers were given, but nextval\('numbers'\)"):
            shop.upgrade(targets=["far"])
        assert [] == shop.rows(sa.text("SELECT * FROM page"))

    def test_rows_that_point_to_one_another_come_in_two_calls(self, shop: Shop, define: sa.Connection) -> None:
        """DuckDB looks at a block of rows as it comes; the message says what to do."""
        define.exec_driver_sql("CREATE TABLE area (id INTEGER PRIMARY KEY, up INTEGER REFERENCES area (id))")
        define.commit()
        parent, child = {"id": 1, "up": None}, {"id": 2, "up": 1}
        shop.add("areas.py", f"def upgrade(db):\n    db.upsert('area', [{parent}, {child}])\n")
        with pytest.raises(DatabaseError, match='"id: 1" does not exist') as failed:
            shop.upgrade(targets=["areas"])
        assert "load parents in an earlier call" in str(failed.value.hint)
        shop.add("areas.py", f"def upgrade(db):\n    db.upsert('area', [{parent}])\n    db.upsert('area', [{child}])\n")
        assert "+2" == str(shop.upgrade(targets=["areas"])[0].changes)

    def test_a_unique_column_of_a_row_that_is_referred_to_stays_as_it_is(self, shop: Shop) -> None:
        """DuckDB updates an indexed row by removing it, so it refuses; the seed is not half applied."""
        shop.upgrade()
        shop.add("rename.py", "def upgrade(db):\n    db.upsert('country', [{'code': 'DE', 'name': 'Germany'}])\n")
        with pytest.raises(DatabaseError, match="still referenced") as failed:
            shop.upgrade()
        assert "or a row is still referred to" in str(failed.value.hint)
        shop.add("rename.py", "def upgrade(db):\n    db.upsert('country', [{'code': 'DE', 'warmth': 9.5}])\n")
        assert "~1" == str(shop.upgrade()[0].changes)

    def test_a_reset_brings_back_what_was_there_first_and_seeds_again(self, shop: Shop) -> None:
        """Not here, for the reason below; it is told, and everything stays as it is."""
        shop.upgrade()
        first = shop.digest()
        with shop.seeder() as seeder, pytest.raises(DatabaseError, match="still referenced"):
            seeder.reset(confirmed=True)
        assert first == shop.digest()

    def test_children_and_parents_go_in_transactions_of_their_own(self, shop: Shop) -> None:
        """DuckDB still sees children that the same transaction has removed; two seeds do it."""
        shop.upgrade()
        delete_children, delete_parents = (
            "    db.delete('city', where='1=1')\n",
            "    db.delete('country', where='1=1')\n",
        )
        shop.add("away.py", f"def upgrade(db):\n{delete_children}{delete_parents}")
        with pytest.raises(DatabaseError, match="still referenced"):
            shop.upgrade()
        assert 201 == len(shop.rows(sa.text("SELECT * FROM city")))
        shop.add("away.py", f"def upgrade(db):\n{delete_children}")
        shop.write({"reference/20260202_0000_parents.py": f"def upgrade(db):\n{delete_parents}"})
        assert {"away": "-201", "parents": "-3"} == shop.changes()

    def test_alembic_migrates_it_first(self, url: str, tmp_path: Path) -> None:
        """As far as its SQLAlchemy dialect brings what Alembic needs; numbers are drawn after explicit ones."""
        files = {
            "tdm-seed.toml": 'alembic = "alembic.ini"\n',
            "alembic.ini": f"[alembic]\nscript_location = {tmp_path}/migrations\n",
            "migrations/env.py": ENV_PY,
            "migrations/versions/a1.py": MIGRATION,
            "seeds/environments/dev.toml": f'url = "{url}"\nlayers = ["reference"]\n',
            "seeds/reference/20260101_0000_thing.csv": "id,name\n1,a\n2,b\n",
        }
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        with Seeder(Project.load(tmp_path).environment("dev")) as seeder:
            assert ["+2"] == [str(result.changes) for result in seeder.upgrade(migrate=True)]
            assert ("a1",) == seeder.status().schema_heads
            assert [] == seeder.upgrade(migrate=True)

    def test_another_process_that_has_the_file_open_is_named(self, shop: Shop) -> None:
        """DuckDB lets one process in at a time, and says which it is."""
        path = resolve(shop.url)[1].database
        script = f"import duckdb, sys; c = duckdb.connect({path!r}); print('open', flush=True); sys.stdin.read()"
        with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout
            assert b"open\n" == other.stdout.readline()
            try:
                with pytest.raises(DatabaseError, match=f"cannot connect to {path}: .*PID {other.pid}"):
                    shop.upgrade()
            finally:
                other.communicate()

    def test_its_file_is_not_the_one_of_another_product(self, url: str) -> None:
        """The lock of a run is called after the product too."""
        dialect, found = resolve(url)
        assert dialect.identity(found) != dialect.identity(found.set(drivername="plainlite"))


@pytest.mark.parametrize("default", ["nextval('numbers')", "NEXT VALUE FOR numbers", "numbers.nextval"])
def test_a_sequence_is_recognised_however_it_is_written(default: str) -> None:
    """SQLAlchemy takes a key with a default for one that needs no number."""
    key = sa.Column("id", sa.Integer, primary_key=True, server_default=sa.text(default))
    assert key is Generic().numbered(sa.Table("page", sa.MetaData(), key))


def test_a_dialect_of_sqlalchemy_s_that_does_not_fit_is_suspected() -> None:
    """What it asks of the catalogue is not the user's SQL, and the hint says so."""
    statement = "SELECT pg_catalog.pg_collation.collname FROM pg_catalog.pg_collation"
    error = sa.exc.ProgrammingError(statement, (), Exception("Table pg_collation does not exist"))
    found = Generic().translate_error(error)
    assert f"Is that made for SQLAlchemy {sa.__version__}" in str(found)
    other = Generic().translate_error(sa.exc.ProgrammingError("SELECT 1", (), Exception("no")))
    assert "SQLAlchemy" not in str(other)
