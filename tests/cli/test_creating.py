"""Beginning with tdm-seed in somebody's project, and writing new seeds there."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tdm_seed.cli import main
from tests.unit.alembic_projects import env_py, init, migration, set_ini

PAGE = Path(__file__).parents[2] / "docs" / "getting-started.md"
MANIFESTS = [f"seeds/environments/{name}.toml" for name in ("base", "dev", "test", "prod")]


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object on stdout."""
        return json.loads(self.out)


Run = Callable[..., Said]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line in this process."""
    for name in ("DATABASE_URL", "TEST_DATABASE_URL", "TDM_SEED_ENV"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "path", list(sys.path))  # a project's folder is put in front of it
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main(arguments)
        out, err = capfd.readouterr()
        return Said(int(left.value.code or 0), out, err)

    return run


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, the current one."""
    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, caches left out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def url_of(root: Path, environment: str = "dev") -> str:
    """The URL that a manifest holds."""
    found = re.search(r'^url = "(.*)"$', (root / f"seeds/environments/{environment}.toml").read_text(), re.MULTILINE)
    assert found
    return found[1]


def alembic(root: Path, url: str = "sqlite:///app.db") -> Path:
    """A project as `alembic init` makes it, with one migration."""
    migrations = init(root)
    set_ini(root, "sqlalchemy.url", url)
    migration(migrations, "ae1")
    return migrations


# ---- init ---------------------------------------------------------------------------------------------------------


def test_a_project_is_seeded_with_the_commands_that_init_names(root: Path, run: Run) -> None:
    """On the database that its env.py uses, and each with success."""
    alembic(root)

    said = run("init")

    assert 0 == said.code, said.err
    assert "alembic.ini, at ae1" in said.out
    assert "app.db, says env.py" in said.out
    assert ["tdm-seed upgrade --migrate", 'tdm-seed revision -m "Countries" --layer reference'] == [
        line.removeprefix("Next").strip() for line in said.out.splitlines()[-2:]
    ]
    assert "${DATABASE_URL:-sqlite:///app.db}" == url_of(root)
    assert "${TEST_DATABASE_URL:-sqlite:///app_test.db}" == url_of(root, "test")
    upgraded = run("upgrade", "--migrate", "--json")
    assert [("applied", "reference")] == [(step["state"], step["layer"]) for step in upgraded.json["steps"]]
    assert 0 == run("revision", "-m", "Countries", "--layer", "reference").code
    assert 0 == run("upgrade", "--env", "test", "--migrate").code


def test_init_says_in_json_what_it_found_and_made(root: Path, run: Run) -> None:
    """Under keys that programs may rely on."""
    alembic(root)

    said = run("init", "--json").json

    first = said["created"][4]
    assert re.fullmatch(r"seeds/reference/\d{8}_\d{4}_first_seed\.py", first)
    assert {
        "command": "init",
        "project": str(root),
        "alembic": "alembic.ini",
        "schema_heads": ["ae1"],
        "database": "app.db",
        "url": "${DATABASE_URL:-sqlite:///app.db}",
        "environment": "dev",
        "created": [*MANIFESTS, first, "tdm-seed.toml"],
        "changed": [],
        "kept": [],
        "notes": ["lines for .gitignore: app.db app_test.db *.tdm-seed.lock*"],
        "next": ["tdm-seed upgrade --migrate", 'tdm-seed revision -m "Countries" --layer reference'],
    } == said
    assert 'requires_schema = "ae1"' in (root / first).read_text()


def test_the_second_init_changes_nothing_and_runs_nothing(root: Path, run: Run) -> None:
    """It says what it kept."""
    migrations = alembic(root)
    run("init")
    before = contents(root)
    (migrations / "env.py").write_text("raise SystemExit('I was run')")

    said = run("init", "--json").json

    assert ([], [], []) == (said["created"], said["changed"], said["notes"])
    assert ["tdm-seed.toml", *MANIFESTS, "seeds/reference"] == said["kept"]
    assert "tdm-seed status" == said["next"][0]
    (migrations / "env.py").write_bytes(before["migrations/env.py"])
    assert before == contents(root)


