"""Databases beside that of an environment, for as long as a check takes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tdm_seed.dialects import resolve
from tdm_seed.dialects.throwaway import Databases
from tdm_seed.dialects.waiting import Claim
from tdm_seed.engine.progress import Progress
from tdm_seed.engine.session import application
from tdm_seed.environments import Environment, hosts, resolve_url
from tdm_seed.errors import Protected, UnsetVariable


@contextmanager
def throwaways(environment: Environment, *, timeout: float = 60.0, progress: Progress) -> Iterator[Databases]:
    """Make databases on the environment's server during the block; what is left at its end is dropped.

    Those that another check has left when it was killed are dropped first, and no others.

    A server that is named by itself, as by ``--url``, is one where that may be done.

    Raises:
        Protected: the environment does not list the host; or it is protected, or a protected one lists the host, so
            that nothing is made on that server.
        UsageError: none can be made there.
        DatabaseError: no server, wrong password, no privilege.
    """
    text = resolve_url(environment)
    hosts.check(environment, text)
    dialect, url = resolve(text)
    if not isinstance(environment.given_url, str) and dialect.file(url) is None and not dialect.in_memory(url):
        _refuse_protected(environment, text)
    claim = Claim("throwaways", socket.gethostname(), os.getpid(), timeout, progress.waiting)
    try:
        with dialect.throwaways(url, application(), claim) as databases:
            yield databases
    except dialect.driver_errors as error:
        raise dialect.translate_error(error, url) from error


def _refuse_protected(environment: Environment, url: str) -> None:
    """Refuse the server of a protected environment, whichever it is, as giving a copy another name there is."""
    hint = "Say --url with an empty one that may be thrown away."
    if environment.protected:
        raise Protected(
            f"the environment {environment.name!r} is protected, so check makes no database on its server",
            hint=hint,
            **environment.place("protected"),
        )
    for name in environment.project.environments():
        try:
            other = environment.project.environment(name, environ=environment.environ)
        except UnsetVariable:  # which only the machine of that environment may have
            continue
        if other.protected and hosts.lists(other, url):
            raise Protected(
                f"a host of this server is one of the protected environment {name!r}, so check makes no database on it",
                hint=hint,
                **other.place("hosts"),
            )
