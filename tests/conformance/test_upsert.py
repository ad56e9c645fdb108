"""Upsert: rows are brought into the state that is given, and nothing else is touched."""

from __future__ import annotations

import random

import pytest
import sqlalchemy as sa

from tdm_seed.errors import SeedError
from tdm_seed.values import Changes
from tests.conformance.place import Place, dicts, table


def country() -> sa.Table:
    return table("country", sa.Column("code", sa.String(10), primary_key=True), sa.Column("name", sa.String(40)))


def person() -> sa.Table:
    """A table with a number of the database's own and two unique keys."""
    return table(
        "person",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", sa.String(40), nullable=False, unique=True),
        sa.Column("nick", sa.String(40), unique=True),
        sa.Column("age", sa.Integer),
    )


ROWS = dicts("code name", ("DE", "Germany"), ("FR", "France"), ("IT", None))


def test_counts_are_exact(place: Place) -> None:
    """New, changed and equal rows are counted as what they are, and the rows are what was given."""
    place.create(country())
    assert Changes(inserted=3) == place.db.upsert("country", ROWS)
    again = [*ROWS[:1], {"code": "FR", "name": "La France"}, ROWS[2], {"code": "ES", "name": "Spain"}]
    assert Changes(inserted=1, updated=1, unchanged=2) == place.db.upsert("country", again)
    assert [("DE", "Germany"), ("ES", "Spain"), ("FR", "La France"), ("IT", None)] == place.rows("country")


def test_second_run_changes_nothing(place: Place) -> None:
    """The same rows again are all unchanged, in the same transaction and in the next."""
    place.create(country())
    place.db.upsert("country", ROWS)
    assert Changes(unchanged=3) == place.db.upsert("country", ROWS)
    place.commit()
    assert Changes(unchanged=3) == place.db.upsert("country", ROWS)


@pytest.mark.parametrize("before", ["a", "a ", "A", "", None, "ä", "é"])
@pytest.mark.parametrize("after", ["a", "a ", "A", "", None, "a\u0308", "e\u0301"])
def test_different_means_different_bytes(place: Place, before: str | None, after: str | None) -> None:
    """A change of case, of trailing blanks, of accents or to and from NULL is a change."""
    place.create(country())
    place.db.upsert("country", [{"code": "DE", "name": before}])
    expected = Changes(unchanged=1) if before == after else Changes(updated=1)
    assert expected == place.db.upsert("country", [{"code": "DE", "name": after}])
    assert [("DE", after)] == place.rows("country")