def test_an_alembic_that_comes_later_is_told(root: Path, run: Run) -> None:
    """With the database that its env.py works with, unless dev has that; no file is changed."""
    run("init", "--url", "sqlite:///mine.db")
    alembic(root)
    before = contents(root)

    said = run("init", "--json").json

    assert ([], "alembic.ini") == (said["created"] + said["changed"], said["alembic"])
    assert ["env.py works with app.db, and dev keeps the url of its manifest"] == said["notes"]
    assert before == contents(root)
    set_ini(root, "sqlalchemy.url", "sqlite:///mine.db")
    assert [] == run("init", "--json").json["notes"]


def test_what_is_there_already_is_kept(root: Path, run: Run) -> None:
    """One file at a time; where there are seeds, no first one is written."""
    alembic(root)
    mine = {
        "seeds/environments/dev.toml": b'url = "sqlite:///mine.db"\n',
        "seeds/scenario/20260101_0900_mine.py": b"def upgrade(db): ...\n",
        "tdm-seed.toml": b"# mine\n",
    }
    for name, text in mine.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text)

    said = run("init", "--json").json

    assert [name for name in MANIFESTS if "dev" not in name] == said["created"]
    assert ["tdm-seed.toml", "seeds/environments/dev.toml", "seeds/scenario"] == said["kept"]
    assert mine == {name: contents(root)[name] for name in mine}


def test_the_configuration_is_appended_to_pyproject_toml(root: Path, run: Run) -> None:
    """Where Alembic may have its own, too."""
    before = '[project]\nname = "shop"  # mine\n'
    (root / "pyproject.toml").write_text(before)
    init(root, "pyproject")

    said = run("init", "--json").json

    assert (["pyproject.toml"], "alembic.ini") == (said["changed"], said["alembic"])
    text = (root / "pyproject.toml").read_text()
    assert text.startswith(before)
    assert text.endswith('[tool.tdm-seed]\nseeds = "seeds"\nalembic = "alembic.ini"\n')
    assert 0 == run("status", "--url", "sqlite:///x.db").code


def test_a_project_that_has_alembic_in_pyproject_toml_alone(root: Path, run: Run) -> None:
    """Needs no ini file."""
    alembic(root)
    (root / "alembic.ini").unlink()
    (root / "pyproject.toml").write_text('[tool.alembic]\nscript_location = "%(here)s/migrations"\n')
    env_py(root / "migrations", '"sqlite:///app.db"')

    said = run("init", "--json").json

    assert ("pyproject.toml", ["ae1"], "app.db") == (said["alembic"], said["schema_heads"], said["database"])
    assert 0 == run("upgrade", "--migrate").code


@pytest.mark.parametrize("template", ["generic", "async"])
def test_a_placeholder_is_no_database(template: str, root: Path, run: Run) -> None:
    """What `alembic init` leaves behind is told from a URL, and --migrate works once there is one."""
    init(root, template)
    set_ini(root, "sqlalchemy.url", "driver://user:pass@localhost/dbname")

    said = run("init", "--json").json

    assert (None, "${DATABASE_URL}") == (said["database"], said["url"])
    assert ["set DATABASE_URL to the URL of your database, scheme://user@host/name"] == said["notes"]
    assert 0 == run("upgrade", "--migrate", "--url", "sqlite:///app.db").code


def test_migrations_of_several_databases_are_left_to_their_owner(root: Path, run: Run) -> None:
    """And the commands that come next do not migrate."""
    init(root, "multidb")

    said = run("init", "--json").json

    assert "tdm-seed upgrade" == said["next"][0]
    assert "alembic.ini: these migrations are for several databases: engine1, engine2" in said["notes"][0]
    assert "migrate as you do now" in said["notes"][1]


