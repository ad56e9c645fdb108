"""Alembic's position, and migrating through an ``env.py`` that other people wrote, on real servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from tdm_seed import dialects
from tdm_seed.errors import DatabaseError, SchemaNotReady, UsageError
from tdm_seed.schema_version import MigrationResult
from tests.unit.alembic_projects import env_py, init, migration, schema, set_ini

FROM_OPTION = 'context.config.get_main_option("sqlalchemy.url")'

TENANT = """
import sqlalchemy as sa
from alembic import context

with sa.create_engine(context.config.get_main_option("sqlalchemy.url")).connect() as connection:
    connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS meta"))
    connection.execute(sa.text("SET search_path TO meta, public"))
    connection.commit()
    context.configure(connection=connection, version_table="versions", version_table_schema="me" + "ta")
    with context.begin_transaction():
        context.run_migrations()
"""


@contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    """Connect as tdm-seed does."""
    dialect, resolved = dialects.resolve(url)
    engine = dialect.engine(resolved, "test")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def tables(url: str, schema: str | None = None) -> list[str]:
    """List the tables of a database."""
    with connected(url) as connection:
        return sorted(sa.inspect(connection).get_table_names(schema))


def spelled(url: str, driver: str) -> str:
    """Name another driver in a URL."""
    return sa.make_url(url).set(drivername=driver).render_as_string(hide_password=False)


@pytest.mark.parametrize("template", ["generic", "async"])
@pytest.mark.parametrize("driver", ["postgresql", "postgresql+psycopg", "postgresql+asyncpg", "postgres"])
def test_alembics_own_templates_take_our_database(
    tmp_path: Path, postgresql_url: str, template: str, driver: str
) -> None:
    """The synchronous one and the asynchronous one, whatever driver the manifest names."""
    migration(init(tmp_path, template), "aa")
    url = f"{driver}://{postgresql_url.partition('://')[2]}"
    version = schema(tmp_path)

    assert version.probe(url).uses_our_url
    assert [] == tables(postgresql_url)
    assert MigrationResult((), ("aa",)) == version.migrate(url)
    assert ["alembic_version", "t_aa"] == tables(postgresql_url)
    with connected(postgresql_url) as connection:
        assert ("aa",) == version.heads(connection)


@pytest.mark.parametrize("template", ["generic", "async"])
def test_the_same_on_the_other_server(tmp_path: Path, mysql_url: str, template: str) -> None:
    """An asynchronous env.py needs an asynchronous driver there, or is told so."""
    if template == "async":
        pytest.importorskip("aiomysql", reason="no asynchronous driver for this server is installed")
    migration(init(tmp_path, template), "aa")

    assert MigrationResult((), ("aa",)) == schema(tmp_path).migrate(mysql_url)
    assert ["alembic_version", "t_aa"] == tables(mysql_url)


def test_an_asynchronous_driver_in_the_ini_file_is_kept(tmp_path: Path, postgresql_url: str) -> None:
    """It is the one that the project's env.py is tried with every day."""
    migrations = init(tmp_path, "async")
    migration(migrations, "aa", body="assert op.get_bind().dialect.driver == 'asyncpg', op.get_bind().dialect.driver")
    set_ini(tmp_path, "sqlalchemy.url", "postgresql+asyncpg://localhost/dev")

    assert ("aa",) == schema(tmp_path).migrate(postgresql_url).after


def test_a_version_table_in_a_schema_is_found_by_the_probe(tmp_path: Path, postgresql_url: str) -> None:
    """Though env.py makes the schema first, which the probe must not."""
    migrations = init(tmp_path)
    (migrations / "env.py").write_text(TENANT)
    migration(migrations, "aa")
    version = schema(tmp_path)
    with connected(postgresql_url) as connection, pytest.raises(UsageError, match="chosen while this runs"):
        version.heads(connection)

    probe = version.probe(postgresql_url)

    assert ("versions", "meta", True) == (probe.version_table, probe.version_table_schema, probe.uses_our_url)
    with connected(postgresql_url) as connection:
        assert "meta" not in sa.inspect(connection).get_schema_names()
        assert () == version.heads(connection)
    assert ("aa",) == version.migrate(postgresql_url).after
    assert ["t_aa", "versions"] == tables(postgresql_url, "meta")
    with connected(postgresql_url) as connection:
        assert ("aa",) == version.heads(connection)


def test_a_default_schema_of_its_own_is_found_by_the_probe(tmp_path: Path, postgresql_url: str) -> None:
    """As in Alembic's recipe for tenants, which names no version table at all."""
    migrations = init(tmp_path)
    options = ', version_table="versions", version_table_schema="me" + "ta"'
    default = '    connection.dialect.default_schema_name = "meta"\n    context.configure'
    (migrations / "env.py").write_text(TENANT.replace(options, "").replace("    context.configure", default))
    migration(migrations, "aa")
    version = schema(tmp_path)

    assert ("aa",) == version.migrate(postgresql_url).after
    assert ["alembic_version", "t_aa"] == tables(postgresql_url, "meta")