@pytest.mark.parametrize("more", [-1, 0, 1, 60])
def test_size_of_the_source_makes_no_difference(place: Place, more: int) -> None:
    """A few rows inside the statement and many in a temporary table have the same effect."""
    place.create(person())
    rows = max(place.dialect.inline_rows + more, 1)
    given = [{"email": f"{i}@example.com", "nick": f"n{i}", "age": i % 3 or None} for i in range(rows)]
    assert Changes(inserted=rows) == place.db.upsert("person", given, key="email")
    changed = [{**row, "age": 9} if i % 2 else row for i, row in enumerate(given)]
    assert Changes(updated=rows // 2, unchanged=rows - rows // 2) == place.db.upsert("person", changed, key="email")
    assert Changes(unchanged=rows) == place.db.upsert("person", reversed(changed), key="email")


def test_any_unique_key_serves(place: Place) -> None:
    """Rows are told apart by the key that is named, be it the primary key or not; the others are plain columns."""
    place.create(person())
    place.db.upsert("person", dicts("id email nick", (1, "a@x", "ann"), (2, "b@x", "bob")))
    assert Changes(updated=1) == place.db.upsert("person", dicts("email nick", ("a@x", "anna")), key="email")
    assert Changes(updated=1) == place.db.upsert("person", dicts("email nick", ("c@x", "bob")), key=["nick"])
    assert Changes(updated=1) == place.db.upsert("person", dicts("id nick", (1, "an")), key=("id",))
    assert [(1, "a@x", "an", None), (2, "c@x", "bob", None)] == place.rows("person")


def test_columns_that_are_not_given_are_left_alone(place: Place) -> None:
    """An update writes the given columns only."""
    place.create(person())
    place.db.upsert("person", dicts("email age", ("a@x", 20)), key="email")
    assert Changes(updated=1) == place.db.upsert("person", dicts("email nick", ("a@x", "ann")), key="email")
    assert [("a@x", "ann", 20)] == place.rows("person", "email", "nick", "age")


def test_primary_key_is_the_default_key(place: Place) -> None:
    """Where no key is named, the primary key serves if it is given, else the only unique key that is."""
    place.create(person())
    place.db.upsert("person", dicts("id email nick", (1, "a@x", "ann")))
    assert Changes(updated=1) == place.db.upsert("person", dicts("id email nick", (1, "b@x", "ben")))
    assert Changes(updated=1) == place.db.upsert("person", dicts("email age", ("b@x", 5)))


@pytest.mark.parametrize(
    ("columns", "said"),
    [("email nick", "several unique keys fit"), ("age", "no unique key fits")],
)
def test_unclear_key_is_refused(place: Place, columns: str, said: str) -> None:
    """Several keys that fit, or none, are an error that lists the keys."""
    place.create(person())
    with pytest.raises(SeedError, match=said) as caught:
        place.db.upsert("person", dicts(columns, ["5"] * len(columns.split())))
    assert "email" in str(caught.value.hint)
    assert "nick" in str(caught.value.hint)
    assert "person" == caught.value.place.table


def test_key_must_be_unique(place: Place) -> None:
    """A key that does not tell rows apart is refused, with those that do."""
    place.create(person())
    with pytest.raises(SeedError, match=r"\(age\) is no unique key") as caught:
        place.db.upsert("person", dicts("email age", ("a@x", 3)), key="age")
    assert "email" in str(caught.value.hint)


def test_key_must_be_given(place: Place) -> None:
    """Rows without their key are refused."""
    place.create(person())
    with pytest.raises(SeedError, match="do not hold the key column email"):
        place.db.upsert("person", dicts("nick age", ("a", 3)), key="email")


def test_composite_key_in_any_order(place: Place) -> None:
    """A key of several columns may be named in any order."""
    place.create(
        table(
            "seat", *(sa.Column(c, sa.Integer, primary_key=True) for c in ("room", "place")), sa.Column("who", sa.Text)
        )
    )
    rows = dicts("place room who", (1, 1, "a"), (2, 1, "b"), (1, 2, "c"))
    assert Changes(inserted=3) == place.db.upsert("seat", rows, key=["place", "room"])
    rows[2]["who"] = "d"
    assert Changes(updated=1, unchanged=2) == place.db.upsert("seat", rows)
    assert [(1, 1, "a"), (1, 2, "b"), (2, 1, "d")] == place.rows("seat")


def test_key_columns_alone(place: Place) -> None:
    """Rows that hold nothing but their key are inserted once and then unchanged."""
    place.create(country())
    assert Changes(inserted=2) == place.db.upsert("country", dicts("code", ["DE"], ["FR"]))
    assert Changes(unchanged=2) == place.db.upsert("country", dicts("code", ["DE"], ["FR"]))


def test_null_in_a_unique_key_is_the_same_row_the_second_time(place: Place) -> None:
    """NULL in a key finds the row with NULL there, though the database would let a second one in."""
    place.create(
        table(
            "price",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("country", sa.String(2)),
            sa.Column("plan", sa.String(9)),
            sa.Column("cents", sa.Integer),
            sa.UniqueConstraint("country", "plan"),
        )  # fmt: skip
    )
    rows = dicts("country plan cents", ("DE", "big", 3), (None, "big", 2), ("DE", None, 4), (None, None, 1))
    assert Changes(inserted=4) == place.db.upsert("price", rows)
    assert Changes(unchanged=4) == place.db.upsert("price", rows)
    rows[1]["cents"], rows[3]["cents"] = 7, 8
    assert Changes(updated=2, unchanged=2) == place.db.upsert("price", rows)
    many = rows + [{"country": "FR", "plan": f"p{i}", "cents": i} for i in range(100)]
    assert Changes(inserted=100, unchanged=4) == place.db.upsert("price", many)
    assert Changes(unchanged=104) == place.db.upsert("price", many)


def test_many_rows_with_null_in_the_key_are_found_and_missed(place: Place) -> None:
    """Rows by the thousand are looked up by an index on what was given, which must tell NULL from NULL no more."""
    place.create(
        table(
            "price",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("country", sa.Integer),
            sa.Column("plan", sa.String(9)),
            sa.UniqueConstraint("country", "plan"),
        )
    )
    rows = [{"country": i // 9 or None, "plan": f"p{i % 9}" if i % 9 else None} for i in range(3_000)]
    assert Changes(inserted=3_000) == place.db.upsert("price", rows)
    assert Changes(unchanged=3_000) == place.db.upsert("price", rows, missing="delete")
    assert Changes(unchanged=2_000, deleted=1_000) == place.db.upsert("price", rows[:2_000], missing="delete")
    assert Changes(deleted=1_500) == place.db.delete("price", rows[:1_500], key=("country", "plan"))
    assert 500 == place.db.scalar("SELECT count(*) FROM price")


@pytest.mark.parametrize("shuffled", [False, True])
def test_many_rows_that_differ_in_some_columns_are_counted_and_written(place: Place, shuffled: bool) -> None:
    """One column differs here, another there, by NULL or by case, and one nowhere; keys come in any order."""
    place.create(person(), "CREATE INDEX person_by_age ON person (age)")
    old = [(i, f"m{i}@x", f"n{i}", i % 50) for i in range(1, 2_001)]
    new = [
        (i, mail, None if i % 9 == 0 else nick, None if i % 5 == 0 else age)
        if i < 1_900
        else (i, mail.upper(), nick, age)
        for i, mail, nick, age in old
    ]
    if shuffled:
        random.Random(7).shuffle(new)
    names = ("id", "email", "nick", "age")
    place.db.upsert("person", old, columns=names)
    updated = len({*new} - {*old})
    assert Changes(updated=updated, unchanged=2_000 - updated) == place.db.upsert("person", new, columns=names)
    assert sorted(new, key=repr) == place.rows("person", *names)
    assert Changes(unchanged=2_000) == place.db.upsert("person", new, columns=names)


@pytest.mark.only("sqlite")
@pytest.mark.parametrize("rows", [30, 1_500])
def test_a_column_without_a_type_is_compared_as_bytes(place: Place, rows: int) -> None:
    """Whatever it folds, and however many rows there are."""
    place.create("CREATE TABLE c (id INTEGER PRIMARY KEY, code COLLATE NOCASE, x INTEGER)")
    place.db.upsert("c", [(i, "a", 1) for i in range(rows)], columns=("id", "code", "x"))
    new = [(i, "A", 2) for i in range(rows)]
    assert Changes(updated=rows) == place.db.upsert("c", new, columns=("id", "code", "x"))
    assert [("A", 2)] == sorted(set(place.rows("c", "code", "x")))
    assert Changes(updated=rows) == place.db.upsert("c", [(i, "a") for i in range(rows)], columns=("id", "code"))


def test_two_rows_with_null_in_the_same_key_are_no_key(place: Place) -> None:
    """Where the table already holds two rows with NULL in the key, neither is meant, and the error says so."""
    place.create(person())
    place.db.load("person", dicts("email nick", ("a@x", None), ("b@x", None)))
    with pytest.raises(Exception, match=r"several rows of the table have the same \(nick\)") as caught:
        place.db.upsert("person", dicts("nick age", (None, 3)), key="nick")
    assert "person" == caught.value.place.table


def test_insert_only_columns_are_written_once(place: Place) -> None:
    """New rows get these columns, old ones keep theirs."""
    place.create(person())
    place.db.upsert("person", dicts("email nick age", ("a@x", "ann", 1)), key="email")
    rows = dicts("email nick age", ("a@x", "anna", 2), ("b@x", "bob", 3))
    assert Changes(inserted=1, updated=1) == place.db.upsert("person", rows, key="email", insert_only=["age"])
    assert [("a@x", "anna", 1), ("b@x", "bob", 3)] == place.rows("person", "email", "nick", "age")
    only = {"key": "email", "insert_only": ["nick", "age"]}
    assert Changes(unchanged=1) == place.db.upsert("person", dicts("email nick age", ("a@x", "x", 9)), **only)


def test_insert_only_must_be_given(place: Place) -> None:
    """A column that the rows do not hold cannot be insert-only; one name need not be a list."""
    place.create(person())
    with pytest.raises(SeedError, match="insert_only names nick"):
        place.db.upsert("person", dicts("email", ["a@x"]), insert_only=["nick"])
    assert Changes(inserted=1) == place.db.upsert("person", dicts("email age", ("a@x", 1)), insert_only="age")
    assert Changes(unchanged=1) == place.db.upsert("person", dicts("email age", ("a@x", 2)), insert_only="age")


def test_missing_rows_are_deleted(place: Place) -> None:
    """With ``missing="delete"`` the table holds what was given and nothing else."""
    place.create(country())
    place.db.upsert("country", ROWS)
    changes = place.db.upsert("country", dicts("code name", ("FR", "France"), ("ES", "Spain")), missing="delete")
    assert Changes(inserted=1, unchanged=1, deleted=2) == changes
    assert [("ES", "Spain"), ("FR", "France")] == place.rows("country")


@pytest.mark.parametrize("many", [0, 100])
@pytest.mark.parametrize("form", ["dict", "null", "text", "expression"])
def test_where_bounds_what_is_deleted(place: Place, form: str, many: int) -> None:
    """Only rows that match ``where``, a dict, a piece of SQL or an expression, are removed."""
    place.create(
        table(
            "plan",
            sa.Column("code", sa.String(9), primary_key=True),
            sa.Column("name", sa.String(9)),
            sa.Column("of", sa.String(9)),
        )
    )
    place.db.load(
        "plan", dicts("code name of", ("a", "1:b", "us"), ("b", "1:b", "us"), ("c", "5%d", "you"), ("d", "", None))
    )
    where = {
        "dict": {"of": "us", "name": "1:b"},
        "null": {"of": None},
        "text": "name LIKE '1:b%' AND code > 'a'",
        "expression": sa.and_(place.db.table("plan").c.of == "us", place.db.table("plan").c.code != "z"),
    }[form]
    given = dicts("code name of", ("a", "1:b", "us"), *((f"x{i}", "n", "new") for i in range(many)))
    changes = place.db.upsert("plan", given, missing="delete", where=where)
    assert Changes(inserted=many, unchanged=1, deleted=1) == changes
    left = [code for (code,) in place.rows("plan", "code") if not code.startswith("x")]
    assert (["a", "b", "c"] if form == "null" else ["a", "c", "d"]) == left


def test_where_without_missing_is_refused(place: Place) -> None:
    """``where`` belongs to ``missing="delete"``; unknown words and columns are refused."""
    place.create(country())
    place.db.upsert("country", ROWS)
    with pytest.raises(SeedError, match="missing='delete'"):
        place.db.upsert("country", ROWS, where={"code": "DE"})
    with pytest.raises(SeedError, match="missing='remove'"):
        place.db.upsert("country", ROWS, missing="remove")  # type: ignore[arg-type]
    with pytest.raises(SeedError, match="column colour"):
        place.db.upsert("country", ROWS, missing="delete", where={"colour": "red"})
    assert 3 == len(place.rows("country"))


def test_no_rows_write_nothing(place: Place) -> None:
    """An empty source changes nothing, and does not empty a table by accident."""
    place.create(country())
    place.db.upsert("country", ROWS)
    assert Changes() == place.db.upsert("country", [])
    assert Changes() == place.db.load("country", iter(()))
    assert Changes() == place.db.delete("country", [])
    with pytest.raises(SeedError, match="would remove every row") as caught:
        place.db.upsert("country", [], missing="delete")
    assert "db.delete" in str(caught.value.hint)
    assert 3 == len(place.rows("country"))


@pytest.mark.parametrize("size", [3, 70])
def test_duplicates_are_named(place: Place, size: int) -> None:
    """A key given twice is an error that names both rows."""
    place.create(country())
    rows = [{"code": f"c{i}", "name": "n"} for i in range(size)]
    rows[-1]["code"] = "c1"
    with pytest.raises(SeedError, match=r"\(code\) = \(c1\) was given already in row 2") as caught:
        place.db.upsert("country", rows)
    assert size == caught.value.place.row
    with pytest.raises(SeedError, match="was given already in line 2") as caught:
        place.db.upsert("country", place.csv("code,name\na,x\nb,y\na,z\n"))
    assert 4 == caught.value.place.line


def test_duplicate_nulls_are_named(place: Place) -> None:
    """Two rows with NULL in the key are the same row given twice."""
    place.create(person())
    with pytest.raises(SeedError, match="was given already in row 1"):
        place.db.upsert("person", dicts("nick email", (None, "a@x"), (None, "b@x")), key="nick")


@pytest.mark.needs("folding collation")
@pytest.mark.parametrize("second", ["A", "a "])
def test_duplicates_are_what_the_database_takes_for_equal(place: Place, second: str) -> None:
    """Where 'a' and 'A' are one key to the database, giving both is an error, and one finds the other."""
    collation = {"sqlite": "NOCASE" if second == "A" else "RTRIM"}.get(place.product.name)
    place.create(
        table(
            "word",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("word", sa.String(9, collation=collation), unique=True),
            sa.Column("note", sa.String(9)),
        )  # fmt: skip
    )
    with pytest.raises(SeedError, match="was given already in row 1"):
        place.db.upsert("word", dicts("word", ["a"], [second]), key="word")
    place.db.upsert("word", dicts("word note", ["a", "x"]), key="word")
    assert Changes(updated=1) == place.db.upsert("word", dicts("word note", [second, "y"]), key="word")
    assert [("y",)] == place.rows("word", "note")


def test_no_number_is_burnt(place: Place) -> None:
    """Upserts that change nothing leave the next number of the database where it was."""
    place.create(person())
    place.db.upsert("person", dicts("email", ["a@x"]), key="email")
    for _ in range(5):
        place.db.upsert("person", dicts("email age", ["a@x", 4]), key="email")
    place.db.upsert("person", dicts("email", ["b@x"]), key="email")
    assert [(1, "a@x"), (2, "b@x")] == place.rows("person", "id", "email")


@pytest.mark.parametrize("many", [0, 100])
def test_freed_value_can_be_taken(place: Place, many: int) -> None:
    """One row may take the unique value that another gives up in the same call, in whatever order they stand."""
    place.create(person())
    more = [(f"m{i}@x", f"m{i}") for i in range(many)]
    place.db.upsert("person", dicts("email nick", ("a@x", "1"), ("b@x", "2"), ("c@x", "3"), *more), key="email")
    for order in (1, -1):
        rows = dicts("email nick", ("a@x", "2"), ("b@x", "3"), ("c@x", f"4{order}"), *more)
        assert Changes(updated=3, unchanged=many) == place.db.upsert("person", rows[::order], key="email")
        rows = dicts("email nick", ("a@x", "1"), ("b@x", "2"), ("c@x", "3"), *more)
        assert Changes(updated=3, unchanged=many) == place.db.upsert("person", rows[::order], key="email")


@pytest.mark.parametrize("many", [0, 100])
def test_unique_values_can_be_exchanged(place: Place, many: int) -> None:
    """Rows may exchange unique values with one another."""
    place.create(person())
    more = [(f"m{i}@x", f"m{i}") for i in range(many)]
    place.db.upsert("person", dicts("email nick", ("a@x", "1"), ("b@x", "2"), ("c@x", "3"), *more), key="email")
    rows = dicts("email nick", ("a@x", "2"), ("b@x", "1"), ("c@x", "4"), *more)
    assert Changes(updated=3, unchanged=many) == place.db.upsert("person", rows, key="email")
    assert [("a@x", "2"), ("b@x", "1"), ("c@x", "4")] == place.rows("person", "email", "nick")[:3]
    assert Changes(unchanged=3) == place.db.upsert("person", rows[:3], key="email")


def test_unique_value_of_a_row_that_was_not_given_stays_taken(place: Place) -> None:
    """A unique value that another row keeps is an error that says so."""
    place.create(person())
    place.db.upsert("person", dicts("email nick", ("a@x", "1"), ("b@x", "2")), key="email")
    place.commit()
    with pytest.raises(Exception, match="(?i)unique|duplicate|same value") as caught:
        place.db.upsert("person", dicts("email nick", ("a@x", "2")), key="email")
    assert "person" == caught.value.place.table


def test_rows_must_have_the_same_columns(place: Place) -> None:
    """A row that lacks a column, or adds one, is named; in a file by its line."""
    place.create(country())
    with pytest.raises(SeedError, match="lacks name") as caught:
        place.db.upsert("country", [ROWS[0], {"code": "FR"}])
    assert 2 == caught.value.place.row
    with pytest.raises(SeedError, match="adds size") as caught:
        place.db.load("country", [*ROWS, {"code": "ES", "name": "Spain", "size": 3}])
    assert 4 == caught.value.place.row
    file = place.file(".jsonl", '{"code": "DE", "name": "Germany"}\n\n{"code": "FR"}\n')
    with pytest.raises(SeedError, match="lacks name") as caught:
        place.db.upsert("country", file)
    assert (file.shown, 3) == (caught.value.place.file, caught.value.place.line)
    with pytest.raises(SeedError, match="must be a dict"):
        place.db.upsert("country", ["DE"])  # type: ignore[list-item]


def test_rows_may_be_read_while_they_are_written(place: Place) -> None:
    """A generator of rows may read from the database that it writes to."""
    place.create(country(), person())
    place.db.upsert("country", [{"code": f"c{i}", "name": str(i)} for i in range(200)])

    def rows(name: str) -> object:
        for code in place.db.keys("country"):
            yield {
                "email": f"{code}{name}",
                "age": int(place.db.scalar("SELECT name FROM country WHERE code = :c", c=code)),
            }

    assert Changes(inserted=200) == place.db.upsert("person", rows(""), key="email")
    assert Changes(inserted=200) == place.db.load("person", rows("@"))
    assert Changes(unchanged=200) == place.db.upsert("person", rows(""), key="email")


def test_writers_may_be_nested(place: Place) -> None:
    """A generator of rows may itself write, with any of the writers."""
    place.create(country(), person())

    def rows() -> object:
        for i in range(120):
            place.db.upsert("country", [{"code": f"c{i}", "name": str(i)}])
            if i == 60:
                place.db.load("country", [{"code": f"d{j}", "name": "x"} for j in range(5)])
            yield {"email": f"{i}@x", "age": i}

    assert Changes(inserted=120) == place.db.upsert("person", rows(), key="email")
    assert Changes(unchanged=125) == place.db.upsert("country", place.db.rows("SELECT * FROM country ORDER BY code"))
    place.db.delete("country", where={})
    assert Changes(inserted=120) == place.db.upsert(
        "person",
        ({**row, "email": row["email"] + ".de"} for row in rows()),
        key="email",  # type: ignore[attr-defined]
    )


def test_a_failed_upsert_leaves_nothing_in_the_way(place: Place) -> None:
    """A seed that catches the error and goes on finds no remains, nor does the next seed."""
    place.create(country())
    for _ in range(3):
        with pytest.raises(SeedError):
            place.db.upsert(
                "country", [*({"code": f"c{i}", "name": "n"} for i in range(60)), {"code": "c1", "name": "x"}]
            )
        place.commit()
    assert Changes(inserted=60) == place.db.upsert("country", [{"code": f"c{i}", "name": "n"} for i in range(60)])


def test_deleting_by_key_and_by_condition(place: Place) -> None:
    """Rows go by their key, by equal values or by a condition, and are counted."""
    place.create(country())
    place.db.upsert("country", [{"code": f"c{i}", "name": "odd" if i % 2 else None} for i in range(100)])
    assert Changes(deleted=2) == place.db.delete("country", dicts("code", ["c1"], ["c2"], ["nowhere"]))
    assert Changes(deleted=49) == place.db.delete("country", where={"name": None})
    assert Changes(deleted=1) == place.db.delete("country", where="code = 'c3'")
    assert Changes(deleted=48) == place.db.delete("country", [{"code": f"c{i}"} for i in range(100)], key="code")
    with pytest.raises(SeedError, match="either rows or where="):
        place.db.delete("country")


def test_sources_of_other_types_follow_one_another(place: Place) -> None:
    """Many upserts on one connection share the text of their statements, but not the types of their columns."""
    place.create("CREATE TABLE counted (id INTEGER PRIMARY KEY, note VARCHAR(9))")
    place.create("CREATE TABLE worded (id VARCHAR(9) PRIMARY KEY, note VARCHAR(9))")
    for number in range(8):
        for name, key in (("counted", 1000 * number), ("worded", f"w{number}-")):
            rows = [{"id": key + n if isinstance(key, int) else f"{key}{n}", "note": "x"} for n in range(60)]
            assert Changes(inserted=60) == place.db.upsert(name, rows)
