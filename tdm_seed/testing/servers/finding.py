"""Where a server comes from: the environment's URL, the machine, a wheel, the cache, a download."""

from __future__ import annotations

import os
from collections.abc import Mapping

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from .account import Account
from .errors import MissingServer, ServerFailed
from .mysql import MySQL
from .postgresql import PostgreSQL
from .product import Installation, Product, Search

NAMES = ("postgresql", "mysql")


def product_of(name: str) -> Product:
    """Return what is known about a kind of server.

    :raises MissingServer: when there is no such kind.
    """
    products: tuple[Product, ...] = (PostgreSQL(), MySQL())
    for product in products:
        if product.name == name:
            return product
    raise MissingServer(f"there is no server called {name!r}", hint=f"Known are {' and '.join(NAMES)}.")


def find(name: str, *, download: bool = True, environ: Mapping[str, str] | None = None) -> Installation:
    """Return the server that `start` would run; downloaded when nothing else is left and that is allowed.

    Nothing is started. A URL in the environment (``TDM_SEED_TEST_POSTGRESQL_URL``,
    ``TDM_SEED_TEST_MYSQL_URL``) comes before everything else.

    :raises MissingServer: names every place that was looked at, and what to install.
    """
    product = product_of(name)
    environ = os.environ if environ is None else environ
    if given := environ.get(product.url_variable):
        origin = f"given by {product.url_variable}"
        return Installation(name, product.title, origin, url=_given(product, given))
    search = Search(environ, Account.current(), download, [f"{product.url_variable} is not set"])
    for installation in product.installations(search):
        return installation
    raise MissingServer(f"no {product.title} server: {'; '.join(search.looked)}", hint=product.remedy)


def can_download(name: str) -> bool:
    """Tell whether `find` would try to download that server, should it find none."""
    return product_of(name).can_download()


def _given(product: Product, url: str) -> str:
    try:
        parsed = make_url(url)
    except ArgumentError:
        # SQLAlchemy's own message repeats the text, password and all.
        raise ServerFailed(
            f"{product.url_variable} is no database URL",
            hint="It should look like dialect://user@host/database.",
        ) from None
    return product.given_url(parsed).render_as_string(hide_password=False)
