"""The bad inputs that concern servers: who may come in, what they may do, and what the server does meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from sqlalchemy import URL, make_url

from tests.engine.playground import Playground
from tests.mistakes.case import PASSWORD

POSTGRESQL, MYSQL = ("postgresql",), ("mysql",)
BOTH = (*POSTGRESQL, *MYSQL)

#: The seed that cases get wrong, behind one that is applied.
NEW = "20260105_0002_new"


@dataclass(frozen=True)
class Ground:
    """The project of a case, its server over TCP if that is to be had, and a role without any privilege."""

    play: Playground
    tcp: str | None
    role: str = field(default_factory=lambda: f"case_{uuid4().hex[:10]}")

    @property
    def mysql(self) -> bool:
        """Whether this is MySQL's family."""
        return self.play.url.startswith("mysql")

    @property
    def database(self) -> str:
        """The name of the database."""
        return str(make_url(self.play.url).database)

    def url(self, **parts: object) -> str:
        """The URL over TCP with other parts."""
        assert self.tcp is not None
        url: URL = make_url(self.tcp).set(**parts)  # type: ignore[arg-type]
        return url.render_as_string(hide_password=False)

    def create(self, *grants: str) -> str:
        """Create the role with these privileges on the tables of the database, and give its URL."""
        if self.mysql:
            who = f"{self.role}@'127.0.0.1'"
            self.play.sql(
                f"CREATE USER {who} IDENTIFIED BY '{PASSWORD}'", *(f"GRANT {each} TO {who}" for each in grants)
            )
        else:
            create = f"CREATE ROLE {self.role} LOGIN PASSWORD '{PASSWORD}'"
            self.play.sql(create, *(f"GRANT {each} TO {self.role}" for each in grants))
        return self.url(username=self.role, password=PASSWORD)

    def drop(self) -> None:
        """Drop the role, if there is one."""
        if self.mysql:
            self.play.sql(f"DROP USER IF EXISTS {self.role}@'127.0.0.1'")
        elif self.play.rows(f"SELECT 1 FROM pg_roles WHERE rolname = '{self.role}'"):
            self.play.sql(f"DROP OWNED BY {self.role}", f"DROP ROLE {self.role}")


Prepare = Callable[[Ground], str | None]


@dataclass(frozen=True)
class ServerCase:
    """One mistake: ``prepare`` gives the URL that the command is run with, None for the administrator's.

    ``says`` and ``hint`` are parts of the sentence, by kind of server where they differ; ``…`` stands for what is
    another name in each run.
    """

    id: str
    on: tuple[str, ...]
    prepare: Prepare | None = None
    seed: str = ""
    suffix: str = ".py"
    command: tuple[str, ...] = ("upgrade",)
    word: str = "database"
    line: int | None = None
    table: str | None = None
    row: int | None = None
    column: str | None = None
    file: str | None = None
    in_seed: bool = False
    fresh: bool = False
    says: str | Mapping[str, str] = ""
    hint: str | Mapping[str, str] = ""

    @property
    def over_tcp(self) -> bool:
        """Whether it needs a log-in with a password."""
        return self.prepare is not None and self.prepare.__annotations__.get("return") == "str"

    def wording(self, of: str | Mapping[str, str], kind: str) -> list[str]:
        """Give the parts for this kind of server."""
        return (of if isinstance(of, str) else of[kind]).split("…")


def wrong_password(ground: Ground) -> str:
    """Give the administrator's URL with another password."""
    return ground.url(password=PASSWORD)


def no_password(ground: Ground) -> str:
    """Leave the password out."""
    return ground.url(password="")


def unknown_user(ground: Ground) -> str:
    """Name a user that there is not."""
    return ground.url(username=ground.role, password=PASSWORD)


def unknown_database(ground: Ground) -> str:
    """Name a database that there is not."""
    return ground.url(database="no_such_shop")


def no_database(ground: Ground) -> str:
    """Name no database at all."""
    return ground.url(database="")


