"""Users of the busy shop, where they live and what they may do, each worked out from a number."""

from datetime import timedelta

from seeds.scenario._names import CITIES, FIRST, LANGUAGES, LAST, STREETS, plain
from seeds.scenario._numbers import BUSY_SHOP

MONTH = 30 * 24 * 60 * 60  # seconds
YEAR = 365 * 24 * 60 * 60

# Behind the counter, of every hundred users; the others only buy.
STAFF = {1: "admin", 2: "manager", 3: "manager", 4: "support", 5: "support", 6: "support", 7: "support", 8: "support"}


# What one row must know of another comes from these, by the other's number alone: so every table is a stream,
# and none has to be read back.


def person(number):
    """Return first and last name of user `number`."""
    return FIRST[number * 31 % len(FIRST)], LAST[number * 17 % len(LAST)]


def home(number):
    """Return country, city and postal code of user `number`."""
    return CITIES[number * 7 % len(CITIES)]


def opened(db):
    """Return when the busy month began. In whole seconds, as every database can keep them."""
    return db.now.replace(microsecond=0) - timedelta(seconds=MONTH)


def users(db):
    """Yield every user: nine in ten are active, and one in four never opened the settings and has no profile."""
    for number in db.range("users"):
        first, last = person(number)
        country, _, _ = home(number)
        theme = db.random.choice(["light", "dark"])
        yield {
            "id": BUSY_SHOP + number,
            "email": f"{plain(first)}.{plain(last)}.{number}@busy-shop.example",
            "full_name": f"{first} {last}",
            "is_active": number % 10 != 0,
            "language_code": LANGUAGES[country],
            "profile": {"theme": theme, "newsletter": db.random.random() < 0.4} if number % 4 else None,
            "created_at": opened(db) - timedelta(seconds=db.random.randrange(YEAR)),
        }


def user_roles(db):
    """Yield what every user may do: all are customers, and eight in a hundred work here as well."""
    for number in db.range("users"):
        yield {"user_id": BUSY_SHOP + number, "role_id.code": "customer"}
        if role := STAFF.get(number % 100):
            yield {"user_id": BUSY_SHOP + number, "role_id.code": role}


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
        "id": BUSY_SHOP + number,
        "user_id": BUSY_SHOP + user,
        "recipient": " ".join(person(user)),
        "street": f"{db.random.randint(1, 120)} {db.random.choice(STREETS)}",
        "postal_code": postal_code,
        "city": city,
        "country_code": country,
    }
