"""A check that was not told where to work makes a database by itself, and leaves none behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import make_url

from tdm_seed.dialects.throwaway import PREFIX
from tdm_seed.engine import Progress
from tdm_seed.engine.throwaway import throwaways
from tdm_seed.errors import DatabaseError, Protected
from tdm_seed.testing.servers import Server
from tdm_seed.testing.servers.launch import administrator
from tests.engine.playground import Playground
from tests.unit.alembic_projects import init, migration

#: Where a seed that runs leaves the name of its database.
NOTED = (
    "    from pathlib import Path\n"
    "    name = db.connection.engine.url.database\n"
    "    Path('database').write_text(name)\n"
)
MAKES = "transaction = 'none'\ndef upgrade(db):\n    db.execute('CREATE TABLE IF NOT EXISTS thing (id INTEGER)')\n"


def databases(play: Playground) -> list[str]:
    """List the databases of checks on a server."""
    query = "SELECT schema_name FROM information_schema.schemata"
    if play.url.startswith("postgresql"):
        query = "SELECT datname FROM pg_database"
    return [name for (name,) in play.rows(query) if name.startswith(PREFIX)]


def noted(play: Playground) -> str:
    """Give the name of the database in which the seed ran last."""
    return (play.root / "database").read_text()


def checked(play: Playground, *words: str) -> tuple[int, Any]:
    """Check the project in a process of its own."""
    done = play.command("check", "--json", *words)
    return done.returncode, json.loads(done.stdout)


def test_migrations_seeds_and_proofs_run_beside_the_database(play: Playground) -> None:
    """That one is not touched, and none is left."""
    migration(init(play.root), "aa")
    play.seed("notes", "def upgrade(db):\n" + NOTED + "    assert db.table('t_aa').columns\n")
    before = play.content()
    code, said = checked(play)
    assert (0, [], 1) == (code, said["problems"], said["seeds"])
    assert noted(play) != make_url(play.url).database
    assert before == play.content()
    if play.url.startswith("sqlite"):
        assert not Path(noted(play)).exists()
    else:
        assert noted(play) not in databases(play)


def test_the_database_need_not_be_there(server_play: Playground) -> None:
    """A pipeline's server has none yet."""
    play, url = server_play, make_url(server_play.url)
    play.seed("makes", MAKES)
    play.url = url.set(database="not_there_yet").render_as_string(hide_password=False)
    code, said = checked(play)
    assert (0, 1) == (code, said["seeds"])


def test_an_env_py_that_goes_elsewhere_is_refused(server_play: Playground) -> None:
    """Nothing is migrated, and nothing is left."""
    folder = init(server_play.root)
    env = folder / "env.py"
    other = make_url(server_play.url).render_as_string(hide_password=False)
    env.write_text(f"from alembic import context\ncontext.configure(url={other!r})\n", encoding="utf-8")
    migration(folder, "aa")
    server_play.seed("notes", "def upgrade(db):\n" + NOTED)
    tables = server_play.tables()
    code, said = checked(server_play)
    assert (5, "schema_not_ready") == (code, said["problems"][0]["code"])
    assert tables == server_play.tables()


def test_what_a_killed_check_leaves_is_dropped_by_the_next(server_play: Playground) -> None:
    """With all that is in it; and so is that of a check that fails, by itself."""
    play = server_play
    seed = play.seed("dies", MAKES + NOTED + "    import os\n    os.kill(os.getpid(), 9)\n")
    assert -9 == play.command("check").returncode
    left = noted(play)
    play.path(seed).write_text(MAKES + NOTED + "    raise ValueError\n", encoding="utf-8")
    assert 1 == checked(play)[0]
    assert noted(play) != left
    assert set() == {left, noted(play)} & set(databases(play))


def test_checks_at_the_same_time_leave_each_other_alone(server_play: Playground) -> None:
    """One that begins while another is at work does not take its database for a remainder; Ctrl-C drops it."""
    play = server_play
    play.seed("waits", MAKES + NOTED + "    import time\n    time.sleep(60)\n")
    with subprocess.Popen(play.arguments("check"), cwd=play.root, env=play.environ()) as first:
        until(play.root / "database", first)
        mine = noted(play)
        other = Playground(play.root.parent / "other", play.url)
        other.write("tdm-seed.toml", "")
        other.manifest()
        other.seed("makes", MAKES)
        assert 0 == checked(other)[0]
        assert mine in databases(play)
        first.send_signal(signal.SIGINT)
        assert 130 == first.wait(timeout=60)
    assert mine not in databases(play)