def may_read(ground: Ground) -> str:
    """Give a role that may read everything and write nothing."""
    if ground.mysql:
        return ground.create(f"SELECT ON {ground.database}.*")
    return ground.create("SELECT ON ALL TABLES IN SCHEMA public")


def may_not_create(ground: Ground) -> str:
    """Give a role that may write to the tables and create none; there is no history yet."""
    if ground.mysql:
        return ground.create(f"SELECT, INSERT, UPDATE, DELETE ON {ground.database}.*")
    ground.play.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    return ground.create("SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public")


def may_not_insert(ground: Ground) -> str:
    """Give a role that may write to the history and not to ``item``."""
    if ground.mysql:
        return ground.create(
            f"SELECT, CREATE TEMPORARY TABLES ON {ground.database}.*",
            f"SELECT, INSERT ON {ground.database}.seed_history",
        )
    return ground.create(
        "SELECT ON ALL TABLES IN SCHEMA public", "INSERT ON seed_history", "USAGE ON SEQUENCE seed_history_id_seq"
    )


def may_not_note(ground: Ground) -> str:
    """Give a role that may write to everything but the history."""
    if ground.mysql:
        return ground.create(
            f"SELECT, CREATE TEMPORARY TABLES ON {ground.database}.*",
            f"SELECT, INSERT, UPDATE ON {ground.database}.item",
        )
    return ground.create("SELECT ON ALL TABLES IN SCHEMA public", "INSERT, UPDATE ON item")


def may_not_enter(ground: Ground) -> str:
    """Give a role that may not use the database."""
    if ground.mysql:
        return ground.create()
    ground.play.sql(f"REVOKE CONNECT ON DATABASE {ground.database} FROM PUBLIC")
    return ground.create()


def locked_account(ground: Ground) -> str:
    """Give a role that may not log in."""
    url = ground.create()
    ground.play.sql(
        f"ALTER USER {ground.role}@'127.0.0.1' ACCOUNT LOCK" if ground.mysql else f"ALTER ROLE {ground.role} NOLOGIN"
    )
    return url


def expired_password(ground: Ground) -> str:
    """Give a role whose password is no longer good."""
    url = ground.create(*([f"ALL ON {ground.database}.*"] if ground.mysql else []))
    ground.play.sql(
        f"ALTER USER {ground.role}@'127.0.0.1' PASSWORD EXPIRE"
        if ground.mysql
        else f"ALTER ROLE {ground.role} VALID UNTIL '2001-01-01'"
    )
    return url


def too_many(ground: Ground) -> str:
    """Give a role that may have no connection."""
    if ground.mysql:
        url = ground.create(f"ALL ON {ground.database}.*")
        ground.play.sql(f"GRANT USAGE ON *.* TO {ground.role}@'127.0.0.1' WITH MAX_CONNECTIONS_PER_HOUR 1")
        from tdm_seed import dialects

        dialect, parsed = dialects.resolve(url)
        dialect.engine(parsed, "test").connect().close()  # the one of this hour
        return url
    url = ground.create()
    ground.play.sql(f"ALTER ROLE {ground.role} CONNECTION LIMIT 0")
    return url


def read_only(ground: Ground) -> None:
    """Let every session of the database read only, as a replica's do."""
    ground.play.sql(f"ALTER DATABASE {ground.database} SET default_transaction_read_only = on")


def closed(ground: Ground) -> str:
    """Let nobody but administrators connect to the database."""
    url = ground.create()
    ground.play.sql(f"ALTER DATABASE {ground.database} CONNECTION LIMIT 0")
    return url


def other_history(ground: Ground) -> None:
    """Put another tool's table in the place of the history."""
    ground.play.sql(
        "DROP TABLE seed_history", "CREATE TABLE seed_history (version INT PRIMARY KEY, description VARCHAR(50))"
    )


def newer_history(ground: Ground) -> None:
    """Let a newer version have written an entry."""
    ground.play.sql("UPDATE seed_history SET state = 'frozen', tool_version = '99.0'")


