"""Loads that are large beside their table: indexes go and come back exactly as they were, and everything is proven."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from tdm_seed.errors import DatabaseError
from tdm_seed.loading import large
from tests.conformance.place import Place

PARENTS = "CREATE TABLE parent (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL)"
CHILDREN = """
    CREATE TABLE child (
        id INTEGER NOT NULL, code VARCHAR(20) NOT NULL, parent_id INTEGER, score INTEGER, word VARCHAR(20),
        CONSTRAINT child_key PRIMARY KEY (id),
        CONSTRAINT child_code UNIQUE (code),
        CONSTRAINT child_parent FOREIGN KEY (parent_id) REFERENCES parent (id) ON DELETE CASCADE
    )
"""


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call a load large that no test has to wait for."""
    monkeypatch.setattr(large, "LARGE", 100)


def children(count: int, start: int = 1) -> Iterator[dict[str, Any]]:
    """Make rows."""
    for number in range(start, start + count):
        yield {"id": number, "code": f"c{number}", "parent_id": number % 5 + 1, "score": number % 7, "word": "x"}


def family(place: Place, *more: str) -> None:
    """Make both tables, their parents, and what else a test wants, and let loads be large."""
    place.create(PARENTS, CHILDREN, *more)
    place.db.load("parent", [{"id": number, "name": f"p{number}"} for number in range(1, 6)])
    place.commit()


def scheme(place: Place, connection: sa.Connection | None = None) -> list[Any]:
    """Describe the two tables with their constraints and indexes as the database itself does."""
    connection = connection or place.connection
    if place.product.name == "postgresql":
        asked = (
            "SELECT c.relname, pg_get_indexdef(i.indexrelid), obj_description(c.oid, 'pg_class') "
            "FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid "
            "WHERE t.relname IN ('parent', 'child') "
            "UNION ALL SELECT k.conname, pg_get_constraintdef(k.oid), obj_description(k.oid, 'pg_constraint') "
            "FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid WHERE t.relname IN ('parent', 'child') "
            "ORDER BY 1, 2"
        )
    elif place.product.name == "mysql":
        asked = "SHOW CREATE TABLE child"
    else:
        asked = "SELECT name, sql FROM sqlite_master WHERE tbl_name IN ('parent', 'child') ORDER BY name"
    return [tuple(row) for row in connection.exec_driver_sql(asked, execution_options={"no_parameters": True})]


def test_the_schema_is_the_same_and_so_are_the_rows(place: Place) -> None:
    """Names, partial and expression indexes, options and comments."""
    more = [
        "CREATE INDEX child_parent_id ON child (parent_id)",
        "CREATE UNIQUE INDEX child_backwards ON child (id DESC)",
    ]
    if "expression indexes" not in place.product.lacks:
        more += [
            "CREATE INDEX child_score ON child (score) WHERE score > 3",
            "CREATE INDEX child_word ON child (lower(word))",
        ]
    if place.product.name == "postgresql":
        more += [
            "CREATE INDEX child_covering ON child USING btree (score DESC NULLS LAST) INCLUDE (word) WITH (fillfactor=70)",
            'CREATE INDEX "Child, by word" ON child (word COLLATE "C")',
            "COMMENT ON INDEX child_covering IS 'It''s 100 %'",
            "COMMENT ON CONSTRAINT child_parent ON child IS 'whose'",
            "COMMENT ON CONSTRAINT child_code ON child IS 'one each'",
        ]
    family(place, *more)
    before = scheme(place)
    assert 500 == place.db.load("child", children(500)).inserted
    assert before == scheme(place)
    place.commit()
    assert before == scheme(place)
    assert (500, 125250) == tuple(place.connection.execute(sa.text("SELECT count(*), sum(id) FROM child")).one())


def test_an_orphan_and_a_duplicate_are_found_when_keys_are_built_again(place: Place) -> None:
    """By their value; and the seed may go on behind a savepoint with everything as it was."""
    family(place, "CREATE UNIQUE INDEX child_score ON child (word, score)")
    before = scheme(place)
    orphan = [*children(200), {"id": 201, "code": "c201", "parent_id": 77, "score": 1, "word": "o"}]
    double = [*children(200), {"id": 201, "code": "c7", "parent_id": 1, "score": 1, "word": "d"}]
    for rows, told in ((orphan, ("77", "foreign key")), (double, ("c7", "child.code", "child_code"))):
        with pytest.raises(DatabaseError) as failed, place.dialect.savepoint(place.connection):
            place.db.load("child", ({**row, "score": row["id"]} for row in rows))
        assert any(word in str(failed.value) for word in told), failed.value
        assert "child" in str(failed.value)
        assert before == scheme(place)
        assert 0 == place.connection.scalar(sa.text("SELECT count(*) FROM child"))


def test_rows_of_one_table_come_in_any_order(place: Place) -> None:
    """A reference to a row that comes later holds once they are all there."""
    place.create("CREATE TABLE node (id INTEGER PRIMARY KEY, up_id INTEGER REFERENCES node (id))")
    rows = [{"id": number, "up_id": number + 1 if number < 300 else None} for number in range(1, 301)]
    assert 300 == place.db.load("node", rows).inserted
    place.commit()
    assert 299 == place.connection.scalar(sa.text("SELECT count(up_id) FROM node"))


@pytest.mark.only("postgresql")
def test_a_deferrable_key_is_proven_when_the_seed_says_so(place: Place) -> None:
    """Not at the end of the load: parents may follow their children, as they could if rows were few."""
    family(place, "ALTER TABLE child ALTER CONSTRAINT child_parent DEFERRABLE INITIALLY DEFERRED")
    before = scheme(place)
    place.db.load("child", ({**row, "parent_id": row["id"] % 9 + 1} for row in children(300)))
    place.db.load("parent", [{"id": number, "name": "late"} for number in range(6, 10)])
    place.commit()
    assert before == scheme(place)
    place.db.load("child", ({**row, "parent_id": 99} for row in children(300, 1000)))
    with pytest.raises(DatabaseError, match=r"\(99\) is not present"):
        place.commit()
    place.rollback()
    assert before == scheme(place)


