"""What a new seed is named, and what stands in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tdm_seed.errors import SeedError, UsageError
from tdm_seed.revisions import discover
from tdm_seed.revisions.new import Draft, NewFile, compose
from tdm_seed.values import Kind, Layer, Seed

DIALECTS = ("sqlite", "postgresql")
NOON = datetime(2026, 1, 5, 12, 0, 59, tzinfo=UTC)


def written(folder: Path, draft: Draft, seeds: tuple[Seed, ...] = (), when: datetime = NOON) -> Seed:
    """Write a new seed and read it as every command does."""
    new, files = compose(draft, folder, seeds, when)
    for file in files:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        text = file.content if isinstance(file.content, str) else file.content.read_text(encoding="utf-8")
        file.path.write_text(text, encoding="utf-8")
    found = {seed.revision: seed for seed in discover(folder, DIALECTS)}
    return found[new.revision]


def draft(message: str = "The countries we ship to", layer: Layer = Layer.REFERENCE, **given: Any) -> Draft:
    """A draft with little to say."""
    return Draft(message, layer, **given)


def text(folder: Path, given: Draft) -> str:
    """The text of a new seed's first file."""
    (_, files) = compose(given, folder, (), NOON)
    assert isinstance(files[0].content, str)
    return files[0].content


def refused(given: Draft, seeds: tuple[Seed, ...] = ()) -> UsageError:
    """The error that a draft meets."""
    with pytest.raises(UsageError) as caught:
        compose(given, Path("seeds"), seeds, NOON)
    return caught.value


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    """A folder for seeds."""
    return tmp_path / "seeds"


def test_a_seed_is_named_after_the_message_and_the_time_in_utc(seeds: Path) -> None:
    """Wherever its author sits."""
    east = NOON.astimezone(timezone(timedelta(hours=9)))

    found = written(seeds, draft(), when=east)

    assert "20260105_1200_the_countries_we_ship_to" == found.revision
    assert "The countries we ship to." == found.description
    assert (Layer.REFERENCE, Kind.PYTHON, True, False) == (
        found.layer,
        found.kind,
        found.has_verify,
        found.has_downgrade,
    )


def test_seeds_made_in_one_minute_keep_their_order(seeds: Path) -> None:
    """The second gets the next minute that is free."""
    first = written(seeds, draft("Roles"))
    second = written(seeds, draft("Countries"), seeds=(first,))
    third = written(seeds, draft("Areas"), seeds=(first, second))

    assert ["20260105_1200_roles", "20260105_1201_countries", "20260105_1202_areas"] == [
        seed.revision for seed in discover(seeds, DIALECTS)
    ]
    assert "20260105_1202_areas" == third.revision


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("Länder & Währungen", "lander_wahrungen"),
        ("Straße nach Łódź", "strasse_nach_lodz"),
        ("  ISO 3166-1:  countries! ", "iso_3166_1_countries"),
        ("20 % off", "20_off"),
        ("word " * 30, "word_word_word_word_word_word_word_word_word_word_word_word"),
        ("a" * 200, "a" * 60),
    ],
)
def test_a_name_is_made_of_what_a_message_says(seeds: Path, message: str, name: str) -> None:
    """In small letters, at most sixty, cut between two words."""
    assert name == written(seeds, draft(message)).name


@pytest.mark.parametrize("message", ["", "   ", "国家", "!!!", "\x00"])
def test_a_message_without_a_latin_letter_or_digit_gives_no_name(message: str) -> None:
    """And says how to get one."""
    error = refused(draft(message))

    assert "gives the seed no name" in error.message
    assert "Latin letters" in (error.hint or "")


def test_a_name_is_unique_in_the_project(seeds: Path) -> None:
    """In whichever layer and at whatever time."""
    first = written(seeds, draft("Countries"))

    error = refused(draft("countries!", Layer.SCENARIO), (first,))

    assert "the name countries is taken by 20260105_1200_countries" == error.message


