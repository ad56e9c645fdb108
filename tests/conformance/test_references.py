"""References: a row names the row it points to by what people know it by."""

from __future__ import annotations

import random

import pytest
import sqlalchemy as sa

from tdm_seed.errors import SeedError
from tdm_seed.values import Changes
from tests.conformance.place import Place, dicts


def shop() -> sa.MetaData:
    """Roles that users have, and a tree of categories."""
    metadata = sa.MetaData()
    sa.Table(
        "role", metadata, sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("code", sa.String(20), nullable=False, unique=True), sa.Column("title", sa.String(20)),
    )  # fmt: skip
    sa.Table(
        "person", metadata, sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", sa.String(40), nullable=False, unique=True), sa.Column("age", sa.Integer),
        sa.Column("role_id", sa.ForeignKey("role.id")), sa.Column("former_id", sa.ForeignKey("role.id")),
    )  # fmt: skip
    sa.Table(
        "category", metadata, sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("slug", sa.String(20), nullable=False, unique=True),
        sa.Column("parent_id", sa.ForeignKey("category.id")), sa.Column("title", sa.String(20)),
    )  # fmt: skip
    return metadata


ROLES = dicts("code title", ("admin", "A"), ("editor", "E"), ("reader", "R"))
PEOPLE = "SELECT email, r.code FROM person p LEFT JOIN role r ON r.id = p.role_id ORDER BY email"
TREE = "SELECT c.slug, p.slug AS up FROM category c LEFT JOIN category p ON p.id = c.parent_id ORDER BY c.slug"


def pairs(place: Place, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in place.db.rows(sql)]


@pytest.fixture
def place(place: Place) -> Place:
    """A place with the shop's tables and roles."""
    place.create(shop())
    place.db.upsert("role", ROLES, key="code")
    place.commit()
    return place


@pytest.mark.parametrize("writer", ["upsert", "load"])
@pytest.mark.parametrize("many", [0, 200])
def test_references_are_looked_up(place: Place, writer: str, many: int) -> None:
    """Rows point to the roles whose codes they give, in dicts as in a CSV; None and an empty field point nowhere."""
    rows = dicts("email role_id.code", ("a@x", "admin"), ("b@x", None), ("c@x", "reader"))
    rows += [{"email": f"d{i:03}@x", "role_id.code": "editor"} for i in range(many)]
    assert Changes(inserted=3 + many) == getattr(place.db, writer)("person", rows)
    expected = [("a@x", "admin"), ("b@x", None), ("c@x", "reader")]
    assert expected == pairs(place, PEOPLE)[:3]
    assert Changes(inserted=2) == getattr(place.db, writer)(
        "person", place.csv("email,role_id.code\ne@x,admin\nf@x,\n")
    )
    assert [("e@x", "admin"), ("f@x", None)] == pairs(place, PEOPLE)[-2:]


def test_changed_reference_is_an_update(place: Place) -> None:
    """Rows that point elsewhere than before are updated, the others are unchanged."""
    place.db.upsert("person", dicts("email role_id.code", ("a@x", "admin"), ("b@x", None), ("c@x", "reader")))
    rows = dicts("email role_id.code", ("a@x", "admin"), ("b@x", "editor"), ("c@x", None))
    assert Changes(updated=2, unchanged=1) == place.db.upsert("person", rows)
    assert Changes(unchanged=3) == place.db.upsert("person", rows)
    assert [("a@x", "admin"), ("b@x", "editor"), ("c@x", None)] == pairs(place, PEOPLE)


def test_two_references_in_one_row(place: Place) -> None:
    """Two foreign keys to the same table are looked up each by itself."""
    place.db.upsert("person", dicts("email role_id.code former_id.id", ("a@x", "admin", 2)))
    assert [("a@x", 1, 2)] == place.rows("person", "email", "role_id", "former_id")


def test_reference_may_be_part_of_the_key(place: Place) -> None:
    """``key`` takes a reference as the rows name it, or the column that it fills."""
    metadata = shop()
    sa.Table(
        "permission", metadata, sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("role_id", sa.ForeignKey("role.id"), nullable=False), sa.Column("what", sa.String(9)),
        sa.Column("note", sa.String(9)), sa.UniqueConstraint("role_id", "what"),
    )  # fmt: skip
    place.create(metadata)
    rows = dicts("role_id.code what note", ("admin", "all", "1"), ("reader", "read", "2"), ("reader", None, "3"))
    assert Changes(inserted=3) == place.db.upsert("permission", rows, key=["role_id.code", "what"])
    rows[2]["note"] = "4"
    assert Changes(updated=1, unchanged=2) == place.db.upsert("permission", rows, key=["what", "role_id"])
    assert Changes(unchanged=3) == place.db.upsert("permission", rows)
    assert Changes(deleted=2) == place.db.delete("permission", [row for row in rows if row["what"]])
    changes = place.db.upsert("permission", rows[:1], missing="delete", where={"role_id": 3})
    assert Changes(inserted=1, deleted=1) == changes


