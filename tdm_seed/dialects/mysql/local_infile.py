"""LOAD DATA LOCAL INFILE without a file: what the server asks for is sent from memory, and nothing else ever is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pymysql
import sqlalchemy as sa
from pymysql.connections import MySQLResult
from pymysql.protocol import LoadLocalPacketWrapper
from sqlalchemy.engine import Connection, Engine

from tdm_seed.dialects.columns import Columns, texts
from tdm_seed.dialects.mysql.reflected import Bits

#: What stands in the statement where a path would: the server sends it back, and may ask for nothing else.
NAME = "rows of tdm-seed"
#: Bytes per packet.
_PACKET = 1 << 18
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"}
_TABLE = str.maketrans(_ESCAPES)
_NULL = "\\N"
#: How values of exactly these types are written.
_KNOWN: dict[type, Callable[[Any], str]] = {
    int: str, Decimal: str, bool: {False: "0", True: "1"}.__getitem__, datetime: str, float: repr, bytes: bytes.hex,
}  # fmt: skip
_ALLOWED = "tdm_seed_local_infile"

#: Types whose values the statement makes from what stands in the content.
_MADE: dict[type, str] = {Bits: "CAST({} AS UNSIGNED)"}
#: Types whose values are written as they are, or in hexadecimal.
_TEXT = (sa.Integer, sa.String, sa.Numeric, sa.Float, sa.DateTime, sa.Date, sa.Time, sa.JSON)


class Sending(pymysql.Connection):
    """A connection that answers the server's request for a local file with the content at hand.

    The driver itself opens whatever path the server names, so that a server in the wrong hands reads the client's
    files. Here no file is ever opened, and a request that nobody expects gets nothing and is an error.
    """

    content: bytes | memoryview | None = None

    def _read_query_result(self, unbuffered: bool = False) -> Any:
        self._result: MySQLResult | None = None
        result = _Answer(self)
        if unbuffered:
            result.init_unbuffered_query()
        else:
            result.read()
        self._result = result
        if result.server_status is not None:
            self.server_status = result.server_status
        return result.affected_rows

    def send_file(self, packet: Any) -> bytes | None:
        """Send what was asked for; None where that was not ours to send."""
        asked, content = LoadLocalPacketWrapper(packet).filename, self.content
        ours = content is not None and asked == NAME.encode()
        if ours and content is not None:
            for begin in range(0, len(content), _PACKET):
                self.write_packet(content[begin : begin + _PACKET])
        self.write_packet(b"")
        return None if ours else asked


class _Answer(MySQLResult):
    """The result of a statement, which may be a request for a file."""

    def _read_load_local_packet(self, first_packet: Any) -> None:
        connection: Any = self.connection
        asked = connection.send_file(first_packet)
        answer = connection._read_packet()
        if asked is not None:
            raise pymysql.OperationalError(2068, f"the server asked for the file {asked!r}, and got nothing")
        self._read_ok_packet(answer)  # type: ignore[attr-defined]


def install(engine: Engine) -> None:
    """Make the engine's connections answer so."""

    @sa.event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, args: Any, arguments: Any) -> Sending:
        return Sending(*args, **arguments, local_infile=True)


def allowed(connection: Connection) -> bool:
    """Tell whether the server takes local files, and keeps temporary tables where a savepoint can undo."""
    if _ALLOWED not in connection.info:
        driver = connection.connection.driver_connection
        settings = connection.exec_driver_sql("SELECT @@local_infile, @@default_storage_engine").one()
        connection.info[_ALLOWED] = isinstance(driver, Sending) and tuple(settings) == (1, "InnoDB")
    return bool(connection.info[_ALLOWED])


def takes(columns: Sequence[sa.Column[Any]]) -> bool:
    """Tell whether values of these columns arrive in the content as they would in an INSERT."""
    return all(isinstance(column.type, (*_TEXT, sa.LargeBinary, sa.Boolean)) for column in columns)


def lines(columns: Columns) -> bytes:
    """Write rows, given by columns, as the lines that ``load`` takes."""
    fields = [texts(values, _NULL, _written) for values in columns]
    return ("\n".join(map("\t".join, zip(*fields, strict=True))) + "\n").encode()


def _written(kinds: Collection[type], values: Sequence[Any]) -> Sequence[str]:
    if kinds == {str}:
        together = "".join(values)
        plain = not any(mark in together for mark in _ESCAPES)
        return values if plain else [value.translate(_TABLE) for value in values]
    if len(kinds) == 1 and (write := _KNOWN.get(next(iter(kinds)))):
        return list(map(write, values))
    return [_field(value) for value in values]


def _field(value: Any) -> str:
    if isinstance(value, str):
        return value.translate(_TABLE)
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, float):
        return repr(value)
    return str(value)


def load(
    connection: Connection, table: sa.Table, columns: Sequence[sa.Column[Any]], content: bytes | memoryview
) -> tuple[int, int]:
    """Load lines of tab-separated values; give the rows that the server kept, and its warnings.

    Bytes stand there in hexadecimal and bits as numbers.
    """
    driver: Sending = connection.connection.driver_connection  # type: ignore[assignment]
    preparer = connection.dialect.identifier_preparer
    targets, sets = [], []
    for place, column in enumerate(columns):
        name = preparer.quote(column.name).replace("%%", "%")
        made = "UNHEX({})" if isinstance(column.type, sa.LargeBinary) else _MADE.get(type(column.type))
        targets.append(f"@tdm_seed_{place}" if made else name)
        if made:
            sets.append(f"{name} = {made.format(f'@tdm_seed_{place}')}")
    statement = (
        f"LOAD DATA LOCAL INFILE '{NAME}' INTO TABLE {preparer.format_table(table).replace('%%', '%')} "
        f"CHARACTER SET utf8mb4 FIELDS ESCAPED BY X'5C' ({', '.join(targets)})"
    )
    if sets:
        statement += f" SET {', '.join(sets)}"
    driver.content = content
    try:
        with driver.cursor() as cursor:
            kept = cursor.execute(statement)
            return kept, cursor.warning_count
    finally:
        driver.content = None
