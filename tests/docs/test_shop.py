"""The shop keeps what its pages promise: shares, amounts, moments and log-ins, the same on every database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from tdm_seed import Project, Seeder, TdmSeedError
from tdm_seed.engine.digest import TableDigest
from tests.docs.pages import CHECKOUT
from tests.docs.running import copy_shop
from tests.engine.playground import Playground

NOW = datetime(2026, 1, 5, tzinfo=UTC)
CENT = Decimal("0.01")
Rows = list[dict[str, Any]]


@contextmanager
def seeded(root: Path, environment: str, url: str, **variables: str) -> Iterator[Seeder]:
    """Copy the shop and seed a database as an environment says, at the same moment everywhere."""
    project = Project.load(copy_shop(root))
    with Seeder(project.environment(environment, url=url, now=NOW.isoformat(), environ=variables)) as seeder:
        seeder.upgrade(migrate=True)
        yield seeder


class Read:
    """The rows of a seeded database, by table."""

    def __init__(self, url: str) -> None:
        engine = sa.create_engine(url)
        metadata = sa.MetaData()
        metadata.reflect(engine)
        with engine.connect() as connection:
            self._tables = {
                name: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
                for name, table in metadata.tables.items()
            }
        engine.dispose()

    def __call__(self, table: str, **equal: Any) -> Rows:
        """Give the rows of a table that have these values."""
        return [row for row in self._tables[table] if all(row[name] == value for name, value in equal.items())]

    def by_id(self, table: str) -> dict[Any, dict[str, Any]]:
        """Give the rows of a table by their ids."""
        return {row["id"]: row for row in self._tables[table]}


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Read]:
    """The shop of an environment on SQLite, made when first asked for."""
    made: dict[str, Read] = {}

    def shop(environment: str) -> Read:
        if environment not in made:
            root = tmp_path_factory.mktemp(environment)
            url = f"sqlite:///{root / 'shop.db'}"
            with seeded(root / "shop", environment, url):
                made[environment] = Read(url)
        return made[environment]

    return shop


@pytest.fixture(params=["dev", "test"])
def busy(request: pytest.FixtureRequest, shops: Callable[[str], Read]) -> Read:
    """A shop with the busy month, large and small."""
    return shops(request.param)


def customers(shop: Read) -> Rows:
    """Give the users of the busy shop."""
    return [row for row in shop("users") if row["email"].endswith("@busy-shop.example")]


def goods(shop: Read) -> Rows:
    """Give the products of the busy shop."""
    return [row for row in shop("products") if row["sku"].startswith("SKU-")]


def bought(shop: Read) -> Rows:
    """Give the orders of the busy shop."""
    ours = {row["id"] for row in customers(shop)}
    return [row for row in shop("orders") if row["user_id"] in ours]


def share(part: Rows, whole: Rows) -> float:
    """Give what part of the whole it is."""
    return len(part) / len(whole)


# ---- reference ----------------------------------------------------------------------------------------------------


def test_every_environment_has_the_reference_rows(busy: Read, shops: Callable[[str], Read]) -> None:
    """As many as the standards name."""
    for shop in (busy, shops("demo")):
        counts = {name: len(shop(name)) for name in ("countries", "currencies", "languages", "roles", "permissions")}
        assert {"countries": 249, "currencies": 178, "languages": 183, "roles": 4, "permissions": 9} == counts
        offered = {row["country_code"] for row in shop("payment_method_countries")}
        assert {row["code"] for row in shop("countries")} == offered


# ---- people -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("environment", "expected"), [("dev", (500, 200, 1000, 100)), ("test", (10, 20, 50, 10))])
def test_there_are_as_many_rows_as_the_manifest_says(
    environment: str, expected: tuple[int, ...], shops: Callable[[str], Read]
) -> None:
    """Of users, products, orders and carts."""
    shop = shops(environment)
    assert expected == (len(customers(shop)), len(goods(shop)), len(bought(shop)), len(shop("carts")))


def test_nine_users_in_ten_are_active(busy: Read) -> None:
    """Exactly."""
    assert 0.9 == share([row for row in customers(busy) if row["is_active"]], customers(busy))


def test_users_have_roles(shops: Callable[[str], Read]) -> None:
    """All buy; of every hundred one rules, two manage and five help."""
    shop = shops("dev")
    roles = {row["id"]: row["code"] for row in shop("roles")}
    ours = {row["id"] for row in customers(shop)}
    counted = Counter(roles[row["role_id"]] for row in shop("user_roles") if row["user_id"] in ours)
    assert {"customer": 500, "admin": 5, "manager": 10, "support": 25} == counted


@pytest.mark.parametrize("environment", ["dev", "demo"])
def test_the_known_people_can_log_in(environment: str, shops: Callable[[str], Read]) -> None:
    """With the password of the guides, which the database does not hold as such."""
    shop = shops(environment)
    roles = {row["id"]: row["code"] for row in shop("roles")}
    for email, role in (("admin@example.com", "admin"), ("user@example.com", "customer")):
        (user,) = shop("users", email=email)
        assert user["is_active"]
        assert bcrypt.checkpw(b"TestPassword123!", user["password_hash"].encode())
        assert [role] == [roles[row["role_id"]] for row in shop("user_roles", user_id=user["id"])]


def test_nobody_can_log_in_where_it_is_not_wanted(shops: Callable[[str], Read]) -> None:
    """In tests every user is without a password."""
    assert [] == [row["email"] for row in shops("test")("users") if row["password_hash"] is not None]


# ---- goods --------------------------------------------------------------------------------------------------------


def test_three_products_in_ten_are_on_sale_by_10_to_40_percent(busy: Read) -> None:
    """To the cent."""
    on_sale = [row for row in goods(busy) if row["sale_price"] is not None]
    assert 0.3 == share(on_sale, goods(busy))
    for row in on_sale:
        assert row["price"] * Decimal("0.60") - CENT < row["sale_price"] < row["price"] * Decimal("0.90") + CENT


def test_85_products_in_a_hundred_are_active(busy: Read) -> None:
    """Exactly."""
    assert 0.85 == share([row for row in goods(busy) if row["is_active"]], goods(busy))


def test_products_have_sizes_and_tags(busy: Read) -> None:
    """As JSON."""
    for row in goods(busy):
        assert ["width_mm", "height_mm", "depth_mm"] == list(row["dimensions"])
        assert all(isinstance(size, int) and size > 0 for size in row["dimensions"].values())
        assert 2 == len(row["tags"])
    assert len(goods(busy)) == len({row["sku"] for row in goods(busy)})


# ---- orders -------------------------------------------------------------------------------------------------------


def test_orders_are_numbered(busy: Read) -> None:
    """``ORD-`` and eight digits."""
    numbers = [row["order_number"] for row in bought(busy)]
    assert len(numbers) == len(set(numbers))
    for number in numbers:
        assert ("ORD-", 8, True) == (number[:4], len(number[4:]), number[4:].isdecimal())


def test_an_order_has_one_to_five_lines_of_different_products(busy: Read) -> None:
    """At the price of the day: the sale's where there is one."""
    products = busy.by_id("products")
    sizes = Counter[int]()
    for order in bought(busy):
        lines = busy("order_items", order_id=order["id"])
        sizes[len(lines)] += 1
        assert len(lines) == len({line["product_id"] for line in lines})
        for line in lines:
            product = products[line["product_id"]]
            assert (product["sale_price"] or product["price"]) == line["unit_price"]
            assert line["quantity"] * line["unit_price"] == line["line_total"]
    assert {1, 2, 3, 4, 5} == set(sizes)