def test_a_deferring_block_proves_a_large_load_at_its_end(place: Place) -> None:
    """Whatever is taken down inside it."""
    family(place)
    before = scheme(place)
    with place.db.deferred_constraints("child"):
        place.db.load("child", ({**row, "parent_id": row["id"] % 9 + 1} for row in children(300)))
        place.db.load("parent", [{"id": number, "name": "late"} for number in range(6, 10)])
    assert before == scheme(place)
    place.commit()
    with pytest.raises(DatabaseError, match="99"), place.db.deferred_constraints("child"):
        place.db.load("child", ({**row, "parent_id": 99} for row in children(300, 1000)))
    assert before == scheme(place)
    assert 300 == place.connection.scalar(sa.text("SELECT count(*) FROM child"))


@pytest.mark.only("postgresql")
@pytest.mark.parametrize(
    ("statement", "stays"),
    [
        ("CREATE VIEW grouped AS SELECT id, code FROM child GROUP BY id", "child_key"),
        ("ALTER TABLE child REPLICA IDENTITY USING INDEX child_key", "child_key"),
        ("ALTER TABLE child CLUSTER ON child_code", "child_code"),
        ("ALTER TABLE child ADD CONSTRAINT apart EXCLUDE USING btree (id WITH =)", "apart"),
        ("ALTER TABLE child ADD CONSTRAINT later UNIQUE (id, code) DEFERRABLE", "later"),
        (
            "CREATE INDEX sampled ON child ((score + 1)); ALTER INDEX sampled ALTER COLUMN 1 SET STATISTICS 500",
            "sampled",
        ),
        ("ALTER TABLE child ADD CONSTRAINT unproven FOREIGN KEY (score) REFERENCES parent NOT VALID", "unproven"),
        ("CREATE TABLE toy (child_id INTEGER REFERENCES child); INSERT INTO toy VALUES (NULL)", "child_key"),
    ],
)
def test_what_cannot_be_made_again_exactly_stays(place: Place, statement: str, stays: str) -> None:
    """With the number that it has in the catalogue; the rest is made anew."""
    family(place, statement)
    before, numbers = scheme(place), catalogue(place)
    place.db.load("child", ({**row, "score": row["id"] % 5 + 1} for row in children(300)))
    place.commit()
    now = catalogue(place)
    assert before == scheme(place)
    assert numbers[stays] == now[stays]
    assert numbers["child_parent"] != now["child_parent"]


def catalogue(place: Place) -> dict[str, int]:
    """Number the indexes and foreign keys as the catalogue does."""
    found = place.connection.execute(
        sa.text(
            "SELECT c.relname, c.oid FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid "
            "WHERE i.indrelid = CAST('child' AS regclass) "
            "UNION ALL SELECT conname, oid FROM pg_constraint WHERE contype = 'f'"
        )
    )
    return {row.relname: row.oid for row in found}


@pytest.mark.only("postgresql")
@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE child ENABLE ROW LEVEL SECURITY",
        "CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        "CREATE TRIGGER seen BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION seen()",
        "CREATE TABLE kid () INHERITS (child)",
    ],
    ids=["row security", "trigger", "inherited"],
)
def test_some_tables_are_left_as_they_are(place: Place, statement: str) -> None:
    """Their rows go in like any others."""
    family(place, statement)
    numbers = catalogue(place)
    assert 300 == place.db.load("child", children(300)).inserted
    place.commit()
    assert numbers == catalogue(place)


@pytest.mark.only("postgresql")
def test_a_table_that_others_use_is_left_as_it_is(place: Place) -> None:
    """Nobody waits for us, and we wait for nobody."""
    family(place)
    numbers = catalogue(place)
    with place.session_at(place.url) as other, other.dialect.transaction(other.connection, write=False):
        other.connection.execute(sa.text("SELECT count(*) FROM child"))
        assert 300 == place.db.load("child", children(300)).inserted
    place.commit()
    assert numbers == catalogue(place)


def test_a_table_with_many_rows_is_left_as_it_is_for_a_few_more(place: Place) -> None:
    """Building its indexes again would cost more; a load that turns out larger goes on without them."""
    family(place, "CREATE INDEX child_parent_id ON child (parent_id)")
    before = scheme(place)
    for start, count in ((1, 5_000), (5_001, 150), (6_001, 4_500)):
        assert count == place.db.load("child", children(count, start)).inserted
        place.commit()
        assert before == scheme(place)
    assert 9_650 == place.connection.scalar(sa.text("SELECT count(*) FROM child"))


def test_a_duplicate_in_what_can_be_read_again_is_named_by_its_row(place: Place) -> None:
    """It is found when the key is built, which tells no row; so the rows are tried once more with the key in place."""
    family(place)
    before = scheme(place)
    rows = list(children(300))
    rows[249]["code"] = "c7"
    with pytest.raises(DatabaseError) as failed:
        place.db.load("child", rows)
    assert ("child", 250) == (failed.value.place.table, failed.value.place.row)
    place.rollback()
    assert before == scheme(place)


def test_a_refused_row_of_a_large_load_is_named(place: Place) -> None:
    """By the number that it came with, also where it came after the first part."""
    family(place)
    rows = list(children(400))
    rows[349]["code"] = None
    with pytest.raises(DatabaseError) as failed:
        place.db.load("child", rows)
    assert ("child", 350) == (failed.value.place.table, failed.value.place.row)
