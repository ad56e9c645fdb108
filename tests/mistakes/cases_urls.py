"""Bad URLs, without a server: schemes, files, drivers, and modules that should give one."""

from __future__ import annotations

from pathlib import Path

from tests.mistakes.case import COUNTRIES, DEV, NEW, PASSWORD, PY, Case

UPGRADE = "def upgrade(db):\n    db.load('countries', [{'code': 'FR', 'name': 'France'}])\n"


def url(text: str) -> tuple[str, ...]:
    """Give the command line with a URL."""
    return ("upgrade", "--url", text)


def python(reference: str, app: str = "URL = 'sqlite:///dev.db'\n") -> dict[str, str | bytes | None]:
    """Give a manifest that takes the URL from the application, and the application."""
    return {DEV: f'url = "python:{reference}"\n', "shop_settings.py": app}


def garbage(root: Path) -> None:
    """Put a file that is no database where one should be."""
    (root / "dev.db").write_bytes(b"# this is no database, whatever its name says\n" * 40)


def folder(root: Path) -> None:
    """Put a folder where the database should be."""
    (root / "data.db").mkdir()


def full(root: Path) -> None:
    """Write a seed with more rows than the database may have pages for."""
    (root / PY).write_text(
        "def upgrade(db):\n"
        "    db.connection.exec_driver_sql('PRAGMA max_page_count = 20')\n"
        "    db.load('people', ({'id': i, 'name': 'x' * 40} for i in range(10, 9000)))\n"
    )


