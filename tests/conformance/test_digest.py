"""Digest: the same rows have the same digest on every database."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from tests.conformance.conftest import DIALECTS
from tests.conformance.place import Place

PRECISE = {"mysql": mysql.DATETIME(fsp=6), "mariadb": mysql.DATETIME(fsp=6)}


def portable() -> sa.MetaData:
    """A table with a column of every type that the databases share, and one that points to it."""
    metadata = sa.MetaData()
    sa.Table(
        "everything", metadata,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("small", sa.SmallInteger), sa.Column("big", sa.BigInteger), sa.Column("flag", sa.Boolean),
        sa.Column("money", sa.Numeric(12, 2)), sa.Column("whole", sa.Numeric(15, 0)), sa.Column("ratio", sa.Double),
        sa.Column("word", sa.String(40)), sa.Column("code", sa.CHAR(4)), sa.Column("long", sa.Text),
        sa.Column("day", sa.Date), sa.Column("clock", sa.Time),
        sa.Column("at", sa.DateTime().with_variant(PRECISE["mysql"], "mysql", "mariadb")),
        sa.Column("moment", sa.DateTime(timezone=True).with_variant(PRECISE["mysql"], "mysql", "mariadb")),
        sa.Column("blob", sa.LargeBinary), sa.Column("extra", sa.JSON),
        sa.Column("extra2", sa.JSON().with_variant(postgresql.JSONB(), "postgresql")), sa.Column("uid", sa.Uuid),
        sa.Column("mood", sa.Enum("sad", "Happy", "it's", name="mood")),
    )  # fmt: skip
    sa.Table(
        "part", metadata, sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("whole_id", sa.ForeignKey("everything.id")), sa.Column("part_id", sa.ForeignKey("part.id")),
        sa.Column("name", sa.String(20), unique=True),
    )  # fmt: skip
    return metadata


def rows() -> list[dict[str, Any]]:
    """Rows at the limits, rows of NULL and rows in between."""
    dice = random.Random(5)
    words = [
        "",
        " ",
        "a ",
        "A",
        "é",
        "e\u0301",
        "👩‍👩‍👧",
        "\\",
        "\\0",
        "-",
        "1.0",
        "'",
        '"',
        "%s",
        "new\nline",
        "ß" * 40,
    ]
    zones = [UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=11))]
    found: list[dict[str, Any]] = []
    for i in range(80):
        found.append(
            {
                "id": i, "small": dice.choice([-32768, 0, 32767]), "big": dice.choice([-(2**63), 2**63 - 1, 2**53 + 1, 0]),
                "flag": dice.random() < 0.5, "money": Decimal(dice.randrange(-(10**12) + 1, 10**12)).scaleb(-2),
                "whole": Decimal(dice.randrange(10**15)), "ratio": dice.choice([0.0, -0.0, 0.1, 1e300, 5e-324, 1 / 3, 12.0, 1e22]),
                "word": dice.choice(words), "code": dice.choice(["ab", "abcd", "", "é"]), "long": dice.choice(words) * 100,
                "day": dice.choice([date(1, 1, 1), date(9999, 12, 31), date(2024, 2, 29)]),
                "clock": dice.choice([time(0), time(23, 59, 59)]),
                "at": datetime(dice.choice([1, 1970, 9999]), 12, 31, 23, 59, 59, dice.choice([0, 999_999, 1])),
                "moment": datetime(2026, 1, 5, 1, 2, 3, dice.choice([0, 500_000]), tzinfo=dice.choice(zones)),
                "blob": dice.randbytes(dice.randrange(20)), "uid": uuid.UUID(int=dice.getrandbits(128), version=4),
                "extra": dice.choice([{"b": [1, 2.0, None, {"é": "👩"}], "a": 0.5}, [], {}, "text", 0, False, 1e10]),
                "extra2": {"z": [1.0, {"y": [], "x": True}], "a": dice.choice([1, 1.0, "1", None])},
                "mood": dice.choice(["sad", "Happy", "it's"]),
            }
        )  # fmt: skip
    return [*found, {**dict.fromkeys(found[0]), "id": 80}]


@pytest.fixture
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Place]]:
    """A place on every dialect at once."""
    with ExitStack() as stack:
        found = {}
        for product in DIALECTS:
            folder = tmp_path / product.name
            folder.mkdir()
            found[product.name] = stack.enter_context(Place(product, request.getfixturevalue(product.url), folder))
        yield found


SEED = """import random
from tests.conformance.test_digest import parts, rows

def upgrade(db):
    shuffle = random.Random({number})
    given = rows()
    db.{writer}("everything", shuffle.sample(given, len(given)))
    db.upsert("part", shuffle.sample(parts(), 10), key="name")
"""


def parts() -> list[dict[str, Any]]:
    """Rows whose numbers the database chooses, and which point to one another."""
    return [{"name": f"p{i}", "whole_id": i % 3, "part_id.name": f"p{i + 1}" if i < 9 else None} for i in range(10)]


def digests(place: Place) -> dict[str, tuple[int, str, tuple[str, ...]]]:
    """Apply what is pending and digest the tables."""
    with place.seeder() as seeder:
        seeder.upgrade()
        found = seeder.digest(["everything", "part"])
    return {each.table: (each.rows, each.digest, each.left_out) for each in found}


def test_every_database_has_the_same_digest(places: dict[str, Place]) -> None:
    """However the rows came in, and in whatever order; another value is another digest."""
    found = []
    for number, place in enumerate(places.values()):
        place.create(portable())
        text = SEED.format(number=number, writer="load" if number % 2 else "upsert")
        place.seeds({"reference/20260101_0000_all.py": text})
        found.append(digests(place))
    assert (81, ()) == found[0]["everything"][::2]
    assert (10, ("id", "part_id")) == found[0]["part"][::2]
    assert 1 == len({str(each) for each in found}), found
    for place in places.values():
        place.seeds({"reference/20260102_0000_more.sql": "UPDATE everything SET word = 'other' WHERE id = 5"})
        changed = digests(place)
        assert changed["everything"][1] != found[0]["everything"][1]
        assert changed["part"] == found[0]["part"]
