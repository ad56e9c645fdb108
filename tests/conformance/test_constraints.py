"""Foreign keys and deferred constraints: rows in any order, proven in the end, everything as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from tdm_seed.database import Database
from tdm_seed.errors import DatabaseError, SeedError, TdmSeedError, VerificationFailed
from tdm_seed.values import Changes
from tests.conformance.place import Place, dicts
from tests.conformance.strangers import stranger


def family() -> sa.MetaData:
    """Parents, their children, and a tree."""
    metadata = sa.MetaData()
    sa.Table("parent", metadata, sa.Column("id", sa.Integer, primary_key=True, autoincrement=False))
    sa.Table(
        "child", metadata, sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("parent_id", sa.ForeignKey("parent.id", name="child_parent"), nullable=False),
    )  # fmt: skip
    sa.Table(
        "node", metadata, sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("up_id", sa.ForeignKey("node.id", name="node_up")),
    )  # fmt: skip
    return metadata


def ring(*, nullable: bool) -> sa.MetaData:
    """Teams have a lead, and people belong to a team."""
    metadata = sa.MetaData()
    for name, column, other in (("team", "lead_id", "person"), ("person", "team_id", "team")):
        sa.Table(
            name, metadata, sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column(
                column,
                sa.ForeignKey(f"{other}.id", name=f"{name}_{column}", use_alter=name == "team"),
                nullable=nullable,
            ),
        )  # fmt: skip
    return metadata


def catalogue(place: Place) -> object:
    """Read what the database says of its constraints and how it looks at them now."""
    connection = place.connection
    if place.product.name == "postgresql":
        return connection.exec_driver_sql(
            "SELECT conname, condeferrable, condeferred, convalidated, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE connamespace = 'public'::regnamespace ORDER BY 1"
        ).all()
    sqlite = place.product.name == "sqlite"
    setting = "defer_foreign_keys FROM pragma_defer_foreign_keys" if sqlite else "@@foreign_key_checks"
    inspector = sa.inspect(connection)
    keys = {name: inspector.get_foreign_keys(name) for name in inspector.get_table_names()}
    return keys, connection.exec_driver_sql(f"SELECT {setting}").scalar()


@contextmanager
def unchanged(place: Place) -> Iterator[None]:
    """Prove that the constraints are the same before and after."""
    before = catalogue(place)
    yield
    assert before == catalogue(place)


# ---- deferred_constraints -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tables", [("child",), ("parent",), ("parent", "child"), ()], ids=["child", "parent", "both", "all"]
)
@pytest.mark.parametrize("writer", ["load", "upsert"])
def test_children_may_come_before_their_parents(place: Place, writer: str, tables: tuple[str, ...]) -> None:
    """Inside the block, whichever end of the key it names."""
    place.create(family())
    with unchanged(place):
        with place.db.deferred_constraints(*tables):
            write = getattr(place.db, writer)
            assert Changes(inserted=2) == write("child", dicts("id parent_id", (1, 7), (2, 8)))
            assert Changes(inserted=2) == write("parent", dicts("id", [7], [8]))
        place.commit()
    assert [(1, 7), (2, 8)] == place.rows("child")
    with pytest.raises(TdmSeedError):
        place.db.load("child", dicts("id parent_id", (3, 9)))


@pytest.mark.parametrize("tables", [("child",), ("parent",), ()], ids=["child", "parent", "all"])
def test_an_orphan_is_named_at_the_end_of_the_block(place: Place, tables: tuple[str, ...]) -> None:
    """With its table, column and key; a seed may catch that and go on, and nothing of the block stays."""
    place.create(family())
    with unchanged(place):
        place.db.load("parent", dicts("id", [7]))
        with pytest.raises(DatabaseError) as caught, place.db.deferred_constraints(*tables):
            place.db.load("child", dicts("id parent_id", (1, 7), (2, 4711)))
        assert "child" == caught.value.place.table
        assert ("parent_id" in caught.value.message, "4711" in caught.value.message) == (True, True)
        assert [[], [(7,)]] == [place.rows("child"), place.rows("parent")]
        place.db.load("child", dicts("id parent_id", (1, 7)))
        place.commit()
    assert [(1, 7)] == place.rows("child")


def test_a_parent_that_is_taken_away_leaves_an_orphan(place: Place) -> None:
    """And is named as well."""
    place.create(family())
    place.db.load("parent", dicts("id", [7], [8]))
    place.db.load("child", dicts("id parent_id", (1, 7), (2, 8)))
    place.commit()
    with pytest.raises(DatabaseError, match="8"), place.db.deferred_constraints("parent"):
        place.db.delete("parent", where={"id": 8})
    with place.db.deferred_constraints("parent"):
        place.db.delete("parent", where={"id": 8})
        place.db.load("parent", dicts("id", [8]))
    place.commit()
    assert [(7,), (8,)] == place.rows("parent")


def test_blocks_may_be_nested_and_repeated(place: Place) -> None:
    """The outermost proves for all."""
    place.create(family())
    with unchanged(place):
        for number in (1, 2):
            with place.db.deferred_constraints("child"):
                place.db.load("child", dicts("id parent_id", (number, number)))
                with place.db.deferred_constraints("node"):
                    place.db.load("node", dicts("id up_id", (number, 10 + number)))
                place.db.load("parent", dicts("id", [number]))
                place.db.load("node", dicts("id up_id", (10 + number, None)))
        place.commit()
    assert 4 == len(place.rows("node"))
    with (
        pytest.raises(DatabaseError, match="99"),
        place.db.deferred_constraints("child"),
        place.db.deferred_constraints("node"),
    ):
        place.db.load("node", dicts("id up_id", (50, 99)))


def test_an_error_inside_the_block_is_the_one_that_is_told(place: Place) -> None:
    """And not that rows are without parents by then."""
    place.create(family())
    with unchanged(place):
        with pytest.raises(ZeroDivisionError), place.db.deferred_constraints():  # noqa: PT012
            place.db.load("child", dicts("id parent_id", (1, 7)))
            1 / 0  # noqa: B018
        with pytest.raises(TdmSeedError):
            place.db.load("child", dicts("id parent_id", (2, 9)))
        place.rollback()


@pytest.mark.parametrize("nullable", [True, False], ids=["nullable", "not null"])
def test_tables_that_point_to_one_another(place: Place, nullable: bool) -> None:
    """A cycle of foreign keys can be filled, even where no column may be NULL."""
    place.create(ring(nullable=nullable))
    with unchanged(place):
        with place.db.deferred_constraints("team", "person"):
            place.db.load("team", dicts("id lead_id", (1, 10), (2, 20)))
            place.db.upsert("person", dicts("id team_id", (10, 1), (20, 2), (21, 2)))
        place.commit()
    assert [(1, 10), (2, 20)] == place.rows("team")
    with pytest.raises(DatabaseError, match="77"), place.db.deferred_constraints("team", "person"):
        place.db.load("team", dicts("id lead_id", (3, 77)))


@pytest.mark.parametrize("writer", ["load", "upsert"])
@pytest.mark.parametrize("many", [0, 300])
def test_a_table_that_points_to_itself_takes_any_order(place: Place, writer: str, many: int) -> None:
    """Children first, parents first, and a row that is its own parent."""
    place.create(family())
    rows = dicts("id up_id", (1, 2), (2, 3), (3, None), (4, 4), (5, 1))
    rows += [{"id": i, "up_id": i + 1 if i < 99 + many else None} for i in range(100, 100 + many)]
    with unchanged(place):
        assert Changes(inserted=5 + many) == getattr(place.db, writer)("node", rows)
        place.commit()
        assert Changes(unchanged=5 + many) == place.db.upsert("node", rows)
        with pytest.raises(TdmSeedError):
            getattr(place.db, writer)("node", dicts("id up_id", (6, 7), (7, 999)))
        place.rollback()
    assert 5 + many == len(place.rows("node"))


# ---- PostgreSQL's owners --------------------------------------------------------------------------------------------


@contextmanager
def hands_of(place: Place, url: str) -> Iterator[Database]:
    """Give the database in the hands of another user, in a transaction that is committed."""
    with place.session_at(url) as session, session.dialect.transaction(session.connection, write=True):
        yield place.database(session)


@pytest.mark.only("postgresql")
def test_an_owner_need_not_be_superuser(place: Place) -> None:
    """Who owns the tables can fill a cycle that is NOT NULL."""
    place.create(ring(nullable=False))
    with unchanged(place):
        grants = [f"ALTER TABLE {t} OWNER TO {{user}}" for t in ("team", "person")]
        with stranger(place, "GRANT USAGE ON SCHEMA public TO {user}", *grants) as url:
            with hands_of(place, url) as db, db.deferred_constraints("team", "person"):
                db.load("team", dicts("id lead_id", (1, 10)))
                db.upsert("person", dicts("id team_id", (10, 1)))
            assert [(1, 10)] == place.rows("team")
            place.create("ALTER TABLE team OWNER TO CURRENT_USER", "ALTER TABLE person OWNER TO CURRENT_USER")


@pytest.mark.only("postgresql")
def test_who_does_not_own_the_table_is_told(place: Place) -> None:
    """Which foreign key it is, and what can be done."""
    place.create(family())
    grants = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}"
    with stranger(place, "GRANT USAGE ON SCHEMA public TO {user}", grants) as url:
        refused = pytest.raises(DatabaseError, match="child_parent is not deferrable, and only the table's owner")
        with refused as caught, hands_of(place, url) as db, db.deferred_constraints("child"):
            pass
        assert ("child", True) == (caught.value.place.table, "DEFERRABLE" in str(caught.value.hint))


@pytest.mark.only("postgresql")
def test_deferrable_keys_need_no_owner(place: Place) -> None:
    """Where the migration has declared them so."""
    place.create(family(), "ALTER TABLE child ALTER CONSTRAINT child_parent DEFERRABLE")
    grants = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}"
    with unchanged(place), stranger(place, "GRANT USAGE ON SCHEMA public TO {user}", grants) as url:
        with hands_of(place, url) as db, db.deferred_constraints("child"):
            db.load("child", dicts("id parent_id", (1, 7)))
            db.load("parent", dicts("id", [7]))
        assert [(1, 7)] == place.rows("child")


@pytest.mark.only("postgresql")
def test_keys_that_are_not_valid_stay_so(place: Place) -> None:
    """Old orphans are not looked at, new ones are."""
    place.create(
        family(),
        "ALTER TABLE child DROP CONSTRAINT child_parent",
        "INSERT INTO child VALUES (1, 999)",
        "ALTER TABLE child ADD CONSTRAINT child_parent FOREIGN KEY (parent_id) REFERENCES parent NOT VALID",
    )
    with unchanged(place):
        with place.db.deferred_constraints("child"):
            place.db.load("child", dicts("id parent_id", (2, 7)))
            place.db.load("parent", dicts("id", [7]))
        place.commit()
        with pytest.raises(DatabaseError, match="888"), place.db.deferred_constraints("child"):
            place.db.load("child", dicts("id parent_id", (3, 888)))
        place.commit()
    assert [(1, 999), (2, 7)] == place.rows("child")


@pytest.mark.only("postgresql")
def test_odd_names_and_other_schemas(place: Place) -> None:
    """Tables, schemas and keys with quotes, blanks and per cent signs."""
    place.create(
        'CREATE SCHEMA "of 50%"',
        'CREATE TABLE "of 50%"."the ""Parent""" (id int PRIMARY KEY)',
        'CREATE TABLE "of 50%"."a child%" (id int PRIMARY KEY, up int, '
        'CONSTRAINT "is %s of" FOREIGN KEY (up) REFERENCES "of 50%"."the ""Parent""")',
    )
    before = place.connection.exec_driver_sql("SELECT conname, condeferrable FROM pg_constraint ORDER BY 1").all()
    child, parent = '"of 50%"."a child%"', '"of 50%"."the ""Parent"""'
    with place.db.deferred_constraints(child):
        place.db.load(child, dicts("id up", (1, 7)))
        place.db.load(parent, dicts("id", [7]))
    place.commit()
    assert [(1, 7)] == place.rows(child)
    after = place.connection.exec_driver_sql("SELECT conname, condeferrable FROM pg_constraint ORDER BY 1").all()
    assert before == after


