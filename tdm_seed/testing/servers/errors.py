"""What can go wrong between wanting a server and having one."""

from __future__ import annotations

from tdm_seed.errors import TdmSeedError


class MissingServer(TdmSeedError):
    """No server of that kind can be had on this machine; the message names every place looked at."""

    code = "missing_server"


class ServerFailed(TdmSeedError):
    """A server is there but would not start or stop; the message carries the end of its log."""

    code = "server_failed"


def tail(text: str, lines: int = 20) -> str:
    """Return the last lines of a program's output, indented, for the end of an error's message."""
    kept = [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]
    return "\n".join(f"    {line}" for line in kept) or "    (it wrote nothing)"
