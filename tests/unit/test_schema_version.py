"""Alembic's position, and migrating through an ``env.py`` that other people wrote, on SQLite."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from tdm_seed.environments import Project
from tdm_seed.errors import DatabaseError, SchemaNotReady, UsageError
from tdm_seed.schema_version import MigrationResult, SchemaVersion
from tdm_seed.schema_version.version_table import declared
from tdm_seed.schema_version.watch import reads
from tests.unit.alembic_projects import env_py, init, migration, schema, set_ini

FROM_OPTION = 'context.config.get_main_option("sqlalchemy.url")'


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Give a database that does not exist yet."""
    return f"sqlite:///{tmp_path}/shop.db"


def tables(url: str) -> list[str]:
    """List the tables of a database."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        return sorted(sa.inspect(connection).get_table_names())


def heads(version: SchemaVersion, url: str) -> tuple[str, ...]:
    """Read the position of a database."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        return version.heads(connection)


# ---- reading --------------------------------------------------------------------------------------------------------


def test_a_project_without_alembic_has_no_schema_version(tmp_path: Path) -> None:
    """Seeds may stand alone."""
    (tmp_path / "tdm-seed.toml").touch()

    assert SchemaVersion.of(Project.load(tmp_path)) is None


def test_the_position_is_read_without_running_env_py(tmp_path: Path, url: str) -> None:
    """Nothing before the first migration, the revision afterwards."""
    migrations = init(tmp_path)
    migration(migrations, "aa")
    version = schema(tmp_path)
    assert () == heads(version, url)

    version.migrate(url)
    (migrations / "env.py").write_text("raise SystemExit('was run')")

    assert ("aa",) == heads(schema(tmp_path), url)


@pytest.mark.parametrize("begun", [True, False])
def test_reading_leaves_the_transaction_as_it_was(tmp_path: Path, url: str, begun: bool) -> None:
    """Open when it was open, with what was done in it, and closed when it was closed."""
    migration(init(tmp_path), "aa")
    version = schema(tmp_path)
    version.migrate(url)
    with sa.create_engine(url).connect() as connection:
        if begun:
            connection.exec_driver_sql("INSERT INTO t_aa VALUES (1)")

        assert ("aa",) == version.heads(connection)

        assert begun == connection.in_transaction()
        if begun:
            assert 1 == connection.exec_driver_sql("SELECT count(*) FROM t_aa").scalar()


def test_a_database_at_two_heads_is_told_in_order(tmp_path: Path, url: str) -> None:
    """Alembic lets several branches live side by side."""
    migrations = init(tmp_path)
    migration(migrations, "root")
    migration(migrations, "bb", "root")
    migration(migrations, "aa", "root")
    version = schema(tmp_path)

    done = version.migrate(url)

    assert ((), ("aa", "bb")) == (done.before, done.after)
    assert ("aa", "bb") == version.newest()
    assert frozenset(("root", "aa", "bb")) == version.revisions(done.after)


def test_all_ancestors_are_applied(tmp_path: Path) -> None:
    """Over merges, and over ``depends_on``, whose target Alembic drops from its table."""
    migrations = init(tmp_path)
    migration(migrations, "root")
    migration(migrations, "left", "root")
    migration(migrations, "right", "root")
    migration(migrations, "merge", ("left", "right"))
    migration(migrations, "island")
    migration(migrations, "bridge", "merge", needs="island")
    version = schema(tmp_path)

    assert frozenset(("root", "left")) == version.revisions(("left",))
    assert frozenset(("root", "left", "right", "merge", "island", "bridge")) == version.revisions(("bridge",))
    assert frozenset() == version.revisions(())


def test_migrating_a_branch_that_depends_on_another_reaches_the_newest(tmp_path: Path, url: str) -> None:
    """Its dependency is no head of the database any more."""
    migrations = init(tmp_path)
    migration(migrations, "island")
    migration(migrations, "main", needs="island")
    version = schema(tmp_path)

    done = version.migrate(url)

    assert frozenset(("island", "main")) == version.revisions(done.after)


def test_a_revision_exists_by_its_whole_name_only(tmp_path: Path) -> None:
    """Neither a part of it nor one of Alembic's symbols will do."""
    migration(init(tmp_path), "abcdef")
    version = schema(tmp_path)

    assert [True, False, False, False] == [version.exists(name) for name in ("abcdef", "abc", "head", "zz")]


