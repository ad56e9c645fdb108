"""Orders of a busy month and their lines: what was bought, what it came to, and how far it has got."""

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from seeds.scenario._catalogue import CENT, basket
from seeds.scenario._numbers import BUSY_SHOP, order_number
from seeds.scenario._people import MONTH, home, opened

HOUR = 60 * 60  # seconds
DAY = 24 * HOUR

TAX_RATE = Decimal("0.08")
SHIPPING = [  # (from a subtotal of, costs)
    (Decimal("100.00"), Decimal("0.00")),
    (Decimal("50.00"), Decimal("5.99")),
    (Decimal("0.00"), Decimal("9.99")),
]
PROGRESS = [  # (from an age of, in seconds; status)
    (4 * DAY, "delivered"),
    (2 * DAY, "shipped"),
    (12 * HOUR, "paid"),
    (0, "pending"),
]
CANCELLED = 0.03  # of what is no longer pending


def totals(subtotal):
    """Return the amounts of an order: subtotal, tax, shipping, and their sum."""
    tax = (subtotal * TAX_RATE).quantize(CENT, ROUND_HALF_UP)
    shipping = next(costs for least, costs in SHIPPING if subtotal >= least)
    return {"subtotal": subtotal, "tax": tax, "shipping": shipping, "total": subtotal + tax + shipping}


def orders(db, dice):
    """Yield every order with its lines, oldest first, spread evenly over the month up to an hour ago."""
    customers, products, volume = db.volume("users"), db.volume("products"), db.volume("orders")
    currencies = {row["code"]: row["currency_code"] for row in db.rows("SELECT code, currency_code FROM countries")}
    offered = payment_methods(db)
    for number in db.range("orders"):
        # The lower of two throws: the first customers are the regulars.
        user = min(dice.randint(1, customers), dice.randint(1, customers))
        country, _, _ = home(user)
        age = MONTH - (MONTH - HOUR) * number // volume
        placed_at = opened(db) + timedelta(seconds=MONTH - age)
        status = next(status for least, status in PROGRESS if age >= least)
        if status != "pending" and dice.random() < CANCELLED:
            status = "cancelled"
        items = list(order_items(dice, BUSY_SHOP + number, products))
        order = {
            "id": BUSY_SHOP + number,
            "order_number": order_number(BUSY_SHOP + number),
            "user_id": BUSY_SHOP + user,
            "status": status,
            "currency_code": currencies[country],
            "payment_method_code": dice.choice(offered[country]) if status != "pending" else None,
            "billing_address_id": BUSY_SHOP + user,
            "billing_country_code": country,
            **totals(sum(item["line_total"] for item in items)),
            "placed_at": placed_at,
            # One to 48 hours later, and never after now.
            "updated_at": placed_at + timedelta(seconds=dice.randint(HOUR, min(2 * DAY, age))),
        }
        yield order, items


def order_items(dice, order, products):
    """Yield the lines of `order`."""
    for line_no, (product, quantity, unit_price) in enumerate(basket(dice, products), start=1):
        yield {
            "order_id": order,
            "line_no": line_no,
            "product_id": BUSY_SHOP + product,
            "quantity": quantity,
            "unit_price": unit_price,
            "line_total": quantity * unit_price,
        }


def payment_methods(db):
    """Return the payment methods of each country. Sorted here: every database sorts text its own way."""
    offered = {}
    for row in db.rows("SELECT country_code, payment_method_code FROM payment_method_countries"):
        offered.setdefault(row["country_code"], []).append(row["payment_method_code"])
    return {country: sorted(methods) for country, methods in offered.items()}
