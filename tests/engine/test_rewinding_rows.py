"""Going back by rows on PostgreSQL: exactly what was written is put back, whoever wrote it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tdm_seed.dialects.postgresql import fingerprint
from tdm_seed.dialects.rewinding import Rewound, Touched
from tdm_seed.engine import Progress, rewinding
from tdm_seed.engine.session import Session
from tdm_seed.errors import DatabaseError, Locked, Protected
from tdm_seed.history import History
from tests.engine.playground import MANIFEST, Playground
from tests.engine.rewound import POSTGRESQL, Rewinds, again, counted, dies, does, kept, state
from tests.own_snapshots import drop_own

NUMBERS = st.integers(1, 6)
CODES = st.sampled_from(["de", "ie", "pt", "DE"])
#: What an application does, some of which the database refuses; numbers and codes are drawn for each.
WRITES = (
    "INSERT INTO person (boss, name, home, badge) VALUES ({0}, 'new', '{2}', {1})",
    "INSERT INTO person OVERRIDING SYSTEM VALUE VALUES ({0}, NULL, 'old', DEFAULT, NULL, NULL)",
    "UPDATE person SET name = name || 'x', badge = badge + {0} WHERE id = {1}",
    "UPDATE person SET badge = {0} - badge",
    "UPDATE person SET boss = {0}, home = '{2}'",
    "DELETE FROM person WHERE id >= {0}",
    "INSERT INTO country VALUES ('{2}', 'Another')",
    "UPDATE country SET code = '{2}' WHERE code = '{3}'",
    "UPDATE country SET name = lower(name)",
    "DELETE FROM country WHERE code = '{2}'",
    "TRUNCATE person CASCADE",
    "TRUNCATE person RESTART IDENTITY CASCADE",
    "SET CONSTRAINTS ALL DEFERRED; INSERT INTO hen (id, egg) VALUES ({0} + 2, {1}); DELETE FROM egg WHERE id = {1}",
    "UPDATE egg SET hen = {0}",
    "UPDATE hen SET egg = {0}; DELETE FROM egg WHERE id = {1}",
    "TRUNCATE hen, egg RESTART IDENTITY",
    "INSERT INTO loose (n, person) VALUES ({0}, {1})",
    "DELETE FROM loose",
    "UPDATE part SET k = k + {0}",
    "INSERT INTO high VALUES ({0}, 15, 'z')",
    "DELETE FROM low",
    "UPDATE parent SET id = id + {0}, word = 'z'",
    "DELETE FROM ONLY parent",
    "INSERT INTO heir VALUES ({0}, '', {1})",
    """UPDATE "od""d %t:x.y" SET "a.b" = lower("a.b") || {0}""",
    "UPDATE felt SET what = what::numeric(9, {0}), at = at + interval '1 hour'",
    "SELECT nextval('free'), nextval('hen_id_seq')",
    "SELECT setval('free', {0}, false)",
    "ALTER TABLE loose DISABLE TRIGGER ALL; DELETE FROM loose; ALTER TABLE loose ENABLE TRIGGER ALL",
    "SET session_replication_role = replica; DELETE FROM country WHERE code = '{2}'; INSERT INTO loose VALUES (8)",
    "REFRESH MATERIALIZED VIEW headcount",
)
WRITE = st.tuples(st.sampled_from(WRITES), NUMBERS, NUMBERS, CODES, CODES).map(
    lambda drawn: drawn[0].format(*drawn[1:])
)
TRANSACTION = st.tuples(st.lists(WRITE, min_size=1, max_size=3), st.booleans())


@pytest.fixture
def play(postgresql_play: Playground) -> Playground:
    """A playground with everything that makes going back hard."""
    with postgresql_play.connection() as connection:
        for statement in POSTGRESQL:
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    postgresql_play.item("one", 1)
    return postgresql_play


@pytest.fixture
def back(play: Playground) -> Iterator[Rewinds]:
    """What goes back to the seeded state."""
    with kept(play) as rewinds:
        yield rewinds


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(transactions=st.lists(TRANSACTION, min_size=1, max_size=4))
def test_whatever_was_written_everything_is_as_it_was(
    play: Playground, back: Rewinds, transactions: list[tuple[list[str], bool]]
) -> None:
    """Rows byte for byte, sequences, and the catalogue, after any writes, roll-backs, truncations and cascades."""
    before = state(play)
    for statements, commits in transactions:
        does(play, statements, commits=commits)
    back()
    assert before == state(play)
    assert Rewound() == back()


def test_nothing_is_done_where_nothing_was_written(play: Playground, back: Rewinds) -> None:
    """A few questions, whatever the number of tables; the history says nothing of it, and neither do roll-backs."""
    does(play, ["UPDATE country SET name = 'x'", "DELETE FROM loose"], commits=False)
    asked: list[str] = []
    sa.event.listen(back.session.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    before = play.history()
    assert Rewound() == back()
    assert before == play.history()
    assert len(asked) <= 4


def test_the_catalogue_is_compared_by_a_function_whose_plan_the_session_keeps(play: Playground, back: Rewinds) -> None:
    """Which says what the query says that it is made of."""
    with back.session.reading():
        connection, own = back.session.connection, back.session.history.own_tables
        assert fingerprint.stamp(connection, own) == fingerprint.stamp_by_function(connection)
    does(play, ["DELETE FROM loose"])
    asked: list[str] = []
    sa.event.listen(back.session.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    assert back()
    assert {"SELECT tdm_seed_rows.stamp()"} == {query for query in asked if "stamp()" in query or "hashtid" in query}


def test_what_was_written_can_be_named(play: Playground, back: Rewinds) -> None:
    """Sequences, too, which a rolled-back insert moves; and tables whose triggers were off."""
    assert Touched() == rewinding.touched(back.session, back.kept)
    does(play, ["INSERT INTO hen (egg) VALUES (1)"], commits=False)
    assert Touched((), ("public.hen_id_seq",)) == (found := rewinding.touched(back.session, back.kept))
    assert "somebody has drawn numbers from public.hen_id_seq" == str(found)
    does(play, ["DELETE FROM item", "ALTER TABLE felt DISABLE TRIGGER ALL", "ALTER TABLE felt ENABLE TRIGGER ALL"])
    found = rewinding.touched(back.session, back.kept)
    assert "somebody has written to felt, item and drawn numbers from public.hen_id_seq" == str(found)
    back()
    assert Touched() == rewinding.touched(back.session, back.kept)


def test_only_the_rows_that_were_written_are_touched(play: Playground, back: Rewinds) -> None:
    """And they are counted, with the sequences that have moved and the views that were computed anew."""
    does(play, ["INSERT INTO person (name) VALUES ('x'), ('y')"])
    does(play, ["UPDATE country SET name = 'x' WHERE code = 'de'", "DELETE FROM city"])
    place = "SELECT ctid FROM country WHERE code = 'ie'"
    before = play.rows(place)
    done = back()
    counts = {"city": (0, 0, 1), "country": (0, 1, 0), "loose": (7, 0, 5), "person": (2, 0, 0)}
    assert counts == counted(done)
    assert (("public.person_id_seq",), ("public.headcount", "public.doubled")) == (done.sequences, done.views)
    assert before == play.rows(place)


def test_the_history_says_that_rows_were_put_back_and_all_seeds_stay_applied(play: Playground, back: Rewinds) -> None:
    """A thousand such entries are not read by the commands that follow."""
    does(play, ["DELETE FROM item"])
    back()
    does(play, ["DELETE FROM item"])
    back()
    entries = play.history()
    assert ["applied", "reset", "reset"] == [str(entry.state) for entry in entries]
    assert {"way": "rows"} == entries[-1].note
    assert 1 == entries[-1].changes.inserted
    assert 1 == len(back.session.entries())
    assert ([], "applied") == (play.ran(), str(play.status()["one"].state))
    play.item("two", 2)
    assert ["two"] == play.ran()


def test_what_is_kept_is_found_again_until_the_history_goes_on(play: Playground, back: Rewinds) -> None:
    """Another process goes back, too; but never to rows from before a seed that was applied since."""
    does(play, ["DELETE FROM item"])
    with again(play, back) as other:
        assert back.kept == rewinding.find(other.session)
        assert {"item": (0, 0, 1)} == counted(other())
    play.item("two", 2)
    play.ran()
    assert rewinding.find(back.session) is None
    with pytest.raises(DatabaseError, match="no rows are kept any more"):
        back()
    assert [1, 2] == play.items()


def test_rows_that_another_version_has_kept_are_not_gone_back_to(play: Playground, back: Rewinds) -> None:
    """It has made fewer functions."""
    play.sql("DROP FUNCTION tdm_seed_rows.stamp()")
    assert rewinding.find(back.session) is None


def test_rows_from_before_an_entry_of_the_history_are_not_put_back(play: Playground, back: Rewinds) -> None:
    """Whoever wrote it may have had no right to drop what is kept, or somebody used a table."""
    assert not back()
    does(play, ["DELETE FROM item"])
    columns = ", ".join(column.name for column in History().table.columns if column.name != "id")
    play.sql(f"INSERT INTO seed_history ({columns}) SELECT {columns} FROM seed_history")
    with pytest.raises(rewinding.Stale, match="the history has gone on since rows were kept"):
        back()
    assert [] == play.items()


def test_the_history_keeps_the_latest_resets_that_put_rows_back(
    play: Playground, back: Rewinds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read past them each time, and a test suite makes a thousand a day; whatever else it says stays."""
    monkeypatch.setattr("tdm_seed.engine.rewinding.PUT_BACK", 3)
    monkeypatch.setattr("tdm_seed.history.PUT_BACK", 3)
    counts = []
    for _ in range(9):
        does(play, ["DELETE FROM item"])
        back()
        counts.append(len(play.history()))
    assert [2, 3, 4, 5, 6, 7, 4, 5, 6] == counts
    assert ["applied", *["reset"] * 5] == [str(entry.state) for entry in play.history()]


