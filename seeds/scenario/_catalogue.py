"""What the busy shop sells and for how much, each product worked out from a number; and what people take of it."""

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from seeds.scenario._goods import GOODS, STYLES
from seeds.scenario._numbers import BUSY_SHOP
from seeds.scenario._people import YEAR, opened
from tdm_seed import TdmSeedError

CENT = Decimal("0.01")

# By the last digits of a product's number: three in ten are on sale, three in twenty are not sold any more.
ON_SALE = {1, 4, 7}
WITHDRAWN = {4, 13, 18}


def article(number):
    """Return category, name and list price of product `number`."""
    category, kind, lowest_price = GOODS[number * 37 % len(GOODS)]
    style = number * 17 % len(STYLES)
    return category, f"{STYLES[style]} {kind}", Decimal(lowest_price) + style % 10


def sale_price(number):
    """Return what product `number` costs while it is on sale, 10 to 40 percent less; None if it is not."""
    if number % 10 not in ON_SALE:
        return None
    _, _, price = article(number)
    percent = 10 + number * 13 % 31
    return (price * (100 - percent) / 100).quantize(CENT, ROUND_HALF_UP)


def unit_price(number):
    """Return what product `number` costs today."""
    _, _, price = article(number)
    return sale_price(number) or price


def products(db):
    """Yield every product, all of them in the shop before the month began."""
    for number in db.range("products"):
        category, name, price = article(number)
        style, kind = name.split(" ", 1)
        yield {
            "id": BUSY_SHOP + number,
            "sku": f"SKU-{number:06}",
            "name": name,
            "category_id.slug": category,
            "price": price,
            "sale_price": sale_price(number),
            "is_active": number % 20 not in WITHDRAWN,
            "stock": db.random.randint(0, 400),
            "tags": [style.lower(), kind.lower()],
            "dimensions": {side: db.random.randrange(20, 900, 5) for side in ("width_mm", "height_mm", "depth_mm")},
            "created_at": opened(db) - timedelta(seconds=db.random.randrange(YEAR)),
        }


def basket(dice, products):
    """Yield number, quantity and unit price of one to five of the first `products` products, none twice."""
    for number in dice.sample(range(1, products + 1), k=min(products, dice.randint(1, 5))):
        yield number, dice.choice([1, 1, 1, 2, 3]), unit_price(number)


def refuse_without(what, count, **needed):
    """Refuse to fill `count` baskets for `what` where there are no people to do it, or nothing to put in."""
    lacking = [name for name, there in needed.items() if not there]
    if count and lacking:
        raise TdmSeedError(
            f"{what} = {count} with {' and '.join(f'{name} = 0' for name in lacking)}: nobody could have filled them",
            hint=f"Let there be some {' and '.join(lacking)}, or no {what} either: --volume {what}=0.",
        )
