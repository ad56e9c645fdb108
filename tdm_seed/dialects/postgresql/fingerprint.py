"""PostgreSQL's catalogue as one digest, from the catalogue's own columns."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy.engine import Connection

from tdm_seed.dialects.base import AS_IT_IS
from tdm_seed.dialects.postgresql.places import SCHEMA
from tdm_seed.dialects.postgresql.swap import literal

#: Expressions are digested as the server stores them and not as it writes them for people, which takes longer and
#: depends on the search path; where in its text a word stood is no part of an expression. Names stand in place of
#: numbers, for what a load drops and makes again has another number.
_QUERY: Final = r"""
WITH own AS MATERIALIZED (
    SELECT oid FROM pg_class WHERE relkind = 'r' AND relname = ANY(%(own)s)
), space AS MATERIALIZED (
    SELECT oid, nspname, nspacl, nspowner FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND nspname !~ '^tdm_seed'
), foreign_to_us AS MATERIALIZED (
    SELECT objid, classid FROM pg_depend WHERE deptype = 'e' OR (deptype IN ('a', 'i')
        AND classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND refobjid IN (SELECT oid FROM own))
), relation AS MATERIALIZED (
    SELECT c.oid, s.nspname, c.relname, c.relkind, ROW(c.relpersistence, c.relrowsecurity, c.relforcerowsecurity,
        c.reloptions, c.relacl, c.relreplident, c.relpartbound, c.relam, pg_get_userbyid(c.relowner)) AS rest
    FROM pg_class c JOIN space s ON s.oid = c.relnamespace
    WHERE c.relkind NOT IN ('t', 'i', 'I') AND c.relname !~ '^tdm_seed' AND c.oid NOT IN (SELECT oid FROM own)
    AND c.oid NOT IN (SELECT objid FROM foreign_to_us WHERE classid = 'pg_class'::regclass)
), kind AS MATERIALIZED (
    SELECT t.oid, n.nspname, t.typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
), line (text) AS (
    SELECT ROW('schema', nspname, nspacl, pg_get_userbyid(nspowner))::text FROM space
    UNION ALL SELECT ROW('extension', extname, extversion)::text FROM pg_extension
    UNION ALL SELECT ROW('relation', nspname, relname, relkind, rest)::text FROM relation
    UNION ALL SELECT ROW('column', r.nspname, r.relname, a.attname, a.attnum, k.nspname, k.typname, a.atttypmod,
        a.attnotnull, a.attidentity, a.attgenerated, a.attcollation, a.attacl, d.adbin)::text
    FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN kind k ON k.oid = a.atttypid
        LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
    WHERE r.relkind <> 'S'
    UNION ALL SELECT ROW('parent', r.nspname, r.relname, p.nspname, p.relname, i.inhseqno)::text
    FROM pg_inherits i JOIN relation r ON r.oid = i.inhrelid JOIN relation p ON p.oid = i.inhparent
    UNION ALL SELECT ROW('partitioned', r.nspname, r.relname, p.partstrat, p.partattrs, p.partclass, p.partexprs)::text
    FROM pg_partitioned_table p JOIN relation r ON r.oid = p.partrelid
    UNION ALL SELECT ROW('constraint', r.nspname, r.relname, c.conname, c.contype, c.condeferrable, c.condeferred,
        c.convalidated, c.conkey, f.nspname, f.relname, c.confkey, c.confupdtype, c.confdeltype, c.confmatchtype,
        c.conexclop, c.conbin)::text
    FROM pg_constraint c JOIN relation r ON r.oid = c.conrelid LEFT JOIN relation f ON f.oid = c.confrelid
    UNION ALL SELECT ROW('index', r.nspname, r.relname, x.relname, x.relam, x.reloptions, i.indisunique, {nulls}
        i.indisvalid, i.indisexclusion, i.indimmediate, i.indnkeyatts, i.indkey, i.indclass, i.indcollation,
        i.indoption, i.indexprs, i.indpred)::text
    FROM pg_index i JOIN relation r ON r.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
    UNION ALL SELECT ROW('trigger', r.nspname, r.relname, t.tgname, p.proname, t.tgtype, t.tgenabled, t.tgdeferrable,
        t.tginitdeferred, t.tgattr, t.tgargs, t.tgoldtable, t.tgnewtable, t.tgqual)::text
    FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE NOT t.tgisinternal AND t.tgname !~ '^tdm_seed'
    UNION ALL SELECT ROW('rule', r.nspname, r.relname, w.rulename, w.ev_type, w.ev_enabled, w.is_instead, w.ev_qual,
        w.ev_action)::text
    FROM pg_rewrite w JOIN relation r ON r.oid = w.ev_class
    UNION ALL SELECT ROW('policy', r.nspname, r.relname, p.polname, p.polcmd, p.polpermissive, p.polroles, p.polqual,
        p.polwithcheck)::text
    FROM pg_policy p JOIN relation r ON r.oid = p.polrelid
    UNION ALL SELECT ROW('sequence', r.nspname, r.relname, q.seqtypid, q.seqstart, q.seqincrement, q.seqmax, q.seqmin,
        q.seqcache, q.seqcycle)::text
    FROM pg_sequence q JOIN relation r ON r.oid = q.seqrelid
    UNION ALL SELECT ROW('routine', s.nspname, p.proname, p.prokind, p.prolang, p.proargtypes, p.proallargtypes,
        p.proargmodes, p.proargnames, p.proargdefaults, p.prorettype, p.proretset, p.provolatile, p.proparallel,
        p.proisstrict, p.prosecdef, p.proconfig, p.proacl, p.probin, {body} p.prosrc,
        pg_get_userbyid(p.proowner))::text
    FROM pg_proc p JOIN space s ON s.oid = p.pronamespace
    WHERE p.proname !~ '^tdm_seed'
        AND p.oid NOT IN (SELECT objid FROM foreign_to_us WHERE classid = 'pg_proc'::regclass)
    UNION ALL SELECT ROW('type', s.nspname, t.typname, t.typtype, t.typnotnull, t.typbasetype, t.typtypmod,
        t.typcollation, t.typacl, t.typdefaultbin, pg_get_userbyid(t.typowner))::text
    FROM pg_type t JOIN space s ON s.oid = t.typnamespace WHERE t.typtype IN ('d', 'e', 'r')
        AND t.oid NOT IN (SELECT objid FROM foreign_to_us WHERE classid = 'pg_type'::regclass)
    UNION ALL SELECT ROW('check of a type', k.nspname, k.typname, c.conname, c.convalidated, c.conbin)::text
    FROM pg_constraint c JOIN kind k ON k.oid = c.contypid
    UNION ALL SELECT ROW('word', k.nspname, k.typname, e.enumsortorder, e.enumlabel)::text
    FROM pg_enum e JOIN kind k ON k.oid = e.enumtypid
    UNION ALL SELECT ROW('aggregate', s.nspname, p.proname, p.proargtypes, to_jsonb(a) - 'aggfnoid' - 'aggsortop'
        - 'aggtranstype' - 'aggmtranstype' - ARRAY[{functions}], {names},
        (pg_identify_object('pg_operator'::regclass, nullif(a.aggsortop, 0), 0)).identity,
        (pg_identify_object('pg_type'::regclass, a.aggtranstype, 0)).identity,
        (pg_identify_object('pg_type'::regclass, nullif(a.aggmtranstype, 0), 0)).identity)::text
    FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid JOIN space s ON s.oid = p.pronamespace
    WHERE p.proname !~ '^tdm_seed'
        AND p.oid NOT IN (SELECT objid FROM foreign_to_us WHERE classid = 'pg_proc'::regclass)
    UNION ALL SELECT ROW('event trigger', t.evtname, t.evtevent, pg_get_userbyid(t.evtowner), s.nspname, p.proname,
        t.evtenabled, t.evttags)::text
    FROM pg_event_trigger t JOIN pg_proc p ON p.oid = t.evtfoid JOIN pg_namespace s ON s.oid = p.pronamespace
    WHERE t.evtname !~ '^tdm_seed'
        AND t.oid NOT IN (SELECT objid FROM foreign_to_us WHERE classid = 'pg_event_trigger'::regclass)
    UNION ALL SELECT ROW('operator', (pg_identify_object('pg_operator'::regclass, o.oid, 0)).identity,
        pg_get_userbyid(o.oprowner), o.oprkind, o.oprcanmerge, o.oprcanhash,
        (pg_identify_object('pg_operator'::regclass, nullif(o.oprcom, 0), 0)).identity,
        (pg_identify_object('pg_operator'::regclass, nullif(o.oprnegate, 0), 0)).identity,
        (pg_identify_object('pg_proc'::regclass, nullif(o.oprcode::oid, 0), 0)).identity,
        (pg_identify_object('pg_proc'::regclass, nullif(o.oprrest::oid, 0), 0)).identity,
        (pg_identify_object('pg_proc'::regclass, nullif(o.oprjoin::oid, 0), 0)).identity)::text
    FROM pg_operator o JOIN space s ON s.oid = o.oprnamespace
    WHERE o.oid NOT IN (SELECT objid FROM foreign_to_us WHERE classid = 'pg_operator'::regclass)
    UNION ALL SELECT ROW('collation', s.nspname, pg_get_userbyid(c.collowner), to_jsonb(c) - 'oid' - 'collnamespace'
        - 'collowner')::text
    FROM pg_collation c JOIN space s ON s.oid = c.collnamespace
    WHERE c.oid NOT IN (SELECT objid FROM foreign_to_us WHERE classid = 'pg_collation'::regclass)
    UNION ALL SELECT ROW('statistics', r.nspname, r.relname, s.nspname, pg_get_userbyid(x.stxowner),
        to_jsonb(x) - 'oid' - 'stxrelid' - 'stxnamespace' - 'stxowner')::text
    FROM pg_statistic_ext x JOIN relation r ON r.oid = x.stxrelid JOIN pg_namespace s ON s.oid = x.stxnamespace
    UNION ALL SELECT ROW('default rights', s.nspname, pg_get_userbyid(d.defaclrole), d.defaclobjtype,
        d.defaclacl)::text
    FROM pg_default_acl d LEFT JOIN space s ON s.oid = d.defaclnamespace
    WHERE d.defaclnamespace = 0 OR s.oid IS NOT NULL
)
SELECT encode(sha256(convert_to(coalesce(string_agg(
    CASE WHEN text LIKE '%%:location %%' THEN regexp_replace(text, ':(location|stmt_location|stmt_len) -?\d+', '', 'g')
    ELSE text END, E'\n' ORDER BY text COLLATE "C"), ''), 'UTF8')), 'hex') FROM line
