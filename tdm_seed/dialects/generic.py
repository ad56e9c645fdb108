"""Any other database that SQLAlchemy speaks to, with plain SQL."""

from __future__ import annotations

from typing import ClassVar

from tdm_seed.dialects.base import Dialect


class Generic(Dialect):
    """Plain SQL and a lock file: slower than a dialect of its own, never wrong.

    What plain SQL cannot give is not promised: no deferred constraints, no lock across machines, no moving of
    sequences behind explicit numbers.
    """

    locks_across_machines: ClassVar[bool] = False