@pytest.mark.parametrize("template", ["generic", "async"])
@pytest.mark.parametrize(
    ("url", "dev", "test"),
    [
        (
            "postgresql+psycopg://shop:s3cret@localhost:1/shop",
            "${DATABASE_URL:-postgresql+psycopg://shop@localhost:1/shop}",
            "${TEST_DATABASE_URL:-postgresql+psycopg://shop@localhost:1/shop_test}",
        ),
        (
            "postgresql+asyncpg://shop:s3cret@127.0.0.1:1/shop",
            "${DATABASE_URL:-postgresql+asyncpg://shop@127.0.0.1:1/shop}",
            "${TEST_DATABASE_URL:-postgresql+asyncpg://shop@127.0.0.1:1/shop_test}",
        ),
        (
            "mysql+pymysql://shop:s3cret@localhost:1/shop?charset=utf8mb4",
            "${DATABASE_URL:-mysql+pymysql://shop@localhost:1/shop?charset=utf8mb4}",
            "${TEST_DATABASE_URL:-mysql+pymysql://shop@localhost:1/shop_test?charset=utf8mb4}",
        ),
        (
            "postgresql+psycopg2://shop:s3cret@db.example/shop",
            "${DATABASE_URL:-postgresql+psycopg2://shop@db.example/shop}",
            "${TEST_DATABASE_URL}",
        ),
    ],
)
def test_a_password_goes_nowhere(template: str, url: str, dev: str, test: str, root: Path, run: Run) -> None:
    """Whether or not the server is up and the driver is there. Tests get no default on another machine."""
    init(root, template)
    set_ini(root, "sqlalchemy.url", url)
    before = contents(root)

    said = run("init", "-v")

    assert 0 == said.code, said.err
    assert dev == url_of(root)
    assert test == url_of(root, "test")
    assert "the password is written nowhere: set DATABASE_URL to the whole URL" in said.out
    assert "tdm-seed upgrade --migrate" in said.out
    new = {name: text for name, text in contents(root).items() if name not in before}
    assert [] == [name for name, text in new.items() if b"s3cret" in text]
    assert "s3cret" not in said.out + said.err + run("init", "--json").out


def test_a_server_that_answers_is_used_at_once(root: Path, run: Run, postgresql_url: str) -> None:
    """With the URL that env.py makes, and without its password."""
    migration(init(root), "ae1")
    env_py(root / "migrations", "__import__('pathlib').Path('url').read_text()")
    (root / "url").write_text(postgresql_url)

    said = run("init", "--json").json

    own, note = said["notes"]
    assert own.startswith("env.py builds its own URL")
    assert re.fullmatch(r"test wants a database of its own: createdb -h \S+ -p \d+ -U \w+ \w+_test", note)
    assert "tdm-seed upgrade --migrate" == said["next"][0]
    assert said["url"].startswith("${DATABASE_URL:-postgresql")
    assert 0 == run("upgrade", "--migrate", "--url", postgresql_url).code


@pytest.mark.parametrize("template", ["generic", "async"])
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ('context.config.set_main_option("sqlalchemy.url", {url})', True),
        ('context.config.set_main_option("sqlalchemy.url", context.config.attributes.get("url") or {url})', False),
        (
            'context.config.set_main_option("sqlalchemy.url", context.config.get_main_option("sqlalchemy.url") or {url})',
            False,
        ),
    ],
)
def test_an_env_py_that_builds_its_own_url_is_told(template: str, given: str, told: bool, root: Path, run: Run) -> None:
    """Unless it takes one that it is handed; no database is made by asking."""
    init(root, template)
    migration(root / "migrations", "ae1")
    driver = "sqlite+aiosqlite" if template == "async" else "sqlite"
    file = root / "migrations" / "env.py"
    line = given.format(url=f'"{driver}:///own.db"')
    file.write_text(file.read_text().replace("config = context.config\n", f"config = context.config\n{line}\n"))

    said = run("init", "--json").json

    assert "own.db" == said["database"]
    assert told == any(note.startswith("env.py builds its own URL") for note in said["notes"])
    assert [] == sorted(root.glob("*.db"))


