"""Which tables were written since a position of the binlog, as its events tell."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pymysql
from pymysql.cursors import SSCursor
from sqlalchemy.engine import Connection

#: Events that are read at most: 20,000 take 0.2 s. Where there are more, every table counts as written.
LIMIT: Final = 20_000

#: Events that say nothing about tables; those that hold rows come behind a Table_map.
_CALM: Final = re.compile(
    r"(Format_desc|Previous_gtids|Gtid_list|Binlog_checkpoint|Start_encryption|Rotate|Stop|Annotate_rows|Rows_query|"
    r"Intvar|RAND|User var|Heartbeat|(Write|Update|Delete)_rows.*)$"
)
#: Events with which a transaction begins or ends.
_BOUNDS: Final = ("Gtid", "Anonymous_Gtid", "Xid", "XA_prepare")
_ENDS: Final = ("Rotate", "Stop")
_TABLE_MAP: Final = re.compile(r"table_id: \d+ \((.*)\)(?: has_\w+=\d)?$", re.DOTALL)
_USE: Final = re.compile(r"use `((?:[^`]|``)*)`; ")
#: MariaDB tells so how a session was set.
_SET: Final = re.compile(r"set \w+=\d+(?:, \w+=\d+)*; ")
_WORD: Final = r"(`(?:[^`]|``)+`|[\w$]+)"
_NAME: Final = rf"{_WORD}(?:\s*\.\s*{_WORD})?"
_MADE: Final = re.compile(rf"CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?{_NAME}", re.IGNORECASE)
_EMPTIED: Final = re.compile(
    rf"(?:TRUNCATE(?:\s+TABLE)?|DROP\s+TABLE(?:\s+IF\s+EXISTS)?)\s+({_NAME}(?:\s*,\s*{_NAME})*)\s*(?:/\*.*)?$", re.I
)
_EACH: Final = re.compile(_NAME)
_NUMBERED: Final = re.compile(rf"ALTER\s+TABLE\s+{_NAME}\s+AUTO_INCREMENT\s*=?\s*\d+\s*$", re.IGNORECASE)
_BOUND_WORDS: Final = re.compile(r"(BEGIN|COMMIT|ROLLBACK)\b(?! TO)", re.IGNORECASE)
_CALM_WORDS: Final = re.compile(
    r"(ROLLBACK|SAVEPOINT|RELEASE|XA|ANALYZE|OPTIMIZE|FLUSH|(CREATE|DROP)\s+(OR\s+REPLACE\s+)?TEMPORARY)\b",
    re.IGNORECASE,
)
#: Such a statement may call a function that writes, where rows are not logged.
_FILLED: Final = re.compile(r"CREATE\b.*?\bTABLE\b.*\b(SELECT\b|VALUES\s*\()", re.IGNORECASE | re.DOTALL)
#: These define something, but touch no table.
_BESIDE_TABLES: Final = re.compile(
    r"(GRANT|REVOKE|(CREATE|DROP)\s+(USER|ROLE|FUNCTION|PROCEDURE|EVENT))\b", re.IGNORECASE
)
_DEFINES: Final = re.compile(r"(CREATE|ALTER|DROP|RENAME|TRUNCATE)\b", re.IGNORECASE)


class Lost(Exception):
    """The binlog does not tell everything since a position any more."""


@dataclass(frozen=True)
class Position:
    """A place in the binlog, between two transactions."""

    file: str
    offset: int


@dataclass(frozen=True)
class Anchor:
    """A statement of ours that stands at a place: where it does not, this is not the binlog that we have read."""

    position: Position
    text: str


@dataclass(frozen=True)
class Watched:
    """Whose tables are looked for: as ``database.table`` in small letters, and ``own``, by which we know ourselves."""

    database: str
    own: str
    tables: Collection[str]


@dataclass(frozen=True)
class Told:
    """What others have done: the tables that they have written, and whether they may have ``defined`` anything."""

    tables: frozenset[str]
    defined: bool


@dataclass
class _Reading:
    """What was found so far; a transaction counts only when it is not our own."""

    watched: Watched
    defined: bool = False
    tables: set[str] = field(default_factory=set)
    group: set[str] = field(default_factory=set)

    def bound(self) -> None:
        """Note that a transaction ends or begins."""
        if self.watched.own not in self.group:
            self.tables |= self.group & {*self.watched.tables}
        self.group = set()

    def take(self, kind: str, info: str) -> None:
        """Take an event; whatever is not understood may have written to every table."""
        if kind in _BOUNDS:
            self.bound()
        elif kind == "Table_map":
            found = _TABLE_MAP.match(info)
            self.group |= {found[1].lower()} if found else {*self.watched.tables}
        elif kind in ("Query", "Query_compressed"):
            self._statement(info)
        elif not _CALM.match(kind):
            self.group |= {*self.watched.tables}

    def _statement(self, info: str) -> None:
        used, text = None, info
        if found := _USE.match(info):
            used, text = found[1].replace("``", "`"), info[found.end() :]
        text = text[found.end() if (found := _SET.match(text)) else 0 :].strip()
        if _BOUND_WORDS.match(text):
            self.bound()
            return
        if _NUMBERED.match(text):  # numbers are always compared
            return
        calm = _CALM_WORDS.match(text) or (_DEFINES.match(text) and self._elsewhere(used, text))
        filled = _FILLED.match(text)
        if calm and not filled:
            return
        emptied = _EMPTIED.match(text)
        self.defined = self.defined or emptied is None or text[:4].upper() == "DROP"
        named = _EACH.finditer(emptied[1]) if emptied else filter(None, [None if filled else _MADE.match(text)])
        if names := {_named(each, used) for each in named}:
            self.group |= names & {*self.watched.tables}
        elif not _BESIDE_TABLES.match(text):
            self.group |= {*self.watched.tables}

    def _elsewhere(self, used: str | None, text: str) -> bool:
        ours = self.watched.database.lower()
        named = re.search(rf"(?<![\w$]){re.escape(ours)}(?![\w$])", text.lower().replace("``", "`"))
        return used != self.watched.database and named is None


def here(connection: Connection) -> str:
    """Give the statement that asks for the end of the binlog."""
    version = connection.dialect.server_version_info or ()
    renamed = not getattr(connection.dialect, "is_mariadb", False) and version >= (8, 2)
    return "SHOW BINARY LOG STATUS" if renamed else "SHOW MASTER STATUS"


def anchored(connection: Connection, start: Position, text: str) -> Anchor:
    """Find a statement of ours that was run just now.

    Raises:
        Lost: the server does not write down what this user does.
    """
    for file, begin, _ in _events(connection, start.file, start.offset, LIMIT, text):
        return Anchor(Position(file, begin), text)
    raise Lost("the server does not write to its binlog what this user does")


def read(connection: Connection, anchor: Anchor, start: Position, end: Position, watched: Watched) -> Told:
    """Tell what others have done between two positions.

    Raises:
        Lost: not all that was written is there.
    """
    place = anchor.position
    try:
        if not any(_events(connection, place.file, place.offset, 1, anchor.text)):
            raise Lost("it is another binlog than it was when rows were kept")
        files = [end.file] if start.file == end.file else _files(connection)
        chain = files[files.index(start.file) : files.index(end.file) + 1]
        reading, left = _Reading(watched), LIMIT
        for file in chain:
            last = ""
            for at, kind, info in _plain(connection, file, start.offset if file == start.file else 4, left + 1):
                if file == end.file and at >= end.offset:
                    break
                left -= 1
                if left < 0:
                    return Told(frozenset(watched.tables), defined=True)
                reading.take(kind, info)
                last = kind
            if file != end.file and last not in _ENDS:
                raise Lost(f"the server was cut off while it wrote {file}")
    except (pymysql.err.InternalError, pymysql.err.OperationalError) as error:
        if error.args[0] == 1220:
            raise Lost(" ".join(str(error.args[-1]).split())) from error
        raise
    except ValueError:  # no such file in the list
        raise Lost(f"the server has purged {start.file}") from None
    reading.bound()
    return Told(frozenset(reading.tables), reading.defined)


def _named(found: re.Match[str], used: str | None) -> str:
    words = [
        word[1:-1].replace("``", "`") if word.startswith("`") else word for word in found.groups() if word is not None
    ]
    return ".".join(words if len(words) > 1 else [used or "", *words]).lower()


def _files(connection: Connection) -> list[str]:
    return [row[0] for row in ask(connection, ["SHOW BINARY LOGS"])[0]]


def _events(connection: Connection, file: str, offset: int, limit: int, text: str) -> Iterator[tuple[str, int, str]]:
    """Give the statements that hold a text."""
    for at, kind, info in _plain(connection, file, offset, limit):
        if kind.startswith("Query") and text in info:
            yield file, at, info


def _plain(connection: Connection, file: str, offset: int, limit: int) -> list[tuple[int, str, str]]:
    """Read place, kind and text of events; what a seed wrote may be long, and no text in any encoding."""
    driver = driver_of(connection)
    before, driver.encoding = driver.encoding, "latin1"
    try:
        with driver.cursor(SSCursor) as cursor:
            name = file.replace("'", "''")
            cursor.execute(f"SHOW BINLOG EVENTS IN '{name}' FROM {offset} LIMIT {limit}")
            return [(int(row[1]), str(row[2]), _told(str(row[2]), row[5])) for row in cursor.fetchall_unbuffered()]
    finally:
        driver.encoding = before


def _told(kind: str, info: str) -> str:
    return info.encode("latin1").decode("utf-8", "replace") if kind == "Table_map" or kind.startswith("Query") else ""


def answers(connection: Connection, statements: Sequence[str]) -> list[tuple[int, list[tuple[Any, ...]]]]:
    """Send statements in one round trip, and give the row count and the rows of each."""
    with driver_of(connection).cursor() as cursor:
        cursor.execute("; ".join(statements))
        found = [(cursor.rowcount, list(cursor.fetchall()))]
        while cursor.nextset():
            found.append((cursor.rowcount, list(cursor.fetchall())))
        return found


def ask(connection: Connection, statements: Sequence[str]) -> list[list[tuple[Any, ...]]]:
    """Send statements in one round trip, and give the rows of each."""
    return [rows for _, rows in answers(connection, statements)]


def driver_of(connection: Connection) -> pymysql.Connection[Any]:
    """Give the driver's own connection."""
    found: pymysql.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    return found
