"""What a manifest may say, and what becomes of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdm_seed.environments import Environment, Project
from tdm_seed.environments.setting import LARGEST, Setting
from tdm_seed.errors import UsageError
from tdm_seed.values import Layer


def read(
    folder: Path, name: str = "dev", *, environ: dict[str, str] | None = None, overrides: Any = None, **manifests: str
) -> Environment:
    """Write manifests and read one of them."""
    path = folder / "seeds" / "environments"
    path.mkdir(parents=True, exist_ok=True)
    for manifest, text in manifests.items():
        (path / f"{manifest}.toml").write_text(text, encoding="utf-8")
    return Project.load(folder).environment(name, environ=environ or {}, **(overrides or {}))


def refused(folder: Path, text: str, **options: Any) -> UsageError:
    """Read a manifest that must be refused."""
    with pytest.raises(UsageError) as caught:
        read(folder, dev=text, **options)
    return caught.value


def test_an_empty_manifest_has_defaults(tmp_path: Path) -> None:
    """Every key is optional."""
    found = read(tmp_path, dev="")

    assert ("dev", "", None, (), ()) == (found.name, found.description, found.hosts, found.scenarios, found.keep)
    assert (Layer.REFERENCE, Layer.SCENARIO) == found.layers
    assert (0, None, "en_US", "confirm", False) == (
        found.random_seed,
        found.now,
        found.locale,
        found.reset,
        found.protected,
    )
    assert ({}, {}, "allow", None) == (found.volumes, found.overrides, found.rebuild, found.source)


@pytest.mark.parametrize(("more", "rebuild"), [("", "never"), ('rebuild = "allow"', "allow")])
def test_a_protected_environment_keeps_its_indexes_unless_it_says_otherwise(
    tmp_path: Path, more: str, rebuild: str
) -> None:
    """To take one down locks its table for everybody."""
    assert rebuild == read(tmp_path, dev=f'protected = true\nhosts = ["db"]\n{more}').rebuild


def test_every_key_is_read(tmp_path: Path) -> None:
    """In its own type."""
    found = read(
        tmp_path,
        dev="""
            description = "Small"
            url = "sqlite:///dev.db"
            hosts = ["localhost", "db:5433"]
            layers = ["reference"]
            scenarios = ["busy_shop", "checkout/*"]
            random_seed = 12345
            now = 2026-01-05T02:00:00+02:00
            locale = "de_DE"
            reset = "forbid"
            protected = true
            keep = ["audit_log"]
            source = "snapshot.zip"
            rebuild = "never"
            [volumes]
            users = 10
        """,
    )

    assert ("Small", "sqlite:///dev.db", ("localhost", "db:5433")) == (found.description, found.url, found.hosts)
    assert ((Layer.REFERENCE,), ("busy_shop", "checkout/*")) == (found.layers, found.scenarios)
    assert (12345, datetime(2026, 1, 5, tzinfo=UTC)) == (found.random_seed, found.now)
    assert ("de_DE", "forbid", True, ("audit_log",)) == (found.locale, found.reset, found.protected, found.keep)
    assert ("snapshot.zip", "never", {"users": 10}) == (found.source, found.rebuild, found.volumes)


def test_every_value_may_come_from_a_variable(tmp_path: Path) -> None:
    """And is converted afterwards, a list from a text with commas."""
    found = read(
        tmp_path,
        dev="""
            hosts = "${HOSTS:-localhost, db}"
            layers = "${LAYERS}"
            scenarios = ["${FIRST}", "checkout/*"]
            random_seed = "${SEED:-1_000}"
            now = "${NOW}"
            reset = "${RESET:-allow}"
            protected = "${PROTECTED}"
            [volumes]
            users = "${USERS:-10}"
        """,
        environ={"LAYERS": "reference", "FIRST": "busy", "NOW": "2026-01-05", "PROTECTED": "yes", "USERS": "500"},
    )

    assert (("localhost", "db"), (Layer.REFERENCE,)) == (found.hosts, found.layers)
    assert (("busy", "checkout/*"), 1000) == (found.scenarios, found.random_seed)
    assert (datetime(2026, 1, 5, tzinfo=UTC), "allow", True) == (found.now, found.reset, found.protected)
    assert {"users": 500} == found.volumes


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-01-05T00:00:00Z", datetime(2026, 1, 5, tzinfo=UTC)),
        ("2026-01-05T12:30:00", datetime(2026, 1, 5, 12, 30, tzinfo=UTC)),
        ("2026-01-05", datetime(2026, 1, 5, tzinfo=UTC)),
        ('"2026-01-05T00:00:00-05:00"', datetime(2026, 1, 5, 5, tzinfo=UTC)),
        ('"2026-01-05 10:00"', datetime(2026, 1, 5, 10, tzinfo=UTC)),
        ('"today"', None),
    ],
)
def test_the_clock_may_be_written_in_several_ways(tmp_path: Path, written: str, expected: datetime | None) -> None:
    """Without a zone it is UTC, and "today" is left to the database."""
    assert expected == read(tmp_path, dev=f"now = {written}\n").now


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True), ("false", False), ('"TRUE"', True), ('"0"', False), ('"1"', True), ('"no"', False),
    ],
)  # fmt: skip
def test_truth_may_be_written_in_several_ways(tmp_path: Path, text: str, expected: bool) -> None:
    """As environment variables hold it."""
    assert expected == read(tmp_path, dev=f"protected = {text}\n").protected


def test_the_nearest_manifest_wins_and_volumes_merge(tmp_path: Path) -> None:
    """Over a chain of extends; other keys are replaced as a whole."""
    found = read(
        tmp_path,
        "load",
        base='scenarios = ["a", "b"]\nrandom_seed = 1\nlocale = "de_DE"\n[volumes]\nusers = 1\norders = 2\n',
        dev='extends = "base"\nscenarios = ["c"]\n[volumes]\nusers = 10\n',
        load='extends = "dev"\nrandom_seed = 3\n[volumes]\nitems = 5\n',
    )

    assert (("c",), 3, "de_DE") == (found.scenarios, found.random_seed, found.locale)
    assert {"users": 10, "orders": 2, "items": 5} == found.volumes


def test_manifests_that_extend_in_a_circle_are_named(tmp_path: Path) -> None:
    """Each of them, in order."""
    error = refused(tmp_path, 'extends = "a"\n', a='\nextends = "b"\n', b='# b\n\nextends = "a"\n')

    assert "a -> b -> a" in error.message
    assert ("seeds/environments/b.toml", 3) == (error.place.file, error.place.line)


def test_a_missing_base_is_refused_where_it_is_named(tmp_path: Path) -> None:
    """With what there is."""
    error = refused(tmp_path, '\nextends = "bas"\n', base="")

    assert ("seeds/environments/dev.toml", 2) == (error.place.file, error.place.line)
    assert "Did you mean base?" in (error.hint or "")


def test_an_unknown_environment_lists_those_there_are(tmp_path: Path) -> None:
    """With the one that was probably meant."""
    with pytest.raises(UsageError, match="no environment 'tset'") as caught:
        read(tmp_path, "tset", dev="", test="")

    assert "Did you mean test? There are: dev, test." == caught.value.hint


@pytest.mark.parametrize("name", ["Dev", "../dev", "-dev", "de v", "dev.toml"])
def test_a_name_that_none_may_have_is_refused(tmp_path: Path, name: str) -> None:
    """Names become parts of paths and options."""
    with pytest.raises(UsageError, match="cannot be the name of an environment"):
        read(tmp_path, name, dev="")


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("\nscenario = ['a']\n", 2, "Did you mean scenarios?"),
        ("password = 'x'\n", 1, "no key 'password'"),
        ("layers = ['reference', 'senario']\n", 1, "Did you mean scenario?"),
        ("reset = 'ask'\n", 1, "allow, confirm, forbid"),
        ("rebuild = 'always'\n", 1, "allow, never"),
        ("random_seed = 1.5\n", 1, "must be a whole number, not a fraction"),
        ("random_seed = 'abc'\n", 1, "must be a whole number, not 'abc'"),
        ("random_seed = true\n", 1, "not true or false"),
        ("random_seed = 9223372036854775808\n", 1, "out of range"),
        ("protected = 'maybe'\n", 1, "must be true or false, not 'maybe'"),
        ("protected = 1\n", 1, "must be true or false, not a number"),
        ("hosts = 5\n", 1, "must be a list of texts"),
        ("hosts = ['a', 5]\n", 1, "must be a list of texts"),
        ("description = ['a']\n", 1, "must be a text"),
        ("url = 5\n", 1, "must be a text, not a number"),
        ("now = 'yesterday'\n", 1, "'yesterday' is no moment"),
        ("now = 12:00:00\n", 1, "is no moment"),
        ("now = 0001-01-01T00:00:00+05:00\n", 1, "does not exist in UTC"),
        ("volumes = 5\n", 1, "volumes: must be a table"),
        ("# a\n[volumes]\nusers = 10\norders = -1\n", 4, "volumes.orders: -1 is out of range"),
        ("[volumes]\nusers = '${N:-many}'\n", 2, "must be a whole number, not 'many'"),
        ("[volumes.users]\nmany = 3\n", 1, "volumes.users: must be a whole number, not a table"),
        ("volumes.users = 'x'\n", 1, "volumes.users"),
        ("\nlocale = '${LOCALE}'\n", 2, "locale: the variable LOCALE is not set"),
        ("\nlocale = '${LOCALE'\n", 2, "not closed"),
        ("extends = 5\n", 1, "extends: must be a text"),
    ],
)
def test_a_wrong_value_is_named_with_its_line(tmp_path: Path, text: str, line: int, word: str) -> None:
    """And with what would be right."""
    error = refused(tmp_path, text)

    assert ("seeds/environments/dev.toml", line) == (error.place.file, error.place.line)
    assert word in str(error)


def test_a_wrong_value_is_named_in_the_file_it_stands_in(tmp_path: Path) -> None:
    """Not in the manifest that inherits it."""
    error = refused(tmp_path, 'extends = "base"\n', base="\n\nrandom_seed = 'x'\n")

    assert ("seeds/environments/base.toml", 3) == (error.place.file, error.place.line)


def test_lines_inside_long_texts_are_not_taken_for_keys(tmp_path: Path) -> None:
    """The line of an error is the key's own."""
    text = 'description = """\nrandom_seed = 1\n"""\nrandom_seed = "x"\n'

    assert 4 == refused(tmp_path, text).place.line


