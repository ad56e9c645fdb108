"""What a storefront shows: languages, sales, goods that are no longer sold, and carts.

Revision ID: 004_storefront
Revises: 003_markets
Create Date: 2026-01-07 09:00:00
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "004_storefront"
down_revision = "003_markets"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create languages and carts; give users a language, and products a sale price and a switch."""
    op.create_table(
        "languages",
        sa.Column("code", sa.String(2), primary_key=True),
        sa.Column("alpha3", sa.String(3), nullable=False, unique=True),
        sa.Column("name", sa.String(80), nullable=False),
    )
    op.create_table(
        "carts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("token", sa.String(36), nullable=False, unique=True),  # what the visitor's cookie holds
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), index=True),  # NULL: a guest
        sa.Column("currency_code", sa.String(3), sa.ForeignKey("currencies.code"), nullable=False),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("reminded_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("status IN ('open', 'abandoned', 'ordered')", name="status"),
        sa.CheckConstraint("updated_at >= created_at", name="updated_at"),
    )
    op.create_table(
        "cart_items",
        sa.Column("cart_id", sa.Integer, sa.ForeignKey("carts.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("product_id", sa.Integer, sa.ForeignKey("products.id"), primary_key=True, index=True),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("unit_price", sa.Numeric(10, 2), nullable=False),
        sa.CheckConstraint("quantity > 0", name="quantity"),
    )
    op.add_column("products", sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.true()))
    if op.get_context().dialect.supports_alter:
        op.add_column("products", sa.Column("sale_price", sa.Numeric(10, 2)))
        op.create_check_constraint("sale_price", "products", "sale_price >= 0 AND sale_price < price")
        op.add_column("users", sa.Column("language_code", sa.String(2)))
        op.create_foreign_key(None, "users", "languages", ["language_code"], ["code"])
    else:
        # As in 003_markets: SQLite adds a constraint only together with its column.
        op.execute(
            "ALTER TABLE products ADD COLUMN sale_price NUMERIC(10, 2) "
            "CONSTRAINT ck_products_sale_price CHECK (sale_price >= 0 AND sale_price < price)"
        )
        op.execute(
            "ALTER TABLE users ADD COLUMN language_code VARCHAR(2) "
            "CONSTRAINT fk_users_language_code REFERENCES languages (code)"
        )


def downgrade() -> None:
    """Forget all of it."""
    if op.get_context().dialect.supports_alter:
        op.drop_constraint("fk_users_language_code", "users", type_="foreignkey")
        op.drop_constraint("sale_price", "products", type_="check")
    op.drop_column("users", "language_code")
    op.drop_column("products", "sale_price")
    op.drop_column("products", "is_active")
    for table in ("cart_items", "carts", "languages"):
        op.drop_table(table)
