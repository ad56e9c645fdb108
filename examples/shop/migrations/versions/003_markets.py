"""A way to pay may serve many countries, and a user may have a favourite address.

Revision ID: 003_markets
Revises: 002_orders
Create Date: 2026-01-05 17:00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "003_markets"
down_revision = "002_orders"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move `payment_methods.country_code` to a table of its own; close the circle of users and addresses."""
    op.create_table(
        "payment_method_countries",
        sa.Column(
            "payment_method_code",
            sa.String(40),
            sa.ForeignKey("payment_methods.code", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("country_code", sa.String(2), sa.ForeignKey("countries.code"), primary_key=True, index=True),
    )
    op.execute(
        "INSERT INTO payment_method_countries (payment_method_code, country_code) "
        "SELECT payment_methods.code, countries.code FROM payment_methods JOIN countries "
        "ON payment_methods.country_code IS NULL OR payment_methods.country_code = countries.code"
    )
    op.drop_column("payment_methods", "country_code")

    if op.get_context().dialect.supports_alter:
        op.add_column("users", sa.Column("default_address_id", sa.Integer))
        op.create_foreign_key(None, "users", "addresses", ["default_address_id"], ["id"], ondelete="SET NULL")
    else:
        # SQLite adds a foreign key only together with its column. Batch mode is no way out: it drops
        # the old table, and with foreign keys enforced every row that points to a user goes with it.
        op.execute(
            "ALTER TABLE users ADD COLUMN default_address_id INTEGER "
            "CONSTRAINT fk_users_default_address_id REFERENCES addresses (id) ON DELETE SET NULL"
        )


def downgrade() -> None:
    """Forget favourite addresses; a way to pay keeps its country where it has exactly one."""
    if op.get_context().dialect.supports_alter:
        op.drop_constraint("fk_users_default_address_id", "users", type_="foreignkey")
    op.drop_column("users", "default_address_id")

    op.add_column("payment_methods", sa.Column("country_code", sa.String(2)))
    op.execute(
        "UPDATE payment_methods SET country_code = ("
        "SELECT min(country_code) FROM payment_method_countries "
        "WHERE payment_method_code = payment_methods.code HAVING count(*) = 1)"
    )
    op.drop_table("payment_method_countries")
