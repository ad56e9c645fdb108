"""Which hosts an environment may touch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tdm_seed.environments.environment import Environment
from tdm_seed.errors import Protected

if TYPE_CHECKING:
    from sqlalchemy import URL

LOCAL = "localhost"
_LOCAL = ("", LOCAL, "127.0.0.1", "::1")
#: Query arguments by which drivers take the host from a file that we do not read.
_ELSEWHERE = ("service", "read_default_file")


def check(environment: Environment, url: str) -> None:
    """Refuse a database whose host the environment does not list; without a list, every host will do.

    No host, a socket, a file and the loopback addresses are all ``localhost``. An entry may carry a port.

    Raises:
        Protected: another host, or a protected environment without a list.
    """
    if environment.hosts is None:
        if environment.protected:
            raise Protected(
                f"the environment {environment.name!r} is protected but lists no hosts",
                hint=f'Say in its manifest where it may write: hosts = ["{LOCAL}"].',
                **environment.place("protected"),
            )
        return
    allowed = _allowed(environment)
    for host, port in targets(url):
        if (host, None) not in allowed and (host, port) not in allowed:
            named = f"{host}:{port}" if port else host
            raise Protected(
                f"the environment {environment.name!r} may not touch the host {named}",
                hint=f"Its hosts are: {', '.join(environment.hosts) or 'none'}. If the URL is right, add this one.",
                **environment.place("hosts"),
            )


def lists(environment: Environment, url: str) -> bool:
    """Tell whether an environment lists one of the hosts that a URL leads to."""
    allowed = _allowed(environment)
    return any((host, None) in allowed or (host, port) in allowed for host, port in targets(url))


def _allowed(environment: Environment) -> set[tuple[str, int | None]]:
    return {_entry(entry) for entry in environment.hosts or ()}


def targets(url: str) -> tuple[tuple[str, int | None], ...]:
    """Give every host that a URL may lead to, with its port.

    Raises:
        UsageError: this is no database URL.
    """
    from tdm_seed import dialects

    dialect, resolved = dialects.resolve(url)
    if dialect.file(resolved) is not None:
        return ((LOCAL, None),)
    for argument in _ELSEWHERE:
        if named := _all(resolved, argument):
            return ((f"{argument}={named[0]}", None),)
    if _all(resolved, "unix_socket"):
        return ((LOCAL, None),)
    hosts = _all(resolved, "hostaddr") or _all(resolved, "host") or (resolved.host or "").split(",")
    ports: list[int | None] = [int(port) for port in _all(resolved, "port") if port.isdigit()]
    ports = ports or [resolved.port]
    found = []
    for place, text in enumerate(hosts):
        host, port = _entry(text)
        given = ports[place] if len(ports) == len(hosts) else ports[0]
        found.append((host, port or given or dialect.default_port))
    return tuple(dict.fromkeys(found))


def _all(url: URL, argument: str) -> list[str]:
    """Give the values of a query argument, which may come several times or with commas."""
    given = url.query.get(argument, ())
    values = (given,) if isinstance(given, str) else given
    return [piece.strip() for value in values for piece in value.split(",") if piece.strip()]


def _entry(text: str) -> tuple[str, int | None]:
    """Split ``host``, ``host:port``, ``[::1]:port`` and ``::1``."""
    text = text.strip().lower()
    host, port = text, ""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if host in _LOCAL or host.startswith(("/", "@")):
        host = LOCAL
    return host.rstrip("."), int(port) if port.isdigit() else None