def test_the_newest_schema_revision_and_the_dependencies_stand_in_the_header(seeds: Path) -> None:
    """Dependencies by their names, whatever part of them was given."""
    first = written(seeds, draft("Currencies of ISO 4217"))

    for kind in (Kind.PYTHON, Kind.SQL):
        found = written(
            seeds,
            draft(f"Countries in {kind}", kind=kind, depends_on=("4217",), requires_schema="ae1027a6acf"),
            seeds=(first,),
        )
        assert (("currencies_of_iso_4217",), "ae1027a6acf") == (found.depends_on, found.requires_schema)


def test_a_dependency_must_be_there_and_no_scenario_under_a_reference_seed(seeds: Path) -> None:
    """A scenario may depend on both."""
    scenario = written(seeds, draft("Busy shop", Layer.SCENARIO))

    assert "there is no seed nothing" == refused(draft(depends_on=("nothing",)), (scenario,)).message
    error = refused(draft(depends_on=("busy",)), (scenario,))
    assert "a reference seed cannot depend on busy_shop, which is a scenario" == error.message
    above = written(seeds, draft("Carts", Layer.SCENARIO, depends_on=("busy",)), seeds=(scenario,))
    assert ("busy_shop",) == above.depends_on


@pytest.mark.parametrize("kind", [Kind.PYTHON, Kind.SQL])
def test_several_heads_are_left_to_the_author(seeds: Path, kind: Kind) -> None:
    """They stand in a comment, and requires_schema is open."""
    given = draft(kind=kind, heads=("ae1", "bf2"))

    assert written(seeds, given).requires_schema is None
    assert "ae1" in text(seeds, given)
    assert "bf2" in text(seeds, given)


def test_a_python_seed_reads_like_one_of_ours(seeds: Path) -> None:
    """A docstring, the header, an example that can be uncommented, and a verify."""
    expected = '''\
"""The countries we ship to."""

requires_schema = "ae1027a6acf"


def upgrade(db):
    # Say what is to be there. Rows that differ are updated, equal ones are left alone:
    # db.upsert("country", [{"code": "DE", "name": "Germany"}], key="code")
    # db.upsert("country", db.csv(), key="code")    # those of a CSV file with this file's name
    pass


def verify(db):
    # db.expect("SELECT count(*) FROM country", at_least=1)
    pass
'''
    assert expected == text(seeds, draft(requires_schema="ae1027a6acf", table="country"))


def test_a_scenario_takes_its_numbers_from_the_environment(seeds: Path) -> None:
    """From its volumes and its dice."""
    found = text(seeds, draft("Orders", Layer.SCENARIO))

    assert 'db.range("orders", 10)' in found
    assert "db.random" in found


def test_the_examples_are_python_once_they_are_uncommented(seeds: Path) -> None:
    """Down to the last bracket."""
    for layer in Layer:
        found = text(seeds, draft("Orders", layer))
        compile(found.replace("# db.", "db."), "seed.py", "exec")


def test_an_sql_seed_runs_as_it_is_written(seeds: Path) -> None:
    """It has something to run and something to verify, both harmless."""
    found = written(seeds, draft(kind=Kind.SQL))

    assert (".sql", "The countries we ship to.", True) == (found.path.suffix, found.description, found.has_verify)


@pytest.mark.parametrize(
    "message",
    ["mode: once", "Data: all of it", "tdm-seed: upgrade", "tdm seed verify", "-- depends_on: x", "*/ x"],
)
def test_a_message_is_never_taken_for_a_field_or_a_section(seeds: Path, message: str) -> None:
    """It stands in quotes where a reader of SQL would."""
    found = written(seeds, draft(message, kind=Kind.SQL))

    assert message.lstrip("- ") in found.description
    assert ((), None) == (found.depends_on, found.requires_schema)


