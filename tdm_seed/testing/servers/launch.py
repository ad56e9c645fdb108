"""Start one server in a directory, wait until it answers, and stop it."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, NullPool, create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from . import supervisor
from .account import Account
from .errors import ServerFailed, tail
from .finding import find, product_of
from .places import scratch_directory
from .product import Installation, Layout, Product
from .server import Server

# Generous, for a machine with its disk under load; usually it takes half a second.
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.01
# A socket's address holds 108 bytes; the longest name of ours in it has 17.
_LONGEST_SOCKET_DIRECTORY = 88
_PORT_ATTEMPTS = 3


@contextmanager
def start(
    name: str,
    directory: Path | None = None,
    *,
    tcp: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run a server for the length of a ``with`` block; it ends with this process at the latest.

    However this process dies, the server does not outlive it. It listens on a socket that only this user can
    reach; with ``tcp`` also on a free port of the loopback, there with a password. ``settings`` are the
    server's own, by their own names. Its files go to a temporary directory that is removed at the end, or
    below ``directory``, which stays: starting there again finds the same data.
    Where the environment gives a URL, that server is yielded and nothing is started.

    :raises MissingServer: when there is none to start.
    :raises ServerFailed: when it does not start, with the end of its log.
    """
    installation = find(name)
    if installation.url is not None:
        yield given(installation)
        return
    keep = directory is not None
    server = launch(installation, directory, watch=os.getpid(), keep=keep, tcp=tcp, settings=settings)
    try:
        yield server
    finally:
        end(server)


def given(installation: Installation) -> Server:
    """Return the server that a URL in the environment names, after asking it for its version.

    :raises ServerFailed: when it cannot be reached.
    """
    assert installation.url is not None
    product = product_of(installation.name)
    url = make_url(installation.url)
    try:
        with administrator(url) as connection:
            version = product.server_version(connection)
    except SQLAlchemyError as error:
        raise ServerFailed(
            f"the server {installation.origin}, {url.render_as_string(hide_password=True)}, "
            f"cannot be reached: {_sentence(error)}",
            hint=f"Start it, or unset {product.url_variable} to have a server started for the tests.",
        ) from error
    # An address on the network serves those who ask for TCP just as well.
    tcp_url = installation.url if url.host and "unix_socket" not in url.query else None
    return Server(installation.name, version, installation.url, tcp_url)


def launch(
    installation: Installation,
    base: Path | None,
    *,
    watch: int | None,
    keep: bool = False,
    tcp: bool = False,
    settings: Mapping[str, str] | None = None,
    also_remove: Sequence[Path] = (),
) -> Server:
    """Start a server that ends with the process ``watch``, or, when that is None, only when it is told to.

    Its files go to a directory below ``base`` (a fresh temporary one when None) and are removed at the end
    together with ``also_remove``, unless they are to be kept.

    :raises ServerFailed: when it does not start, with the end of its log.
    """
    product, account = product_of(installation.name), Account.current()
    base = scratch_directory() if base is None else _entered(base, product, account)
    directory = base / installation.name
    if supervisor.is_alive(directory):
        message = f"a {product.title} server already runs in {directory}"
        raise ServerFailed(message, hint="Stop it, or choose another directory.")
    directory.mkdir(mode=0o700 if account.ours else 0o711, exist_ok=True)
    sockets = socket_directory(directory, account)
    remove = [sockets] if keep else [sockets, directory, *also_remove]
    user, group, _ = account.switch
    for attempt in range(1, _PORT_ATTEMPTS + 1):
        layout = Layout(directory / "data", sockets, _free_port() if tcp else None)
        spec = supervisor.Spec(
            directory=str(directory),
            command=product.command(installation, layout, settings or {}),
            environment=installation.environment,
            stop_signals=list(product.stop_signals),
            patience=_STOP_SECONDS,
            user=user,
            group=group,
            watch=watch,
            remove=[str(path) for path in remove],
            remove_if_empty=[] if keep else [str(base)],
        )
        try:
            _initialise(product, installation, directory, account)
            return _run(product, installation, layout, directory, spec)
        except BaseException as error:
            supervisor.stop(directory, _STOP_SECONDS)
            # Between our choice of a free port and the server's use of it somebody else may have taken it.
            taken = isinstance(error, ServerFailed) and "Address already in use" in error.message
            if not (tcp and taken and attempt < _PORT_ATTEMPTS):
                spec.clean()
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


