"""Columns that are converted at once become what their values become one by one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from tdm_seed.dialects.columns import Written
from tdm_seed.loading.convert import CsvText, converter
from tdm_seed.loading.fitting import at_once

TYPES = [
    sa.Integer(), sa.Boolean(), sa.Double(), sa.Numeric(10, 2), sa.Numeric(10), sa.Numeric(), sa.DateTime(),
    sa.DateTime(timezone=True), sa.Date(), sa.Time(), sa.Uuid(), sa.LargeBinary(), sa.Enum("a", "b"), sa.String(3),
    sa.String(32), sa.Text(), sa.JSON(), sa.Interval(), sa.types.NullType(),
]  # fmt: skip

TEXTS = st.sampled_from(
    [
        "a", "b", "c", "", "ab\0", "\ud800", "abcd", "é", "x" * 33, "1", "-7", " 2 ", "1_0", "1.5", "1.25e3", "NaN", "inf",
        "true", "Off", "t", "2026-01-05", "2026-01-05T10:30:00", "2026-01-05T10:30:00+02:00", "10:30", "null", "[1, 2]",
        "123e4567-e89b-12d3-a456-426614174000", '{"a": NaN}', '{"a": 1.10}', "[Infinity, \"NaN\"]",
    ]
)  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.integers(), st.booleans(), st.floats(), st.decimals(), st.dates(), st.uuids(), TEXTS, st.just(b"")
)
NAMES = st.one_of(st.text(max_size=3), st.integers(0, 9), st.floats(), st.booleans(), st.none(), st.dates())
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
VALUES = {
    "whole numbers": st.integers(-(2**65), 2**65), "booleans": st.booleans(), "numbers": st.floats(),
    "decimals": st.decimals(), "amounts": st.decimals(-9, 9, places=2), "moments": st.datetimes(),
    "moments of a zone": st.datetimes(timezones=st.just(UTC) | st.just(timezone(timedelta(hours=2)))),
    "days": st.dates(), "times": st.times(), "uuids": st.uuids(), "bytes": st.binary(max_size=4),
    "texts": TEXTS | st.text(max_size=4), "fields": st.builds(CsvText, TEXTS), "documents": DOCUMENTS,
}  # fmt: skip
COLUMNS = st.sampled_from([*VALUES.values(), st.one_of(*VALUES.values())]).flatmap(
    lambda values: st.lists(values, max_size=4) | st.lists(st.none() | values, max_size=4)
)


def one_by_one(kind: sa.types.TypeEngine[Any], column: list[Any], **options: Any) -> list[tuple[type, str]] | None:
    """Give the types and values that the converter makes, documents as text; None where it refuses one."""
    convert = converter(kind, **options)
    try:
        converted = [convert(value) for value in column]
    except (ValueError, TypeError, ArithmeticError):
        return None
    return shown(kind, [json.dumps(value) if document(kind, value) else value for value in converted])


def document(kind: sa.types.TypeEngine[Any], value: Any) -> bool:
    """Tell whether a value becomes JSON."""
    return isinstance(kind, sa.JSON) and value is not None


def shown(kind: sa.types.TypeEngine[Any], values: Sequence[Any]) -> list[tuple[type, str]]:
    """Give types and values to compare; of two parts of an object with the same name, the last one counts."""
    read = [json.loads(value) if document(kind, value) else value for value in values]
    return [(type(value), repr(value)) for value in read]


@given(
    kind=st.sampled_from(TYPES),
    column=COLUMNS,
    digits=st.sampled_from([None, 5, 15]),
    nullable=st.booleans(),
    json_text=st.booleans(),
)
@settings(max_examples=300)
def test_what_is_converted_at_once_is_what_it_becomes_one_by_one(
    kind: sa.types.TypeEngine[Any], column: list[Any], digits: int | None, nullable: bool, json_text: bool
) -> None:
    """The same values of the same types; and what does not fit is left to be refused."""
    expected = one_by_one(kind, column, digits=digits, nullable=nullable, json_text=json_text)
    found = at_once(kind, digits, nullable=nullable, json_text=json_text).converted(column)
    if found is not None:
        assert expected == shown(kind, found)


@given(
    kind=st.sampled_from(TYPES),
    column=st.lists(TEXTS, min_size=1, max_size=4),
    digits=st.sampled_from([None, 5, 15]),
    nullable=st.booleans(),
)
@settings(max_examples=200)
def test_fields_that_are_not_marked_are_read_as_those_that_are(
    kind: sa.types.TypeEngine[Any], column: list[str], digits: int | None, nullable: bool
) -> None:
    """Where all text is known to come from a CSV."""
    marked = at_once(kind, digits, nullable=nullable).converted(list(map(CsvText, column)))
    found = at_once(kind, digits, nullable=nullable, of_csv=True).converted(column)
    assert (found is None) == (marked is None)
    if found is not None and marked is not None:
        assert shown(kind, marked) == shown(kind, found)


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        (sa.Integer(), [1, None, -5]),
        (sa.Integer(), [True, False]),
        (sa.Boolean(), [True, None]),
        (sa.Double(), [1.5, 2.5]),
        (sa.Double(), [Decimal("1.5")]),
        (sa.Numeric(10, 2), [Decimal("1.50"), Decimal("-0.25")]),
        (sa.Numeric(10, 2), [Decimal("1.5"), Decimal(7)]),
        (sa.Numeric(10, 2), [1, None]),
        (sa.DateTime(), [datetime(2026, 1, 5)]),
        (sa.DateTime(timezone=True), [datetime(2026, 1, 5, tzinfo=UTC)]),
        (sa.DateTime(timezone=True), [datetime(2026, 1, 5)]),
        (sa.Date(), [date(2026, 1, 5)]),
        (sa.Time(), [time(7, 30)]),
        (sa.Uuid(), [UUID(int=1)]),
        (sa.LargeBinary(), [b"\0"]),
        (sa.Enum("a", "b"), ["a", None]),
        (sa.String(3), ["abc", "", None]),
        (sa.Text(), ["ünïcödé 👩"]),
        (sa.JSON(), [None, None]),
        (sa.JSON(), [{"a": [1, None, {"b": Decimal("1.5")}]}, None, [], "text", 1]),
    ],
    ids=repr,
)
def test_what_a_column_wants_is_seen_at_once(kind: sa.types.TypeEngine[Any], column: list[Any]) -> None:
    """Or nothing would be gained."""
    assert at_once(kind, 15).converted(column) is not None


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (sa.Integer(), "-5"),
        (sa.Boolean(), "true"),
        (sa.Double(), "1.5"),
        (sa.Numeric(10, 2), "1.5"),
        (sa.DateTime(), "2026-01-05T10:30:00"),
        (sa.DateTime(timezone=True), "2026-01-05T10:30:00Z"),
        (sa.Date(), "2026-01-05"),
        (sa.Time(), "10:30"),
        (sa.Uuid(), "123e4567-e89b-12d3-a456-426614174000"),
        (sa.Enum("a", "b"), "a"),
        (sa.String(3), "abc"),
        (sa.JSON(), '{"a": 1}'),
    ],
    ids=repr,
)
def test_fields_of_a_csv_are_read_at_once(kind: sa.types.TypeEngine[Any], field: str) -> None:
    """Empty ones too, which are NULL."""
    column = [CsvText(field), CsvText(""), CsvText(field)]
    found = at_once(kind, 15).converted(column)
    assert found is not None
    assert found[0] is not None
    assert [found[0], None, found[0]] == list(found)


@pytest.mark.parametrize(
    "fields",
    [
        ['"a', 'b"'], ["[1", "2]"], ["1, 2", "[3", "4]"], ["[1", "2], null, 6"], ['"a', 'b", NaN, 3'], ["1", "NaN"],
        ["1", "Infinity"], ["1", "2, 3"], ["{", "}"],
    ],
    ids=str,
)  # fmt: skip
def test_documents_are_read_together_only_where_each_is_one(fields: list[str]) -> None:
    """Whatever they would be when they are joined."""
    assert at_once(sa.JSON(), None, of_csv=True).converted(fields) is None


def test_documents_are_told_to_be_text() -> None:
    """So that nobody makes text of them once more."""
    found = at_once(sa.JSON(), None).converted([{"a": "ä, NaN"}, None])
    assert found is None or isinstance(found, Written)
    found = at_once(sa.JSON(), None).converted([{"a": "ä"}, None, [1.5]])
    assert isinstance(found, Written)
    assert ['{"a": "\\u00e4"}', None, "[1.5]"] == found