def test_what_a_crash_of_the_server_has_emptied_is_not_gone_back_to(play: Playground, back: Rewinds) -> None:
    """Copies and marks are not logged, so a server that was cut off comes up with none of them."""
    play.sql("TRUNCATE tdm_seed_rows.journal")
    assert rewinding.find(back.session) is None
    with pytest.raises(DatabaseError, match="a crash of the server has emptied"):
        back()
    assert [1] == play.items()


def test_a_table_that_was_made_anew_is_not_put_back(play: Playground, back: Rewinds) -> None:
    """It has no triggers, so nobody knows what was written to it."""
    play.sql("DROP TABLE item", "CREATE TABLE item (id int PRIMARY KEY, label varchar(200))")
    with pytest.raises(DatabaseError, match="another one than it was when rows were kept"):
        back()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER TABLE item ADD COLUMN more integer", ": the column item.more is new"),
        ("ALTER TABLE \"od\"\"d %t:x.y\" RENAME COLUMN \"a.b\" TO c", ': the column od"d %t:x.y."a.b" is gone, '
         'the column od"d %t:x.y.c is new'),
        ("CREATE TABLE later (id serial)", ": the table later is new, the sequence later_id_seq is new"),
        ("DROP TABLE loose; DROP SEQUENCE free", ": the table loose is gone, the sequence public.free is gone"),
        ("CREATE INDEX by_label ON item (label)", ": the index by_label is new"),
        ("CREATE VIEW seen AS SELECT 1 AS n", ": the view seen is new"),
        ("CREATE FUNCTION one() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
         "CREATE TRIGGER once AFTER INSERT ON item EXECUTE FUNCTION one()",
         ": the function one is new, the trigger once on item is new"),
        ("ALTER TABLE item ALTER COLUMN label SET NOT NULL", ""),
    ],
)  # fmt: skip
def test_what_has_changed_of_the_schema_is_named(play: Playground, back: Rewinds, statement: str, said: str) -> None:
    """What is new or gone; of what was only altered, columns."""
    does(play, ["DELETE FROM city", "INSERT INTO hen (egg) VALUES (1)"])
    back()
    assert back.kept == rewinding.look(back.session, "key")
    play.sql(statement)
    assert f"the schema has changed since rows were kept{said}" == rewinding.look(back.session, "key")


