"""MySQL's family: MariaDB found on the machine, or downloaded; a MySQL server by its URL."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError

from . import download
from .errors import ServerFailed
from .places import cached, system_key
from .product import Installation, Layout, Search, version_of

_BIN_VARIABLE = "TDM_SEED_TEST_MYSQL_BIN"
_DIRECTORIES = (
    "/usr/sbin",
    "/usr/libexec",
    "/usr/local/sbin",
    "/usr/local/mysql/bin",
    "/opt/homebrew/opt/mariadb*/bin",
)
_PROGRAMS = ("mariadbd",)
# Below the prefix (the parent of the programs' directory), with the SQL files of an empty server.
_SHARES = ("share/mysql", "share/mariadb", "share")
# Debian 12 and Ubuntu 24.04, Ubuntu 22.04, Debian 11.
_PACKAGES = ("mariadb-server-core", "mariadb-server-core-10.6", "mariadb-server-core-10.5")

# The parts of mariadb-install-db, in its order; the prefix is mysql_ before MariaDB 11, mariadb_ since.
_SYSTEM_SQL = ("system_tables", "performance_tables", "system_tables_data")
_SPATIAL_SQL = "maria_add_gis_sp_bootstrap.sql"

# Tests lose nothing by a crash: no waiting for the disk. UTC, so that no test depends on where it runs.
_SETTINGS = {
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-doublewrite": "0",
    "innodb-log-file-size": "10M",
    "character-set-server": "utf8mb4",
    "local-infile": "1",
    "max-connections": "200",
    "table-open-cache": "400",
    "default-time-zone": "+00:00",
}


class MySQL:
    """How to find, set up and run MariaDB, which stands for MySQL where only what both know is used."""

    name = "mysql"
    url_variable = "TDM_SEED_TEST_MYSQL_URL"
    title = "MariaDB"
    remedy = (
        "Install the system's MariaDB server (Debian, Ubuntu: `apt-get install mariadb-server-core`), "
        f"or name its programs' directory in {_BIN_VARIABLE}, "
        f"or set {url_variable} to a MySQL or MariaDB server of your own."
    )
    stop_signals: tuple[int, ...] = (signal.SIGTERM,)

    def installations(self, search: Search) -> Iterator[Installation]:
        """Yield the machine's own servers, then the cached one, downloaded first where that is allowed."""
        for programs in search.directories(_BIN_VARIABLE, _DIRECTORIES, _PROGRAMS):
            if installation := self._installation(search, programs, str(programs), ()):
                yield installation
        try:
            root = self._downloaded(search)
        except (OSError, ServerFailed) as error:
            search.looked.append(error.message if isinstance(error, ServerFailed) else str(error))
            return
        if root is not None and search.readable(root):
            libraries = download.library_directories(root)
            installation = self._installation(search, root / "usr" / "sbin", f"downloaded, {root}", libraries)
            if installation:
                yield installation

    def _installation(
        self, search: Search, programs: Path, origin: str, libraries: tuple[Path, ...]
    ) -> Installation | None:
        share = _share(programs)
        if share is None:
            search.looked.append(f"{programs} holds mariadbd, but not the SQL files of its system tables near it")
            return None
        version = search.version(programs / "mariadbd", libraries)
        if version is None:
            return None
        return Installation(self.name, self.title, origin, version, programs, share, libraries)

    def _downloaded(self, search: Search) -> Path | None:
        def usable(root: Path) -> bool:
            return version_of(root / "usr/sbin/mariadbd", download.library_directories(root)) is not None

        def build(root: Path) -> None:
            download.fetch(_PACKAGES, root)
            if not usable(root):
                raise ServerFailed("the downloaded mariadbd does not run here: a library is still missing")

        place = search.cache / system_key("mariadb")
        if place.is_dir() and usable(place):
            return place
        if not download.can_download():
            search.looked.append("this system has no apt-get and dpkg-deb to download it with")
            return None
        if not search.download:
            search.looked.append(f"not downloaded to {place} yet")
            return None
        return cached(search.cache, place.name, build, usable)

    def can_download(self) -> bool:
        """Tell whether apt-get could fetch it."""
        return download.can_download()

    def initialise(self, installation: Installation, data: Path) -> tuple[list[str], str]:
        """Return the bootstrap command and its SQL: one login, root on the socket, without a password."""
        assert installation.share is not None
        # The bootstrap takes a statement up to the end of its line.
        parts = ["CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n"]
        for part in _SYSTEM_SQL:
            parts += [path.read_text() for path in sorted(installation.share.glob(f"m*_{part}.sql"))]
        if (spatial := installation.share / _SPATIAL_SQL).is_file():
            parts.append(spatial.read_text())
        parts.append("DELETE FROM mysql.global_priv WHERE User = '' OR Host <> 'localhost';\n")
        parts.append("DELETE FROM mysql.proxies_priv WHERE Host <> 'localhost';\n")
        options = ["--bootstrap", "--log-warnings=0", "--max-allowed-packet=8M", "--net-buffer-length=16K"]
        sizes = [f"--{name}={_SETTINGS[name]}" for name in ("innodb-log-file-size", "character-set-server")]
        return [*_base_command(installation, data), *options, *sizes], "".join(parts)

    def command(self, installation: Installation, layout: Layout, settings: Mapping[str, str]) -> list[str]:
        """Return the command that runs the server on its socket, and on the loopback when it has a port."""
        own = {**_SETTINGS, "socket": str(self.socket(layout)), "pid-file": str(layout.data / "server.pid")}
        loopback = ["--bind-address=127.0.0.1", f"--port={layout.port}"]
        flags = ["--skip-networking"] if layout.port is None else loopback
        command = [*_base_command(installation, layout.data), "--skip-name-resolve", *flags]
        return command + [f"--{setting}={value}" for setting, value in {**own, **settings}.items()]

    def socket(self, layout: Layout) -> Path:
        """Return the socket's path."""
        return layout.sockets / "mysql.sock"

    def url(self, layout: Layout) -> URL:
        """Return the administrator's URL over the socket, which asks for no password."""
        where = {"unix_socket": str(self.socket(layout))}
        return URL.create("mysql+pymysql", "root", host="localhost", query=where)

    def tcp_url(self, port: int, password: str) -> URL:
        """Return the administrator's URL over TCP."""
        return URL.create("mysql+pymysql", "root", password, "127.0.0.1", port)

    def given_url(self, url: URL) -> URL:
        """Return the URL with PyMySQL as its driver."""
        return url.set(drivername="mysql+pymysql")

    def set_password(self, connection: Connection, password: str) -> None:
        """Create the administrator's TCP login; the password is hexadecimal, so it needs no quoting."""
        connection.exec_driver_sql(f"CREATE OR REPLACE USER root@'127.0.0.1' IDENTIFIED BY '{password}'")
        connection.exec_driver_sql("GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION")

    def server_version(self, connection: Connection) -> str:
        """Return the number and the product, as in ``10.11.19-MariaDB``."""
        shown = str(connection.exec_driver_sql("SELECT VERSION()").scalar_one())
        number, _, rest = shown.partition("-")
        return f"{number}-MariaDB" if "mariadb" in rest.lower() else shown

    def create_database(self, connection: Connection, database: str) -> None:
        """Create an empty utf8mb4 database, whatever the server's default is."""
        connection.exec_driver_sql(f"CREATE DATABASE {database} CHARACTER SET utf8mb4")

    def drop_database(self, connection: Connection, database: str) -> None:
        """Drop a database and cut whoever is still connected to it.

        A forgotten transaction would hold its metadata lock for as long as the connection lives, and the
        server's default is to wait a day for it.
        """
        connection.exec_driver_sql("SET SESSION lock_wait_timeout = 10")
        others = "SELECT id FROM information_schema.processlist WHERE db = %s AND id <> CONNECTION_ID()"
        for other in connection.exec_driver_sql(others, (database,)).scalars().all():
            with suppress(DBAPIError):  # it may have gone by itself
                connection.exec_driver_sql(f"KILL {int(other)}")
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {database}")


def _base_command(installation: Installation, data: Path) -> list[str]:
    assert installation.programs is not None
    assert installation.share is not None
    places = {
        "basedir": installation.programs.parent,
        "lc-messages-dir": installation.share,
        "character-sets-dir": installation.share / "charsets",
        "datadir": data,
        "tmpdir": data,  # a server that starts deletes the temporary tables of others that share its folder
    }
    # --no-defaults comes first or not at all; --debug-no-sync is no debugging aid: it leaves fsync out.
    options = [f"--{option}={path}" for option, path in places.items()]
    return [installation.program("mariadbd"), "--no-defaults", *options, "--debug-no-sync", "--skip-log-bin"]


def _share(programs: Path) -> Path | None:
    for name in _SHARES:
        share = programs.parent / name
        if any(share.glob("m*_system_tables.sql")):
            return share
    return None