def test_only_the_configured_version_table_counts(tmp_path: Path, postgresql_url: str) -> None:
    """Several applications share a database, each with its own."""
    migrations = init(tmp_path)
    env_py(migrations, FROM_OPTION, 'version_table_schema="shop"')
    migration(migrations, "aa")
    with connected(postgresql_url) as connection:
        connection.exec_driver_sql("CREATE SCHEMA shop")
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num varchar(32))")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('of another')")
        connection.commit()

    assert MigrationResult((), ("aa",)) == schema(tmp_path).migrate(postgresql_url)
    assert ["alembic_version"] == tables(postgresql_url, "shop")


def test_two_heads_are_both_reached(tmp_path: Path, postgresql_url: str) -> None:
    """Branches live side by side."""
    migrations = init(tmp_path)
    migration(migrations, "root")
    migration(migrations, "aa", "root")
    migration(migrations, "bb", "root")

    assert ("aa", "bb") == schema(tmp_path).migrate(postgresql_url).after


def test_another_database_on_the_same_server_is_refused(tmp_path: Path, postgresql_url: str) -> None:
    """Before anything is written to either."""
    migrations = init(tmp_path)
    theirs = sa.make_url(postgresql_url).set(drivername="postgresql+psycopg", database="postgres")
    env_py(migrations, repr(theirs.render_as_string(hide_password=False)))
    migration(migrations, "aa")

    with pytest.raises(SchemaNotReady, match="migrates another database, postgres on") as caught:
        schema(tmp_path).migrate(postgresql_url)

    assert 'attributes.get("url")' in (caught.value.hint or "")
    assert [] == tables(postgresql_url)


def test_a_url_of_its_own_that_is_spelled_differently_is_the_same_database(tmp_path: Path, postgresql_url: str) -> None:
    """By address or name of the host, with another driver."""
    migrations = init(tmp_path)
    theirs = (
        sa.make_url(postgresql_url).set(drivername="postgresql+psycopg").update_query_dict({"connect_timeout": "5"})
    )
    if theirs.host in ("localhost", "127.0.0.1"):
        theirs = theirs.set(host="127.0.0.1" if theirs.host == "localhost" else "localhost")
    env_py(migrations, repr(theirs.render_as_string(hide_password=False)))
    migration(migrations, "aa")

    assert ("aa",) == schema(tmp_path).migrate(postgresql_url).after


def test_a_failed_migration_leaves_nothing_and_is_told(tmp_path: Path, postgresql_url: str) -> None:
    """All migrations of a run are one transaction here."""
    migrations = init(tmp_path)
    migration(migrations, "aa")
    migration(migrations, "bb", "aa", body="op.execute('SELECT * FROM gone')")

    with pytest.raises(SchemaNotReady, match='the migration failed: relation "gone" does not exist') as caught:
        schema(tmp_path).migrate(postgresql_url)

    assert str(migrations / "versions" / "bb.py") == caught.value.place.file
    where = "The database is at no revision yet."
    assert f"Correct it, or what it works on, then run the command again. {where}" == caught.value.hint
    assert [] == tables(postgresql_url)


@pytest.mark.parametrize("template", ["generic", "async"])
def test_no_session_is_left_on_the_server(tmp_path: Path, postgresql_url: str, template: str) -> None:
    """Neither by a probe nor by a migration, even where env.py's engine has a pool."""
    migrations = init(tmp_path, template)
    text = (migrations / "env.py").read_text()
    (migrations / "env.py").write_text(text.replace("poolclass=pool.NullPool,", ""))
    migration(migrations, "aa")
    version = schema(tmp_path)

    version.probe(postgresql_url)

    with connected(postgresql_url) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        assert 1 == connection.exec_driver_sql(query).scalar()


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    """As a sentence, without the password."""
    migration(init(tmp_path), "aa")

    with pytest.raises(DatabaseError) as caught:
        schema(tmp_path).migrate("postgresql://app:hunter2@127.0.0.1:9/shop")

    assert "hunter2" not in str(caught.value)


def test_a_version_table_that_may_not_be_read_is_told(tmp_path: Path, postgresql_url: str) -> None:
    """With its name."""
    migration(init(tmp_path), "aa")
    version = schema(tmp_path)
    version.migrate(postgresql_url)
    with connected(postgresql_url) as connection:
        connection.exec_driver_sql("SET ROLE pg_read_server_files")

        with pytest.raises(DatabaseError, match="permission denied") as caught:
            version.heads(connection)

        assert "alembic_version" == caught.value.place.table
