"""Whatever a seed does, a true sentence comes of it, and nothing of it is left that the sentence does not name."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from tdm_seed.errors import DatabaseError, Locked, SeedError, TdmSeedError, VerificationFailed
from tdm_seed.values import State
from tests.engine.playground import Playground

#: Writes a row, then does what the test wants to see.
WRITES = """
import sys

def upgrade(db):
    db.upsert("item", [{"id": 1, "label": "mine"}], key="id")
    STATEMENT
"""


def writing(statement: str) -> str:
    """Give a seed that writes a row and then runs a statement."""
    return WRITES.replace("STATEMENT", statement)


def raised(play: Playground, **given: object) -> TdmSeedError:
    """Upgrade and give the error."""
    with pytest.raises(TdmSeedError) as caught:
        play.upgrade(**given)  # type: ignore[arg-type]
    return caught.value


def test_what_was_done_before_a_failure_stays_and_is_told_and_the_next_run_goes_on(play: Playground) -> None:
    """The error knows what was done and what was not come to."""
    play.item("one", 1)
    broken = play.seed("two", writing('raise ValueError("no such colour: puce")').replace('"id": 1', '"id": 2'))
    play.item("three", 3)
    error = raised(play)
    assert (["one"], ["three"]) == ([r.seed.name for r in error.done], [s.seed.name for s in error.left])
    assert "ValueError: no such colour: puce" == error.message
    assert (broken, f"seeds/reference/{broken}.py", 6) == (error.place.seed, error.place.file, error.place.line)
    assert 1 == error.exit_code
    assert [1] == play.items()
    path = play.path(broken)
    path.write_text(path.read_text().replace('raise ValueError("no such colour: puce")', "pass"))
    assert ["two", "three"] == play.ran()
    assert [1, 2, 3] == play.items()


@pytest.mark.parametrize(
    ("statement", "kind", "code", "message"),
    [
        ('raise ValueError("wrong")', SeedError, 1, "ValueError: wrong"),
        ("raise LookupError", SeedError, 1, "LookupError"),
        ('assert 1 == 2, "one is not two"', SeedError, 1, "AssertionError: one is not two"),
        ("sys.exit(0)", SeedError, 1, "calls exit(0)"),
        ('db.execute("DELETE FROM nowhere")', DatabaseError, 1, "nowhere"),
        ('db.expect("SELECT count(*) FROM item", equals=5)', VerificationFailed, 8, "gives 1, not 5"),
        ('db.load("item", [{"id": 1}])', DatabaseError, 1, ""),
        ('db.load("city", [{"id": 1, "name": "Ur", "country_code": "XX"}])', DatabaseError, 1, ""),
        ('db.csv("nothing.csv")', SeedError, 1, "nothing.csv is not part of this seed"),
    ],
)
def test_a_seed_that_fails_leaves_nothing_behind(
    play: Playground, statement: str, kind: type[TdmSeedError], code: int, message: str
) -> None:
    """Whatever it raises is told with its file and line."""
    revision = play.seed("fails", writing(statement))
    before = play.content()
    error = raised(play)
    assert isinstance(error, kind)
    assert code == error.exit_code
    assert message in error.message
    assert (revision, 6) == (error.place.seed, error.place.line)
    after = play.content()
    assert [] == after.pop("seed_history")
    assert before == after


#: What would end the transaction, and whether the seed could go on as if nothing had been said.
ENDS = {
    "db.connection.commit()": False,
    "db.connection.rollback()": False,
    "db.connection.close()": False,
    'db.connection.execute(db.table("item").insert().values(id=2)) and db.connection.commit()': False,
    'db.connection.exec_driver_sql("COMMIT")': True,
    'db.connection.exec_driver_sql("/* so */ commit")': True,
    'db.connection.exec_driver_sql("ROLLBACK")': True,
    'db.execute("COMMIT")': True,
}


def test_a_seed_that_would_end_its_transaction_is_refused_before_it_happens(play: Playground) -> None:
    """Nothing of it is kept, and the Seeder is as good as before."""
    for statement in ENDS:
        revision = play.seed("ends", writing(statement))
        with play.seeder() as seeder:
            with pytest.raises(SeedError) as refused:
                seeder.upgrade()
            assert (revision, 6) == (refused.value.place.seed, refused.value.place.line)
            assert any(word in refused.value.message for word in ("end or open a transaction", "of db.connection"))
            assert "transaction: none" in (refused.value.hint or "")
            assert [] == play.items()
            if "close" not in statement:  # there is nothing to go on with then
                assert ([], 1) == (seeder.history(), seeder.status().pending)
                with pytest.raises(SeedError, match=re.escape(refused.value.message)):
                    seeder.upgrade()
        assert [] == play.history()
        play.path(revision).unlink()


def test_a_seed_that_swallows_the_refusal_ends_nothing_either(play: Playground) -> None:
    """A refused statement never ran; a refused call has broken SQLAlchemy's transaction, and fails the seed."""
    for number, (statement, goes_on) in enumerate(ENDS.items(), 1):
        code = writing(f"try:\n        {statement}\n    except Exception:\n        pass").replace("1", str(number))
        revision = play.seed(f"ends{number}", code)
        before = play.items()
        if goes_on:
            assert [f"ends{number}"] == play.ran()
            assert [*before, number] == play.items()
        else:
            assert "of db.connection" in raised(play).message
            assert before == play.items()
            play.path(revision).unlink()


