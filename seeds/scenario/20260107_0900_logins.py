"""Two people whose password everybody knows: admin@example.com and user@example.com, TestPassword123!

Only for databases that nobody can reach from outside. Applied again when this file changes, so that a forgotten
password comes back with `tdm-seed upgrade --again logins`.
"""

from datetime import timedelta

from seeds.scenario._numbers import LOGINS

depends_on = ["countries", "languages", "roles"]
requires_schema = "004_storefront"
mode = "on_change"

# bcrypt of TestPassword123!, each with a salt of its own. Written down, because a hash made here would be another
# one in every database.
LOGINS_BY_ROLE = {
    "admin": ("admin@example.com", "Alex Admin", "$2b$10$wReyxz4LFNA0BOjyPQGR/ufRVF2ZdfUu65YKLjSD2euTgHVqrKzou"),
    "customer": ("user@example.com", "Uma User", "$2b$10$CYAlBSojM5gckFHgzeAzb.ET9WXNe31bAVHSyOhnx3RbZDFeGuO/a"),
}


def upgrade(db):
    people = list(enumerate(LOGINS_BY_ROLE.items(), start=LOGINS + 1))
    # Users and addresses point at each other. Either may come first here, and every key is proven afterwards.
    with db.deferred_constraints("users", "addresses"):
        db.upsert(
            "users",
            (
                {
                    "id": number,
                    "email": email,
                    "password_hash": password_hash,
                    "full_name": name,
                    "is_active": True,
                    "language_code": "en",
                    "default_address_id": number,
                    "created_at": db.now.replace(microsecond=0) - timedelta(days=365),
                }
                for number, (_, (email, name, password_hash)) in people
            ),
        )
        db.upsert(
            "addresses",
            (
                {
                    "id": number,
                    "user_id": number,
                    "recipient": name,
                    "street": f"{number} Example Street",
                    "postal_code": "97205",
                    "city": "Portland",
                    "country_code": "US",
                }
                for number, (_, (_, name, _)) in people
            ),
        )
    db.upsert("user_roles", ({"user_id": number, "role_id.code": role} for number, (role, _) in people))


def verify(db):
    for role, (email, _, password_hash) in LOGINS_BY_ROLE.items():
        db.expect(
            "SELECT count(*) FROM users JOIN user_roles ON user_roles.user_id = users.id"
            " JOIN roles ON roles.id = user_roles.role_id "
            "WHERE users.is_active AND users.email = :email AND users.password_hash = :hash AND roles.code = :role",
            equals=1,
            email=email,
            hash=password_hash,
            role=role,
        )


def downgrade(db):
    numbers = [LOGINS + count for count, _ in enumerate(LOGINS_BY_ROLE, start=1)]
    db.delete("user_roles", where=f"user_id IN ({', '.join(map(str, numbers))})")
    db.delete("addresses", ({"id": number} for number in numbers))
    db.delete("users", ({"id": number} for number in numbers))
