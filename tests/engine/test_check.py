"""The gate for CI catches what it is there for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tdm_seed.engine.check import Checked
from tdm_seed.errors import Protected
from tests.engine.playground import Playground
from tests.unit.alembic_projects import init, migration

TABLES = "CREATE TABLE {0} (id INTEGER PRIMARY KEY, label VARCHAR(50))"


@pytest.fixture
def empty(tmp_path: Path, database_url: str) -> Playground:
    """A project on an empty database, whose first seed stands in for migrations."""
    play = Playground(tmp_path / "project", database_url)
    play.write("tdm-seed.toml", "")
    play.manifest()
    play.seed("tables", f'transaction = "none"\n{creating("thing")}')
    return play


def creating(table: str) -> str:
    """Write a seed that makes a table, each time it runs, if it is not there."""
    create = TABLES.format(table).replace("TABLE ", "TABLE IF NOT EXISTS ")
    return f'def upgrade(db):\n    db.execute("{create}")\n'


def checked(play: Playground) -> Checked:
    """Check the project."""
    with play.seeder() as seeder:
        return seeder.check()


def said(play: Playground) -> list[str]:
    """Give the problems of a project, each with its seed."""
    return [f"{error.place.seed or '-'}: {error.message}" for error in checked(play).problems]


def adding(number: int, way: str = "upsert") -> str:
    """Write the upgrade of a seed with one row."""
    return f'def upgrade(db):\n    db.{way}("thing", [{{"id": {number}, "label": "x"}}])\n'


DOWN = 'def downgrade(db):\n    db.delete("thing", where={{"id": {0}}})\n'


def test_good_seeds_pass_and_what_was_not_tried_is_told(empty: Playground) -> None:
    """A seed that runs once goes down and up; without a downgrade it is exempt."""
    empty.seed("repeats", adding(1))
    empty.seed("once", 'mode = "once"\n' + adding(2) + DOWN.format(2))
    exempt = empty.seed("exempt", 'mode = "once"\n' + adding(3))
    others = [each for each in ("sqlite", "postgresql", "mysql") if not empty.url.startswith(each)]
    other = empty.seed("other", f"dialects = {others}\n" + adding(4))
    found = checked(empty)
    assert ((), 0, 4) == (found.problems, found.exit_code, found.seeds)
    assert any(remark.startswith(f"{exempt} is exempt") for remark in found.remarks)
    assert any(remark.startswith(f"{other} was not tried") for remark in found.remarks)
    assert [(1,), (2,), (3,)] == sorted(empty.rows("SELECT id FROM thing"))


def test_a_seed_that_writes_more_each_time_is_caught(empty: Playground) -> None:
    """With its tables and counts, and so is one that always runs."""
    more = 'def upgrade(db):\n    n = db.scalar("SELECT count(*) FROM thing")\n    db.insert("thing", {"id": n + 1})\n'
    grows = empty.seed("grows", more)
    always = empty.seed("always", 'mode = "always"\n' + more)
    found = said(empty)
    assert f"{always}: running it again changed rows (thing +1), so it is not idempotent" in found
    assert f"{grows}: running it again changed rows (thing +1), so it is not idempotent" in found


def test_rows_that_a_session_adds_again_are_caught(empty: Playground) -> None:
    """They are in no count, but the digest tells."""
    seed = empty.seed(
        "orm",
        "from sqlalchemy import text\ndef upgrade(db):\n    with db.session() as session:\n"
        '        session.execute(text("INSERT INTO thing (id) SELECT count(*) + 1 FROM thing"))\n',
    )
    assert [f"-: running {seed} again changed rows, so it is not idempotent"] == said(empty)


def test_a_database_that_holds_something_is_left_alone(empty: Playground) -> None:
    """Not even the history is made."""
    empty.seed("repeats", adding(1))
    empty.sql(TABLES.format("theirs"), "INSERT INTO theirs (id) VALUES (1)")
    with pytest.raises(Protected, match="whose tables are empty, and .* holds rows in 1 table\n") as refused:
        checked(empty)
    assert "theirs" == refused.value.place.table
    assert ["theirs"] == empty.tables()


def test_where_alembic_makes_the_tables_none_may_be_there(empty: Playground) -> None:
    """Its migrations would fail over them."""
    migration(init(empty.root), "aa")
    empty.sql(TABLES.format("theirs"))
    with pytest.raises(Protected, match="check needs an empty database, and .* holds 1 table\n"):
        checked(empty)


def test_without_alembic_empty_tables_are_taken(empty: Playground) -> None:
    """Whoever makes them has noted what has run in one that is not empty."""
    empty.seed("repeats", adding(1) + "def verify(db):\n    db.expect('SELECT count(*) FROM theirs', equals=0)\n")
    empty.sql(
        TABLES.format("theirs"),
        "CREATE TABLE flyway_schema_history (id INTEGER)",
        "INSERT INTO flyway_schema_history VALUES (1)",
    )
    found = checked(empty)
    assert ((), 2) == (found.problems, found.seeds)


def test_without_alembic_it_is_said_who_must_make_the_tables(tmp_path: Path, database_url: str) -> None:
    """Where a seed finds none, there are no migrations to bring up to date."""
    play = Playground(tmp_path / "project", database_url)
    play.write("tdm-seed.toml", "")
    play.manifest()
    play.seed("first", adding(1))
    (problem,) = checked(play).problems
    assert ("there is no table 'thing'", 1) == (problem.message, problem.exit_code)
    assert (
        "No Alembic is known here that makes the tables. Run the script that does in a database that may be thrown "
        "away, and name that with --url."
    ) == problem.hint


def test_tables_of_another_schema_are_something_too(tmp_path: Path, postgresql_url: str) -> None:
    """Seeds write there if they say so; what an extension has brought is nobody's."""
    play = Playground(tmp_path / "project", postgresql_url)
    play.write("tdm-seed.toml", "")
    play.manifest()
    play.sql("CREATE TABLE systems (id integer)", "ALTER EXTENSION plpgsql ADD TABLE systems")
    play.item("nothing", 1, layer="scenario", header="dialects = ['sqlite']\n")
    assert () == checked(play).problems
    play.sql("DROP TABLE IF EXISTS seed_history", "CREATE SCHEMA app", "CREATE TABLE app.thing (id integer)")
    assert () == checked(play).problems
    play.sql("DROP TABLE IF EXISTS seed_history", "INSERT INTO app.thing VALUES (1)")
    with pytest.raises(Protected, match="holds rows in 1 table") as refused:
        checked(play)
    assert "app.thing" == refused.value.place.table


