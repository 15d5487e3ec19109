"""The schema as it is read, as it is migrated, and what it lets whom do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from core.errors import FairwayError
from core.store import migrate as migrating
from core.store.database import Database
from core.store.migrate import migrate

# What PostgreSQL knows of a schema, as text: two databases with the same answers are the same. Whether its tables are in
# partitions is none of it, so that with --distributed the test says that spreading them lost nothing.
CATALOG = {
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
          a.attstorage,
          pg_get_expr(d.adbin, d.adrelid)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY 1, a.attnum""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND conparentid = 0 ORDER BY 1, 2""",
    "indexes": """
        SELECT tablename, indexname, replace(indexdef, ' ON ONLY ', ' ON ') FROM pg_indexes
        WHERE schemaname = 'public' ORDER BY 1, 2""",
    "policies": "SELECT * FROM pg_policies WHERE schemaname = 'public' ORDER BY tablename, policyname",
    "row security": """
        SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1""",
    "grants on tables": """
        SELECT relname, ARRAY(SELECT a::text FROM unnest(relacl) AS a ORDER BY 1) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S') ORDER BY 1""",
    "grants on columns": """
        SELECT c.relname, a.attname, a.attacl::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'public'::regnamespace AND a.attacl IS NOT NULL ORDER BY 1, 2""",
    "functions": """
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace ORDER BY 1""",
}


@pytest.fixture
async def admin(fresh: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(fresh)
    yield connection
    await connection.close()


async def described(connection: asyncpg.Connection[asyncpg.Record]) -> dict[str, list[tuple[Any, ...]]]:
    found = {name: [tuple(row) for row in await connection.fetch(query)] for name, query in CATALOG.items()}
    return {name: [row for row in rows if "migrations" not in str(row[0])] for name, rows in found.items()}


async def test_the_migrations_add_up_to_the_schema_that_is_read(
    admin: asyncpg.Connection[asyncpg.Record], fresh: str, servers: Any
) -> None:
    root = await asyncpg.connect(servers.endpoints.database_url)
    await root.execute("CREATE DATABASE schema_as_read")
    as_read = await asyncpg.connect(urlunsplit(urlsplit(fresh)._replace(path="/schema_as_read")))
    await as_read.execute(files("core.store").joinpath("schema.sql").read_text("utf-8"))

    migrated, read = await described(admin), await described(as_read)

    await as_read.close()
    await root.execute("DROP DATABASE schema_as_read")
    await root.close()
    for name in CATALOG:
        assert migrated[name] == read[name], name


async def test_migrating_twice_does_nothing_the_second_time(fresh: str) -> None:
    assert await migrate(fresh) == []


async def test_a_migration_edited_after_it_ran_is_refused(
    fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited = [migrating.Migration(known.name, known.sql + "-- edited") for known in migrating.migrations()]
    monkeypatch.setattr(migrating, "migrations", lambda: edited)

    with pytest.raises(FairwayError, match="has run here in another form"):
        await migrate(fresh)


async def tables_of_tenants(admin: asyncpg.Connection[asyncpg.Record]) -> list[str]:
    rows = await admin.fetch(
        """SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
           AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'merchant_id')
           ORDER BY 1"""
    )
    return [row[0] for row in rows]


async def test_only_the_list_of_migrations_belongs_to_no_merchant(
    admin: asyncpg.Connection[asyncpg.Record],
) -> None:
    rows = await admin.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    )

    assert {row[0] for row in rows} - set(await tables_of_tenants(admin)) == {"migrations"}


async def test_row_security_is_forced_on_every_tenants_table(
    admin: asyncpg.Connection[asyncpg.Record],
) -> None:
    rows = await admin.fetch(
        """SELECT relname FROM pg_class WHERE relname = ANY ($1::text[]) AND relnamespace =
          'public'::regnamespace
           AND NOT (relrowsecurity AND relforcerowsecurity)""",
        await tables_of_tenants(admin),
    )

    assert rows == []


async def test_every_policy_asks_once_for_a_statement_whose_rows_it_may_see(
    admin: asyncpg.Connection[asyncpg.Record],
) -> None:
    policies = await admin.fetch("SELECT DISTINCT qual FROM pg_policies WHERE policyname = 'declared'")
    assert len(policies) == 1
    assert "( SELECT declared_merchants()" in policies[0]["qual"]


async def test_the_merchant_leads_every_primary_key(admin: asyncpg.Connection[asyncpg.Record]) -> None:
    rows = await admin.fetch(
        """SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
           WHERE i.indisprimary AND c.relnamespace = 'public'::regnamespace AND a.attname = 'merchant_id'"""
    )

    assert {row[0] for row in rows} == set(await tables_of_tenants(admin))


async def test_the_roles_that_serve_own_nothing_and_bypass_nothing(
    admin: asyncpg.Connection[asyncpg.Record],
) -> None:
    rows = await admin.fetch(
        """SELECT rolname FROM pg_roles r WHERE rolname LIKE 'fairway%' AND (rolsuper OR rolbypassrls
          OR rolcreaterole
           OR rolcreatedb OR EXISTS (SELECT FROM pg_class WHERE relowner = r.oid)
           OR has_schema_privilege(rolname, 'public', 'CREATE'))"""
    )

    assert rows == []


async def test_an_owner_of_the_tables_is_refused_as_a_serving_role(fresh: str) -> None:
    with pytest.raises(FairwayError, match="tenants would not be apart"):
        await Database.connect(fresh)


async def test_a_database_that_does_not_answer_is_told_as_such() -> None:
    with pytest.raises(FairwayError, match="does not answer"):
        await Database.connect("postgresql://nobody@127.0.0.1:9/nothing")


@pytest.mark.parametrize(
    "table", ["deliveries", "stock_ledger", "order_events", "checkpoint_log", "incident_events"]
)
async def test_what_has_happened_cannot_be_rewritten(role_url: Callable[[str], str], table: str) -> None:
    worker = await Database.connect(role_url("fairway_worker"))

    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET merchant_id = 0"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with worker.transaction([1]) as tx:
                await tx.execute(statement)

    await worker.close()
