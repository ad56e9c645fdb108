"""Rows that point to one another, in any order and large: loaded whole and proven, or refused and nothing kept."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tdm_seed.database import Database
from tdm_seed.errors import DatabaseError, TdmSeedError
from tdm_seed.loading import large, sources
from tdm_seed.values import Load
from tests.conformance.place import Place, dicts
from tests.conformance.strangers import stranger
from tests.conformance.test_constraints import hands_of, ring, unchanged

NODES = (
    "CREATE TABLE node (id INTEGER NOT NULL PRIMARY KEY, up_id INTEGER{null}, word VARCHAR(20), "
    "CONSTRAINT node_up FOREIGN KEY (up_id) REFERENCES node (id))"
)
NODE = NODES.format(null="")


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call a load large that no test has to wait for."""
    monkeypatch.setattr(large, "LARGE", 100)
    monkeypatch.setattr(sources, "_SMALL", 100)


def shuffled(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Make rows that point to rows before and after them, and one to itself."""
    numbers = list(range(1, count + 1))
    random.Random(seed).shuffle(numbers)
    return [{"id": n, "up_id": n if n == 1 else n * 7919 % count + 1, "word": f"w{n}"} for n in numbers]


def as_list(_: Place, rows: list[dict[str, Any]]) -> Any:
    """Give rows as they are."""
    return rows


def as_stream(_: Place, rows: list[dict[str, Any]]) -> Any:
    """Give rows whose number nobody knows."""
    return iter(rows)


def as_csv(place: Place, rows: list[dict[str, Any]]) -> Any:
    """Give a file of text."""
    lines = [",".join("" if value is None else str(value) for value in row.values()) for row in rows]
    return place.csv("\n".join([",".join(rows[0]), *lines, ""]))


def as_frame(_: Place, rows: list[dict[str, Any]]) -> Any:
    """Give columns."""
    return pytest.importorskip("pyarrow").Table.from_pylist(rows)


def as_lazy_frame(place: Place, rows: list[dict[str, Any]]) -> Any:
    """Give columns whose number of rows nobody knows."""
    return as_frame(place, rows).to_reader(max_chunksize=7)


SOURCES = pytest.mark.parametrize("source", [as_list, as_stream, as_csv, as_frame, as_lazy_frame])
Sources = Callable[[Place, list[dict[str, Any]]], Any]


@SOURCES
@pytest.mark.parametrize(("held", "null"), [(0, ""), (50, " NOT NULL"), (1_000, "")])
def test_every_source_is_loaded_in_any_order(place: Place, source: Sources, null: str, held: int) -> None:
    """Into a table that holds nothing, little or much, whether the column may be NULL or not."""
    place.create(NODES.format(null=null), "CREATE INDEX node_word ON node (word)")
    before = [{"id": 9_000 + n, "up_id": 9_000 + n, "word": "old"} for n in range(held)]
    if before:
        place.db.load("node", before)
    rows = shuffled(300)
    with unchanged(place):
        assert 300 == place.db.load("node", source(place, rows)).inserted
        place.commit()
        with pytest.raises(TdmSeedError):
            place.db.load("node", dicts("id up_id word", (8_000, 8_001, "orphan")))
        place.rollback()
    assert sorted(tuple(row.values()) for row in [*rows, *before]) == sorted(place.rows("node"))


@SOURCES
def test_an_orphan_is_refused_with_its_row(place: Place, source: Sources) -> None:
    """With its column, value and, where the source can be read once more, its row; the seed may catch that."""
    place.create(NODE)
    rows = shuffled(300)
    rows[249]["up_id"] = 4711
    with unchanged(place):
        with pytest.raises(DatabaseError) as caught, place.dialect.savepoint(place.connection):
            place.db.load("node", source(place, rows))
        assert ("node", True, True) == (
            caught.value.place.table,
            "up_id" in caught.value.message,
            "4711" in caught.value.message,
        )
        if source in (as_list, as_frame):
            assert ("up_id", 250) == (caught.value.place.column, caught.value.place.row)
        if source is as_csv:
            assert 251 == caught.value.place.line
        place.commit()
    assert [] == place.rows("node")


@pytest.mark.parametrize("count", [60, 3_000])
def test_a_seed_may_catch_what_goes_wrong_on_the_way(place: Place, count: int) -> None:
    """Keys, indexes and what is looked at are what they were; of a large load nothing is kept."""
    place.create(NODE, "CREATE INDEX node_word ON node (word)", "CREATE INDEX node_up_id ON node (up_id)")

    def breaking() -> Iterator[dict[str, Any]]:
        yield from shuffled(count)
        raise ZeroDivisionError

    indexes = sa.inspect(place.connection).get_indexes("node")
    with unchanged(place):
        with suppress(ZeroDivisionError):
            place.db.load("node", breaking())
        place.commit()
        assert [] == place.rows("node")
        with pytest.raises(TdmSeedError):
            place.db.load("node", dicts("id up_id word", (1, 2, "orphan")))
        place.rollback()
    assert indexes == sa.inspect(place.connection).get_indexes("node")


def test_indexes_come_back_when_a_seed_catches_an_error_of_its_rows(place: Place) -> None:
    """Of any table: what was taken down for the load is there again."""
    place.create("CREATE TABLE plain (id INTEGER NOT NULL PRIMARY KEY)", "CREATE INDEX plain_id ON plain (id)")

    def breaking() -> Iterator[dict[str, Any]]:
        yield from ({"id": n} for n in range(3_000))
        raise ZeroDivisionError

    before = sa.inspect(place.connection).get_indexes("plain"), sa.inspect(place.connection).get_pk_constraint("plain")
    with suppress(ZeroDivisionError):
        place.db.load("plain", breaking())
    place.commit()
    after = sa.inspect(place.connection).get_indexes("plain"), sa.inspect(place.connection).get_pk_constraint("plain")
    assert before == after


def test_what_a_generator_writes_elsewhere_is_checked_as_ever(place: Place) -> None:
    """However many rows it has given before: nothing is switched off, or put off unproven, behind its back."""
    place.create(
        NODE, "CREATE TABLE audit (node INTEGER, CONSTRAINT audit_node FOREIGN KEY (node) REFERENCES node (id))"
    )

    def rows() -> Iterator[dict[str, Any]]:
        yield from shuffled(400)
        place.db.insert("audit", {"node": 999_999})

    with pytest.raises(TdmSeedError):
        place.db.load("node", rows())


def test_a_key_that_is_given_in_part_is_proven_for_rows_that_exist(place: Place) -> None:
    """They have a value where the given rows have none."""
    place.create(
        "CREATE TABLE owner (tenant INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (tenant, id))",
        "CREATE TABLE node (id INTEGER NOT NULL PRIMARY KEY, up_id INTEGER, tenant INTEGER, owner INTEGER, "
        "CONSTRAINT node_up FOREIGN KEY (up_id) REFERENCES node (id), "
        "CONSTRAINT node_owner FOREIGN KEY (tenant, owner) REFERENCES owner (tenant, id))",
    )
    place.db.insert("owner", {"tenant": 1, "id": 5})
    place.db.insert("node", {"id": 1, "tenant": 1, "owner": 5})
    place.commit()
    with pytest.raises(TdmSeedError):
        place.db.upsert("node", [{"id": 1, "tenant": 2}], key="id")


def test_rows_that_were_orphans_before_are_nobody_s_fault(place: Place) -> None:
    """They are neither refused nor made whole."""
    place.create(NODE)
    if place.product.name == "postgresql":
        place.create(
            "ALTER TABLE node DROP CONSTRAINT node_up",
            "INSERT INTO node VALUES (9000, 9999, 'old')",
            "ALTER TABLE node ADD CONSTRAINT node_up FOREIGN KEY (up_id) REFERENCES node NOT VALID",
        )
    elif place.product.name == "mysql":
        with place.other() as other:
            other.exec_driver_sql("SET foreign_key_checks=0")
            other.exec_driver_sql("INSERT INTO node VALUES (9000, 9999, 'old')")
            other.commit()
    else:
        place.commit(begin=False)
        with sqlite3.connect(place.dialect.file(sa.make_url(place.url)) or "") as driver:
            driver.execute("INSERT INTO node VALUES (9000, 9999, 'old')")
        place._begin()
    assert 300 == place.db.load("node", shuffled(300)).inserted
    place.commit()
    assert 301 == len(place.rows("node"))


@pytest.mark.only("sqlite")
def test_the_work_grows_with_the_rows_and_not_with_their_square(place: Place) -> None:
    """Though SQLite looks, for each new row, for those that wait for it."""
    driver = place.connection.connection.driver_connection
    work = []
    for count in (2_000, 4_000):
        place.create("DROP TABLE IF EXISTS node", NODE)
        steps = 0

        def step() -> int:
            nonlocal steps
            steps += 1
            return 0

        driver.set_progress_handler(step, 1_000)  # type: ignore[union-attr]
        place.db.load("node", shuffled(count))
        work.append(steps)
    assert work[1] < 3 * work[0]


@pytest.mark.only("sqlite")
def test_a_block_that_defers_serves_those_that_wait_too(place: Place) -> None:
    """With an index for the length of a large load, which is gone afterwards."""
    place.create(ring(nullable=True))
    driver = place.connection.connection.driver_connection
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    with unchanged(place):
        with place.db.deferred_constraints():
            place.db.load("team", [{"id": n, "lead_id": n} for n in range(4_000)])
            driver.set_progress_handler(step, 1_000)  # type: ignore[union-attr]
            place.db.load("person", [{"id": n, "team_id": n} for n in range(3_999, -1, -1)])
        place.commit()
    assert steps < 1_000
    assert [] == sa.inspect(place.connection).get_indexes("team")


def test_it_is_told_how_rows_went(place: Place) -> None:
    """By which statement, and what became of the foreign keys meanwhile; small loads are not told of."""
    place.create(NODE, ring(nullable=False))
    place.db.load("node", shuffled(50))
    place.db.load("node", [{**row, "id": 1_000 + row["id"], "up_id": 1_000 + row["up_id"]} for row in shuffled(300)])
    with place.db.deferred_constraints("team", "person"):
        place.db.load("team", [{"id": n, "lead_id": n} for n in range(300)])
        place.db.load("person", [{"id": n, "team_id": 0} for n in range(99)])
        place.db.load("person", [{"id": 99 + n, "team_id": 0} for n in range(99, 201)])
        place.db.execute("UPDATE team SET lead_id = 0")
    by = {"sqlite": "INSERT", "postgresql": "COPY", "mysql": "LOAD DATA"}[place.product.name]
    how = {
        "sqlite": "foreign keys are deferred, and proven afterwards",
        "postgresql": "node_up is dropped, and added again afterwards",
        "mysql": "foreign keys are not looked at as rows come, and are proven by a query afterwards",
    }[place.product.name]
    block = "foreign keys are deferred until the block ends"
    assert [
        Load("node", 300, by, (how,)),
        Load("team", 300, by, (block,)),
        Load("person", 102, by, (block,)),
    ] == place.db.writer.loads


def test_foreign_keys_in_circles_are_listed(place: Place) -> None:
    """With what can be done about them."""
    place.create(NODE, ring(nullable=False), "CREATE TABLE leaf (id INTEGER PRIMARY KEY, node_id INTEGER, "
                 "CONSTRAINT leaf_node FOREIGN KEY (node_id) REFERENCES node (id))")  # fmt: skip
    found = place.dialect.circular(place.connection)
    assert ["node", "person", "team"] == sorted(each.table for each in found)
    assert {"node_up", "person_team_id", "team_lead_id"} == {each.constraint for each in found}
    assert all(each.way for each in found)


@pytest.mark.only("mysql")
def test_rows_of_another_database_are_proven_too(place: Place) -> None:
    """Which point to a row that a block has taken away."""
    place.create(NODE)
    place.db.load("node", shuffled(3))
    other = f"{sa.make_url(place.url).database}_other"
    home = sa.make_url(place.url).database
    place.create(f"CREATE DATABASE {other}")
    try:
        place.create(
            f"CREATE TABLE {other}.leaf (node_id INTEGER, CONSTRAINT leaf_node FOREIGN KEY (node_id) "
            f"REFERENCES {home}.node (id))",
            f"INSERT INTO {other}.leaf VALUES (2)",
        )
        with pytest.raises(DatabaseError, match=r"\(2\) points to no row"), place.db.deferred_constraints("node"):
            place.db.delete("node", where={})
        assert 3 == len(place.rows("node"))
    finally:
        place.rollback()
        place.create(f"DROP DATABASE {other}")


def test_a_key_of_several_columns_holds_where_one_is_null(place: Place) -> None:
    """As the standard says of MATCH SIMPLE; a whole one is proven."""
    place.create(
        "CREATE TABLE pair (a INTEGER NOT NULL, b INTEGER NOT NULL, up_a INTEGER, up_b INTEGER, PRIMARY KEY (a, b), "
        "CONSTRAINT pair_up FOREIGN KEY (up_a, up_b) REFERENCES pair (a, b))"
    )
    rows = [{"a": n, "b": 1, "up_a": (n + 1) % 300, "up_b": 1} for n in range(300)]
    rows += [{"a": n, "b": 2, "up_a": 9_999 if n % 2 else None, "up_b": None if n % 2 else 9_999} for n in range(300)]
    with unchanged(place):
        for many in (rows, [{**row, "b": 3} for row in rows[300:350]]):
            assert len(many) == place.db.load("pair", many).inserted
        place.commit()
        with pytest.raises(DatabaseError, match="9999"), place.db.deferred_constraints():
            place.db.load("pair", [{"a": 1, "b": 4, "up_a": 1, "up_b": 9_999}])
    assert 650 == len(place.rows("pair"))


# ---- PostgreSQL's owners --------------------------------------------------------------------------------------------

GRANTS = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}"


@contextmanager
def settled(place: Place, db: Database) -> Iterator[None]:
    """Prove at the end what was put off, as the engine does."""
    try:
        yield
        place.dialect.settle(db.connection)
    except psycopg.Error as error:
        raise place.dialect.translate_error(error) from error


def oid(place: Place) -> object:
    """Number the key as the catalogue does."""
    return place.connection.exec_driver_sql("SELECT oid FROM pg_constraint WHERE conname = 'node_up'").scalar()


@pytest.mark.only("postgresql")
@pytest.mark.parametrize("deferrable", ["", " DEFERRABLE", " DEFERRABLE INITIALLY DEFERRED"])
@pytest.mark.parametrize("owner", [True, False])
def test_no_superuser_is_needed(place: Place, deferrable: str, owner: bool) -> None:
    """Nor the table's owner."""
    place.create(NODE.replace("(id))", f"(id){deferrable})"), "COMMENT ON CONSTRAINT node_up ON node IS 'whose'")
    number = oid(place)
    grants = ["ALTER TABLE node OWNER TO {user}"] if owner else [GRANTS]
    with unchanged(place), stranger(place, "GRANT USAGE, CREATE ON SCHEMA public TO {user}", *grants) as url:
        with hands_of(place, url) as db:
            assert 300 == db.load("node", iter(shuffled(300))).inserted
            place.dialect.settle(db.connection)
            comment = db.scalar("SELECT obj_description(oid) FROM pg_constraint WHERE conname = 'node_up'")
        assert owner == (number != oid(place))
        rows = [{**row, "id": row["id"] + 1_000} for row in shuffled(300, 2)]
        rows[7]["up_id"] = 4711
        refused = pytest.raises(DatabaseError, match="4711")
        with refused, hands_of(place, url) as db, settled(place, db):
            db.load("node", iter(rows))
        if owner:
            place.create("ALTER TABLE node OWNER TO CURRENT_USER")
    assert ("whose", 300) == (comment, len(place.rows("node")))


@pytest.mark.only("postgresql")
def test_circles_tell_what_this_role_may_do(place: Place) -> None:
    """Deferrable keys need no owner; others do."""
    place.create(NODE, ring(nullable=False), "ALTER TABLE team ALTER CONSTRAINT team_lead_id DEFERRABLE")
    grants = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}"
    with stranger(place, "GRANT USAGE ON SCHEMA public TO {user}", grants) as url, hands_of(place, url) as db:
        theirs = {each.constraint: each.way for each in place.dialect.circular(db.connection)}
    ours = {each.constraint: each.way for each in place.dialect.circular(place.connection)}
    assert ("it is deferrable, and deferred",) * 2 == (ours["team_lead_id"], theirs["team_lead_id"])
    assert "dropped and added again" in ours["node_up"]
    assert "only the table's owner" in theirs["node_up"]


