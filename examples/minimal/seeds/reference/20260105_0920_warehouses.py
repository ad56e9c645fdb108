"""Where things lie."""

depends_on = ["countries"]


def upgrade(db):
    db.upsert(
        "warehouses",
        [{"code": "north", "country_code": "DE"}, {"code": "south", "country_code": "PT"}],
        key="code",
    )


def downgrade(db):
    db.delete("warehouses", [{"code": "north"}, {"code": "south"}], key="code")
