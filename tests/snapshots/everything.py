"""Schemas with one of everything, for each kind of database, and all that can be said of a database."""

from __future__ import annotations

from typing import Any

from tdm_seed import dialects
from tests.engine.playground import Playground

POSTGRESQL = (
    "CREATE TYPE mood AS ENUM ('sad', 'glad')",
    "CREATE DOMAIN plus AS integer CHECK (VALUE > 0)",
    "CREATE SCHEMA other",
    "CREATE TABLE other.place (id serial PRIMARY KEY, name text)",
    "CREATE TABLE always (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mood mood, n plus, "
    "twice integer GENERATED ALWAYS AS (n * 2) STORED, place_id integer REFERENCES other.place)",
    "CREATE TABLE part (id integer, year integer) PARTITION BY LIST (year)",
    "CREATE TABLE part_2025 PARTITION OF part FOR VALUES IN (2025)",
    "CREATE INDEX part_by_lower ON always ((n + 1)) WHERE n > 1",
    'CREATE TABLE "odd ""na.me" ("a \' b" integer, "new\nline" text)',
    "CREATE VIEW glad AS SELECT id FROM always WHERE mood = 'glad'",
    "CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM always",
    "CREATE TABLE audit (id serial, what text)",
    "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
    "$$BEGIN INSERT INTO audit (what) VALUES (TG_OP); RETURN NULL; END$$",
    "CREATE TRIGGER noted AFTER INSERT ON always FOR EACH ROW EXECUTE FUNCTION note()",
    "ALTER TABLE audit ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY all_rows ON audit USING (true)",
    "INSERT INTO other.place (name) VALUES ('here'), ('there')",
    "INSERT INTO always (mood, n, place_id) VALUES ('glad', 3, 1), ('sad', 4, 2)",
    "INSERT INTO part VALUES (1, 2025)",
    """INSERT INTO "odd ""na.me" VALUES (1, 'x''y')""",
    "REFRESH MATERIALIZED VIEW counted",
)
MYSQL = (
    "CREATE TABLE always (id INTEGER AUTO_INCREMENT PRIMARY KEY, mood ENUM('sad', 'glad'), n INTEGER CHECK (n > 0), "
    "twice INTEGER GENERATED ALWAYS AS (n * 2) STORED, thrice INTEGER GENERATED ALWAYS AS (n * 3) VIRTUAL)",
    "CREATE TABLE part (id INTEGER, year INTEGER) PARTITION BY LIST (year) (PARTITION p5 VALUES IN (2025))",
    "CREATE TABLE `odd ``na.me'` (`a ' b` INTEGER, `new\nline` VARCHAR(20))",
    "CREATE TABLE child (id INTEGER PRIMARY KEY, always_id INTEGER, "
    "CONSTRAINT child_of FOREIGN KEY (always_id) REFERENCES always (id) ON DELETE CASCADE)",
    "CREATE VIEW a_view AS SELECT id FROM glad",
    "CREATE TABLE audit (id INTEGER AUTO_INCREMENT PRIMARY KEY, what VARCHAR(20))",
    "CREATE TRIGGER noted AFTER INSERT ON always FOR EACH ROW INSERT INTO audit (what) VALUES ('insert; 100%')",
    "CREATE FUNCTION plus_one(n INTEGER) RETURNS INTEGER DETERMINISTIC RETURN n + 1",
    "CREATE PROCEDURE add_one() BEGIN INSERT INTO audit (what) VALUES ('called'); SELECT 1; END",
    "INSERT INTO always (mood, n) VALUES ('glad', 3), ('sad', 4)",
    "INSERT INTO child VALUES (1, 1)",
    "INSERT INTO part VALUES (1, 2025)",
    "INSERT INTO `odd ``na.me'` VALUES (1, 'x''y')",
)
#: Views need one another, and this one is made first here and listed last.
MYSQL = (*MYSQL[:4], "CREATE VIEW glad AS SELECT id FROM always WHERE mood = 'glad'", *MYSQL[4:])
SQLITE = (
    "CREATE TABLE always (id INTEGER PRIMARY KEY AUTOINCREMENT, mood TEXT CHECK (mood IN ('sad', 'glad')), n INTEGER, "
    "twice INTEGER GENERATED ALWAYS AS (n * 2) STORED)",
    'CREATE TABLE "odd ""na.me" ("a \' b" INTEGER, "new\nline" TEXT)',
    "CREATE TABLE audit (id INTEGER PRIMARY KEY, what TEXT)",
    "CREATE VIEW glad AS SELECT id FROM always WHERE mood = 'glad'",
    "CREATE INDEX always_by_n ON always (n + 1) WHERE n > 1",
    "CREATE TRIGGER noted AFTER INSERT ON always BEGIN INSERT INTO audit (what) VALUES ('insert'); END",
    "INSERT INTO always (mood, n) VALUES ('glad', 3), ('sad', 4)",
    """INSERT INTO "odd ""na.me" VALUES (1, 'x''y')""",
)
SCHEMAS = {"postgresql": POSTGRESQL, "mysql": MYSQL, "sqlite": SQLITE}

