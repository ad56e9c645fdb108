"""A row that the database refuses is named by its number, or by its line in the file, however many were sent with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from tdm_seed.errors import DatabaseError
from tests.conformance.place import Place, table

pytestmark = pytest.mark.needs("row numbers")


@pytest.fixture
def place(place: Place) -> Place:
    """A place with a table that refuses several things."""
    place.create(
        table(
            "thing",
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("code", sa.String(20), unique=True),
            sa.Column("size", sa.Integer, nullable=False),
            sa.CheckConstraint("size > 0", name="size_positive"),
        )
    )
    place.db.load("thing", [{"id": 0, "code": "taken", "size": 1}])
    place.commit()
    return place


def rows(count: int, wrong: int, **values: Any) -> list[dict[str, Any]]:
    """Make rows of which one, counted from 1, has other values."""
    made = [{"id": i, "code": f"c{i}", "size": i} for i in range(1, count + 1)]
    made[wrong - 1] |= values
    return made


def refused(act: Callable[[], object]) -> DatabaseError:
    """Give the error of what the database refuses."""
    with pytest.raises(DatabaseError) as caught:
        act()
    return caught.value


@pytest.mark.parametrize("values", [{"code": "taken"}, {"code": "c1"}, {"size": None}, {"size": 0}, {"id": 0}], ids=str)
@pytest.mark.parametrize(("count", "wrong"), [(2, 2), (70, 57), (2_500, 2_345)])
def test_the_row_is_named(place: Place, count: int, wrong: int, values: dict[str, Any]) -> None:
    """Alone and among many, whatever is wrong with it, and whatever way the rows take."""
    error = refused(lambda: place.db.load("thing", rows(count, wrong, **values)))
    assert ("thing", wrong) == (error.place.table, error.place.row)


def test_the_line_of_a_csv_is_named(place: Place) -> None:
    """Though fields before it hold line breaks."""
    lines = [f'{i},"c\n{i}",{i}' for i in range(1, 60)]
    file = place.csv("id,code,size\n" + "\n".join(lines) + "\n60,taken,1\n61,c61,1\n")
    error = refused(lambda: place.db.load("thing", file))
    assert (file.shown, 2 * 59 + 2) == (error.place.file, error.place.line)


def test_a_generator_that_is_far_ahead_is_counted_right(place: Place) -> None:
    """Rows are sent by the thousand."""
    error = refused(lambda: place.db.load("thing", iter(rows(12_345, 11_111, code="taken"))))
    assert 11_111 == error.place.row