def test_an_order_comes_to_the_sum_of_its_parts(busy: Read) -> None:
    """Lines, 8 % tax, and shipping: 9.99, from 50 on 5.99, from 100 on nothing."""
    costs = set()
    for order in bought(busy):
        subtotal = sum(line["line_total"] for line in busy("order_items", order_id=order["id"]))
        shipping = Decimal("9.99") if subtotal < 50 else Decimal("5.99") if subtotal < 100 else Decimal("0.00")
        tax = (subtotal * 8 / 100).quantize(CENT, ROUND_HALF_UP)
        assert (subtotal, tax, shipping) == (order["subtotal"], order["tax"], order["shipping"])
        assert subtotal + tax + shipping == order["total"]
        costs.add(shipping)
    assert 3 == len(costs)


def test_an_order_has_come_as_far_as_its_age_says(busy: Read) -> None:
    """Against the clock of the environment; what is no longer pending may have been cancelled."""
    now = NOW.replace(tzinfo=None)
    for order in bought(busy):
        age = now - order["placed_at"]
        by_age = (
            "delivered"
            if age >= timedelta(days=4)
            else "shipped"
            if age >= timedelta(days=2)
            else "paid"
            if age >= timedelta(hours=12)
            else "pending"
        )
        assert order["status"] == by_age or (order["status"], by_age != "pending") == ("cancelled", True)
        assert timedelta(hours=1) <= order["updated_at"] - order["placed_at"] <= timedelta(hours=48)
        assert order["updated_at"] <= now
    assert {"delivered", "shipped", "paid", "pending"} <= {order["status"] for order in bought(busy)}


