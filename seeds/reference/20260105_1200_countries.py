"""The countries of the world: ISO 3166-1, all 249, each with the currency that people pay in there.

Codes and names are those of the PyPI package pycountry 26.2.16, currencies those of ISO 4217 as published on
2026-01-01. Where two are legal tender, the country's own is taken if people use it (Bhutan BTN, not INR; El
Salvador USD). ISO 4217 names none for three: South Georgia has GBP and Palestine ILS from Unicode CLDR (the
PyPI package Babel 2.18), Antarctica has none.
"""

depends_on = ["currencies"]
requires_schema = "002_orders"


def upgrade(db):
    db.upsert("countries", db.csv(), key="code")


def verify(db):
    db.expect("SELECT count(*) FROM countries", at_least=249)
    db.expect("SELECT count(*) FROM countries WHERE currency_code IS NULL AND code <> 'AQ'", equals=0)