def test_a_url_without_a_driver_is_learned_all_the_same(root: Path, run: Run) -> None:
    """Though env.py made it, and the configuration says another."""
    env_py(alembic(root), '"postgresql+pg8000://shop:s3cret@localhost/shop"')

    said = run("init", "--json").json

    assert "${DATABASE_URL:-postgresql+pg8000://shop@localhost/shop}" == said["url"]
    assert [
        "the password is written nowhere: set DATABASE_URL to the whole URL",
        "test wants a database of its own: createdb -h localhost -U shop shop_test",
    ] == said["notes"]


@pytest.mark.parametrize(
    ("url", "command"),
    [
        ("postgresql:///shop", "createdb shop_test"),
        (
            "mariadb://ann:x@localhost:3307/shop",
            "mysql -h localhost -P 3307 -u ann -p -e 'CREATE DATABASE `shop_test` CHARACTER SET utf8mb4'",
        ),
        ("oracle://localhost/shop", None),
        ("postgresql://db.example/shop", None),
    ],
)
def test_the_command_that_makes_the_database_of_the_tests_is_named(
    url: str, command: str | None, root: Path, run: Run
) -> None:
    """Where it is known, and the server is this machine's: elsewhere no database is proposed."""
    notes = run("init", "--url", url, "--json").json["notes"]

    wanted = [f"test wants a database of its own: {command}"] if command else []
    assert wanted == [note for note in notes if note.startswith("test wants")]


