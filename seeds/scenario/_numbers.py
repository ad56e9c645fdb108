"""From where each scenario numbers its rows, so that they can live in one database.

What is written by hand has its numbers below a thousand; what volumes make comes after it.
"""

LOGINS = 0
DEMO = 100
EDGE_CASES = 200
BUSY_SHOP = 1_000


def order_number(order):
    """Return what the customer knows order `order` by."""
    return f"ORD-{order:08}"