CASES = (
    Case(
        "url: a word",
        command=url("nonsense"),
        says=("this is not a database URL",),
        hint="Write it as scheme://user@host:port/database, for example sqlite:///dev.db; special characters in a password are percent-encoded.",
    ),
    Case(
        "url: quotes around it",
        command=url('"sqlite:///dev.db"'),
        says=("this is not a database URL",),
        hint="Take the quotes away: they have become part of it.",
    ),
    Case(
        "url: empty",
        command=url(""),
        says=("this is not a database URL",),
        hint="Write it as scheme://user@host:port/database, for example sqlite:///dev.db; special characters in a password are percent-encoded.",
    ),
    Case(
        "url: a path",
        command=url("dev.db"),
        says=("this is not a database URL",),
        hint="Write it as scheme://user@host:port/database, for example sqlite:///dev.db; special characters in a password are percent-encoded.",
    ),
    Case(
        "url: of a browser",
        command=url("https://db.example/shop"),
        says=("there is no driver for https databases: Can't load plugin: sqlalchemy.dialects:https",),
        hint="Install the SQLAlchemy dialect of that database, or check the scheme of the URL.",
    ),
    Case(
        "url: of Java",
        command=url("jdbc:postgresql://localhost/shop"),
        says=("this is not a database URL",),
        hint="Write it as scheme://user@host:port/database, for example sqlite:///dev.db; special characters in a password are percent-encoded.",
    ),
    Case(
        "url: a misspelt scheme",
        command=url("postgrsql://localhost/shop"),
        says=("there is no driver for postgrsql databases: Can't load plugin: sqlalchemy.dialects:postgrsql",),
        hint="Did you mean postgresql://?",
    ),
    Case(
        "url: a database whose driver is not installed",
        command=url("oracle+oracledb://scott@localhost/shop"),  # SQLAlchemy 2.0 and 2.1 prefer different drivers
        says=("there is no driver for oracle databases: No module named 'oracledb'",),
        hint="Install the SQLAlchemy dialect of that database, or check the scheme of the URL.",
    ),
    Case(
        "url: a driver that is not installed",
        command=url("mssql+pyodbc://localhost/shop"),
        says=("there is no driver for mssql databases: No module named 'pyodbc'",),
        hint="Did you mean mysql://?",
    ),
    Case(
        "url: a port that is none",
        command=url("postgresql://localhost:port/shop"),
        says=("this is not a database URL",),
        hint="Write it as scheme://user@host:port/database, for example sqlite:///dev.db; special characters in a password are percent-encoded.",
    ),
    Case(
        "url: a port that cannot be",
        command=url("postgresql://localhost:99999/shop"),
        says=('the driver does not take this URL: invalid port number: "99999"',),
        hint="Look at its port, and at the options behind its question mark.",
    ),
    Case(
        "url: a password with a slash",
        command=url(f"postgresql://shop:a/{PASSWORD}@localhost:1/shop"),
        word="database",
        says=(
            'no PostgreSQL server answers for shop on localhost:1: connection failed: connection to server at "127.0.0.1", port 1 failed: Connection refused',
        ),
        hint="Is it running, and are host and port right?",
    ),
    Case(
        "url: nobody listens",
        command=url(f"postgresql://shop:{PASSWORD}@127.0.0.1:1/shop"),
        word="database",
        says=(
            'no PostgreSQL server answers for shop on 127.0.0.1:1: connection failed: connection to server at "127.0.0.1", port 1 failed: Connection refused',
        ),
        hint="Is it running, and are host and port right?",
    ),
    Case(
        "url: nobody listens, MySQL",
        command=url(f"mysql://shop:{PASSWORD}@127.0.0.1:1/shop"),
        word="database",
        says=(
            "no MySQL or MariaDB server answers for shop on 127.0.0.1:1: Can't connect to MySQL server on '127.0.0.1' ([Errno 111] Connection refused)",
        ),
        hint="Is it running, and are host and port right?",
    ),
    Case(
        "url: a host that there is not",
        command=url(f"postgresql://shop:{PASSWORD}@no-such-host.invalid/shop"),
        word="database",
        says=("no PostgreSQL server answers for shop on no-such-host.invalid",),
        hint="Is it running, and are host and port right?",
    ),
    Case(
        "url: a host that there is not, MySQL",
        command=url(f"mysql://shop:{PASSWORD}@no-such-host.invalid/shop"),
        word="database",
        says=("no MySQL or MariaDB server answers for shop on no-such-host.invalid",),
        hint="Is it running, and are host and port right?",
    ),
    Case(
        "url: a socket that there is not",
        command=url("postgresql:///shop?host=/nowhere/at/all"),
        word="database",
        says=(
            'no PostgreSQL server answers for shop on /nowhere/at/all: connection is bad: connection to server on socket "/nowhere/at/all/.s.PGSQL.5432" failed: No such file or directory',
        ),
        hint="Is it running, and are host and port right?",
    ),
    Case(
        "url: an option that the driver does not know",
        command=url("postgresql://localhost:1/shop?colour=red"),
        says=('the driver does not take this URL: invalid connection option "colour"',),
        hint="Look at its port, and at the options behind its question mark.",
    ),
    Case(
        "url: an option that the driver does not know, MySQL",
        command=url("mysql://localhost:1/shop?colour=red"),
        says=("the driver does not take this URL: Connection.__init__() got an unexpected keyword argument 'colour'",),
        hint="Look at the options behind its question mark.",
    ),
    Case(
        "url: a password in the query",
        command=url(f"postgresql://127.0.0.1:1/shop?user=shop&password={PASSWORD}"),
        word="database",
        says=(
            'no PostgreSQL server answers for shop on 127.0.0.1:1: connection failed: connection to server at "127.0.0.1", port 1 failed: Connection refused',
        ),
        hint="Is it running, and are host and port right?",
    ),
    Case(
        "url: a folder that is not there",
        command=url("sqlite:///data/shop.db"),
        word="database",
        at="data/shop.db",
        says=("the database file cannot be opened",),
        hint="Does its folder exist, and may you read and write there?",
    ),
    Case(
        "url: a folder instead of a file",
        command=url("sqlite:///data.db"),
        prepare=folder,
        word="database",
        at="data.db",
        says=("the database file cannot be opened",),
        hint="Does its folder exist, and may you read and write there?",
    ),
    Case(
        "url: two slashes instead of three",
        command=url("sqlite://dev.db"),
        says=("dev.db stands where a server's name would, and SQLite is a file",),
        hint="Write three slashes for a path: sqlite:///dev.db",
    ),
    Case(
        "url: a file that is no database",
        prepare=garbage,
        word="database",
        says=("this file is no SQLite database",),
        hint="Check the path in the URL.",
    ),
    Case(
        "url: a database that may only be read",
        command=url("sqlite:///file:dev.db?mode=ro&uri=true"),
        files={PY: UPGRADE},
        word="database",
        at=f"{PY}:2",
        seed=NEW,
        table="countries",
        says=("the database may only be read",),
        hint="The file and its folder must be writable for whoever runs seeds.",
    ),
    Case(
        "url: an empty database",
        command=url("sqlite:///other.db"),
        word="seed",
        at=COUNTRIES,
        seed="20260101_0900_countries",
        table="countries",
        says=("there is no table 'countries'",),
        hint="Are the migrations up to date? `tdm-seed upgrade --migrate` runs them first.",
        makes="other.db",  # as a first `upgrade --migrate` must
    ),
    Case(
        "url: the disk is full",
        prepare=full,
        word="database",
        at=f"{PY}:3",
        seed=NEW,
        table="people",
        says=("the disk refused: database or disk is full",),
        hint="Make room, then run the command again.",
    ),
    Case(
        "url: python: a module that there is not",
        python("shop_setings:URL"),
        at=f"{DEV}:1",
        says=("url: there is no module 'shop_setings'",),
        hint="and among what is installed with tdm-seed.",
    ),
    Case(
        "url: python: no attribute",
        python("shop_settings"),
        at=f"{DEV}:1",
        says=("url: python:shop_settings names no attribute",),
        hint="Write python:module:attribute.",
    ),
    Case(
        "url: python: a misspelt attribute",
        python("shop_settings:URI"),
        at=f"{DEV}:1",
        says=("url: shop_settings has no 'URI'",),
        hint="Did you mean URL?",
    ),
    Case(
        "url: python: an attribute of an attribute",
        python("shop_settings:URL.database.name"),
        at=f"{DEV}:1",
        says=("url: shop_settings has no 'URL.database.name'",),
        hint="It has nothing.",
    ),
    Case(
        "url: python: the module raises",
        python("shop_settings:URL", "import os\nURL = os.environ['NO_SUCH_URL']\n"),
        at=f"{DEV}:1",
        says=(
            "url: python:shop_settings:URL raised KeyError at",
            "/shop_settings.py:2: 'NO_SUCH_URL'",
        ),
        hint="It is imported here as the application does: what it needs there, such as a variable, it needs here, too.",
    ),
    Case(
        "url: python: the module is no Python",
        python("shop_settings:URL", "URL = \n"),
        at=f"{DEV}:1",
        says=("url: python:shop_settings:URL raised SyntaxError: invalid syntax (shop_settings.py, line 1)",),
        hint="It is imported here as the application does: what it needs there, such as a variable, it needs here, too.",
    ),
    Case(
        "url: python: the module leaves the program",
        python("shop_settings:URL", "raise SystemExit(1)\n"),
        at=f"{DEV}:1",
        says=(
            "url: python:shop_settings:URL raised SystemExit at",
            "/shop_settings.py:1: 1",
        ),
        hint="It is imported here as the application does: what it needs there, such as a variable, it needs here, too.",
    ),
    Case(
        "url: python: the module imports what is not installed",
        python("shop_settings:URL", "import no_such_framework\n"),
        at=f"{DEV}:1",
        says=(
            "url: python:shop_settings:URL raised ModuleNotFoundError at",
            "/shop_settings.py:1: No module named 'no_such_framework'",
        ),
        hint="It is imported here as the application does: what it needs there, such as a variable, it needs here, too.",
    ),
    Case(
        "url: python: it gives a number",
        python("shop_settings:URL", "URL = 5432\n"),
        at=f"{DEV}:1",
        says=("url: python:shop_settings:URL is of type int and gives no URL",),
        hint="It may be a text, a SQLAlchemy URL or engine, a secret, or a function that gives one.",
    ),
    Case(
        "url: python: it gives nothing",
        python("shop_settings:URL", "URL = None\n"),
        at=f"{DEV}:1",
        says=("url: python:shop_settings:URL is of type NoneType and gives no URL",),
        hint="It may be a text, a SQLAlchemy URL or engine, a secret, or a function that gives one.",
    ),
    Case(
        "url: python: a function that wants something",
        python("shop_settings:url", "def url(env): ...\n"),
        at=f"{DEV}:1",
        says=("url: python:shop_settings:url raised TypeError: url() missing 1 required positional argument: 'env'",),
        hint="It is imported here as the application does: what it needs there, such as a variable, it needs here, too.",
    ),
    Case(
        "url: python: it gives no URL",
        python("shop_settings:URL", f"URL = 'shop:{PASSWORD}'\n"),
        at=f"{DEV}:1",
        says=("this is not a database URL",),
        hint="Write it as scheme://user@host:port/database, for example sqlite:///dev.db; special characters in a password are percent-encoded.",
    ),
    Case(
        "url: python: it raises with a password",
        python("shop_settings:URL", f"raise OSError('no mysql://root:{PASSWORD}@db/shop')\n"),
        at=f"{DEV}:1",
        says=(
            "url: python:shop_settings:URL raised OSError at",
            "/shop_settings.py:1: no mysql://root:***@db/shop",
        ),
        hint="It is imported here as the application does: what it needs there, such as a variable, it needs here, too.",
    ),
)
