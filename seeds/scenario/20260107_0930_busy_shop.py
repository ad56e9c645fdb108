"""A shop after a busy month: customers, products and orders, and every total equal to its parts."""

from random import Random

from seeds.scenario._catalogue import products, refuse_without
from seeds.scenario._orders import orders
from seeds.scenario._people import addresses, user_roles, users

depends_on = ["categories", "countries", "languages", "payment_methods", "roles"]
requires_schema = "004_storefront"

# What tells the rows of this seed from anybody else's.
CUSTOMERS = "SELECT id FROM users WHERE email LIKE '%@busy-shop.example'"
ORDERS = f"SELECT id FROM orders WHERE user_id IN ({CUSTOMERS})"


def upgrade(db):
    refuse_without("orders", db.volume("orders"), users=db.volume("users"), products=db.volume("products"))
    db.load("users", users(db))
    db.load("addresses", addresses(db))
    # Users and addresses point at each other: users came first and without an address, and get theirs now.
    db.execute(
        "UPDATE users SET default_address_id = (SELECT min(id) FROM addresses WHERE user_id = users.id) "
        "WHERE email LIKE '%@busy-shop.example'"
    )
    db.load("user_roles", user_roles(db))
    db.load("products", products(db))
    # The same dice are thrown twice, for the orders and for their lines: nothing is kept in between, so
    # that ten million orders take no more memory than ten.
    dice = db.random.getrandbits(64)
    db.load("orders", (order for order, _ in orders(db, Random(dice))))
    db.load("order_items", (item for _, items in orders(db, Random(dice)) for item in items))


def verify(db):
    # Every total equals its parts. Rounded, because SQLite adds decimals up as floats.
    db.expect("SELECT count(*) FROM orders WHERE round(total, 2) <> round(subtotal + tax + shipping, 2)", equals=0)
    db.expect(
        "SELECT count(*) FROM orders LEFT JOIN"
        " (SELECT order_id, sum(line_total) AS goods FROM order_items GROUP BY order_id) AS basket"
        " ON basket.order_id = orders.id "
        "WHERE basket.goods IS NULL OR round(basket.goods, 2) <> round(orders.subtotal, 2)",
        equals=0,
    )
    db.expect(
        "SELECT count(*) FROM order_items WHERE round(line_total, 2) <> round(quantity * unit_price, 2)",
        equals=0,
    )
    # Nobody pays at somebody else's address, nor in a way that is unknown there.
    db.expect(
        "SELECT count(*) FROM orders LEFT JOIN addresses ON addresses.id = orders.billing_address_id"
        " AND addresses.user_id = orders.user_id AND addresses.country_code = orders.billing_country_code "
        "WHERE addresses.id IS NULL",
        equals=0,
    )
    db.expect(
        "SELECT count(*) FROM orders WHERE payment_method_code IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM payment_method_countries AS offered"
        " WHERE offered.payment_method_code = orders.payment_method_code"
        " AND offered.country_code = orders.billing_country_code)",
        equals=0,
    )
    # The circle is closed: every customer has an address of their own to go to.
    db.expect(
        "SELECT count(*) FROM users LEFT JOIN addresses ON addresses.id = users.default_address_id"
        f" AND addresses.user_id = users.id WHERE users.id IN ({CUSTOMERS}) AND addresses.id IS NULL",
        equals=0,
    )


def downgrade(db):
    db.delete("order_items", where=f"order_id IN ({ORDERS})")
    db.delete("orders", where=f"user_id IN ({CUSTOMERS})")
    db.delete("products", where="sku LIKE 'SKU-%'")
    db.delete("user_roles", where=f"user_id IN ({CUSTOMERS})")
    db.delete("addresses", where=f"user_id IN ({CUSTOMERS})")  # ON DELETE SET NULL opens the circle again
    db.delete("users", where="email LIKE '%@busy-shop.example'")