# ---- urls -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app:hunter2@db/shop",
        "postgresql://app:${PW:-hunter2}@db/shop",
        "${URL:-postgresql://app:hunter2@db/shop}",
        "${URL:-${OTHER:-postgresql://app:hunter2@db/shop}}",
        "postgresql://${LOGIN:-app:hunter2}@db/shop",
        "postgresql://app:hunter2${PW}@db/shop",
        "postgresql://:hunter2@db/shop",
        "postgresql://app:hun/ter2@db/shop",
        "postgresql://db/shop?user=app&password=hunter2",
        "mysql://db/shop?passwd=${PW:-hunter2}",
    ],
)
@pytest.mark.parametrize("key", ["url", "source"])
def test_a_password_written_out_is_refused_and_not_repeated(tmp_path: Path, url: str, key: str) -> None:
    """Wherever it hides."""
    error = refused(tmp_path, f'\n{key} = "{url}"\n')

    assert "a password is written out" in error.message
    assert ("seeds/environments/dev.toml", 2) == (error.place.file, error.place.line)
    assert "ter2" not in str(error)


def test_a_password_in_a_base_is_refused_though_it_is_overridden(tmp_path: Path) -> None:
    """It stands in the file all the same."""
    error = refused(tmp_path, 'extends = "base"\nurl = "sqlite://"\n', base='url = "postgresql://a:hunter2@db/shop"\n')

    assert "seeds/environments/base.toml" == error.place.file


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://app:${PW}@db/shop", "postgresql://app:secret@db/shop"),
        ("postgresql://app:${PW}${PW}@db/shop", "postgresql://app:secretsecret@db/shop"),
        ("postgresql://app:${NONE:-${PW}}@db/shop", "postgresql://app:secret@db/shop"),
        ("${NONE:-postgresql://app:${PW}@db/shop}", "postgresql://app:secret@db/shop"),
        ("postgresql://app:${NONE:-}@db/shop", "postgresql://app:@db/shop"),
        ("postgresql://${USER}@db:5432/shop", "postgresql://app@db:5432/shop"),
        ("${URL}", "postgresql://x:y@h/d"),
        ("sqlite:///C:/data/shop@home.db", "sqlite:///C:/data/shop@home.db"),
        ("python:app.settings:URL", "python:app.settings:URL"),
    ],
)
def test_a_password_from_a_variable_is_welcome(tmp_path: Path, url: str, expected: str) -> None:
    """It is put in when the URL is asked for."""
    environ = {"PW": "secret", "USER": "app", "URL": "postgresql://x:y@h/d"}

    assert expected == read(tmp_path, dev=f'url = "{url}"\n', environ=environ).url