#: What a test does to such a database: rows come, change and go, and a number is drawn that nobody keeps.
SPOILING = (
    "INSERT INTO always (mood, n) VALUES ('sad', 9)",
    "UPDATE always SET mood = 'glad' WHERE n = 4",
    "DELETE FROM item WHERE id = 1",
    "INSERT INTO audit (what) VALUES ('spoilt')",
)
_VIEWS = {
    "postgresql": "SELECT table_schema, table_name FROM information_schema.tables "
    "WHERE table_schema IN ('public', 'other') UNION ALL SELECT 'public', 'counted' ORDER BY 1, 2",
    "mysql": "SELECT table_schema, table_name FROM information_schema.tables "
    "WHERE table_schema = DATABASE() ORDER BY 1, 2",
    "sqlite": "SELECT 'main', name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY 2",
}
_NUMBERS = {
    "postgresql": "SELECT schemaname, sequencename, last_value FROM pg_sequences "
    "WHERE sequencename NOT LIKE 'seed_history%' ORDER BY 1, 2",
    "sqlite": "SELECT * FROM sqlite_sequence ORDER BY name",
}


def product(play: Playground) -> str:
    """Name the kind of database."""
    return play.url.partition(":")[0].partition("+")[0]


def furnish(play: Playground) -> None:
    """Make one of everything."""
    play.sql(*SCHEMAS[product(play)])


def spoil(play: Playground) -> None:
    """Write, and take something back that stays in the numbers."""
    play.sql(*SPOILING)
    with play.connection() as connection:
        connection.exec_driver_sql("INSERT INTO always (mood, n) VALUES ('glad', 5)")
        connection.rollback()


def state(play: Playground) -> dict[str, Any]:
    """Say everything of a database but its history: rows, also of views; what numbers come next; the catalogue."""
    kind = product(play)
    quote = (lambda name: f"`{name.replace('`', '``')}`") if kind == "mysql" else _quoted
    found: dict[str, Any] = {
        f"{schema}.{name}": sorted(play.rows(f"SELECT * FROM {quote(schema)}.{quote(name)}"), key=repr)
        for schema, name in play.rows(_VIEWS[kind])
        if not name.startswith("seed_history") and not name.startswith("sqlite_")
    }
    if kind == "mysql":
        found["numbers"] = [play.rows(f"SHOW CREATE TABLE {name}")[0][1] for name in ("always", "audit", "child")]
    else:
        found["numbers"] = [row for row in play.rows(_NUMBERS[kind]) if "seed_history" not in row]
    dialect, _ = dialects.resolve(play.url)
    with play.connection() as connection:
        found["catalogue"] = dialect.fingerprint(connection, {"seed_history", "seed_history_lock"})
    return found


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
