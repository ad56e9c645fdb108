"""Bad columns and bad compression: Parquet, Arrow, frames, tuples, `.gz` and `.zst`."""

from __future__ import annotations

import gzip
import io

import pyarrow as pa
from pyarrow import parquet

from tests.mistakes.case import CITY, CSV, JSONL, NEW, PY, Case
from tests.mistakes.cases_rows import does

PARQUET = CSV.replace(".csv", ".parquet")
ARROW = CSV.replace(".csv", ".arrow")
HINT = "Is it what its name says, and was it written to its end?"
AGAIN = "It was not written to its end, or was changed on its way: compress it again."
LONG = "id,name\n" + "".join(f"{i},name {i * i}\n" for i in range(2000))


def packed(**columns: list[object]) -> bytes:
    """Write a Parquet file."""
    sink = io.BytesIO()
    parquet.write_table(pa.table(columns), sink)
    return sink.getvalue()


def frame(columns: str) -> dict[str, str | bytes | None]:
    """Give a seed that loads a frame."""
    return {PY: f'import polars\n\ndef upgrade(db):\n    db.load("city", polars.DataFrame({columns}))\n'}


CASES = (
    Case(
        "parquet: a column that the table lacks",
        {PARQUET: packed(id=[1], nmae=["Ur"])},
        word="seed",
        at=PARQUET,
        seed=CITY,
        table="city",
        column="nmae",
        says=("the table has no column 'nmae'",),
        hint="Did you mean name?",
    ),
    Case(
        "parquet: a value that does not fit",
        {PARQUET: packed(id=[1, 2], name=["Ur", "Uruk"], country_code=["IE", "IRL"])},
        word="seed",
        at=PARQUET,
        seed=CITY,
        table="city",
        row=2,
        column="country_code",
        says=("'IRL' does not fit VARCHAR(2): 3 characters, but the column takes 2",),
        hint="Correct the text, or the column in a migration.",
    ),
    Case(
        "parquet: the computed column",
        {PARQUET: packed(id=[1], name=["Ur"], shout=["UR"])},
        word="seed",
        at=PARQUET,
        seed=CITY,
        table="city",
        column="shout",
        says=("the database computes this column, so it takes no values",),
        hint="Leave the column out of the rows.",
    ),
    Case(
        "parquet: a country that is not there",
        {PARQUET: packed(id=[1, 2], name=["Ur", "Uruk"], country_code=["IE", "XX"])},
        word="database",
        at=PARQUET,
        seed=CITY,
        table="city",
        row=2,
        column="country_code",
        says=("(country_code) = (XX) points to no row of countries",),
        hint="Load the parents first: that row of countries is missing. Or correct the key.",
    ),
    Case(
        "parquet: cut short",
        {PARQUET: packed(id=[1], name=["Ur"])[:-20]},
        word="seed",
        at=PARQUET,
        seed=CITY,
        says=("cannot be read as columns: Parquet magic bytes not found in footer",),
        hint=HINT,
    ),
    Case(
        "parquet: a CSV under another name",
        {PARQUET: "id,name\n1,Ur\n"},
        word="seed",
        at=PARQUET,
        seed=CITY,
        says=("cannot be read as columns",),
        hint=HINT,
    ),
    Case(
        "arrow: nothing in it",
        {ARROW: ""},
        word="seed",
        at=ARROW,
        seed=CITY,
        says=("cannot be read as columns",),
        hint=HINT,
    ),
    Case(
        "gz: cut short",
        {f"{CSV}.gz": gzip.compress(LONG.encode(), mtime=0)[:2000]},
        word="seed",
        at=f"{CSV}.gz",
        seed=CITY,
        table="city",
        says=("cannot be decompressed: Compressed file ended before the end-of-stream marker was reached",),
        hint=AGAIN,
    ),
    Case(
        "gz: not compressed",
        {f"{CSV}.gz": "id,name\n1,Ur\n"},
        word="seed",
        at=f"{CSV}.gz",
        seed=CITY,
        says=("cannot be decompressed: Not a gzipped file",),
        hint=AGAIN,
    ),
    Case(
        "gz: a bad line",
        {f"{JSONL}.gz": gzip.compress(b'{"id": 1, "name": "Ur"}\n{"id": 2, "name": }\n', mtime=0)},
        word="seed",
        at=f"{JSONL}.gz:2",
        seed=CITY,
        table="city",
        says=("this is not JSON: expecting value at `}`",),
        hint="JSON Lines are one whole object to a line.",
    ),
    Case(
        "zst: cut short",
        {f"{CSV}.zst": pa.Codec("zstd").compress(LONG.encode(), asbytes=True)[:2000]},
        word="seed",
        at=f"{CSV}.zst",
        seed=CITY,
        says=("cannot be decompressed: Truncated compressed stream",),
        hint=AGAIN,
    ),
    Case(
        "zst: not compressed",
        {f"{CSV}.zst": "id,name\n1,Ur\n"},
        word="seed",
        at=f"{CSV}.zst",
        seed=CITY,
        says=("cannot be decompressed: ZSTD decompress failed",),
        hint=AGAIN,
    ),
    Case(
        "two files of one seed, one compressed",
        {CSV: "id,name\n1,Ur\n", f"{CSV}.gz": gzip.compress(b"id,name\n1,Ur\n", mtime=0)},
        word="seed",
        at=CSV,
        says=(f"has the same revision as {CITY}.csv.gz",),
        hint="Rename one of them, or write a script of that name that reads both.",
    ),
    Case(
        "a frame: a column that the table lacks",
        frame('{"id": [1], "nmae": ["Ur"]}'),
        word="seed",
        at=f"{PY}:4",
        seed=NEW,
        table="city",
        column="nmae",
        says=("the table has no column 'nmae'",),
        hint="Did you mean name?",
    ),
    Case(
        "a frame: a value that does not fit",
        frame('{"id": [1, 2], "name": ["Ur", "x" * 21]}'),
        word="seed",
        at=f"{PY}:4",
        seed=NEW,
        table="city",
        row=2,
        column="name",
        says=("21 characters, but the column takes 20",),
        hint="Correct the text, or the column in a migration.",
    ),
    Case(
        "a frame: one column of it",
        frame('{"id": [1]})["id"].sum('),
        word="seed",
        at=f"{PY}:4",
        seed=NEW,
        says=("rows are wanted, not int",),
        hint='Rows are a list, or any iterable, of dicts such as {"code": "AT", "name": "Austria"}.',
    ),
    Case(
        "a frame: with columns=",
        {PY: 'import polars\n\ndef upgrade(db):\n    db.load("city", polars.DataFrame({"id": [1]}), columns=["id"])\n'},
        word="seed",
        at=f"{PY}:4",
        seed=NEW,
        says=("columns= names the values of tuples, but these rows name theirs",),
        hint="Leave columns= out.",
    ),
    Case(
        "tuples: one value less",
        does('db.load("city", [(1, "Ur"), (2,)], columns=["id", "name"])'),
        word="seed",
        at=f"{PY}:2",
        seed=NEW,
        table="city",
        row=2,
        says=("this row has 1 values, and columns= names 2",),
        hint="Give None where a row has no value.",
    ),
    Case(
        "tuples: a dict among them",
        does('db.upsert("city", [(1, "Ur"), {"id": 2}], columns=["id", "name"])'),
        word="seed",
        at=f"{PY}:2",
        seed=NEW,
        table="city",
        row=2,
        says=("with columns=, a row must be a tuple of values, not dict",),
        hint='db.load("country", [("AT", "Austria")], columns=["code", "name"]).',
    ),
    Case(
        "tuples: no columns=",
        does('db.load("city", [(1, "Ur")])'),
        word="seed",
        at=f"{PY}:2",
        seed=NEW,
        row=1,
        says=("a row must be a dict of column names and values, not tuple",),
        hint='of dicts such as {"code": "AT", "name": "Austria"}',
    ),
    Case(
        "tuples: a column that the table lacks",
        does('db.load("city", [(1, "Ur")], columns=["id", "nmae"])'),
        word="seed",
        at=f"{PY}:2",
        seed=NEW,
        table="city",
        column="nmae",
        says=("the table has no column 'nmae'",),
        hint="Did you mean name?",
    ),
)
