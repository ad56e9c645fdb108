"""A table without its secondary indexes and keys while a load commits in chunks; afterwards they are what they were."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects import orphans
from tdm_seed.dialects.appending import Down
from tdm_seed.dialects.base import AS_IT_IS
from tdm_seed.dialects.mysql import checks, reflected
from tdm_seed.dialects.mysql.waits import waiting

#: Seconds that ALTER TABLE waits for those who use the table; the server's own limit is a day, or a year, and whoever
#: comes after us waits behind us.
PATIENCE = 60
#: Seconds that others may keep us from taking something down before it stays.
_PATIENCE_FIRST = 1

_NAME = r"`((?:[^`]|``)+)`"
#: A line of SHOW CREATE TABLE that defines an index or a foreign key. What else there is stays: PRIMARY KEY, which
#: holds the rows, FULLTEXT and SPATIAL, CHECK.
_PART = re.compile(rf"  (UNIQUE KEY|KEY|SPATIAL KEY|CONSTRAINT) {_NAME} (?:FOREIGN KEY )?\((?:{_NAME})?")
_PRIMARY = re.compile(r"  PRIMARY KEY \((.*?)\)(?: |,|$)")
_COUNTS = re.compile(rf"  {_NAME} .*\bAUTO_INCREMENT\b")
_ALTER = re.compile(rf"(ALTER TABLE {_NAME}) ADD ")
_TRIGGERS = sa.text(
    "SELECT count(*) FROM information_schema.triggers WHERE event_object_schema = DATABASE() "
    "AND event_object_table = :name AND event_manipulation = 'INSERT'"
)
#: The columns here that rows of any table point to.
_POINTED = sa.text(
    "SELECT GROUP_CONCAT(referenced_column_name ORDER BY ordinal_position) FROM information_schema.key_column_usage "
    "WHERE referenced_table_schema = DATABASE() AND referenced_table_name = :name "
    "GROUP BY constraint_schema, table_name, constraint_name"
)
#: What makes everything stay: somebody uses the table, the server needs one of the indexes, or we may not.
_HINDRANCES = (1075, 1142, 1205, 1553)


@dataclass(frozen=True)
class _Part:
    """An index or a foreign key: what it is, its name, the first column if it is one, and the server's words for it."""

    kind: str
    name: str
    first: str
    text: str

    @property
    def down(self) -> str:
        """What an ALTER TABLE takes it down with."""
        return f"DROP {'FOREIGN KEY' if self.kind == 'CONSTRAINT' else 'KEY'} {_quoted(self.name)}"


@dataclass(frozen=True)
class _Scheme:
    """What SHOW CREATE TABLE tells."""

    parts: list[_Part]
    primary: str
    counts: str
    plain: bool


def about(connection: Connection, table: sa.Table) -> int:
    """Take what the planner expects, which follows every statement."""
    named = connection.dialect.identifier_preparer.format_table(table).replace("%%", "%")
    found = _run(connection, f"EXPLAIN SELECT 1 FROM {named}").mappings().first()
    return int((found and found["rows"]) or 0)


def has_triggers(connection: Connection, table: sa.Table) -> bool:
    """Tell whether a trigger runs for each row that is inserted; one in another database may be."""
    return table.schema is not None or bool(connection.scalar(_TRIGGERS, {"name": table.name}))


def take_down(connection: Connection, table: sa.Table, note: Callable[[Sequence[Down]], None]) -> Iterator[str]:
    """Take down secondary indexes and, of a table without rows, unique and foreign keys, all in one statement.

    Each kind is shown in the order in which it was made, so only the last of it go: behind one that stays, those that
    are made again would stand at another place.
    """
    scheme = _scheme(connection, table)
    if not scheme.plain or has_triggers(connection, table):
        return
    empty = connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is None
    parts = _going(connection, table, scheme, empty=empty)
    if not parts:
        return
    alter = f"ALTER TABLE {_quoted(table.name)}"
    note([Down(table.name, part.name, f"{alter} ADD {part.text}") for part in parts])
    with waiting(connection, _PATIENCE_FIRST):
        try:
            _run(connection, f"{alter} {', '.join(part.down for part in parts)}")
        except sa.exc.DBAPIError as error:
            if error.orig is None or error.orig.args[0] not in _HINDRANCES:
                raise
            return
    yield table.name