def test_the_variable_that_env_py_reads_is_the_one_that_is_written(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it is set, or missing so that env.py fails."""
    migrations = alembic(root)
    env_py(migrations, 'sa.make_url(__import__("os").environ["SHOP_DB_URL"])')
    monkeypatch.setenv("SHOP_DB_URL", "postgresql://shop:s3cret@localhost:1/shop")
    assert "${SHOP_DB_URL}" == run("init", "--json").json["url"]
    for name in MANIFESTS:
        (root / name).unlink()
    monkeypatch.delenv("SHOP_DB_URL")

    said = run("init", "--json").json

    assert "${SHOP_DB_URL}" == said["url"]
    assert ["set SHOP_DB_URL to the URL of your database, scheme://user@host/name"] == said["notes"]
    assert "tdm-seed upgrade --migrate" == said["next"][0]
    monkeypatch.setenv("SHOP_DB_URL", "sqlite:///app.db")
    assert 0 == run("upgrade", "--migrate").code


def test_an_env_py_that_fails_is_told_and_stops_nothing(root: Path, run: Run) -> None:
    """What cannot be imported most often is the application: both belong into one environment."""
    migrations = alembic(root, "")
    (migrations / "env.py").write_text("import no_such_application\n")

    said = run("init", "--json").json

    assert "tdm-seed upgrade" == said["next"][0]
    assert "migrations/env.py:1: env.py fails: ModuleNotFoundError: No module named 'no_such_app" in said["notes"][0]
    assert "install it where your application is installed" in said["notes"][1]
    assert ["ae1"] == said["schema_heads"]


def test_migrations_that_cannot_be_read_are_told_and_stop_nothing(root: Path, run: Run) -> None:
    """The first seed then requires no schema."""
    migrations = alembic(root)
    (migrations / "versions" / "bad.py").write_text("def upgrade(:\n")

    said = run("init", "--json").json

    assert "migrations/versions/bad.py:1" in said["notes"][0]
    assert [] == said["schema_heads"]


def test_a_database_in_memory_is_nothing_to_begin_with(root: Path, run: Run) -> None:
    """It would end with each command."""
    alembic(root, "sqlite://")

    said = run("init", "--json").json

    assert "${DATABASE_URL}" == said["url"]
    assert "env.py names a database in memory, which would end with each command" == said["notes"][0]


def test_asking_for_the_database_leaves_none_behind(root: Path, run: Run) -> None:
    """SQLite makes an empty file for whoever connects; one that was there before is left alone."""
    alembic(root)
    run("init")
    assert not (root / "app.db").exists()

    (root / "app.db").touch()
    os.utime(root / "app.db", (1, 1))
    (root / MANIFESTS[1]).unlink()
    run("init")
    assert (root / "app.db").exists()


def test_a_configuration_further_down_is_found(root: Path, run: Run) -> None:
    """The nearest one; its file-based database counts from where Alembic is run there."""
    below = root / "backend"
    below.mkdir()
    alembic(below)
    (below / "alembic.ini").write_text((below / "alembic.ini").read_text().replace("%(here)s/", ""))
    deeper = root / "old" / "service"
    deeper.mkdir(parents=True)
    alembic(deeper)
    for strange in (".venv/lib", "node_modules/x", "tests"):
        (root / strange).mkdir(parents=True)
        (root / strange / "alembic.ini").touch()

    said = run("init", "--json").json

    assert ("backend/alembic.ini", "${DATABASE_URL:-sqlite:///backend/app.db}") == (said["alembic"], said["url"])
    assert "(backend/alembic.ini, old/service/alembic.ini); --alembic names another" in said["notes"][0]
    assert 0 == run("upgrade", "--migrate").code
    assert (below / "app.db").exists()


def test_one_of_several_configurations_is_for_a_person_to_choose(root: Path, run: Run) -> None:
    """None is taken until then, and --alembic takes a file or its folder."""
    for name in ("one", "two"):
        (root / name).mkdir()
        alembic(root / name)

    said = run("init", "--json").json
    assert None is said["alembic"]
    assert "there are 2 configurations of Alembic (one/alembic.ini, two/alembic.ini)" in said["notes"][0]

    (root / "tdm-seed.toml").unlink()
    assert "two/alembic.ini" == run("init", "--alembic", "two", "--json").json["alembic"]
    assert 'alembic = "two/alembic.ini"' in (root / "tdm-seed.toml").read_text()


def test_alembic_must_be_where_it_is_said_to_be(root: Path, run: Run) -> None:
    """Else nothing is written."""
    said = run("init", "--alembic", "nowhere")

    assert (2, {}) == (said.code, contents(root))
    assert "nowhere is not Alembic's" in said.err


def test_a_folder_of_migrations_without_a_configuration_is_found(root: Path, run: Run) -> None:
    """As programs have it that configure Alembic themselves, or through Flask-Migrate."""
    alembic(root)
    (root / "alembic.ini").unlink()
    assert ("migrations", ["ae1"]) == itemgetter(run("init", "--json").json)

    for name in (*MANIFESTS, "tdm-seed.toml"):
        (root / name).unlink()
    (root / "migrations" / "alembic.ini").write_text("[alembic]\n# no script_location\n")
    assert ("migrations/alembic.ini", ["ae1"]) == itemgetter(run("init", "--json").json)


def itemgetter(said: dict[str, Any]) -> tuple[Any, Any]:
    """What was found of Alembic."""
    return said["alembic"], said["schema_heads"]


def test_a_project_without_alembic_can_be_seeded_too(root: Path, run: Run) -> None:
    """On a URL that is said."""
    said = run("init", "--url", "sqlite:///mine.db", "--json").json

    assert (None, "${DATABASE_URL:-sqlite:///mine.db}") == (said["alembic"], said["url"])
    assert "there is no Alembic here" in said["notes"][0]
    assert "tdm-seed upgrade" == said["next"][0]
    assert 0 == run("upgrade").code
    assert "alembic" not in (root / "tdm-seed.toml").read_text()


def test_a_version_table_that_only_running_env_py_tells_is_written_down(root: Path, run: Run) -> None:
    """For status runs nothing of it."""
    migrations = alembic(root)
    env_py(migrations, '"sqlite:///app.db"', 'version_table="".join(["shop", "_version"])')

    run("init")

    assert 'version_table = "shop_version"\n' in (root / "tdm-seed.toml").read_text()
    assert 0 == run("upgrade", "--migrate").code
    assert ["ae1"] == run("status", "--json").json["schema_heads"]


def test_several_heads_are_told(root: Path, run: Run) -> None:
    """And the first seed leaves open which it requires."""
    migrations = alembic(root)
    migration(migrations, "bf2")

    said = run("init", "--json").json

    assert "Alembic has several heads (ae1, bf2), so each seed must say which it requires" in said["notes"]
    assert 0 == run("upgrade", "--migrate").code


def test_a_folder_of_a_project_begins_no_second_one(root: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless it has an Alembic of its own."""
    alembic(root)
    run("init")
    (root / "seeds" / "scenario").mkdir()
    monkeypatch.chdir(root / "seeds" / "scenario")
    assert ([], str(root)) == (lambda said: (said["created"], said["project"]))(run("init", "--json").json)

    service = root / "service"
    service.mkdir()
    alembic(service)
    monkeypatch.chdir(service)
    assert str(service) == run("init", "--json").json["project"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("pyproject.toml", "[project\n", "pyproject.toml:1: this is not TOML"),
        ("tdm-seed.toml", 'seed = "x"\n', "has no key 'seed'"),
        ("seeds/reference/20260101_0900_bad.py", "upgrade = 1\n", "20260101_0900_bad.py"),
        ("seeds", "", "seeds: is no folder, and one is needed there"),
    ],
)
def test_nothing_is_written_where_something_is_wrong(name: str, text: str, message: str, root: Path, run: Run) -> None:
    """It is named, with its line."""
    alembic(root)
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)
    before = contents(root)

    said = run("init")

    assert said.code in (1, 2)
    assert message in said.err
    assert before == contents(root)