@pytest.mark.parametrize("ended", ["commit", "rollback"])
@pytest.mark.parametrize("then", ["pass", 'raise ValueError("and more")'])
def test_a_transaction_ended_behind_our_back_is_noticed_and_told(play: Playground, ended: str, then: str) -> None:
    """The driver's own commit cannot be refused; the sentence says what may be in the database."""
    revision = play.seed("ends", writing(f"db.connection.connection.driver_connection.{ended}()\n    {then}"))
    error = raised(play)
    assert (SeedError, 1, revision) == (type(error), error.exit_code, error.place.seed)
    assert "ended the transaction that it runs in" in error.message
    assert "If it was committed, what was written before that is in the database" in (error.hint or "")
    assert ("ValueError: and more" in error.message) == (then != "pass")
    assert ([1] if ended == "commit" else []) == play.items()
    assert [] == play.history()


def test_a_statement_that_commits_implicitly_is_refused_whichever_way_it_comes(mysql_play: Playground) -> None:
    """MySQL commits at DDL; nothing of the seed is kept, and no table is made."""
    for statement in (
        'db.execute("CREATE TABLE extra (id INT)")',
        'db.connection.exec_driver_sql("CREATE TABLE extra (id INT)")',
        'db.connection.execute(__import__("sqlalchemy").text("ALTER TABLE item ADD COLUMN extra INT"))',
        'db.connection.exec_driver_sql("SET autocommit = 1")',
        'db.connection.exec_driver_sql("TRUNCATE TABLE item")',
    ):
        mysql_play.seed("ddl", writing(statement))
        error = raised(mysql_play)
        assert "commits implicitly on this database" in error.message
        assert [] == mysql_play.items()
        assert [] == mysql_play.history()
        assert "extra" not in mysql_play.tables()
        mysql_play.path(error.place.seed or "").unlink()


def test_what_commits_inside_the_server_is_noticed(mysql_play: Playground) -> None:
    """A procedure's COMMIT cannot be seen beforehand."""
    mysql_play.sql("CREATE PROCEDURE ends() BEGIN COMMIT; END")
    mysql_play.seed("calls", "CALL ends();\nINSERT INTO item (id) VALUES (2);\n", suffix=".sql")
    error = raised(mysql_play)
    assert "ended the transaction that it runs in" in error.message
    assert [] == mysql_play.items()


def test_ddl_is_part_of_the_promise_where_the_database_rolls_it_back(play: Playground) -> None:
    """Elsewhere it is refused."""
    play.seed("ddl", writing('db.execute("CREATE TABLE extra (id INTEGER)")\n    raise ValueError("too late")'))
    error = raised(play)
    assert "too late" in error.message or "commits implicitly" in error.message
    assert "extra" not in play.tables()
    assert [] == play.items()


def test_an_error_that_the_database_does_not_forget_is_told_as_such(postgresql_play: Playground) -> None:
    """PostgreSQL refuses everything after a swallowed error; a savepoint of the seed's own is the way."""
    swallow = 'try:\n        db.execute("DELETE FROM nowhere")\n    except Exception:\n        pass'
    revision = postgresql_play.seed("swallows", writing(swallow))
    error = raised(postgresql_play)
    assert "current transaction is aborted" in error.message
    assert "ended" not in error.message
    assert [] == postgresql_play.items()
    path = postgresql_play.path(revision)
    with_savepoint = (
        "try:\n        with db.connection.begin_nested():\n            db.execute('DELETE FROM nowhere')\n"
        "    except Exception:\n        pass"
    )
    path.write_text(writing(with_savepoint))
    assert ["swallows"] == postgresql_play.ran()
    assert [1] == postgresql_play.items()