def build(connection: Connection, downs: Sequence[Down]) -> None:
    """Build what is missing of one table: all indexes in one pass over its rows, then its foreign keys.

    With checks on, adding a foreign key copies the table. With checks off it takes no time, and from then on nobody
    else can break it; then it is proven by an anti-join, which also names the orphan.

    Raises:
        DatabaseError: an orphan, with its key.
    """
    if not downs:
        return
    table = sa.table(downs[0].table)
    there = {(part.kind == "CONSTRAINT", part.name) for part in _scheme(connection, table).parts}
    keys = [each for each in downs if _adds(each).startswith("CONSTRAINT ")]
    alter = f"ALTER TABLE {_quoted(table.name)} "
    with waiting(connection, PATIENCE):
        indexes = [_adds(each) for each in downs if each not in keys and (False, each.name) not in there]
        if indexes:
            _run(connection, alter + ", ".join(f"ADD {text}" for text in indexes))
        missing = [_adds(each) for each in keys if (True, each.name) not in there]
        if missing:
            _run(connection, checks.OFF)
            try:
                _run(connection, alter + ", ".join(f"ADD {text}" for text in missing))
            finally:
                if not connection.invalidated:
                    _run(connection, checks.ON)
    if keys:
        found = reflected.foreign_keys(connection, [None])
        orphans.find(connection, [table], [key for key in found if key.child == (None, table.name)])


def _going(connection: Connection, table: sa.Table, scheme: _Scheme, *, empty: bool) -> list[_Part]:
    keys = [part for part in scheme.parts if part.kind == "CONSTRAINT"]
    needed = {scheme.counts} | {part.first for part in keys if not empty}
    for columns in connection.scalars(_POINTED, {"name": table.name}):
        if not f"{scheme.primary},".startswith(f"{columns},"):
            needed.add(columns.partition(",")[0])
    needed.discard(scheme.primary.partition(",")[0])
    going: list[_Part] = []
    for kinds in (("UNIQUE KEY",), ("KEY", "SPATIAL KEY")):
        last = []
        for part in reversed([part for part in scheme.parts if part.kind in kinds]):
            stays = part.kind == "SPATIAL KEY" or part.first in needed or "USING HASH" in part.text
            if stays or (part.kind == "UNIQUE KEY" and not empty):
                break
            last.append(part)
        going += reversed(last)
    # A foreign key that is added has an index made for it, which would replace one of that kind, at another place.
    served = {part.first for part in scheme.parts if part not in going and part not in keys}
    return going + [part for part in keys if empty and part.first not in served]


def _scheme(connection: Connection, table: sa.TableClause) -> _Scheme:
    text = str(_run(connection, f"SHOW CREATE TABLE {_quoted(table.name)}").mappings().one()["Create Table"])
    lines = text.split("\n")
    parts = [
        _Part(found[1], _plain(found[2]), _plain(found[3] or ""), line.strip().removesuffix(","))
        for line in lines
        if (found := _PART.match(line)) and (found[1] != "CONSTRAINT" or " FOREIGN KEY " in line)
    ]
    primary = next((found[1] for line in lines if (found := _PRIMARY.match(line))), "")
    counts = next((_plain(found[1]) for line in lines if (found := _COUNTS.match(line))), "")
    plain = "ENGINE=InnoDB" in text and "PARTITION BY" not in text and "SYSTEM VERSIONING" not in text
    return _Scheme(parts, ",".join(_plain(name) for name in re.findall(_NAME, primary)), counts, plain)


def _adds(down: Down) -> str:
    """Give the definition that the statement adds."""
    return _ALTER.sub("", down.statement, count=1)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _plain(name: str) -> str:
    return name.replace("``", "`")


def _run(connection: Connection, statement: str) -> sa.CursorResult[Any]:
    return connection.exec_driver_sql(statement, execution_options=AS_IT_IS)
