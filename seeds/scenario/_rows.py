"""The rows of a busy shop, each worked out from its number and a throw of the dice."""

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from seeds.scenario._goods import GOODS, STYLES
from seeds.scenario._names import CITIES, FIRST, LAST, STREETS, plain

MONTH = 30 * 24 * 60 * 60  # seconds
YEAR = 365 * 24 * 60 * 60
CENT = Decimal("0.01")
TAX_RATE = Decimal("0.08")
SHIPPING = Decimal("4.90")
FREE_SHIPPING_FROM = Decimal("75.00")

# How old an order must be to have come this far.
PROGRESS = [
    ("delivered", timedelta(days=4)),
    ("shipped", timedelta(days=1)),
    ("paid", timedelta(hours=1)),
    ("pending", timedelta(0)),
]
CANCELLED_AFTER = timedelta(minutes=40)


# What one row must know of another comes from these three, by the other's number alone: so every table is a
# stream, and none has to be read back.


def person(number):
    """Return first and last name of user `number`."""
    return FIRST[number * 31 % len(FIRST)], LAST[number * 17 % len(LAST)]


def home(number):
    """Return country, city and postal code of user `number`."""
    return CITIES[number * 7 % len(CITIES)]


def article(number):
    """Return category, name and price of product `number`."""
    category, kind, lowest_price = GOODS[number * 37 % len(GOODS)]
    style = number * 17 % len(STYLES)
    return category, f"{STYLES[style]} {kind}", Decimal(lowest_price) + style % 10


def opened(db):
    """Return when the busy month began. In whole seconds, as every database can keep them."""
    return db.now.replace(microsecond=0) - timedelta(seconds=MONTH)


def users(db):
    """Yield every user. One in four has never opened the settings, and has no profile."""
    for number in db.range("users"):
        first, last = person(number)
        theme = db.random.choice(["light", "dark"])
        yield {
            "id": number,
            "email": f"{plain(first)}.{plain(last)}.{number}@busy-shop.example",
            "full_name": f"{first} {last}",
            "is_active": number % 20 != 0,
            "profile": {"theme": theme, "newsletter": db.random.random() < 0.4} if number % 4 else None,
            "created_at": opened(db) - timedelta(seconds=db.random.randrange(YEAR)),
        }


def addresses(db):
    """Yield the home of every user, under the user's own number, then an office for one in three."""
    homes = db.volume("users")
    for number in db.range("users"):
        yield address(db, number, number)
    for number in range(3, homes + 1, 3):
        yield address(db, homes + number // 3, number)


def address(db, number, user):
    """Return address `number`, in the home town of `user`."""
    country, city, postal_code = home(user)
    return {
        "id": number,
        "user_id": user,
        "recipient": " ".join(person(user)),
        "street": f"{db.random.randint(1, 120)} {db.random.choice(STREETS)}",
        "postal_code": postal_code,
        "city": city,
        "country_code": country,
    }


def user_roles(db):
    """Yield the role of every customer, and what the first six do behind the counter."""
    staff = {1: "admin", 2: "manager", 3: "manager", 4: "support", 5: "support", 6: "support"}
    for number in db.range("users"):
        yield {"user_id": number, "role_id.code": "customer"}
        if number in staff:
            yield {"user_id": number, "role_id.code": staff[number]}


def products(db):
    """Yield every product, all of them on sale before the month began."""
    for number in db.range("products"):
        category, name, price = article(number)
        style, kind = name.split(" ", 1)
        yield {
            "id": number,
            "sku": f"BUSY-{number:06}",
            "name": name,
            "category_id.slug": category,
            "price": price,
            "stock": db.random.randint(0, 400),
            "tags": [style.lower(), kind.lower()],
            "dimensions": {side: db.random.randrange(20, 900, 5) for side in ("width_mm", "height_mm", "depth_mm")},
            "created_at": opened(db) - timedelta(seconds=db.random.randrange(YEAR)),
        }


def orders(db, dice):
    """Yield every order with its lines, oldest first, spread evenly over the month."""
    now = db.now.replace(microsecond=0)
    customers, volume = db.volume("users"), db.volume("orders")
    currencies = {row["code"]: row["currency_code"] for row in db.rows("SELECT code, currency_code FROM countries")}
    offered = payment_methods(db)
    for number in db.range("orders"):
        # The lower of two throws: the first customers are the regulars.
        user = min(dice.randint(1, customers), dice.randint(1, customers))
        country, _, _ = home(user)
        placed_at = opened(db) + timedelta(seconds=MONTH * (number - 1) // volume)
        status, after = next((status, age) for status, age in PROGRESS if placed_at + age <= now)
        if after and dice.random() < 0.03:
            status, after = "cancelled", CANCELLED_AFTER
        items = list(order_items(db, dice, number))
        subtotal = sum(item["line_total"] for item in items)
        tax = (subtotal * TAX_RATE).quantize(CENT, ROUND_HALF_UP)
        shipping = SHIPPING if subtotal < FREE_SHIPPING_FROM else Decimal("0.00")
        order = {
            "id": number,
            "order_number": f"BUSY-{number:08}",
            "user_id": user,
            "status": status,
            "currency_code": currencies[country],
            "payment_method_code": dice.choice(offered[country]) if status != "pending" else None,
            "billing_address_id": user,
            "billing_country_code": country,
            "subtotal": subtotal,
            "tax": tax,
            "shipping": shipping,
            "total": subtotal + tax + shipping,
            "placed_at": placed_at,
            "updated_at": placed_at + after,
        }
        yield order, items


def order_items(db, dice, order):
    """Yield one to five lines of `order`, no product twice."""
    products = db.volume("products")
    chosen = dice.sample(range(1, products + 1), k=min(products, dice.randint(1, 5)))
    for line_no, product in enumerate(chosen, start=1):
        _, _, price = article(product)
        quantity = dice.choice([1, 1, 1, 2, 3])
        yield {
            "order_id": order,
            "line_no": line_no,
            "product_id": product,
            "quantity": quantity,
            "unit_price": price,
            "line_total": quantity * price,
        }


def payment_methods(db):
    """Return the payment methods of each country. Sorted here: every database sorts text its own way."""
    offered = {}
    for row in db.rows("SELECT country_code, payment_method_code FROM payment_method_countries"):
        offered.setdefault(row["country_code"], []).append(row["payment_method_code"])
    return {country: sorted(methods) for country, methods in offered.items()}
