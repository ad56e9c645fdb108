"""Names: tables and columns are called what they are called."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tdm_seed.errors import SeedError
from tdm_seed.values import Changes
from tests.conformance.place import Place, dicts

NAMES = [
    "Mixed Case", "select", "dot.ted", "per%cent", "per%%s", "co:lon", ":bind", "quo\"te", "back`tick", "apo'strophe", "dash-ed",
    "par(en)", "%(id)s", "ünïcode 日本", "back\\slash", "semi;colon", "que?stion", "tab\tbed", "br[ack]et", "UPPER", "a" * 60,
    "new\nline", "--", "1st", "{brace}",
]  # fmt: skip


#: What SQLAlchemy cannot reflect: it reads keys out of the text that made the table.
UNREADABLE = {
    "sqlite": ("par(en)", "%(id)s", "new\nline", 'quo"te'),
    "mysql": ("par(en)", "%(id)s", "new\nline", "back`tick"),
    "postgresql": ("new\nline",),
}


@pytest.mark.parametrize("name", NAMES)
def test_odd_names(place: Place, name: str) -> None:
    """A table and its columns may be called anything that the database takes."""
    if name in UNREADABLE.get(place.product.name, ()):
        pytest.skip("SQLAlchemy does not reflect keys of this name")
    metadata = sa.MetaData()
    up = name[:50] + "_up"
    table = sa.Table(
        name, metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column(name, sa.String(20)),
        sa.Column(up, sa.Integer), sa.Column("n", sa.Integer), sa.UniqueConstraint(name, name="uq"),
    )  # fmt: skip
    table.append_constraint(sa.ForeignKeyConstraint([table.c[up]], [table.c.id], name="fk"))
    place.create(metadata)
    db = place.db
    rows = [
        {name: "c", f"{up}.{name}": "b", "n": 1},
        {name: "b", f"{up}.{name}": "a", "n": 1},
        {name: "a", f"{up}.{name}": None, "n": 1},
    ]
    assert Changes(inserted=3) == db.upsert(name, rows, key=name)
    rows[0]["n"] = 2
    assert Changes(updated=1, unchanged=2) == db.upsert(name, rows)
    many = [{name: f"m{i}", "n": i} for i in range(30)]
    assert Changes(inserted=30) == db.upsert(name, many)
    assert Changes(updated=1) == db.upsert(name, [{name: "m5", "n": 0}])
    assert Changes(inserted=1) == db.load(name, [{"id": 500, name: "x", up: 500}])
    assert Changes(inserted=2) == db.load(name, dicts("id n", (600, 1), (601, None)))
    assert Changes(deleted=1) == db.delete(name, where={name: "m7"})
    with db.deferred_constraints(name):
        db.load(name, [{"id": 700, up: 701}, {"id": 701, up: None}])
    place.commit()
    assert Changes(inserted=1) == db.upsert(name, [{name: "next"}], key=name)
    with pytest.raises(SeedError) as caught:
        db.upsert(name, [{name + "?": "x"}])
    assert name == caught.value.place.table


@pytest.mark.parametrize("quoted", ['"Mixed Case"', "`Mixed Case`", "Mixed Case"])
def test_quoted_names(place: Place, quoted: str) -> None:
    """A name may be quoted as SQL would have it."""
    place.create(sa.Table("Mixed Case", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True)))
    assert Changes(inserted=1) == place.db.upsert(quoted, dicts("id", [1]))


def test_unknown_table_offers_close_names(place: Place) -> None:
    """A table that is not there is named, with those it may have been meant for."""
    place.create(sa.Table("customers", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True)))
    with pytest.raises(SeedError, match="there is no table 'customer'") as caught:
        place.db.upsert("customer", dicts("id", [1]))
    assert "Did you mean customers?" == caught.value.hint
    with pytest.raises(SeedError, match="there is no table 'nowhere.customers'"):
        place.db.upsert("nowhere.customers", dicts("id", [1]))


def test_views_take_no_rows(place: Place) -> None:
    """A view is refused by every writer, with what to do instead."""
    place.create(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)", "CREATE VIEW v AS SELECT id, n FROM t",
    )  # fmt: skip
    for write in (
        lambda: place.db.upsert("v", dicts("id n", (1, 2)), key="id"),
        lambda: place.db.load("v", dicts("id n", (1, 2))),
        lambda: place.db.delete("v", where={"id": 1}),
    ):
        with pytest.raises(SeedError, match="is a view") as caught:
            write()
        assert "tables behind it" in str(caught.value.hint)


def test_table_without_primary_key(place: Place) -> None:
    """It can be loaded, deleted from, and upserted by a unique key if it has one."""
    place.create("CREATE TABLE t (a INTEGER, b VARCHAR(9))", "CREATE TABLE u (a INTEGER UNIQUE, b VARCHAR(9))")
    assert Changes(inserted=2) == place.db.load("t", dicts("a b", (1, "x"), (1, "x")))
    with pytest.raises(SeedError, match="no unique key fits") as caught:
        place.db.upsert("t", dicts("a b", (1, "x")))
    assert "none" in str(caught.value.hint)
    assert Changes(deleted=2) == place.db.delete("t", where={"a": 1})
    with pytest.raises(SeedError, match="has no primary key"):
        place.db.keys("t")
    assert Changes(inserted=2) == place.db.upsert("u", dicts("a b", (1, "x"), (None, "y")))
    assert Changes(updated=1, unchanged=1) == place.db.upsert("u", dicts("a b", (1, "z"), (None, "y")))


def test_a_seed_may_change_a_table(place: Place) -> None:
    """After a statement that alters a table, the table is what it is now."""
    if "DDL in a transaction" in place.product.lacks:
        pytest.skip(place.product.lacks["DDL in a transaction"])
    place.create("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    place.db.upsert("t", dicts("id", [1]))
    place.db.execute("ALTER TABLE t ADD COLUMN n INTEGER")
    assert Changes(updated=1) == place.db.upsert("t", dicts("id n", (1, 2)))
    place.run("CREATE TABLE more (id INTEGER PRIMARY KEY); INSERT INTO more VALUES (1)")
    assert Changes(inserted=1, unchanged=1) == place.db.upsert("more", dicts("id", [1], [2]))


def test_statements_count_on_their_table(place: Place) -> None:
    """SQL that writes a table's name in another way counts on the same table."""
    place.create("CREATE TABLE thing (id INTEGER PRIMARY KEY, n INTEGER)")
    for sql in ("INSERT INTO thing VALUES (1, 1)", "insert into Thing values (2, 1)", "UPDATE thing SET n = 2"):
        if place.product.name != "mysql" or "Thing" not in sql:
            place.db.execute(sql)
    assert {"thing"} == set(place.db.changes)
