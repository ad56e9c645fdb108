"""What the planner knows of a table is refreshed after a large load, also where its indexes stayed in place."""

from __future__ import annotations

import pytest

from tdm_seed.loading import large
from tests.engine.playground import MANIFEST, Playground

MANY = """
def upgrade(db):
    db.load("item", ({"id": i, "label": "x"} for i in range(300)))
"""


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call a load large that no test has to wait for."""
    monkeypatch.setattr(large, "LARGE", 100)


@pytest.mark.parametrize("kind", ["seed", "chunk"])
@pytest.mark.parametrize("rebuild", ["never", "allow"])
def test_postgresql_is_told_how_many_rows_there_are(postgresql_play: Playground, kind: str, rebuild: str) -> None:
    """When the seed commits, and not a minute later."""
    postgresql_play.manifest(text=f'rebuild = "{rebuild}"\n{MANIFEST}')
    postgresql_play.seed("many", f'transaction = "{kind}"\n{MANY}')
    postgresql_play.upgrade()
    assert [(300,)] == postgresql_play.rows("SELECT CAST(reltuples AS int) FROM pg_class WHERE relname = 'item'")


@pytest.mark.parametrize("rebuild", ["never", "allow"])
def test_sqlite_is_told_where_it_was_before(sqlite_play: Playground, rebuild: str) -> None:
    """A database that was never analysed stays so."""
    sqlite_play.manifest(text=f'rebuild = "{rebuild}"\n{MANIFEST}')
    sqlite_play.seed("many", MANY)
    sqlite_play.upgrade()
    assert "sqlite_stat1" not in sqlite_play.tables()
    sqlite_play.sql("DELETE FROM item", "ANALYZE")
    sqlite_play.upgrade("many", again=("many",))
    assert [("300",)] == sqlite_play.rows("SELECT stat FROM sqlite_stat1 WHERE tbl = 'item'")


def test_few_rows_cost_no_statement(postgresql_play: Playground) -> None:
    """Autovacuum may look at them when it likes."""
    postgresql_play.item("one", 1)
    postgresql_play.upgrade()
    assert [(-1,)] == postgresql_play.rows("SELECT CAST(reltuples AS int) FROM pg_class WHERE relname = 'item'")
