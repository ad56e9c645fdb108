"""A schema of many tables that point to one another, and rows in all of them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from benchmarks import project
from benchmarks.case import Case
from benchmarks.sitting import DifferentRows

_FILL = (
    "INSERT INTO {table} (id, name, parent_id, note, amount) "
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) "
    "SELECT i, 'name', {parent}, 'some words that make the row as long as rows are', i FROM n"
)


def schema(tables: int) -> sa.MetaData:
    """Describe tables of which each points to the one before, but for every tenth."""
    metadata = sa.MetaData()
    for number in range(tables):
        parent = [sa.ForeignKey(f"t{number - 1:03}.id")] if number % 10 else []
        sa.Table(
            f"t{number:03}",
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("name", sa.String(50), nullable=False),
            sa.Column("parent_id", sa.Integer, *parent, index=True),
            sa.Column("note", sa.String(200)),
            sa.Column("amount", sa.Numeric(10, 2)),
        )
    return metadata


def make(connection: Connection, metadata: sa.MetaData, rows: int) -> None:
    """Create the tables and give each so many rows, with its numbers behind them."""
    metadata.create_all(connection)
    if getattr(connection.dialect, "is_mariadb", False):
        connection.exec_driver_sql("SET SESSION max_recursive_iterations = 4294967295")
    for table in metadata.sorted_tables:
        parent = "i" if int(table.name[1:]) % 10 else "NULL"
        connection.exec_driver_sql(_FILL.format(table=table.name, rows=rows, parent=parent))
    if connection.dialect.name == "postgresql":
        for table in metadata.sorted_tables:
            connection.exec_driver_sql(f"SELECT setval('{table.name}_id_seq', {rows})")


def counted(connection: Connection, metadata: sa.MetaData) -> list[tuple[object, ...]]:
    """Say of each table how many rows it has, and something about them."""
    return [
        tuple(connection.execute(sa.select(sa.func.count(), sa.func.max(t.c.id), sa.func.min(t.c.name))).one())
        for t in metadata.sorted_tables
    ]


class GoingBack(Case):
    """A case of which ours must leave what was seeded; theirs leaves something else, so there is nothing to compare."""

    _url: str
    _metadata: sa.MetaData
    #: What ``_found`` gave before anything was written.
    _seeded: list[tuple[object, ...]]
    #: Which side was at work last.
    _side = "ours"

    def content(self) -> object:
        """Prove that ours has brought everything back."""
        if self._side == "ours" and self._found() != self._seeded:
            raise DifferentRows(f"{self.name}: what was seeded is not what is there now")
        return None

    def _found(self) -> list[tuple[object, ...]]:
        with project.connected(self._url) as connection:
            return counted(connection, self._metadata)
