"""SQL scripts: what is one statement, what it counts, where it fails, and what it may not do."""

from __future__ import annotations

import signal
import time
from types import FrameType

import pytest

from tdm_seed.errors import DatabaseError, SeedError, TdmSeedError, VerificationFailed
from tdm_seed.values import Changes
from tests.conformance.place import Place

NOTE = "CREATE TABLE note (id INTEGER PRIMARY KEY, body VARCHAR(200))"
LOG = "CREATE TABLE log (id INTEGER PRIMARY KEY, body VARCHAR(200))"


@pytest.fixture
def place(place: Place) -> Place:
    """A place with two tables."""
    place.create(NOTE, LOG)
    return place


def bodies(place: Place) -> list[str]:
    """Read what the scripts wrote, in the order of the numbers."""
    return [body for _, body in sorted(place.rows("note", "id", "body"))]


# ---- what is one statement ------------------------------------------------------------------------------------------


def test_text_goes_to_the_database_as_it_stands(place: Place) -> None:
    """Per cent, colons, question marks, semicolons and doubled quotes in text are no parameters and no ends."""
    place.run(
        '-- 100 % of :all; "it\'s"\n'
        "INSERT INTO note VALUES (1, '50% :name %s %(x)s ?');\n"
        "/* ; ' */ INSERT INTO note VALUES (2, 'it''s; -- so /* it */ is') ;;\n"
        "INSERT INTO note VALUES (3, '{\"k\": [1, 2]}') -- no semicolon in the end; none"
    )
    assert ["50% :name %s %(x)s ?", "it's; -- so /* it */ is", '{"k": [1, 2]}'] == bodies(place)
    assert {"note": Changes(inserted=3)} == place.db.changes


def test_one_statement_goes_as_it_stands_unless_it_is_given_parameters(place: Place) -> None:
    """``db.execute`` takes ``:name`` for a parameter only when there are parameters."""
    assert Changes(inserted=1) == place.db.execute("INSERT INTO note VALUES (1, '50% :name %s')")
    assert Changes(inserted=1) == place.db.execute("INSERT INTO note VALUES (:id, :body)", id=2, body="%:x;'")
    assert ["50% :name %s", "%:x;'"] == bodies(place)
    with pytest.raises(SeedError, match="takes one statement, not 2"):
        place.db.execute("DELETE FROM note; DELETE FROM log")
    assert 2 == len(bodies(place))


def test_an_empty_script_does_nothing(place: Place) -> None:
    """Neither do blanks, semicolons and comments."""
    for nothing in ("", " \n\n", ";;\n;", "-- nothing; here\n", "/* nothing; */"):
        place.run(nothing)
    assert {} == place.db.changes


def test_text_beyond_ascii_keeps_lines_and_values(place: Place) -> None:
    """Characters of several bytes are counted as one."""
    place.run("INSERT INTO note VALUES (1, '日本 🎈 é; \nü');\nINSERT INTO note VALUES (2, 'ß')")
    assert ["日本 🎈 é; \nü", "ß"] == bodies(place)
    with pytest.raises(DatabaseError) as caught:
        place.run("INSERT INTO note VALUES (3, '🎈🎈🎈\n日本');\nINSERT INTO nowhere VALUES ('é')")
    assert 3 == caught.value.place.line


@pytest.mark.only("postgresql")
def test_postgresql_s_own_quotes_and_operators(place: Place) -> None:
    """Dollar quotes, nested comments, casts, JSON operators, E-strings and DO blocks."""
    place.run(
        """\
/* outer /* inner; */ still a comment; */
INSERT INTO note VALUES (1, $$it's; :x %$$), (2, $q$ $$;$$ $q$);
INSERT INTO note SELECT '3'::int, ('{"a": {"b": 5}}'::jsonb #>> '{a,b}') || ('{"a": 1}'::jsonb ? 'a')::text;
INSERT INTO note VALUES (4, E'tab\\tquote\\'; end'), (5, 'back\\slash');
DO $body$ BEGIN
  INSERT INTO note VALUES (6, 'from a block; done');
END $body$;
INSERT INTO note SELECT 7, ARRAY['a;b']::text[] @> ARRAY['a;b'] AND '[1]'::jsonb @> '1';
INSERT INTO note VALUES (8, U&'d\\0061t\\+000061');
"""
    )
    assert [
        "it's; :x %", " $$;$$ ", "5true", "tab\tquote'; end", "back\\slash", "from a block; done", "true", "data",
    ] == bodies(place)  # fmt: skip
    assert {"note": Changes(inserted=7)} == place.db.changes


