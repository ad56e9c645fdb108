"""What databases refuse: a sentence with table and column, a hint, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from tdm_seed.engine import Seeder
from tdm_seed.errors import DatabaseError, SeedError, TdmSeedError
from tests.conformance.place import Place, dicts
from tests.conformance.strangers import PASSWORD, stranger

#: What belongs into no message: SQLAlchemy's and the drivers' ways of talking, and whole statements.
NOISE = (
    "Background on this error", "sqlalche.me", "[SQL", "[parameters", "psycopg", "pymysql", "sqlite3.", "INSERT INTO",
    PASSWORD,
)  # fmt: skip


def shop() -> sa.MetaData:
    """Roles that people have."""
    metadata = sa.MetaData()
    sa.Table("role", metadata, sa.Column("id", sa.Integer, primary_key=True, autoincrement=False))
    sa.Table(
        "person", metadata, sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("email", sa.String(20), nullable=False, unique=True), sa.Column("nick", sa.String(5)),
        sa.Column("age", sa.SmallInteger), sa.Column("role_id", sa.ForeignKey("role.id")),
        sa.CheckConstraint("age > 0 OR age < -100", name="age_positive"),
    )  # fmt: skip
    return metadata


@pytest.fixture
def place(place: Place) -> Place:
    """A place with one person."""
    place.create(shop())
    place.db.load("person", dicts("id email age", (1, "a@x", 5)))
    place.commit()
    return place


def failure(place: Place, act: Callable[[], object]) -> TdmSeedError:
    """Run what fails, look whether its message is fit for people, and give it."""
    with pytest.raises(TdmSeedError) as caught:
        act()
    return fit(caught.value)


def fit(error: TdmSeedError) -> TdmSeedError:
    """Look whether a message is fit for people, and give it."""
    text = str(error)
    assert [] == [word for word in NOISE if word in text], text
    assert len(error.message) < 300
    assert "\n" not in error.message
    assert error.__cause__ is not None or isinstance(error, SeedError)
    return error


# ---- rows that do not fit -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("writer", ["load", "upsert", "run"])
def test_a_key_that_is_there_already(place: Place, writer: str) -> None:
    """Names the table and what db.upsert would do."""
    rows = dicts("id email", (2, "a@x"))
    act = {
        "load": lambda: place.db.load("person", rows),
        "upsert": lambda: place.db.upsert("person", rows, key="id"),
        "run": lambda: place.run("INSERT INTO person (id, email) VALUES (2, 'a@x')"),
    }[writer]
    error = failure(place, act)
    assert "db.upsert" in str(error.hint)
    assert ("email" in error.message) or "a@x" in error.message
    if place.product.name != "mysql" or writer != "run":  # MariaDB names the key alone
        assert "person" == error.place.table


@pytest.mark.parametrize("writer", ["load", "upsert"])
def test_a_parent_that_is_not_there(place: Place, writer: str) -> None:
    """Names the key, and hints at loading parents first."""
    error = failure(place, lambda: getattr(place.db, writer)("person", dicts("id email role_id", (2, "b@x", 77))))
    assert "person" == error.place.table
    assert "parents first" in str(error.hint)
    assert "role" in error.message
    if place.product.name != "mysql" or writer == "upsert":  # MariaDB names no value
        assert "77" in error.message


@pytest.mark.only("sqlite")
def test_sqlite_names_no_key_so_it_is_looked_for(place: Place) -> None:
    """Alone or among others, in a script and in db.execute; nothing of the looking stays."""
    rows = [{"id": i, "email": f"{i}@x", "role_id": 77 if i == 30 else None} for i in range(10, 40)]
    insert = "INSERT INTO person (id, email, role_id) VALUES (8, '8@x', 77)"
    for act in (
        lambda: place.run(f"SELECT 1;\n{insert}"),
        lambda: place.db.execute(insert),
        lambda: place.db.execute(insert.replace("77", ":role") + " RETURNING id", role=77),
        lambda: place.db.execute('UPDATE "person" SET role_id = 77 WHERE id = 1'),
        lambda: place.db.load("person", rows[20:]),
        lambda: place.db.load("person", rows),
    ):
        error = failure(place, act)
        assert "(role_id) = (77) points to no row of role" == error.message
        assert ("person", "role_id") == (error.place.table, error.place.column)
        assert 0 == place.db.scalar("SELECT count(*) FROM person WHERE role_id IS NOT NULL")
    with place.db.deferred_constraints():
        place.db.execute(insert)
        place.db.execute("UPDATE person SET role_id = NULL")


@pytest.mark.parametrize("action", ["NO ACTION", "RESTRICT"])
def test_a_parent_that_is_still_needed(place: Place, action: str) -> None:
    """Says that rows point to it, and not to load parents."""
    place.create(
        "CREATE TABLE badge (id INTEGER PRIMARY KEY, role_id INTEGER, "
        f"FOREIGN KEY (role_id) REFERENCES role (id) ON DELETE {action})"
    )
    place.db.load("role", dicts("id", [7]))
    place.db.load("badge", dicts("id role_id", (2, 7)))
    error = failure(place, lambda: place.db.delete("role", where={"id": 7}))
    assert "Remove the rows that point to it first." == error.hint
    if place.product.name == "sqlite":
        assert ("rows of badge still point here, with (role_id) = (7)", "role") == (error.message, error.place.table)


@pytest.mark.parametrize("writer", ["load", "upsert", "run"])
@pytest.mark.parametrize("many", [0, 100])
def test_null_where_it_is_forbidden(place: Place, writer: str, many: int) -> None:
    """Names the column."""
    rows = [*({"id": 10 + i, "email": f"{i}@x"} for i in range(many)), {"id": 2, "email": None}]
    act = {
        "load": lambda: place.db.load("person", rows),
        "upsert": lambda: place.db.upsert("person", rows),
        "run": lambda: place.run("INSERT INTO person (id, email) VALUES (2, NULL)"),
    }[writer]
    error = failure(place, act)
    assert "email" == error.place.column
    assert bool(error.hint)
    if place.product.name != "mysql" or writer != "run":
        assert "person" == error.place.table


@pytest.mark.parametrize("writer", ["load", "upsert"])
def test_a_check_that_refuses(place: Place, writer: str) -> None:
    """Names the constraint."""
    error = failure(place, lambda: getattr(place.db, writer)("person", dicts("id email age", (2, "b@x", -1))))
    assert ("person", True) == (error.place.table, "age_positive" in error.message)
    assert error.hint


@pytest.mark.parametrize("writer", ["load", "upsert"])
def test_text_that_is_too_long(place: Place, writer: str) -> None:
    """Is found before the database sees it, with row, column and value."""
    error = failure(place, lambda: getattr(place.db, writer)("person", dicts("id email nick", (2, "b@x", "sixsix"))))
    assert ("person", "nick", 1) == (error.place.table, error.place.column, error.place.row)
    assert "sixsix" in error.message


@pytest.mark.needs("out of range")
@pytest.mark.parametrize("writer", ["load", "upsert", "run"])
def test_a_number_out_of_range(place: Place, writer: str) -> None:
    """Says so, with the table."""
    rows = dicts("id email age", (2, "b@x", 40_000))
    act = {
        "load": lambda: place.db.load("person", rows),
        "upsert": lambda: place.db.upsert("person", rows),
        "run": lambda: place.run("INSERT INTO person (id, email, age) VALUES (2, 'b@x', 40000)"),
    }[writer]
    error = failure(place, act)
    assert "range" in error.message
    if writer != "run":
        assert "person" == error.place.table


def test_a_number_that_no_column_can_hold(place: Place) -> None:
    """Larger than 8 bytes: each driver says it in another way, or does not even try."""
    error = failure(place, lambda: place.db.load("person", dicts("id email", (2**70, "b@x"))))
    assert "person" == error.place.table


# ---- names ----------------------------------------------------------------------------------------------------------


def test_no_such_table(place: Place) -> None:
    """Names it, and what may be meant; or that migrations may be missing."""
    error = failure(place, lambda: place.db.load("persn", dicts("id", [1])))
    assert ("persn", "Did you mean person?") == (error.place.table, error.hint)
    error = failure(place, lambda: place.run("INSERT INTO nowhere VALUES (1)"))
    assert ("nowhere" in error.message, "migrations" in str(error.hint)) == (True, True)


def test_no_such_column(place: Place) -> None:
    """Names it, in rows and in SQL."""
    error = failure(place, lambda: place.db.load("person", dicts("id emial", (2, "b@x"))))
    assert ("person", "emial" in str(error)) == (error.place.table, True)
    error = failure(place, lambda: place.run("UPDATE person SET colour = 'red'"))
    assert ("colour" in str(error), "migrations" in str(error.hint)) == (True, True)


def test_sql_that_is_none(place: Place) -> None:
    """Is a sentence too."""
    error = failure(place, lambda: place.run("SELEKT * FROM person"))
    assert "SELEKT" in error.message


def test_a_query_and_a_parameter_that_is_missing(place: Place) -> None:
    """SQLAlchemy's own complaints are no exception."""
    error = failure(place, lambda: place.db.rows("SELECT * FROM person WHERE id = :id AND nick = :nick", id=1))
    assert "nick" in error.message


