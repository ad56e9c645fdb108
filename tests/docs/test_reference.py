"""The reference pages agree with the code: commands, exit codes, JSON, keys, fields and methods."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import tdm_seed
from tdm_seed import Database, errors
from tdm_seed.cli import failure
from tdm_seed.cli.reference import reference
from tdm_seed.environments import manifest, project
from tdm_seed.revisions import headers, sql_source
from tests.docs.pages import CHECKOUT, Command, blocks
from tests.docs.running import copy_shop, run

DOCS = CHECKOUT / "docs"


def page(name: str) -> str:
    """Read a page."""
    return (DOCS / name).read_text(encoding="utf-8")


def test_the_page_of_commands_is_what_the_commands_say() -> None:
    """Every command with every option."""
    assert reference() == page("commands.md"), "run: python -m tdm_seed.cli.reference > docs/commands.md"


def test_the_reference_names_every_command_and_option() -> None:
    """So that the page above cannot be complete by leaving something out."""
    from click import Group, Option

    from tdm_seed.cli import tdm_seed as commands

    text = reference()
    nested = {
        f"{name} {below}": command
        for name, group in commands.commands.items()
        if isinstance(group, Group)
        for below, command in group.commands.items()
    }
    for name, command in (commands.commands | nested).items():
        if not command.hidden:
            assert f"## `tdm-seed {name}" in text
            for parameter in command.params:
                if isinstance(parameter, Option):
                    assert parameter.help
                    assert f"`{', '.join(parameter.opts)}" in text


def test_the_page_of_exit_codes_names_every_error() -> None:
    """With its word."""
    rows = re.findall(r"^\| (\d+) \| (.*?)\|", page("exit-codes.md"), re.MULTILINE)
    written = {(int(code), word.strip("` ")) for code, words in rows for word in words.split(",") if word.strip()}
    classes = [*vars(errors).values(), *vars(failure).values()]
    known = {
        (found.exit_code, found.code)
        for found in classes
        if isinstance(found, type) and issubclass(found, errors.TdmSeedError)
    }
    assert known == written
    assert ["0", "1", "2", "3", "4", "5", "6", "7", "8", "130", "143"] == [code for code, _ in rows]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop that is seeded, with one seed that is adrift and one that is pending."""
    copy = copy_shop(tmp_path_factory.mktemp("json") / "shop")
    for environment in ("dev", "test"):
        _json(copy, f"upgrade --migrate --env {environment}")
    busy_shop = copy / "seeds" / "scenario" / "20260107_0930_busy_shop.py"
    busy_shop.write_text(busy_shop.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    return copy


def _json(copy: Path, words: str) -> Any:
    """Run a command that prints one object, and nothing else."""
    return json.loads(run(Command(0, f"tdm-seed {words} --json 2>/dev/null", ""), copy))


RUN = {
    "upgrade": "upgrade --again countries --dry-run",
    "relabel": "stamp --environment dev",
    "repair": "repair",
    "check": "check --env test --each",
    "reset": "reset --env test",
    "snapshot": "upgrade --migrate --env test --quiet && tdm-seed snapshot save --env test",
    "snapshots": "snapshot list --env test",
    "prune": "snapshot prune --env test",
    "plan": "plan --again countries",
    "status": "status",
    "history": "history",
    "show": "show countries",
    "verify": "verify",
    "digest": "digest",
    "init": "init",
    "revision": "revision -m Later --layer scenario --depends-on busy_shop",
    "error": "show nothing",
}
#: Objects whose keys are names of tables or volumes, or notes.
NAMES = {"tables", "volumes", "note"}


def test_every_command_has_its_object_on_the_page() -> None:
    """One block each."""
    words = [block.words[1] for block in blocks(DOCS / "json.md")]
    assert list(RUN) == words


@pytest.mark.parametrize("name", RUN)
def test_the_objects_on_the_page_have_the_keys_of_real_ones(name: str, shop: Path, tmp_path: Path) -> None:
    """All of them, at every depth, with values of the same kind; and the JSON Schema says the same of both."""
    written = next(json.loads(block.text) for block in blocks(DOCS / "json.md") if block.words[1] == name)
    if name in ("init", "revision", "snapshot"):  # they write files, or want a database that is up to date
        shop = copy_shop(tmp_path / "shop")
    found = _json(shop, RUN[name])
    assert [] == list(_differences(written, found, name))
    schema = _closed(json.loads(page("output.schema.json")))
    validator = jsonschema.Draft202012Validator({**schema, "anyOf": [{"$ref": f"#/$defs/{SCHEMAS.get(name, name)}"}]})
    for given in (written, found):
        assert [] == [error.message for error in validator.iter_errors(given)]


def test_a_partial_failure_is_described_by_the_schema(tmp_path: Path) -> None:
    """What was done before and what was left have their place beside the error."""
    shop = copy_shop(tmp_path / "shop")
    (shop / "seeds" / "reference" / "20260105_1135_broken.sql").write_text("SELECT no_such_column;\n", encoding="utf-8")
    found = _json(shop, "upgrade --migrate --env test")
    assert ["error", "steps", "left"] == list(found)
    assert found["steps"]
    assert found["left"]
    schema = _closed(json.loads(page("output.schema.json")))
    jsonschema.validate(found, {**schema, "anyOf": [{"$ref": "#/$defs/error"}]})


def test_the_schema_is_one_and_names_every_object() -> None:
    """Whoever validates against the whole of it gets an answer for each."""
    schema = json.loads(page("output.schema.json"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert {SCHEMAS.get(name, name) for name in RUN} == {
        each["$ref"].removeprefix("#/$defs/") for each in schema["anyOf"]
    }


#: The schemas of objects that several commands print.
SCHEMAS = {"upgrade": "run"}


def _closed(schema: Any) -> Any:
    """Forbid keys that the schema does not name; whoever reads it may meet new ones, we may not."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    return {"additionalProperties": False} | closed if isinstance(closed.get("properties"), dict) else closed


def _differences(written: Any, found: Any, where: str) -> list[str]:
    if isinstance(written, dict) and isinstance(found, dict):
        name = where.rpartition(".")[2]
        if name in NAMES:
            written, found = ({"each": next(iter(one.values()), None)} for one in (written, found))
        if list(written) != list(found):
            return [f"{where}: {list(written)} on the page, {list(found)} printed"]
        return [each for key in written for each in _differences(written[key], found[key], f"{where}.{key}")]
    if isinstance(written, list) and isinstance(found, list):
        assert written or where.endswith(("labels", "dialects", "depends_on", "loads")), f"{where}: show an element"
        return [each for one in found for each in _differences(written[0], one, where)] if written else []
    if written is None or found is None or type(written) is type(found):
        return []
    return [f"{where}: {written!r} on the page, {found!r} printed"]


def test_the_keys_of_the_objects_are_explained() -> None:
    """In the table below or in one above, unless the name says it all."""
    plain = {
        "command", "environment", "database", "seed", "layer", "duration_ms", "inserted", "updated", "unchanged",
        "deleted", "dry_run", "seeds", "entries", "tables", "table", "rows", "error", "file", "line", "row", "column",
        "id", "started_at", "applied_by", "tool_version", "schema_heads", "checksum", "description", "depends_on",
        "requires_schema", "schema_until", "mode", "transaction", "labels", "dialects", "reason",
    }  # fmt: skip
    sections = re.split(r"^## ", page("json.md"), flags=re.MULTILINE)[1:]
    explained: set[str] = set()
    for section in sections:
        keys = set(re.findall(r'"(\w+)":', section)) - plain
        explained |= set(re.findall(r"`(\w+)`", section.rpartition("```")[2]))
        names = {"countries", "orders", "products", "users"}
        assert set() == keys - explained - names, section.splitlines()[0]


def table_keys(name: str) -> set[str]:
    """Give the words in the first column of a page's tables."""
    rows = re.findall(r"^\| (`.*?) \|", page(name), re.MULTILINE)
    return {key for row in rows for key in re.findall(r"`(\w+)`", row)}


def test_the_page_of_environments_names_every_key() -> None:
    """Of manifests and of the project's configuration, and no other."""
    assert {*manifest.KEYS, *project.KEYS} == table_keys("environments.md")


def test_the_defaults_on_the_page_of_environments_are_the_real_ones() -> None:
    """As an empty manifest gives them."""
    defaults = dict(re.findall(r"^\| `(\w+)`.*? \| (.*?) \|", page("environments.md"), re.MULTILINE))
    fields = {name: field.default for name, field in tdm_seed.Environment.__dataclass_fields__.items()}
    assert (str(fields["random_seed"]), f"`{fields['locale']}`", str(fields["protected"]).lower()) == (
        defaults["random_seed"],
        defaults["locale"],
        defaults["protected"],
    )
    ours = {name: field.default for name, field in tdm_seed.Project.__dataclass_fields__.items()}
    assert (f"`{ours['history_table']}`", f"`{ours['default_environment']}`") == (
        defaults["history_table"],
        defaults["default_environment"],
    )


def test_the_page_about_seeds_names_every_header_field_and_section() -> None:
    """And no other field."""
    text = page("writing-seeds.md")
    fields = re.findall(r"^\| `(\w+)` \|", text.partition("## Header fields")[2], re.MULTILINE)
    assert sorted(headers.FIELDS) == sorted(fields)
    for word in sql_source.WORDS:
        assert f"`{word}`" in text


def test_the_page_about_seeds_names_every_method_and_its_parameters() -> None:
    """Of what a seed is handed; what only the engine calls is no part of it."""
    text = page("writing-seeds.md")
    rows = "\n".join(line for line in text.splitlines() if line.startswith("| `db."))
    ours = {"run_sql", "verify_sql", "used_fake"}  # what SQL seeds and the history need
    for name, member in vars(Database).items():
        if name.startswith("_") or name in ours:
            continue
        assert re.search(rf"`db\.{name}\b", rows), f"db.{name} is not on the page"
        if inspect.isfunction(member):
            for parameter in inspect.signature(member).parameters.values():
                if parameter.kind is parameter.KEYWORD_ONLY:
                    assert re.search(rf"`db\.{name}\([^`]*\b{parameter.name}=", rows), f"db.{name}: {parameter.name}"
    for name in re.findall(r"`db\.(\w+)", rows):
        assert hasattr(Database, name) or name in ("now", "environment", "connection"), f"there is no db.{name}"


def test_the_floors_on_the_page_are_those_of_the_contract() -> None:
    """Each module of the package stands on its floor."""
    import tomllib

    config = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = config["tool"]["importlinter"]["contracts"][0]["layers"]
    rows = re.findall(r"^\| (\d) \| (.*) \|$", page("development.md"), re.MULTILINE)
    written = [set(re.findall(r"`(\w+)`", text)) for _, text in rows]
    assert [set(re.findall(r"\w+", layer)) for layer in layers] == written