"""

#: The functions of an aggregate, which are told by their names.
_AGGREGATE: Final = (
    "aggtransfn", "aggfinalfn", "aggcombinefn", "aggserialfn", "aggdeserialfn", "aggmtransfn", "aggminvtransfn",
    "aggmfinalfn",
)  # fmt: skip
_NAMED: Final = "(pg_identify_object('pg_proc'::regclass, nullif(a.{column}::oid, 0), 0)).identity"

#: The first number that a server gives to what its users make, rather than to what it is born with.
_FIRST: Final = 16_384
#: Each part of the catalogue that the fingerprint is made of, what tells its rows apart, and which of them count: of
#: what has an index by number, those that users have made; neither TOAST, nor the columns and triggers that the server
#: makes by itself, nor the type of each table and each array, which is called after another that is here.
_PARTS: Final = (
    ("pg_class", "oid", f"oid >= {_FIRST} AND relnamespace <> 'pg_toast'::regnamespace"),
    ("pg_attribute", "attrelid", f"attrelid >= {_FIRST} AND attnum > 0"),
    ("pg_attrdef", "oid", "true"),
    ("pg_constraint", "oid", f"oid >= {_FIRST}"),
    ("pg_index", "indexrelid", f"indexrelid >= {_FIRST}"),
    ("pg_trigger", "oid", "NOT tgisinternal"),
    ("pg_proc", "oid", f"oid >= {_FIRST}"),
    ("pg_type", "oid", f"oid >= {_FIRST} AND typtype <> 'c' AND (typarray <> 0 OR typelem = 0)"),
    ("pg_enum", "oid", "true"),
    ("pg_rewrite", "oid", f"oid >= {_FIRST}"),
    ("pg_policy", "oid", "true"),
    ("pg_inherits", "inhrelid", "true"),
    ("pg_sequence", "seqrelid", "true"),
    ("pg_partitioned_table", "partrelid", "true"),
    ("pg_aggregate", "aggfnoid::oid", f"aggfnoid::oid >= {_FIRST}"),
    ("pg_event_trigger", "oid", "true"),
    ("pg_operator", "oid", f"oid >= {_FIRST}"),
    ("pg_collation", "oid", f"oid >= {_FIRST}"),
    ("pg_statistic_ext", "oid", "true"),
    ("pg_default_acl", "oid", "true"),
    ("pg_namespace", "oid", "true"),
    ("pg_extension", "oid", "true"),
    ("pg_depend", "objid", "refclassid = 'pg_extension'::regclass"),
    ("pg_depend", "objid", "refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i') "
     "AND refobjid IN (SELECT oid FROM pg_class WHERE relname IN ({own}))"),
)  # fmt: skip
#: A version of a row is known by where it lies and by the transaction that wrote it. Writing in place, as ANALYZE and
#: VACUUM do, changes neither, and nothing that the fingerprint is made of. Rights name roles, which can be renamed.
_STAMP: Final = (
    "SELECT CAST(ROW("
    + ", ".join(f"(SELECT sum({{version}} # {key}::bigint) FROM {part} WHERE {which})" for part, key, which in _PARTS)
    + ", (SELECT md5(string_agg(concat(oid, ' ', rolname), ',' ORDER BY oid)) FROM pg_roles)) AS text)"
)


def stamp(connection: Connection, own: Collection[str]) -> str:
    """Sum up which versions of the catalogue's rows are visible, in one query."""
    return _one(connection, _query(connection, own))


