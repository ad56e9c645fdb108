"""The history: recognised, placed where the project says, readable by whoever may, written by writing commands only."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tdm_seed.errors import DatabaseError, TdmSeedError
from tests.engine.playground import Playground

FOREIGN = "CREATE TABLE seed_history (id INTEGER PRIMARY KEY, seed VARCHAR(50), applied_on VARCHAR(20))"


def test_reading_commands_create_nothing(play: Playground) -> None:
    """Neither status nor plan, history, verify or digest."""
    play.item("one", 1)
    before = play.tables()
    with play.seeder() as seeder:
        assert 1 == seeder.status().pending
        assert 1 == len(seeder.plan().steps)
        assert [] == seeder.history()
        assert [] == seeder.verify()
        assert 3 == len(seeder.digest())
    assert before == play.tables()


def test_a_writing_command_with_nothing_to_do_creates_nothing(play: Playground) -> None:
    """The table comes with the first seed."""
    assert [] == play.ran()
    assert "seed_history" not in play.tables()


def test_a_refused_upgrade_creates_no_history(play: Playground) -> None:
    """It comes after all that is looked at beforehand."""
    play.seed("ends", "COMMIT;\n", suffix=".sql")
    with pytest.raises(TdmSeedError):
        play.ran()
    assert "seed_history" not in play.tables()


def test_an_entry_says_what_when_by_whom_and_from_what(play: Playground) -> None:
    """All of it as one row of the table."""
    revision = play.item("one", 1)
    play.ran()
    (entry,) = play.history()
    assert (revision, "reference", "applied", "dev", 7, 1) == (
        entry.seed,
        entry.layer,
        entry.state,
        entry.environment,
        entry.random_seed,
        entry.changes.inserted,
    )
    assert entry.checksum.startswith("1:sha256:")
    assert "@" in entry.applied_by
    assert entry.started_at.utcoffset() is not None
    ((clock, started),) = play.rows("SELECT clock, started_at FROM seed_history")
    assert "2026-01-05T00:00:00Z" == clock
    assert started.endswith("Z")


def test_a_foreign_table_of_the_same_name_is_recognised_and_left_alone(play: Playground) -> None:
    """Every command says so, and how to choose another name."""
    play.sql(FOREIGN, "INSERT INTO seed_history (id, seed, applied_on) VALUES (1, 'theirs', 'yesterday')")
    play.item("one", 1)
    before = play.content()
    for command in (play.ran, play.status, play.plan, play.history, lambda: play.downgrade("base")):
        with pytest.raises(DatabaseError, match="the table seed_history is not ours: it has no column layer") as no:
            command()
        assert 'history_table = "…"' in (no.value.hint or "")
    assert before == play.content()
    play.write("tdm-seed.toml", 'history_table = "our_history"\n')
    assert ["one"] == play.ran()
    assert before["seed_history"] == play.content()["seed_history"]
    assert 1 == len(play.history())


def test_a_foreign_table_of_the_locks_name_is_left_alone_too(mysql_play: Playground) -> None:
    """The name of the lock's holder is no reason to touch another tool's rows."""
    mysql_play.sql(
        "CREATE TABLE seed_history_lock (id INT PRIMARY KEY, holder VARCHAR(200) NOT NULL)",
        "INSERT INTO seed_history_lock VALUES (1, 'theirs')",
    )
    mysql_play.item("one", 1)
    assert ["one"] == mysql_play.ran()
    assert [(1, "theirs")] == mysql_play.rows("SELECT * FROM seed_history_lock")


def test_a_foreign_table_of_the_baselines_name_is_left_alone_too(play: Playground) -> None:
    """It is told, before any seed runs, and how to choose another name."""
    play.sql("CREATE TABLE seed_history_baseline (id INTEGER)", "INSERT INTO seed_history_baseline VALUES (1)")
    play.item("one", 1)
    with pytest.raises(DatabaseError, match="seed_history_baseline is not ours: it has no column table_name") as no:
        play.ran()
    assert 'history_table = "…"' in (no.value.hint or "")
    assert ([], [(1,)]) == (play.items(), play.rows("SELECT * FROM seed_history_baseline"))


def test_another_schema_keeps_the_history(postgresql_play: Playground) -> None:
    """And the digest does not take it for data."""
    postgresql_play.sql("CREATE SCHEMA tools")
    postgresql_play.write("tdm-seed.toml", 'history_table = "seeded"\nhistory_schema = "tools"\n')
    postgresql_play.item("one", 1)
    assert ["one"] == postgresql_play.ran()
    assert [] == postgresql_play.ran()
    assert [("20260105_0001_one",)] == postgresql_play.rows("SELECT seed FROM tools.seeded")
    assert ["city", "country", "item"] == postgresql_play.tables()
    assert ["one"] == postgresql_play.downgrade("one")


def test_another_database_keeps_the_history(mysql_play: Playground) -> None:
    """Which is what a schema is there."""
    other = f"{sa.make_url(mysql_play.url).database}_tools"
    mysql_play.sql(f"CREATE DATABASE {other}")
    try:
        mysql_play.write("tdm-seed.toml", f'history_schema = "{other}"\n')
        mysql_play.item("one", 1)
        assert ["one"] == mysql_play.ran()
        assert [("20260105_0001_one",)] == mysql_play.rows(f"SELECT seed FROM {other}.seed_history")
        assert ["city", "country", "item"] == mysql_play.tables()
    finally:
        mysql_play.sql(f"DROP DATABASE {other}")


def test_a_schema_that_is_not_there_gets_a_sentence(postgresql_play: Playground) -> None:
    """It is not created silently."""
    postgresql_play.write("tdm-seed.toml", 'history_schema = "nowhere"\n')
    postgresql_play.item("one", 1)
    assert "pending" == postgresql_play.status()["one"].state
    with pytest.raises(DatabaseError, match="there is no schema 'nowhere' for the table seed_history"):
        postgresql_play.ran()
    assert [] == postgresql_play.items()


def reader(play: Playground, *, insert: bool = False) -> Playground:
    """Give the same project as seen by a user who may only read, or write rows but no history."""
    url = sa.make_url(play.url)
    name = f"r{url.database}"
    if play.url.startswith("postgres"):
        play.sql(f"CREATE ROLE {name} LOGIN", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}")
        if insert:
            play.sql(f"GRANT INSERT, UPDATE, DELETE ON item TO {name}")
    else:
        play.sql(f"CREATE USER {name}@localhost", f"GRANT SELECT ON {url.database}.* TO {name}@localhost")
        if insert:
            play.sql(
                f"GRANT CREATE TEMPORARY TABLES ON {url.database}.* TO {name}@localhost",
                f"GRANT INSERT, UPDATE, DELETE ON {url.database}.item TO {name}@localhost",
            )
    as_reader = url.set(username=name).render_as_string(hide_password=False)
    return Playground(play.root, as_reader, play.written)


def dropped(play: Playground) -> None:
    """Drop the user that ``reader`` created, whom the server would keep."""
    url = sa.make_url(play.url)
    if play.url.startswith("postgres"):
        play.sql(f"DROP OWNED BY r{url.database}", f"DROP ROLE r{url.database}")
    else:
        play.sql(f"DROP USER r{url.database}@localhost")


@pytest.mark.parametrize("insert", [False, True])
def test_who_may_only_read_gets_a_status_and_a_sentence_for_more(server_play: Playground, insert: bool) -> None:
    """Reading needs no more than SELECT; the sentence for an upgrade names what is missing."""
    server_play.item("one", 1)
    server_play.ran()
    server_play.item("two", 2)
    other = reader(server_play, insert=insert)
    try:
        assert {"one": "applied", "two": "pending"} == {name: each.state for name, each in other.status().items()}
        assert 1 == len(other.history())
        assert 3 == len(other.digest())
        with pytest.raises(DatabaseError, match="denied") as no:
            other.ran()
        assert "Grant it" in (no.value.hint or "")
    finally:
        dropped(server_play)
    assert [1] == server_play.items()


def test_a_file_that_may_only_be_read_gets_a_status_and_a_sentence_for_more(sqlite_play: Playground) -> None:
    """The file alone may be read-only, or the whole folder."""
    sqlite_play.item("one", 1)
    sqlite_play.ran()
    sqlite_play.item("two", 2)
    plain = sqlite_play.url.removeprefix("sqlite:///")
    reading = Playground(sqlite_play.root, f"sqlite:///file:{plain}?mode=ro&uri=true")
    assert {"one": "applied", "two": "pending"} == {name: each.state for name, each in reading.status().items()}
    with pytest.raises(DatabaseError, match="may only be read"):
        reading.ran()


def test_the_history_may_be_written_by_an_older_hand(sqlite_play: Playground) -> None:
    """A column more, as a later version may add, does not make the table a foreign one."""
    sqlite_play.item("one", 1)
    sqlite_play.ran()
    sqlite_play.sql("ALTER TABLE seed_history ADD COLUMN later VARCHAR(10)")
    assert [] == sqlite_play.ran()