def test_the_tools_own_schema_is_nowhere_to_be_seen(play: Playground, back: Rewinds) -> None:
    """Neither in digests nor where all tables are listed; and it goes without a trace."""
    assert [] == [table for table in back.session.tables() if table[0] is not None]
    assert not [each for each in play.digest() if "tdm" in each.table]
    rewinding.let_go(back.session)
    assert rewinding.find(back.session) is None
    assert [(0,)] == play.rows("SELECT count(*) FROM pg_trigger WHERE starts_with(tgname, 'tdm_seed')")


def test_other_connections_stay_open(play: Playground, back: Rewinds) -> None:
    """Nobody is cut off, and what somebody has not committed yet is put back the next time."""
    engine = back.session.dialect.engine(back.session.url, "the application")
    with engine.connect() as other:
        other.exec_driver_sql("DELETE FROM item")
        other.commit()
        other.exec_driver_sql("DELETE FROM city")
        assert {"item": (0, 0, 1)} == counted(back())
        other.commit()
        assert {"city": (0, 0, 1)} == counted(back())
        assert 1 == other.scalar(sa.text("SELECT count(*) FROM item"))
    engine.dispose()


def test_an_open_transaction_on_a_table_that_was_written_is_waited_for(play: Playground, back: Rewinds) -> None:
    """At most as long as the role says; then nothing was changed."""
    play.sql(f"ALTER ROLE postgres IN DATABASE {back.session.url.database} SET lock_timeout = 100")
    does(play, ["DELETE FROM item", "DELETE FROM city"])
    engine = back.session.dialect.engine(back.session.url, "the application")
    with again(play, back) as impatient, engine.connect() as other:
        other.exec_driver_sql("UPDATE city SET name = 'x'")
        other.exec_driver_sql("INSERT INTO item VALUES (7)")
        with pytest.raises(Locked, match="raise the lock_timeout of the role"):
            impatient()
        assert [] == play.items()
        other.commit()
        assert {"city": (0, 0, 1), "item": (1, 0, 1)} == counted(impatient())
    engine.dispose()


