"""Behind PgBouncer in transaction mode, where each transaction may get another session, everything works."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from tdm_seed import dialects
from tdm_seed.errors import Locked, SeedError
from tdm_seed.testing import servers
from tdm_seed.testing.databases import throwaway
from tdm_seed.testing.servers import pgbouncer
from tests.engine.conftest import playground
from tests.engine.playground import Playground, Points

REQUIRED = "pgbouncer" in os.environ.get("TDM_SEED_REQUIRE", "").replace(" ", "").split(",")


@pytest.fixture(scope="module")
def pooler(postgresql_server: servers.Server) -> Iterator[sa.URL]:
    """The URL of a PgBouncer in front of this run's PostgreSQL server."""
    try:
        pgbouncer.find()
    except servers.MissingServer as error:
        if REQUIRED:
            raise
        pytest.skip(str(error))
    with pgbouncer.pooled(postgresql_server) as url:
        yield url


@pytest.fixture
def play(pooler: sa.URL, postgresql_server: servers.Server, tmp_path: Path) -> Iterator[Playground]:
    """A playground behind the pooler, which has several sessions at hand."""
    with throwaway(postgresql_server) as url:
        database = sa.make_url(url).database
        made = playground(tmp_path / "project", pooler.set(database=database).render_as_string(hide_password=False))
        with ExitStack() as several:
            for _ in range(4):
                several.enter_context(made.connection()).exec_driver_sql("SELECT 1")  # only now it gets a session
        yield made


def session(play: Playground, connection: sa.Connection) -> int:
    """Ask which session a transaction has."""
    found: int = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    connection.rollback()
    return found


def test_each_transaction_gets_another_session(play: Playground) -> None:
    """So that what follows shows something."""
    dialect, url = dialects.resolve(play.url)
    engine = dialect.engine(url, "test")
    with engine.connect() as connection:
        assert 1 < len({session(play, connection) for _ in range(8)})
    engine.dispose()


def test_seeds_are_applied_verified_reverted_and_applied_again(play: Playground) -> None:
    """Few rows and many, which need a temporary table; references, constraints that are deferred, SQL."""
    play.item("one", 1)
    play.seed(
        "many",
        """
        def upgrade(db):
            db.upsert("country", [{"code": "IE", "name": "Ireland"}, {"code": "XX", "name": "Elsewhere"}])
            db.upsert("city", ({"id": i, "name": str(i), "country_code.code": "IE"} for i in range(1, 1500)))
            with db.deferred_constraints("city", "country"):
                db.upsert("city", [{"id": 5000, "name": "Ur", "country_code": "YY"}])
                db.upsert("country", [{"code": "YY", "name": "Nowhere"}])

        def verify(db):
            assert db.scalar("SELECT count(*) FROM city") == 1500
        """,
    )
    play.seed(
        "sql",
        "INSERT INTO item (id, label) VALUES (2, 'two');\nUPDATE item SET label = 'two!' WHERE id = 2;\n",
        suffix=".sql",
    )
    assert ["one", "many", "sql"] == play.ran()
    assert [] == play.ran()
    assert {"applied"} == {each.state for each in play.status().values()}
    assert {None} == {each.error for each in play.verify().values()}
    before = play.digest()
    assert ["one"] == play.downgrade("one")
    assert ["one"] == play.ran()
    assert before == play.digest()
    assert 1 == len(play.upgrade(again=("many",)))


def test_a_reset_empties_and_seeds_again(play: Playground) -> None:
    """In its one transaction."""
    play.item("one", 1)
    play.ran()
    play.sql("INSERT INTO item (id, label) VALUES (9, 'of somebody')")
    with play.seeder() as seeder:
        assert ["one"] == [each.seed.name for each in seeder.reset(confirmed=True).results]
    assert [1] == play.items()


def test_a_dry_run_is_taken_back(play: Playground) -> None:
    """All of it."""
    play.item("one", 1)
    before = play.content()
    assert ["one"] == play.ran(dry_run=True)
    assert before == play.content()


def test_one_runner_at_a_time(play: Playground) -> None:
    """The lock is not stranded on a session of the pool: it is held while somebody runs, and free afterwards."""
    play.item("one", 1)
    refused: list[str] = []

    class Second(Points):
        def reached(self, point: str) -> None:
            if point == "after load":
                with pytest.raises(Locked) as locked, play.seeder(lock_timeout=0.2) as seeder:
                    seeder.upgrade()
                refused.append(locked.value.message)

    play.upgrade(progress=Second())
    assert ["another runner holds the lock"] == [message.partition(":")[0] for message in refused]
    play.item("two", 2)
    assert ["two"] == play.ran()


def test_a_seed_without_a_transaction_is_refused_before_anything_runs(play: Playground) -> None:
    """Each of its statements may get another session, and its temporary tables are on the one before."""
    play.item("one", 1)
    revision = play.seed("none", 'transaction = "none"\n\ndef upgrade(db):\n    db.load("item", [{"id": 2}])\n')
    before = play.content()
    with pytest.raises(SeedError, match="each of its statements would get another session") as refused:
        play.ran()
    assert (revision, 1) == (refused.value.place.seed, refused.value.exit_code)
    assert "a URL that leads to the server itself" in (refused.value.hint or "")
    assert before == play.content()


def test_a_mistake_leaves_no_trace_in_the_pool(play: Playground) -> None:
    """The next transaction of the same session is as good as before."""
    revision = play.seed("wrong", 'def upgrade(db):\n    db.load("item", [{"id": 1}])\n    raise ValueError("no")\n')
    with pytest.raises(SeedError):
        play.ran()
    play.path(revision).write_text('def upgrade(db):\n    db.load("item", [{"id": 1}])\n')
    assert ["wrong"] == play.ran()
