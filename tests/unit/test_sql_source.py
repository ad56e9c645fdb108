"""What is read from a SQL seed: its header and its sections."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdm_seed.errors import SeedError
from tdm_seed.revisions.headers import Header, check
from tdm_seed.revisions.sql_source import Part, read_sql
from tdm_seed.values import Mode

DIALECTS = ("postgresql", "mysql", "mariadb")


def parts(text: str) -> tuple[Part, ...]:
    """Cut a text into its sections."""
    return read_sql(text, "a.sql", DIALECTS).parts


def test_the_comments_at_the_top_hold_fields_and_a_description() -> None:
    """Fields may stand anywhere among them; the description is the first paragraph of the rest."""
    source = read_sql(
        "/* Licence\n   text. */\n"
        "-- How customers\n--   pay.\n-- depends_on: countries , roles\n\n-- mode: once\n--\n-- More: about it.\n"
        "SELECT 1;\n-- mode: x\n",
        "a.sql",
        DIALECTS,
    )
    assert "How customers pay." == source.description
    expected = Header(depends_on=("countries", "roles"), mode=Mode.ONCE)
    assert expected == check(source.given, file="a.sql", known_dialects=DIALECTS)
    assert [5, 7] == [given.line for given in source.given.values()]


def test_text_before_the_first_section_is_upgrade() -> None:
    """With its header, so that lines of the text are lines of the file."""
    text = "-- X.\nSELECT 1;\n-- tdm-seed: verify\nSELECT true;\n  --tdm-seed:downgrade  mysql \n-- none\n"
    expected = (
        Part("upgrade", None, 1, "-- X.\nSELECT 1;"),
        Part("verify", None, 4, "SELECT true;"),
        Part("downgrade", "mysql", 6, "-- none\n"),
    )
    assert expected == parts(text)


def test_comments_before_the_first_section_are_no_upgrade() -> None:
    """So that a header may stand above a marked upgrade."""
    text = "-- X.\n/* y */ ;\n-- tdm-seed: upgrade mysql\nSELECT 1;\n-- tdm-seed: upgrade\nSELECT 2;"
    assert ["upgrade mysql", "upgrade"] == [str(part) for part in parts(text)]


def test_a_comment_that_some_server_runs_is_a_statement() -> None:
    """Dumps consist of them."""
    assert 1 == len(parts("/*!40101 SET NAMES utf8 */;"))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("-- depend_on: a\nSELECT 1;", 1, "depend_on is no header field\n  Did you mean depends_on?"),
        ("-- depends-on: a\nSELECT 1;", 1, "Did you mean depends_on?"),
        ("-- Mode: once\nSELECT 1;", 1, "Did you mean mode?"),
        ("-- mode:\nSELECT 1;", 1, "mode has no value"),
        ("-- mode: once\n-- mode: once\nSELECT 1;", 2, "sets mode twice, first in line 1"),
        ("-- labels: a,,b\nSELECT 1;", 1, "has a comma too many"),
        ("SELECT 1;\n-- depends_on: a", 2, "depends_on stands below the header"),
        ("SELECT 1;\n-- tdm-seed: verfy\nSELECT 1;", 2, "there is no section 'verfy'"),
        ("SELECT 1;\n-- tdm-seed: verfy\nSELECT 1;", 2, "Did you mean verify?"),
        ("SELECT 1;\n-- tdm-seed:\nSELECT 1;", 2, "there are upgrade, verify, downgrade"),
        ("SELECT 1;\n-- tdm_seed: verify\nSELECT 1;", 2, "is nearly a section"),
        ("SELECT 1;\n-- tdm-seed verify\nSELECT 1;", 2, "is nearly a section"),
        ("-- TDM-Seed: Upgrade\nSELECT 1;", 1, "is nearly a section"),
        ("-- tdm-seed: upgrade oracle\nSELECT 1;", 1, "no dialect 'oracle'; known are postgresql, mysql"),
        ("-- tdm-seed: upgrade mysql mariadb\nSELECT 1;", 1, "Write one section for each dialect."),
        ("SELECT 1;\n-- tdm-seed: upgrade\nSELECT 1;", 2, "twice, first the text before the first section"),
        (
            "-- tdm-seed: upgrade mysql\nSELECT 1;\n-- tdm-seed: upgrade mysql\nSELECT 1;",
            3,
            "has the section upgrade mysql twice, first from line 2",
        ),
        ("SELECT 1;\n-- tdm-seed: verify\n-- later\n", 2, "the section verify holds no statement"),
        ("-- tdm-seed: upgrade mysql\n;\n", 1, "the section upgrade mysql holds no statement"),
        ("", None, "has no statement that upgrade could run"),
        ("-- X.\n/* y */\n", None, "has no statement that upgrade could run"),
        ("-- tdm-seed: verify\nSELECT 1;", None, "has no statement that upgrade could run"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int | None, words: str) -> None:
    """File, line, what is wrong and what was probably meant."""
    with pytest.raises(SeedError) as raised:
        parts(text)
    assert ("a.sql", line) == (raised.value.place.file, raised.value.place.line)
    assert words in str(raised.value)


WORDS = st.sampled_from(["upgrade", "verify", "downgrade"])
MARKS = st.lists(st.tuples(WORDS, st.sampled_from([None, *DIALECTS])), unique=True, max_size=6)
BODIES = st.text(st.characters(exclude_characters="-\r\0<", exclude_categories=["Cs"]), max_size=40)


@given(MARKS, st.lists(BODIES, min_size=7, max_size=7))
def test_every_section_keeps_its_text_and_its_line(marks: list[tuple[str, str | None]], bodies: list[str]) -> None:
    """Whatever stands in a section, it comes back whole, from the line of the file it begins on."""
    marks = [("upgrade", None), *(mark for mark in marks if mark != ("upgrade", None))]
    expected = []
    lines = ["-- A seed.", "-- mode: once"]
    for (word, dialect), body in zip(marks, bodies, strict=False):
        lines.append(f"-- tdm-seed: {word} {dialect or ''}")
        text = f"SELECT {body}"
        expected.append(Part(word, dialect, len(lines) + 1, text))
        lines += text.split("\n")
    source = read_sql("\n".join(lines), "a.sql", DIALECTS)
    assert tuple(expected) == source.parts
    assert ("A seed.", {"mode"}) == (source.description, set(source.given))


@given(st.text(max_size=200))
def test_any_text_is_cut_or_refused(text: str) -> None:
    """Nothing but a SeedError comes out, and no section overlaps another."""
    with suppress(SeedError):
        source = read_sql(text, "a.sql", DIALECTS)
        assert [part.line for part in source.parts] == sorted({part.line for part in source.parts})