def test_a_url_must_be_one(root: Path, run: Run) -> None:
    """And is not repeated when it is none."""
    said = run("init", "--url", "s3cret")

    assert (2, {}) == (said.code, contents(root))
    assert "this is not a database URL" in said.err
    assert "s3cret" not in said.err


# ---- revision -----------------------------------------------------------------------------------------------------


@pytest.fixture
def project(root: Path, run: Run) -> Path:
    """A project that has begun with tdm-seed."""
    alembic(root)
    assert 0 == run("init").code
    next((root / "seeds" / "reference").iterdir()).unlink()
    return root


def revision(run: Run, message: str, layer: str, *more: str) -> Said:
    """Write a new seed."""
    return run("revision", "-m", message, "--layer", layer, *more)


@pytest.mark.parametrize("layer", [[], ["--layer", "fixture"]])
def test_both_layers_are_explained_to_whoever_names_none(layer: list[str], project: Path, run: Run) -> None:
    """In a line each."""
    before = contents(project)

    said = run("revision", "-m", "Countries", *layer)

    assert 2 == said.code
    assert re.search(r"\n  --layer reference   rows that every environment needs, production too: .*\n", said.err)
    assert re.search(r"\n  --layer scenario    rows to work or test with, only where an environment .*\n", said.err)
    assert before == contents(project)


def test_a_new_seed_of_each_kind_runs_at_once(project: Path, run: Run, tmp_path: Path) -> None:
    """And changes nothing until it is filled in; a CSV is filled in already."""
    (tmp_path / "rows.csv").write_text("id\n1\n2\n")
    revision(run, "Roles", "reference")
    revision(run, "Plans", "reference", "--sql", "--depends-on", "roles")
    revision(run, "Numbers", "reference", "--csv", str(tmp_path / "rows.csv"), "--table", "t_ae1")
    revision(run, "Busy shop", "scenario", "--for", "dev")

    upgraded = run("upgrade", "--migrate", "--json")

    assert 0 == upgraded.code, upgraded.out + upgraded.err
    assert {"roles": 0, "plans": 0, "numbers": 2, "busy_shop": 0} == {
        step["seed"][14:]: step["inserted"] for step in upgraded.json["steps"]
    }
    assert 0 == run("verify").code


def test_new_seeds_run_on_every_database(root: Path, run: Run, database_url: str) -> None:
    """Their SQL, too."""
    run("init", "--url", database_url)
    revision(run, "Plans", "reference", "--sql")

    upgraded = run("upgrade", "--url", database_url, "--json")

    assert ["applied", "applied"] == [step["state"] for step in upgraded.json["steps"]]


