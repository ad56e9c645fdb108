"""Rows that a reset must neither lose nor leave: of migrations, of kept tables, and those that triggers write."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tdm_seed.errors import DatabaseError, Protected, UsageError
from tests.engine.playground import MANIFEST, Playground
from tests.engine.test_reset import SHOP, create, reset


def keep(play: Playground, table: str) -> None:
    """Let the manifest keep a table."""
    play.manifest(text=MANIFEST.replace("scenarios", f'keep = ["{table}"]\nscenarios'))


@pytest.fixture
def seeder(postgresql_play: Playground) -> Iterator[Playground]:
    """A playground as a role sees it that owns the table ``item`` only; ``owner`` is still about."""
    play = postgresql_play
    owner = Playground(play.root, play.url)
    role = f"seeder_{sa.make_url(play.url).database}"
    owner.sql(f"CREATE ROLE {role} LOGIN", f"GRANT ALL ON SCHEMA public TO {role}", f"ALTER TABLE item OWNER TO {role}")
    play.url = sa.make_url(play.url).set(username=role).render_as_string(hide_password=False)
    yield play
    owner.sql(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def owner_of(play: Playground) -> Playground:
    """Give the playground as the owner of every table sees it."""
    url = sa.make_url(play.url).set(username="postgres").render_as_string(hide_password=False)
    return Playground(play.root, url)


def test_tables_in_which_migrations_note_what_has_run_are_left_alone(play: Playground) -> None:
    """An Alembic version table of any name, and those of other tools: else migrations would run a second time."""
    create(
        play,
        "CREATE TABLE billing_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        "CREATE TABLE flyway_schema_history (installed_rank INTEGER PRIMARY KEY, version VARCHAR(50))",
    )
    play.sql("INSERT INTO billing_version VALUES ('a1')", "INSERT INTO flyway_schema_history VALUES (1, '1')")
    play.item("one", 1)
    play.ran()
    play.sql("UPDATE billing_version SET version_num = 'b2'", "INSERT INTO flyway_schema_history VALUES (2, '2')")
    done = reset(play)
    assert [("b2",)] == play.rows("SELECT version_num FROM billing_version")
    assert 2 == len(play.rows("SELECT * FROM flyway_schema_history"))
    noted = {"billing_version", "flyway_schema_history"}
    assert noted == {each.table for each in done.emptying.kept if each.reason == "migrations note there what has run"}
    assert ["city", "country", "item"] == [each.table for each in play.digest()]


def test_tables_that_may_not_be_read_stay_with_what_they_may_point_to(seeder: Playground) -> None:
    """What they hold is not known, so it is not taken away; the rest is emptied."""
    owner_of(seeder).sql(
        "INSERT INTO country VALUES ('IE', 'Ireland')",
        "INSERT INTO city (name, country_code) VALUES ('Cork', 'IE')",
    )
    seeder.item("one", 1)
    assert ["one"] == seeder.ran()
    done = reset(seeder, empty=True)
    assert ["city", "country"] == [each.table for each in done.emptying.kept]
    assert [("item", 1)] == [(each.table, each.rows) for each in done.emptying.tables]
    assert [("Cork",)] == owner_of(seeder).rows("SELECT name FROM city")


def test_a_view_cannot_be_kept(play: Playground) -> None:
    """Whoever names one means the rows behind it, which would go."""
    play.sql("CREATE VIEW places AS SELECT * FROM country")
    keep(play, "places")
    play.seed("shop", SHOP)
    play.ran()
    with pytest.raises(UsageError, match="`keep` names 'places', which is a view"):
        reset(play)
    assert 2 == len(play.rows("SELECT * FROM country"))


def test_rows_that_come_back_leave_no_trace_in_other_tables(play: Playground) -> None:
    """A trigger notes each new row: the notes of the first rows come back once, those of a reset are not kept."""
    create(play, "CREATE TABLE note (id INTEGER PRIMARY KEY, what VARCHAR(50))", "CREATE TABLE late (what VARCHAR(9))")
    noting(play, "country", "INSERT INTO note VALUES ((SELECT 1 + count(*) FROM country), NEW.name)")
    play.sql("INSERT INTO country VALUES ('AT', 'Austria')", "INSERT INTO country VALUES ('IE', 'Ireland')")
    notes = sorted(play.rows("SELECT * FROM note"))
    play.item("one", 1)
    play.ran()
    noting(play, "country", "INSERT INTO late VALUES ('again')", name="second")
    play.sql("INSERT INTO country VALUES ('PT', 'Portugal')")
    reset(play, empty=True)
    assert (2, 2) == (len(notes), len(play.rows("SELECT * FROM country")))
    assert (notes, []) == (sorted(play.rows("SELECT * FROM note")), play.rows("SELECT * FROM late"))


def noting(play: Playground, table: str, statement: str, *, when: str = "INSERT", name: str = "first") -> None:
    """Create a trigger that runs a statement after each row."""
    if "postgresql" in play.url:
        play.sql(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {statement}; RETURN NULL; END $$",
            f"CREATE TRIGGER {name} AFTER {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
        )
    else:
        body = f"BEGIN {statement}; END"
        play.sql(f"CREATE TRIGGER {name} AFTER {when} ON {table} FOR EACH ROW {body}")


def test_a_trigger_that_takes_rows_of_a_kept_table_along_refuses_the_reset(play: Playground) -> None:
    """Whoever keeps a table keeps its rows; everything is as it was before."""
    keep(play, "country")
    play.item("one", 1)
    play.ran()
    play.sql("INSERT INTO country VALUES ('AT', 'Austria')", "INSERT INTO country VALUES ('IE', 'Ireland')")
    if "postgresql" in play.url:  # TRUNCATE fires no trigger for rows
        play.sql(
            "CREATE FUNCTION take() RETURNS trigger LANGUAGE plpgsql "
            "AS $$ BEGIN DELETE FROM country; RETURN NULL; END $$",
            "CREATE TRIGGER take AFTER TRUNCATE ON item EXECUTE FUNCTION take()",
        )
    else:
        noting(play, "item", "DELETE FROM country WHERE code = 'AT'", when="DELETE")
    before = play.content()
    with pytest.raises(DatabaseError, match="rows of country, which is kept, went as others were emptied"):
        reset(play)
    assert before == play.content()


def test_a_sequence_that_rows_which_come_back_have_drawn_from_goes_on(postgresql_play: Playground) -> None:
    """Else the next row would get a number that is in use; the numbered column begins behind its rows."""
    play = postgresql_play
    play.sql(
        "CREATE SEQUENCE tickets",
        "CREATE TABLE ticket (id serial PRIMARY KEY, code text UNIQUE DEFAULT 'T-' || nextval('tickets'))",
        "INSERT INTO ticket DEFAULT VALUES",
    )
    play.item("one", 1)
    play.ran()
    play.sql("INSERT INTO ticket DEFAULT VALUES")
    reset(play, empty=True)
    assert [(2, "T-3")] == play.rows("INSERT INTO ticket DEFAULT VALUES RETURNING id, code")


def test_no_trigger_for_rows_fires_where_tables_are_truncated(postgresql_play: Playground) -> None:
    """Also where a table points to others that has no row at the moment."""
    play = postgresql_play
    noting(play, "country", "INSERT INTO item VALUES (9, 'fired')", when="DELETE")
    play.seed("austria", 'def upgrade(db):\n    db.insert("country", {"code": "AT", "name": "Austria"})\n')
    play.ran()
    reset(play, empty=True)
    assert ([], []) == (play.items(), play.rows("SELECT * FROM country"))
    play.sql("CREATE SCHEMA other", "CREATE TABLE other.visit (code varchar(2) REFERENCES country)")
    play.ran()
    reset(play, empty=True)
    assert [] == play.rows("SELECT * FROM country")


def test_dates_come_back_whoever_reads_and_writes_them(postgresql_play: Playground) -> None:
    """The style in which a role or database writes dates is its own, and may change."""
    play = postgresql_play
    name = sa.make_url(play.url).database
    play.sql("CREATE TABLE diary (day date, span interval)", "INSERT INTO diary VALUES ('2024-03-04', '1-2')")
    play.sql(f"ALTER DATABASE {name} SET datestyle = 'SQL, DMY'")
    play.sql(f"ALTER DATABASE {name} SET intervalstyle = 'sql_standard'")
    play.item("one", 1)
    play.ran()
    play.sql(f"ALTER DATABASE {name} SET datestyle = 'SQL, MDY'")
    reset(play, empty=True)
    assert [(True, True)] == play.rows("SELECT day = '2024-03-04', span = interval '14 mons' FROM diary")


def test_rows_that_a_policy_hides_are_not_taken_away(seeder: Playground) -> None:
    """A table with policies for the role cannot be counted, let alone be brought back, so it stays."""
    owner = owner_of(seeder)
    owner.sql(
        "CREATE TABLE secret (id integer)",
        "INSERT INTO secret VALUES (1), (2)",
        "ALTER TABLE secret ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY few ON secret USING (id > 1)",
        f"GRANT ALL ON secret TO {sa.make_url(seeder.url).username}",
        f"GRANT ALL ON country, city TO {sa.make_url(seeder.url).username}",
    )
    keep(seeder, "city")
    seeder.item("one", 1)
    seeder.ran()
    assert "secret" in [each.table for each in reset(seeder, empty=True).emptying.kept]
    assert [(1,), (2,)] == sorted(owner.rows("SELECT id FROM secret"))


def test_a_foreign_key_that_spells_its_table_otherwise_is_seen(sqlite_play: Playground) -> None:
    """The database finds the table in any case, so a kept row must not lose what it points to."""
    play = sqlite_play
    play.sql("CREATE TABLE visit (id INTEGER PRIMARY KEY, code VARCHAR(2) REFERENCES Country (code))")
    keep(play, "visit")
    play.seed("shop", SHOP)
    play.ran()
    play.sql("INSERT INTO visit VALUES (1, 'AT')")
    with pytest.raises(Protected, match="rows of visit, which is kept, point to country"):
        reset(play)
    assert 2 == len(play.rows("SELECT * FROM country"))


def test_a_full_text_index_works_on_behind_a_reset(sqlite_play: Playground) -> None:
    """What such a table is made of is not touched; one over another table follows that by its triggers."""
    play = sqlite_play
    play.item("one", 1)
    play.ran()
    play.sql(
        "CREATE VIRTUAL TABLE docs USING fts5(body)",
        "CREATE VIRTUAL TABLE labels USING fts5(label, content='item', content_rowid='id')",
        "CREATE TRIGGER i AFTER INSERT ON item BEGIN INSERT INTO labels(rowid, label) VALUES (NEW.id, NEW.label); END",
        "CREATE TRIGGER d AFTER DELETE ON item BEGIN "
        "INSERT INTO labels(labels, rowid, label) VALUES ('delete', OLD.id, OLD.label); END",
        "INSERT INTO labels(labels) VALUES ('rebuild')",
        "INSERT INTO docs VALUES ('hello')",
    )
    assert ["city", "country", "docs", "item", "labels"] == [each.table for each in play.digest()]
    reset(play)
    assert [] == play.rows("SELECT * FROM docs")
    play.sql("INSERT INTO docs VALUES ('hello again')", "INSERT INTO labels(labels) VALUES ('integrity-check')")
    assert 1 == len(play.rows("SELECT * FROM docs WHERE docs MATCH 'hello'"))
    assert [(1,)] == play.rows("SELECT rowid FROM labels WHERE labels MATCH 'one'")


def test_tables_of_extensions_are_left_alone(postgresql_play: Playground) -> None:
    """What they hold is theirs."""
    play = postgresql_play
    play.sql("CREATE TABLE systems (id integer)", "ALTER EXTENSION plpgsql ADD TABLE systems")
    play.item("one", 1)
    play.ran()
    play.sql("INSERT INTO systems VALUES (1)")
    assert {"item": 1} == {each.table: each.rows for each in reset(play).emptying.tables}
    assert [(1,)] == play.rows("SELECT id FROM systems")
    assert ["city", "country", "item"] == [each.table for each in play.digest()]


def test_a_schema_that_is_only_searched_is_another_schema(postgresql_play: Playground) -> None:
    """The first one of the search path is emptied; the next one may be of another application."""
    play = postgresql_play
    play.sql(
        "CREATE SCHEMA app",
        "CREATE TABLE app.item (id integer PRIMARY KEY, label text)",
        "CREATE TABLE app.visit (code varchar(2) REFERENCES public.country)",
        f"ALTER DATABASE {sa.make_url(play.url).database} SET search_path = app, public",
    )
    play.item("one", 1)
    play.ran()
    play.sql("INSERT INTO public.country VALUES ('AT', 'Austria')", "INSERT INTO app.visit VALUES ('AT')")
    assert {"item": 1, "visit": 1} == {each.table: each.rows for each in reset(play).emptying.tables}
    assert [("AT",)] == play.rows("SELECT code FROM public.country")
    assert ["item", "visit"] == [each.table for each in play.digest()]