@pytest.mark.only("postgresql")
def test_what_waits_for_its_proof_forbids_nothing(place: Place) -> None:
    """A table with events pending is loaded all the same, and each key is proven when it was to be."""
    place.create(
        NODE,
        "CREATE TABLE owner (id INTEGER PRIMARY KEY)",
        "ALTER TABLE node ADD owner_id INTEGER CONSTRAINT node_owner REFERENCES owner DEFERRABLE INITIALLY DEFERRED",
    )
    rows = [{**row, "owner_id": 5} for row in shuffled(300)]
    with unchanged(place):
        place.db.load("node", [{"id": 9_000, "up_id": None, "word": "w", "owner_id": 5}])
        assert 300 == place.db.load("node", rows).inserted
        place.db.load("owner", [{"id": 5}])
        place.commit()
        place.db.load("node", ({**row, "id": row["id"] + 400, "up_id": None, "owner_id": 6} for row in rows))
        with pytest.raises(DatabaseError, match="6"):
            place.commit()
        place.rollback()


@pytest.mark.only("postgresql")
@pytest.mark.parametrize("outer", [("team", "person"), ("node",), ("team", "node")])
def test_blocks_around_large_loads(place: Place, outer: tuple[str, ...]) -> None:
    """Of a table in the block or outside of it, with a savepoint that the seed takes back in between."""
    place.create(NODE, ring(nullable=False))
    with unchanged(place):
        with place.db.deferred_constraints(*outer), place.db.deferred_constraints("team", "person"):
            place.db.load("team", [{"id": n, "lead_id": 1_000 + n} for n in range(300)])
            with suppress(ZeroDivisionError), place.connection.begin_nested():
                place.db.load("node", shuffled(200))
                raise ZeroDivisionError
            place.db.load("node", shuffled(300))
            place.db.load("person", ({"id": 1_000 + n, "team_id": n} for n in range(300)))
        place.commit()
    assert [300, 300, 300] == [len(place.rows(name)) for name in ("team", "person", "node")]