def stamp_function(connection: Connection, own: Collection[str]) -> str:
    """Give what makes a function of the stamp, so that a session keeps its plan, which takes longer to make."""
    return (
        f"CREATE FUNCTION {SCHEMA}.stamp() RETURNS text LANGUAGE plpgsql "
        f"AS $stamp$ BEGIN RETURN ({_query(connection, own)}); END $stamp$"
    )


def stamp_by_function(connection: Connection) -> str:
    """Give the stamp as ``stamp`` does, where that function is there."""
    return _one(connection, f"SELECT {SCHEMA}.stamp()")


def _query(connection: Connection, own: Collection[str]) -> str:
    version = "hashtidextended(ctid, xmin::text::bigint)"
    if (connection.dialect.server_version_info or (0,)) < (14,):
        version = "hashtextextended(ctid::text, xmin::text::bigint)"
    names = ", ".join(literal(name) for name in sorted(own))
    return _STAMP.replace("{version}", version).replace("{own}", names)


def _one(connection: Connection, query: str) -> str:
    found: str = connection.exec_driver_sql(query, execution_options=AS_IT_IS).scalar_one()
    return found


def fingerprint(connection: Connection, own: Collection[str]) -> str:
    """Digest all schemas but the server's own, in one query."""
    version = connection.dialect.server_version_info or (0,)
    nulls = "i.indnullsnotdistinct," if version >= (15,) else ""
    body = "p.prosqlbody," if version >= (14,) else ""
    query = _QUERY.replace("{nulls}", nulls).replace("{body}", body)
    query = query.replace("{functions}", ", ".join(literal(each) for each in _AGGREGATE))
    query = query.replace("{names}", ", ".join(_NAMED.replace("{column}", each) for each in _AGGREGATE))
    found: str = connection.exec_driver_sql(query, {"own": sorted(own)}).scalar_one()
    return found
