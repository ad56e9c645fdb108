"""How ``${…}`` is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdm_seed.environments.interpolation import MARK, Malformed, Unset, expand, outline

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
PLAIN = st.text(st.characters(exclude_characters="${}\0", exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ("plain", {}, "plain"),
        ("${A}", {"A": "1"}, "1"),
        ("x${A}y${B}z", {"A": "1", "B": "2"}, "x1y2z"),
        ("${A:-2}", {}, "2"),
        ("${A:-2}", {"A": ""}, "2"),
        ("${A:-2}", {"A": "1"}, "1"),
        ("${A}", {"A": ""}, ""),
        ("${A:-}", {}, ""),
        ("${A:-${B:-x}}", {}, "x"),
        ("${A:-${B:-x}}", {"B": "b"}, "b"),
        ("${A:-s://${H:-h}:${P:-1}/d}!", {"P": "2"}, "s://h:2/d!"),
        ("$$", {}, "$"),
        ("$${A}", {"A": "1"}, "${A}"),
        ("${A:-$$}", {}, "$"),
        ("5$ and $x", {"x": "1"}, "5$ and $x"),
        ("a}b", {}, "a}b"),
        ("${A}", {"A": "${B}"}, "${B}"),
    ],
)
def test_a_text_is_expanded_as_a_shell_would(text: str, environ: dict[str, str], expected: str) -> None:
    """References, defaults, nested defaults and ``$$``; a variable's value is not read again."""
    assert expected == expand(text, environ)


@pytest.mark.parametrize("text", ["${", "${}", "${1A}", "${A", "${A:-x", "${A-x}", "${A:?no}", "${A:-${B}", "${ A}"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    """A half-written reference must not become part of a value."""
    with pytest.raises(Malformed):
        expand(text, {"A": "1", "B": "2"})


def test_an_unset_variable_is_named() -> None:
    """Without a default there is nothing to put in."""
    with pytest.raises(Unset) as caught:
        expand("${A:-${MISSING}}", {})

    assert "MISSING" == caught.value.name


def test_a_default_that_is_not_needed_asks_for_nothing() -> None:
    """The variables of a default matter only when it is used."""
    assert "1" == expand("${A:-${MISSING}}", {"A": "1"})


@given(PLAIN)
def test_a_text_without_dollars_stays_as_it_is(text: str) -> None:
    """Nothing else has a meaning."""
    assert text == expand(text, {})


@given(TEXTS)
def test_doubled_dollars_hide_everything(text: str) -> None:
    """Any text can be written."""
    assert text == expand(text.replace("$", "$$"), {})


@given(NAMES, TEXTS, PLAIN, PLAIN)
def test_a_value_arrives_unchanged(name: str, value: str, before: str, after: str) -> None:
    """Whatever a variable holds is put in as it is."""
    assert before + value + after == expand(f"{before}${{{name}}}{after}", {name: value})


@given(NAMES, PLAIN, PLAIN)
def test_an_outline_shows_defaults_and_marks_the_rest(name: str, default: str, plain: str) -> None:
    """It shows what the file's reader sees, whatever the variables hold."""
    assert f"{plain}{default}{MARK}" == outline(f"{plain}${{{name}:-{default}}}${{{name}}}")
