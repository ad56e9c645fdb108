"""A shop to show: a few people with a story, goods worth looking at, and an order in every state.

Written by hand, and small enough to be learnt by heart. Log in as user@example.com to see Uma's orders.
"""

from datetime import timedelta
from decimal import Decimal

from seeds.scenario._numbers import DEMO, LOGINS, order_number
from seeds.scenario._orders import totals

depends_on = ["categories", "countries", "languages", "logins", "payment_methods", "roles"]
requires_schema = "004_storefront"

# Uma comes with the log-ins; the others' numbers are their places in this list.
UMA = LOGINS + 2
PEOPLE = [  # (name, language, country, city, postal code, street, roles, how many days ago they came)
    ("Mina Okafor", "en", "GB", "Bristol", "BS1 4DJ", "12 Harbour Road", ["manager", "customer"], 700),
    ("Jonas Lindqvist", "sv", "SE", "Gothenburg", "411 03", "3 Quay Street", ["support", "customer"], 430),
    ("Chloé Fontaine", "fr", "FR", "Lyon", "69002", "45 Market Square", ["customer"], 210),
    ("Rafael Duarte", "pt", "BR", "Curitiba", "80010-000", "8 Garden Street", ["customer"], 35),
    ("Zoë Bakker", "nl", "NL", "Utrecht", "3511 AB", "101 Canal Street", ["customer"], 2),
]
MINA, JONAS, CHLOE, RAFAEL, ZOE = range(DEMO + 1, DEMO + 1 + len(PEOPLE))

PRODUCTS = {  # SKU: (name, category, price, sale price, in stock, tags)
    "DEMO-LAMP": ("Fjord Desk Lamp", "lighting", "49.90", None, 120, ["bestseller", "oak"]),
    "DEMO-RUG": ("Meadow Rug", "rugs", "189.00", "132.30", 7, ["wool", "last ones"]),
    "DEMO-CANDLE": ("Midnight Candle", "candles", "12.90", None, 600, ["gift"]),
    "DEMO-CASSEROLE": ("Copper Casserole", "cookware", "129.00", None, 24, ["induction"]),
    "DEMO-KNIFE": ("Walnut Chef's Knife", "knives", "79.00", "63.20", 40, ["handmade"]),
    "DEMO-DESK": ("Birch Standing Desk", "desks", "449.00", None, 0, ["sold out"]),
    "DEMO-CHAIR": ("Slate Office Chair", "chairs", "219.00", None, 15, ["ergonomic"]),
    "DEMO-PLANTER": ("Clay Hanging Planter", "planters", "21.00", None, 88, ["terracotta"]),
    "DEMO-BELL": ("Brass Bicycle Bell", "cycling", "9.90", "7.92", 230, ["loud"]),
    "DEMO-TENT": ("Alpine Tent", "camping", "329.00", None, 9, ["two persons"]),
    "DEMO-CHESS": ("Ebony Chess Set", "board-games", "59.00", None, 33, ["classic"]),
    "DEMO-WHALE": ("Cobalt Whale", "soft-toys", "26.00", None, 51, ["washable"]),
}
WITHDRAWN = {"DEMO-TENT"}

ORDERS = [  # (who, status, days ago, hours until its last change, how it was paid, [(SKU, quantity)])
    (UMA, "delivered", 26, 40, "card", [("DEMO-LAMP", 1), ("DEMO-CANDLE", 2)]),
    (CHLOE, "delivered", 19, 30, "sepa", [("DEMO-CASSEROLE", 1)]),
    (RAFAEL, "cancelled", 15, 1, "pix", [("DEMO-TENT", 1), ("DEMO-BELL", 1)]),
    (UMA, "delivered", 9, 28, "card", [("DEMO-CHESS", 1)]),
    (MINA, "shipped", 3, 20, "card", [("DEMO-CHAIR", 2)]),
    (JONAS, "shipped", 2, 18, "swish", [("DEMO-BELL", 1), ("DEMO-WHALE", 1)]),
    (ZOE, "paid", 1, 5, "ideal", [("DEMO-RUG", 1), ("DEMO-PLANTER", 3)]),
    (UMA, "pending", 0.25, 2, None, [("DEMO-KNIFE", 1)]),
]

CARTS = [  # (who, how many hours ago it was left, [(SKU, quantity)]); the last one is a guest's
    (CHLOE, 50, [("DEMO-RUG", 1)]),
    (None, 3, [("DEMO-DESK", 1), ("DEMO-LAMP", 2)]),
]


def email(name):
    """Return the address of somebody of the shop."""
    return f"{name.split()[0].lower().replace('é', 'e').replace('ë', 'e')}@demo.example"


def unit_price(sku):
    """Return what a product costs today."""
    _, _, price, sale_price, _, _ = PRODUCTS[sku]
    return Decimal(sale_price or price)


