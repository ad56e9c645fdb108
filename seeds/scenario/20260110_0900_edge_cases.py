"""What breaks programs: texts, moments and amounts at their limits, as people, goods and orders of the shop.

A page, an export or a report that survives these rows survives most of what customers will think of.
"""

from datetime import UTC, datetime
from decimal import Decimal

from seeds.scenario._numbers import EDGE_CASES, order_number

depends_on = ["categories", "countries", "languages", "roles"]
requires_schema = "004_storefront"

# Every text is somebody's name, the street they live in, and the name of a product. Characters that cannot be seen
# are written by their numbers.
TEXTS = {
    "empty": "",
    "blank": " ",
    "blanks-around": "  two before, two behind  ",
    "one-letter": "i",
    "longest": "W" * 120,
    "longest-beyond-the-bmp": "\U0001d51a" * 120,
    "lines": "one\ntwo\r\nthree\tand a tab",
    "quotes": "Seán O'Neill \"the `cat`\" \\ D’Arcy",
    "combining": "e\u0301 is not é, and Z\u0351\u036b\u0343\u032a is one letter",
    "emoji": "\U0001f469\U0001f3fd\u200d\U0001f680 under \U0001f3f4\u200d\u2620\ufe0f",
    "han-beyond-the-bmp": "\U00020bb7野家 龍",
    "case": "İstanbul ıiIİ Straße STRASSE ẞ ﬁ Σσς",
    "right-to-left": "עדה לבלייס",
    "right-to-left-joined": "آدا لوفلايس",
    "both-directions": "Ada עדה 1 و 2",
    "override": "an innocent \u202egnp.exe",
    "invisible": "zero\u200bwidth\u2060joined\ufeff\u00ad",
    "sql": "Robert'); DROP TABLE users;--",
    "sql-comment": "1 /* OR */ 1=1 -- # ;",
    "placeholders": "%s %(id)s :id ? $1 {0} ${HOME} {{ 7 * 7 }} 100%",
    "html": "<script>alert(\"x\")</script><b>bold</b>&amp;&lt;",
    "formula": '=HYPERLINK("https://example.com","click")',
    "null": "NULL",
    "copy-null": "\\N",
    "number": "007",
    "exponent": "1e5",
    "path": "../../etc/passwd",
}  # fmt: skip

MOMENTS = {  # what all databases keep: a DATETIME of MySQL begins in the year 1000
    "earliest": datetime(1000, 1, 1, tzinfo=UTC),
    "before-the-epoch": datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
    "epoch": datetime(1970, 1, 1, tzinfo=UTC),
    "leap-day": datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC),
    "no-such-hour-in-new-york": datetime(2026, 3, 8, 2, 30, tzinfo=UTC),
    "behind-32-bits": datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    "latest": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
}

FREE, CENT, LARGEST = Decimal("0.00"), Decimal("0.01"), Decimal("99999999.99")
MANY = 2_147_483_647

# Orders: quantity and price of their one line, and tax and shipping beside it.
AMOUNTS = {
    "nothing": (1, FREE, FREE, FREE),
    "many-for-nothing": (MANY, FREE, FREE, Decimal("9.99")),
    "one-cent": (1, CENT, FREE, FREE),
    "a-million-cents": (1_000_000, CENT, Decimal("800.00"), FREE),
    "largest-total": (1, Decimal("92592592.58"), Decimal("7407407.41"), FREE),
}

PROFILES = {
    "empty": {},
    "longest": {"bio": "W" * 10_000},
    "emoji": {"\U0001f984": ["\U0001f469\U0001f3fd\u200d\U0001f680"]},
    "number": {"largest_exact": 9007199254740991, "tenth": 0.1, "negative": -1, "zero": 0},
    "null": {"": None, "null": None, "nested": [[[[{"deep": [True, False]}]]]]},
}


# What tells the rows of this seed from anybody else's.
OURS = "email LIKE '%@edge.example'"


def email(case):
    """Return a case's address, of 254 characters for the longest: more is not allowed in mail."""
    domain = "@edge.example"
    return case.ljust(254 - len(domain), "-") + domain if case == "longest" else case + domain


def users():
    """Yield somebody for every text, and for every moment."""
    names = TEXTS | {case: case for case in MOMENTS}
    for number, (case, name) in enumerate(names.items(), EDGE_CASES + 1):
        yield {
            "id": number,
            "email": email(case),
            "full_name": name,
            "is_active": case != "null",
            "language_code": {"right-to-left": "he", "right-to-left-joined": "ar"}.get(case),
            "profile": PROFILES.get(case),
            "created_at": MOMENTS.get(case, MOMENTS["epoch"]),
        }


def addresses():
    """Yield where they live."""
    for number, text in enumerate(TEXTS.values(), EDGE_CASES + 1):
        yield {
            "id": number,
            "user_id": number,
            "recipient": text,
            "street": text,
            "postal_code": text[:16],
            "city": text[:80],
            "country_code": "AQ",  # the one country without a currency
        }


def products():
    """Yield a product for every text, the last ones as dear and as cheap as can be."""
    prices = {"null": (FREE, None), "number": (LARGEST, None), "exponent": (LARGEST, FREE), "path": (CENT, FREE)}
    for number, (case, text) in enumerate(TEXTS.items(), EDGE_CASES + 1):
        price, sale_price = prices.get(case, (Decimal("1.00"), None))
        yield {
            "id": number,
            "sku": f"EDGE-{case}",
            "name": text,
            "category_id.slug": "puzzles",
            "price": price,
            "sale_price": sale_price,
            "stock": MANY if case == "number" else 0,
            "tags": [] if case == "empty" else [text] * (100 if case == "longest" else 1),
            "dimensions": {} if case == "empty" else None,
            "created_at": MOMENTS["leap-day"],
        }


def orders():
    """Yield an order for every amount, each with its line."""
    moments = list(MOMENTS.values())
    for number, (quantity, price, tax, shipping) in enumerate(AMOUNTS.values(), EDGE_CASES + 1):
        subtotal = quantity * price
        order = {
            "id": number,
            "order_number": order_number(number),
            "user_id": number,
            "status": "pending",
            "currency_code": "XXX",  # ISO 4217: no currency is involved
            "billing_address_id": number,
            "billing_country_code": "AQ",
            "subtotal": subtotal,
            "tax": tax,
            "shipping": shipping,
            "total": subtotal + tax + shipping,
            "placed_at": moments[number % len(moments)],
            "updated_at": MOMENTS["latest"],
        }
        line = {
            "order_id": number,
            "line_no": 32_767,
            "product_id": number,
            "quantity": quantity,
            "unit_price": price,
            "line_total": subtotal,
        }
        yield order, line


def upgrade(db):
    db.load("users", users())
    db.load("addresses", addresses())
    db.load("products", products())
    db.load("orders", (order for order, _ in orders()))
    db.load("order_items", (line for _, line in orders()))


def verify(db):
    # Not a character has been lost or changed on the way.
    kept = {row["email"]: row["full_name"] for row in db.rows(f"SELECT email, full_name FROM users WHERE {OURS}")}
    for case, text in TEXTS.items():
        assert kept[email(case)] == text, f"{case}: {kept[email(case)]!r} is not {text!r}"


def downgrade(db):
    theirs = f"user_id IN (SELECT id FROM users WHERE {OURS})"
    db.delete("order_items", where=f"order_id IN (SELECT id FROM orders WHERE {theirs})")
    db.delete("orders", where=theirs)
    db.delete("products", where="sku LIKE 'EDGE-%'")
    db.delete("addresses", where=theirs)
    db.delete("users", where=OURS)
