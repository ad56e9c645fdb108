"""A database that takes the place of another, so that what there is tells at every moment what is to be done next."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection

from tdm_seed.dialects.snapshots import Mark

#: The connection limit with which our databases are born. It is there as soon as the database is, in the same commit,
#: so one that was cut off before it got its mark is known for ours by more than its name.
BORN: Final = 1_953_719_668
#: The connection limit of a database whose DROP was cut off; the server lets it be dropped, and nothing else.
INVALID: Final = -2
_SIGN: Final = "tdm-seed takes the place of"
_SUFFIX: Final = "_tdm_new"
#: Bytes of a name that a server keeps.
_LONGEST: Final = 63
#: Settings whose values are lists that stand quoted in the catalogue already, as pg_dump knows them.
_LISTS: Final = frozenset({
    "local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries",
    "temp_tablespaces", "unix_socket_directories",
})  # fmt: skip

_NAMED = sa.text(
    "SELECT datname, datconnlimit, shobj_description(oid, 'pg_database') AS said FROM pg_database "
    "WHERE datname = ANY(CAST(:names AS text[]))"
)
_DRESS = sa.text(
    "SELECT d.datconnlimit, d.datacl IS NOT NULL AS granted, pg_get_userbyid(d.datdba) AS owner, "
    "shobj_description(d.oid, 'pg_database') AS said, "
    "ARRAY(SELECT json_build_array(pg_get_userbyid(nullif(grantee, 0)), privilege_type, is_grantable) "
    "FROM aclexplode(d.datacl)) AS grants, "
    "ARRAY(SELECT json_build_array(pg_get_userbyid(nullif(setrole, 0)), each) "
    "FROM pg_db_role_setting s, unnest(setconfig) AS each WHERE s.setdatabase = d.oid) AS settings "
    "FROM pg_database d WHERE d.datname = :name"
)


def quoted(name: str) -> str:
    """Quote a name."""
    return sql.Identifier(name).as_string(None)


def literal(text: str | None) -> str:
    """Write a text, or NULL, into a statement that takes no parameters."""
    return "NULL" if text is None else psycopg.sql.Literal(text).as_string(None)


def run(admin: Connection, statement: str) -> None:
    """Run a statement as it stands."""
    admin.exec_driver_sql(statement, execution_options={"no_parameters": True})


def new_name(database: str) -> str:
    """Give the name of what will take a database's place; of a long one, a digest stands for its end."""
    name = f"{database}{_SUFFIX}"
    if len(name.encode()) <= _LONGEST:
        return name
    digest = blake2b(database.encode(), digest_size=5, person=b"tdm-seed").hexdigest()
    begin = database.encode()[: _LONGEST - len(digest) - len(_SUFFIX) - 1].decode(errors="ignore")
    return f"{begin}_{digest}{_SUFFIX}"


def exists(admin: Connection, name: str) -> bool:
    """Tell whether there is a database of this name that is not dropped half-way, which is as good as dropped."""
    (found,) = _found(admin, name)
    return found is not None and not _is_invalid(found)


def invalid(admin: Connection, name: str) -> bool:
    """Tell whether there is a database of this name that was dropped half-way."""
    (found,) = _found(admin, name)
    return _is_invalid(found)


def ours(admin: Connection, name: str) -> bool:
    """Tell whether there is a database of this name that this tool has made, or that nobody can want any more."""
    (found,) = _found(admin, name)
    return _is_ours(found)


def _found(admin: Connection, *names: str) -> list[sa.Row[Any] | None]:
    """Look these databases up at once, in their order; None is one that is not there."""
    found = {row.datname: row for row in admin.execute(_NAMED, {"names": list(names)})}
    return [found.get(name) for name in names]


def _is_invalid(found: sa.Row[Any] | None) -> bool:
    return found is not None and found.datconnlimit == INVALID


def _is_ours(found: sa.Row[Any] | None) -> bool:
    return found is not None and (
        found.datconnlimit in (BORN, INVALID) or Mark.read(found.said) is not None or _note(found.said) is not None
    )