def test_savepoints_of_the_seeds_own_are_welcome(play: Playground) -> None:
    """What happens inside of them can be taken back, the seed goes on."""
    play.seed(
        "saves",
        writing(
            """with db.connection.begin_nested() as point:
        db.upsert("item", [{"id": 2, "label": "no"}], key="id")
        point.rollback()
    with db.connection.begin_nested():
        db.upsert("item", [{"id": 3, "label": "yes"}], key="id")"""
        ),
    )
    assert ["saves"] == play.ran()
    assert [1, 3] == play.items()


def test_an_orm_session_commits_into_the_seeds_transaction(play: Playground) -> None:
    """Its commit ends its own savepoint only, and a later failure takes its rows back too."""
    orm = """
    from sqlalchemy.orm import declarative_base
    Base = declarative_base()
    class Item(Base):
        __tablename__ = "item"
        import sqlalchemy as sa
        id = sa.Column(sa.Integer, primary_key=True, autoincrement=False)
        label = sa.Column(sa.String(200))
    with db.session() as session:
        session.add(Item(id=5, label="of the session"))
        session.commit()
        session.add(Item(id=6, label="of the session"))"""
    revision = play.seed("orm", writing(orm + '\n    raise ValueError("late")'))
    assert "late" in raised(play).message
    assert [] == play.items()
    play.path(revision).write_text(writing(orm))
    assert ["orm"] == play.ran()
    assert [1, 5, 6] == play.items()


def test_a_deadlock_is_no_fault_of_the_seed(mysql_play: Playground) -> None:
    """The server takes the whole transaction back, so nothing is in the database, and no sentence says otherwise."""
    mysql_play.sql("INSERT INTO item (id, label) VALUES (1, 'a'), (2, 'b')")
    dialect_url = mysql_play.url
    mysql_play.seed(
        "victim",
        f"""
        import threading
        import sqlalchemy as sa

        def upgrade(db):
            engine = sa.create_engine({dialect_url!r}, poolclass=sa.pool.NullPool)
            db.execute("UPDATE item SET label = 'mine' WHERE id = 1")
            with engine.connect() as other:
                # The heavier transaction survives: this one has written more rows.
                for number in range(10, 60):
                    other.exec_driver_sql(f"INSERT INTO item (id, label) VALUES ({{number}}, 'x')")
                other.exec_driver_sql("UPDATE item SET label = 'theirs' WHERE id = 2")
                crossing = threading.Thread(
                    target=other.exec_driver_sql, args=("UPDATE item SET label = 'theirs' WHERE id = 1",)
                )
                crossing.start()
                try:
                    __import__("time").sleep(0.5)
                    db.execute("UPDATE item SET label = 'mine' WHERE id = 2")
                finally:
                    crossing.join()
                    other.rollback()
            engine.dispose()
        """,
    )
    error = raised(mysql_play)
    assert (Locked, 6) == (type(error), error.exit_code)
    assert "ended" not in str(error)
    assert [("a",), ("b",)] == mysql_play.rows("SELECT label FROM item ORDER BY id")
    assert [] == mysql_play.history()


def test_an_orphan_left_under_deferral_is_found_before_the_commit(play: Playground) -> None:
    """It is named, and the seed is taken back."""
    play.seed(
        "orphan",
        """
        def upgrade(db):
            with db.deferred_constraints("city", "country"):
                db.load("city", [{"id": 1, "name": "Ur", "country_code": "XX"}])
        """,
    )
    error = raised(play)
    assert isinstance(error, DatabaseError)
    assert [] == play.rows("SELECT * FROM city")
    assert [] == play.history()