# ---- what one may not do --------------------------------------------------------------------------------------------


@pytest.mark.needs("privileges")
def test_permission_denied(place: Place) -> None:
    """Says on what, and that it can be granted; the password is not told."""
    grants = {
        "postgresql": ["GRANT USAGE ON SCHEMA public TO {user}", "GRANT SELECT ON person TO {user}"],
        "mysql": [f"GRANT SELECT ON {sa.make_url(place.url).database}.person TO {{user}}"],
    }[place.product.name]
    with stranger(place, *grants) as url, place.session_at(url) as session:  # noqa: SIM117
        with session.dialect.transaction(session.connection, write=True) as transaction:
            db = place.database(session)
            error = failure(place, lambda: db.load("person", dicts("id email", (2, "b@x"))))
            transaction.rollback()
    assert ("person", True) == (error.place.table, "Grant it" in str(error.hint))
    assert "denied" in error.message


@pytest.mark.needs("privileges")
def test_a_read_only_transaction(place: Place) -> None:
    """Says so, and to use the primary."""
    place.rollback()
    place.connection.exec_driver_sql("SET TRANSACTION READ ONLY" if place.product.name == "postgresql" else "SELECT 1")
    if place.product.name == "mysql":
        place.rollback(begin=False)
        place.connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
        place.connection.rollback()
        place._begin()
    error = failure(place, lambda: place.db.load("person", dicts("id email", (2, "b@x"))))
    assert ("person", True) == (error.place.table, "read-only" in error.message.lower() or "READ ONLY" in error.message)
    assert "primary" in str(error.hint)