@pytest.mark.parametrize(
    ("used", "table"),
    [
        ("UPDATE city SET name = 'x'", "city"),
        ("SELECT * FROM person WHERE id = 1 FOR UPDATE", "person"),
        ("SELECT * FROM headcount", "headcount"),
    ],
)
def test_who_is_in_the_way_is_named(play: Playground, back: Rewinds, used: str, table: str) -> None:
    """With the table, and never with a query; waited for as long as for another runner."""
    does(play, ["DELETE FROM city", "UPDATE person SET name = 'x' WHERE id = 1"])
    engine = back.session.dialect.engine(back.session.url, "the application")
    back.session.lock_timeout = 0.1
    with engine.connect() as other, engine.connect() as reader:
        reader.exec_driver_sql("SELECT * FROM person, city, loose")
        other.exec_driver_sql(used)
        number = other.scalar(sa.text("SELECT pg_backend_pid()"))
        said = rf": 'the application' of \w+ \(pid {number}, idle in transaction since \S+\) uses "
        begun = time.monotonic()
        with pytest.raises(Locked, match=said) as locked:
            back()
        assert time.monotonic() - begun < 30
        assert (6, table) == (locked.value.exit_code, locked.value.place.table)
        assert 1 == locked.value.message.count("the application")
        other.rollback()
        assert {"city", "person"} <= counted(back()).keys()
    engine.dispose()


