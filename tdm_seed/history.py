"""The seed_history table: what was applied, when, from which checksum. Append-only, but for old resets by rows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.errors import DatabaseError
from tdm_seed.values import Applied, Changes, Layer, State

#: Stands in the note of a reset that has put back what was written, and names how: every seed stays applied.
WAY = "way"

#: What the note of a seed's entry calls the tables that the seed has written to.
TABLES = "tables"

#: Stands in the place of a seed where an entry is about the whole database: a reset, or another environment's name.
EVERY_SEED = "*"


#: So many resets that have put everything back stay in the history, and at most twice as many: each reset reads past
#: them, and a test suite makes a thousand a day.
PUT_BACK = 100


@dataclass(frozen=True)
class History:
    """The history of one database. Reading never writes; the table is made by the first writing command."""

    table_name: str = "seed_history"
    schema: str | None = None

    @property
    def qualified_name(self) -> str:
        """The table's name with its schema, which is also what the run's lock is called after."""
        return f"{self.schema}.{self.table_name}" if self.schema else self.table_name

    @property
    def own_tables(self) -> frozenset[str]:
        """The tables that belong to the tool and not to the data."""
        beside = (self.baseline_table, self.checkpoint_table, self.journal_table)
        return frozenset((self.table_name, f"{self.table_name}_lock", *beside))

    @property
    def baseline_table(self) -> str:
        """The table with the rows that were there before the first seed."""
        return f"{self.table_name}_baseline"

    @property
    def checkpoint_table(self) -> str:
        """The table with what unfinished seeds have committed in chunks."""
        return f"{self.table_name}_chunks"

    @property
    def journal_table(self) -> str:
        """The table with what builds indexes again that such seeds have taken down."""
        return f"{self.table_name}_rebuild"

    @cached_property
    def table(self) -> sa.Table:
        """The table as this version of the tool writes it. Times are ISO 8601 text in UTC, alike everywhere."""
        return sa.Table(
            self.table_name,
            sa.MetaData(),
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
            sa.Column("seed", sa.String(255), nullable=False, index=True),
            sa.Column("layer", sa.String(20), nullable=False),
            sa.Column("state", sa.String(20), nullable=False),
            sa.Column("checksum", sa.String(100), nullable=False),
            sa.Column("environment", sa.String(100), nullable=False),
            sa.Column("schema_heads", sa.String(500), nullable=False),
            sa.Column("random_seed", sa.BigInteger, nullable=False),
            sa.Column("clock", sa.String(40), nullable=False),
            sa.Column("volumes", sa.Text, nullable=False),
            sa.Column("inserted", sa.BigInteger, nullable=False),
            sa.Column("updated", sa.BigInteger, nullable=False),
            sa.Column("unchanged", sa.BigInteger, nullable=False),
            sa.Column("deleted", sa.BigInteger, nullable=False),
            sa.Column("started_at", sa.String(40), nullable=False),
            sa.Column("duration_ms", sa.BigInteger, nullable=False),
            sa.Column("applied_by", sa.String(255), nullable=False),
            sa.Column("tool_version", sa.String(50), nullable=False),
            sa.Column("note", sa.Text, nullable=False),
            schema=self.schema,
        )

    def exists(self, connection: Connection) -> bool:
        """Tell whether the table is there.

        Raises:
            DatabaseError: a table of that name is there, but it is another tool's.
        """
        inspector = sa.inspect(connection)
        if not self._schema_exists(connection):
            return False
        if not inspector.has_table(self.table_name, schema=self.schema):
            return False
        with connection.execute(self._nothing) as nothing:  # asking the catalogue takes five times as long
            found = nothing.keys()
        if missing := [column.name for column in self.table.columns if column.name not in found]:
            raise DatabaseError(
                f"the table {self.qualified_name} is not ours: it has no column {missing[0]}",
                table=self.table_name,
                hint='Another tool uses this name. Set history_table = "…" in the configuration of tdm-seed.',
            )
        return True

    def create(self, connection: Connection) -> None:
        """Create the table where it is missing.

        Raises:
            DatabaseError: its schema is not there.
        """
        if not self._schema_exists(connection):
            raise DatabaseError(
                f"there is no schema {self.schema!r} for the table {self.table_name}",
                hint="Create it, or correct history_schema in the configuration of tdm-seed.",
            )
        if not self.exists(connection):
            self.table.create(connection)

    def _schema_exists(self, connection: Connection) -> bool:
        return self.schema is None or self.schema in sa.inspect(connection).get_schema_names()

    def entries(self, connection: Connection) -> list[Applied]:
        """Read all entries, oldest first. An absent table holds none."""
        if not self.exists(connection):
            return []
        query = sa.select(self.table).order_by(self.table.c.id)
        return [_read(row) for row in connection.execute(query).mappings()]

    def current(self, connection: Connection) -> list[Applied]:
        """Read the last emptying of the database and the entries behind it, oldest first: all that tells its state.

        A database that is reset a thousand times a day has a history that no command wants to read as a whole; so
        resets that have put everything back are left out.
        """
        if not self.exists(connection):
            return []
        columns = self.table.c
        reset = connection.scalar(
            sa.select(columns.id).where(self._is_reset, ~self._put_back).order_by(columns.id.desc()).limit(1)
        )
        query = sa.select(self.table).where(columns.id >= (reset or 0), ~self._put_back).order_by(columns.id)
        return [_read(row) for row in connection.execute(query).mappings()]

    def newest(self, connection: Connection) -> tuple[int, int]:
        """Give the number of the newest entry but for resets that have put all back, and how many of those follow.

        The number is 0 where there is none. The table is there.
        """
        row = connection.execute(self._newest).one()
        return row.newest or 0, row.behind

    def was_put_back(self, connection: Connection) -> bool:
        """Tell whether the newest entry is a reset that has put everything back."""
        if not self.exists(connection):
            return False
        query = sa.select(self._put_back).order_by(self.table.c.id.desc()).limit(1)
        return bool(connection.scalar(query))

    def last(self, connection: Connection, seed: str, reset: int) -> tuple[int, State] | None:
        """Read the number and state of a seed's last entry behind the last reset, which was entry number ``reset``."""
        rows = connection.execute(self._last, {"names": (seed, EVERY_SEED), "reset": reset}).all()
        for row in rows:
            if row.seed == seed:
                return row.id, State(row.state)
            if row.state == State.RESET:
                return None
        return None

    def record(self, connection: Connection, entry: Applied) -> None:
        """Append an entry."""
        connection.execute(self._insert, _write(entry))

    def thin(self, connection: Connection, newest: int) -> None:
        """Delete the oldest of the resets that have put everything back, which are all entries behind ``newest``."""
        number = self.table.c.id
        oldest = sa.select(number).order_by(number.desc()).limit(1).offset(PUT_BACK - 1)
        first = connection.scalar(oldest)
        connection.execute(sa.delete(self.table).where(number > newest, number < first))

    @cached_property
    def _nothing(self) -> sa.Select[Any]:
        return sa.select(sa.literal_column("*")).select_from(self.table).where(sa.false())

    @cached_property
    def _is_reset(self) -> sa.ColumnElement[bool]:
        columns = self.table.c
        return sa.and_(columns.seed == EVERY_SEED, columns.state == State.RESET.value)

    @cached_property
    def _put_back(self) -> sa.ColumnElement[bool]:
        return sa.and_(self._is_reset, self.table.c.note.contains(f'"{WAY}": ', autoescape=True))

    @cached_property
    def _newest(self) -> sa.Select[Any]:
        number = self.table.c.id
        newest = sa.select(number).where(~self._put_back).order_by(number.desc()).limit(1)
        found = newest.scalar_subquery()
        behind = sa.select(sa.func.count()).select_from(self.table).where(number > sa.func.coalesce(found, 0))
        return sa.select(found.label("newest"), behind.scalar_subquery().label("behind"))

    @cached_property
    def _last(self) -> sa.Select[tuple[int, str, str]]:
        columns = self.table.c
        named = columns.seed.in_(sa.bindparam("names", expanding=True))
        query = sa.select(columns.id, columns.seed, columns.state).where(named, columns.id > sa.bindparam("reset"))
        return query.where(~self._put_back).order_by(columns.id.desc())

    @cached_property
    def _insert(self) -> sa.Insert:
        return sa.insert(self.table).inline()  # nobody asks for the number


