"""What PostgreSQL alone has: its types, schemas, partitions, rules and kinds of keys."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tdm_seed.errors import DatabaseError, SeedError
from tdm_seed.values import Changes
from tests.conformance.place import Place, dicts

pytestmark = pytest.mark.only("postgresql")

TYPES = """
CREATE EXTENSION citext;
CREATE TYPE mood AS ENUM ('sad', 'it''s ok', 'Happy');
CREATE DOMAIN price AS numeric(9, 2) CHECK (VALUE >= 0);
CREATE DOMAIN tags AS jsonb;
CREATE TYPE pair AS (a integer, b text)
"""

#: declared type, value, the same value as text in a CSV (None: as the value's), what the server reads
VALUES: list[tuple[str, Any, str | None, str]] = [
    ("integer[]", [3, 1, None], "{3,1,NULL}", "{3,1,NULL}"),
    ("integer[]", [], "{}", "{}"),
    ("integer[][]", [[1, 2], [3, 4]], "[[1, 2], [3, 4]]", "{{1,2},{3,4}}"),
    ("text[]", ["a,b", "[x]"], '["a,b", "[x]"]', '{"a,b",[x]}'),
    ("text[]", ["a,b", 'q"uo\\te', "", "NULL", "it's {x}"], None, '{"a,b","q\\"uo\\\\te","","NULL","it\'s {x}"}'),
    ("varchar(5)[]", ["a", "b"], "{a,b}", "{a,b}"),
    ("numeric(5,1)[]", [1.5, 2], "{1.5,2.0}", "{1.5,2.0}"),
    ("uuid[]", ["6ba7b810-9dad-11d1-80b4-00c04fd430c8"], None, "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}"),
    ("date[]", [date(2026, 1, 5)], "{2026-01-05}", "{2026-01-05}"),
    ("mood[]", ["sad", "it's ok"], '{sad,"it\'s ok"}', '{sad,"it\'s ok"}'),
    ("boolean[]", [True, False, None], "{t,f,NULL}", "{t,f,NULL}"),
    ("jsonb[]", [{"a": [1]}, {"b": "x,y"}], None, '{"{\\"a\\": [1]}","{\\"b\\": \\"x,y\\"}"}'),
    ("jsonb", {"b": 1, "a": [None, "ü"]}, '{"b":1,"a":[null,"ü"]}', '{"a": [null, "ü"], "b": 1}'),
    ("json", {"b": 1, "a": None}, '{"b": 1, "a": null}', '{"b": 1, "a": null}'),
    ("mood", "it's ok", None, "it's ok"),
    ("price", "12.345", None, "12.35"),
    ("price", 3, None, "3.00"),
    ("tags", {"a": [1, {"b": None}]}, '{"a": [1, {"b": null}]}', '{"a": [1, {"b": null}]}'),
    ("citext", "MiXed", None, "MiXed"),
    ("inet", "192.168.0.1/24", None, "192.168.0.1/24"),
    ("cidr", "10.0.0.0/8", None, "10.0.0.0/8"),
    ("macaddr", "08:00:2b:01:02:03", None, "08:00:2b:01:02:03"),
    ("interval", timedelta(days=40, hours=5, microseconds=7), "40 days 05:00:00.000007", "40 days 05:00:00.000007"),
    ("interval", "1 mon 2 days", None, "1 mon 2 days"),
    ("interval(0)", "1.6 seconds", None, "00:00:02"),
    ("bit(4)", "0101", None, "0101"),
    ("bit varying(9)", "01", None, "01"),
    ("int4range", "[1,5)", None, "[1,5)"),
    ("daterange", "[2026-01-05,2026-02-01]", None, "[2026-01-05,2026-02-02)"),
    ("tstzrange", "[2026-01-05 00:00:00+00,)", None, '["2026-01-05 00:00:00+00",)'),
    ("int4multirange", "{[1,3),[5,8)}", None, "{[1,3),[5,8)}"),
    ("money", "12.50", None, "$12.50"),
    ("real", 0.1, "0.1", "0.1"),
    ("double precision", float("inf"), "Infinity", "Infinity"),
    ("numeric", "1.500", None, "1.500"),
    ("numeric(3)", 2.5, "2.5", "3"),
    ("timestamp(0)", "2026-01-05 10:00:00.6", None, "2026-01-05 10:00:01"),
    ("timestamp(3) with time zone", "2026-01-05 10:00:00.1236+02", None, "2026-01-05 08:00:00.124+00"),
    ("time(0)", "10:00:00.6", None, "10:00:01"),
    ("time with time zone", "10:00:00+02", None, "10:00:00+02"),
    ("char(4)", "ab", None, "ab"),
    ('"char"', "x", None, "x"),
    ("name", "a_name", None, "a_name"),
    ("text COLLATE \"C\"", "b", None, "b"),
    ("bytea", b"\x00\xff'\\", "\\x00ff275c", "\\x00ff275c"),
    ("xml", "<a b=\"1\">x &amp; y</a>", None, '<a b="1">x &amp; y</a>'),
    ("tsvector", "'cat':2 'fat':1", None, "'cat':2 'fat':1"),
    ("tsquery", "'fat' & 'rat'", None, "'fat' & 'rat'"),
    ("point", "(1,2)", None, "(1,2)"),
    ("polygon", "((0,0),(1,1),(1,0))", None, "((0,0),(1,1),(1,0))"),
    ("box", "(1,1),(0,0)", None, "(1,1),(0,0)"),
    ("oid", 42, "42", "42"),
    ("regclass", "pg_class", None, "pg_class"),
    ("pg_lsn", "16/B374D848", None, "16/B374D848"),
    ("jsonpath", "$.a[*]", None, '$."a"[*]'),
    ("pair", "(1,\"a,b\")", None, '(1,"a,b")'),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "given", "text", "read"), VALUES, ids=[f"{v[0]} {v[1]!r:.15}" for v in VALUES])
def test_value_arrives(place: Place, kind: str, given: Any, text: str | None, read: str) -> None:
    """By upsert and load, as an object and as text, and is unchanged when given again; NULL is NULL."""
    place.create(*TYPES.strip().split(";"), f"CREATE TABLE thing (id integer PRIMARY KEY, v {kind})")
    assert Changes(inserted=2) == place.db.upsert("thing", [{"id": 1, "v": given}, {"id": 2, "v": None}])
    assert Changes(inserted=1) == place.db.load("thing", [{"id": 3, "v": given}])
    many = [{"id": i, "v": None if i == 2 else given} for i in range(1, 41)]
    assert Changes(inserted=37, unchanged=3) == place.db.upsert("thing", many)
    assert Changes(unchanged=40) == place.db.upsert("thing", many)
    assert Changes(unchanged=1) == place.db.upsert("thing", many[:1])
    assert read == place.db.scalar("SELECT v::text FROM thing WHERE id = 1")
    if isinstance(given, str) or text:
        quoted = (text or given).replace('"', '""')
        file = place.csv(f'id,v\n1,"{quoted}"\n2,\n50,"{quoted}"\n')
        assert Changes(inserted=1, unchanged=2) == place.db.upsert("thing", file)
    assert Changes(updated=1) == place.db.upsert("thing", [{"id": 1, "v": None}])
    assert Changes(updated=1) == place.db.upsert("thing", [{"id": 2, "v": given}])
    assert 1 == place.db.scalar("SELECT count(DISTINCT v::text) FROM thing")


def test_citext_keys_are_one_key(place: Place) -> None:
    """'DE' and 'de' are one row to citext, and a change of case is a change."""
    place.create("CREATE EXTENSION citext", "CREATE TABLE t (code citext PRIMARY KEY, alias citext UNIQUE, n integer)")
    assert Changes(inserted=1) == place.db.upsert("t", dicts("code alias n", ("DE", "a", 1)), key="code")
    assert Changes(updated=1) == place.db.upsert("t", dicts("code alias n", ("de", "A", 1)), key="code")
    assert Changes(unchanged=1) == place.db.upsert("t", dicts("code alias n", ("De", "A", 1)), key="code")
    with pytest.raises(SeedError, match="was given already in row 1"):
        place.db.upsert("t", dicts("code", ["x"], ["X"]))


def test_nondeterministic_collation(place: Place) -> None:
    """A collation that folds case finds the row, and a change of case is a change."""
    place.create(
        "CREATE COLLATION folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        "CREATE TABLE t (code text COLLATE folding PRIMARY KEY, title text COLLATE folding)",
    )
    for many in (1, 40):
        rows = [{"code": f"k{i}", "title": "a"} for i in range(many)]
        place.db.upsert("t", rows)
        again = [{"code": f"K{i}", "title": "A"} for i in range(many)]
        assert Changes(updated=many) == place.db.upsert("t", again)
        assert Changes(unchanged=many) == place.db.upsert("t", again)
        place.db.delete("t", where={})


def test_other_schemas(place: Place) -> None:
    """Tables of other schemas are written by ``schema.table``, with keys and references across schemas."""
    place.create(
        'CREATE SCHEMA app; CREATE SCHEMA "Odd.One";'
        "CREATE TABLE app.role (id serial PRIMARY KEY, code text UNIQUE NOT NULL);"
        "CREATE TABLE role (id serial PRIMARY KEY, code text UNIQUE NOT NULL);"
        'CREATE TABLE "Odd.One"."per.son" (id serial PRIMARY KEY, email text UNIQUE NOT NULL,'
        ' role_id integer REFERENCES app.role, boss_id integer REFERENCES "Odd.One"."per.son")'
    )
    db = place.db
    db.load("role", dicts("id code", (70, "admin")))
    assert Changes(inserted=2) == db.upsert("app.role", dicts("id code", (7, "admin"), (9, "reader")))
    name = '"Odd.One"."per.son"'
    rows = dicts("email role_id.code boss_id.email", ("a@x", "admin", "b@x"), ("b@x", "reader", None))
    assert Changes(inserted=2) == db.upsert(name, rows)
    assert Changes(unchanged=2) == db.upsert(name, rows)
    assert [(7, 2), (9, None)] == [
        tuple(row.values()) for row in db.rows(f"SELECT role_id, boss_id FROM {name} ORDER BY email")
    ]
    assert Changes(inserted=1) == db.upsert("public.role", dicts("code", ["owner"]))
    assert [70, 71] == db.keys("public.role") == db.keys("role")
    place.commit()
    with place.other() as other:
        assert 10 == other.execute(sa.text("INSERT INTO app.role (code) VALUES ('x') RETURNING id")).scalar()
    assert {"Odd.One.per.son", "app.role", "role"} == set(db.changes)


def test_rows_of_one_table_of_another_schema_in_any_order(place: Place) -> None:
    """The same table by its schema's name, also by the default schema's."""
    place.create("CREATE TABLE node (id serial PRIMARY KEY, slug text UNIQUE, up integer REFERENCES node)")
    rows = dicts("slug up.slug", ("c", "b"), ("b", "a"), ("a", None))
    assert Changes(inserted=3) == place.db.upsert("public.node", rows)
    assert Changes(unchanged=3) == place.db.upsert("node", rows)
    with place.db.deferred_constraints("public.node"):
        place.db.load("public.node", dicts("id slug up", (20, "x", 21), (21, "y", None)))


def test_search_path_of_the_database(place: Place) -> None:
    """Where the database itself sets search_path, plain names mean what they mean there."""
    name = place.connection.scalar(sa.text("SELECT current_database()"))
    place.create(
        "CREATE SCHEMA app", f"ALTER DATABASE {name} SET search_path = app, public",
        "CREATE TABLE app.node (id serial PRIMARY KEY, slug text UNIQUE, up integer REFERENCES app.node)",
        "CREATE TABLE public.node (id serial PRIMARY KEY, other text)",
        "CREATE FUNCTION app.shout() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN PERFORM count(*) FROM node; NEW.slug := upper(NEW.slug); RETURN NEW; END$$",
        "CREATE TRIGGER t BEFORE INSERT ON app.node FOR EACH ROW EXECUTE FUNCTION app.shout()",
    )  # fmt: skip
    with place.session_at(place.url) as session, session.dialect.transaction(session.connection, write=True):
        db = place.database(session)
        assert Changes(inserted=2) == db.load("node", dicts("id slug", (5, "a"), (6, "b")))
        rows = dicts("slug up.slug", ("C", "D"), ("D", "A"))
        assert Changes(inserted=2) == db.upsert("node", rows, key="slug")
        assert Changes(unchanged=2) == db.upsert("app.node", rows, key="slug")
        assert [5, 6, 7, 8] == db.keys("node")


def test_generated_columns_take_no_values(place: Place) -> None:
    """Values for a generated column are refused; without them the row is written and compared."""
    place.create("CREATE TABLE t (id integer PRIMARY KEY, a integer, b integer GENERATED ALWAYS AS (a * 2) STORED)")
    with pytest.raises(SeedError, match="the database computes this column") as caught:
        place.db.upsert("t", dicts("id b", (1, 2)))
    assert "b" == caught.value.place.column
    assert Changes(inserted=1) == place.db.upsert("t", dicts("id a", (1, 2)))
    assert [(1, 2, 4)] == place.rows("t")


@pytest.mark.parametrize("kind", ["ALWAYS", "BY DEFAULT"])
def test_identity_columns(place: Place, kind: str) -> None:
    """Explicit numbers go into identity columns of both kinds, by load and upsert, and the sequence follows."""
    place.create(f"CREATE TABLE t (id integer GENERATED {kind} AS IDENTITY PRIMARY KEY, code text UNIQUE, n integer)")
    assert Changes(inserted=2) == place.db.load("t", dicts("id code n", (10, "a", 1), (11, "b", 1)))
    assert Changes(inserted=1, updated=1) == place.db.upsert("t", dicts("id code n", (11, "b", 2), (12, "c", 1)))
    many = [{"id": i, "code": f"k{i}", "n": i} for i in range(20, 60)]
    assert Changes(inserted=40) == place.db.upsert("t", many)
    assert Changes(updated=1) == place.db.upsert("t", dicts("id code n", (12, "c", 3)), key="code")
    assert Changes(inserted=1) == place.db.upsert("t", dicts("code", ["auto"]), key="code")
    assert 60 == place.db.scalar("SELECT id FROM t WHERE code = 'auto'")
    if kind == "ALWAYS":
        with pytest.raises(SeedError, match="GENERATED ALWAYS and cannot be changed") as caught:
            place.db.upsert("t", dicts("id code", (99, "c")), key="code")
        assert ("id", 1) == (caught.value.place.column, caught.value.place.row)
    else:
        assert Changes(updated=1) == place.db.upsert("t", dicts("id code", (99, "c")), key="code")


def test_keys_that_tell_no_rows_apart(place: Place) -> None:
    """Partial and expression indexes are no keys; NULLS NOT DISTINCT and INCLUDE are."""
    place.create(
        "CREATE TABLE t (id serial PRIMARY KEY, a text, b text, c text, d text);"
        "CREATE UNIQUE INDEX ON t (a) WHERE b IS NULL; CREATE UNIQUE INDEX ON t (lower(b));"
        "CREATE UNIQUE INDEX ON t (c) NULLS NOT DISTINCT; CREATE UNIQUE INDEX ON t (d) INCLUDE (a)"
    )
    for key in ("a", "b"):
        with pytest.raises(SeedError, match="no unique key") as caught:
            place.db.upsert("t", [{key: "x"}], key=key)
        assert "Unique keys of the table: id; c; d." == caught.value.hint
    rows = dicts("c a", (None, "1"), ("x", "2"))
    assert Changes(inserted=2) == place.db.upsert("t", rows)
    assert Changes(unchanged=2) == place.db.upsert("t", rows)
    assert Changes(inserted=1) == place.db.upsert("t", dicts("d b c", ("x", "2", "y")), key="d")


def test_partitioned_tables(place: Place) -> None:
    """Rows go through the parent into partitions, and are counted once."""
    place.create(
        "CREATE TABLE place (id integer PRIMARY KEY);"
        "CREATE TABLE m (id integer, y integer, at integer REFERENCES place, v text, PRIMARY KEY (id, y))"
        " PARTITION BY LIST (y);"
        "CREATE TABLE m1 PARTITION OF m FOR VALUES IN (1); CREATE TABLE m2 PARTITION OF m FOR VALUES IN (2)"
    )
    rows = [{"id": i, "y": 1 + i % 2, "at": i % 3, "v": "a"} for i in range(60)]
    with place.db.deferred_constraints("m", "place"):
        assert Changes(inserted=60) == place.db.load("m", rows)
        place.db.load("place", dicts("id", [0], [1], [2]))
    rows[5]["v"] = "b"
    assert Changes(updated=1, unchanged=59) == place.db.upsert("m", rows)
    assert Changes(unchanged=1) == place.db.upsert("m1", rows[:1])
    with pytest.raises(DatabaseError), place.connection.begin_nested():
        place.db.upsert("m", dicts("id y v", (1, 3, "x")))


INHERITED = """
CREATE TABLE log (id serial PRIMARY KEY, y integer, v text);
CREATE TABLE log1 (CHECK (y = 1), PRIMARY KEY (id)) INHERITS (log);
CREATE TABLE log2 (CHECK (y = 2), PRIMARY KEY (id)) INHERITS (log);
CREATE RULE one AS ON INSERT TO log WHERE NEW.y = 1 DO INSTEAD INSERT INTO log1 VALUES (NEW.*);
CREATE RULE two AS ON INSERT TO log WHERE NEW.y = 2 DO INSTEAD INSERT INTO log2 VALUES (NEW.*)
"""


def test_rules_that_put_rows_elsewhere(place: Place) -> None:
    """Rows that rules put into inheriting tables arrive there, by load and upsert, and are counted."""
    place.create(INHERITED)
    rows = [{"id": i, "y": 1 + i % 2, "v": "a"} for i in range(40)]
    assert Changes(inserted=40) == place.db.load("log", rows)
    assert [20, 20, 0] == [place.db.scalar(f"SELECT count(*) FROM {name}") for name in ("log1", "log2", "ONLY log")]
    rows += [{"id": i, "y": 1, "v": "b"} for i in range(40, 45)]
    assert Changes(inserted=5, unchanged=40) == place.db.upsert("log", rows)
    assert Changes(inserted=1, unchanged=1) == place.db.upsert("log", [rows[0], {"id": 99, "y": 2, "v": "c"}])
    assert 46 == place.db.scalar("SELECT count(*) FROM log")


def test_exclusion_and_deferrable_unique_constraints(place: Place) -> None:
    """EXCLUDE refuses overlaps in words; a deferrable unique key serves like any other."""
    place.create(
        "CREATE TABLE booking (id integer PRIMARY KEY, during int4range, EXCLUDE USING gist (during WITH &&));"
        "CREATE TABLE spot (id integer PRIMARY KEY, position integer UNIQUE DEFERRABLE INITIALLY DEFERRED, v text)"
    )
    place.db.load("spot", dicts("id position", (1, 1), (2, 2)))
    assert Changes(updated=2) == place.db.upsert("spot", dicts("id position", (1, 2), (2, 1)))
    assert Changes(updated=1) == place.db.upsert("spot", dicts("position v", (1, "x")), key="position")
    with pytest.raises(DatabaseError, match="exclusion constraint") as caught:
        place.db.load("booking", dicts("id during", (1, "[1,5)"), (2, "[4,6)")))
    assert caught.value.hint


def test_unlogged_and_temporary_tables(place: Place) -> None:
    """Tables of other kinds are written like any other."""
    place.create("CREATE UNLOGGED TABLE u (id integer PRIMARY KEY)")
    place.db.execute("CREATE TEMPORARY TABLE mine (id integer PRIMARY KEY)")
    assert Changes(inserted=1) == place.db.upsert("u", dicts("id", [1]))
    assert Changes(inserted=1) == place.db.upsert("mine", dicts("id", [1]))


def test_stale_sequences_of_a_copied_table(place: Place) -> None:
    """A sequence that was behind before we came is moved when numbers are given, and rows without them follow."""
    place.create("CREATE TABLE t (id serial PRIMARY KEY, v text UNIQUE); INSERT INTO t (id, v) VALUES (50, 'old')")
    place.db.upsert("t", dicts("id v", (3, "new")))
    place.db.upsert("t", dicts("v", ["next"]), key="v")
    assert 51 == place.db.scalar("SELECT id FROM t WHERE v = 'next'")
