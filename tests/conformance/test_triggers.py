"""Triggers: rows that they make, columns that they compute, and rows that they keep out."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tdm_seed.dialects.base import Dialect
from tdm_seed.errors import DatabaseError
from tdm_seed.values import Changes
from tests.conformance.place import Place, dicts


def trigger(dialect: Dialect, name: str, when: str, table: str, body: str) -> list[str]:
    """Write a trigger for each row in the words of each database; ``body`` is one statement or assignment."""
    if dialect.name == "postgresql":
        make = f"CREATE FUNCTION {name}_() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {body}; RETURN NEW; END$$"
        return [make, f"CREATE TRIGGER {name} {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}_()"]
    return [f"CREATE TRIGGER {name} {when} ON {table} FOR EACH ROW BEGIN {body}; END"]


@pytest.fixture
def place(place: Place) -> Place:
    """A place where every person gets an account by trigger."""
    metadata = sa.MetaData()
    sa.Table(
        "person", metadata, sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("email", sa.String(40), unique=True), sa.Column("slug", sa.String(40)), sa.Column("seen", sa.Integer),
    )  # fmt: skip
    sa.Table(
        "account", metadata, sa.Column("person_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("plan", sa.String(9)), sa.Column("n", sa.Integer),
    )  # fmt: skip
    place.create(metadata)
    place.create(
        *trigger(
            place.dialect, "opens", "AFTER INSERT", "person", "INSERT INTO account VALUES (NEW.id, 'free', NEW.id)"
        )
    )
    return place


PEOPLE = dicts("id email", *((i, f"{i}@x") for i in range(1, 31)))


@pytest.mark.parametrize("writer", ["upsert", "load"])
def test_rows_that_a_trigger_makes(place: Place, writer: str) -> None:
    """They are there for the rows that follow: an upsert of them changes them, and the next run changes nothing."""
    assert Changes(inserted=30) == getattr(place.db, writer)("person", PEOPLE)
    assert 30 == place.db.scalar("SELECT count(*) FROM account")
    plans = dicts("person_id plan", (1, "pro"), (2, "free"), (99, "pro"))
    assert Changes(inserted=1, updated=1, unchanged=1) == place.db.upsert("account", plans)
    assert Changes(unchanged=30) == place.db.upsert("person", PEOPLE)
    assert Changes(unchanged=3) == place.db.upsert("account", plans)


@pytest.mark.only("sqlite", "postgresql")
@pytest.mark.parametrize("rows", [30, 1_500])
@pytest.mark.parametrize("table", ["person", "PERSON"])
def test_a_trigger_of_one_column_sees_every_update_that_names_it(place: Place, table: str, rows: int) -> None:
    """Whether that column is another one or not, however many rows there are, and in whatever case it is for them."""
    body = "UPDATE account SET n = 0 WHERE person_id = NEW.id"
    place.create(*trigger(place.dialect, "sees", "AFTER UPDATE OF slug", table, body))
    before = dicts("id email slug seen", *((i, f"{i}@x", "s", 1) for i in range(1, rows + 1)))
    place.db.upsert("person", before)
    after = [{**row, "seen": 2} for row in before[:20]] + before[20:]
    assert Changes(updated=20, unchanged=rows - 20) == place.db.upsert("person", after)
    assert 20 == place.db.scalar("SELECT count(*) FROM account WHERE n = 0")


@pytest.mark.only("sqlite")
def test_a_trigger_of_the_connection_sees_many_updates(place: Place) -> None:
    """One that an application has made for itself, in a session that it lends to us, is a trigger, too."""
    place.connection.exec_driver_sql(
        "CREATE TEMP TRIGGER sees AFTER UPDATE OF slug ON person "
        "BEGIN UPDATE account SET n = 0 WHERE person_id = NEW.id; END"
    )
    before = dicts("id email slug seen", *((i, f"{i}@x", "s", 1) for i in range(1, 1_501)))
    place.db.upsert("person", before)
    assert Changes(updated=1_500) == place.db.upsert("person", [{**row, "seen": 2} for row in before])
    assert 1_500 == place.db.scalar("SELECT count(*) FROM account WHERE n = 0")


def test_rows_of_a_trigger_collide_with_loaded_ones(place: Place) -> None:
    """Loading what a trigger has made already is a duplicate, and the error says to upsert."""
    place.db.load("person", PEOPLE)
    with pytest.raises(DatabaseError) as caught:
        place.db.load("account", dicts("person_id plan", (1, "pro")))
    assert "db.upsert" in str(caught.value.hint)
    assert "account" == caught.value.place.table


def test_columns_that_a_trigger_computes(place: Place) -> None:
    """Columns that are not given may be computed; an upsert of the same rows stays unchanged."""
    dialect = place.dialect
    if dialect.name == "sqlite":
        body = ["UPDATE person SET slug = upper(email) WHERE id = NEW.id"]
        statements = trigger(dialect, "names", "AFTER INSERT", "person", body[0])
        statements += trigger(dialect, "renames", "AFTER UPDATE OF email", "person", body[0])
    else:
        assign = "NEW.slug := upper(NEW.email)" if dialect.name == "postgresql" else "SET NEW.slug = upper(NEW.email)"
        statements = trigger(dialect, "names", "BEFORE INSERT", "person", assign)
        statements += trigger(dialect, "renames", "BEFORE UPDATE", "person", assign)
    place.create(*statements)
    assert Changes(inserted=30) == place.db.upsert("person", PEOPLE)
    assert Changes(unchanged=30) == place.db.upsert("person", PEOPLE)
    assert Changes(updated=1, unchanged=1) == place.db.upsert("person", dicts("id email", (1, "new@x"), (2, "2@x")))
    assert [("NEW@X",), ("2@X",)] == [
        (row["slug"],) for row in place.db.rows("SELECT slug FROM person WHERE id < 3 ORDER BY id")
    ]


@pytest.mark.parametrize("writer", ["upsert", "load"])
def test_trigger_that_refuses_a_row(place: Place, writer: str) -> None:
    """What the trigger says is what the error says."""
    said = {
        "sqlite": "SELECT RAISE(ABORT, 'not on Mondays') WHERE NEW.id = 7",
        "postgresql": "IF NEW.id = 7 THEN RAISE EXCEPTION 'not on Mondays'; END IF",
        "mysql": "IF NEW.id = 7 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not on Mondays'; END IF",
    }[place.dialect.name]
    place.create(*trigger(place.dialect, "guards", "BEFORE INSERT", "person", said))
    with pytest.raises(DatabaseError, match="not on Mondays") as caught:
        getattr(place.db, writer)("person", PEOPLE)
    assert "person" == caught.value.place.table


@pytest.mark.needs("swallowed rows")
@pytest.mark.parametrize("writer", ["upsert", "load"])
@pytest.mark.parametrize("rows", [5, 30])
def test_trigger_that_drops_a_row_silently(place: Place, writer: str, rows: int) -> None:
    """A row that does not arrive is an error that names the trigger."""
    said = {
        "sqlite": "SELECT RAISE(IGNORE) WHERE NEW.id % 2 = 0",
        "postgresql": "IF NEW.id % 2 = 0 THEN RETURN NULL; END IF",
    }[place.dialect.name]
    place.create(*trigger(place.dialect, "swallows", "BEFORE INSERT", "person", said))
    with pytest.raises(
        DatabaseError, match=f"{rows} rows were to be inserted, but the database kept {(rows + 1) // 2}"
    ) as caught:
        getattr(place.db, writer)("person", PEOPLE[:rows])
    assert "trigger swallows" in str(caught.value.hint)
    assert "person" == caught.value.place.table
    place.rollback()
    rows_of_one = [{"id": 8, "email": "8@x"}]
    with pytest.raises(DatabaseError, match="kept 0"):
        getattr(place.db, writer)("person", rows_of_one)


@pytest.mark.only("postgresql")
@pytest.mark.parametrize("writer", ["upsert", "load"])
def test_rule_that_drops_rows(place: Place, writer: str) -> None:
    """A rule that does something else instead is named, and COPY does not go past it."""
    place.create("CREATE RULE nothing AS ON INSERT TO person DO INSTEAD NOTHING")
    with pytest.raises(DatabaseError, match="30 rows were to be inserted, but the database kept 0") as caught:
        getattr(place.db, writer)("person", PEOPLE)
    assert "rule nothing" in str(caught.value.hint)


@pytest.mark.only("postgresql")
def test_rule_beside_an_insert(place: Place) -> None:
    """A rule that does something as well leaves the counts as they are."""
    place.create("CREATE RULE also AS ON INSERT TO person DO ALSO UPDATE account SET n = n + 1")
    assert Changes(inserted=5) == place.db.load("person", PEOPLE[:5])
    assert Changes(inserted=25, unchanged=5) == place.db.upsert("person", PEOPLE)
    assert Changes(inserted=1) == place.db.upsert("person", dicts("id email", (99, "99@x")))


def test_trigger_that_writes_to_its_own_table(place: Place) -> None:
    """Rows that a trigger adds to the very table do not confuse the counts."""
    if place.dialect.name == "mysql":
        pytest.skip("MySQL and MariaDB let no trigger write to the table that it stands on")
    body = "INSERT INTO person (id, email) SELECT NEW.id + 1000, 'copy' || NEW.email WHERE NEW.id < 1000"
    if place.dialect.name == "postgresql":
        body = f"IF NEW.id < 1000 THEN {body}; END IF"
    place.create(*trigger(place.dialect, "copies", "AFTER INSERT", "person", body))
    assert Changes(inserted=5) == place.db.upsert("person", PEOPLE[:5])
    assert Changes(inserted=5) == place.db.load("person", PEOPLE[5:10])
    assert Changes(unchanged=10) == place.db.upsert("person", PEOPLE[:10])
    assert 20 == place.db.scalar("SELECT count(*) FROM person")
