"""Bad project files: ``tdm-seed.toml``, ``pyproject.toml``, and where they say that things are."""

from __future__ import annotations

from pathlib import Path

from tests.mistakes.case import NEW, PASSWORD, PY, Case, Prepare
from tests.mistakes.project import sql

OWN = "tdm-seed.toml"
SHARED = "pyproject.toml"

ALEMBIC = "[alembic]\nscript_location = %(here)s/migrations\n"
ENV = """\
from alembic import context
from sqlalchemy import create_engine

with create_engine("sqlite:///dev.db").connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
MIGRATION = "revision = 'r1'\ndown_revision = None\n\ndef upgrade(): ...\n"


def own(text: str) -> dict[str, str | bytes | None]:
    """Give the project's own file."""
    return {OWN: text}


def migrations(**files: str) -> dict[str, str | bytes | None]:
    """Give a project with Alembic: ``env`` and ``r1`` may be others."""
    return {
        "alembic.ini": files.get("ini", ALEMBIC),
        "migrations/env.py": files.get("env", ENV),
        "migrations/versions/r1.py": files.get("r1", MIGRATION),
        PY: 'requires_schema = "r1"\n\ndef upgrade(db): ...\n',
    }


def no_seeds(root: Path) -> None:
    """Name a folder of seeds that is a file."""
    (root / "data").write_text("")


def migrated(*revisions: str) -> Prepare:
    """Let Alembic's table say that the database is at these revisions."""
    rows = "".join(f"INSERT INTO alembic_version VALUES ('{each}');" for each in revisions)
    return lambda root: sql(root, f"CREATE TABLE alembic_version (version_num VARCHAR(32));{rows}")


def no_version(root: Path) -> None:
    """Put a table of other columns in the place of Alembic's."""
    sql(root, "CREATE TABLE alembic_version (number INTEGER); INSERT INTO alembic_version VALUES (1)")


