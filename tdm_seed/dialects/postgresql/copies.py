"""The part of the contract that copies whole databases, as PostgreSQL does it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from tdm_seed.dialects.snapshots import Snapshots, Store
from tdm_seed.dialects.throwaway import Databases, Throwaways, new_run
from tdm_seed.dialects.waiting import Claim
from tdm_seed.errors import DatabaseError, TdmSeedError

if TYPE_CHECKING:
    from tdm_seed.dialects.postgresql.snapshot import Templates

#: Through JSON, since each major version has other columns.
_STANDING = sa.text(
    "SELECT current_setting('server_version_num')::integer / 10000, pg_encoding_to_char(encoding), datcollate, "
    "datctype, to_jsonb(d) ->> 'datlocprovider', "
    "COALESCE(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'), to_jsonb(d) ->> 'daticurules' "
    "FROM pg_database d WHERE datname = current_database()"
)


class _Reaching(Protocol):
    """What a dialect needs besides, and has."""

    def engine(self, url: URL, application: str) -> Engine: ...


class Copies(Snapshots, Throwaways):
    """Template databases; nobody may be connected to a database that is copied or replaced."""

    takes_snapshots: ClassVar[bool] = True
    copies_alone: ClassVar[bool] = True

    def store(
        self: _Reaching, url: URL, connection: Connection, application: str, reached: Callable[[str], None],
        patience: float,
    ) -> Store:  # fmt: skip
        """Ask for the database's name where it does not stand in its place in the URL."""
        plain = url.database is not None and "dbname" not in url.query
        name = url.database if plain else connection.exec_driver_sql("SELECT current_database()").scalar_one()
        return _templates(self.engine, url, str(name), application, reached)

    def half_swapped(
        self: _Reaching, url: URL, application: str, claim: Claim, error: TdmSeedError, store: Store | None = None
    ) -> URL | None:
        """Look from the maintenance database, when whoever restores this one is done or gone."""
        said = str(error.__cause__)
        missing = ("database" in said and "does not exist" in said) or "invalid database" in said
        if not url.database or not missing:
            return None
        try:
            known = store if store is not None and store.database == url.database else None
            found = cast("Templates", known or _templates(self.engine, url, url.database, application)).standing_in(
                claim
            )
        except (sa.exc.DBAPIError, DatabaseError):
            return None  # what is told of the database itself tells more
        return url.set(database=found) if found else None

    def end_swap(self: _Reaching, url: URL, application: str, claim: Claim) -> None:
        """Rename what stands beside it."""
        _templates(self.engine, url, str(url.database), application).end_swap(claim)

    @contextmanager
    def throwaways(self: _Reaching, url: URL, application: str, claim: Claim) -> Iterator[Databases]:
        """Ask for the database's name only where it stands in a file or a variable."""
        from tdm_seed.dialects.postgresql.throwaway import Throwaway

        name = url.query.get("dbname", url.database)
        if name is None:
            with self.engine(url, application).connect() as connection:
                name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
        made = Throwaway(self.engine, url, str(name), application, new_run())
        with made.alive(claim):
            yield made

    def fingerprint(self, connection: Connection, own: Collection[str]) -> str:
        """Digest the catalogue's own columns."""
        from tdm_seed.dialects.postgresql.fingerprint import fingerprint

        return fingerprint(connection, own)

    def stamp(self, connection: Connection, own: Collection[str]) -> str:
        """Sum up which versions of the catalogue's rows there are, by our function where it is known to be there."""
        from tdm_seed.dialects.postgresql import fingerprint, rewind

        known = rewind.FOUND in connection.info
        return fingerprint.stamp_by_function(connection) if known else fingerprint.stamp(connection, own)

    def standing(self, connection: Connection) -> tuple[Any, ...]:
        """Give the server's major version, encoding and collation of the database, and whose collation that is."""
        return ("postgresql", *connection.execute(_STANDING).one())


def _templates(
    engine: Callable[[URL, str], Engine],
    url: URL,
    database: str,
    application: str,
    reached: Callable[[str], None] = lambda _: None,
) -> Templates:
    from tdm_seed.dialects.postgresql.snapshot import Templates

    return Templates(engine, url, database, application, reached)
