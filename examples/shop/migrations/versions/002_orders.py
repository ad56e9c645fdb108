"""Currencies, addresses, ways to pay, and orders; a user's name becomes the full name.

Revision ID: 002_orders
Revises: 001_catalogue
Create Date: 2026-01-05 10:00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "002_orders"
down_revision = "001_catalogue"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give countries a currency, rename `users.name`, and create what an order needs."""
    op.alter_column("users", "name", new_column_name="full_name", existing_type=sa.String(120), existing_nullable=False)
    op.create_table(
        "currencies",
        sa.Column("code", sa.String(3), primary_key=True),
        sa.Column("numeric_code", sa.String(3), nullable=False, unique=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("minor_units", sa.SmallInteger),
    )
    # SQLite cannot add a constraint to a table, so batch mode builds the table anew. That is safe here,
    # since nothing refers to countries yet.
    with op.batch_alter_table("countries") as countries:
        countries.add_column(sa.Column("currency_code", sa.String(3)))
        countries.create_foreign_key("fk_countries_currency_code", "currencies", ["currency_code"], ["code"])
    op.create_table(
        "payment_methods",
        sa.Column("code", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("country_code", sa.String(2)),  # the one country that knows it; NULL means everywhere
    )
    op.create_table(
        "addresses",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("recipient", sa.String(120), nullable=False),
        sa.Column("street", sa.String(120), nullable=False),
        sa.Column("postal_code", sa.String(16), nullable=False),
        sa.Column("city", sa.String(80), nullable=False),
        sa.Column("country_code", sa.String(2), sa.ForeignKey("countries.code"), nullable=False),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("order_number", sa.String(20), nullable=False, unique=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("currency_code", sa.String(3), sa.ForeignKey("currencies.code"), nullable=False),
        sa.Column("payment_method_code", sa.String(40), sa.ForeignKey("payment_methods.code")),
        sa.Column("billing_address_id", sa.Integer, sa.ForeignKey("addresses.id"), nullable=False),
        sa.Column("billing_country_code", sa.String(2), sa.ForeignKey("countries.code"), nullable=False),
        sa.Column("subtotal", sa.Numeric(10, 2), nullable=False),
        sa.Column("tax", sa.Numeric(10, 2), nullable=False),
        sa.Column("shipping", sa.Numeric(10, 2), nullable=False),
        sa.Column("total", sa.Numeric(10, 2), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('pending', 'paid', 'shipped', 'delivered', 'cancelled')", name="status"),
        # round() because SQLite keeps a decimal as a float.
        sa.CheckConstraint("round(total, 2) = round(subtotal + tax + shipping, 2)", name="total"),
        sa.CheckConstraint("updated_at >= placed_at", name="updated_at"),
    )
    op.create_table(
        "order_items",
        sa.Column("order_id", sa.Integer, sa.ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("line_no", sa.SmallInteger, primary_key=True),
        sa.Column("product_id", sa.Integer, sa.ForeignKey("products.id"), nullable=False, index=True),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("unit_price", sa.Numeric(10, 2), nullable=False),
        sa.Column("line_total", sa.Numeric(10, 2), nullable=False),
        sa.UniqueConstraint("order_id", "product_id"),
        sa.CheckConstraint("quantity > 0", name="quantity"),
        sa.CheckConstraint("round(line_total, 2) = round(quantity * unit_price, 2)", name="line_total"),
    )


def downgrade() -> None:
    """Drop what an order needs and give `users.name` its first name back."""
    for table in ("order_items", "orders", "addresses", "payment_methods"):
        op.drop_table(table)
    with op.batch_alter_table("countries") as countries:
        countries.drop_constraint("fk_countries_currency_code", type_="foreignkey")
        countries.drop_column("currency_code")
    op.drop_table("currencies")
    op.alter_column("users", "full_name", new_column_name="name", existing_type=sa.String(120), existing_nullable=False)