CASES = (
    Case(
        "project: an unknown key",
        own('seed = "seeds"\n'),
        at="tdm-seed.toml:1",
        says=("tdm-seed.toml has no key 'seed'",),
        hint="Did you mean seeds? There are: alembic, ",
    ),
    Case(
        "project: a key of a manifest",
        own('seeds = "seeds"\nvolumes = { users = 3 }\n'),
        at="tdm-seed.toml:2",
        says=("tdm-seed.toml has no key 'volumes'",),
        hint="There are: alembic, ",
    ),
    Case(
        "project: a table of that name in its own file",
        own('[tool.tdm-seed]\nseeds = "seeds"\n'),
        at="tdm-seed.toml:1",
        says=("tool: tdm-seed.toml has no such table",),
        hint="Write the keys at the top of the file.",
    ),
    Case(
        "project: an unknown key in pyproject.toml",
        {OWN: None, SHARED: '[project]\nname = "shop"\n\n[tool.tdm-seed]\nseeds_dir = "seeds"\n'},
        at="pyproject.toml:5",
        says=("[tool.tdm-seed] has no key 'seeds_dir'",),
        hint="Did you mean seeds? There are: alembic, ",
    ),
    Case(
        "project: two files configure it",
        {SHARED: '[tool.tdm-seed]\nseeds = "seeds"\n'},
        at="tdm-seed.toml",
        says=("both tdm-seed.toml and [tool.tdm-seed] in pyproject.toml configure this project",),
        hint="Keep one of them.",
    ),
    Case(
        "project: the table of pyproject.toml is a text",
        {OWN: None, SHARED: '[tool]\ntdm-seed = "seeds"\n'},
        at="pyproject.toml:2",
        says=("tool.tdm-seed: must be a table",),
        hint="Write [tool.tdm-seed], and below it key = value.",
    ),
    Case(
        "project: no TOML",
        own("seeds = 'seeds\n"),
        at="tdm-seed.toml:1",
        says=('this is not TOML: expected "\'"',),
        hint='Text stands in quotes, key = "value"; a table begins with [name].',
    ),
    Case(
        "project: pyproject.toml is no TOML",
        {OWN: None, SHARED: '[tool.tdm-seed\nseeds = "seeds"\n'},
        at="pyproject.toml:1",
        says=("this is not TOML: expected ']' at the end of a table declaration",),
        hint='Text stands in quotes, key = "value"; a table begins with [name].',
    ),
    Case(
        "project: not UTF-8",
        own("") | {OWN: b'# f\xfcr alle\nseeds = "seeds"\n'},
        at="tdm-seed.toml:1",
        says=("the file is not UTF-8",),
        hint="Save it as UTF-8.",
    ),
    Case(
        "project: seeds is a list",
        own('seeds = ["seeds"]\n'),
        at="tdm-seed.toml:1",
        says=("seeds: must be a text, not a list",),
        hint='Write seeds = "value".',
    ),
    Case(
        "project: the folder of seeds is not there",
        own('seeds = "database/seeds"\n'),
        at="tdm-seed.toml",
        says=("the folder of seeds, database/seeds, is not there",),
        hint='`tdm-seed init` makes one; another is named by seeds = "…" in the configuration of tdm-seed.',
    ),
    Case(
        "project: the folder of seeds is a file",
        own('seeds = "data"\n'),
        prepare=no_seeds,
        at="tdm-seed.toml",
        says=("the folder of seeds, data, is no folder",),
        hint='`tdm-seed init` makes one; another is named by seeds = "…" in the configuration of tdm-seed.',
    ),
    Case(
        "project: the default environment is not there",
        own('default_environment = "development"\n'),
        at="tdm-seed.toml:1",
        says=("default_environment: there is no environment 'development'",),
        hint="There are: dev, prod.",
    ),
    Case(
        "project: a password written out",
        own(f'url = "postgresql://shop:{PASSWORD}@localhost/shop"\n'),
        at="tdm-seed.toml:1",
        says=("url: a password is written out here, and files are shared",),
        hint="Take it from a variable: scheme://user:${DB_PASSWORD}@host/name. A default, ${DB_PASSWORD:-…}, is written out, too.",
    ),
    Case(
        "project: the name of the history table is a number",
        own("history_table = 1\n"),
        at="tdm-seed.toml:1",
        says=("history_table: must be a text, not a number",),
        hint='Write history_table = "value".',
    ),
    Case(
        "project: the history table is one of the application",
        own('history_table = "countries"\n'),
        word="database",
        table="countries",
        says=("the table countries is not ours: it has no column id",),
        hint='Another tool uses this name. Set history_table = "…" in the configuration of tdm-seed.',
    ),
    Case(
        "project: the history table is a view",
        own('history_table = "big_city"\n'),
        word="database",
        table="big_city",
        says=("the table big_city is not ours: it has no column seed",),
        hint='Another tool uses this name. Set history_table = "…" in the configuration of tdm-seed.',
    ),
    Case(
        "project: a schema for the history that is not there",
        own('history_schema = "tools"\n'),
        word="database",
        says=("there is no schema 'tools' for the table seed_history",),
        hint="Create it, or correct history_schema in the configuration of tdm-seed.",
    ),
    Case(
        "project: a variable that is not set",
        own('seeds = "${SEEDS_FOLDER}"\n'),
        at="tdm-seed.toml:1",
        says=("seeds: the variable SEEDS_FOLDER is not set",),
        hint="Set SEEDS_FOLDER, or write a default: ${SEEDS_FOLDER:-value}.",
    ),
    Case(
        "project: Alembic's configuration is not there",
        own('alembic = "backend/alembic.ini"\n'),
        at="tdm-seed.toml:1",
        says=(
            "alembic:",
            "/backend/alembic.ini does not exist",
        ),
        hint="Name alembic.ini, or the folder that holds it.",
    ),
    Case(
        "project: Alembic's folder holds nothing",
        own('alembic = "seeds"\n'),
        at="tdm-seed.toml:1",
        says=(
            "alembic:",
            "/seeds holds neither alembic.ini nor env.py",
        ),
        hint="Name alembic.ini, or the folder that holds it.",
    ),
    Case(
        "project: alembic.ini without a script location",
        migrations(ini="[alembic]\n"),
        at="alembic.ini",
        says=("there is no script_location, so there are no migrations",),
        hint="Name their folder: script_location = %(here)s/migrations.",
    ),
    Case(
        "project: alembic.ini names a folder that is not there",
        migrations(ini="[alembic]\nscript_location = db/migrations\n"),
        at="alembic.ini",
        says=("script_location is db/migrations, which is not there",),
        hint="Give it from the file's own folder: script_location = %(here)s/migrations.",
    ),
    Case(
        "project: alembic.ini is no configuration",
        migrations(ini="script_location = migrations\n"),
        at="alembic.ini:1",
        says=("Alembic cannot read its configuration: File contains no section headers",),
        hint="It begins with [alembic], and below it are lines such as script_location = %(here)s/migrations.",
    ),
    Case(
        "project: a migration that follows none",
        migrations(r1=MIGRATION.replace("None", "'r0'")),
        at="migrations",
        says=("Alembic cannot read the migrations: Revision r0 referenced from r0 -> r1 (head),  is not present",),
        hint="`alembic history` meets the same. Correct the file, or get the one that is missing.",
    ),
    Case(
        "project: a migration that is no Python",
        migrations(r1="revision = 'r1'\ndown_revision = None\ndef upgrade(:\n"),
        at="migrations/versions/r1.py:3",
        says=("Alembic cannot read the migrations: this is not Python: invalid syntax",),
        hint="`alembic history` meets the same. Correct the file, or get the one that is missing.",
    ),
    Case(
        "project: env.py is not there",
        migrations() | {"migrations/env.py": "pass\n"},
        command=("upgrade", "--migrate"),
        word="schema_not_ready",
        at="alembic.ini",
        says=("env.py never calls context.configure, so it migrates nothing",),
        hint="`alembic init` writes an env.py that does; `alembic current` must work before --migrate can.",
    ),
    Case(
        "project: env.py raises",
        migrations(env="import os\nos.environ['NO_SUCH_VARIABLE_OF_OURS']\n"),
        command=("upgrade", "--migrate"),
        word="schema_not_ready",
        at="migrations/env.py:2",
        says=("env.py fails: KeyError: 'NO_SUCH_VARIABLE_OF_OURS'",),
        hint="`alembic current` runs the same file: what it needs there, such as a variable, it needs here.",
    ),
    Case(
        "project: env.py works with another database",
        migrations(env=ENV.replace("dev.db", "other.db")),
        command=("upgrade", "--migrate"),
        word="schema_not_ready",
        at="migrations/env.py",
        says=(
            "this migrates another database, other.db, not that of the environment,",
            "/dev.db",
        ),
        hint='Let env.py take the URL that it is handed, wherever it chooses one:\n    url = context.config.attributes.get("url") or …what stands there now…',
        makes="other.db",  # by connecting, as any look at it does
    ),
    Case(
        "project: env.py leaves the program",
        migrations(env="raise SystemExit(3)\n"),
        command=("upgrade", "--migrate"),
        word="schema_not_ready",
        at="migrations/env.py:1",
        says=("env.py fails: it ended the program (3)",),
        hint="`alembic current` runs the same file: what it needs there, such as a variable, it needs here.",
    ),
    Case(
        "project: a migration raises",
        migrations(r1=MIGRATION.replace("...", "1 / 0")),
        command=("upgrade", "--migrate"),
        word="schema_not_ready",
        at="migrations/versions/r1.py:4",
        says=("the migration failed: ZeroDivisionError: division by zero",),
        hint="Correct it, or what it works on, then run the command again. The database is at no revision yet.",
    ),
    Case(
        "project: a migration that the database refuses",
        migrations(r1=MIGRATION.replace("...", "__import__('alembic.op').op.execute('SELECT * FROM gone')")),
        command=("upgrade", "--migrate"),
        word="schema_not_ready",
        at="migrations/versions/r1.py:4",
        says=("the migration failed: there is no table gone",),
        hint="Correct it, or what it works on, then run the command again. The database is at no revision yet.",
    ),
    Case(
        "project: the database is at a revision of another branch",
        migrations(),
        prepare=migrated("zz9"),
        word="schema_not_ready",
        says=(
            "the database is at Alembic revision zz9, which",
            "/migrations does not have",
        ),
        hint="Get the migrations of the branch that migrated it, or use a database of your own.",
    ),
    Case(
        "project: a seed for a revision that the migrations do not know",
        migrations() | {PY: 'requires_schema = "r7"\n\ndef upgrade(db): ...\n'},
        prepare=migrated("r1"),
        word="schema_not_ready",
        at=PY,
        seed=NEW,
        says=("requires the schema revision r7, which the migrations do not know",),
        hint="Correct requires_schema, or fetch the migration that is missing.",
    ),
    Case(
        "project: Alembic's table is another's",
        migrations(),
        prepare=no_version,
        word="database",
        table="alembic_version",
        says=("there is no column alembic_version.version_num",),
        hint="Are the migrations up to date?",
    ),
    Case(
        "project: nothing is migrated yet",
        migrations(),
        word="schema_not_ready",
        seed=NEW,
        says=("requires the schema revision r1, but the database is at no revision at all",),
        hint="Run `alembic upgrade head` first, or `tdm-seed upgrade --migrate`, which does both.",
    ),
)