@given(
    message=st.text(max_size=80).map(lambda text: f"x{text}"),
    kind=st.sampled_from((Kind.PYTHON, Kind.SQL)),
    layer=st.sampled_from(Layer),
    heads=st.sampled_from(((), ("ae1",), ("ae1", "bf2"))),
)
@example(message='x """', kind=Kind.PYTHON, layer=Layer.REFERENCE, heads=())
def test_every_message_gives_a_seed_that_is_discovered(
    tmp_path_factory: pytest.TempPathFactory, message: str, kind: Kind, layer: Layer, heads: tuple[str, ...]
) -> None:
    """Quotes, backslashes, control characters and half characters included."""
    found = written(tmp_path_factory.mktemp("seeds"), draft(message, layer, kind=kind, heads=heads))

    assert (layer, kind, (), True) == (found.layer, found.kind, found.depends_on, found.has_verify)
    assert found.description


@pytest.fixture
def countries(tmp_path: Path) -> Path:
    """A CSV file."""
    path = tmp_path / "countries.csv"
    path.write_text("code,name\nDE,Germany\n", encoding="utf-8")
    return path


def test_a_csv_that_says_it_all_needs_no_file_beside_it(seeds: Path, countries: Path) -> None:
    """Its table is its name."""
    _, files = compose(draft("Countries", kind=Kind.DATA, data=countries), seeds, (), NOON)

    assert (NewFile(seeds / "reference" / "20260105_1200_countries.csv", countries),) == files
    assert Kind.DATA is written(seeds, draft("Countries", kind=Kind.DATA, data=countries)).kind


def test_what_a_csv_cannot_say_stands_in_the_file_beside_it(seeds: Path, countries: Path) -> None:
    """Its table where that has another name, and the header."""
    given = draft(
        "All countries", kind=Kind.DATA, data=countries, table='a "b".country', requires_schema="ae1", heads=("ae1",)
    )

    found = written(seeds, given)

    assert ("All countries.", "ae1") == (found.description, found.requires_schema)
    options = found.path.with_suffix(".toml").read_text(encoding="utf-8")
    assert '# All countries.\ntable = "a \\"b\\".country"\nrequires_schema = "ae1"\n' == options


def test_the_table_is_not_repeated_where_it_is_the_name(seeds: Path, countries: Path) -> None:
    """So that nothing can disagree."""
    assert 1 == len(compose(draft("Countries", kind=Kind.DATA, data=countries, table="countries"), seeds, (), NOON)[1])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"code,code\n", "every column once"),
        (b"code,name\nDE\n", "1 fields, but the header names 2 columns"),
        (b"code,name\nDE,M\xfcnchen\n", "not UTF-8"),
        (b'code,name\nDE,"open\n', "this is not CSV"),
    ],
)
def test_a_wrong_csv_is_told_before_it_is_a_seed(seeds: Path, tmp_path: Path, content: bytes, message: str) -> None:
    """With its place."""
    path = tmp_path / "given.csv"
    path.write_bytes(content)

    with pytest.raises(SeedError, match=message) as caught:
        compose(draft(kind=Kind.DATA, data=path), seeds, (), NOON)

    assert str(path) == caught.value.place.file


def test_only_a_csv_is_taken_for_one(tmp_path: Path, countries: Path) -> None:
    """By its name, and it must be there; capitals are no matter."""
    (tmp_path / "rows.xlsx").touch()
    capitals = countries.rename(tmp_path / "COUNTRIES.CSV")

    assert "is no CSV file" in refused(draft(kind=Kind.DATA, data=tmp_path / "rows.xlsx")).message
    assert "cannot be read: No such file or directory" == refused(draft(kind=Kind.DATA, data=Path("no.csv"))).message
    _, files = compose(draft(kind=Kind.DATA, data=capitals), Path("seeds"), (), NOON)
    assert ".csv" == files[0].path.suffix


@pytest.mark.parametrize("table", ["", " ", "a\nb"])
def test_a_table_has_a_name(table: str) -> None:
    """On one line."""
    assert "is not the name of a table" in refused(draft(table=table)).message