def test_per_cent_signs_in_names(place: Place) -> None:
    """Drivers take them for parameters where they are not told otherwise."""
    metadata = sa.MetaData()
    sa.Table(
        "50%s of", metadata, sa.Column("the %", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("up %(x)s", sa.Integer), sa.Column("%", sa.String(9)),
    )  # fmt: skip
    if place.product.name != "mysql":  # where SQLAlchemy does not see such a foreign key
        metadata.tables["50%s of"].append_constraint(
            sa.ForeignKeyConstraint(["up %(x)s"], ["50%s of.the %"], name="up%s")
        )
    place.create(metadata)
    rows = [{"the %": i, "up %(x)s": (i + 1) % 100, "%": "%s"} for i in range(100)]
    with unchanged(place):
        with place.db.deferred_constraints("50%s of"):
            assert Changes(inserted=100) == place.db.upsert("50%s of", rows)
        assert Changes(unchanged=100) == place.db.upsert("50%s of", rows)
        assert Changes(inserted=1) == place.db.load("50%s of", [{**rows[0], "the %": 500}])
        assert Changes(deleted=1) == place.db.delete("50%s of", [{"the %": 500}])
        place.commit()


# ---- INITIALLY DEFERRED ---------------------------------------------------------------------------------------------

DECLARED = (
    "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
    "CREATE TABLE child (id INTEGER PRIMARY KEY, "
    "parent_id INTEGER CONSTRAINT child_parent REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
)


def seed(*lines: str) -> dict[str, Any]:
    """Write a seed whose verify always fails, so that it is seen what comes first."""
    body = "\n    ".join(lines)
    verify = "def verify(db):\n    assert False, 'verify ran'\n"
    return {"reference/20260101_0000_late.py": f"def upgrade(db):\n    {body}\n\n{verify}"}


@pytest.mark.needs("deferrable")
@pytest.mark.parametrize("dry_run", [False, True], ids=["for good", "dry run"])
def test_what_is_declared_deferred_is_proven_before_verify(place: Place, dry_run: bool) -> None:
    """Not only at the commit, which a dry run never comes to."""
    place.create(*DECLARED)
    place.seeds(seed("db.load('child', [{'id': 1, 'parent_id': 4711}])"))
    with place.seeder() as seeder, pytest.raises(DatabaseError, match="4711") as caught:
        seeder.upgrade(dry_run=dry_run)
    assert "child" == caught.value.place.table
    assert [] == place.rows("child")


@pytest.mark.needs("deferrable")
def test_what_is_declared_deferred_needs_no_block(place: Place) -> None:
    """Rows may come in any order by themselves; ``verify`` is reached when all is well."""
    place.create(*DECLARED)
    rows = "db.load('child', [{'id': 1, 'parent_id': 7}])", "db.load('parent', [{'id': 7}])"
    place.seeds(seed(*rows))
    with place.seeder() as seeder:
        with pytest.raises(VerificationFailed, match="verify ran"):
            seeder.upgrade()
        with pytest.raises(VerificationFailed, match="verify ran"):
            seeder.upgrade(dry_run=True)


@pytest.mark.needs("deferrable")
def test_what_is_declared_deferred_is_so_behind_a_block(place: Place) -> None:
    """A block proves what it holds and leaves the rest of the seed as it was declared."""
    place.create(*DECLARED)
    with unchanged(place):
        with place.db.deferred_constraints("child"):
            place.db.load("child", dicts("id parent_id", (1, 7)))
            place.db.load("parent", dicts("id", [7]))
        place.db.load("child", dicts("id parent_id", (2, 8)))
        place.db.load("parent", dicts("id", [8]))
        place.commit()
        place.db.load("child", dicts("id parent_id", (3, 99)))
        with pytest.raises(DatabaseError, match="99"):
            place.commit()
        place.rollback()
    assert [(1, 7), (2, 8)] == place.rows("child")


@pytest.mark.needs("deferrable")
def test_seeds_of_one_dry_run_are_all_proven(place: Place) -> None:
    """The second as the first, though both stand in one transaction."""
    place.create(*DECLARED)
    load = "def upgrade(db):\n    db.load('child', [{{'id': {0}, 'parent_id': {0}}}])\n"
    place.seeds(
        {
            "reference/20260101_0000_one.py": load.format(7) + "    db.load('parent', [{'id': 7}])\n",
            "reference/20260101_0100_two.py": load.format(8) + "    db.load('parent', [{'id': 8}])\n",
            "reference/20260101_0200_three.py": load.format(4711),
        }
    )
    with place.seeder() as seeder, pytest.raises(DatabaseError, match="4711") as caught:
        seeder.upgrade(dry_run=True)
    assert "20260101_0200_three" == caught.value.place.seed


@pytest.mark.parametrize("writer", ["load", "upsert"])
def test_without_a_transaction_nothing_can_be_deferred(place: Place, writer: str) -> None:
    """Each statement is proven by itself there, which the seed is told, or the block proves it all the same."""
    place.create(family())
    script = (
        "transaction = 'none'\ndef upgrade(db):\n    with db.deferred_constraints('child'):\n"
        f"        db.{writer}('child', [{{'id': 1, 'parent_id': 4711}}])\n"
    )
    place.seeds({"reference/20260101_0000_open.py": script})
    with place.seeder() as seeder, pytest.raises((SeedError, DatabaseError), match="cannot be deferred|4711"):
        seeder.upgrade()
