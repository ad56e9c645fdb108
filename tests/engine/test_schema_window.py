"""Between requires_schema and schema_until: a seed runs when the migrations allow it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tdm_seed.errors import SchemaNotReady
from tests.engine.playground import Playground, Points

ENV_PY = """
import sqlalchemy as sa
from alembic import context

{engine}
"""

BY_URL = """
engine = sa.create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=sa.pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
"""

BY_CONNECTION = """
connection = context.config.attributes["connection"]
if isinstance(connection, sa.Engine):
    raise TypeError("a connection, please")
context.configure(connection=connection, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
"""

BY_ENGINE = """
with context.config.attributes["connection"].connect() as connection:
    if isinstance(context.config.attributes["connection"], sa.Connection):
        raise TypeError("an engine, please")
    context.configure(connection=connection, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
"""

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {down!r}


def upgrade():
    {body}
"""


def migrations(play: Playground, engine: str = BY_URL) -> None:
    """Give the project three migrations: m1, m2 and m3."""
    play.write("alembic.ini", "[alembic]\nscript_location = %(here)s/migrations\n")
    play.write("migrations/env.py", ENV_PY.format(engine=engine))
    play.write("migrations/script.py.mako", "")
    for down, revision in ((None, "m1"), ("m1", "m2"), ("m2", "m3")):
        migration(play, revision, down)


def migration(play: Playground, revision: str, down: str | None, body: str = "pass") -> Path:
    """Write a migration."""
    return play.write(f"migrations/versions/{revision}.py", MIGRATION.format(revision=revision, down=down, body=body))


def at(play: Playground, revision: str) -> None:
    """Note a revision as Alembic does."""
    play.sql(
        "CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
        "DELETE FROM alembic_version",
        f"INSERT INTO alembic_version (version_num) VALUES ('{revision}')",
    )


def test_a_seed_that_needs_a_migration_holds_everything_up(play: Playground) -> None:
    """Exit 5 before anything runs; the sentence says where the database is and what to do."""
    migrations(play)
    play.item("first", 1)
    revision = play.item("later", 2, header='requires_schema = "m2"\n')
    for position, told in (("", "no revision at all"), ("m1", "at m1")):
        if position:
            at(play, position)
        with pytest.raises(SchemaNotReady) as refused:
            play.ran()
        assert (5, revision) == (refused.value.exit_code, refused.value.place.seed)
        assert "requires the schema revision m2" in refused.value.message
        assert told in refused.value.message
        assert "--migrate" in (refused.value.hint or "")
        assert [] == play.items()
    at(play, "m2")
    assert ["first", "later"] == play.ran()
    assert [("m2",)] == list({entry.schema_heads for entry in play.history()})


def test_migrate_brings_the_schema_there_under_the_same_lock(play: Playground) -> None:
    """And the seed is applied in the same run."""
    migrations(play)
    migration(play, "m3", "m2", "op.create_table('made', sa.Column('id', sa.Integer, primary_key=True))")
    play.seed("made", 'requires_schema = "m3"\ndef upgrade(db):\n    db.load("made", [{"id": 1}])\n')
    assert ["made"] == play.ran(migrate=True)
    assert ["alembic_version", "city", "country", "item", "made", "seed_history"] == [
        table for table in play.tables() if not table.endswith("_lock")
    ]
    assert {"city", "country", "item", "made"} == {each.table for each in play.digest()}
    assert [] == play.ran(migrate=True)


def test_a_seed_of_yesterday_is_skipped_from_its_revision_on(play: Playground) -> None:
    """That is no drift, and it is said why."""
    migrations(play)
    play.item("old", 1, header='schema_until = "m3"\n')
    at(play, "m2")
    assert ["old"] == play.ran()
    play.sql("DELETE FROM seed_history")
    at(play, "m3")
    assert [] == play.ran()
    assert ("skipped", "no longer applies from m3") == (play.status()["old"].state, play.status()["old"].reason)


def test_a_revision_that_nobody_knows_gets_a_sentence(play: Playground) -> None:
    """A misspelt one in a seed, and one in the database that the migrations do not have."""
    migrations(play)
    at(play, "m3")
    revision = play.item("typo", 1, header='requires_schema = "m33"\n')
    with pytest.raises(
        SchemaNotReady, match="requires the schema revision m33, which the migrations do not know"
    ) as no:
        play.ran()
    assert (revision, f"seeds/reference/{revision}.py") == (no.value.place.seed, no.value.place.file)
    play.path(revision).unlink()
    at(play, "zz")
    with pytest.raises(SchemaNotReady, match="the database is at Alembic revision zz, which .* does not have"):
        play.ran()


def test_without_alembic_windows_are_not_looked_at(play: Playground) -> None:
    """Where the schema stands is not known, so nobody can say that it is not ready."""
    play.item("any", 1, header='requires_schema = "m2"\n')
    assert ["any"] == play.ran()


@pytest.mark.parametrize(
    ("engine", "memory"),
    [(BY_URL, False), (BY_CONNECTION, False), (BY_ENGINE, False), (BY_CONNECTION, True), (BY_ENGINE, True)],
    ids=["url", "connection", "engine", "connection to memory", "engine of memory"],
)
def test_a_table_that_is_rebuilt_keeps_the_rows_that_cascade_from_it(
    sqlite_play: Playground, engine: str, memory: bool
) -> None:
    """A batch migration of SQLite drops the table and makes it anew: with foreign keys on, that deletes its children.

    Whatever way the database is handed over to ``env.py``, they are off as in a run of ``alembic`` itself.
    """
    play = sqlite_play
    if memory:
        play = Playground(play.root, "sqlite://")
    migrations(play, engine)
    migration(
        play,
        "m1",
        None,
        "op.create_table('parent', sa.Column('id', sa.Integer, primary_key=True));"
        "op.create_table('child', sa.Column('id', sa.Integer, primary_key=True), "
        "sa.Column('parent_id', sa.Integer, sa.ForeignKey('parent.id', ondelete='CASCADE')))",
    )
    migration(
        play, "m2", "m1", "op.execute('INSERT INTO parent VALUES (1)'); op.execute('INSERT INTO child VALUES (1, 1)')"
    )
    play.write(
        "migrations/versions/m3.py",
        """
        import sqlalchemy as sa
        from alembic import op

        revision = "m3"
        down_revision = "m2"


        def upgrade():
            with op.batch_alter_table("parent", recreate="always") as batch:
                batch.add_column(sa.Column("extra", sa.Integer))
        """,
    )
    play.seed(
        "orphan",
        """
        def upgrade(db):
            assert db.rows("SELECT id, extra FROM parent") == [{"id": 1, "extra": None}]
            assert db.rows("SELECT id FROM child") == [{"id": 1}]
            db.load("child", [{"id": 2, "parent_id": 77}])
        """,
    )
    with play.seeder() as seeder, pytest.raises(Exception, match=r"\(77\) points to no row of parent") as refused:
        seeder.upgrade(migrate=True)
    assert "child" in str(refused.value) or "points to no row" in str(refused.value)
    if not memory:
        assert [(1,)] == play.rows("SELECT id FROM child")


def test_rows_that_went_away_with_a_downgraded_migration_come_back(play: Playground) -> None:
    """``upgrade --migrate`` sees that the schema was below the seed; a scenario that runs once is told instead."""
    migrations(play)
    body = "op.create_table('made', sa.Column('id', sa.Integer, primary_key=True))"
    migration(play, "m3", "m2", body)
    for layer in ("reference", "scenario"):
        play.seed(
            f"{layer}_rows",
            f'requires_schema = "m3"\ndef upgrade(db):\n    db.upsert("made", [{{"id": {len(layer)}}}])\n',
            layer=layer,
        )
    assert ["reference_rows", "scenario_rows"] == play.ran(migrate=True)
    play.sql("DROP TABLE made")
    at(play, "m2")
    assert ("pending", "drift") == tuple(play.status()[f"{layer}_rows"].state for layer in ("reference", "scenario"))
    with pytest.raises(SchemaNotReady, match="requires the schema revision m3"):
        play.ran()
    progress = Points()
    assert ["reference_rows"] == play.ran(migrate=True, progress=progress)
    assert ["the schema went back below m3 since it was applied"] == [
        told.partition(": ")[2].partition(", so")[0] for told in progress.drift
    ]
    assert [9] == [row[0] for row in play.rows("SELECT id FROM made")]
    assert [] == play.ran(migrate=True)
