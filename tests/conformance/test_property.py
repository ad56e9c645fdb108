"""Whatever rows are given, every way to write them leaves the same rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql

from tdm_seed.values import Changes
from tests.conformance.place import Place

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.sampled_from([0.5, -1.25, 1e10]) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
COLUMNS: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "whole": (sa.Integer(), st.integers(-(2**31), 2**31 - 1)),
    "big": (sa.BigInteger(), st.integers(-(2**63), 2**63 - 1)),
    "flag": (sa.Boolean(), st.booleans()),
    "money": (sa.Numeric(12, 2), st.decimals(-(10**10) + 1, 10**10 - 1, places=2) | st.integers(-(10**9), 10**9).map(Decimal)),
    "ratio": (sa.Double(), st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)),
    "word": (sa.String(12), TEXT),
    "long": (sa.Text(), TEXT),
    "day": (sa.Date(), st.dates()),
    "at": (MOMENT, st.datetimes()),
    "blob": (sa.LargeBinary(), st.binary(max_size=12)),
    "extra": (sa.JSON(none_as_null=True), JSON),
    "uid": (sa.Uuid(), st.uuids(version=4)),  # MariaDB refuses versions and variants that nobody has defined
}  # fmt: skip


def tables() -> sa.MetaData:
    """Three tables of the same kind."""
    metadata = sa.MetaData()
    for name in ("inlined", "staged", "plain"):
        columns = [sa.Column(column, kind) for column, (kind, _) in COLUMNS.items()]
        sa.Table(
            name, metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("code", sa.String(9), unique=True),
            *columns,
        )  # fmt: skip
    return metadata


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows, and rows that are partly the same, partly changed, partly new; sizes around the limit for inline values."""
    names = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=5, unique=True))
    size = draw(st.sampled_from([1, 2, 9, 10, 11, 12, 30]))
    few = {name: draw(st.lists(st.none() | COLUMNS[name][1], min_size=2, max_size=4)) for name in names}
    picks = st.integers(0, 10**6)

    def row(number: int, pick: int) -> dict[str, Any]:
        return {
            "id": number,
            "code": f"c{number}",
            **{n: few[n][(pick >> i) % len(few[n])] for i, n in enumerate(names)},
        }

    first = [row(i, draw(picks)) for i in range(size)]
    kept = draw(st.integers(0, size))
    again = first[:kept] + [row(i, draw(picks)) for i in range(kept, size + draw(st.integers(0, 3)))]
    return first, draw(st.permutations(again))


def test_every_way_leaves_the_same_rows(place: Place) -> None:
    """Inline upsert, staged upsert, load and SQLAlchemy's own INSERT agree; a second upsert changes nothing."""
    metadata = tables()
    place.create(metadata)
    few = place.dialect.inline_rows

    @settings(max_examples=12, suppress_health_check=list(HealthCheck))
    @given(batches())
    def agree(batches: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> None:
        first, second = batches
        for table in metadata.tables:
            place.db.delete(table, where={})
        place.dialect.inline_rows = few  # type: ignore[misc]
        assert Changes(inserted=len(first)) == place.db.upsert("inlined", first, key="code")
        assert Changes(unchanged=len(first)) == place.db.upsert("inlined", first, key="code")
        one = place.db.upsert("inlined", second)
        place.dialect.inline_rows = 0  # type: ignore[misc]
        assert Changes(inserted=len(first)) == place.db.upsert("staged", first, key="code")
        assert Changes(unchanged=len(first)) == place.db.upsert("staged", first, key="code")
        other = place.db.upsert("staged", second)
        assert one == other
        assert Changes(unchanged=len(second)) == place.db.upsert("staged", second)
        place.dialect.inline_rows = few  # type: ignore[misc]
        assert Changes(unchanged=len(second)) == place.db.upsert("inlined", second)
        place.connection.execute(sa.insert(metadata.tables["plain"]), second)
        assert place.rows("plain") == place.rows("staged")
        assert place.rows("plain") == place.rows("inlined")
        place.db.delete("staged", where={})
        assert Changes(inserted=len(second)) == place.db.load("staged", second)
        assert place.rows("plain") == place.rows("staged")

    agree()