def home(db, user):
    """Return address and country of somebody who buys here."""
    return db.rows("SELECT id, country_code FROM addresses WHERE user_id = :user", user=user)[0]


def users(db):
    """Yield the people."""
    for number, (name, language, *_, days) in enumerate(PEOPLE, DEMO + 1):
        yield {
            "id": number,
            "email": email(name),
            "full_name": name,
            "is_active": True,
            "language_code": language,
            "default_address_id": number,
            "created_at": clock(db) - timedelta(days=days),
        }


def addresses():
    """Yield where they live."""
    for number, (name, _, country, city, postal_code, street, _, _) in enumerate(PEOPLE, DEMO + 1):
        yield {
            "id": number,
            "user_id": number,
            "recipient": name,
            "street": street,
            "postal_code": postal_code,
            "city": city,
            "country_code": country,
        }


def products(db):
    """Yield the goods."""
    for number, (sku, (name, category, price, sale_price, stock, tags)) in enumerate(PRODUCTS.items(), DEMO + 1):
        yield {
            "id": number,
            "sku": sku,
            "name": name,
            "category_id.slug": category,
            "price": Decimal(price),
            "sale_price": sale_price and Decimal(sale_price),
            "is_active": sku not in WITHDRAWN,
            "stock": stock,
            "tags": tags,
            "created_at": clock(db) - timedelta(days=400),
        }


def orders(db):
    """Yield the orders with their lines."""
    currencies = {row["code"]: row["currency_code"] for row in db.rows("SELECT code, currency_code FROM countries")}
    for number, (user, status, days, hours, paid_by, bought) in enumerate(ORDERS, DEMO + 1):
        address, country = home(db, user).values()
        placed_at = clock(db) - timedelta(days=days)
        lines = [
            {
                "order_id": number,
                "line_no": line_no,
                "product_id.sku": sku,
                "quantity": quantity,
                "unit_price": unit_price(sku),
                "line_total": quantity * unit_price(sku),
            }
            for line_no, (sku, quantity) in enumerate(bought, start=1)
        ]
        order = {
            "id": number,
            "order_number": order_number(number),
            "user_id": user,
            "status": status,
            "currency_code": currencies[country],
            "payment_method_code": paid_by,
            "billing_address_id": address,
            "billing_country_code": country,
            **totals(sum(line["line_total"] for line in lines)),
            "placed_at": placed_at,
            "updated_at": placed_at + timedelta(hours=hours),
        }
        yield order, lines


def carts(db):
    """Yield the carts that were left."""
    for number, (user, hours, _) in enumerate(CARTS, DEMO + 1):
        left_at = clock(db) - timedelta(hours=hours)
        yield {
            "id": number,
            "token": f"demo-{number}",
            "user_id": user,
            "currency_code": "EUR",
            "status": "abandoned",
            "created_at": left_at - timedelta(minutes=20),
            "updated_at": left_at,
        }


def cart_items():
    """Yield what is in them."""
    for number, (_, _, items) in enumerate(CARTS, DEMO + 1):
        for sku, quantity in items:
            yield {"cart_id": number, "product_id.sku": sku, "quantity": quantity, "unit_price": unit_price(sku)}


def clock(db):
    """Return now in whole seconds, as every database can keep them."""
    return db.now.replace(microsecond=0)


def upgrade(db):
    with db.deferred_constraints("users", "addresses"):
        db.load("users", users(db))
        db.load("addresses", addresses())
    db.load(
        "user_roles",
        (
            {"user_id": number, "role_id.code": role}
            for number, (*_, roles, _) in enumerate(PEOPLE, DEMO + 1)
            for role in roles
        ),
    )
    db.load("products", products(db))
    db.load("orders", (order for order, _ in orders(db)))
    db.load("order_items", (line for _, lines in orders(db) for line in lines))
    db.load("carts", carts(db))
    db.load("cart_items", cart_items())


def verify(db):
    db.expect("SELECT count(*) FROM orders WHERE round(total, 2) <> round(subtotal + tax + shipping, 2)", equals=0)
    db.expect("SELECT count(DISTINCT status) FROM orders", equals=5)


def downgrade(db):
    def numbers(rows):
        return ", ".join(str(number) for number, _ in enumerate(rows, DEMO + 1))

    db.delete("cart_items", where=f"cart_id IN ({numbers(CARTS)})")
    db.delete("carts", where=f"id IN ({numbers(CARTS)})")
    db.delete("order_items", where=f"order_id IN ({numbers(ORDERS)})")
    db.delete("orders", where=f"id IN ({numbers(ORDERS)})")
    db.delete("products", where="sku LIKE 'DEMO-%'")
    db.delete("user_roles", where=f"user_id IN ({numbers(PEOPLE)})")
    db.delete("addresses", where=f"id IN ({numbers(PEOPLE)})")
    db.delete("users", where=f"id IN ({numbers(PEOPLE)})")