def test_a_table_that_stays_is_left_alone(play: Playground) -> None:
    """With its rows and its numbers; and nothing goes that its rows point to."""
    play.manifest(text=MANIFEST.replace("scenarios", 'keep = ["city"]\nscenarios'))
    with kept(play) as back:
        play.sql("INSERT INTO country VALUES ('pt', 'Portugal')")
        play.sql("INSERT INTO city (name, country_code) VALUES ('Porto', 'pt'), ('Galway', 'ie')")
        with pytest.raises(Protected, match="rows of city, which stay, point to rows of country that would go"):
            back()
        assert [("pt",)] == play.rows("SELECT code FROM country WHERE code = 'pt'")
        play.sql("DELETE FROM city WHERE country_code = 'pt'")
        assert {"country": (1, 0, 0)} == counted(back())
        assert 2 == len(play.rows("SELECT * FROM city"))
        assert [(3,)] == play.rows("SELECT last_value FROM city_id_seq")


def test_what_a_subscription_writes_would_go_unnoticed(play: Playground, back: Rewinds) -> None:
    """So rows are neither kept nor gone back to where there is one, of whatever tables."""
    play.sql(
        "CREATE SUBSCRIPTION feed CONNECTION 'dbname=elsewhere' PUBLICATION news "
        "WITH (connect = false, enabled = false, slot_name = NONE)"
    )
    try:
        why = "what the subscription feed writes goes unnoticed by triggers"
        assert why == rewinding.look(back.session, "key")
        assert rewinding.find(back.session) is None
        with back.session.lock() as lock, pytest.raises(DatabaseError, match=why):
            rewinding.prepare(back.session, lock, "key")
    finally:
        play.sql("DROP SUBSCRIPTION feed")
    assert back.kept == rewinding.look(back.session, "key")


