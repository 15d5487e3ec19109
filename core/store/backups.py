"""What a backup has to know of a database, and how serving roles are kept out of one that is being restored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import asyncpg

from core.errors import UsageProblem
from core.store.database import Connection, declare

Admin: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass(frozen=True, slots=True)
class Contents:
    """*at*: all that was committed before is seen by whoever reads the database now."""

    at: datetime
    migrations: Mapping[str, str]
    postgres: int
    merchants: int
    orders: int


async def contents(admin: Admin) -> Contents:
    """What is in a hub's database; raises `UsageProblem` where it is none, or *admin* may not see all of it."""
    await insist_on_all(admin)
    if not await admin.fetchval("SELECT to_regclass('migrations') IS NOT NULL"):
        raise UsageProblem(
            "There is no hub in this database.", fix="DATABASE_URL has to name the owner of a hub's database."
        )
    done = await admin.fetch("SELECT name, checksum FROM migrations ORDER BY name")
    return Contents(
        at=await admin.fetchval("SELECT clock_timestamp()"),
        migrations={row["name"]: row["checksum"] for row in done},
        postgres=admin.get_server_version().major,
        merchants=await admin.fetchval("SELECT count(*) FROM merchants"),
        orders=await admin.fetchval("SELECT count(*) FROM orders"),
    )


async def insist_on_all(admin: Admin) -> None:
    """Raises `UsageProblem` where row level security hides rows from *admin*: a backup would lack them, a restore leave
    them unmarked.
    """
    if not await admin.fetchval("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"):
        raise UsageProblem(
            "This database role does not see every row.",
            fix="DATABASE_URL has to name a superuser, or the owner with BYPASSRLS (ALTER ROLE ... BYPASSRLS).",
        )


async def insist_on_empty(admin: Admin) -> None:
    """Raises `UsageProblem` where there is anything at all in the database."""
    name, there = await admin.fetchrow(
        """SELECT current_database(), count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"""
    ) or ("", 1)
    if there:
        raise UsageProblem(
            f"The database {name!r} is not empty, and a living hub is never written over.",
            fix="Make another one (CREATE DATABASE), or name another --directory.",
        )


async def shut(admin: Admin) -> None:
    """Let no serving role connect; owner and superusers still do."""
    name = await admin.fetchval("SELECT quote_ident(current_database())")
    await admin.execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")


async def open_again(tx: Connection) -> None:
    """Let serving roles connect, once this transaction has committed."""
    name = await tx.fetchval("SELECT quote_ident(current_database())")
    await tx.execute(f"GRANT CONNECT ON DATABASE {name} TO PUBLIC")


async def declare_all(tx: Connection) -> list[int]:
    """Declare every merchant, and runs over many of them; this may take its time. Returns their ids."""
    await tx.execute("SET LOCAL statement_timeout = 0")
    merchants = [row["merchant_id"] for row in await tx.fetch("SELECT merchant_id FROM merchants ORDER BY 1")]
    await declare(tx, [0, *merchants])
    return merchants