@pytest.mark.parametrize("writer", ["upsert", "load"])
@pytest.mark.parametrize("many", [0, 70])
def test_unknown_value_is_named(place: Place, writer: str, many: int) -> None:
    """A value that no row is known by is an error that names row, column and value; in a file its line."""
    rows = [{"email": f"{i}@x", "role_id.code": "admin"} for i in range(many)]
    rows += dicts("email role_id.code", ("y@x", None), ("z@x", "boss"), ("zz@x", "chief"))
    with pytest.raises(SeedError, match="no row of role has code = 'boss'") as caught:
        getattr(place.db, writer)("person", rows)
    assert (many + 2, "role_id.code", "person") == (
        caught.value.place.row, caught.value.place.column, caught.value.place.table
    )  # fmt: skip
    assert "depends_on" in str(caught.value.hint)
    place.rollback()
    file = place.csv("email,role_id.code\na@x,admin\nb@x,\nc@x,boss\n")
    with pytest.raises(SeedError, match="boss") as caught:
        getattr(place.db, writer)("person", file)
    assert (file.shown, 4, None) == (caught.value.place.file, caught.value.place.line, caught.value.place.row)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("role_id.title", "role.title is not unique"),
        ("role_id.cod", "role has no column 'cod'"),
        ("age.code", "age is no foreign key of one column"),
        ("rol_id.code", "the table has no column 'rol_id'"),
        ("nickname", "the table has no column 'nickname'"),
    ],
)
def test_references_that_cannot_be(place: Place, column: str, said: str) -> None:
    """A column that does not exist, is no foreign key or not unique on the other side is named, with the remedy."""
    with pytest.raises(SeedError, match=said) as caught:
        place.db.upsert("person", [{"email": "a@x", column: "1"}])
    assert "person" == caught.value.place.table
    if column != "age.code":
        assert caught.value.hint


def test_one_column_is_filled_once(place: Place) -> None:
    """A reference and the column that it fills cannot both be given."""
    with pytest.raises(SeedError, match=r"role_id and role_id.code both fill the column role_id"):
        place.db.upsert("person", [{"email": "a@x", "role_id": 1, "role_id.code": "admin"}])


def test_changed_rows_of_the_parent_are_seen(place: Place) -> None:
    """A reference finds what the same seed wrote before it."""
    place.db.upsert("role", dicts("code", ["owner"]))
    assert Changes(inserted=1) == place.db.upsert("person", dicts("email role_id.code", ("a@x", "owner")))


FOREST = dicts(
    "slug parent_id.slug title",
    ("all", None, "0"), ("food", "all", "1"), ("fruit", "food", "2"), ("apples", "fruit", "3"), ("books", "all", "1"),
    ("none", None, "0"),
)  # fmt: skip


@pytest.mark.parametrize("order", range(5))
@pytest.mark.parametrize("writer", ["upsert", "load"])
def test_rows_of_one_table_in_any_order(place: Place, writer: str, order: int) -> None:
    """Rows that point to rows of the same call may stand in any order."""
    rows = random.Random(order).sample(FOREST, len(FOREST)) if order else FOREST[::-1]
    assert Changes(inserted=6) == getattr(place.db, writer)("category", rows)
    expected = sorted((row["slug"], row["parent_id.slug"]) for row in rows)
    assert expected == pairs(place, TREE)
    place.commit()
    assert Changes(unchanged=6) == place.db.upsert("category", rows)