def until(path: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait for a file that is not empty."""
    end = time.monotonic() + 60
    while not (path.exists() and path.read_text()):
        assert process.poll() is None, "it ended too early"
        assert time.monotonic() < end
        time.sleep(0.02)


def test_databases_of_others_with_such_names_stay(server_play: Playground) -> None:
    """A name alone tells nothing, nor does one that no check gives."""
    names = [f"{PREFIX}0123456789ab_0", f"{PREFIX}of_ours"]
    play, server = server_play, make_url(server_play.url)
    with administrator(server.set(database=None if server.get_backend_name() == "mysql" else "postgres")) as admin:
        try:
            for name in names:
                admin.exec_driver_sql(f"CREATE DATABASE {name}")
                theirs = Playground(play.root, server.set(database=name).render_as_string(hide_password=False))
                theirs.sql("CREATE TABLE theirs (id integer)")
            with throwaways(play.environment(), progress=Progress()):
                pass
            assert set(names) <= set(databases(play))
        finally:
            for name in names:
                admin.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ('hosts = ["db.example"]\n', "may not touch the host localhost"),
        ('hosts = ["localhost"]\nprotected = true\n', "is protected, so check makes no database on its server"),
        ("protected = true\n", "is protected but lists no hosts"),
    ],
)
def test_where_nothing_may_be_made_nothing_is(server_play: Playground, manifest: str, message: str) -> None:
    """As the manifest says."""
    server_play.manifest("dev", 'url = "${PLAYGROUND_URL}"\n' + manifest)
    with pytest.raises(Protected, match=message), throwaways(server_play.environment(), progress=Progress()):
        pytest.fail("it was let in")


def test_nothing_is_made_on_a_server_that_a_protected_environment_lists(server_play: Playground) -> None:
    """Whichever environment is checked, since a host that was mistaken is most likely that one."""
    server_play.manifest("prod", 'hosts = ["localhost"]\nprotected = true\n')
    message = "one of the protected environment 'prod', so check makes no database on it"
    with pytest.raises(Protected, match=message), throwaways(server_play.environment(), progress=Progress()):
        pytest.fail("it was let in")


def test_a_database_that_is_named_by_itself_is_one_to_be_checked_on(server_play: Playground) -> None:
    """Also for a protected environment, as long as its manifest lists the host."""
    server_play.manifest("dev", 'url = "${PLAYGROUND_URL}"\nhosts = ["localhost"]\nprotected = true\n')
    environment = server_play.environment(url=server_play.url)
    with throwaways(environment, progress=Progress()) as made:
        assert made.new().database != environment.url
    server_play.manifest("dev", 'hosts = ["db.example"]\nprotected = true\n')
    refused = server_play.environment(url=server_play.url)
    with pytest.raises(Protected, match="may not touch"), throwaways(refused, progress=Progress()):
        pytest.fail("it was let in")


def test_a_plain_create_database_goes_on_meanwhile(postgresql_server: Server, tmp_path: Path) -> None:
    """Nobody stays connected to what it copies, also where the environment's database is the maintenance one."""
    url = make_url(postgresql_server.url).set(database="postgres").render_as_string(hide_password=False)
    play = Playground(tmp_path, url)
    play.write("tdm-seed.toml", "")
    play.manifest()
    with throwaways(play.environment(), progress=Progress()) as made:
        made.new()
        connected = play.rows("SELECT datname, application_name FROM pg_stat_activity WHERE datname IS NOT NULL")
    assert "template1" not in {database for database, name in connected if f"pid {os.getpid()} " in f"{name} "}


def test_a_role_without_the_right_is_told_so(postgresql_play: Playground, postgresql_server: Server) -> None:
    """And that a database can be named instead; the right is all that it takes."""
    url = make_url(postgresql_play.url)
    name = f"plain_{url.database}"
    with administrator(postgresql_server.url) as admin:
        admin.exec_driver_sql(f"CREATE ROLE {name} LOGIN")
        try:
            postgresql_play.url = url.set(username=name).render_as_string(hide_password=False)
            with (
                pytest.raises(DatabaseError, match=f"the role '{name}' may not create databases") as refused,
                throwaways(postgresql_play.environment(), progress=Progress()) as made,
            ):
                made.new()
            assert f'ALTER ROLE "{name}" CREATEDB; or say --url with an empty one' in str(refused.value.hint)
            admin.exec_driver_sql(f"ALTER ROLE {name} CREATEDB")
            works(postgresql_play)
        finally:
            admin.exec_driver_sql(f"DROP ROLE {name}")


def works(play: Playground) -> None:
    """See that a database can be made, used, copied and dropped."""
    with throwaways(play.environment(), progress=Progress()) as made:
        new = made.new()
        Playground(play.root, new.render_as_string(hide_password=False)).sql("CREATE TABLE thing (id integer)")
        copy = Playground(play.root, made.copy(new).render_as_string(hide_password=False))
        assert "thing" in copy.tables()
    assert make_url(copy.url).database not in databases(play)


def test_a_user_without_the_right_is_told_so(mysql_play: Playground, mysql_server: Server) -> None:
    """And what to grant, which is all that it takes."""
    url = make_url(mysql_play.url)
    name = str(url.database)[-20:]
    with administrator(mysql_server.url) as admin:
        admin.exec_driver_sql(f"CREATE USER '{name}'@'%%' IDENTIFIED BY 'x'")
        admin.exec_driver_sql(f"GRANT ALL ON {url.database}.* TO '{name}'@'%%'")
        try:
            mysql_play.url = url.set(username=name, password="x").render_as_string(hide_password=False)
            with (
                pytest.raises(DatabaseError, match="this user may not create databases") as refused,
                throwaways(mysql_play.environment(), progress=Progress()) as made,
            ):
                made.new()
            assert "GRANT ALL ON `tdm\\_seed\\_check\\_%`.*" in str(refused.value.hint)
            admin.exec_driver_sql(rf"GRANT ALL ON `tdm\_seed\_check\_%%`.* TO '{name}'@'%%'")
            works(mysql_play)
        finally:
            admin.exec_driver_sql(f"DROP USER '{name}'@'%%'")


def test_it_is_like_the_database_at_hand(postgresql_play: Playground, postgresql_server: Server) -> None:
    """Encoding, locale, owner and settings; a copy is, too."""
    play, name = postgresql_play, make_url(postgresql_play.url).database
    owner = f"owner_{name}"
    around = sa.text(
        "SELECT pg_encoding_to_char(encoding), datcollate, datctype, pg_get_userbyid(datdba), (SELECT setconfig "
        "FROM pg_db_role_setting WHERE setdatabase = d.oid AND setrole = 0) FROM pg_database d WHERE datname = :name"
    )
    like = f"odd_{name}"
    with administrator(postgresql_server.url) as admin:
        for statement in (
            f"CREATE ROLE {owner}",
            f"CREATE DATABASE {like} OWNER {owner} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'",
            f"ALTER DATABASE {like} SET search_path = 'Odd, one', public",
        ):
            admin.exec_driver_sql(statement)
        try:
            play.url = make_url(play.url).set(database=like).render_as_string(hide_password=False)
            expected = admin.execute(around, {"name": like}).one()
            with throwaways(play.environment(), progress=Progress()) as made:
                new = made.new()
                copy = made.copy(new)
                found = [admin.execute(around, {"name": each.database}).one() for each in (new, copy)]
            assert ("LATIN1", owner, [expected, expected]) == (expected[0], expected[3], found)
        finally:
            admin.exec_driver_sql(f"DROP DATABASE {like}")
            admin.exec_driver_sql(f"DROP ROLE {owner}")


def test_it_has_the_character_set_of_the_database_at_hand(mysql_play: Playground) -> None:
    """And the collation, which tells which keys are one key; a copy has all that the database is made of."""
    mysql_play.sql(f"ALTER DATABASE {make_url(mysql_play.url).database} CHARACTER SET latin1 COLLATE latin1_bin")
    mysql_play.sql("CREATE VIEW seen AS SELECT id FROM item", "INSERT INTO item VALUES (1, 'x')")
    mysql_play.sql("CREATE TRIGGER shouts BEFORE INSERT ON item FOR EACH ROW SET NEW.label = upper(NEW.label)")
    with throwaways(mysql_play.environment(), progress=Progress()) as made:
        copy = made.copy(make_url(mysql_play.url))
        there = Playground(mysql_play.root, copy.render_as_string(hide_password=False))
        assert [("latin1", "latin1_bin")] == there.rows("SELECT @@character_set_database, @@collation_database")
        there.sql("INSERT INTO item VALUES (2, 'y')")
        assert [(1, "x"), (2, "Y")] == there.rows(
            "SELECT i.id, label FROM item i JOIN seen s ON s.id = i.id ORDER BY 1"
        )
    assert copy.database not in databases(mysql_play)