@pytest.mark.only("postgresql")
def test_functions_with_bodies_of_both_kinds(place: Place) -> None:
    """A body in dollar quotes, and one between BEGIN ATOMIC and END."""
    place.run(
        """\
CREATE FUNCTION one() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN true THEN 1 ELSE 2 END; END; $$;
CREATE FUNCTION put(n int) RETURNS void BEGIN ATOMIC INSERT INTO note VALUES (n, 'x;'); DELETE FROM log; END;
SELECT put(one());
INSERT INTO note VALUES (2, 'y');
"""
    )
    assert ["x;", "y"] == bodies(place)
    assert {"note": Changes(inserted=1)} == place.db.changes


@pytest.mark.only("mysql")
def test_mariadb_s_own_quotes_and_comments(place: Place) -> None:
    """Backslashes escape, double quotes are text, and ``#`` begins a comment."""
    place.run(
        "INSERT INTO note VALUES (1, 'it\\'s; \\\\'), (2, \"so; '50%'\"); # a comment; here\n"
        "INSERT INTO `note` (`id`, `body`) VALUES (3, 'a\\nb') ; -- done\n"
        "INSERT INTO note VALUES (4, JSON_VALUE('{\"k\": \"v;\"}', '$.k'))"
    )
    assert ["it's; \\", "so; '50%'", "a\nb", "v;"] == bodies(place)
    assert {"note": Changes(inserted=4)} == place.db.changes


@pytest.mark.only("mysql")
def test_a_procedure_may_be_called(place: Place) -> None:
    """What it gives is more than one answer, which does not shift the counts and lines behind it."""
    place.create("CREATE PROCEDURE show_it() BEGIN SELECT 1; SELECT 2; INSERT INTO log VALUES (1, 'called'); END")
    place.run("CALL show_it();\nINSERT INTO note VALUES (1, 'a'), (2, 'b');\nDELETE FROM log")
    assert {"note": Changes(inserted=2), "log": Changes(deleted=1)} == place.db.changes
    with pytest.raises(DatabaseError) as caught:
        place.run("CALL show_it();\nINSERT INTO note VALUES (3, 'a');\nINSERT INTO note VALUES (1, 'again')")
    assert 3 == caught.value.place.line


@pytest.mark.only("mysql")
def test_an_executable_comment_by_itself_is_refused(place: Place) -> None:
    """The server would run it, though it looks like a comment to everybody else."""
    with pytest.raises(SeedError, match="the server would run") as caught:
        place.run("INSERT INTO note VALUES (1, 'a /*! b */');\n/*!40101 COMMIT */;\nINSERT INTO note VALUES (2, 'b')")
    assert ("seed.sql", 2) == (caught.value.place.file, caught.value.place.line)


@pytest.mark.only("sqlite")
def test_triggers_on_sqlite(place: Place) -> None:
    """The semicolons between a trigger's BEGIN and END end no statement."""
    place.run(
        """\
CREATE TRIGGER t AFTER INSERT ON note BEGIN
  INSERT INTO log VALUES (new.id, 'saw; ' || new.body);
  UPDATE log SET body = CASE WHEN id = 1 THEN body ELSE upper(body) END;
END;
INSERT INTO note VALUES (1, 'a'), (2, 'b');
"""
    )
    assert [(1, "saw; a"), (2, "SAW; B")] == place.rows("log")
    assert {"note": Changes(inserted=2)} == place.db.changes


def test_a_quote_that_is_never_closed(place: Place) -> None:
    """Is found before anything runs."""
    with pytest.raises(TdmSeedError) as caught:
        place.run("INSERT INTO note VALUES (1, 'a');\nINSERT INTO note VALUES (2, 'b);\n", line=10)
    assert "seed.sql" == caught.value.place.file
    assert 10 < (caught.value.place.line or 0) <= 12
    assert [] == bodies(place)


# ---- what it counts -------------------------------------------------------------------------------------------------


