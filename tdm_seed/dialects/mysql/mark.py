"""What is kept in the database beside, and how far the binlog was read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.mysql.binlog import Anchor, Position
from tdm_seed.dialects.mysql.definitions import quoted
from tdm_seed.dialects.rewinding import Kept

#: The table that says what is kept; its row is written last.
MARK: Final = "baseline"
#: Asks for the next number of every table.
NUMBERS: Final = (
    "SELECT table_name, auto_increment FROM information_schema.tables "
    "WHERE table_schema = DATABASE() AND table_type <> 'VIEW'"
)
#: How many columns the mark has.
_WIDTH: Final = 13
_OURS: Final = re.compile(rf"{MARK}|place|t\d+")
_TABLES = sa.text("SELECT table_name FROM information_schema.tables WHERE table_schema = :name ORDER BY 1")


@dataclass(frozen=True)
class Mark:
    """What is kept, and how far the binlog was read: ``turn`` counts how often rows were put back.

    ``began`` is when the entry of the history began: whoever makes the database anew gets its number once more.
    """

    content: Kept
    began: str
    turn: int
    anchor: Anchor
    position: Position
    reach: dict[str, list[int]]


def beside(connection: Connection) -> str:
    """Name the database that holds the copies of the one at hand."""
    name = str(connection.dialect.default_schema_name)
    return f"tdm_seed_rows_{blake2b(name.encode(), digest_size=8, person=b'tdm-seed').hexdigest()}"


def stranger(connection: Connection) -> str | None:
    """Say which table in that database is not ours; None where all are."""
    name = beside(connection)
    found = next((each for each in connection.scalars(_TABLES, {"name": name}) if not _OURS.fullmatch(each)), None)
    return None if found is None else f"the database {name} is not ours: it holds the table {found}"


def definition(name: str) -> str:
    """Give the statement that makes the mark's table."""
    return (
        f"CREATE TABLE {quoted(name)}.{MARK} (history VARCHAR(200) NOT NULL, entry BIGINT NOT NULL, "
        "content VARCHAR(200) NOT NULL, heads VARCHAR(200) NOT NULL, fingerprint VARCHAR(200) NOT NULL, "
        "began VARCHAR(40) NOT NULL, turn BIGINT NOT NULL, "
        "anchor_file VARCHAR(255) NOT NULL, anchor_at BIGINT UNSIGNED NOT NULL, anchor TEXT NOT NULL, "
        "read_file VARCHAR(255) NOT NULL, read_at BIGINT UNSIGNED NOT NULL, reach LONGTEXT NOT NULL) ENGINE=InnoDB"
    )


def write(connection: Connection, name: str, mark: Mark) -> None:
    """Write the mark."""
    given = (":history", ":entry", ":key", ":heads", ":fingerprint", ":began", "0", ":anchor_file", ":anchor_offset",
             ":anchor", ":file", ":offset", ":reach")  # fmt: skip
    connection.execute(
        sa.text(f"INSERT INTO {quoted(name)}.{MARK} VALUES ({', '.join(given)})"),
        {
            **vars(mark.content),
            "began": mark.began,
            "anchor_file": mark.anchor.position.file,
            "anchor_offset": mark.anchor.position.offset,
            "anchor": mark.anchor.text,
            "file": mark.position.file,
            "offset": mark.position.offset,
            "reach": json.dumps(mark.reach),
        },
    )


def advancing(name: str, position: Position) -> str:
    """Note how far the binlog is dealt with; in a transaction it tells that this one is ours, so it always changes."""
    file = position.file.replace("'", "''")
    changes = f"turn = turn + 1, read_file = '{file}', read_at = {position.offset}"
    return f"UPDATE {quoted(name)}.{MARK} SET {changes}"


def read(rows: list[tuple[Any, ...]]) -> Mark | None:
    """Understand what ``question`` answers; a mark of another version, or somebody else's table, is none."""
    if not rows or len(rows[0]) != _WIDTH:
        return None
    *content, began, turn, anchor_file, anchor_offset, text, file, offset, reach = rows[0]
    return Mark(
        Kept(*content),
        began,
        turn,
        Anchor(Position(anchor_file, anchor_offset), text),
        Position(file, offset),
        json.loads(reach),
    )


def question(name: str) -> str:
    """Ask for the mark."""
    return f"SELECT * FROM {quoted(name)}.{MARK}"


def where(rows: list[tuple[Any, ...]]) -> Position:
    """Read where the binlog ends."""
    return Position(str(rows[0][0]), int(rows[0][1]))


def began(connection: Connection, content: Kept) -> str:
    """Ask the history when the entry began that is kept; empty where it has no such entry."""
    schema, _, name = content.history.rpartition(".")
    table = sa.table(name, sa.column("id"), sa.column("started_at"), schema=schema or None)
    return str(connection.scalar(sa.select(table.c.started_at).where(table.c.id == content.entry)) or "")


def live(connection: Connection) -> list[str]:
    """Have the server look at its tables for numbers, where it would tell what it has remembered for a day."""
    mariadb = getattr(connection.dialect, "is_mariadb", False)
    return [] if mariadb else ["SET SESSION information_schema_stats_expiry = 0"]