def end(server: Server) -> None:
    """Stop a server that `launch` started and remove its files; one that is gone already is no error.

    :raises ServerFailed: when it does not stop.
    """
    if server.directory is None:
        return
    spec_path = server.directory / "supervisor.json"
    try:
        spec = supervisor.Spec.read(spec_path)
    except FileNotFoundError:
        return
    patience = spec.patience * (len(spec.stop_signals) + 2)
    if not supervisor.stop(server.directory, patience):
        message = f"the {server.name} server in {server.directory} did not stop within {patience:.0f} s"
        raise ServerFailed(message, hint=f"End process {server.pid} yourself; its log is {server.log}.")
    spec.clean()  # for a server that died by itself; its supervisor left everything to be looked at


def is_running(server: Server) -> bool:
    """Tell whether a server that `launch` started still runs."""
    return server.directory is not None and supervisor.is_alive(server.directory)


@contextmanager
def administrator(url: URL | str) -> Iterator[Connection]:
    """Connect as the administrator, each statement its own transaction."""
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


def _initialise(product: Product, installation: Installation, directory: Path, account: Account) -> None:
    data, partial = directory / "data", directory / "data.partial"
    if data.exists():
        return
    shutil.rmtree(partial, ignore_errors=True)  # of a start that was killed in the middle
    account.make_directory(partial)
    command, given_input = product.initialise(installation, partial)
    user, group, extra_groups = account.switch
    try:
        done = subprocess.run(
            command,
            input=given_input,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=directory,
            env=installation.environment,
            user=user,
            group=group,
            extra_groups=extra_groups,
        )
    except OSError as error:
        raise ServerFailed(f"{installation} cannot be run as uid {account.uid}: {error}") from error
    if done.returncode != 0:
        raise ServerFailed(f"{installation} could not set up {partial}:\n{tail(done.stdout)}")
    partial.rename(data)


def _run(
    product: Product, installation: Installation, layout: Layout, directory: Path, spec: supervisor.Spec
) -> Server:
    spec_path, log = directory / "supervisor.json", directory / "server.log"
    spec.write(spec_path)
    (directory / supervisor.PIDS).unlink(missing_ok=True)
    with open(log, "wb") as output:
        subprocess.run(
            [sys.executable, "-I", "-S", supervisor.__file__, str(spec_path)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=directory,
        )
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            # A plain socket first: PyMySQL leaks its own when nobody listens there yet.
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(product.socket(layout)))
            with administrator(product.url(layout)) as connection:
                return _server(product, layout, directory, connection)
        except (OSError, SQLAlchemyError) as error:
            refusal = error
        if not supervisor.is_alive(directory):
            reason = "it ended at once"
        elif time.monotonic() > deadline:
            reason = f"it did not answer within {_START_SECONDS:.0f} s ({_sentence(refusal)})"
        else:
            time.sleep(_POLL_SECONDS)
            continue
        # Read now: whoever stops what still runs removes the log with everything else.
        text = tail(log.read_text(errors="replace"))
        raise ServerFailed(f"{installation} did not start: {reason}; the end of its log:\n{text}")


def _server(product: Product, layout: Layout, directory: Path, connection: Connection) -> Server:
    tcp_url = None
    if layout.port is not None:
        password = secrets.token_hex(16)
        product.set_password(connection, password)
        tcp_url = product.tcp_url(layout.port, password).render_as_string(hide_password=False)
    return Server(
        product.name,
        product.server_version(connection),
        product.url(layout).render_as_string(hide_password=False),
        tcp_url,
        supervisor.server_pid(directory),
        directory,
    )


def _entered(base: Path, product: Product, account: Account) -> Path:
    base.mkdir(parents=True, exist_ok=True)
    if obstacle := account.obstacle(base):
        raise ServerFailed(
            f"{product.title} would run in {base} as uid {account.uid}, which cannot enter {obstacle}",
            hint=f"Choose another directory, or open that one (chmod o+x {obstacle}).",
        )
    return base.absolute()


def socket_directory(directory: Path, account: Account) -> Path:
    """Return a directory that only the account can enter: the socket asks for no password."""
    sockets = directory / "sockets"
    if len(os.fsencode(sockets)) > _LONGEST_SOCKET_DIRECTORY:
        sockets = Path(tempfile.mkdtemp(prefix="tdm-seed-", dir="/tmp"))
        if not account.ours:
            os.chown(sockets, account.uid, account.gid)
    account.make_directory(sockets)
    return sockets


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _sentence(error: Exception) -> str:
    """Return the driver's own first line, without SQLAlchemy's frame around it."""
    cause = getattr(error, "orig", None) or error
    return next(iter(str(cause).splitlines()), type(cause).__name__)
