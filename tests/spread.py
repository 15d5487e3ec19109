"""The distributed profile (`--distributed`): what a cluster of PostgreSQLs does to us, on one server.

Tables of merchants are partitioned by hash of merchant_id, and what works on one machine only is refused: advisory
locks and NOTIFY. Row level security, rights and names stay, so that the hub and its tests see no difference but these.
"""

from __future__ import annotations

from typing import TypeAlias

import asyncpg

Admin: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# Small, and unique over all merchants: who there is, whose account and whose address it is. Every machine has them whole.
DIRECTORY = {"merchants", "connections", "hooks"}
# More than one merchant of a test has rows in some, and few, since every test copies the files of all of them.
PARTITIONS = 3
PARTS = "parts"  # the schema of the partitions: serving roles cannot even name one

_NAMES = """
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'merchant_id'
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> ALL ($1::text[])
    ORDER BY 1"""

# What LIKE does not copy, or not under its name, as statements that say it of the table of the same name.
_SAID = """
    SELECT format('ALTER TABLE public.%I ADD CONSTRAINT %I %s', relname, conname, pg_get_constraintdef(k.oid)),
      CASE WHEN contype = 'f' THEN 2 ELSE 0 END AS turn
    FROM pg_constraint k JOIN pg_class c ON c.oid = conrelid
    WHERE relname = ANY ($1) AND relnamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'x', 'f')
  UNION ALL
    SELECT pg_get_indexdef(indexrelid), 1 FROM pg_index i JOIN pg_class c ON c.oid = indrelid
    WHERE relname = ANY ($1) AND relnamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = indexrelid AND contype IN ('p', 'u', 'x'))
  UNION ALL
    SELECT format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', relname)
      || CASE WHEN relforcerowsecurity THEN format(', FORCE ROW LEVEL SECURITY') ELSE '' END, 3
    FROM pg_class WHERE relname = ANY ($1) AND relnamespace = 'public'::regnamespace AND relrowsecurity
  UNION ALL
    SELECT format('CREATE POLICY %I ON public.%I AS %s FOR %s TO %s', policyname, tablename, permissive, cmd,
        (SELECT string_agg(CASE r WHEN 'public' THEN 'PUBLIC' ELSE quote_ident(r) END, ', ') FROM unnest(roles) r))
      || coalesce(' USING (' || qual || ')', '') || coalesce(' WITH CHECK (' || with_check || ')', ''), 4
    FROM pg_policies WHERE tablename = ANY ($1) AND schemaname = 'public'
  UNION ALL
    SELECT format('GRANT %s ON public.%I TO %I', privilege_type, relname, grantee::regrole::text), 5
    FROM pg_class c CROSS JOIN LATERAL aclexplode(relacl)
    WHERE relname = ANY ($1) AND relnamespace = 'public'::regnamespace AND grantee <> relowner
  UNION ALL
    SELECT format('GRANT %s (%I) ON public.%I TO %I', privilege_type, attname, relname, grantee::regrole::text), 5
    FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid CROSS JOIN LATERAL aclexplode(attacl)
    WHERE relname = ANY ($1) AND relnamespace = 'public'::regnamespace
  UNION ALL
    SELECT format('GRANT %s ON SEQUENCE public.%I TO %I', privilege_type, s.relname, grantee::regrole::text), 5
    FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.deptype = 'i' JOIN pg_class c ON c.oid = d.refobjid
    CROSS JOIN LATERAL aclexplode(s.relacl)
    WHERE s.relkind = 'S' AND c.relname = ANY ($1) AND c.relnamespace = 'public'::regnamespace AND grantee <> s.relowner
  UNION ALL
    SELECT pg_get_triggerdef(t.oid), 6 FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
    WHERE relname = ANY ($1) AND relnamespace = 'public'::regnamespace AND NOT tgisinternal
  ORDER BY turn"""


async def tenant_tables(admin: Admin) -> list[str]:
    """The tables that have a merchant and are no directory of them."""
    return [name for (name,) in await admin.fetch(_NAMES, sorted(DIRECTORY))]


async def partitioned(
    admin: Admin, table: str, like: str, *, parts: str, number: int, including: str = ""
) -> None:
    """Make *table* as *like* is, in *number* partitions named `parts.table__0` and so on."""
    schema, name = table.split(".")
    what = "DEFAULTS IDENTITY CONSTRAINTS GENERATED STORAGE " + including
    options = await admin.fetchval(
        "SELECT ' WITH (' || array_to_string(reloptions, ', ') || ')' FROM pg_class WHERE oid = $1::regclass",
        like,
    )
    await admin.execute(
        f"CREATE TABLE {table} (LIKE {like} {' '.join('INCLUDING ' + one for one in what.split())})"
        " PARTITION BY HASH (merchant_id);"
        + "".join(
            f"CREATE TABLE {parts}.{name}__{one} PARTITION OF {schema}.{name}"
            f" FOR VALUES WITH (MODULUS {number}, REMAINDER {one}){options or ''};"
            for one in range(number)
        )
    )


async def spread(admin: Admin) -> None:
    """Rebuild the tables of merchants in partitions. They are empty, as after the migrations."""
    names = await tenant_tables(admin)
    said = [statement for statement, _ in await admin.fetch(_SAID, names)]
    async with admin.transaction():
        await admin.execute(f"CREATE SCHEMA whole; CREATE SCHEMA {PARTS}")
        for name in names:
            await admin.execute(f"ALTER TABLE public.{name} SET SCHEMA whole")
        for name in names:
            assert not await admin.fetchval(f"SELECT EXISTS (SELECT FROM whole.{name})")
            await partitioned(admin, f"public.{name}", f"whole.{name}", parts=PARTS, number=PARTITIONS)
        await admin.execute("SET LOCAL client_min_messages = error; DROP SCHEMA whole CASCADE")
        for statement in said:
            await admin.execute(statement)


async def refuse_what_one_machine_has(admin: Admin) -> None:
    """Serving roles may not lock by a number nor notify; LISTEN cannot be taken away, a test reads the source for it."""
    functions = await admin.fetch(
        """SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
           AND proname ~ '^pg_(try_)?advisory|^pg_notify$'"""
    )
    for (name,) in functions:
        await admin.execute(f"REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC")
