"""Which row's foreign key points nowhere: SQLite itself says no more than that one does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

from tdm_seed.dialects.orphans import orphan
from tdm_seed.dialects.statements import split
from tdm_seed.errors import DatabaseError, TdmSeedError

#: Every foreign key's table and the one it points to, as it is written there.
_FOREIGN_KEYS = (
    'SELECT DISTINCT m.name, k."table" FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS k '
    "WHERE m.type = 'table'"
)
#: A database with more orphans than this from before is not searched for a new one.
_MOST_OLD_ORPHANS = 1_000
_NOTE = "tdm_seed_orphan"
#: Kibibytes, as a negative number, that SQLite may hold while it looks up rows in no order; by itself it holds 2,000.
_CACHE = -65_536

#: What ``foreign_key_check`` says of an orphan: its table, its rowid, the parent, and which of the table's keys.
_Orphan = tuple[str, int | None, str, int]


def around(driver: sqlite3.Connection, tables: Sequence[str]) -> list[str]:
    """Name the tables with foreign keys among these, and those whose foreign keys point to one of them."""
    names = {name.lower() for name in tables}
    found = driver.execute(_FOREIGN_KEYS).fetchall()
    return sorted({child for child, parent in found if {child.lower(), parent.lower()} & names})


@contextmanager
def indexed(driver: sqlite3.Connection, table: str) -> Iterator[None]:
    """Index the foreign keys that point to a table and have no index, for the block.

    While any row is without its parent, SQLite looks at each new parent for rows that wait for it: without an index at
    all rows of the child (40,000 rows in shuffled order took 75 s, with one 0.3).
    """
    made: list[str] = []
    (cache,) = driver.execute("PRAGMA cache_size").fetchone()
    driver.execute(f"PRAGMA cache_size={_CACHE}")
    for place, (child, columns) in enumerate(_unserved(driver, table)):
        name = _quoted(f"tdm_seed_awaited_{place}")
        with suppress(sqlite3.OperationalError):  # whoever makes the rows is reading: slower, and no less right
            driver.execute(f"CREATE INDEX {name} ON {_quoted(child)} ({', '.join(map(_quoted, columns))})")
            made.append(name)
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):  # the transaction may be gone, and they with it
            _drop(driver, made, cache)
        raise
    _drop(driver, made, cache)


def _drop(driver: sqlite3.Connection, indexes: Sequence[str], cache: int) -> None:
    driver.execute(f"PRAGMA cache_size={cache}")
    for name in indexes:
        driver.execute(f"DROP INDEX IF EXISTS {name}")


def _unserved(driver: sqlite3.Connection, table: str) -> Iterator[tuple[str, list[str]]]:
    """Find the foreign keys that point to a table whose columns are not those that an index begins with."""
    children = {child for child, parent in driver.execute(_FOREIGN_KEYS) if parent.lower() == table.lower()}
    for child in sorted(children):
        keys: dict[int, list[str]] = {}
        for number, _, parent, column, *_ in driver.execute(f"PRAGMA foreign_key_list({_quoted(child)})"):
            if parent.lower() == table.lower():
                keys.setdefault(number, []).append(column)
        served = [[row[1] for row in driver.execute(f"PRAGMA table_info({_quoted(child)})") if row[5] == 1]]
        for index in driver.execute(f"PRAGMA index_list({_quoted(child)})").fetchall():
            if not index[4]:  # it holds all rows
                served.append([row[2] for row in driver.execute(f"PRAGMA index_info({_quoted(index[1])})")])
        for columns in {tuple(columns): columns for columns in keys.values()}.values():
            if not any(set(columns) == set(each[: len(columns)]) for each in served):
                yield child, columns


def prove(driver: sqlite3.Connection, tables: Sequence[str] | None) -> None:
    """Look for an orphan in these tables, or in all.

    Raises:
        Orphan: for the first one found, with its key.
    """
    for found in _orphans(driver, tables):
        table, _, parent, _ = found
        raise orphan(table, *_key(driver, found), parent)


def note_orphan(driver: sqlite3.Connection, error: sqlite3.Error, statement: str, parameters: Any, many: bool) -> None:
    """Note at an error which row broke a foreign key: do the same once more with the proof put off, and look.

    Nothing of it is kept. Nothing is noted where that fails, or there were many orphans before.
    """
    if "FOREIGN KEY" not in str(error):
        return
    (deferred,) = driver.execute("PRAGMA defer_foreign_keys").fetchone()
    driver.execute("SAVEPOINT tdm_seed_orphan")
    try:
        setattr(error, _NOTE, _found(driver, statement, parameters if many else [parameters]))
    except sqlite3.Error:
        return  # a sentence without the row is better than another error in its place
    finally:
        driver.execute("ROLLBACK TO tdm_seed_orphan")
        driver.execute("RELEASE tdm_seed_orphan")
        driver.execute(f"PRAGMA defer_foreign_keys={deferred}")


def noted(error: sqlite3.Error) -> TdmSeedError | None:
    """Give what was noted at an error."""
    found: TdmSeedError | None = getattr(error, _NOTE, None)
    return found


def _found(driver: sqlite3.Connection, statement: str, rows: Sequence[Any]) -> TdmSeedError | None:
    told = split(statement, "sqlite")[0]
    target = None if told.target is None else told.target.rpartition(".")[2].strip('"`[]')
    tables = None if target is None else [target] if told.verb == "INSERT" else around(driver, [target])
    old = set(islice(_orphans(driver, tables), _MOST_OLD_ORPHANS))
    if len(old) == _MOST_OLD_ORPHANS:
        return None
    driver.execute("PRAGMA defer_foreign_keys=ON")
    for row in rows:
        with suppress(sqlite3.IntegrityError):  # it stood before the one that failed, and is there
            driver.execute(statement, row).fetchall()
    for new in _orphans(driver, tables):
        if new not in old:
            table, _, parent, _ = new
            columns, values = _key(driver, new)
            if told.verb == "DELETE":
                return _still_needed(table, columns, values, parent)
            error = orphan(table, columns, values, parent)
            error.hint = (
                f"Load the parents first: that row of {parent} is missing. Or correct the key, or wrap the calls in "
                "`with db.deferred_constraints():`."
            )
            return error.located(column=columns[0])
    return None


def _still_needed(table: str, columns: Sequence[str], values: Sequence[object], parent: str) -> TdmSeedError:
    key = f"({', '.join(columns)}) = ({', '.join(map(str, values))})"
    return DatabaseError(
        f"rows of {table} still point here, with {key}",
        table=parent,
        hint="Remove the rows that point to it first.",
    )


def _orphans(driver: sqlite3.Connection, tables: Sequence[str] | None) -> Iterator[_Orphan]:
    checks = [""] if tables is None else [f"({_quoted(name)})" for name in tables]
    for check in checks:
        yield from driver.execute(f"PRAGMA foreign_key_check{check}")


def _key(driver: sqlite3.Connection, found: _Orphan) -> tuple[list[str], Sequence[object]]:
    """Give the columns of an orphan's key and their values, which cannot be told of a table WITHOUT ROWID."""
    table, rowid, _, key = found
    listed = driver.execute(f"PRAGMA foreign_key_list({_quoted(table)})").fetchall()
    columns = [row[3] for row in listed if row[0] == key]
    if rowid is None:
        return columns, ["?"] * len(columns)
    query = f"SELECT {', '.join(map(_quoted, columns))} FROM {_quoted(table)} WHERE rowid = ?"
    return columns, driver.execute(query, (rowid,)).fetchone() or ["?"] * len(columns)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
