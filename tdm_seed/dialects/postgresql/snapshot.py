"""Snapshots as template databases beside the one at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from tdm_seed.dialects.postgresql import swap
from tdm_seed.dialects.postgresql.beside import Beside, own
from tdm_seed.dialects.postgresql.lock import run_lock, session_lock
from tdm_seed.dialects.postgresql.sessions import alone
from tdm_seed.dialects.postgresql.swap import BORN, INVALID, literal, quoted
from tdm_seed.dialects.snapshots import Mark, Snapshot, dropped_meanwhile, foreign, name_of, of_another_version
from tdm_seed.dialects.waiting import Claim
from tdm_seed.errors import DatabaseError

_BEGINNING = (
    "SELECT datname, shobj_description(oid, 'pg_database') AS said, datconnlimit, {size} AS size "
    "FROM pg_database WHERE starts_with(datname, :begin) ORDER BY 1"
)
_SIZED = sa.text(
    _BEGINNING.format(size="CASE WHEN has_database_privilege(oid, 'CONNECT') THEN pg_database_size(oid) END")
)
_UNSIZED = sa.text(_BEGINNING.format(size="NULL"))
_PUBLIC = sa.text("SELECT has_database_privilege('public', CAST(:name AS text), 'CONNECT')")
_RIGHTS = sa.text(
    "SELECT r.rolname, r.rolcreatedb OR r.rolsuper AS creates, pg_has_role(d.datdba, 'USAGE') AS owns, "
    "pg_get_userbyid(d.datdba) AS owner FROM pg_roles r, pg_database d "
    "WHERE r.rolname = current_user AND d.datname = :name"
)


class Templates(Beside):
    """The store of a PostgreSQL server, for one of its databases."""

    instead: ClassVar[str] = "`tdm-seed reset` does without."

    def __init__(
        self, engine: Callable[[URL, str], Engine], url: URL, database: str, application: str,
        reached: Callable[[str], None],
    ) -> None:  # fmt: skip
        super().__init__(engine, url, database, application)
        self._reached = reached

    @property
    def database(self) -> str:
        """The name of the database, which may have been given elsewhere than in the URL."""
        return self._database

    @contextmanager
    def lock(self, claim: Claim) -> Iterator[None]:
        """Hold an advisory lock in the maintenance database: in the database itself nobody may be connected.

        All that is done meanwhile goes by the session that holds it: what the server is still at for a runner that was
        killed is done before another one gets the lock. Behind a pooler, sessions are nobody's own. Whoever holds it
        already goes on.
        """
        if self._working is not None:
            yield
            return
        claim = replace(claim, key=f"snapshots of {self._database}")
        with self._admin() as admin, session_lock(admin, claim) if own(admin) else run_lock(admin.engine, claim):
            self._working = admin
            try:
                yield
            finally:
                self._working = None

    def snapshots(self) -> list[Snapshot]:
        """List the databases that carry our mark, or were born as we let them be born and not marked yet.

        One that was dropped half-way is not complete, whatever its mark says.
        """
        with self._admin() as admin:
            return self._snapshots(admin, _SIZED, "tdm_seed_")

    def _snapshots(self, admin: Connection, query: sa.TextClause, begin: str) -> list[Snapshot]:
        found = [
            (row, Mark.read(row.said), row.datconnlimit == INVALID)
            for row in admin.execute(query, {"begin": begin})
            if not foreign(row.said)
        ]
        mine = name_of(self._database)
        return [
            Snapshot(row.datname, None if invalid else mark, row.size)
            for row, mark, invalid in found
            if mark or row.datconnlimit == BORN or (invalid and row.datname.startswith(mine))
        ]

    def build(self, key: str, describe: Callable[[Connection], Mark], *, force: bool) -> Snapshot:
        """Copy the database, look at the copy, close it, and comment on it last."""
        name = name_of(self._database, key)
        with self._admin() as admin:
            self._check_rights(admin)
            if any(row.datname == name and foreign(row.said) for row in admin.execute(_UNSIZED, {"begin": name})):
                raise of_another_version(name)
            alone(admin, self._database, force=force)
            self._drop(admin, name)
            size = admin.scalar(sa.select(sa.func.pg_database_size(self._database)))
            public = admin.scalar(_PUBLIC, {"name": self._database})
            owner = None if public else swap.dress_of(admin, self._database).owner
            self._copy(admin, self._database, int(size or 0), name, owner, BORN)
            try:
                self._reached("after copy")
                with self._open(name) as copy:
                    mark = describe(copy)
                template = "IS_TEMPLATE true" if public else ""  # which all who may create databases may copy
                swap.run(admin, f"ALTER DATABASE {quoted(name)} WITH ALLOW_CONNECTIONS false {template}")
                self._reached("before mark")
                swap.run(admin, f"COMMENT ON DATABASE {quoted(name)} IS {literal(mark.written())}")
            except Exception:
                with suppress(sa.exc.DBAPIError):  # it is told as cut off, and dropped by whoever comes next
                    self._drop(admin, name)
                raise
            self._reached("after mark")
            made = self._snapshots(admin, _SIZED, name)
            return next((each for each in made if each.name == name), Snapshot(name, mark, None))

    def clone(self, snapshot: Snapshot, finish: Callable[[Connection], None], *, force: bool) -> None:
        """Make the new database ready beside the old one, drop that, and rename."""
        new = swap.new_name(self._database)
        with self._admin() as admin:
            self._check_rights(admin)
            alone(admin, self._database, force=force)
            dress = swap.dress_of(admin, self._database)
            try:
                self._copy(admin, snapshot.name, snapshot.size or 0, new, dress.owner, BORN)
            except sa.exc.DBAPIError as error:
                if swap.exists(admin, snapshot.name):
                    raise
                raise dropped_meanwhile(snapshot.name) from error
            try:
                self._reached("after copy")
                with self._open(new) as copy:
                    finish(copy)
                dress.put_on(admin, new, self._database)
                self._reached("before drop")
                forced = " WITH (FORCE)" if force else ""
                swap.run(admin, f"DROP DATABASE {quoted(self._database)}{forced}")
            except Exception:
                with suppress(sa.exc.DBAPIError):
                    if swap.exists(admin, self._database):  # and is not dropped half-way: there is no way back then
                        self._drop(admin, new)
                raise
            self._reached("after drop")
            swap.end(admin, new, self._database)
            self._reached("after rename")

    def drop(self, snapshot: Snapshot) -> bool:
        """Drop a snapshot, which has to be no template first."""
        with self._admin() as admin:
            self._drop(admin, snapshot.name)
        return True

    def tidy(self) -> None:
        """Drop snapshots of this database without a mark, and what a restore that was cut off has left beside it."""
        with self._admin() as admin:
            swap.tidy(admin, self._database)
            for each in self._snapshots(admin, _UNSIZED, name_of(self._database)):
                if not each.complete:
                    self._drop(admin, each.name)

    def standing_in(self, claim: Claim) -> str | None:
        """Name the database to read from: this one if it is there by now, or what is to take its place."""
        with self.lock(claim), self._admin() as admin:
            if swap.exists(admin, self._database):
                return self._database
            return swap.ready(admin, self._database)

    def end_swap(self, claim: Claim) -> None:
        """Let that take its place."""
        with self.lock(claim), self._admin() as admin:
            if new := swap.ready(admin, self._database):
                swap.end(admin, new, self._database)

    def _drop(self, admin: Connection, name: str) -> None:
        if swap.ours(admin, name):
            if not swap.invalid(admin, name):  # of which nothing can be altered
                swap.run(admin, f"ALTER DATABASE {quoted(name)} IS_TEMPLATE false")
            swap.run(admin, f"DROP DATABASE IF EXISTS {quoted(name)}")

    def _check_rights(self, admin: Connection) -> None:
        found = admin.execute(_RIGHTS, {"name": self._database}).first()
        instead = "Without it, `tdm-seed reset` empties the database and seeds it again."
        if found is not None and not found.creates:
            raise DatabaseError(
                f"the role {found.rolname!r} may not create databases, which a snapshot is",
                hint=f"Let an administrator run: ALTER ROLE {quoted(found.rolname)} CREATEDB. {instead}",
            )
        if found is not None and not found.owns:
            raise DatabaseError(
                f"the database {self._database!r} belongs to {found.owner!r}, and only an owner may copy or replace it",
                hint=f"Let an administrator run: GRANT {quoted(found.owner)} TO {quoted(found.rolname)}. {instead}",
            )
