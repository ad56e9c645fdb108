"""A reset by a role that may read and write rows and draw numbers, but owns no table and no sequence."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tdm_seed.errors import DatabaseError, TdmSeedError
from tests.engine.playground import Playground
from tests.engine.test_reset import SHOP, Breaks, reset
from tests.engine.test_reset_interrupted import DRIVER
from tests.engine.test_reset_rows import owner_of

#: Numbers of every kind: an identity, one sequence for two tables, one that is nobody's, one that counts downwards.
TABLES = (
    "CREATE TABLE always (id int GENERATED ALWAYS AS IDENTITY (START WITH 5) PRIMARY KEY, note text)",
    "CREATE SEQUENCE shared",
    "CREATE TABLE one (id int PRIMARY KEY DEFAULT nextval('shared'))",
    "CREATE TABLE other (id int PRIMARY KEY DEFAULT nextval('shared'))",
    'CREATE SEQUENCE "od\'d %" INCREMENT -1 START -7',
    "CREATE TABLE down (id int PRIMARY KEY DEFAULT nextval('\"od''d %\"'), boss int REFERENCES down)",
    "CREATE TABLE part (id int, at int) PARTITION BY RANGE (at)",
    "CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (9)",
    "INSERT INTO one VALUES (4)",
    "SELECT setval('shared', 4)",
    "INSERT INTO country VALUES ('IE', 'Ireland')",
    "INSERT INTO city (name, country_code) VALUES ('Cork', 'IE')",
)
#: What an application draws.
DRAWING = (
    "INSERT INTO always (note) VALUES ('mine')",
    "INSERT INTO one DEFAULT VALUES",
    "INSERT INTO other DEFAULT VALUES",
    "INSERT INTO down DEFAULT VALUES",
    "INSERT INTO city (name, country_code) VALUES ('Linz', 'AT')",
    "DELETE FROM part",
)
SEED = """
def upgrade(db):
    db.upsert("always", [{"id": 5, "note": "first"}])
    db.execute("INSERT INTO other DEFAULT VALUES")
    db.execute("INSERT INTO down DEFAULT VALUES")
    db.load("part", [{"id": 1, "at": 1}])