def test_rows_are_counted_per_table(place: Place) -> None:
    """By what the database reports, statement by statement."""
    place.run(
        "INSERT INTO note VALUES (1, 'a'), (2, 'b'), (3, 'c');\n"
        "INSERT INTO log SELECT * FROM note WHERE id > 1;\n"
        "SELECT * FROM note;\n"
        "UPDATE note SET body = 'x' WHERE id <= 2;\n"
        "UPDATE note SET body = 'x' WHERE id = 99;\n"
        "DELETE FROM log WHERE id = 3;\n"
        "DELETE FROM note WHERE id = 99"
    )
    expected = {"note": Changes(inserted=3, updated=2), "log": Changes(inserted=2, deleted=1)}
    assert expected == place.db.changes


def test_insert_behind_with_is_counted(place: Place) -> None:
    """The word that does the work stands behind the common table expression, or inside the INSERT."""
    rows = "c(id, body) AS (SELECT 1, 'a' UNION ALL SELECT 2, 'INSERT INTO log (;)')"
    place.run(
        f"INSERT INTO note WITH {rows} SELECT * FROM c;\n"
        if place.product.name == "mysql"
        else f"WITH {rows} INSERT INTO note SELECT * FROM c;\n"
    )
    assert {"note": Changes(inserted=2)} == place.db.changes
    assert Changes(inserted=1) == place.db.execute(
        "INSERT INTO log WITH c AS (SELECT 7 AS id) SELECT id, :body FROM c", body="x"
    )


@pytest.mark.parametrize("how", ["script", "statement"])
def test_rows_that_a_statement_returns_are_counted(place: Place, how: str) -> None:
    """RETURNING makes a query of an INSERT, which counts nevertheless."""
    sql = "INSERT INTO note (id, body) VALUES (1, 'a'), (2, 'b') RETURNING id"
    if how == "script":
        place.run(f"{sql};\nDELETE FROM note WHERE id = 9")
    else:
        place.db.execute(sql)
    assert {"note": Changes(inserted=2)} == place.db.changes


def merging(place: Place) -> list[str]:
    """Write what inserts one row and changes another in the words of the database."""
    rows = "(1, 'new'), (2, 'new')"
    if place.product.name == "mysql":
        return [
            f"INSERT INTO note VALUES {rows} ON DUPLICATE KEY UPDATE body = VALUES(body)",
            f"REPLACE INTO `note` VALUES {rows}",
            f"REPLACE LOW_PRIORITY note (id, body) VALUES {rows}",
        ]
    upsert = f"INSERT INTO note VALUES {rows} ON CONFLICT (id) DO UPDATE SET body = excluded.body"
    if place.product.name == "sqlite":
        return [upsert, f"INSERT OR REPLACE INTO note VALUES {rows}", f"REPLACE INTO note VALUES {rows}"]
    rows = f"(VALUES {rows}) AS given (id, body)"
    return [
        upsert,
        f"WITH gone AS (DELETE FROM note WHERE id = 1) INSERT INTO note SELECT * FROM {rows} WHERE id = 2",
        f"MERGE INTO note USING {rows} ON note.id = given.id "
        "WHEN MATCHED THEN UPDATE SET body = given.body WHEN NOT MATCHED THEN INSERT VALUES (given.id, given.body)",
    ]


@pytest.mark.parametrize("how", ["script", "statement"])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_what_one_number_cannot_tell_is_not_counted(place: Place, how: str, which: int) -> None:
    """A database gives one for rows inserted, changed and removed: it would be wrong as any of them."""
    place.run("INSERT INTO note VALUES (1, 'old')")
    assert ({"note": Changes(inserted=1)}, True) == (place.db.changes, place.db.counted)
    statement = merging(place)[which]
    if how == "script":
        place.run(f"{statement};\nSELECT 1")
    else:
        assert Changes() == place.db.execute(statement)
    assert ({"note": Changes(inserted=1)}, False) == (place.db.changes, place.db.counted)
    assert "new" in bodies(place)


def test_an_insert_that_leaves_out_what_is_there_is_counted(place: Place) -> None:
    """Its number is that of the rows inserted; words in quotes and names of functions are no statements."""
    ignore = "INSERT IGNORE INTO" if place.product.name == "mysql" else "INSERT INTO"
    behind = "" if place.product.name == "mysql" else " ON CONFLICT (id) DO NOTHING"
    place.run(
        "INSERT INTO note VALUES (1, 'on conflict do update');\n"
        f"{ignore} note VALUES (1, 'x'), (2, 'y'){behind};\n"
        "UPDATE note SET body = 'z' WHERE id = 1 OR REPLACE(body, 'y', 'x') = 'x'"
    )
    assert ({"note": Changes(inserted=2, updated=2)}, True) == (place.db.changes, place.db.counted)