def test_a_variable_of_the_url_is_needed_only_with_the_url(tmp_path: Path) -> None:
    """Commands that touch no database, or name another, work without it."""
    text = '\nurl = "${DATABASE_URL}"\n'

    found = read(tmp_path, dev=text)

    with pytest.raises(UsageError, match="DATABASE_URL is not set") as caught:
        _ = found.url
    assert ("seeds/environments/dev.toml", 2) == (caught.value.place.file, caught.value.place.line)
    assert "sqlite://" == read(tmp_path, dev=text, overrides={"url": "sqlite://"}).url


def test_an_environment_without_a_url_takes_the_projects(tmp_path: Path) -> None:
    """Its own comes first, and none at all is told with the remedy."""
    with pytest.raises(UsageError, match="names no database") as caught:
        _ = read(tmp_path, dev="").url
    assert "--url" in (caught.value.hint or "")

    (tmp_path / "tdm-seed.toml").write_text('url = "sqlite:///all.db"\n')
    assert "sqlite:///all.db" == read(tmp_path, dev="").url
    assert "sqlite:///own.db" == read(tmp_path, dev='url = "sqlite:///own.db"\n').url


def test_a_url_shows_in_no_representation(tmp_path: Path) -> None:
    """Objects end up in logs."""
    found = read(tmp_path, dev="", overrides={"url": "postgresql://a:hunter2@db/shop"}, environ={"PW": "hunter2"})

    assert "hunter2" not in repr(found)


