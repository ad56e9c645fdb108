"""The part of the contract that copies whole databases, as MySQL and MariaDB do it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Final, Protocol

from sqlalchemy.engine import URL, Connection, Engine

from tdm_seed.dialects.snapshots import Snapshots, Store
from tdm_seed.dialects.throwaway import Databases, Throwaways
from tdm_seed.dialects.waiting import Claim

#: The table in a database that is being restored, which names the snapshot. While it is there, nothing else counts.
RESTORING: Final = "tdm_seed_restoring"


class _Reaching(Protocol):
    """What a dialect needs besides, and has."""

    def engine(self, url: URL, application: str) -> Engine: ...


class Copies(Snapshots, Throwaways):
    """Databases beside the one at hand. DDL commits, so a restore is no transaction, and is gone on with."""

    takes_snapshots: ClassVar[bool] = True

    def store(
        self: _Reaching, url: URL, connection: Connection, application: str, reached: Callable[[str], None],
        patience: float,
    ) -> Store:  # fmt: skip
        """Ask for the database's name, which may stand in a file of options."""
        from tdm_seed.dialects.mysql.snapshot import Siblings

        name: str = connection.exec_driver_sql("SELECT DATABASE()").scalar_one()
        return Siblings(self.engine(url, application), name, reached, patience)

    @contextmanager
    def throwaways(self: _Reaching, url: URL, application: str, claim: Claim) -> Iterator[Databases]:
        """Make databases on the same server."""
        from tdm_seed.dialects.mysql.throwaway import Neighbours

        with Neighbours.alive(lambda place: self.engine(place, application), url) as made:
            yield made

    def cut_off(self, connection: Connection) -> bool:
        """Look for the table that is there as long as a restore is not ended."""
        return connection.exec_driver_sql("SHOW TABLES LIKE 'tdm\\_seed\\_restoring'").first() is not None

    def fingerprint(self, connection: Connection, own: Collection[str]) -> str:
        """Digest what the information schema tells."""
        from tdm_seed.dialects.mysql.fingerprint import fingerprint

        return fingerprint(connection, own)

    def standing(self, connection: Connection) -> tuple[Any, ...]:
        """Give product, version without its last number, character set and collation of the database."""
        product = "mariadb" if getattr(connection.dialect, "is_mariadb", False) else "mysql"
        version = (connection.dialect.server_version_info or ())[:2]
        charset = connection.exec_driver_sql("SELECT @@character_set_database, @@collation_database").one()
        return (product, *version, *charset)
