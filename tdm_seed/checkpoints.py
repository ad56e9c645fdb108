"""What a seed that commits in chunks has done so far: one row for each of its calls, committed with the chunk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.values import Changes


@dataclass(frozen=True)
class Checkpoint:
    """Where a writing call of a seed stands.

    ``call`` counts from 1, ``chunk`` the chunks that are committed; ``rows`` is how many rows of the source they hold,
    ``last`` how many the last of them, ``digest`` that of its final rows. ``state`` is what the seed's ``Database``
    must know again when the run is taken up: volumes asked for, columns that were numbered, and the place in a file.
    """

    call: int
    table: str
    chunk: int = 0
    rows: int = 0
    last: int = 0
    digest: str = ""
    finished: bool = False
    changes: Changes = field(default_factory=Changes)
    state: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoints:
    """The table of checkpoints beside a history. It holds rows only of seeds that were left unfinished."""

    table_name: str
    schema: str | None = None

    @cached_property
    def _table(self) -> sa.Table:
        return sa.Table(
            self.table_name,
            sa.MetaData(),
            sa.Column("seed", sa.String(255), primary_key=True),
            sa.Column("call", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("table_name", sa.String(255), nullable=False),
            sa.Column("chunk", sa.BigInteger, nullable=False),
            sa.Column("rows_read", sa.BigInteger, nullable=False),
            sa.Column("rows_last", sa.BigInteger, nullable=False),
            sa.Column("digest", sa.String(64), nullable=False),
            sa.Column("finished", sa.Integer, nullable=False),
            sa.Column("inserted", sa.BigInteger, nullable=False),
            sa.Column("updated", sa.BigInteger, nullable=False),
            sa.Column("unchanged", sa.BigInteger, nullable=False),
            sa.Column("deleted", sa.BigInteger, nullable=False),
            sa.Column("state", sa.Text, nullable=False),
            schema=self.schema,
        )

    def create(self, connection: Connection) -> None:
        """Create the table where it is missing."""
        if not self._exists(connection):
            self._table.create(connection)

    def of(self, connection: Connection, seed: str) -> dict[int, Checkpoint]:
        """Read the checkpoints of a seed by their call."""
        query = sa.select(self._table).where(self._table.c.seed == seed).order_by(self._table.c.call)
        return {row["call"]: _read(row) for row in connection.execute(query).mappings()}

    def rows(self, connection: Connection) -> dict[str, int]:
        """Tell how many rows the unfinished seeds have read so far. An absent table holds none."""
        if not self._exists(connection):
            return {}
        columns = self._table.c
        query = sa.select(columns.seed, sa.func.sum(columns.rows_read)).group_by(columns.seed).order_by(columns.seed)
        return {seed: int(rows) for seed, rows in connection.execute(query)}

    def write(self, connection: Connection, seed: str, checkpoint: Checkpoint) -> None:
        """Write or replace the checkpoint of a call, in the transaction of its chunk."""
        columns = self._table.c
        connection.execute(
            sa.delete(self._table).where(columns.seed == seed, columns.call == checkpoint.call),
        )
        connection.execute(sa.insert(self._table), {"seed": seed, **_written(checkpoint)})

    def clear(self, connection: Connection, seed: str | None = None) -> None:
        """Forget a seed, which is finished, taken back, or begins anew; or all of them."""
        if self._exists(connection):
            of_seed = sa.true() if seed is None else self._table.c.seed == seed
            connection.execute(sa.delete(self._table).where(of_seed))

    def _exists(self, connection: Connection) -> bool:
        return sa.inspect(connection).has_table(self.table_name, schema=self.schema)


def _written(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "call": checkpoint.call,
        "table_name": checkpoint.table,
        "chunk": checkpoint.chunk,
        "rows_read": checkpoint.rows,
        "rows_last": checkpoint.last,
        "digest": checkpoint.digest,
        "finished": int(checkpoint.finished),
        **checkpoint.changes.as_dict(),
        "state": json.dumps(checkpoint.state, sort_keys=True),
    }


def _read(row: sa.RowMapping) -> Checkpoint:
    return Checkpoint(
        call=row["call"],
        table=row["table_name"],
        chunk=row["chunk"],
        rows=row["rows_read"],
        last=row["rows_last"],
        digest=row["digest"],
        finished=bool(row["finished"]),
        changes=Changes(row["inserted"], row["updated"], row["unchanged"], row["deleted"]),
        state=json.loads(row["state"]),
    )