@pytest.fixture
def owner(play: Playground) -> Iterator[Playground]:
    """The playground as its superuser sees it; ``play`` is a role that owns nothing."""
    owner = Playground(play.root, play.url)
    play.ran()
    database = sa.make_url(play.url).database
    role = f"app_{database}"
    owner.sql(f"CREATE ROLE {role} LOGIN", f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
    play.url = sa.make_url(play.url).set(username=role).render_as_string(hide_password=False)
    yield owner
    owner.sql(f"REASSIGN OWNED BY {role} TO postgres", f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_role_that_is_not_the_owner_is_told_before_anything_is_changed(play: Playground, owner: Playground) -> None:
    """The way is not there, and the reason says what it would take."""
    database, role = sa.make_url(play.url).database, sa.make_url(play.url).username
    with Session(play.environment(), 5, Progress()) as session:
        assert "this role may not create the schema tdm_seed_rows" in str(rewinding.look(session, "key"))
        owner.sql(f"GRANT CREATE ON DATABASE {database} TO {role}")
        assert "the table city belongs to another role" == rewinding.look(session, "key")
        with session.lock() as lock, pytest.raises(DatabaseError, match="the table city belongs to another role"):
            rewinding.prepare(session, lock, "key")
    assert [] == owner.rows("SELECT 1 FROM pg_namespace WHERE nspname = 'tdm_seed_rows'")


def test_a_role_that_owns_the_tables_needs_no_more(play: Playground, owner: Playground) -> None:
    """Not even where a circle of foreign keys must be deferred; and the application may be another role."""
    database, role = sa.make_url(play.url).database, sa.make_url(play.url).username
    owner.sql(
        f"GRANT CREATE ON DATABASE {database} TO {role}",
        f"DO $$ DECLARE name text; BEGIN FOR name IN SELECT oid::regclass FROM pg_class WHERE relkind IN "
        f"('r', 'p', 'm', 'S') AND relnamespace = 'public'::regnamespace AND NOT EXISTS (SELECT FROM pg_depend d "
        f"WHERE d.objid = pg_class.oid AND d.deptype IN ('a', 'i') AND relkind = 'S') LOOP EXECUTE "
        f"format('ALTER TABLE %s OWNER TO {role}', name); END LOOP; END $$",
    )
    with kept(play) as back:
        before = state(owner)
        does(owner, ["SET CONSTRAINTS ALL DEFERRED; INSERT INTO hen VALUES (8, 8); INSERT INTO egg VALUES (8, 8)"])
        does(owner, ["UPDATE hen SET egg = 8", "DELETE FROM egg WHERE id < 8"])
        assert {"egg", "hen"} == counted(back()).keys()
        assert before == state(owner)


@pytest.mark.parametrize("point", ["before putting back", "after putting back", "before commit", "after commit"])
def test_whoever_dies_has_put_everything_back_or_nothing(play: Playground, back: Rewinds, point: str) -> None:
    """SIGKILL, where nothing can be tidied up; sequences, too, which no roll-back moves by itself."""
    seeded = state(play)
    does(play, ["INSERT INTO person (name, badge) VALUES ('x', 9)", "DELETE FROM loose", "SELECT nextval('free')"])
    written = state(play)
    dies(play, point)
    assert (seeded if point == "after commit" else written) == state(play)
    back()
    assert seeded == state(play)


def test_rows_are_kept_when_those_who_write_them_are_done(play: Playground) -> None:
    """And no later than was asked for."""
    play.ran()
    with Session(play.environment(), 0.1, Progress()) as session:
        with play.connection() as other:
            other.exec_driver_sql("UPDATE item SET label = 'x'")
            begun = time.monotonic()
            with session.lock() as lock, pytest.raises(Locked):
                rewinding.prepare(session, lock, "key")
            assert time.monotonic() - begun < 30
        with session.lock() as lock:
            assert rewinding.prepare(session, lock, "key") == rewinding.find(session)


@pytest.mark.parametrize("point", ["before commit", "after commit"])
def test_whoever_dies_while_rows_are_kept_has_kept_all_or_nothing(play: Playground, point: str) -> None:
    """No trigger stays behind without the rows that it is for."""
    play.ran()
    dies(play, point, "keep")
    with Session(play.environment(), 5, Progress()) as session:
        assert (point == "after commit") == (rewinding.find(session) is not None)
    triggers = play.rows("SELECT count(*) FROM pg_trigger WHERE starts_with(tgname, 'tdm_seed')")
    assert (point == "after commit") == (triggers != [(0,)])


def test_another_runner_is_waited_for(play: Playground, back: Rewinds) -> None:
    """Going back holds the lock of a run, where there is anything to put back."""
    does(play, ["DELETE FROM item"])
    with Session(play.environment(), 5, Progress()) as other, other.lock(), again(play, back) as waiting:
        waiting.session.lock_timeout = 0.1
        with pytest.raises(Locked, match="another runner holds the lock"):
            waiting()
        assert [] == play.items()
    assert {"item": (0, 0, 1)} == counted(back())


@contextmanager
def busy(play: Playground, *, seconds: float) -> Iterator[None]:
    """Another runner holds the lock, so long, from before the block."""
    begun, done = threading.Event(), threading.Event()

    def run() -> None:
        with Session(play.environment(), 5, Progress()) as other, other.lock():
            begun.set()
            done.wait(seconds)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        begun.wait()
        yield
        running.result()


def test_who_has_waited_for_another_runner_looks_anew(play: Playground, back: Rewinds) -> None:
    """What was read before is held against nobody: the other runner may drop it."""
    does(play, ["DELETE FROM item"])
    with busy(play, seconds=1):
        assert {"item": (0, 0, 1)} == counted(back())
    does(play, ["DELETE FROM item"])
    with busy(play, seconds=1), ThreadPoolExecutor(1) as pool:
        done = pool.submit(back)
        time.sleep(0.3)
        play.sql("DROP SCHEMA tdm_seed_rows CASCADE")
        with pytest.raises(DatabaseError, match="no rows are kept any more"):
            done.result()


def test_a_snapshot_waits_for_another_runner_where_no_rows_are_kept(postgresql_play: Playground) -> None:
    """It asks for none."""
    postgresql_play.item("one", 1)
    postgresql_play.ran()
    with postgresql_play.seeder() as seeder:
        with busy(postgresql_play, seconds=0.5):
            assert seeder.snapshot().built
        drop_own(seeder)


def test_what_is_loaded_without_triggers_while_we_wait_goes_too(play: Playground, back: Rewinds) -> None:
    """Also from a table that nobody had written to when we began."""
    before = state(play)
    does(play, ["DELETE FROM item"])
    engine = back.session.dialect.engine(back.session.url, "the application")
    with engine.connect() as other:
        for each in ("UPDATE item SET label = label", "ALTER TABLE loose DISABLE TRIGGER ALL",
                     "INSERT INTO loose VALUES (77)", "ALTER TABLE loose ENABLE TRIGGER ALL",
                     "ALTER TABLE item DISABLE TRIGGER ALL", "INSERT INTO item VALUES (77, 'x')",
                     "ALTER TABLE item ENABLE TRIGGER ALL"):  # fmt: skip
            other.exec_driver_sql(each)
        commits = threading.Timer(0.5, other.commit)
        commits.start()
        assert {"item", "loose"} <= counted(back()).keys()
        commits.join()
    engine.dispose()
    assert before == state(play)
    assert not back()


@pytest.mark.parametrize(
    ("statement", "hides"), [("ALTER SEQUENCE free RESTART", False), ("TRUNCATE hen, egg RESTART IDENTITY", True)]
)
def test_a_sequence_that_somebody_holds_is_waited_for_no_longer_than_said(
    play: Playground, back: Rewinds, statement: str, hides: bool
) -> None:
    """Before anything was changed, other sequences included, which no rollback takes back.

    Where one was drawn from when rows were kept, even to ask whether it has moved takes the wait.
    """
    does(play, ["INSERT INTO item VALUES (2, 'x')", "SELECT nextval('free'), nextval('hen_id_seq')"])
    before = state(play)
    back.session.lock_timeout = 0.3
    engine = back.session.dialect.engine(back.session.url, "the application")
    with engine.connect() as other:
        other.exec_driver_sql(statement)
        begun = time.monotonic()
        for waits in (back, *([lambda: rewinding.touched(back.session, back.kept)] if hides else [])):
            with pytest.raises(Locked):
                waits()
        assert time.monotonic() - begun < 30
        other.rollback()
    engine.dispose()
    assert before == state(play)
    assert back()


def test_a_table_that_alter_table_has_written_anew_is_put_back(play: Playground, back: Rewinds) -> None:
    """No trigger fires for it, and the schema looks as it did; VACUUM FULL is taken for one, and costs time only."""
    before = state(play)
    play.sql("ALTER TABLE item ALTER COLUMN label TYPE varchar(200) USING label || '!'")
    assert before != state(play)
    assert {"item"} <= counted(back()).keys()
    assert before == state(play)
    assert not back()
    play.sql("ALTER TABLE item ALTER COLUMN label TYPE varchar(200) USING label || '?'")
    assert {"item"} <= counted(back()).keys()
    assert before == state(play)


def test_rows_that_came_by_a_dump_are_not_gone_back_to(play: Playground, back: Rewinds) -> None:
    """What is kept knows tables by numbers that a dump does not keep."""
    assert rewinding.find(back.session) is not None
    play.sql("UPDATE tdm_seed_rows.baseline SET here = 1")
    assert rewinding.find(back.session) is None


def test_whoever_may_not_let_go_may_seed_all_the_same(play: Playground, back: Rewinds, owner: Playground) -> None:
    """The history tells that what another role has kept is out of date; whoever uses a table keeps nobody waiting."""
    owner.sql(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {sa.make_url(play.url).username}")
    with Session(play.environment(), 5, Progress()) as session:
        rewinding.let_go(session)
        assert rewinding.find(back.session) is not None
    with play.connection() as busy:
        busy.exec_driver_sql("SELECT * FROM item")
        rewinding.let_go(back.session)
        assert rewinding.find(back.session) is None
