"""Materialised views: which stand over which tables, and computing them anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import AS_IT_IS
from tdm_seed.dialects.postgresql import emptying
from tdm_seed.dialects.postgresql.errors import translate

#: What views are made of, views themselves included.
_VIEWS = sa.text(
    "SELECT DISTINCT CAST(r.ev_class AS bigint) AS view, CAST(d.refobjid AS bigint) AS base, "
    "format('%I.%I', n.nspname, v.relname) AS name, v.relkind = 'm' AS kept, v.relispopulated AS filled, "
    "pg_has_role(v.relowner, 'USAGE') AS ours "
    "FROM pg_rewrite r JOIN pg_depend d ON d.classid = CAST('pg_rewrite' AS regclass) AND d.objid = r.oid "
    "AND d.refclassid = CAST('pg_class' AS regclass) AND d.refobjid <> r.ev_class "
    "JOIN pg_class v ON v.oid = r.ev_class JOIN pg_namespace n ON n.oid = v.relnamespace "
    "WHERE v.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 3, 2"
)


@dataclass(frozen=True)
class View:
    """A materialised view: whether it is ours, whether it holds rows, and which of the tables asked for it shows."""

    name: str
    ours: bool
    filled: bool
    tables: tuple[int, ...]


def over(connection: Connection, numbers: Mapping[int, int]) -> list[View]:
    """List the materialised views over tables, each behind those that it is made of; ``numbers`` are those of tables.

    Views of any schema, and over views.
    """
    rows = connection.execute(_VIEWS).all()
    bases: dict[int, list[int]] = {}
    for row in rows:
        bases.setdefault(row.view, []).append(row.base)
    known: dict[int, tuple[int, frozenset[int]]] = {}

    def look(relation: int) -> tuple[int, frozenset[int]]:
        """Give how many views deep a relation is, and which tables are beneath it."""
        if relation in numbers:
            return 0, frozenset((numbers[relation],))
        if relation not in known:
            beneath = [look(base) for base in bases.get(relation, ())]
            deepest = 1 + max((depth for depth, _ in beneath), default=0)
            known[relation] = deepest, frozenset().union(*(tables for _, tables in beneath))
        return known[relation]

    kept = {row.view: row for row in rows if row.kept and look(row.view)[1]}
    return [
        View(row.name, row.ours, row.filled, tuple(sorted(look(view)[1])))
        for view, row in sorted(kept.items(), key=lambda item: (look(item[0])[0], item[1].name))
    ]


def refresh(connection: Connection, tables: Sequence[sa.TableClause], patience: float) -> dict[str, str]:
    """Compute those over these tables anew that hold rows, and give those that stay as they were, with the reason.

    Readers of one are waited for, so many seconds at most unless the role has a limit of its own.
    """
    emptying.be_impatient(connection, patience)
    left: dict[str, str] = {}
    for view in over(connection, {number: number for number in emptying.numbers(connection, tables)}):
        if not view.filled:
            continue
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(f"REFRESH MATERIALIZED VIEW {view.name}", execution_options=AS_IT_IS)
        except sa.exc.DBAPIError as error:
            if error.connection_invalidated or not isinstance(error.orig, psycopg.Error):
                raise
            left[view.name] = translate(error.orig, None).message
    return left
