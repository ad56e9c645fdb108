"""Start, stop and name real servers for tests: python -m tdm_seed.testing.servers start|stop|url."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from tdm_seed.errors import TdmSeedError

from .finding import NAMES, find, product_of
from .launch import administrator
from .server import Server
from .shared import daemon, start_daemon, stop_daemon

Function = TypeVar("Function", bound=Callable[..., Any])

_names = click.argument("names", nargs=-1, type=click.Choice(NAMES), metavar="[NAME]...")
_export = click.option("--export", is_flag=True, help="Print shell lines that hand the URLs to the tests.")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def _plain(_context: click.Context, _parameter: click.Parameter, given: str | None) -> str | None:
    if given is not None and not _NAME.fullmatch(given):
        raise click.BadParameter("small letters, digits and _, beginning with a letter")
    return given


def _pairs(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    if bare := [each for each in given if "=" not in each]:
        raise click.BadParameter(f"{bare[0]}: NAME=VALUE")
    return dict(each.split("=", 1) for each in given)


def _database(text: str) -> Callable[[Function], Function]:
    return click.option("--database", metavar="NAME", callback=_plain, help=text)


@click.group()
def main() -> None:
    """Real PostgreSQL and MariaDB servers for tests, without Docker, as root or not.

    NAME is postgresql or mysql; both when none is given. Where TDM_SEED_TEST_POSTGRESQL_URL or
    TDM_SEED_TEST_MYSQL_URL is set, that server is used and none is started.
    """


@main.command()
@_names
@_export
@click.option("--tcp", is_flag=True, help="Listen on the loopback too, with a password made up for it.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", callback=_pairs, help="A setting of the server."
)
@_database("Make this database where it is missing, and print its URL.")
def start(names: tuple[str, ...], export: bool, tcp: bool, settings: dict[str, str], database: str | None) -> None:
    """Start servers and print their URLs.

    They stay until `stop`. One that runs already is left alone, and keeps its settings.
    """

    def started(name: str) -> None:
        if _is_given(name):
            return
        server = start_daemon(name, tcp=tcp, settings=settings)
        if tcp and server.tcp_url is None:
            raise TdmSeedError("running already, without TCP", hint="Stop it, then start it with --tcp.")
        if database is not None:
            _make(server, database)
        _print_url(server, tcp, export, database)

    _each(names, started)


@main.command()
@_names
def stop(names: tuple[str, ...]) -> None:
    """Stop what `start` started, and remove the data."""

    def stopped(name: str) -> None:
        click.echo(f"{name}: stopped" if stop_daemon(name) else f"{name}: was not running")

    _each(names, stopped)


@main.command()
@_names
@_export
@click.option("--tcp", is_flag=True, help="The URL over TCP.")
@_database("The URL of this database.")
def url(names: tuple[str, ...], export: bool, tcp: bool, database: str | None) -> None:
    """Print the URLs of running servers.

    Exit code 1 when one of them does not run.
    """

    def printed(name: str) -> None:
        if _is_given(name):
            return
        server = daemon(name)
        if server is None:
            hint = f"Start it: python -m tdm_seed.testing.servers start {name}"
            raise TdmSeedError("not running", hint=hint)
        if tcp and server.tcp_url is None:
            raise TdmSeedError("running without TCP", hint="Stop it, then start it with --tcp.")
        _print_url(server, tcp, export, database)

    _each(names, printed)


def _each(names: tuple[str, ...], action: Callable[[str], None]) -> None:
    """Do it for every name, whatever becomes of the others, and exit 1 when one failed."""
    failed = False
    for name in names or NAMES:
        try:
            action(name)
        except TdmSeedError as error:
            click.echo(f"{name}: {error}", err=True)
            failed = True
    sys.exit(1 if failed else 0)


def _is_given(name: str) -> bool:
    variable = product_of(name).url_variable
    if not os.environ.get(variable):
        return False
    shown = make_url(find(name).url or "").render_as_string(hide_password=True)
    click.echo(f"{name}: {variable} gives {shown}; nothing is started", err=True)
    return True


def _make(server: Server, database: str) -> None:
    try:
        with administrator(server.url_for(database)):
            return
    except OperationalError:
        with administrator(server.url) as connection:
            product_of(server.name).create_database(connection, database)


def _print_url(server: Server, tcp: bool, export: bool, database: str | None) -> None:
    shown = server.tcp_url if tcp and server.tcp_url else server.url
    if database is not None:
        shown = server.url_for(database, tcp=shown != server.url)
    variable = product_of(server.name).url_variable
    click.echo(f"export {variable}={shlex.quote(shown)}" if export else shown)


if __name__ == "__main__":
    main(prog_name="python -m tdm_seed.testing.servers")