def test_quoted_names_are_counted_under_the_table_s_name(place: Place) -> None:
    """However the statement spells them."""
    quote = "`" if place.product.name == "mysql" else '"'
    name = f"{quote}odd. Table{quote}"
    place.create(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY)")
    place.run(f"INSERT INTO {name} VALUES (1), (2);\nUPDATE {name} SET id = 3 WHERE id = 2;\nDELETE FROM {name}")
    assert {"odd. Table": Changes(inserted=2, updated=1, deleted=2)} == place.db.changes


# ---- where it fails -------------------------------------------------------------------------------------------------

GOOD = "INSERT INTO note VALUES ({}, 'ok')"
DUPLICATE = "INSERT INTO note\n  VALUES (100, 'x')"
UNKNOWN = "INSERT INTO note (id)\nSELECT 5\nFROM nowhere"
SYNTAX = "INSERT INTO note\n  VALUES (,)"


@pytest.mark.parametrize("where", ["first", "middle", "last"])
@pytest.mark.parametrize(("bad", "offset"), [(DUPLICATE, 0), (UNKNOWN, 2), (SYNTAX, 1)], ids=["key", "name", "syntax"])
def test_the_line_of_the_statement_that_failed(place: Place, bad: str, offset: int, where: str) -> None:
    """Counted from the top of the file; PostgreSQL points at the very line inside the statement."""
    place.run(GOOD.format(100))
    place.commit()
    before = {"first": [], "middle": [1, 2], "last": [1, 2, 3, 4]}[where]
    after = {"first": [1, 2], "middle": [3], "last": []}[where]
    script = "-- a comment;\n\n" + "".join(f"{GOOD.format(i)};\n\n" for i in before)
    starts = script.count("\n") + 1
    script += f"{bad};\n" + "".join(f"{GOOD.format(i)};\n" for i in after)
    with pytest.raises(DatabaseError) as caught:
        place.run(script, line=8)
    points = offset if place.product.name == "postgresql" else 0
    assert ("seed.sql", 7 + starts + points) == (caught.value.place.file, caught.value.place.line)
    place.rollback()
    assert ["ok"] == bodies(place)


def test_nothing_is_half_written(place: Place) -> None:
    """A seed whose last statement fails leaves no row and no history entry."""
    place.seeds({"reference/20260101_0000_half.sql": f"{GOOD.format(1)};\nDELETE FROM log;\n{GOOD.format(1)};\n"})
    place.run("INSERT INTO log VALUES (1, 'stays')")
    with place.seeder() as seeder:
        with pytest.raises(DatabaseError) as caught:
            seeder.upgrade()
        assert [] == seeder.history()
    found = caught.value.place
    assert ("seeds/reference/20260101_0000_half.sql", 3) == (found.file, found.line)
    assert ([], [(1, "stays")]) == (bodies(place), place.rows("log"))


# ---- what it may not do ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["COMMIT", "ROLLBACK", "BEGIN", "START TRANSACTION", "commit /* ; */ work"])
def test_a_script_may_not_end_its_transaction(place: Place, word: str) -> None:
    """It is refused with its line before anything runs."""
    with pytest.raises(SeedError, match="would end or open a transaction") as caught:
        place.run(f"{GOOD.format(1)};\n\n/* so */ {word};\n{GOOD.format(2)};\n", line=5)
    assert ("seed.sql", 7) == (caught.value.place.file, caught.value.place.line)
    assert "transaction: none" in str(caught.value.hint)
    assert [] == bodies(place)


def test_savepoints_are_allowed(place: Place) -> None:
    """Going back to one ends no transaction."""
    place.run(f"{GOOD.format(1)};\nSAVEPOINT a;\n{GOOD.format(2)};\nROLLBACK TO SAVEPOINT a;\nRELEASE SAVEPOINT a;\n")
    assert ["ok"] == bodies(place)


