"""Template databases of PostgreSQL: whose they are, what is around a database, who may, and who is in the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy import make_url

from tdm_seed.engine import Progress
from tdm_seed.errors import DatabaseError, Locked, UsageError
from tdm_seed.testing.servers import Server
from tdm_seed.testing.servers.launch import administrator
from tests.engine.playground import Playground
from tests.own_snapshots import drop_own, own

AROUND = sa.text(
    "SELECT pg_get_userbyid(datdba), datacl::text, datconnlimit, shobj_description(d.oid, 'pg_database'), "
    "(SELECT string_agg(setrole || setconfig::text, chr(10) ORDER BY setrole) "
    "FROM pg_db_role_setting WHERE setdatabase = d.oid), datistemplate, datallowconn FROM pg_database d "
    "WHERE datname = :name"
)


@contextmanager
def role(server: Server, name: str, *grants: str) -> Iterator[None]:
    """Make a role for the length of the block."""
    with administrator(server.url) as admin:
        admin.exec_driver_sql(f"CREATE ROLE {name} LOGIN")
    try:
        yield
    finally:
        with administrator(server.url) as admin:
            admin.exec_driver_sql(f"DROP ROLE IF EXISTS {name}")


def test_what_is_around_a_database_is_there_again(postgresql_play: Playground, postgresql_server: Server) -> None:
    """Owner, grants, limit, comment, settings of the database and of a role in it."""
    play, name = postgresql_play, make_url(postgresql_play.url).database
    play.upgrade()
    reader = f"reader_{name}"
    with administrator(postgresql_server.url) as admin:
        for statement in (
            f"CREATE ROLE {reader}",
            f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC",
            f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {reader} WITH GRANT OPTION",
            f"ALTER DATABASE {name} CONNECTION LIMIT 77",
            f"ALTER DATABASE {name} SET search_path = \"$user\", public, 'Odd, one'",
            f"ALTER DATABASE {name} SET statement_timeout = '61s'",
            f"ALTER ROLE {reader} IN DATABASE {name} SET work_mem = '5MB'",
            f"COMMENT ON DATABASE {name} IS 'it''s ours'",
        ):
            admin.exec_driver_sql(statement)
        before = admin.execute(AROUND, {"name": name}).one()
        try:
            with play.seeder() as seeder:
                seeder.snapshot()
                seeder.restore(confirmed=True)
            assert before == admin.execute(AROUND, {"name": name}).one()
        finally:
            admin.exec_driver_sql(f"REVOKE ALL ON DATABASE {name} FROM {reader}")
            admin.exec_driver_sql(f"ALTER ROLE {reader} IN DATABASE {name} RESET ALL")
            admin.exec_driver_sql(f"DROP ROLE {reader}")


def test_a_role_that_may_not_make_databases_is_told_what_it_wants(
    postgresql_play: Playground, postgresql_server: Server
) -> None:
    """CREATEDB, and the database to be its own; nothing is left behind."""
    play, url = postgresql_play, make_url(given := postgresql_play.url)
    name = f"app_{url.database}"
    play.upgrade()
    with role(postgresql_server, name):
        play.sql(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}")
        with administrator(postgresql_server.url) as admin:
            play.url = url.set(username=name).render_as_string(hide_password=False)
            refused(play, f"the role '{name}' may not create databases")
            admin.exec_driver_sql(f"ALTER ROLE {name} CREATEDB")
            refused(play, "belongs to 'postgres', and only an owner may copy or replace it")
            play.url = given
        play.sql(f"DROP OWNED BY {name}")


def refused(play: Playground, message: str) -> None:
    """See that saving is refused."""
    with play.seeder() as seeder:
        with pytest.raises(DatabaseError, match=message) as caught:
            seeder.snapshot()
        assert "Let an administrator run: " in str(caught.value.hint)
        assert [] == own(seeder)


def test_an_owner_who_is_no_superuser_saves_and_restores(
    postgresql_play: Playground, postgresql_server: Server
) -> None:
    """With CREATEDB, that is all that it takes; the owner stays the owner."""
    play, url = postgresql_play, make_url(given := postgresql_play.url)
    name = f"owner_{url.database}"
    with role(postgresql_server, name), administrator(postgresql_server.url) as admin:
        admin.exec_driver_sql(f"ALTER ROLE {name} CREATEDB")
        admin.exec_driver_sql(f"ALTER DATABASE {url.database} OWNER TO {name}")
        for table in ("country", "city", "item"):
            play.sql(f"ALTER TABLE {table} OWNER TO {name}")
        play.sql(f"GRANT ALL ON SCHEMA public TO {name}")
        play.url = url.set(username=name).render_as_string(hide_password=False)
        play.upgrade()
        with play.seeder() as seeder:
            seeder.snapshot()
            play.sql("DELETE FROM item")
            seeder.restore(confirmed=True)
            assert [1, 2] == play.items()
            assert name == admin.execute(AROUND, {"name": url.database}).one()[0]
            drop_own(seeder)
        play.url = given
        admin.exec_driver_sql(f"ALTER DATABASE {url.database} OWNER TO postgres")
        play.sql(f"REASSIGN OWNED BY {name} TO postgres", f"DROP OWNED BY {name}")


def test_a_snapshot_of_what_is_closed_to_others_cannot_be_copied_by_them(
    postgresql_play: Playground, postgresql_server: Server
) -> None:
    """A template is there for all who may create databases, so it is none where not everybody may connect."""
    play = postgresql_play
    url = make_url(play.url)
    name, copy = f"other_{url.database}", f"copy_of_{url.database}"
    play.upgrade()
    with role(postgresql_server, name), administrator(postgresql_server.url) as admin:
        admin.exec_driver_sql(f"ALTER ROLE {name} CREATEDB")
        admin.exec_driver_sql(f"REVOKE CONNECT ON DATABASE {url.database} FROM PUBLIC")
        with play.seeder() as seeder:
            saved = seeder.snapshot().snapshot
            other = sa.create_engine(
                url.set(username=name, database="postgres"), poolclass=sa.pool.NullPool, isolation_level="AUTOCOMMIT"
            )
            with other.connect() as connection, pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
                connection.exec_driver_sql(f"CREATE DATABASE {copy} TEMPLATE {saved.name}")
            play.sql("DELETE FROM item")
            seeder.restore(confirmed=True)
    assert [1, 2] == play.items()


def test_somebody_else_who_is_connected_is_named_and_left_alone(
    postgresql_play: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless --force ends the connection; then saving and restoring go on."""
    monkeypatch.setattr("tdm_seed.dialects.postgresql.sessions._PATIENCE", 0.1)
    play = postgresql_play
    play.upgrade()
    engine = sa.create_engine(play.url, poolclass=sa.pool.NullPool, connect_args={"application_name": "the shop"})
    with play.seeder() as seeder:
        for work in (seeder.snapshot, lambda **given: seeder.restore(confirmed=True, **given)):
            with engine.connect() as other:
                number = other.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
                with pytest.raises(Locked, match=rf"somebody is: 'the shop' of postgres.*\(pid {number}\)"):
                    work()
                assert 1 == other.exec_driver_sql("SELECT 1").scalar_one()
                work(force=True)
                with pytest.raises(sa.exc.OperationalError):
                    other.exec_driver_sql("SELECT 1")
                other.invalidate()
    assert [1, 2] == play.items()


