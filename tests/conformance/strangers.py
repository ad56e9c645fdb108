"""Users of a server who may do only what they were granted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import sqlalchemy as sa

from tests.conformance.place import Place

#: Must never be seen in a message.
PASSWORD = "s3cret-of-the-stranger"


@contextmanager
def stranger(place: Place, *grants: str) -> Iterator[str]:
    """Create a user, run what is to be granted (``{user}`` stands for it) and give the URL that it connects with."""
    name = f"stranger_{uuid4().hex[:12]}"
    mysql = place.product.name == "mysql"
    user = f"'{name}'@'%'" if mysql else name
    place.create(
        f"CREATE USER {user} IDENTIFIED BY '{PASSWORD}'" if mysql else f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}'"
    )
    try:
        place.create(*(grant.format(user=user) for grant in grants))
        url = sa.make_url(place.url).set(username=name, password=PASSWORD)
        yield url.render_as_string(hide_password=False)
    finally:
        place.rollback()
        if mysql:
            place.create(f"DROP USER {user}")
        else:
            place.create(f"DROP OWNED BY {user} CASCADE", f"DROP ROLE {user}")