def test_a_downgrade_that_leaves_rows_is_caught(empty: Playground) -> None:
    """Its upgrade then finds another world."""
    empty.seed(
        "once",
        'mode = "once"\ndef upgrade(db):\n    n = db.scalar("SELECT count(*) FROM thing")\n'
        '    db.insert("thing", [{"id": n + 1}, {"id": n + 100}])\n' + DOWN.format(1),
    )
    (problem,) = checked(empty).problems
    assert (8, "thing") == (problem.exit_code, problem.place.table)
    assert "the content of thing is another" in problem.message


def test_a_scenario_that_nobody_wants_is_caught(empty: Playground) -> None:
    """Nothing listed, nothing run, ever."""
    empty.manifest("dev", 'url = "${PLAYGROUND_URL}"\n')
    seed = empty.seed("alone", adding(1), layer="scenario")
    assert [f"{seed}: no environment wants it, so it never runs"] == said(empty)


def test_what_other_environments_want_is_named(empty: Playground) -> None:
    """A check covers one environment, and says what that leaves out."""
    empty.manifest("lean", 'url = "${PLAYGROUND_URL}"\n')
    empty.seed("alone", adding(1), layer="scenario")
    with empty.seeder("lean") as seeder:
        found = seeder.check()
    assert ((), 1) == (found.problems, found.seeds)
    assert ("the environment dev also wants what was not tried here: alone",) == found.remarks


def test_a_manifest_that_needs_a_variable_of_another_machine_fails_nothing(empty: Playground) -> None:
    """A pipeline has none of production's; a manifest that is wrong fails everywhere."""
    empty.manifest("prod", 'url = "${PROD_URL}"\nlayers = ["reference"]\nrandom_seed = "${PROD_SEED}"\n')
    (remark,) = (found := checked(empty)).remarks
    assert () == found.problems
    assert "what the environment prod wants is not known here: random_seed: the variable PROD_SEED is not set" == remark
    empty.sql("DROP TABLE thing", *(f"DROP TABLE {name}" for name in empty.tables() if name.startswith("seed_")))
    empty.manifest("prod", 'url = "${PROD_URL}"\nlairs = ["reference"]\n')
    (problem,) = checked(empty).problems
    assert (2, "seeds/environments/prod.toml") == (problem.exit_code, problem.place.file)


def test_a_downgrade_that_leaves_what_upgrade_would_bring_is_caught(empty: Playground) -> None:
    """The content is the same afterwards, but upgrade had less to do."""
    rows = 'def upgrade(db):\n    db.upsert("thing", [{"id": 1, "label": "x"}, {"id": 2, "label": "y"}])\n'
    seed = empty.seed("once", 'mode = "once"\n' + rows + DOWN.format(1))
    assert [f"{seed}: after downgrade, upgrade did thing +1 =1; the first time it did thing +2"] == said(empty)


def test_a_broken_seed_ends_the_check_with_its_own_error(empty: Playground) -> None:
    """There is nothing to go on with; the exit code is that of the error."""
    seed = empty.seed("breaks", "def upgrade(db):\n    raise ValueError('no')\n")
    found = checked(empty)
    assert (1, [seed]) == (found.seeds, [error.place.seed for error in found.problems])


def test_a_verify_that_fails_ends_it_with_eight(empty: Playground) -> None:
    """As upgrade does."""
    empty.seed("wrong", adding(1) + 'def verify(db):\n    assert db.scalar("SELECT count(*) FROM thing") == 5\n')
    assert 8 == checked(empty).exit_code


def test_cycles_and_unknown_dependencies_are_told(empty: Playground) -> None:
    """Before anything was written."""
    empty.seed("first", 'depends_on = ["nowhere"]\n' + adding(1))
    (problem,) = checked(empty).problems
    assert "nowhere" in problem.message
    assert [] == [name for name in empty.tables() if not name.endswith("_lock")]
