"""What of the catalogue is not what it was when rows were kept, as far as that can be told by name."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tdm_seed.dialects.postgresql.places import SCHEMA

#: The server numbers what is made in the order in which it is made, and the function is the last that keeping makes.
_ALTERED = sa.text(
    f"""
WITH since AS (
    SELECT CAST(oid AS bigint) AS oid FROM pg_proc
    WHERE pronamespace = CAST('{SCHEMA}' AS regnamespace) AND proname = 'written'
), place AS (
    SELECT CAST(shape->>'oid' AS bigint) AS oid, shape->>'name' AS name, shape->'columns' AS columns FROM {SCHEMA}.place
), kept AS (
    SELECT p.oid, p.name, c.word FROM place p CROSS JOIN jsonb_array_elements_text(p.columns) AS c (word)
    WHERE EXISTS (SELECT FROM pg_class WHERE CAST(pg_class.oid AS bigint) = p.oid)
), now AS (
    SELECT p.oid, p.name, quote_ident(a.attname) AS word FROM place p
    JOIN pg_attribute a ON CAST(a.attrelid AS bigint) = p.oid AND a.attnum > 0 AND NOT a.attisdropped
), line (place, kind, name, what) AS (
    SELECT 1, 'table', name, 'gone' FROM place
    WHERE NOT EXISTS (SELECT FROM pg_class WHERE CAST(pg_class.oid AS bigint) = place.oid)
    UNION ALL SELECT 1, 'sequence', name, 'gone' FROM {SCHEMA}.sequence s
    WHERE NOT EXISTS (SELECT FROM pg_class WHERE pg_class.oid = s.oid)
    UNION ALL SELECT 2, CASE c.relkind WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' WHEN 'S' THEN 'sequence'
        WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialised view' ELSE 'table' END, CAST(CAST(c.oid AS regclass) AS text),
        'new' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, since
    WHERE CAST(c.oid AS bigint) > since.oid AND c.relkind IN ('r', 'p', 'f', 'i', 'I', 'S', 'v', 'm')
        AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname !~ '^tdm_seed'
        AND c.relname <> ALL(CAST(:own AS text[]))
    UNION ALL SELECT 3, 'column', concat(name, '.', word), 'gone' FROM (TABLE kept EXCEPT TABLE now) AS gone
    UNION ALL SELECT 3, 'column', concat(name, '.', word), 'new' FROM (TABLE now EXCEPT TABLE kept) AS new
    UNION ALL SELECT 4, 'function', CAST(CAST(p.oid AS regproc) AS text), 'new'
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, since
    WHERE CAST(p.oid AS bigint) > since.oid AND n.nspname !~ '^pg_' AND n.nspname !~ '^tdm_seed'
    UNION ALL SELECT 5, 'trigger', concat(t.tgname, ' on ', CAST(t.tgrelid AS regclass)), 'new' FROM pg_trigger t, since
    WHERE CAST(t.oid AS bigint) > since.oid AND NOT t.tgisinternal AND t.tgname !~ '^tdm_seed'
)
SELECT concat('the ', kind, ' ', name, ' is ', what) FROM line ORDER BY place, kind <> 'table', what, name COLLATE "C"
"""
)


def altered(connection: Connection, own: Collection[str]) -> list[str]:
    """Say what is new or gone since rows were kept; what was only altered is told of columns alone."""
    return list(connection.scalars(_ALTERED, {"own": sorted(own)}))