ITEM = 'def upgrade(db):\n    db.upsert("item", [{"id": 7, "label": "new"}], key="id")\n'
IS_CUT = (
    'def upgrade(db):\n    db.upsert("item", [{"id": 7, "label": "new"}], key="id")\n'
    '    sql = "KILL CONNECTION_ID()" if db.connection.dialect.name in ("mysql", "mariadb") else\\\n'
    '        "SELECT pg_terminate_backend(pg_backend_pid())"\n'
    "    db.rows(sql)\n"
)
CASES = (
    ServerCase(
        "a wrong password",
        BOTH,
        wrong_password,
        says={
            "postgresql": "the server refused user 'postgres' for … on …: wrong or missing password",
            "mysql": "the server refused user 'root' for … on …: wrong or missing password",
        },
        hint="Check the URL or the environment variable that it comes from.",
    ),
    ServerCase(
        "no password",
        BOTH,
        no_password,
        says={
            "postgresql": "the server refused user 'postgres' for … on …: wrong or missing password",
            "mysql": "the server refused user 'root' for … on …: wrong or missing password",
        },
        hint="Check the URL or the environment variable that it comes from.",
    ),
    ServerCase(
        "a user that there is not",
        BOTH,
        unknown_user,
        says={
            "postgresql": "the server refused user '…' for … on …: wrong or missing password",
            "mysql": "the server refused user '…' for … on …: wrong or missing password",
        },
        hint="Check the URL or the environment variable that it comes from.",
    ),
    ServerCase(
        "a database that there is not",
        BOTH,
        unknown_database,
        says="there is no database 'no_such_shop' on 127.0.0.1",
        hint={
            "postgresql": "Create it with `createdb -h 127.0.0.1 -p ",
            "mysql": "Create it with `CREATE DATABASE no_such_shop`, or correct the URL.",
        },
    ),
    ServerCase(
        "no database",
        BOTH,
        no_database,
        word="usage",
        file="seeds/environments/dev.toml",
        line=1,
        says="the URL names no database on 127.0.0.1",
        hint="Write it behind the host: scheme://user@host:port/database.",
    ),
    ServerCase(
        "a role that may not use the database",
        BOTH,
        may_not_enter,
        says={
            "postgresql": "user '…' may not connect to … on …",
            "mysql": "user '…' may not use … on …",
        },
        hint={
            "postgresql": "GRANT CONNECT ON DATABASE to that role.",
            "mysql": "Grant it to the user of the URL, or use another user.",
        },
    ),
    ServerCase(
        "a role that may not log in",
        BOTH,
        locked_account,
        says={
            "postgresql": "the server refused user '…' for … on …: role \"…\" is not permitted to log in",
            "mysql": "Access denied, this account is locked",
        },
        hint={
            "postgresql": "ALTER ROLE … LOGIN, or use another role.",
            "mysql": "ALTER USER … ACCOUNT UNLOCK, or use another user.",
        },
    ),
    ServerCase(
        "a password that has expired",
        BOTH,
        expired_password,
        says={
            "postgresql": "the server refused user '…' for … on …: wrong or missing password",
            "mysql": "You must SET PASSWORD before executing this statement",
        },
        hint={
            "postgresql": "Check the URL or the environment variable that it comes from.",
            "mysql": "Set a new password: ALTER USER … IDENTIFIED BY …, or use another user.",
        },
    ),
    ServerCase(
        "too many connections",
        BOTH,
        too_many,
        says={
            "postgresql": "the server refused user '…' for … on …: too many connections for role \"…\"",
            "mysql": "User '…' has exceeded the 'max_connections_per_hour' resource (current value: 1)",
        },
        hint={
            "postgresql": "Close other connections, or raise the limit of the role, the database or the server.",
            "mysql": "Wait until the hour is over, or raise the limit of the user.",
        },
    ),
    ServerCase(
        "a database that takes no connections",
        POSTGRESQL,
        closed,
        says="the server refused user '…' for … on …: too many connections for database \"…\"",
        hint="Close other connections, or raise the limit of the role, the database or the server.",
    ),
    ServerCase(
        "a role that may only read",
        BOTH,
        may_read,
        ITEM,
        in_seed=True,
        line=2,
        table="item",
        says={
            "postgresql": "permission denied for table item",
            "mysql": "Access denied for user '…'@'127.0.0.1' to database '…'",
        },
        hint={
            "postgresql": "Grant it to the role of the URL, or use another role.",
            "mysql": "Grant it to the user of the URL, or use another user.",
        },
    ),
    ServerCase(
        "a role that may not create the history",
        BOTH,
        may_not_create,
        ITEM,
        fresh=True,
        says={
            "postgresql": "permission denied for schema public",
            "mysql": "CREATE command denied to user '…'@'127.0.0.1' for table `…`.`seed_history`",
        },
        hint={
            "postgresql": "Grant it to the role of the URL, or use another role.",
            "mysql": "Grant it to the user of the URL, or use another user.",
        },
    ),
    ServerCase(
        "a role that may not insert into one table",
        BOTH,
        may_not_insert,
        ITEM,
        in_seed=True,
        line=2,
        table="item",
        says={
            "postgresql": "permission denied for table item",
            "mysql": "INSERT command denied to user '…'@'127.0.0.1' for table `…`.`item`",
        },
        hint={
            "postgresql": "Grant it to the role of the URL, or use another role.",
            "mysql": "Grant it to the user of the URL, or use another user.",
        },
    ),
    ServerCase(
        "a role that may not write the history",
        BOTH,
        may_not_note,
        ITEM,
        in_seed=True,
        says={
            "postgresql": "permission denied for table seed_history",
            "mysql": "INSERT command denied to user '…'@'127.0.0.1' for table `…`.`seed_history`",
        },
        hint={
            "postgresql": "Grant it to the role of the URL, or use another role.",
            "mysql": "Grant it to the user of the URL, or use another user.",
        },
    ),
    ServerCase(
        "a session that may only read",
        POSTGRESQL,
        read_only,
        ITEM,
        in_seed=True,
        line=2,
        table="item",
        says="cannot execute INSERT in a read-only transaction",
        hint="This is a read replica or a read-only session; use the primary's URL.",
    ),
    ServerCase(
        "a session that may only read, to be migrated",
        POSTGRESQL,
        read_only,
        ITEM,
        fresh=True,
        says="cannot execute CREATE TABLE in a read-only transaction",
        hint="This is a read replica or a read-only session; use the primary's URL.",
    ),
    ServerCase(
        "the connection is cut while a seed runs",
        BOTH,
        None,
        IS_CUT,
        in_seed=True,
        line=5,
        says={
            "postgresql": "the connection to the server was lost: terminating connection due to administrator command",
            "mysql": "the connection to the server was lost: Connection was killed",
        },
        hint="What was not committed is gone with it. Run the command again.",
    ),
    ServerCase(
        "the connection is cut in an SQL seed",
        POSTGRESQL,
        None,
        "INSERT INTO item (id) VALUES (7);\nSELECT pg_terminate_backend(pg_backend_pid());\n",
        suffix=".sql",
        in_seed=True,
        says="the connection to the server was lost: terminating connection due to administrator command",
        hint="What was not committed is gone with it. Run the command again.",
    ),
    ServerCase(
        "a statement takes too long",
        POSTGRESQL,
        None,
        'def upgrade(db):\n    db.execute("SET LOCAL statement_timeout = 50")\n    db.rows("SELECT pg_sleep(5)")\n',
        in_seed=True,
        line=3,
        says="canceling statement due to statement timeout",
        hint="Raise statement_timeout for the role or the database, or let the statement do less.",
    ),
    ServerCase(
        "a statement takes too long, MariaDB",
        MYSQL,
        None,
        "SET SESSION max_statement_time = 0.05;\nSELECT SLEEP(5);\n",
        suffix=".sql",
        in_seed=True,
        line=2,
        says="Query execution was interrupted (max_statement_time exceeded)",
        hint="Raise the limit of the user or the server (max_statement_time), or let the statement do less.",
    ),
    ServerCase(
        "another tool's history",
        BOTH,
        other_history,
        ITEM,
        table="seed_history",
        says="the table seed_history is not ours: it has no column id",
        hint='Another tool uses this name. Set history_table = "…" in the configuration of tdm-seed.',
    ),
    ServerCase(
        "a newer version's history",
        BOTH,
        newer_history,
        ITEM,
        says="entry 1 of the history, about 20260105_0001_first, is not understood: 'frozen' is not a valid State",
        hint="Version 99.0 of tdm-seed wrote it: use that one, if this is older. Otherwise somebody has changed the entry by hand.",
    ),
    ServerCase(
        "DDL in an SQL seed",
        MYSQL,
        None,
        "INSERT INTO item (id) VALUES (7);\n\nCREATE TABLE t (id INT);\n",
        suffix=".sql",
        word="seed",
        in_seed=True,
        line=3,
        says="CREATE TABLE commits implicitly on this database, so the seed could no longer be taken back",
        hint="Take the statement out; or, if it is safe to repeat, give the seed `transaction: none`, and nothing of it is taken back when it fails.",
    ),
    ServerCase(
        "DDL in a Python seed",
        MYSQL,
        None,
        ITEM + '    db.execute("ALTER TABLE item ADD COLUMN x INT")\n',
        word="seed",
        in_seed=True,
        line=3,
        says="ALTER TABLE commits implicitly on this database, so the seed could no longer be taken back",
        hint="Take the statement out; or, if it is safe to repeat, give the seed `transaction: none`, and nothing of it is taken back when it fails.",
    ),
    ServerCase(
        "TRUNCATE in an SQL seed",
        MYSQL,
        None,
        "TRUNCATE TABLE item;\n",
        suffix=".sql",
        word="seed",
        in_seed=True,
        line=1,
        says="TRUNCATE TABLE commits implicitly on this database, so the seed could no longer be taken back",
        hint="Take the statement out; or, if it is safe to repeat, give the seed `transaction: none`, and nothing of it is taken back when it fails.",
    ),
    ServerCase(
        "LOCK TABLES in an SQL seed",
        MYSQL,
        None,
        "LOCK TABLES item WRITE;\n",
        suffix=".sql",
        word="seed",
        in_seed=True,
        line=1,
        says="LOCK TABLES commits implicitly on this database, so the seed could no longer be taken back",
        hint="Take the statement out; or, if it is safe to repeat, give the seed `transaction: none`, and nothing of it is taken back when it fails.",
    ),
    ServerCase(
        "a dump's COPY",
        POSTGRESQL,
        None,
        "COPY item (id) FROM stdin;\n7\n\\.\n",
        suffix=".sql",
        word="seed",
        in_seed=True,
        line=1,
        says="COPY FROM STDIN needs a client that sends rows; use a CSV beside the seed and db.load",
        hint="Take the statement out; or, if it is safe to repeat, give the seed `transaction: none`, and nothing of it is taken back when it fails.",
    ),
    ServerCase(
        "SQL that is none",
        BOTH,
        None,
        "INSERT INTO item (id) VALUES (7);\n\nINSRET INTO item (id) VALUES (8);\n",
        suffix=".sql",
        in_seed=True,
        line=3,
        says={
            "postgresql": 'syntax error at or near "INSRET"',
            "mysql": "You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version for the right syntax to use near 'INSRET INTO item (id) VALUES (8)' at line 1",
        },
        hint="Look at that word and what stands before it.",
    ),
    ServerCase(
        "a table that is not there",
        BOTH,
        None,
        "INSERT INTO item (id) VALUES (7);\nDELETE FROM towns;\n",
        suffix=".sql",
        in_seed=True,
        line=2,
        says={
            "postgresql": 'relation "towns" does not exist',
            "mysql": "Table '….towns' doesn't exist",
        },
        hint="Are the migrations up to date? `tdm-seed upgrade --migrate` runs them first.",
    ),
    ServerCase(
        "a row that is there already",
        BOTH,
        None,
        'def upgrade(db):\n    db.load("item", [{"id": 8}, {"id": 1}])\n',
        in_seed=True,
        line=2,
        table="item",
        row=2,
        says={
            "postgresql": 'duplicate key value violates unique constraint "item_pkey": Key (id)=(1) already exists.',
            "mysql": "Duplicate entry '1' for key 'PRIMARY'",
        },
        hint="A row with this key exists already; db.upsert changes it instead of adding a second one.",
    ),
    ServerCase(
        "an orphan among many",
        BOTH,
        None,
        'def upgrade(db):\n    db.load("country", [{"code": "IE", "name": "Ireland"}])\n    db.upsert("city", [{"id": i, "name": "x", "country_code": "XX" if i == 650 else "IE"} for i in range(1, 700)])\n',
        in_seed=True,
        line=3,
        row=650,
        table="city",
        column="country_code",
        says="(country_code) = (XX) points to no row of country",
        hint="Load the parents first: that row of country is missing. Or correct the key.",
    ),
    ServerCase(
        "an orphan in SQL",
        BOTH,
        None,
        "\nINSERT INTO city (id, name, country_code) VALUES (1, 'Ur', 'XX');\n",
        suffix=".sql",
        in_seed=True,
        line=2,
        says={
            "postgresql": 'insert or update on table "city" violates foreign key constraint "city_country_code_fkey": Key (country_code)=(XX) is not present in table "country".',
            "mysql": "Cannot add or update a child row: a foreign key constraint fails (`…`.`city`, CONSTRAINT `city_ibfk_1` FOREIGN KEY (`country_code`) REFERENCES `country` (`code`))",
        },
        hint="Load the parents first, or wrap the calls in `with db.deferred_constraints():`.",
    ),
    ServerCase(
        "NULL where none may be",
        BOTH,
        None,
        'def upgrade(db):\n    db.upsert("country", [{"code": "IE", "name": "Ireland"}, {"code": "PT", "name": None}])\n',
        word="seed",
        in_seed=True,
        line=2,
        row=2,
        table="country",
        column="name",
        says="NULL is not allowed here",
        hint="Give the column a value, or leave it out of the rows where it has a default.",
    ),
    ServerCase(
        "a text too long for SQL",
        BOTH,
        None,
        "INSERT INTO country (code, name) VALUES ('IRL', 'Ireland');\n",
        suffix=".sql",
        in_seed=True,
        line=1,
        says={
            "postgresql": "value too long for type character varying(2)",
            "mysql": "Data too long for column 'code' at row 1",
        },
        hint="Correct the value, or the column in a migration.",
    ),
    ServerCase(
        "a number out of range",
        BOTH,
        None,
        "INSERT INTO item (id) VALUES (99999999999);\n",
        suffix=".sql",
        in_seed=True,
        line=1,
        says={"postgresql": "integer out of range", "mysql": "Out of range value for column 'id' at row 1"},
        hint="Correct the value, or the column in a migration.",
    ),
    ServerCase(
        "a procedure that there is not",
        BOTH,
        None,
        "SELECT refresh_everything();\n",
        suffix=".sql",
        in_seed=True,
        line=1,
        says={
            "postgresql": "function refresh_everything() does not exist",
            "mysql": "FUNCTION ….refresh_everything does not exist",
        },
        hint={
            "postgresql": "No function matches the given name and argument types. You might need to add explicit type casts.",
            "mysql": "Is it there, and may the user of the URL execute it? Each database has functions of its own.",
        },
    ),
    ServerCase(
        "verify is not true",
        BOTH,
        None,
        "SELECT 1;\n\n-- tdm-seed: verify\nSELECT count(*) = 9 FROM item;\n",
        suffix=".sql",
        word="verification_failed",
        in_seed=True,
        line=4,
        says={
            "postgresql": "SELECT count(*) = 9 FROM item gives False, which is not true",
            "mysql": "SELECT count(*) = 9 FROM item gives 0, which is not true",
        },
        hint="Correct the seed, or what its verify promises of the rows.",
    ),
)