def test_an_order_is_billed_to_the_user_who_placed_it(busy: Read) -> None:
    """In the country they live in, and paid in a way that is known there."""
    addresses = busy.by_id("addresses")
    offered = {(row["payment_method_code"], row["country_code"]) for row in busy("payment_method_countries")}
    for order in bought(busy):
        address = addresses[order["billing_address_id"]]
        assert (order["user_id"], order["billing_country_code"]) == (address["user_id"], address["country_code"])
        assert (order["payment_method_code"] is None) == (order["status"] == "pending")
        if order["status"] != "pending":
            assert (order["payment_method_code"], address["country_code"]) in offered


# ---- carts, demo, edge cases --------------------------------------------------------------------------------------


def test_carts_were_left_in_the_last_two_weeks(busy: Read) -> None:
    """By people and by guests; whoever is known has been reminded after a day."""
    now = NOW.replace(tzinfo=None)
    for cart in busy("carts"):
        assert "abandoned" == cart["status"]
        assert timedelta(hours=2) <= now - cart["updated_at"] <= timedelta(days=14)
        due = cart["user_id"] is not None and cart["updated_at"] + timedelta(days=1) <= now
        assert due == (cart["reminded_at"] is not None)
        assert 1 <= len(busy("cart_items", cart_id=cart["id"])) <= 5
    assert 0.3 == share(busy("carts", user_id=None), busy("carts"))


def test_the_demo_shows_every_state_of_an_order(shops: Callable[[str], Read]) -> None:
    """And whoever logs in has bought something."""
    shop = shops("demo")
    assert {"pending", "paid", "shipped", "delivered", "cancelled"} == {row["status"] for row in shop("orders")}
    (uma,) = shop("users", email="user@example.com")
    assert 3 == len(shop("orders", user_id=uma["id"]))
    for order in shop("orders"):
        assert order["updated_at"] <= NOW.replace(tzinfo=None)
        assert order["subtotal"] == sum(line["line_total"] for line in shop("order_items", order_id=order["id"]))


def test_edge_cases_reach_the_limits(shops: Callable[[str], Read]) -> None:
    """Of lengths, characters, moments and amounts."""
    shop = shops("test")
    edge = [row for row in shop("users") if row["email"].endswith("@edge.example")]
    names = [row["full_name"] for row in edge]
    assert {0, 120} <= {len(name) for name in names}
    assert 254 == max(len(row["email"]) for row in edge)
    assert any(ord(letter) > 0xFFFF for name in names for letter in name)
    assert any("\u0590" <= letter <= "\u06ff" for name in names for letter in name)
    moments = [row["created_at"] for row in edge]
    assert (datetime(1000, 1, 1), datetime(9999, 12, 31, 23, 59, 59)) == (min(moments), max(moments))
    totals = [row["total"] for row in shop("orders")]
    assert (Decimal("0.00"), Decimal("99999999.99")) == (min(totals), max(totals))


# ---- schema -------------------------------------------------------------------------------------------------------


def columns(connection: sa.Connection) -> dict[str, list[str]]:
    """List the columns of every table."""
    inspector = sa.inspect(connection)
    return {
        table: sorted(each["name"] for each in inspector.get_columns(table)) for table in inspector.get_table_names()
    }


def test_the_last_migration_goes_down_and_up_again_with_rows(database_url: str, tmp_path: Path) -> None:
    """On every database; at the bottom nothing is left but Alembic's own table."""
    with seeded(tmp_path / "shop", "test", database_url):
        pass
    config = Config(tmp_path / "shop" / "examples" / "shop" / "alembic.ini")
    with Playground(tmp_path, database_url).connection() as connection:
        config.attributes["connection"] = connection
        before = columns(connection)
        command.downgrade(config, "-1")
        assert set(before) - {"languages", "carts", "cart_items"} == set(columns(connection))
        command.upgrade(config, "head")
        assert before == columns(connection)
        command.downgrade(config, "base")
        assert {"alembic_version"} == {table for table in columns(connection) if not table.startswith("seed_history")}