def test_revision_says_in_json_what_it_made(project: Path, run: Run) -> None:
    """Under keys that programs may rely on."""
    revision(run, "Roles", "reference")

    said = revision(
        run, "A busy shop", "scenario", "--for", "dev", "--for", "test", "--depends-on", "rol", "--json"
    ).json

    seed = said["seed"]
    assert re.fullmatch(r"\d{8}_\d{4}_a_busy_shop", seed)
    assert {
        "command": "revision",
        "seed": seed,
        "name": "a_busy_shop",
        "layer": "scenario",
        "kind": "python",
        "requires_schema": "ae1",
        "depends_on": ["roles"],
        "created": [f"seeds/scenario/{seed}.py"],
        "changed": ["seeds/environments/dev.toml", "seeds/environments/test.toml"],
        "environments": ["dev", "test"],
        "notes": [],
    } == said


def test_a_scenario_is_listed_and_the_comments_stay(project: Path, run: Run) -> None:
    """Once, even where a pattern fits it."""
    manifest = project / "seeds" / "environments" / "dev.toml"
    before = manifest.read_text()

    revision(run, "Busy shop", "scenario", "--for", "dev")
    after = manifest.read_text()
    assert before.replace("scenarios = []", 'scenarios = ["busy_shop"]') == after

    manifest.write_text(after.replace('"busy_shop"', '"busy_*"', 1))
    said = revision(run, "Busy week", "scenario", "--for", "dev", "--json").json
    assert ([], ["dev"]) == (said["changed"], said["environments"])


def test_a_scenario_that_no_environment_lists_is_told(project: Path, run: Run) -> None:
    """One that is listed, or a reference seed, is not."""
    told = 'no environment lists it, so it runs nowhere: add "carts" to the scenarios of a manifest'

    assert told in revision(run, "Carts", "scenario").out
    assert "no environment" not in revision(run, "Busy shop", "scenario", "--for", "test").out
    assert "Runs in   dev, prod, test\n" in revision(run, "Roles", "reference").out


@pytest.mark.parametrize(
    ("environment", "layer", "code", "message"),
    [
        ("prod", "scenario", 7, "the environment 'prod' is protected, so it runs no scenarios"),
        ("base", "scenario", 2, "the environment 'base' has no scenario layer"),
        ("dve", "scenario", 2, "Did you mean dev?"),
        ("dev", "reference", 2, "a reference seed is listed nowhere"),
    ],
)
def test_an_environment_that_would_not_run_it_is_refused(
    environment: str, layer: str, code: int, message: str, project: Path, run: Run
) -> None:
    """Before anything is written, other manifests included."""
    before = contents(project)

    said = revision(run, "Busy shop", layer, "--for", "dev", "--for", environment)

    assert code == said.code
    assert message in said.err
    assert before == contents(project)


def test_the_schema_revision_is_the_head_or_the_one_that_is_said(project: Path, run: Run) -> None:
    """One that there is; of several heads none is chosen, and it is told."""
    migration(project / "migrations", "bf2", "ae1")
    assert "bf2" == revision(run, "One", "reference", "--json").json["requires_schema"]
    assert "ae1" == revision(run, "Two", "reference", "--requires-schema", "ae1", "--json").json["requires_schema"]
    said = revision(run, "Three", "reference", "--requires-schema", "bf").err
    assert "there is no migration bf\n  Did you mean bf2? There are, the newest first: bf2, ae1." in said

    migration(project / "migrations", "c3", "ae1")
    said = revision(run, "Four", "reference", "--json").json
    assert None is said["requires_schema"]
    assert ["Alembic has several heads (bf2, c3): name the one it needs in requires_schema"] == said["notes"]
    assert '# requires_schema = "bf2"    # or "c3"' in (project / said["created"][0]).read_text()


def test_of_many_migrations_the_newest_are_listed(project: Path, run: Run) -> None:
    """To somebody who names none of them."""
    for number in range(2, 9):
        migration(project / "migrations", f"n{number}", f"n{number - 1}" if number > 2 else "ae1")

    said = revision(run, "One", "reference", "--requires-schema", "zzz").err

    assert "  The newest are n8, n7, n6, n5, n4, and 3 before them.\n" in said