# ---- overrides ------------------------------------------------------------------------------------------------------


def test_overrides_win_and_are_recorded(tmp_path: Path) -> None:
    """As plain values; the URL is not among them."""
    found = read(
        tmp_path,
        dev="random_seed = 1\nnow = 2026-01-05\n[volumes]\nusers = 10\norders = 20\n",
        overrides={
            "url": "sqlite:///other.db",
            "volumes": {"users": 500},
            "random_seed": 7,
            "now": "2026-02-01T12:00:00+01:00",
        },
    )

    assert ({"users": 500, "orders": 20}, 7) == (found.volumes, found.random_seed)
    assert datetime(2026, 2, 1, 11, tzinfo=UTC) == found.now
    assert {"volumes": {"users": 500}, "random_seed": 7, "now": "2026-02-01T11:00:00+00:00"} == found.overrides


def test_the_clock_can_be_set_back_to_today(tmp_path: Path) -> None:
    """For one run."""
    found = read(tmp_path, dev="now = 2026-01-05\n", overrides={"now": "today"})

    assert (None, {"now": "today"}) == (found.now, found.overrides)


@pytest.mark.parametrize(
    ("overrides", "word"),
    [
        ({"volumes": {"user": 5}}, "Did you mean users?"),
        ({"volumes": {"users": -5}}, "is no row count"),
        ({"volumes": {"users": True}}, "is no row count"),
        ({"now": "tomorrow"}, "'tomorrow' is no moment"),
        ({"random_seed": 2**63}, "out of range"),
    ],
)
def test_a_wrong_override_is_refused(tmp_path: Path, overrides: Any, word: str) -> None:
    """A slip of the pen on the command line does not seed a database wrongly."""
    assert word in str(refused(tmp_path, "[volumes]\nusers = 10\n", overrides=overrides))


def test_any_volume_may_be_given_where_the_manifest_has_none(tmp_path: Path) -> None:
    """There is nothing to compare it with."""
    assert {"users": 5} == read(tmp_path, dev="", overrides={"volumes": {"users": 5}}).volumes


def test_the_default_environment_is_read_unless_named(tmp_path: Path) -> None:
    """As the project says."""
    (tmp_path / "tdm-seed.toml").write_text('default_environment = "local"\n')
    (tmp_path / "seeds" / "environments").mkdir(parents=True)
    (tmp_path / "seeds" / "environments" / "local.toml").write_text("")

    assert "local" == Project.load(tmp_path).environment(environ={}).name


@given(st.integers(min_value=0, max_value=LARGEST))
def test_a_number_is_the_same_as_text(number: int) -> None:
    """With or without underscores."""
    setting = Setting("volumes.users", f"${{N:-{number:_}}}", "dev.toml", 1)

    assert number == setting.integer({}) == setting.integer({"N": f" {number} "})
