"""Databases for the length of a command, beside the one at hand and like it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import ClassVar, Final

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from tdm_seed.dialects.postgresql import swap
from tdm_seed.dialects.postgresql.beside import Beside
from tdm_seed.dialects.postgresql.lock import held, run_lock
from tdm_seed.dialects.postgresql.sessions import alone
from tdm_seed.dialects.postgresql.swap import literal, quoted
from tdm_seed.dialects.throwaway import INSTEAD, PREFIX, SIGN, run_of
from tdm_seed.dialects.waiting import Claim
from tdm_seed.errors import DatabaseError

#: The connection limit with which these databases are born, in the commit that makes them; snapshots have another.
_BORN: Final = 1_952_738_659

_KNOWN = sa.text(
    "SELECT datname, datconnlimit, shobj_description(oid, 'pg_database') AS said FROM pg_database "
    "WHERE starts_with(datname, :prefix) ORDER BY 1"
)
_MAY = sa.text("SELECT rolname, rolcreatedb OR rolsuper AS creates FROM pg_roles WHERE rolname = current_user")
#: Through JSON, since each major version has other columns.
_LIKE = sa.text(
    "SELECT pg_encoding_to_char(encoding) AS encoding, datcollate, datctype, to_jsonb(d) ->> 'datlocprovider' AS "
    "provider, COALESCE(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') AS locale, "
    "to_jsonb(d) ->> 'daticurules' AS rules, pg_get_userbyid(datdba) AS owner, pg_has_role(datdba, :right) AS ours "
    "FROM pg_database d WHERE datname = :name"
)


class Throwaway(Beside):
    """The databases of one run, which holds an advisory lock as long as there are any."""

    instead: ClassVar[str] = f"or {INSTEAD}"
    keeps_out: ClassVar[bool] = False  # a session in template1 all the while would hinder every plain CREATE DATABASE

    def __init__(
        self, engine: Callable[[URL, str], Engine], url: URL, database: str, application: str, run: str
    ) -> None:
        super().__init__(engine, url, database, application)
        self._run = run
        self._made: list[str] = []

    def new(self) -> URL:
        """Create one from the server's empty template, with encoding, locale, owner and settings of the one at hand."""
        with self._admin() as admin:
            name = self._begin(admin)
            like = self._like(admin)
            locale = [] if like is None else [
                f"ENCODING {literal(like.encoding)} LC_COLLATE {literal(like.datcollate)}",
                f"LC_CTYPE {literal(like.datctype)} {_provided(like)}",
            ]  # fmt: skip
            owner = _owner(like)
            owned = f"OWNER {quoted(owner)} " if owner else ""
            swap.run(
                admin,
                f"CREATE DATABASE {quoted(name)} WITH TEMPLATE template0 {' '.join(locale)} {owned}"
                f"CONNECTION LIMIT {_BORN}",
            )
            return self._finish(admin, name)

    def copy(self, source: URL) -> URL:
        """Use it as a template; a URL that names it in a file is that of the one at hand."""
        of = str(source.query.get("dbname", source.database) or self._database)
        with self._admin() as admin:
            name = self._begin(admin)
            alone(admin, of, force=of in self._made)
            size = admin.scalar(sa.select(sa.func.pg_database_size(of)))
            self._copy(admin, of, int(size or 0), name, _owner(self._like(admin)), _BORN)
            return self._finish(admin, name)

    def drop(self, url: URL) -> None:
        """Drop it, and end the connections to it."""
        with self._admin() as admin:
            _drop(admin, str(url.database))

    @contextmanager
    def alive(self, claim: Claim) -> Iterator[None]:
        """Hold the lock, drop what others have left, and in the end what is ours."""
        with self._admin() as admin:
            engine = admin.engine
        with run_lock(engine, replace(claim, key=self._run)):
            self._sweep()
            try:
                yield
            finally:
                with suppress(sa.exc.DBAPIError), self._admin() as admin:  # the next run drops what is left
                    for name in self._made:
                        _drop(admin, name)

    def _sweep(self) -> None:
        """Drop what carries our mark and is of a run that holds no lock, where we may.

        The list is read before the locks: a run takes its lock before it makes anything, and frees it behind the last.
        """
        with self._admin() as admin:
            found = admin.execute(_KNOWN, {"prefix": PREFIX}).all()
            for row in found:
                run = run_of(row.datname)
                if run and (row.datconnlimit == _BORN or row.said == SIGN) and not held(admin, run):
                    with suppress(sa.exc.DBAPIError):  # another role's, or another run is at it
                        _drop(admin, row.datname)

    def _begin(self, admin: Connection) -> str:
        may = admin.execute(_MAY).one()
        if not may.creates:
            raise DatabaseError(
                f"the role {may.rolname!r} may not create databases, and check works in one of its own",
                hint=f"Let an administrator run: ALTER ROLE {quoted(may.rolname)} CREATEDB; or {INSTEAD}",
            )
        self._made.append(f"{self._run}_{len(self._made)}")
        return self._made[-1]

    def _finish(self, admin: Connection, name: str) -> URL:
        swap.run(admin, f"COMMENT ON DATABASE {quoted(name)} IS {literal(SIGN)}")
        if swap.exists(admin, self._database):
            for statement in swap.dress_of(admin, self._database).statements_for(name):
                try:
                    swap.run(admin, statement)
                except sa.exc.DBAPIError as error:
                    if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
                        raise  # what this role may not set, its migrations could not either
        return self._url.set(database=name)

    def _like(self, admin: Connection) -> sa.Row[tuple[str, ...]] | None:
        """Read what the database at hand is like; None where it is not there yet."""
        right = "SET" if (admin.dialect.server_version_info or (0,)) >= (16,) else "MEMBER"
        return admin.execute(_LIKE, {"name": self._database, "right": right}).first()


def _owner(like: sa.Row[tuple[str, ...]] | None) -> str | None:
    """Name the owner of the database at hand, where we may make one for it."""
    return str(like.owner) if like is not None and like.ours else None


def _provided(like: sa.Row[tuple[str, ...]]) -> str:
    """Say who compares texts, where that is not the operating system's library."""
    rules = f"ICU_RULES {literal(like.rules)} " if like.rules else ""
    if like.provider == "i":
        return f"LOCALE_PROVIDER icu ICU_LOCALE {literal(like.locale)} {rules}"
    return f"LOCALE_PROVIDER builtin BUILTIN_LOCALE {literal(like.locale)}" if like.provider == "b" else ""


def _drop(admin: Connection, name: str) -> None:
    swap.run(admin, f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")