def test_migrations_that_cannot_be_read_leave_the_schema_revision_out(project: Path, run: Run) -> None:
    """And are told; the seed is written all the same."""
    (project / "migrations" / "versions" / "bad.py").write_text("import no_such_application\n")

    said = revision(run, "One", "reference", "--json").json

    assert None is said["requires_schema"]
    assert "requires_schema is left out: migrations/versions/bad.py:1: Alembic cannot read" in said["notes"][0]


def test_a_csv_is_copied_and_left_where_it_was(project: Path, run: Run, tmp_path: Path) -> None:
    """With the file beside it that says what it cannot say."""
    given = tmp_path / "rows.csv"
    given.write_bytes("\ufeffid,name\r\n1,Zoë\r\n".encode())

    said = revision(run, "Customers", "scenario", "--csv", str(given), "--table", "customer", "--json").json

    assert "data" == said["kind"]
    copy, options = (project / name for name in said["created"])
    assert given.read_bytes() == copy.read_bytes()
    assert '# Customers.\ntable = "customer"\nrequires_schema = "ae1"\n' == options.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "Roles"], "the name roles is taken by"),
        (["-m", "!"], "gives the seed no name"),
        (["-m", "X", "--depends-on", "nothing"], "there is no seed nothing"),
        (["-m", "X", "--csv", "none.csv"], "none.csv: cannot be read"),
        (["-m", "X", "--csv", "tdm-seed.toml"], "is no CSV file"),
        (["-m", "X", "--csv", "x.csv", "--sql"], "--sql and --csv are two kinds of seed"),
        ([], "Missing option '-m'"),
    ],
)
def test_what_cannot_be_is_refused(arguments: list[str], message: str, project: Path, run: Run) -> None:
    """And leaves no file behind."""
    revision(run, "Roles", "reference")
    before = contents(project)

    said = run("revision", "--layer", "reference", *arguments)

    assert 2 == said.code
    assert message in said.err
    assert before == contents(project)


def test_an_editor_is_opened_only_when_asked_for(project: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the new file."""
    editor = project / "editor"
    editor.write_text('#!/bin/sh\necho "# edited" >> "$1"\n')
    editor.chmod(0o755)
    for name in ("EDITOR", "VISUAL"):
        monkeypatch.setenv(name, str(editor))

    first = revision(run, "One", "reference", "--json").json["created"][0]
    second = revision(run, "Two", "reference", "--edit", "--json").json["created"][0]

    assert "# edited" not in (project / first).read_text()
    assert (project / second).read_text().endswith("# edited\n")


def test_a_folder_that_is_no_project_is_told_how_to_become_one(root: Path, run: Run) -> None:
    """And gets no seed."""
    said = revision(run, "One", "reference")

    assert (2, {}) == (said.code, contents(root))
    assert "does not belong to a project" in said.err


# ---- the page -----------------------------------------------------------------------------------------------------


def test_the_page_for_beginners_runs_from_top_to_bottom(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder: each `sh` block succeeds, and prints the `text` block below it."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("TDM_SEED", "DATABASE"))}
    environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
    printed = ""
    for words, text in re.findall(r"^```(.*)\n((?:.*\n)*?)```$", PAGE.read_text(), re.MULTILINE):
        language, _, file = words.partition(" file=")
        if file:
            (target,) = [*root.glob(file)] or [root / file]
            target.write_text(text)
        elif language == "sh":
            done = subprocess.run(["bash", "-ec", text], env=environ, capture_output=True, text=True, timeout=120)
            assert 0 == done.returncode, f"{text}\n{done.stdout}\n{done.stderr}"
            printed = done.stdout
        elif language == "text":
            assert _steady(text) == _steady(printed)
    assert [(3, 3, 500), (3, 3, 10)] == [_counts(root / name) for name in ("shop.db", "shop_test.db")]


def _counts(database: Path) -> tuple[int, ...]:
    """The rows of the page's tables."""
    with closing(sqlite3.connect(database)) as connection:
        tables = ("country", "currency", "customer")
        return tuple(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)


def _steady(text: str) -> list[str]:
    """Take out what differs from run to run."""
    text = re.sub(r"\d{8}_\d{4}(?=_)", "20260105_1200", text)
    return text.splitlines()