"""
NUMBERS = (
    "SELECT 'always', last_value, is_called FROM always_id_seq UNION ALL SELECT 'shared', * FROM (SELECT last_value, "
    "is_called FROM shared) s UNION ALL SELECT 'down', last_value, is_called FROM \"od'd %\" "
    "UNION ALL SELECT 'city', last_value, is_called FROM city_id_seq ORDER BY 1"
)


@pytest.fixture
def guest(postgresql_play: Playground) -> Iterator[Playground]:
    """A playground, seeded, as such a role sees it, which may create tables only where the history is to be."""
    play = postgresql_play
    play.write("tdm-seed.toml", 'history_schema = "notes"')
    owner = Playground(play.root, play.url)
    owner.sql(*TABLES)
    role = f"guest_{sa.make_url(play.url).database}"
    owner.sql(
        f"CREATE ROLE {role} LOGIN",
        "CREATE SCHEMA notes",
        f"GRANT USAGE, CREATE ON SCHEMA notes TO {role}",
        "REVOKE CREATE ON SCHEMA public FROM public",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {role}",
    )
    play.url = sa.make_url(play.url).set(username=role).render_as_string(hide_password=False)
    play.seed("shop", SHOP)
    play.seed("numbers", SEED)
    assert ["shop", "numbers"] == play.ran()
    yield play
    owner.sql(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_role_that_owns_nothing_gets_rows_and_numbers_back(guest: Playground) -> None:
    """Those that were there first, too; numbers go on behind them."""
    first = reset(guest)
    assert not first.keeps
    digest, numbers = guest.digest(), guest.rows(NUMBERS)
    assert [("always", 5, True), ("city", 3, True), ("down", -7, True), ("shared", 5, True)] == numbers
    guest.sql(*DRAWING)
    assert numbers != guest.rows(NUMBERS)
    reset(guest)
    assert (digest, numbers) == (guest.digest(), guest.rows(NUMBERS))
    owner = owner_of(guest)
    reset(owner)
    assert (digest, numbers) == (owner.digest(), owner.rows(NUMBERS))


@pytest.mark.parametrize("point", ["after emptying", "before commit"])
def test_numbers_are_where_they_were_where_nothing_was_emptied(guest: Playground, point: str) -> None:
    """No rollback takes their way back, so it comes with the commit."""
    guest.sql(*DRAWING)
    before, numbers = guest.content(), guest.rows(NUMBERS)
    with guest.seeder(progress=Breaks(point)) as seeder, pytest.raises(TdmSeedError, match="broken off"):
        seeder.reset(confirmed=True)
    assert (before, numbers) == (guest.content(), guest.rows(NUMBERS))


@pytest.mark.parametrize("point", ["before commit", "after commit"])
def test_whoever_dies_has_emptied_and_renumbered_or_neither(guest: Playground, point: str) -> None:
    """The next upgrade goes on from there."""
    reset(guest)
    digest, seeded = guest.digest(), guest.rows(NUMBERS)
    guest.sql(*DRAWING)
    before = guest.rows(NUMBERS)
    died = subprocess.run(
        [sys.executable, "-c", DRIVER, point], cwd=guest.root, env=guest.environ(), capture_output=True, timeout=60
    )
    assert (-signal.SIGKILL, b"") == (died.returncode, died.stderr)
    if point == "before commit":
        assert before == guest.rows(NUMBERS)
    else:
        assert ["shop", "numbers"] == guest.ran()
        assert (digest, seeded) == (guest.digest(), guest.rows(NUMBERS))


def test_a_sequence_that_may_not_be_moved_refuses_the_reset(guest: Playground) -> None:
    """Nothing is changed."""
    owner_of(guest).sql(f"REVOKE UPDATE ON SEQUENCE shared FROM {sa.make_url(guest.url).username}")
    before = guest.content()
    with pytest.raises(DatabaseError, match="must be owner of sequence shared"):
        reset(guest)
    assert before == guest.content()


def test_a_sequence_that_may_not_be_read_refuses_the_reset(guest: Playground) -> None:
    """Before any other is moved: to go behind the numbers that are in use takes a look at it."""
    owner_of(guest).sql(f"REVOKE SELECT ON SEQUENCE shared FROM {sa.make_url(guest.url).username}")
    owner_of(guest).sql("SELECT nextval('shared')", "SELECT nextval('city_id_seq')")
    before = guest.content(), owner_of(guest).rows(NUMBERS)
    with pytest.raises(DatabaseError, match="must be owner of sequence shared"):
        reset(guest)
    assert before == (guest.content(), owner_of(guest).rows(NUMBERS))


def test_numbers_of_any_type_are_drawn_from_a_sequence(guest: Playground) -> None:
    """What the columns hold is no reason for the last message to be refused."""
    owner = owner_of(guest)
    role = sa.make_url(guest.url).username
    owner.sql(
        "CREATE SEQUENCE wide",
        "CREATE TABLE wider (id numeric(20) PRIMARY KEY DEFAULT nextval('wide'))",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON wider TO {role}",
        f"GRANT SELECT, UPDATE ON SEQUENCE wide TO {role}",
        "INSERT INTO wider DEFAULT VALUES",
    )
    reset(guest)
    assert ([], [(1, False)]) == (
        owner.rows("SELECT * FROM wider"),
        owner.rows("SELECT last_value, is_called FROM wide"),
    )


def test_what_is_still_to_be_proven_is_so_before_numbers_are_moved(guest: Playground) -> None:
    """A constraint that is looked at when the transaction ends refuses it in time."""
    guest.sql(
        "CREATE FUNCTION notes.no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$",
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON notes.seed_history DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION notes.no()",
    )
    guest.sql(*DRAWING)
    before, numbers = guest.content(), guest.rows(NUMBERS)
    with pytest.raises(DatabaseError, match="no"):
        reset(guest)
    assert (before, numbers) == (guest.content(), guest.rows(NUMBERS))


def test_a_view_that_may_not_be_computed_anew_is_told(guest: Playground) -> None:
    """It is no reason to fail; the others are."""
    owner_of(guest).sql(
        "CREATE MATERIALIZED VIEW cities AS SELECT count(*) AS n FROM city",
        f"GRANT SELECT ON cities TO {sa.make_url(guest.url).username}",
    )
    guest.sql("CREATE MATERIALIZED VIEW notes.ours AS SELECT count(*) AS n FROM city", *DRAWING)
    note = "public.cities shows what it showed before: must be owner of materialized view cities"
    assert (note,) == reset(guest).notes
    assert [(3, 3)] == guest.rows("SELECT cities.n, ours.n FROM cities, notes.ours")
    guest.sql(*DRAWING)
    done = guest.command("reset", "--yes")
    assert (0, True) == (done.returncode, f"Note: {note}" in done.stderr)
    assert note in json.loads(guest.command("reset", "--yes", "--json").stdout)["notes"]
