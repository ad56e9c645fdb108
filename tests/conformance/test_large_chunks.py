"""Large loads that commit in chunks: indexes are down in between, and come back exactly as they were."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from tdm_seed import chunked
from tdm_seed.engine import Progress, Seeder
from tdm_seed.errors import TdmSeedError
from tdm_seed.loading import large
from tests.conformance.place import Place
from tests.conformance.test_large_loads import children, family, scheme

SEED = """
transaction = "chunk"

def rows(count):
    for number in range(10_001, 10_001 + count):
        yield {{"id": number, "code": f"c{{number}}", "parent_id": number % 5 + 1, "score": number % 7, "word": "x"}}

def upgrade(db):
    db.load("child", {rows})

def downgrade(db):
    db.delete("child", where="id > 9000")
"""


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call a load large that no test has to wait for."""
    monkeypatch.setattr(large, "LARGE", 100)
    monkeypatch.setattr(chunked, "CHUNK", 150)


class Looking(Progress):
    """Describes the tables as others find them when a chunk has been committed."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.seen: list[list[Any]] = []

    def reached(self, point: str) -> None:
        """Look."""
        if point == "after chunk":
            with self._place.session_at(self._place.url) as other, other.reading():
                self.seen.append(scheme(self._place, other.connection))


def upgrade(place: Place, rows: str = "rows(500)", **environment: Any) -> Looking:
    """Run the seed and tell what others saw meanwhile."""
    place.seeds({"reference/20260101_0001_children.py": SEED.format(rows=rows)})
    looking = Looking(place)
    place.commit(begin=False)
    try:
        with Seeder(place.environment(**environment), lock_timeout=10, progress=looking) as seeder:
            seeder.upgrade()
    finally:
        place.session.schema.forget()
        place._begin()
    return looking


def odd(place: Place) -> list[str]:
    """Give indexes that are hard to make again."""
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
            "CREATE SCHEMA apart",
            "CREATE FUNCTION apart.half(integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT $1 / 2'",
            "CREATE INDEX child_half ON child (apart.half(score))",
            "ALTER TABLE child ALTER CONSTRAINT child_parent DEFERRABLE INITIALLY DEFERRED",
            "COMMENT ON INDEX child_covering IS 'It''s 100 %'",
            "COMMENT ON CONSTRAINT child_parent ON child IS 'whose'",
            "COMMENT ON CONSTRAINT child_code ON child IS 'one each'",
        ]
    if place.product.name == "mysql":
        more += [
            "CREATE INDEX `Child, by word` ON child (word(3)) COMMENT 'It''s 100 %, `quoted`'",
            "CREATE FULLTEXT INDEX child_text ON child (word)",
            "CREATE UNIQUE INDEX child_pair ON child (score, code)",
            "CREATE INDEX child_pair_backwards ON child (code, score) USING BTREE",
        ]
    return more


@pytest.mark.parametrize("rows", ["rows(500)", "list(rows(500))"], ids=["unknown number", "known number"])
def test_the_schema_is_the_same_and_so_are_the_rows(place: Place, rows: str) -> None:
    """While others saw a table without them; and nothing is left in the journal."""
    family(place, *odd(place))
    before = scheme(place)
    seen = upgrade(place, rows).seen
    assert len(seen) > 3
    assert all(len(str(each)) < len(str(before)) for each in seen)
    assert before == scheme(place)
    assert (500, 5125250) == tuple(place.connection.execute(sa.text("SELECT count(*), sum(id) FROM child")).one())
    assert 0 == place.connection.scalar(sa.text("SELECT count(*) FROM seed_history_rebuild"))


def test_of_a_table_with_rows_only_plain_indexes_go(place: Place) -> None:
    """Others may rely on its keys; those of a table that points there, and its rows, are left alone as well."""
    family(place, "CREATE INDEX child_word ON child (word)", "CREATE UNIQUE INDEX child_pair ON child (score, code)")
    place.db.load("child", children(100))
    place.commit()
    before = scheme(place)
    seen = upgrade(place, "list(rows(500))").seen
    assert all("child_word" not in str(each) for each in seen)
    assert all(key in str(seen[0]) for key in ("child_code", "child_pair", "child_parent"))
    assert before == scheme(place)


@pytest.mark.parametrize(
    ("rows", "environment"),
    [
        ("rows(50)", {}),
        ("rows(500)", {"rebuild": "never"}),
    ],
    ids=["few rows", "forbidden"],
)
def test_they_stay_in_place(place: Place, rows: str, environment: dict[str, Any]) -> None:
    """For a load that is not large, and where the environment says so."""
    family(place, *odd(place))
    before = scheme(place)
    assert all(before == each for each in upgrade(place, rows, **environment).seen)
    assert "seed_history_rebuild" not in sa.inspect(place.connection).get_table_names()


def test_a_load_beside_many_rows_takes_them_down_once_it_has_become_large(place: Place) -> None:
    """How many rows are to come is not known; so the first of them go in as they always do."""
    family(place, "CREATE INDEX child_word ON child (word)")
    place.db.load("child", children(1_600))
    place.commit()
    if place.product.name == "postgresql":
        place.create("ANALYZE child")
    before = scheme(place)
    seen = upgrade(place, "rows(1500)").seen
    assert before == seen[0] == scheme(place)
    assert "child_word" not in str(seen[-1])


@pytest.mark.parametrize(
    ("double", "told"),
    [("{'code': 'c10007'}", ("c10007", "child.code", "child_code")), ("{'parent_id': 77}", ("77", "FOREIGN KEY"))],
    ids=["a key twice", "an orphan"],
)
def test_rows_that_break_a_key_leave_the_seed_unfinished(place: Place, double: str, told: tuple[str, ...]) -> None:
    """The key is named; a downgrade takes the rows back, and with them comes everything that was down."""
    family(place, "CREATE UNIQUE INDEX child_once ON child (code, word)", "CREATE INDEX child_word ON child (word)")
    before = scheme(place)
    for _ in range(2):
        with pytest.raises(TdmSeedError) as failed:
            upgrade(place, f"[*rows(400), {{**next(rows(1)), 'id': 20000, 'code': 'c20000', **{double}}}]")
        assert any(word in str(failed.value) for word in told), failed.value
        assert ("child", "20260101_0001_children") == (failed.value.place.table, failed.value.place.seed)
    with place.seeder() as seeder:
        seeder.downgrade("children")
    assert before == scheme(place)
    assert 0 == place.connection.scalar(sa.text("SELECT count(*) FROM child"))
    assert [] == place.connection.execute(sa.text("SELECT * FROM seed_history_chunks")).all()
    upgrade(place)
    assert before == scheme(place)


def test_a_misspelt_column_is_said_before_anything_goes_down(place: Place) -> None:
    """Nothing has to be repaired after a mistake that shows in the first row."""
    family(place, "CREATE INDEX child_word ON child (word)")
    before = scheme(place)
    with pytest.raises(TdmSeedError, match="scroe"):
        upgrade(place, "[{**each, 'scroe': 1} for each in rows(500)]")
    assert before == scheme(place)
    assert "seed_history_rebuild" not in sa.inspect(place.connection).get_table_names()


@pytest.mark.only("mysql")
def test_an_index_that_others_need_stays_and_so_does_what_stands_before_it(place: Place) -> None:
    """The order of indexes is part of the schema, and what is made again comes last."""
    family(
        place,
        "CREATE INDEX child_word ON child (word)",
        "CREATE INDEX child_score ON child (score)",
        "CREATE INDEX child_both ON child (word, code)",
        "CREATE TABLE toy (score INTEGER, FOREIGN KEY (score) REFERENCES child (score))",
    )
    before = scheme(place)
    seen = upgrade(place)
    assert ["child_word", "child_score"] == [
        name for name in ("child_word", "child_score", "child_both") if name in str(seen.seen[0])
    ]
    assert before == scheme(place)


@pytest.mark.only("postgresql")
def test_a_name_is_found_wherever_the_next_session_looks_for_it(place: Place) -> None:
    """What is noted names schemas, also those that were on the search path."""
    family(
        place,
        "CREATE SCHEMA apart",
        "CREATE FUNCTION apart.half(integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT $1 / 2'",
        "CREATE INDEX child_half ON child (apart.half(score))",
    )
    before = scheme(place)
    url = sa.make_url(place.url).update_query_dict({"options": "-csearch_path=public,apart"})
    with pytest.raises(TdmSeedError):
        upgrade(place, "[*rows(400), {}]", url=url.render_as_string(hide_password=False))
    assert "child_half" not in str(scheme(place))
    with place.seeder() as seeder:
        seeder.downgrade("children")
    assert before == scheme(place)