def test_who_waits_for_a_restore_is_not_connected_to_what_it_replaces(
    postgresql_play: Playground, postgresql_server: Server
) -> None:
    """A second one is out of the way until the first has done, and then restores."""
    play = postgresql_play
    play.upgrade()
    with play.seeder() as seeder:
        seeder.snapshot()
        store, claim = seeder._session.store(), seeder._session.claim()
    play.sql("DELETE FROM item")
    connected = "SELECT count(*) FROM pg_stat_activity WHERE datname = %(name)s AND application_name LIKE 'tdm-seed %%'"
    told = threading.Event()

    class Waiting(Progress):
        def waiting(self, who: str) -> None:
            told.set()

    with play.seeder(progress=Waiting()) as waits, ThreadPoolExecutor(1) as beside:
        with store.lock(claim), administrator(postgresql_server.url) as admin:
            restored = beside.submit(waits.restore, confirmed=True)
            assert told.wait(10)
            until = time.monotonic() + 5
            while (left := admin.exec_driver_sql(connected, {"name": store.database}).scalar_one()) == 1:
                assert time.monotonic() < until
                time.sleep(0.01)
            assert (0, []) == (left, play.items())
        assert restored.result(30).snapshot.complete
        assert () == waits.plan().steps
    assert [1, 2] == play.items()


def test_a_snapshot_that_is_dropped_while_a_restore_waits_is_not_taken(
    postgresql_play: Playground, postgresql_server: Server
) -> None:
    """Which there are is looked at by the only runner: another database's may be taken, and its lock is another."""
    play, told = postgresql_play, threading.Event()
    play.upgrade()

    class Waiting(Progress):
        def waiting(self, who: str) -> None:
            told.set()

    with play.seeder() as holds:
        saved = holds.snapshot().snapshot
        with (
            play.seeder(progress=Waiting()) as waits,
            ThreadPoolExecutor(1) as beside,
            holds._session.lock(),
            administrator(postgresql_server.url) as admin,
        ):
            restored = beside.submit(waits.restore, confirmed=True)
            assert told.wait(10)
            admin.exec_driver_sql(f"ALTER DATABASE {saved.name} IS_TEMPLATE false")
            admin.exec_driver_sql(f"DROP DATABASE {saved.name}")
        with pytest.raises(UsageError, match="there is no snapshot of what the environment 'dev' is now"):
            restored.result(30)


def test_a_database_of_our_name_that_is_not_ours_stays(postgresql_play: Playground, postgresql_server: Server) -> None:
    """It is neither listed nor dropped, whatever it is called, and whatever its comment says."""
    play = postgresql_play
    play.upgrade()
    with play.seeder() as seeder, administrator(postgresql_server.url) as admin:
        saved = seeder.snapshot().snapshot
        theirs = f"{saved.name[:20]}_theirs"
        admin.exec_driver_sql(f"CREATE DATABASE {theirs} TEMPLATE template0")
        try:
            admin.exec_driver_sql(f"COMMENT ON DATABASE {theirs} IS '{{\"tdm-seed snapshot\": 0}}'")
            assert theirs not in [each.name for each in seeder.snapshots()]
            seeder.prune(keep=0)
            seeder.restore(confirmed=True)
            found = "SELECT count(*) FROM pg_database WHERE datname = %(name)s"
            assert 1 == admin.exec_driver_sql(found, {"name": theirs}).scalar_one()
        finally:
            admin.exec_driver_sql(f"DROP DATABASE {theirs}")