def states(entries: Iterable[Applied]) -> dict[str, Applied]:
    """Keep the last entry of each seed since the last reset; what was applied before it counts no more."""
    return {entry.seed: entry for entry in since_reset(entries) if entry.seed != EVERY_SEED}


def last_reset(entries: Iterable[Applied]) -> int:
    """Give the number of the last emptying's entry, 0 without one."""
    return max((entry.id or 0 for entry in entries if ends(entry)), default=0)


def since_reset(entries: Iterable[Applied]) -> list[Applied]:
    """Keep the entries behind the last reset of the database."""
    kept: list[Applied] = []
    for entry in entries:
        if ends(entry):
            kept.clear()
        elif entry.state is not State.RESET:
            kept.append(entry)
    return kept


def ends(entry: Applied) -> bool:
    """Tell whether an entry is the emptying of the database, before which nothing counts any more."""
    return entry.state is State.RESET and WAY not in entry.note


def environment_of(entries: Iterable[Applied]) -> str | None:
    """Give the name of the environment that seeded the database first since it was last emptied, or a later label."""
    kept = since_reset(entries)
    named = [entry for entry in kept if entry.seed == EVERY_SEED][-1:] or kept[:1]
    return named[0].environment if named else None


def _write(entry: Applied) -> dict[str, Any]:
    return {
        "seed": entry.seed,
        "layer": entry.layer.value,
        "state": entry.state.value,
        "checksum": entry.checksum,
        "environment": entry.environment,
        "schema_heads": ",".join(entry.schema_heads),
        "random_seed": entry.random_seed,
        "clock": text_of(entry.clock),
        "volumes": json.dumps(dict(sorted(entry.volumes.items()))),
        **entry.changes.as_dict(),
        "started_at": text_of(entry.started_at),
        "duration_ms": entry.duration_ms,
        "applied_by": entry.applied_by[:255],
        "tool_version": entry.tool_version,
        "note": json.dumps(dict(sorted(entry.note.items()))) if entry.note else "",
    }


