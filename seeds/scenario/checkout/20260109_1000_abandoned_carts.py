"""Carts that were filled and left: by customers and by guests, in the two weeks before now."""

from datetime import timedelta
from random import Random

from seeds.scenario._catalogue import basket, refuse_without
from seeds.scenario._numbers import BUSY_SHOP
from seeds.scenario._orders import DAY, HOUR
from seeds.scenario._people import home

depends_on = ["busy_shop"]
requires_schema = "004_storefront"

GUESTS = {3, 6, 9}  # by the last digit of a cart's number
REMINDED_AFTER = timedelta(days=1)


def carts(db, dice):
    """Yield every cart with its items."""
    customers = db.scalar("SELECT count(*) FROM users WHERE email LIKE '%@busy-shop.example'")
    products = db.scalar("SELECT count(*) FROM products WHERE sku LIKE 'SKU-%'")
    refuse_without("carts", db.volume("carts"), users=customers, products=products)
    currencies = {row["code"]: row["currency_code"] for row in db.rows("SELECT code, currency_code FROM countries")}
    now = db.now.replace(microsecond=0)
    for number in db.range("carts"):
        visitor, known = dice.randint(1, customers), number % 10 not in GUESTS
        country, _, _ = home(visitor)
        left_at = now - timedelta(seconds=dice.randint(2 * HOUR, 14 * DAY))
        # Whoever we know gets a letter after a day.
        reminded_at = left_at + REMINDED_AFTER if known and left_at + REMINDED_AFTER <= now else None
        cart = {
            "id": BUSY_SHOP + number,
            "token": f"abandoned-{number:08}",
            "user_id": BUSY_SHOP + visitor if known else None,
            "currency_code": currencies[country],
            "status": "abandoned",
            "created_at": left_at - timedelta(seconds=dice.randint(60, HOUR)),
            "updated_at": left_at,
            "reminded_at": reminded_at,
        }
        items = [
            {
                "cart_id": BUSY_SHOP + number,
                "product_id": BUSY_SHOP + product,
                "quantity": quantity,
                "unit_price": unit_price,
            }
            for product, quantity, unit_price in basket(dice, products)
        ]
        yield cart, items


def upgrade(db):
    dice = db.random.getrandbits(64)  # thrown twice, as in busy_shop
    db.load("carts", (cart for cart, _ in carts(db, Random(dice))))
    db.load("cart_items", (item for _, items in carts(db, Random(dice)) for item in items))


def verify(db):
    db.expect(
        "SELECT count(*) FROM carts "
        "WHERE status = 'abandoned' AND NOT EXISTS (SELECT 1 FROM cart_items WHERE cart_items.cart_id = carts.id)",
        equals=0,
    )
    db.expect("SELECT count(*) FROM carts WHERE reminded_at IS NOT NULL AND user_id IS NULL", equals=0)


def downgrade(db):
    db.delete("cart_items", where="cart_id IN (SELECT id FROM carts WHERE token LIKE 'abandoned-%')")
    db.delete("carts", where="token LIKE 'abandoned-%'")