@pytest.mark.only("sqlite")
def test_a_file_that_may_only_be_read(place: Place) -> None:
    """Says so, and to look at its permissions."""
    place.commit(begin=False)
    url = f"sqlite:///file:{sa.make_url(place.url).database}?mode=ro&uri=true"
    place.seeds({"reference/20260101_0000_one.sql": "INSERT INTO role VALUES (1);\n"})
    with pytest.raises(DatabaseError) as caught, Seeder(place.environment(url), lock_timeout=5) as seeder:
        seeder.upgrade()
    error = fit(caught.value)
    assert ("may only be read" in error.message, bool(error.hint)) == (True, True)


@pytest.mark.only("sqlite")
def test_a_folder_that_is_not_there(place: Place, tmp_path: Path) -> None:
    """Says which file cannot be opened."""
    path = tmp_path / "nowhere" / "x.db"
    with pytest.raises(DatabaseError) as caught, place.session_at(f"sqlite:///{path}"):
        pass
    error = fit(caught.value)
    assert (str(path), True) == (error.place.file, bool(error.hint))


# ---- in a seed ------------------------------------------------------------------------------------------------------


def test_a_seed_s_file_and_line_are_named(place: Place) -> None:
    """Beside table and column, in a seed of Python as in one with rows in a file."""
    place.seeds(
        {"reference/20260101_0000_one.py": "def upgrade(db):\n    db.load('person', [{'id': 2, 'email': None}])\n"}
    )
    with place.seeder() as seeder, pytest.raises(DatabaseError) as caught:
        seeder.upgrade()
    found = fit(caught.value).place
    assert ("20260101_0000_one", "seeds/reference/20260101_0000_one.py", 2) == (found.seed, found.file, found.line)
    assert ("person", "email") == (found.table, found.column)