def _read(row: sa.RowMapping) -> Applied:
    try:
        return _understood(row)
    except (ValueError, TypeError) as error:
        raise DatabaseError(
            f"entry {row['id']} of the history, about {row['seed']}, is not understood: {error}",
            hint=f"Version {row['tool_version']} of tdm-seed wrote it: use that one, if this is older. "
            "Otherwise somebody has changed the entry by hand.",
        ) from error


def _understood(row: sa.RowMapping) -> Applied:
    return Applied(
        id=row["id"],
        seed=row["seed"],
        layer=Layer(row["layer"]),
        state=State(row["state"]),
        checksum=row["checksum"],
        environment=row["environment"],
        schema_heads=tuple(filter(None, row["schema_heads"].split(","))),
        random_seed=row["random_seed"],
        clock=datetime.fromisoformat(row["clock"]),
        volumes=json.loads(row["volumes"]),
        changes=Changes(row["inserted"], row["updated"], row["unchanged"], row["deleted"]),
        started_at=datetime.fromisoformat(row["started_at"]),
        duration_ms=row["duration_ms"],
        applied_by=row["applied_by"],
        tool_version=row["tool_version"],
        note=json.loads(row["note"]) if row["note"] else {},
    )


def text_of(moment: datetime) -> str:
    """Write a point in time as ISO 8601 in UTC, ending in Z."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