# ---- any graph ------------------------------------------------------------------------------------------------------


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, list[dict[str, Any]]], str | None]:
    """Rows of three tables that point to themselves and to one another, in any order, perhaps with one orphan."""
    count = draw(st.integers(1, 12)) * draw(st.sampled_from([1, 20]))
    dice = random.Random(draw(st.integers(0, 10**6)))
    numbers = range(1, count + 1)
    rows: dict[str, list[dict[str, Any]]] = {
        "node": [{"id": n, "up_id": dice.choice([None, *numbers]), "word": "w"} for n in numbers],
        "team": [{"id": n, "lead_id": dice.choice(numbers)} for n in numbers],
        "person": [{"id": n, "team_id": dice.choice(numbers)} for n in numbers],
    }
    orphan = draw(st.sampled_from([None, "node", "team", "person"]))
    if orphan:
        column = {"node": "up_id", "team": "lead_id", "person": "team_id"}[orphan]
        dice.choice(rows[orphan])[column] = 123_456
    for each in rows.values():
        dice.shuffle(each)
    return {name: rows[name] for name in draw(st.permutations(list(rows)))}, orphan


@given(graphs(), st.booleans(), st.sampled_from([as_list, as_stream, as_frame]))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_graph_is_loaded_whole_or_not_at_all(
    place: Place, graph: tuple[dict[str, list[dict[str, Any]]], str | None], block: bool, source: Sources
) -> None:
    """In one block, or the table that points to itself outside of it; an orphan is named."""
    rows, orphan = graph
    if not sa.inspect(place.connection).has_table("node"):
        place.create(NODE, ring(nullable=False))
    outside = [] if block else ["node"]
    error = None
    with unchanged(place):
        try:
            for name in outside:
                place.db.load(name, source(place, rows[name]))
            with place.db.deferred_constraints():
                for name in rows:
                    if name not in outside:
                        place.db.load(name, source(place, rows[name]))
        except DatabaseError as caught:
            error = caught
            place.rollback()
        else:
            place.commit()
    found = {name: place.rows(name) for name in rows}
    if orphan is None:
        assert (None, {name: sorted((tuple(r.values()) for r in each), key=repr) for name, each in rows.items()}) == (
            error,
            found,
        )
    else:
        assert error is not None
        assert (orphan, True) == (error.place.table, "123456" in str(error))
        assert {name: [] for name in rows} == found
    place.rollback()
    with place.db.deferred_constraints():
        for name in rows:
            place.db.delete(name, where={})
    place.commit()
