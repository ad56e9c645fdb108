"""Columns that are taken as they are hold nothing that converting would change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tdm_seed.loading.convert import CsvText, converter
from tdm_seed.loading.fitting import fit, fits

TYPES = [
    sa.Integer(), sa.Boolean(), sa.Double(), sa.Numeric(10, 2), sa.Numeric(10), sa.Numeric(), sa.DateTime(),
    sa.DateTime(timezone=True), sa.Date(), sa.Time(), sa.Uuid(), sa.LargeBinary(), sa.Enum("a", "b"), sa.String(3),
    sa.String(32), sa.Text(), sa.JSON(), sa.Interval(), sa.types.NullType(),
]  # fmt: skip

VALUES = st.one_of(
    st.integers(-(2**65), 2**65), st.booleans(), st.floats(), st.decimals(), st.decimals(-9, 9, places=2),
    st.datetimes(), st.datetimes(timezones=st.just(UTC)), st.dates(), st.times(), st.uuids(), st.binary(max_size=4),
    st.sampled_from(["a", "b", "c", "", "ab\0", "\ud800", "abcd", "é", "x" * 33]), st.text(max_size=4),
    st.builds(CsvText, st.sampled_from(["", "1", "a"])),
)  # fmt: skip


@given(st.sampled_from(TYPES), st.lists(st.none() | VALUES, max_size=4), st.sampled_from([None, 5, 15]))
def test_what_fits_is_what_converting_leaves_alone(
    kind: sa.types.TypeEngine[Any], column: list[Any], digits: int | None
) -> None:
    """The same values of the same types, and no error."""
    if fit(column, fits(kind, digits)):
        convert = converter(kind, digits=digits)
        converted = [convert(value) for value in column]
        assert [(type(value), repr(value)) for value in column] == [(type(value), repr(value)) for value in converted]


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        (sa.Integer(), [1, None, -5]),
        (sa.Boolean(), [True, None]),
        (sa.Double(), [1.5, 2.5]),
        (sa.Numeric(10, 2), [Decimal("1.50"), Decimal("-0.25")]),
        (sa.DateTime(), [datetime(2026, 1, 5)]),
        (sa.DateTime(timezone=True), [datetime(2026, 1, 5, tzinfo=UTC)]),
        (sa.Date(), [date(2026, 1, 5)]),
        (sa.Time(), [time(7, 30)]),
        (sa.Uuid(), [UUID(int=1)]),
        (sa.LargeBinary(), [b"\0"]),
        (sa.Enum("a", "b"), ["a", None]),
        (sa.String(3), ["abc", "", None]),
        (sa.Text(), ["ünïcödé 👩"]),
        (sa.JSON(), [None, None]),
    ],
    ids=repr,
)
def test_what_a_column_wants_is_seen_at_once(kind: sa.types.TypeEngine[Any], column: list[Any]) -> None:
    """Or nothing would be gained."""
    assert fit(column, fits(kind, 15))