@pytest.mark.parametrize("back", ["", "SET FOREIGN_KEY_CHECKS = 1;\n"])
@pytest.mark.parametrize("suffix", [".sql", ".py"])
def test_an_orphan_made_with_checks_switched_off_by_hand_is_found_too(
    mysql_play: Playground, back: str, suffix: str
) -> None:
    """The server never looks back, as a dump relies on; we do, and the next seed finds the checks on."""

    def switching(row: str) -> str:
        sql = f"SET FOREIGN_KEY_CHECKS = 0;\n{row};\n{back}"
        calls = "".join(f"    db.execute({line.rstrip(';')!r})\n" for line in sql.splitlines())
        return sql if suffix == ".sql" else f"def upgrade(db):\n{calls}"

    orphan = "INSERT INTO city (id, name, country_code) VALUES (1, 'Ur', 'XX')"
    revision = mysql_play.seed("switches", switching(orphan), suffix=suffix)
    error = raised(mysql_play)
    assert "points to no row of country" in error.message
    assert ([], []) == (mysql_play.rows("SELECT * FROM city"), mysql_play.history())
    mysql_play.path(revision).write_text(switching("INSERT INTO country (code, name) VALUES ('DE', 'Germany')"))
    mysql_play.seed("next", 'def upgrade(db):\n    db.load("city", [{"id": 1, "name": "Ur", "country_code": "XX"}])\n')
    error = raised(mysql_play)
    assert ["switches"] == [result.seed.name for result in error.done]
    assert [] == mysql_play.rows("SELECT * FROM city")


def test_checks_that_a_failed_seed_has_left_off_are_on_again(mysql_play: Playground) -> None:
    """Also when a program goes on with the same Seeder."""
    revision = mysql_play.seed("off", "SET foreign_key_checks = 0;\nSELECT nonsense;\n", suffix=".sql")
    with mysql_play.seeder() as seeder:
        with pytest.raises(DatabaseError):
            seeder.upgrade()
        orphan = "INSERT INTO city (id, name, country_code) VALUES (1, 'Ur', 'XX');\n"
        mysql_play.path(revision).write_text(orphan)
        with pytest.raises(DatabaseError, match="foreign key"):
            seeder.upgrade()


def test_a_failing_seed_without_a_transaction_keeps_what_it_wrote_and_says_running(play: Playground) -> None:
    """The one case in which rows are left, and the history says so."""
    play.seed("steps", 'transaction = "none"\n' + writing('raise ValueError("half-way")'))
    assert "half-way" in raised(play).message
    assert [1] == play.items()
    last = play.history()[-1]
    assert (State.RUNNING, "ValueError: half-way") == (last.state, last.note["reason"])


def test_a_connection_that_is_lost_while_a_seed_runs_is_told(server_play: Playground) -> None:
    """Nothing of the seed is kept, and the next upgrade completes."""
    kill = "SELECT pg_terminate_backend({})" if server_play.url.startswith("postgres") else "KILL {}"
    number = "SELECT pg_backend_pid()" if server_play.url.startswith("postgres") else "SELECT CONNECTION_ID()"
    flag = server_play.root / "cut"
    flag.touch()
    server_play.seed(
        "cut",
        f"""
        import pathlib
        import sqlalchemy as sa

        def upgrade(db):
            db.upsert("item", [{{"id": 1, "label": "mine"}}], key="id")
            flag = pathlib.Path({str(flag)!r})
            if flag.exists():
                flag.unlink()
                engine = sa.create_engine({server_play.url!r}, poolclass=sa.pool.NullPool)
                with engine.connect() as other:
                    other.exec_driver_sql({kill!r}.format(db.scalar({number!r})))
                engine.dispose()
            db.upsert("item", [{{"id": 2, "label": "mine"}}], key="id")
        """,
    )
    error = raised(server_play)
    assert isinstance(error, DatabaseError)
    assert "connection" in error.message
    assert [] == server_play.items()
    assert ["cut"] == server_play.ran()
    assert [1, 2] == server_play.items()


def test_no_connection_is_left_open_by_a_failure(play: Playground) -> None:
    """Of anything that fails after connecting, too."""
    play.seed("fails", writing('raise ValueError("wrong")'))
    raised(play)
    query = {
        "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'tdm-seed%' "
        "AND datname = current_database()",
        "mysql": "SELECT count(*) - 1 FROM information_schema.processlist WHERE db = DATABASE()",
    }.get(sa.make_url(play.url).get_backend_name(), "SELECT 0")
    for _ in range(50):
        if play.rows(query) == [(0,)]:
            return
        __import__("time").sleep(0.1)
    assert [(0,)] == play.rows(query)
