"""A database that takes the place of another, so that what there is tells at every moment what is to be done next."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Connection

from tdm_seed.dialects.snapshots import Mark

#: The connection limit with which our databases are born. It is there as soon as the database is, in the same commit,
#: so one that was cut off before it got its mark is known for ours by more than its name.
BORN: Final = 1_953_719_668
_SIGN: Final = "tdm-seed takes the place of"
_SUFFIX: Final = "_tdm_new"
#: Bytes of a name that a server keeps.
_LONGEST: Final = 63
#: Settings whose values are lists that stand quoted in the catalogue already, as pg_dump knows them.
_LISTS: Final = frozenset({
    "local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries",
    "temp_tablespaces", "unix_socket_directories",
})  # fmt: skip

_ONE = sa.text(
    "SELECT d.oid, d.datconnlimit, d.datacl IS NOT NULL AS granted, pg_get_userbyid(d.datdba) AS owner, "
    "shobj_description(d.oid, 'pg_database') AS said FROM pg_database d WHERE d.datname = :name"
)
_GRANTS = sa.text(
    "SELECT CASE grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(grantee) END AS role, privilege_type AS right, "
    "is_grantable FROM pg_database, aclexplode(datacl) WHERE datname = :name"
)
_SETTINGS = sa.text(
    "SELECT CASE setrole WHEN 0 THEN NULL ELSE pg_get_userbyid(setrole) END AS role, unnest(setconfig) AS setting "
    "FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = :name"
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
    """Tell whether there is a database of this name."""
    return admin.execute(_ONE, {"name": name}).first() is not None


def ours(admin: Connection, name: str) -> bool:
    """Tell whether there is a database of this name that this tool has made."""
    found = admin.execute(_ONE, {"name": name}).first()
    return found is not None and (
        found.datconnlimit == BORN or Mark.read(found.said) is not None or _note(found.said) is not None
    )


@dataclass(frozen=True)
class Dress:
    """What a database has around it that a copy of its content does not bring along."""

    owner: str
    limit: int
    comment: str | None
    #: Statements that take everybody's rights away and grant those of the database again, and its settings.
    statements: tuple[str, ...]

    def put_on(self, admin: Connection, new: str) -> None:
        """Grant and set for the new database what is granted and set for the old one.

        Raises:
            DBAPIError: this role may not grant or set one of them.
        """
        for statement in self.statements_for(new):
            run(admin, statement)

    def statements_for(self, new: str) -> tuple[str, ...]:
        """Give the statements that grant and set, for a database of this name."""
        return tuple(statement.replace(_HERE, quoted(new)) for statement in self.statements)

    def note(self, admin: Connection, new: str, database: str) -> None:
        """Note that the new database is ready, and what it is still to get."""
        said = json.dumps({_SIGN: database, "comment": self.comment, "limit": self.limit})
        run(admin, f"COMMENT ON DATABASE {quoted(new)} IS {literal(said)}")


#: Stands in a statement for the database's name; no name and no value can hold it.
_HERE: Final = "\0"


def dress_of(admin: Connection, database: str) -> Dress:
    """Read what a database has around it."""
    found = admin.execute(_ONE, {"name": database}).one()
    statements = []
    if found.granted:
        statements += [f"REVOKE ALL ON DATABASE {_HERE} FROM {role}" for role in ("PUBLIC", quoted(found.owner))]
    for each in admin.execute(_GRANTS, {"name": database}):
        role = "PUBLIC" if each.role is None else quoted(each.role)
        option = " WITH GRANT OPTION" if each.is_grantable else ""
        statements.append(f"GRANT {each.right} ON DATABASE {_HERE} TO {role}{option}")
    for each in admin.execute(_SETTINGS, {"name": database}):
        name, _, value = each.setting.partition("=")
        whose = f"ROLE {quoted(each.role)} IN DATABASE {_HERE}" if each.role else f"DATABASE {_HERE}"
        given = value if name.lower() in _LISTS and value else literal(value)
        statements.append(f"ALTER {whose} SET {'.'.join(map(quoted, name.split('.')))} TO {given}")
    return Dress(found.owner, found.datconnlimit, found.said, tuple(statements))


def ready(admin: Connection, database: str) -> str | None:
    """Name what was about to take a database's place when that had been dropped, and nothing came after."""
    new = new_name(database)
    if exists(admin, database):
        return None
    found = admin.execute(_ONE, {"name": new}).first()
    note = _note(found.said) if found else None
    return new if note and note[_SIGN] == database else None


def end(admin: Connection, new: str, database: str, reached: Callable[[str], None]) -> None:
    """Rename what is ready, and give it the last things that it is to get."""
    run(admin, f"ALTER DATABASE {quoted(new)} RENAME TO {quoted(database)}")
    reached("after rename")
    _undo_note(admin, database)


def tidy(admin: Connection, database: str) -> None:
    """Drop what did not come to take the place of this database, and end what did."""
    new = new_name(database)
    if ours(admin, new):
        run(admin, f"DROP DATABASE IF EXISTS {quoted(new)}")
    _undo_note(admin, database)


def _undo_note(admin: Connection, database: str) -> None:
    found = admin.execute(_ONE, {"name": database}).one()
    note = _note(found.said)
    if note and note[_SIGN] == database:
        run(admin, f"ALTER DATABASE {quoted(database)} CONNECTION LIMIT {int(note['limit'])}")
        run(admin, f"COMMENT ON DATABASE {quoted(database)} IS {literal(note['comment'])}")


def _note(said: str | None) -> dict[str, str] | None:
    try:
        found = json.loads(said or "")
    except ValueError:
        return None
    return found if isinstance(found, dict) and set(found) == {_SIGN, "comment", "limit"} else None