def test_a_revision_that_the_project_does_not_have_is_told(tmp_path: Path, url: str) -> None:
    """The database was migrated from another branch."""
    migration(init(tmp_path), "aa")
    schema(tmp_path).migrate(url)
    with sa.create_engine(url).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'elsewhere'")
    version = schema(tmp_path)

    with pytest.raises(SchemaNotReady, match="revision elsewhere, which .*migrations does not have"):
        version.revisions(heads(version, url))
    with pytest.raises(SchemaNotReady, match="elsewhere"):
        version.migrate(url)


@pytest.mark.parametrize(
    ("body", "message", "line"),
    [
        ("import no_such_library\n", "No module named 'no_such_library'", 1),
        ("x = 1\nraise KeyError('SETTING')\n", "KeyError: 'SETTING'", 2),
        ("x = 1\n\ny = = 2\n", "this is not Python", 3),
        ("raise SystemExit(2)\n", "it ended the program", 1),
    ],
)
def test_a_migration_that_cannot_be_read_is_told_with_its_line(
    tmp_path: Path, body: str, message: str, line: int
) -> None:
    """Alembic imports them all."""
    migrations = init(tmp_path)
    (migrations / "versions" / "aa.py").write_text(body)

    with pytest.raises(UsageError, match=message) as caught:
        schema(tmp_path).newest()

    assert (str(migrations / "versions" / "aa.py"), line) == (caught.value.place.file, caught.value.place.line)


def test_a_migration_that_stands_on_a_missing_one_is_told(tmp_path: Path) -> None:
    """With both names."""
    migration(init(tmp_path), "aa", "gone")

    with pytest.raises(UsageError, match="Revision gone referenced from .*aa.* is not present"):
        schema(tmp_path).newest()


def test_migrations_in_a_circle_are_told(tmp_path: Path) -> None:
    """As Alembic says it."""
    migrations = init(tmp_path)
    migration(migrations, "aa", "bb")
    migration(migrations, "bb", "aa")

    with pytest.raises(UsageError, match="Cycle is detected in revisions"):
        schema(tmp_path).newest()


