"""Who may do what: the permissions the shop knows, and the roles it comes with."""

requires_schema = "001_catalogue"

PERMISSIONS = {
    "catalogue.read": "Browse products, also those not on sale yet",
    "catalogue.write": "Add, change and withdraw products and categories",
    "orders.read": "See the orders of every customer",
    "orders.write": "Change an order's status or address",
    "orders.refund": "Pay a customer back",
    "customers.read": "See customers and their addresses",
    "customers.write": "Change or deactivate a customer",
    "reports.read": "See turnover and stock reports",
    "roles.write": "Grant and revoke roles",
}

ROLES = {
    "admin": ("Administrator", list(PERMISSIONS)),
    "manager": ("Shop manager", [code for code in PERMISSIONS if code != "roles.write"]),
    "support": ("Customer support", ["catalogue.read", "orders.read", "orders.write", "customers.read"]),
    "customer": ("Customer", []),
}


def upgrade(db):
    db.upsert(
        "permissions",
        ({"code": code, "description": description} for code, description in PERMISSIONS.items()),
        key="code",
    )
    db.upsert(
        "roles",
        ({"code": code, "name": name, "built_in": True} for code, (name, _) in ROLES.items()),
        key="code",
    )
    # A permission taken out of a built-in role here is taken out of the database too. Roles that the
    # shop's owner made are left alone.
    db.upsert(
        "role_permissions",
        (
            {"role_id.code": role, "permission_id.code": permission}
            for role, (_, permissions) in ROLES.items()
            for permission in permissions
        ),
        missing="delete",
        where="role_id IN (SELECT id FROM roles WHERE built_in)",
    )


def verify(db):
    db.expect("SELECT count(*) FROM roles WHERE built_in", equals=len(ROLES))
    db.expect(
        "SELECT count(*) FROM role_permissions JOIN roles ON roles.id = role_id WHERE roles.code = 'admin'",
        equals=len(PERMISSIONS),
    )
