"""Bad manifests: what stands in ``seeds/environments/``."""

from __future__ import annotations

from pathlib import Path

from tests.mistakes.case import DEV, NEW, PASSWORD, PY, Case

BASE = "seeds/environments/base.toml"
GOOD = 'url = "sqlite:///dev.db"\n'


def dev(text: str) -> dict[str, str | bytes | None]:
    """Give the manifest of dev: its URL, and more behind it."""
    return {DEV: GOOD + text}


def url(text: str) -> dict[str, str | bytes | None]:
    """Give a manifest with another URL."""
    return {DEV: f'# where\nurl = "{text}"\n'}


def folder(root: Path) -> None:
    """Put a folder where the manifest should be."""
    (root / DEV).unlink()
    (root / DEV).mkdir()


def dangling(root: Path) -> None:
    """Put a link that leads nowhere where the manifest should be."""
    (root / DEV).unlink()
    (root / DEV).symlink_to(root / "elsewhere.toml")


CASES = (
    Case(
        "manifest: an unknown key",
        dev("\nvolume = { people = 3 }\n"),
        at=f"{DEV}:3",
        says=("a manifest has no key 'volume'",),
        hint="Did you mean volumes? There are: description, ",
    ),
    Case(
        "manifest: everything nested in a table",
        {DEV: '[environment]\nurl = "sqlite:///dev.db"\n'},
        at=f"{DEV}:1",
        says=("a manifest has no key 'environment'",),
        hint="There are: description, ",
    ),
    Case(
        "manifest: a key of the project's file",
        dev('alembic = "alembic.ini"\n'),
        at=f"{DEV}:2",
        says=("a manifest has no key 'alembic'",),
        hint="There are: description, ",
    ),
    Case(
        "manifest: the random seed is a word",
        dev('random_seed = "lucky"\n'),
        at=f"{DEV}:2",
        says=("random_seed: must be a whole number, not 'lucky'",),
        hint="Such as 500 or 1_000.",
    ),
    Case(
        "manifest: the random seed is a fraction",
        dev("random_seed = 1.5\n"),
        at=f"{DEV}:2",
        says=("random_seed: must be a whole number, not a fraction",),
        hint="Such as 500 or 1_000.",
    ),
    Case(
        "manifest: protected is no truth value",
        dev('protected = "maybe"\n'),
        at=f"{DEV}:2",
        says=("protected: must be true or false, not 'maybe'",),
        hint="As text also: yes, no, 1, 0.",
    ),
    Case(
        "manifest: a misspelt layer",
        dev('layers = ["referense", "scenario"]\n'),
        at=f"{DEV}:2",
        says=("layers: 'referense' is not known",),
        hint="Did you mean reference? There are: reference, scenario.",
    ),
    Case(
        "manifest: layers is a number",
        dev("layers = 2\n"),
        at=f"{DEV}:2",
        says=("layers: must be a list of texts, not a number",),
        hint='Write layers = ["one", "two"].',
    ),
    Case(
        "manifest: scenarios are numbers",
        dev("scenarios = [1, 2]\n"),
        at=f"{DEV}:2",
        says=("scenarios: must be a list of texts, not a list of other things",),
        hint='Write scenarios = ["one", "two"].',
    ),
    Case(
        "manifest: a scenario that no seed is",
        dev('scenarios = ["peeple"]\n'),
        at=f"{DEV}:2",
        says=("the environment lists the scenario peeple, which fits none",),
        hint="Did you mean people?",
    ),
    Case(
        "manifest: a scenario pattern that fits nothing",
        dev('scenarios = ["checkout/*"]\n'),
        at=f"{DEV}:2",
        says=("the environment lists the scenario checkout/*, which fits none",),
        hint="Scenarios: people.",
    ),
    Case(
        "manifest: a label that no seed has",
        dev('scenarios = ["label:smoke"]\n'),
        at=f"{DEV}:2",
        says=("the environment lists the scenario label:smoke, which fits none",),
        hint="Labels in use: none.",
    ),
    Case(
        "manifest: a reference seed listed as a scenario",
        dev('scenarios = ["countries"]\n'),
        at=f"{DEV}:2",
        says=("the environment lists the scenario countries, which fits none",),
        hint="countries is a reference seed: those are wanted without being listed.",
    ),
    Case(
        "manifest: a negative volume",
        dev("[volumes]\npeople = -1\n"),
        at=f"{DEV}:3",
        says=("volumes.people: -1 is out of range",),
        hint="It must be 0 to 9223372036854775807.",
    ),
    Case(
        "manifest: a volume in words",
        dev('[volumes]\npeople = "many"\n'),
        at=f"{DEV}:3",
        says=("volumes.people: must be a whole number, not 'many'",),
        hint="Such as 500 or 1_000.",
    ),
    Case(
        "manifest: a volume no database counts",
        dev("[volumes]\npeople = 99999999999999999999\n"),
        at=f"{DEV}:3",
        says=("volumes.people: 99999999999999999999 is out of range",),
        hint="It must be 0 to 9223372036854775807.",
    ),
    Case(
        "manifest: volumes is a number",
        dev("volumes = 500\n"),
        at=f"{DEV}:2",
        says=("volumes: must be a table",),
        hint="Write [volumes], and below it key = value.",
    ),
    Case(
        "manifest: a table of a volume",
        dev("[volumes.people]\ncount = 3\n"),
        at=f"{DEV}:2",
        says=("volumes.people: must be a whole number, not a table",),
        hint="Such as 500 or 1_000.",
    ),
    Case(
        "manifest: a volume from a variable that holds a word",
        dev('[volumes]\npeople = "${HOW_MANY}"\n'),
        environ={"HOW_MANY": "plenty"},
        at=f"{DEV}:3",
        says=("volumes.people: must be a whole number, not 'plenty'",),
        hint="Such as 500 or 1_000.",
    ),
    Case(
        "manifest: a volume from a variable that is not set",
        dev('[volumes]\npeople = "${SEED_COUNT_PEOPLE}"\n'),
        at=f"{DEV}:3",
        says=("volumes.people: the variable SEED_COUNT_PEOPLE is not set",),
        hint="Set SEED_COUNT_PEOPLE, or write a default: ${SEED_COUNT_PEOPLE:-value}.",
    ),
    Case(
        "manifest: a password written out",
        url(f"postgresql://shop:{PASSWORD}@localhost/shop"),
        at=f"{DEV}:2",
        says=("url: a password is written out here, and files are shared",),
        hint="Take it from a variable: scheme://user:${DB_PASSWORD}@host/name. A default, ${DB_PASSWORD:-…}, is written out, too.",
    ),
    Case(
        "manifest: a password as a default",
        url(f"postgresql://shop:${{DB_PASSWORD:-{PASSWORD}}}@localhost/shop"),
        at=f"{DEV}:2",
        says=("url: a password is written out here, and files are shared",),
        hint="Take it from a variable: scheme://user:${DB_PASSWORD}@host/name. A default, ${DB_PASSWORD:-…}, is written out, too.",
    ),
    Case(
        "manifest: a password in the query",
        url(f"postgresql://localhost/shop?user=shop&password={PASSWORD}"),
        at=f"{DEV}:2",
        says=("url: a password is written out here, and files are shared",),
        hint="Take it from a variable: scheme://user:${DB_PASSWORD}@host/name. A default, ${DB_PASSWORD:-…}, is written out, too.",
    ),
    Case(
        "manifest: a password with an at sign",
        url(f"postgresql://shop:p@{PASSWORD}@localhost/shop"),
        at=f"{DEV}:2",
        says=("url: a password is written out here, and files are shared",),
        hint="Take it from a variable: scheme://user:${DB_PASSWORD}@host/name. A default, ${DB_PASSWORD:-…}, is written out, too.",
    ),
    Case(
        "manifest: a password in what it extends",
        {DEV: 'extends = "base"\n', BASE: f'url = "mysql://root:{PASSWORD}@localhost/shop"\n'},
        at="seeds/environments/base.toml:1",
        says=("url: a password is written out here, and files are shared",),
        hint="Take it from a variable: scheme://user:${DB_PASSWORD}@host/name. A default, ${DB_PASSWORD:-…}, is written out, too.",
    ),
    Case(
        "manifest: it extends itself",
        dev('extends = "dev"\n'),
        at=f"{DEV}:2",
        says=("extends: the manifests extend one another in a circle: dev -> dev",),
        hint="Take one out.",
    ),
    Case(
        "manifest: two that extend one another",
        {DEV: 'extends = "base"\n', BASE: 'extends = "dev"\n' + GOOD},
        at="seeds/environments/base.toml:1",
        says=("extends: the manifests extend one another in a circle: dev -> base -> dev",),
        hint="Take one out.",
    ),
    Case(
        "manifest: it extends what is not there",
        dev('extends = "bsae"\n') | {BASE: ""},
        at=f"{DEV}:2",
        says=("extends: there is no environment 'bsae' to extend",),
        hint="Did you mean base? There are: base, dev, prod.",
    ),
    Case(
        "manifest: it extends a file name",
        dev('extends = "base.toml"\n') | {BASE: ""},
        at=f"{DEV}:2",
        says=("extends: there is no environment 'base.toml' to extend",),
        hint="Did you mean base? There are: base, dev, prod.",
    ),
    Case(
        "manifest: a mistake in what it extends",
        dev('extends = "base"\n') | {BASE: "# shared\nlocal = 1\n"},
        at="seeds/environments/base.toml:2",
        says=("a manifest has no key 'local'",),
        hint="Did you mean locale? There are: description, ",
    ),
    Case(
        "manifest: the variable of the URL is not set",
        url("${SHOP_DATABASE_URL}"),
        at=f"{DEV}:2",
        says=("url: the variable SHOP_DATABASE_URL is not set",),
        hint="Set SHOP_DATABASE_URL, or write a default: ${SHOP_DATABASE_URL:-value}.",
    ),
    Case(
        "manifest: a reference that is not closed",
        url("${SHOP_DATABASE_URL"),
        at=f"{DEV}:2",
        says=("url: ${SHOP_DATABASE_URL is not closed by a }",),
        hint="The forms are ${VARIABLE} and ${VARIABLE:-default}.",
    ),
    Case(
        "manifest: a reference with a bad name",
        url("${1ST_URL}"),
        at=f"{DEV}:2",
        says=("url: after ${ comes the name of a variable; a dollar sign itself is written $$",),
        hint="The forms are ${VARIABLE} and ${VARIABLE:-default}.",
    ),
    Case(
        "manifest: a reference with another operator",
        url("${SHOP_DATABASE_URL:?must be set}"),
        at=f"{DEV}:2",
        says=("url: after ${SHOP_DATABASE_URL comes } or :-default}, not ':'",),
        hint="The forms are ${VARIABLE} and ${VARIABLE:-default}.",
    ),
    Case(
        "manifest: no TOML",
        {DEV: "# where\nurl = sqlite:///dev.db\n"},
        at=f"{DEV}:2",
        says=("this is not TOML: invalid value",),
        hint='Text stands in quotes, key = "value"; a table begins with [name].',
    ),
    Case(
        "manifest: YAML",
        {DEV: "url: sqlite:///dev.db\nscenarios:\n  - people\n"},
        at=f"{DEV}:1",
        says=("this is not TOML: expected '=' after a key in a key/value pair",),
        hint='Text stands in quotes, key = "value"; a table begins with [name].',
    ),
    Case(
        "manifest: a key given twice",
        dev('url = "sqlite:///other.db"\n'),
        at=f"{DEV}:2",
        says=("this is not TOML: cannot overwrite a value",),
        hint="A key or table stands in the file twice: keep one of them.",
    ),
    Case(
        "manifest: a list that is not closed",
        dev('layers = ["reference"\n'),
        at=f"{DEV}:2",
        says=("this is not TOML: unclosed array",),
        hint='Text stands in quotes, key = "value"; a table begins with [name].',
    ),
    Case(
        "manifest: not UTF-8",
        {DEV: b'url = "sqlite:///dev.db"\ndescription = "f\xfcr alle"\n'},
        at=f"{DEV}:2",
        says=("the file is not UTF-8",),
        hint="Save it as UTF-8.",
    ),
    Case(
        "manifest: saved as UTF-16",
        {DEV: 'url = "sqlite:///dev.db"\n'.encode("utf-16")},
        at=f"{DEV}:1",
        says=("the file is not UTF-8",),
        hint="Save it as UTF-8.",
    ),
    Case(
        "manifest: an empty file",
        {DEV: ""},
        at=DEV,
        says=("the environment 'dev' names no database",),
        hint='Give it a url = "…" in its manifest, or say --url.',
    ),
    Case(
        "manifest: an empty URL",
        url(""),
        at=f"{DEV}:2",
        says=("url: the environment 'dev' names no database",),
        hint='Give it a url = "…" in its manifest, or say --url.',
    ),
    Case(
        "manifest: the variable of the URL is empty",
        url("${SHOP_DATABASE_URL}"),
        environ={"SHOP_DATABASE_URL": ""},
        at=f"{DEV}:2",
        says=("url: the environment 'dev' names no database",),
        hint='Give it a url = "…" in its manifest, or say --url.',
    ),
    Case(
        "manifest: the URL is a number",
        {DEV: "url = 5432\n"},
        at=f"{DEV}:1",
        says=("url: must be a text, not a number",),
        hint='Write url = "value".',
    ),
    Case(
        "manifest: the URL is a table",
        {DEV: '[url]\nhost = "localhost"\n'},
        at=f"{DEV}:1",
        says=("url: must be a text, not a table",),
        hint='Write url = "value".',
    ),
    Case(
        "manifest: a clock that is a word",
        dev('now = "yesterday"\n'),
        at=f"{DEV}:2",
        says=("now: 'yesterday' is no moment",),
        hint='Such as 2026-01-05T00:00:00Z, "2026-01-05", or "today".',
    ),
    Case(
        "manifest: a clock that is a number",
        dev("now = 20260105\n"),
        at=f"{DEV}:2",
        says=("now: 20260105 is no moment",),
        hint='Such as 2026-01-05T00:00:00Z, "2026-01-05", or "today".',
    ),
    Case(
        "manifest: an unknown way to reset",
        dev('reset = "always"\n'),
        at=f"{DEV}:2",
        says=("reset: 'always' is not known",),
        hint="There are: allow, confirm, forbid.",
    ),
    Case(
        "manifest: reset is a truth value",
        dev("reset = true\n"),
        at=f"{DEV}:2",
        says=("reset: must be a text, not true or false",),
        hint='Write reset = "value".',
    ),
    Case(
        "manifest: an unknown word for rebuild",
        dev('rebuild = "no"\n'),
        at=f"{DEV}:2",
        says=("rebuild: 'no' is not known",),
        hint="There are: allow, never.",
    ),
    Case(
        "manifest: a locale that Faker does not know",
        dev('locale = "de_XX"\n') | {PY: "def upgrade(db):\n    db.fake.name()\n"},
        at=f"{DEV}:2",
        seed=NEW,
        says=("Faker has no locale 'de_XX'",),
        hint="Did you mean es_MX or de_LU or de_LI? They look like en_US, de_DE, pt_BR.",
    ),
    Case(
        "manifest: the locale is a list",
        dev('locale = ["de_DE"]\n'),
        at=f"{DEV}:2",
        says=("locale: must be a text, not a list",),
        hint='Write locale = "value".',
    ),
    Case(
        "manifest: hosts that do not hold its own",
        {DEV: 'url = "sqlite:///dev.db"\nhosts = ["db.example"]\n'},
        word="protected",
        at=f"{DEV}:2",
        says=("the environment 'dev' may not touch the host localhost",),
        hint="Its hosts are: db.example.",
    ),
    Case(
        "manifest: protected without hosts",
        dev("protected = true\n"),
        word="protected",
        at=f"{DEV}:2",
        says=("the environment 'dev' is protected but lists no hosts",),
        hint='Say in its manifest where it may write: hosts = ["localhost"].',
    ),
    Case(
        "manifest: a folder in its place",
        prepare=folder,
        at=DEV,
        says=("there is no environment 'dev': this is a folder",),
        hint="A manifest is a file.",
    ),
    Case(
        "manifest: a link that leads nowhere",
        prepare=dangling,
        at=DEV,
        says=("there is no environment 'dev': this is a link that leads nowhere",),
        hint="Put the file there, or write the manifest in the place of the link.",
    ),
    Case(
        "manifest: its file ends in .yaml",
        {DEV: None, "seeds/environments/dev.yaml": "url: sqlite:///dev.db\n"},
        at="seeds/environments/dev.yaml",
        says=("there is no environment 'dev': this is no TOML file",),
        hint="Write it as dev.toml: manifests are TOML.",
    ),
    Case(
        "manifest: no scenario may run in a protected environment",
        {DEV: GOOD + 'hosts = ["localhost"]\nprotected = true\nscenarios = ["people"]\n'},
        command=("upgrade", "people"),
        at=f"{DEV}:4",
        seed="20260102_0930_people",
        says=("the environment dev does not want people",),
        hint="It is protected, and protected environments have no scenarios.",
    ),
    Case(
        "manifest: a seed of a layer that it leaves out",
        dev('layers = ["scenario"]\n') | {PY: "def upgrade(db): ...\n"},
        command=("upgrade", "new"),
        at=DEV,
        seed=NEW,
        says=("the environment dev does not want new",),
        hint='Add "reference" to `layers` in its manifest.',
    ),
    Case(
        "manifest: a scenario that it does not list",
        {DEV: GOOD},
        command=("upgrade", "people"),
        at=DEV,
        seed="20260102_0930_people",
        says=("the environment dev does not want people",),
        hint='Nothing listed, nothing run: add "people" to `scenarios` in its manifest.',
    ),
    Case(
        "manifest: a description that is a list",
        dev('description = ["small"]\n'),
        at=f"{DEV}:2",
        says=("description: must be a text, not a list",),
        hint='Write description = "value".',
    ),
)
