"""What builds indexes and keys again that seeds which commit in chunks have taken down: noted before they are gone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.appending import Down


@dataclass(frozen=True)
class Noted:
    """Something that is down: the seed that took it down, its place in the order of building, and since when."""

    seed: str
    place: int
    since: datetime
    down: Down


@dataclass(frozen=True)
class Journal:
    """The table of what is down, beside a history. It is made by the first load that takes something down."""

    table_name: str
    schema: str | None = None

    @cached_property
    def _table(self) -> sa.Table:
        return sa.Table(
            self.table_name,
            sa.MetaData(),
            sa.Column("seed", sa.String(255), primary_key=True),
            sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("table_name", sa.String(255), nullable=False),
            sa.Column("name", sa.String(255), nullable=False),
            sa.Column("statement", sa.Text, nullable=False),
            sa.Column("beside", sa.Integer, nullable=False),
            sa.Column("since", sa.String(40), nullable=False),
            schema=self.schema,
        )

    def create(self, connection: Connection) -> None:
        """Create the table where it is missing."""
        if not self._exists(connection):
            self._table.create(connection)

    def read(self, connection: Connection) -> list[Noted]:
        """Read what is down, in the order in which it is built. An absent table holds nothing."""
        if not self._exists(connection):
            return []
        query = sa.select(self._table).order_by(self._table.c.seed, self._table.c.place)
        return [
            Noted(
                row["seed"],
                row["place"],
                datetime.fromisoformat(row["since"]),
                Down(row["table_name"], row["name"], row["statement"], bool(row["beside"])),
            )
            for row in connection.execute(query).mappings()
        ]

    def write(self, connection: Connection, seed: str, downs: Sequence[Down]) -> None:
        """Note what is going down, behind what is down already."""
        columns = self._table.c
        last = connection.scalar(sa.select(sa.func.max(columns.place)).where(columns.seed == seed)) or 0
        since = datetime.now(UTC).isoformat(timespec="seconds")
        rows = [
            {
                "seed": seed,
                "place": place,
                "table_name": down.table,
                "name": down.name,
                "statement": down.statement,
                "beside": int(down.beside),
                "since": since,
            }
            for place, down in enumerate(downs, last + 1)
        ]
        connection.execute(sa.insert(self._table), rows)

    def remove(self, connection: Connection, built: Collection[Noted]) -> None:
        """Forget what is there again."""
        columns = self._table.c
        for each in built:
            connection.execute(sa.delete(self._table).where(columns.seed == each.seed, columns.place == each.place))

    def _exists(self, connection: Connection) -> bool:
        return sa.inspect(connection).has_table(self.table_name, schema=self.schema)