@pytest.mark.only("mysql")
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE x (id int)", "ALTER TABLE note ADD c int", "DROP TABLE log", "TRUNCATE TABLE note",
        "CREATE INDEX i ON note (body)", "LOCK TABLES note WRITE", "SET autocommit = 1", "RENAME TABLE log TO l",
    ],
)  # fmt: skip
def test_what_commits_implicitly_is_refused(place: Place, statement: str) -> None:
    """On MariaDB DDL commits what came before it, so it may not stand in a seed."""
    with pytest.raises(SeedError, match="commits implicitly") as caught:
        place.run(f"{GOOD.format(1)};\n{statement};\n")
    assert 2 == caught.value.place.line
    assert [] == bodies(place)


@pytest.mark.only("mysql")
def test_temporary_tables_are_allowed_on_mariadb(place: Place) -> None:
    """They commit nothing."""
    place.run(
        "CREATE TEMPORARY TABLE t AS SELECT 1 AS id;\nINSERT INTO note SELECT id, 'x' FROM t;\nDROP TEMPORARY TABLE t"
    )
    assert ["x"] == bodies(place)
    place.rollback()
    assert [] == bodies(place)


@pytest.mark.needs("DDL in a transaction")
def test_ddl_belongs_to_the_seed_where_the_database_can(place: Place) -> None:
    """And is taken back with it; the table it makes can be written to at once."""
    fresh = "CREATE TABLE fresh (id INTEGER PRIMARY KEY);\nINSERT INTO fresh VALUES (1);\n"
    place.run(fresh + "ALTER TABLE log ADD more INT")
    assert {"fresh": Changes(inserted=1)} == place.db.changes
    assert Changes(inserted=1) == place.db.upsert("log", [{"id": 1, "more": 3}])
    place.rollback()
    place.session.schema.forget()
    with pytest.raises(SeedError, match="there is no table"):
        place.db.table("fresh")


@pytest.mark.only("postgresql")
@pytest.mark.parametrize("statement", ["COPY note FROM STDIN", "COPY note TO STDOUT", "COPY (SELECT 1) TO STDOUT"])
def test_copy_from_and_to_a_client_is_refused(place: Place, statement: str) -> None:
    """A script has nobody to send rows or to take them."""
    with pytest.raises(SeedError, match="COPY") as caught:
        place.run(f"{GOOD.format(1)};\n{statement};\n")
    assert 2 == caught.value.place.line


# ---- verify ---------------------------------------------------------------------------------------------------------


def test_verify_takes_one_row_of_true_values(place: Place) -> None:
    """Every statement is asked, and several columns all count."""
    place.run(GOOD.format(1))
    place.verify("SELECT count(*) = 1 FROM note;\nSELECT 1, body = 'ok', '50%' LIKE '%:x' OR 1 = 1 FROM note")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT 1 FROM note WHERE id = 9", "gives no row"),
        ("SELECT 1 FROM note", "gives several rows"),
        ("SELECT count(*) = 9 FROM note", "which is not true"),
        ("SELECT 1, 0", "which is not true"),
        ("SELECT NULL", "gives None, which is not true"),
        ("SELECT max(id) > 1 FROM note WHERE id = 9", "gives None, which is not true"),
    ],
    ids=["no row", "two rows", "false", "zero", "null", "null of nothing"],
)
def test_verify_refuses_everything_else(place: Place, query: str, said: str) -> None:
    """And names the line of the statement."""
    place.run(f"{GOOD.format(1)};\n{GOOD.format(2)}")
    with pytest.raises(VerificationFailed, match=said) as caught:
        place.verify(f"SELECT 1;\n-- why\n{query};\nSELECT 1", line=20)
    assert ("seed.sql", 22) == (caught.value.place.file, caught.value.place.line)


def test_verify_names_the_line_of_a_mistake(place: Place) -> None:
    """A statement that the database refuses is an error of the database."""
    with pytest.raises(DatabaseError) as caught:
        place.verify("SELECT 1;\nSELECT 1 FROM nowhere", line=3)
    assert ("seed.sql", 4) == (caught.value.place.file, caught.value.place.line)


# ---- Ctrl-C ---------------------------------------------------------------------------------------------------------


@pytest.mark.only("postgresql")
def test_ctrl_c_stops_a_long_script(place: Place) -> None:
    """At once, and the connection can be used again after a rollback."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    begun = time.monotonic()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        with pytest.raises(KeyboardInterrupt):
            place.run(f"{GOOD.format(1)};\nSELECT pg_sleep(60);\n{GOOD.format(2)}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - begun < 20
    place.rollback()
    place.run(GOOD.format(3))
    place.commit()
    assert [(3, "ok")] == place.rows("note")