def test_new_and_moved_rows_of_one_table(place: Place) -> None:
    """Old rows may move below new ones, and new ones below old ones, and each is counted once."""
    place.db.upsert("category", FOREST)
    rows = dicts(
        "slug parent_id.slug title",
        ("food", "goods", "1"), ("goods", "all", "1"), ("pears", "fruit", "3"), ("fruit", "food", "4"),
        ("books", "all", "1"), ("all", "none", "0"),
    )  # fmt: skip
    assert Changes(inserted=2, updated=3, unchanged=1) == place.db.upsert("category", rows)
    assert Changes(unchanged=6) == place.db.upsert("category", rows)
    assert [
        ("all", "none"), ("apples", "fruit"), ("books", "all"), ("food", "goods"), ("fruit", "food"),
        ("goods", "all"), ("none", None), ("pears", "fruit"),
    ] == pairs(place, TREE)  # fmt: skip


def test_insert_only_parent(place: Place) -> None:
    """An insert-only parent is set for new rows, also for those that point to one another, and kept for old ones."""
    place.db.upsert("category", FOREST)
    rows = dicts("slug parent_id.slug title", ("b", "a", "x"), ("a", "fruit", "x"), ("fruit", "none", "y"))
    changes = place.db.upsert("category", rows, insert_only=["parent_id.slug"])
    assert Changes(inserted=2, updated=1) == changes
    assert [("a", "fruit"), ("b", "a"), ("fruit", "food")] == [
        pair for pair in pairs(place, TREE) if pair[0] in ("a", "b", "fruit")
    ]
    assert Changes(unchanged=3) == place.db.upsert("category", rows, insert_only="parent_id")


def test_removing_a_branch(place: Place) -> None:
    """Rows that point to one another are removed together, by rows, by condition and as missing."""
    place.db.upsert("category", FOREST)
    assert Changes(deleted=2) == place.db.delete("category", dicts("slug", ["apples"], ["fruit"]), key="slug")
    place.db.upsert("category", FOREST)
    changes = place.db.upsert(
        "category", dicts("slug parent_id.slug", ("apples", "none"), ("none", None)), missing="delete"
    )
    assert Changes(updated=1, unchanged=1, deleted=4) == changes
    place.db.upsert("category", FOREST)
    assert Changes(deleted=6) == place.db.delete("category", where="title IS NULL OR title <> 'x'")


def test_rows_that_point_to_themselves(place: Place) -> None:
    """A row may be its own parent, as the root of a tree often is."""
    rows = dicts("slug parent_id.slug", ("root", "root"), ("leaf", "root"))
    assert Changes(inserted=2) == place.db.upsert("category", rows)
    assert Changes(unchanged=2) == place.db.upsert("category", rows)
    assert [("leaf", "root"), ("root", "root")] == pairs(place, TREE)
    assert Changes(deleted=2) == place.db.delete("category", rows, key="slug")


def test_unknown_row_of_the_same_table(place: Place) -> None:
    """A parent that neither the table nor the given rows hold is named."""
    with pytest.raises(SeedError, match="no row of category has slug = 'nowhere'") as caught:
        place.db.upsert("category", [*FOREST, {"slug": "x", "parent_id.slug": "nowhere", "title": ""}])
    assert 7 == caught.value.place.row


def test_explicit_ids_in_any_order(place: Place) -> None:
    """Rows with ids of their own may point to one another in any order, loaded and upserted."""
    rows = dicts("id slug parent_id", (3, "c", 2), (2, "b", 1), (1, "a", 3), (4, "d", 4))
    assert Changes(inserted=4) == place.db.load("category", rows)
    place.commit()
    assert Changes(unchanged=4) == place.db.upsert("category", rows)
    rows = dicts("id slug parent_id", (13, "cc", 12), (12, "bb", 11), (11, "aa", 13))
    assert Changes(inserted=3) == place.db.upsert("category", rows)
    place.commit()
    assert 7 == len(place.rows("category"))


def test_parent_that_may_not_be_null(place: Place) -> None:
    """Where the parent may not be NULL for a moment, rows that point to one another are an error with a remedy."""
    place.create(
        sa.Table(
            "domain", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("name", sa.String(9), unique=True), sa.Column("parent_id", sa.ForeignKey("domain.id"), nullable=False),
        )
    )  # fmt: skip
    with pytest.raises(SeedError, match="may not be NULL meanwhile") as caught:
        place.db.upsert("domain", dicts("name parent_id.name", ("root", "root")))
    assert "earlier call" in str(caught.value.hint)
    place.rollback()
    assert Changes(inserted=1) == place.db.load("domain", dicts("id name parent_id", (1, "root", 1)))
    rows = dicts("name parent_id.name", ("a", "root"), ("root", "root"))
    assert Changes(inserted=1, unchanged=1) == place.db.upsert("domain", rows)