# ---- environments -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[TableDigest]]:
    """What SQLite holds, by environment."""
    made: dict[str, list[TableDigest]] = {}

    def digest(environment: str) -> list[TableDigest]:
        if environment not in made:
            root = tmp_path_factory.mktemp("digest")
            with seeded(root / "shop", environment, f"sqlite:///{root / 'shop.db'}") as seeder:
                made[environment] = seeder.digest()
        return made[environment]

    return digest


@pytest.mark.parametrize("environment", ["dev", "demo"])
def test_every_database_holds_the_same_shop(
    environment: str, database_url: str, tmp_path: Path, expected: Callable[[str], list[TableDigest]]
) -> None:
    """The test environment's digest is compared where its runs are killed."""
    with seeded(tmp_path / "shop", environment, database_url) as seeder:
        assert expected(environment) == seeder.digest()


@pytest.mark.parametrize("environment", ["dev", "test"])
def test_variables_say_how_many_rows(environment: str, tmp_path: Path) -> None:
    """As a compose file sets them."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    counts = {"SEED_COUNT_USERS": "7", "SEED_COUNT_PRODUCTS": "9", "SEED_COUNT_ORDERS": "11", "SEED_COUNT_CARTS": "3"}
    with seeded(tmp_path / "shop", environment, url, **counts):
        shop = Read(url)
    assert (7, 9, 11, 3) == (len(customers(shop)), len(goods(shop)), len(bought(shop)), len(shop("carts")))


def test_there_may_be_none_of_anything(tmp_path: Path) -> None:
    """An empty shop is one, too; so is one with goods and no customers yet."""
    counts = dict.fromkeys(("SEED_COUNT_USERS", "SEED_COUNT_PRODUCTS", "SEED_COUNT_ORDERS", "SEED_COUNT_CARTS"), "0")
    for products in ("0", "3"):
        url = f"sqlite:///{tmp_path / products}.db"
        with seeded(tmp_path / f"shop {products}", "dev", url, **counts | {"SEED_COUNT_PRODUCTS": products}):
            shop = Read(url)
        assert (0, int(products), 0, 0) == (
            len(customers(shop)),
            len(goods(shop)),
            len(bought(shop)),
            len(shop("carts")),
        )


@pytest.mark.parametrize(
    ("none", "what"),
    [
        ({"SEED_COUNT_USERS": "0"}, "orders = 1000 with users = 0"),
        ({"SEED_COUNT_PRODUCTS": "0"}, "orders = 1000 with products = 0"),
        ({"SEED_COUNT_USERS": "0", "SEED_COUNT_PRODUCTS": "0"}, "orders = 1000 with users = 0 and products = 0"),
        ({"SEED_COUNT_USERS": "0", "SEED_COUNT_ORDERS": "0"}, "carts = 100 with users = 0"),
    ],
)
def test_nobody_buys_where_nobody_is_or_nothing(none: dict[str, str], what: str, tmp_path: Path) -> None:
    """It is told in the words of the manifest, with what to do."""
    with (
        pytest.raises(TdmSeedError, match=f"{what}: nobody could have filled them") as caught,
        seeded(tmp_path / "shop", "dev", f"sqlite:///{tmp_path / 'shop.db'}", **none),
    ):
        pass
    lacking = " and ".join(name.removeprefix("SEED_COUNT_").lower() for name in none if not name.endswith("ORDERS"))
    volume = what.partition(" ")[0]
    assert f"Let there be some {lacking}, or no {volume} either: --volume {volume}=0." == caught.value.hint


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_no_made_up_row_is_for_staging_or_production(environment: str) -> None:
    """They get the reference layer, and only on their own hosts."""
    found = Project.load(CHECKOUT).environment(environment, environ={})
    assert (("reference",), ()) == (tuple(layer.value for layer in found.layers), found.scenarios)
    assert found.hosts
    assert (environment == "prod") == found.protected
    assert (environment == "staging") == (found.source is not None)
