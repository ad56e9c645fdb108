"""Real database servers for tests: found or obtained, started and stopped, without Docker, as root or not."""

from __future__ import annotations

from .errors import MissingServer, ServerFailed
from .finding import NAMES, can_download, find
from .launch import start
from .places import scratch_directory
from .product import Installation
from .server import Server
from .shared import daemon_url, shared, start_daemon, stop_daemon, stop_shared

__all__ = [
    "NAMES",
    "Installation",
    "MissingServer",
    "Server",
    "ServerFailed",
    "can_download",
    "daemon_url",
    "find",
    "scratch_directory",
    "shared",
    "start",
    "start_daemon",
    "stop_daemon",
    "stop_shared",
]
