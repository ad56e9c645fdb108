"""A running server, as a value that can be handed from process to process."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sqlalchemy import make_url


@dataclass(frozen=True)
class Server:
    """A server that answers; without a ``pid`` it is somebody else's, given by its URL in the environment."""

    name: str
    version: str
    url: str = field(repr=False)
    tcp_url: str | None = field(default=None, repr=False)
    pid: int | None = None
    directory: Path | None = None

    @property
    def log(self) -> Path | None:
        """The file that the server writes its messages to."""
        return self.directory and self.directory / "server.log"

    def url_for(self, database: str, *, tcp: bool = False) -> str:
        """Return the administrator's URL for one database, over the socket or, on request, over TCP.

        :raises ValueError: when ``tcp`` is asked of a server that was not started with it.
        """
        url = self.tcp_url if tcp else self.url
        if url is None:
            raise ValueError(f"{self.name} was started without TCP")
        return make_url(url).set(database=database).render_as_string(hide_password=False)

    def to_json(self) -> str:
        """Return it as text, password included: for a file that only its owner can read."""
        values = asdict(self)
        return json.dumps({**values, "directory": self.directory and str(self.directory)})

    @classmethod
    def from_json(cls, text: str) -> Server:
        """Return what `to_json` wrote."""
        values = json.loads(text)
        return cls(**{**values, "directory": values["directory"] and Path(values["directory"])})