@dataclass(frozen=True)
class Dress:
    """What a database has around it that a copy of its content does not bring along."""

    owner: str
    limit: int
    comment: str | None
    #: Statements that take everybody's rights away and grant those of the database again, and its settings.
    statements: tuple[str, ...]

    def put_on(self, admin: Connection, new: str, database: str) -> None:
        """Grant and set for the new database what is granted and set for the old one, and note that it is ready.

        The note says what it is still to get. All of it is one message, and one transaction.

        Raises:
            DBAPIError: this role may not grant or set one of them.
        """
        said = json.dumps({_SIGN: database, "comment": self.comment, "limit": self.limit})
        statements = [*self.statements, f"COMMENT ON DATABASE {_HERE} IS {literal(said)}"]
        run(admin, "; ".join(statements).replace(_HERE, quoted(new)))

    def statements_for(self, new: str) -> tuple[str, ...]:
        """Give the statements that grant and set, for a database of this name."""
        return tuple(statement.replace(_HERE, quoted(new)) for statement in self.statements)


#: Stands in a statement for the database's name; no name and no value can hold it.
_HERE: Final = "\0"


def dress_of(admin: Connection, database: str) -> Dress:
    """Read what a database has around it."""
    found = admin.execute(_DRESS, {"name": database}).one()
    statements = []
    if found.granted:
        statements += [f"REVOKE ALL ON DATABASE {_HERE} FROM {role}" for role in ("PUBLIC", quoted(found.owner))]
    for role, right, is_grantable in found.grants:
        option = " WITH GRANT OPTION" if is_grantable else ""
        statements.append(f"GRANT {right} ON DATABASE {_HERE} TO {quoted(role) if role else 'PUBLIC'}{option}")
    for role, setting in found.settings:
        name, _, value = setting.partition("=")
        whose = f"ROLE {quoted(role)} IN DATABASE {_HERE}" if role else f"DATABASE {_HERE}"
        given = value if name.lower() in _LISTS and value else literal(value)
        statements.append(f"ALTER {whose} SET {'.'.join(map(quoted, name.split('.')))} TO {given}")
    return Dress(found.owner, found.datconnlimit, found.said, tuple(statements))


def ready(admin: Connection, database: str) -> str | None:
    """Name what was about to take a database's place when that had been dropped, and nothing came after."""
    new = new_name(database)
    old, found = _found(admin, database, new)
    there = old is not None and not _is_invalid(old)
    return new if not there and _waiting(found, database) else None


def end(admin: Connection, new: str, database: str) -> None:
    """Rename what is ready, and give it the last things that it is to get, all at once.

    What it replaces is dropped first where that was cut off half-way.
    """
    old, found = _found(admin, database, new)
    if note := _waiting(found, database):
        name = quoted(database)
        if _is_invalid(old):
            run(admin, f"DROP DATABASE {name}")
        run(
            admin,
            f"ALTER DATABASE {quoted(new)} RENAME TO {name}; ALTER DATABASE {name} CONNECTION LIMIT "
            f"{int(note['limit'])}; COMMENT ON DATABASE {name} IS {literal(note['comment'])}",
        )


def tidy(admin: Connection, database: str) -> None:
    """Drop what did not come to take the place of this database, or end what did but for its name."""
    new = new_name(database)
    old, found = _found(admin, database, new)
    if old is None or _is_invalid(old):
        end(admin, new, database)
    elif _is_ours(found):
        run(admin, f"DROP DATABASE IF EXISTS {quoted(new)}")


def _waiting(found: sa.Row[Any] | None, database: str) -> dict[str, str] | None:
    """Read the note of what is ready to take a database's place."""
    note = None if found is None or _is_invalid(found) else _note(found.said)
    return note if note and note[_SIGN] == database else None


def _note(said: str | None) -> dict[str, str] | None:
    try:
        found = json.loads(said or "")
    except ValueError:
        return None
    return found if isinstance(found, dict) and set(found) == {_SIGN, "comment", "limit"} else None