# ---- where the files are --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("location", ["%(here)s/migrations", "migrations", "./migrations"])
def test_the_migrations_are_found_from_any_folder(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    """A relative path counts from the ini file, and so does what it puts on ``sys.path``."""
    migrations = init(tmp_path)
    name = f"app_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text("import sqlalchemy as sa\nmetadata = sa.MetaData()\n")
    text = (migrations / "env.py").read_text()
    (migrations / "env.py").write_text(f"import {name}\n{text}")
    migration(migrations, "aa", body=f"import {name}")
    set_ini(tmp_path, "script_location", location)
    version = schema(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    before = list(sys.path)

    done = version.migrate(url)

    assert ("aa",) == done.after
    assert (before, tmp_path / "elsewhere") == (sys.path, Path.cwd())


def test_an_ini_file_in_a_folder_may_count_from_the_root(tmp_path: Path, url: str) -> None:
    """As ``alembic -c db/alembic.ini`` would, run from there."""
    migration(init(tmp_path, folder="db/migrations"), "aa")
    set_ini(tmp_path, "script_location", "db/migrations")
    (tmp_path / "alembic.ini").rename(tmp_path / "db" / "alembic.ini")
    (tmp_path / "tdm-seed.toml").write_text('alembic = "db"\n')

    assert ("aa",) == schema(tmp_path).migrate(url).after


@pytest.mark.parametrize("separator", ["", "path_separator = os\n"])
def test_migrations_may_lie_in_several_folders(tmp_path: Path, url: str, separator: str) -> None:
    """Given by relative paths as well."""
    migrations = init(tmp_path)
    migration(migrations, "aa")
    migration(tmp_path / "more", "bb", "aa")
    (tmp_path / "alembic.ini").write_text(
        f"[alembic]\nscript_location = migrations\n{separator}"
        f"version_locations = migrations/versions{':' if separator else ' '}more/versions\n"
    )
    (migrations / "env.py").write_text((migrations / "env.py").read_text().replace("fileConfig(", "str("))

    assert ("bb",) == schema(tmp_path).migrate(url).after


def test_migrations_may_be_a_package(tmp_path: Path, url: str) -> None:
    """``package:folder``, found where the ini file says."""
    name = f"pkg_{tmp_path.name}"
    migration(init(tmp_path, folder=f"{name}/migrations"), "aa")
    (tmp_path / name / "__init__.py").touch()
    set_ini(tmp_path, "script_location", f"{name}:migrations")

    assert ("aa",) == schema(tmp_path).migrate(url).after


@pytest.mark.parametrize("template", ["pyproject", "pyproject_async"])
@pytest.mark.parametrize("keep_ini", [True, False])
def test_alembic_may_be_configured_in_pyproject(tmp_path: Path, url: str, template: str, keep_ini: bool) -> None:
    """Alone, or together with an ini file that has the rest."""
    migration(init(tmp_path, template), "aa")
    if not keep_ini:
        (tmp_path / "alembic.ini").unlink()

    assert ("aa",) == schema(tmp_path).migrate(url).after


def test_migrations_may_be_named_by_their_folder_alone(tmp_path: Path, url: str) -> None:
    """Where a program configures Alembic, there is no ini file."""
    migration(init(tmp_path), "aa")
    (tmp_path / "alembic.ini").unlink()
    (tmp_path / "tdm-seed.toml").write_text('alembic = "migrations"\n')

    assert ("aa",) == schema(tmp_path).migrate(url).after


@pytest.mark.parametrize(
    ("ini", "message"),
    [
        ("[alembic]\n", "there is no script_location"),
        ("", "there is no script_location|cannot read its configuration"),
        ("[alembic]\nscript_location = gone\n", "script_location is gone, which is not there"),
        ("[alembic]\nscript_location = %(nowhere)s/x\n", "cannot read its configuration"),
        ("not an ini file\n", "cannot read its configuration"),
    ],
)
def test_a_wrong_configuration_is_told(tmp_path: Path, ini: str, message: str) -> None:
    """With its file."""
    (tmp_path / "alembic.ini").write_text(ini)

    with pytest.raises(UsageError, match=message) as caught:
        schema(tmp_path).newest()

    assert str(tmp_path / "alembic.ini") == caught.value.place.file


# ---- kinds of env.py ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["generic", "async"])
def test_alembics_own_templates_take_our_database(tmp_path: Path, url: str, template: str) -> None:
    """The synchronous one and the asynchronous one, whose ini file names no driver."""
    migration(init(tmp_path, template), "aa")
    version = schema(tmp_path)

    probe = version.probe(url)
    assert (True, "alembic_version", None) == (
        probe.uses_our_url,
        probe.version_table,
        probe.version_table_schema,
    )
    assert [] == tables(url)

    assert MigrationResult((), ("aa",)) == version.migrate(url)
    assert ["alembic_version", "t_aa"] == tables(url)
    assert MigrationResult(("aa",), ("aa",)) == version.migrate(url)


@pytest.mark.parametrize("given", ["sqlite://{path}", "sqlite+aiosqlite://{path}", "sqlite+pysqlite://{path}"])
@pytest.mark.parametrize(
    ("template", "configured"),
    [
        ("generic", "sqlite:///dev.db"),
        ("async", "sqlite+aiosqlite:///dev.db"),
        ("generic", "driver://user:pass@localhost/dbname"),
        ("async", "postgresql+asyncpg://localhost/dev"),
        ("generic", "%(DB_URL)s"),
    ],
)
def test_whatever_drivers_are_named_the_fitting_one_is_found(
    tmp_path: Path, template: str, configured: str, given: str
) -> None:
    """By the ini file, by the manifest, or by nobody."""
    migration(init(tmp_path, template), "aa")
    set_ini(tmp_path, "sqlalchemy.url", configured)

    done = schema(tmp_path).migrate(given.format(path=f"/{tmp_path}/shop.db"))

    assert ("aa",) == done.after
    assert ["alembic_version", "t_aa"] == tables(f"sqlite:///{tmp_path}/shop.db")
    assert not (tmp_path / "dev.db").exists()


def test_percent_signs_and_strange_characters_arrive(tmp_path: Path) -> None:
    """The ini file's own interpolation must not see them."""
    migration(init(tmp_path), "aa")

    done = schema(tmp_path).migrate(f"sqlite:///{tmp_path}/50%25 %(x)s.db")

    assert ("aa",) == done.after


def test_an_env_py_with_a_url_of_its_own_is_refused_before_anything_is_written(tmp_path: Path, url: str) -> None:
    """With the lines that it needs, and exit code 5."""
    migrations = init(tmp_path)
    env_py(migrations, f'"sqlite:///{tmp_path}/theirs.db"')
    migration(migrations, "aa")
    version = schema(tmp_path)

    with pytest.raises(SchemaNotReady, match="migrates another database, .*theirs.db, not that") as caught:
        version.migrate(url)

    assert 5 == caught.value.exit_code
    assert 'context.config.attributes.get("url")' in (caught.value.hint or "")
    assert ([], []) == (tables(url), tables(f"sqlite:///{tmp_path}/theirs.db"))


@pytest.mark.parametrize("asynchronous", [True, False])
def test_the_line_that_we_ask_for_is_enough(tmp_path: Path, url: str, asynchronous: bool) -> None:
    """In either kind of env.py."""
    migrations = init(tmp_path, "async" if asynchronous else "generic")
    migration(migrations, "aa")
    own = 'context.config.attributes.get("url") or "sqlite+aiosqlite:///theirs.db"'
    if asynchronous:
        text = (migrations / "env.py").read_text()
        start, end = text.index("async_engine_from_config(\n"), text.index("async with connectable")
        text = f"{text[:start]}create_async_engine({own})\n    {text[end:]}"
        (migrations / "env.py").write_text(text.replace("async_engine_from_config", "create_async_engine"))
    else:
        env_py(migrations, own)

    assert ("aa",) == schema(tmp_path).migrate(url).after
    assert not (tmp_path / "theirs.db").exists()


COOKBOOK = """
import sqlalchemy as sa
from alembic import context

def run(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()

handed = context.config.attributes.get("connection")
if handed is None:
    with sa.create_engine("sqlite:///theirs.db").connect() as connection:
        run(connection)
else:
    run(handed)
"""

TEST_SUITE = """
import sqlalchemy as sa
from alembic import context

connectable = context.config.attributes.get("connection")
if connectable is None:
    connectable = sa.create_engine("sqlite:///theirs.db")
with connectable.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""

NO_COMMIT = """
import sqlalchemy as sa
from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
"""


@pytest.mark.parametrize("text", [COOKBOOK, TEST_SUITE, NO_COMMIT])
def test_an_env_py_that_takes_a_connection_is_given_ours(tmp_path: Path, url: str, text: str) -> None:
    """Whether it expects a connection or, written for a test suite, an engine."""
    migrations = init(tmp_path)
    (migrations / "env.py").write_text(text)
    migration(migrations, "aa")

    assert ("aa",) == schema(tmp_path).migrate(url).after
    assert ["alembic_version", "t_aa"] == tables(url)


@pytest.mark.parametrize("text", [COOKBOOK, TEST_SUITE])
def test_a_database_in_memory_is_reached_by_a_lent_connection(tmp_path: Path, text: str) -> None:
    """No URL leads there."""
    migrations = init(tmp_path)
    (migrations / "env.py").write_text(text)
    migration(migrations, "aa")
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    with engine.connect() as connection:
        done = schema(tmp_path).migrate("sqlite://", connection)

        assert ("aa",) == done.after
        assert ["alembic_version", "t_aa"] == sorted(sa.inspect(connection).get_table_names())


def test_a_database_in_memory_is_not_taken_for_another_one(tmp_path: Path) -> None:
    """An env.py that makes an engine from the URL has a memory of its own."""
    migration(init(tmp_path), "aa")

    with (
        sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool).connect() as connection,
        pytest.raises(SchemaNotReady, match="migrates another database"),
    ):
        schema(tmp_path).migrate("sqlite://", connection)


def test_a_lent_transaction_stays_the_lenders(tmp_path: Path, url: str) -> None:
    """What was migrated in it goes with it."""
    migrations = init(tmp_path)
    (migrations / "env.py").write_text(COOKBOOK)
    migration(migrations, "aa")
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)

    @sa.event.listens_for(engine, "connect")
    def _(connection: object, _: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]

    @sa.event.listens_for(engine, "begin")
    def _(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    with engine.connect() as connection:
        connection.begin()
        assert ("aa",) == schema(tmp_path).migrate(url, connection).after
        assert connection.in_transaction()
        connection.rollback()

    assert [] == tables(url)


# ---- the version table ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "argument", "expected"),
    [
        ("context.configure(version_table='v')", "version_table", "v"),
        ("context.configure(version_table='v')", "version_table_schema", None),
        ("V = 'v'\ncontext.configure(version_table=V)", "version_table", "v"),
        ("V: str = 'v'\ncontext.configure(version_table=V)", "version_table", "v"),
        ("opts = {'version_table': 'v'}\ncontext.configure(**opts)", "version_table", "v"),
        ("opts = dict(version_table='v')\ncontext.configure(**opts)", "version_table", "v"),
        ("context.configure(version_table='v')\nconfigure(version_table='v')", "version_table", "v"),
        ("context.configure(version_table=None)", "version_table", None),
        ("# version_table='v'\ncontext.configure()", "version_table", None),
        ("this is not Python", "version_table", None),
    ],
)
def test_a_version_table_is_read_in_env_py(tmp_path: Path, env: str, argument: str, expected: str | None) -> None:
    """As far as it is written there."""
    (tmp_path / "env.py").write_text(env)

    assert expected == declared(tmp_path / "env.py", argument)


@pytest.mark.parametrize(
    "env",
    [
        "context.configure(version_table=settings.table)",
        "context.configure(version_table=name())",
        "context.configure(version_table='a')\ncontext.configure(version_table='b')",
        "opts['version_table'] = 'v'\ncontext.configure(**opts)",
        "for V in names:\n    context.configure(version_table=V)",
    ],
)
def test_a_version_table_that_is_chosen_later_is_asked_for(tmp_path: Path, env: str) -> None:
    """A wrong guess would say that the schema is not ready."""
    (tmp_path / "env.py").write_text(env)

    with pytest.raises(UsageError, match="is chosen while this runs") as caught:
        declared(tmp_path / "env.py", "version_table")

    assert 'version_table = "alembic_version"' in (caught.value.hint or "")


@pytest.mark.parametrize("options", ['version_table="shop_version"', 'version_table="_".join(("shop", "version"))'])
def test_a_version_table_of_its_own_is_found(tmp_path: Path, url: str, options: str) -> None:
    """By the probe, and remembered."""
    migrations = init(tmp_path)
    env_py(migrations, FROM_OPTION, options)
    migration(migrations, "aa")
    version = schema(tmp_path)

    assert "shop_version" == version.probe(url).version_table
    assert ("aa",) == version.migrate(url).after
    assert ("aa",) == heads(version, url)
    assert ["shop_version", "t_aa"] == tables(url)


def test_the_configuration_names_the_version_table_first(tmp_path: Path, url: str) -> None:
    """And is told when env.py uses another."""
    migrations = init(tmp_path)
    env_py(migrations, FROM_OPTION, 'version_table=str("shop_version")')
    migration(migrations, "aa")
    (tmp_path / "tdm-seed.toml").write_text('version_table = "shop_version"\n')
    assert ("aa",) == schema(tmp_path).migrate(url).after
    assert ("aa",) == heads(schema(tmp_path), url)

    (tmp_path / "tdm-seed.toml").write_text('version_table = "other"\n')
    assert () == heads(schema(tmp_path), url)
    with pytest.raises(SchemaNotReady, match="by the table other the database .* is at no revision yet instead"):
        schema(tmp_path).migrate(url)


# ---- nothing is written, nothing is left behind ---------------------------------------------------------------------


def test_the_probe_writes_nothing_even_where_env_py_does(tmp_path: Path, url: str) -> None:
    """Some prepare the database before they configure Alembic."""
    migrations = init(tmp_path)
    (migrations / "env.py").write_text(
        f"""
import sqlalchemy as sa
from alembic import context
with sa.create_engine({FROM_OPTION}).connect() as connection:
    connection.execute(sa.text("CREATE TABLE prepared (id INTEGER)"))
    connection.execute(sa.text("INSERT INTO prepared VALUES (:id)"), {{"id": 1}})
    connection.commit()
    context.configure(connection=connection, version_table="v")
    with context.begin_transaction():
        context.run_migrations()
"""
    )
    migration(migrations, "aa")
    version = schema(tmp_path)

    probe = version.probe(url)

    assert (True, "v") == (probe.uses_our_url, probe.version_table)
    assert [] == tables(url)
    assert ("aa",) == version.migrate(url).after
    assert ["prepared", "t_aa", "v"] == tables(url)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT 1", True), ("  -- note\n select 1", True), ("/* a */ SHOW x", True), ("(SELECT 1)", True),
        ("SET search_path TO x", True), ("PRAGMA foreign_keys", True),
        ("INSERT INTO t VALUES (1)", False), ("CREATE SCHEMA x", False), ("WITH x AS (DELETE FROM t) SELECT 1", False),
        ("/* SELECT */ DROP TABLE x", False), ("", False),
    ],
)  # fmt: skip
def test_statements_that_may_write_are_told_apart(statement: str, expected: bool) -> None:
    """By their first word; what is not known may write."""
    assert expected == reads(statement)


def test_other_threads_are_left_alone_by_a_probe(tmp_path: Path, url: str) -> None:
    """A probe replaces statements, but only those of its own env.py."""
    migrations = init(tmp_path)
    other = tmp_path / "other.db"
    (migrations / "env.py").write_text(
        f"""
import threading
import sqlalchemy as sa
from alembic import context

def write():
    with sa.create_engine("sqlite:///{other}").begin() as connection:
        connection.execute(sa.text("CREATE TABLE written (id INTEGER)"))

thread = threading.Thread(target=write)
thread.start()
thread.join()
with sa.create_engine({FROM_OPTION}).connect() as connection:
    context.configure(connection=connection)
"""
    )
    migration(migrations, "aa")

    schema(tmp_path).probe(url)

    assert ["written"] == tables(f"sqlite:///{other}")


def test_a_second_database_is_never_written_to(tmp_path: Path, url: str) -> None:
    """An env.py that goes on to another one is stopped."""
    migrations = init(tmp_path)
    (migrations / "env.py").write_text(
        f"""
import sqlalchemy as sa
from alembic import context
for url in ({FROM_OPTION}, "sqlite:///{tmp_path}/second.db"):
    with sa.create_engine(url).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""
    )
    migration(migrations, "aa")

    with pytest.raises(SchemaNotReady, match="writes to another database, too: .*second.db") as caught:
        schema(tmp_path).migrate(url)

    assert [] == tables(f"sqlite:///{tmp_path}/second.db")
    assert "The database is at revision aa." in (caught.value.hint or "")


def test_the_template_for_several_databases_is_refused_by_name(tmp_path: Path, url: str) -> None:
    """tdm-seed migrates one."""
    migration(init(tmp_path, "multidb"), "aa")

    with pytest.raises(SchemaNotReady, match="for several databases: engine1, engine2"):
        schema(tmp_path).migrate(url)


def test_logging_and_output_stay_the_callers(
    tmp_path: Path, url: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Alembic's own ini file mutes every logger there is and prints to stderr."""
    migrations = init(tmp_path)
    text = (migrations / "env.py").read_text()
    (migrations / "env.py").write_text(
        f"import logging\nprint('hello from env.py')\n{text}\n"
        "logging.getLogger('app').setLevel(50)\nlogging.basicConfig(level=10)\nlogging.disable(50)\n"
    )
    migration(migrations, "aa")
    logger = logging.getLogger("app")
    root = logging.getLogger()
    before = (logger.level, logger.disabled, root.level, list(root.handlers))
    capfd.readouterr()

    schema(tmp_path).migrate(url)

    assert before == (logger.level, logger.disabled, root.level, root.handlers)
    assert 0 == logging.Logger.manager.disable
    with caplog.at_level(logging.INFO, logger="app"):
        logger.info("still heard")
    assert "still heard" in caplog.text
    out, err = capfd.readouterr()
    assert ("", 1) == (out, err.count("hello from env.py"))
    assert "Context impl" not in err


def test_alembics_own_log_reaches_the_caller(tmp_path: Path, url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Which migration runs is worth knowing."""
    migration(init(tmp_path), "aa")

    with caplog.at_level(logging.INFO, logger="alembic"):
        schema(tmp_path).migrate(url)

    assert "Running upgrade  -> aa" in caplog.text


def test_an_asynchronous_env_py_runs_inside_a_loop(tmp_path: Path, url: str) -> None:
    """Where ``asyncio.run`` is not allowed."""
    migration(init(tmp_path, "async"), "aa")

    async def main() -> MigrationResult:
        return schema(tmp_path).migrate(url)

    assert ("aa",) == asyncio.run(main()).after


# ---- what goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("import no_such_library\n", "env.py fails: ModuleNotFoundError: No module named 'no_such_library'", 1),
        ("import os\n\nos.environ['NO_SUCH_VARIABLE']\n", "env.py fails: KeyError: 'NO_SUCH_VARIABLE'", 3),
        ("x = (\n", "env.py fails: this is not Python", 1),
        ("raise SystemExit('no settings')\n", "it ended the program", 1),
        ("raise RuntimeError('postgresql://app:hunter2@db is down')\n", "RuntimeError", 1),
        (
            "import sqlalchemy as sa\nsa.create_engine('sqlite://').connect().exec_driver_sql('SELECT * FROM gone')\n",
            "env.py fails: there is no table gone",
            2,
        ),
    ],
)
def test_an_env_py_that_fails_is_told_with_its_line(
    tmp_path: Path, url: str, text: str, message: str, line: int
) -> None:
    """And without passwords."""
    migrations = init(tmp_path)
    (migrations / "env.py").write_text(text)
    migration(migrations, "aa")

    with pytest.raises(SchemaNotReady, match=message) as caught:
        schema(tmp_path).migrate(url)

    assert (str(migrations / "env.py"), line) == (caught.value.place.file, caught.value.place.line)
    assert "hunter2" not in str(caught.value)


def test_an_env_py_that_does_nothing_is_told(tmp_path: Path, url: str) -> None:
    """It would look like success."""
    migrations = init(tmp_path)
    (migrations / "env.py").write_text("")
    migration(migrations, "aa")

    with pytest.raises(SchemaNotReady, match="never calls context.configure"):
        schema(tmp_path).migrate(url)


def test_an_env_py_that_migrates_nothing_is_told(tmp_path: Path, url: str) -> None:
    """The position afterwards is what counts."""
    migrations = init(tmp_path)
    env_py(migrations, FROM_OPTION)
    (migrations / "env.py").write_text((migrations / "env.py").read_text().replace("context.run_migrations()", "pass"))
    migration(migrations, "aa")

    with pytest.raises(SchemaNotReady, match="is at no revision yet instead of at revision aa"):
        schema(tmp_path).migrate(url)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("op.execute('SELECT * FROM gone')", "the migration failed: there is no table gone"),
        ("raise ValueError('no')", "the migration failed: ValueError: no"),
    ],
)
def test_a_migration_that_fails_is_told_with_where_it_left_the_database(
    tmp_path: Path, url: str, body: str, message: str
) -> None:
    """File and line, and the revision that was reached."""
    migrations = init(tmp_path)
    migration(migrations, "aa")
    migration(migrations, "bb", "aa", body=body)
    version = schema(tmp_path)

    with pytest.raises(SchemaNotReady, match=message) as caught:
        version.migrate(url)

    error = caught.value
    assert (str(migrations / "versions" / "bb.py"), 13) == (error.place.file, error.place.line)
    at = heads(version, url)
    where = f"The database is at {f'revision {at[0]}' if at else 'no revision yet'}."
    where += " What it had made when it failed, or was cut off before, is still there: take that back first."
    assert f"Correct it, or what it works on, then run the command again. {where}" == error.hint


def test_a_database_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    """Before env.py is asked."""
    migration(init(tmp_path), "aa")

    with pytest.raises(DatabaseError):
        schema(tmp_path).migrate(f"sqlite:///{tmp_path}/no/such/folder/shop.db")


def test_without_a_url_the_probe_tells_what_alembic_would_use(tmp_path: Path) -> None:
    """Which is how a new project learns its URL; passwords show in no representation."""
    migrations = init(tmp_path)
    env_py(migrations, '"sqlite:///theirs.db?password=hunter2&uri=true"', 'version_table_schema="main"')
    migration(migrations, "aa")

    probe = schema(tmp_path).probe()

    assert ("main", False) == (probe.version_table_schema, probe.uses_our_url)
    assert (probe.url or "").startswith("sqlite:///theirs.db")
    assert "hunter2" not in repr(probe)


def test_the_module_imports_neither_alembic_nor_sqlalchemy() -> None:
    """They take a third of a second, and most commands need neither at first."""
    script = (
        "import sys, tdm_seed.schema_version\n"
        "print([name for name in ('sqlalchemy', 'alembic') if name in sys.modules])"
    )
    root = Path(__file__).parents[2]

    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()
