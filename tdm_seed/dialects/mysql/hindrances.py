"""Why rows cannot be kept to go back to: what the server, the user or the tables lack."""

from __future__ import annotations

from typing import Final

import pymysql
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.mysql import binlog
from tdm_seed.dialects.mysql.binlog import ask
from tdm_seed.dialects.mysql.definitions import quoted
from tdm_seed.dialects.mysql.mark import beside, stranger
from tdm_seed.dialects.rewinding import Scope

_DENIED: Final = (1044, 1142, 1227)
_SETTINGS = (
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format', 'binlog_transaction_compression')"
)
_KINDS = sa.text(
    "SELECT table_name AS name, table_type AS type, engine AS engine FROM information_schema.tables "
    "WHERE table_schema = DATABASE() ORDER BY table_name"
)
_TRIGGERS = sa.text(
    "SELECT event_object_table AS name, trigger_name AS part FROM information_schema.triggers "
    "WHERE event_object_schema = DATABASE() AND event_manipulation IN ('INSERT', 'DELETE') ORDER BY 1, 2"
)


def hindrance(connection: Connection, scope: Scope) -> str | None:
    """Say why rows cannot be kept here, or by this user."""
    settings = dict(ask(connection, [_SETTINGS])[0])
    if settings.get("log_bin") != "ON":
        return "the server writes no binlog, which would note what is written"
    if settings.get("binlog_format", "ROW") != "ROW":
        return f"binlog_format is {settings['binlog_format']}, and only ROW tells for sure which tables are written"
    if settings.get("binlog_transaction_compression", "OFF") != "OFF":
        return "binlog_transaction_compression hides which tables are written"
    return _denial(connection) or _unfit(connection, scope)


def _denial(connection: Connection) -> str | None:
    """Ask for what fails in any case, but not for want of a right where that is there."""
    try:
        status = ask(connection, [binlog.here(connection)])[0][0]
        file = str(status[0]).replace("'", "''")
        ask(connection, [f"SHOW BINLOG EVENTS IN '{file}' LIMIT 1", "SHOW BINARY LOGS"])
    except pymysql.Error as error:
        if error.args[0] in _DENIED:
            return "this user may not read the binlog (BINLOG MONITOR, or REPLICATION CLIENT and REPLICATION SLAVE)"
        raise
    if any(status[2:4]):
        return "the server leaves databases out of its binlog"
    name = quoted(beside(connection))
    for verb, statement in (("create", f"TABLE {name}.t0 LIKE {name}.nothing"), ("drop", f"TABLE {name}.nothing")):
        try:
            ask(connection, [f"{verb.upper()} {statement}"])
        except pymysql.Error as error:
            if error.args[0] in _DENIED:
                return f"this user may not {verb} the database {beside(connection)}"
    return stranger(connection)


def _unfit(connection: Connection, scope: Scope) -> str | None:
    """Name the first table that cannot be put back row by row."""
    for row in connection.execute(_KINDS):
        if row.type == "SEQUENCE":
            return f"nothing tells how many numbers of the sequence {row.name} are in use"
        if row.type == "SYSTEM VERSIONED":
            return f"the table {row.name} keeps old versions of its rows"
        if row.name in scope.tables and row.engine != "InnoDB":
            return f"the table {row.name} is one of {row.engine}, which takes nothing back"
    for row in connection.execute(_TRIGGERS):
        if row.name in scope.tables:
            return f"the trigger {row.part} would run as rows of {row.name} are put back"
    return None
