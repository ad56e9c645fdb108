"""Races: the application writes while a seed does, and no row is lost or written twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from tdm_seed.errors import TdmSeedError
from tdm_seed.values import Changes
from tests.conformance.place import Place, dicts, table

pytestmark = pytest.mark.needs("races")


@pytest.fixture
def place(place: Place) -> Place:
    """A place with settings."""
    place.create(
        table(
            "setting", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(20), unique=True),
            sa.Column("value", sa.String(20)),
        )
    )  # fmt: skip
    return place


@contextmanager
def just_before_the_insert(place: Place, sql: str) -> Iterator[None]:
    """Let the application commit something when the seed is about to insert what it found missing."""
    waiting = [sql]

    def application(connection: sa.Connection, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO setting") and waiting:
            with place.other() as other:
                other.exec_driver_sql(waiting.pop())
                other.commit()

    sa.event.listen(place.connection.engine, "before_cursor_execute", application)
    yield
    sa.event.remove(place.connection.engine, "before_cursor_execute", application)
    assert not waiting


@contextmanager
def in_an_open_transaction(place: Place, sql: str) -> Iterator[None]:
    """Let the application write something now and commit it while the seed waits for it."""
    with place.other() as other:
        other.exec_driver_sql(sql)

        def commit() -> None:
            time.sleep(0.5)
            other.commit()

        thread = threading.Thread(target=commit)
        begun = time.monotonic()
        thread.start()
        try:
            yield
            assert time.monotonic() - begun >= 0.5
        finally:
            thread.join()


@pytest.mark.parametrize("many", [0, 60])
@pytest.mark.parametrize("race", [just_before_the_insert, in_an_open_transaction])
@pytest.mark.parametrize("value", ["theirs", "ours"])
def test_a_row_that_the_application_inserts_first(place: Place, many: int, race: object, value: str) -> None:
    """It is updated instead, counted as that, and the other rows are inserted."""
    rows = dicts("name value", ("a", "ours"), ("b", "ours"), *((f"m{i}", "x") for i in range(many)))
    with race(place, f"INSERT INTO setting (name, value) VALUES ('b', '{value}')"):  # type: ignore[operator]
        changes = place.db.upsert("setting", rows, key="name")
    lost = {"updated": 1} if value == "theirs" else {"unchanged": 1}
    assert Changes(inserted=1 + many, **lost) == changes
    place.commit()
    assert [("a", "ours"), ("b", "ours")] == place.rows("setting", "name", "value")[:2]
    assert 2 + many == place.db.scalar("SELECT count(*) FROM setting")


def test_a_row_that_the_application_changes_meanwhile(place: Place) -> None:
    """A row that is being changed is waited for, and has the seed's value in the end."""
    place.db.upsert("setting", dicts("name value", ("a", "1")), key="name")
    place.commit()
    with in_an_open_transaction(place, "UPDATE setting SET value = '2' WHERE name = 'a'"):
        place.db.upsert("setting", dicts("name value", ("a", "3")), key="name")
    place.commit()
    assert [("a", "3")] == place.rows("setting", "name", "value")


def test_another_conflict_is_no_race(place: Place) -> None:
    """A unique value that another row has is an error, not tried for ever."""
    with just_before_the_insert(place, "INSERT INTO setting (id, name) VALUES (70, 'b')"), pytest.raises(TdmSeedError):
        place.db.upsert("setting", dicts("id name", (7, "b")))


def test_a_row_that_the_application_removes_while_it_is_given(place: Place) -> None:
    """A row that goes away while rows are still being read is inserted anew."""
    place.db.upsert("setting", dicts("name value", ("a", "1")), key="name")
    place.commit()

    def rows() -> Iterator[dict[str, str]]:
        yield {"name": "a", "value": "1"}
        with place.other() as other:
            other.exec_driver_sql("DELETE FROM setting")
            other.commit()
        yield {"name": "b", "value": "1"}

    assert Changes(inserted=2) == place.db.upsert("setting", rows(), key="name")


def test_a_deadlock_says_to_try_again(place: Place) -> None:
    """Two sessions that wait for one another are an error that says what to do."""
    place.db.load("setting", dicts("id name value", (1, "a", "1"), (2, "b", "1")))
    place.commit()
    place.db.upsert("setting", dicts("id value", (1, "2")))
    with place.other() as other:
        other.exec_driver_sql("UPDATE setting SET value = '3' WHERE id = 2")

        def wait() -> None:
            try:
                other.exec_driver_sql("UPDATE setting SET value = '3' WHERE id = 1")
            except sa.exc.DBAPIError:
                other.rollback()

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.3)
        try:
            place.db.upsert("setting", dicts("id value", (2, "2")))
        except TdmSeedError as error:
            assert "locked" == error.code
            assert "Try again" in str(error.hint)
        finally:
            place.rollback()
            thread.join()
            other.rollback()
