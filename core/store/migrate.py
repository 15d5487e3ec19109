"""Runs the forward-only migrations once each, and makes the roles that serve. Never goes back."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

from core.errors import FairwayError

ROLES = ("fairway_web", "fairway_worker", "fairway_read")
LOCK = 0x46414952  # any number, the same for every migrating process


@dataclass(frozen=True, slots=True)
class Migration:
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """All migrations in order."""
    folder = files("core.store").joinpath("migrations")
    found = [Migration(f.name, f.read_text("utf-8")) for f in folder.iterdir() if f.name.endswith(".sql")]
    return sorted(found, key=lambda migration: migration.name)


async def migrate(admin_url: str, passwords: Mapping[str, str] | None = None) -> list[str]:
    """Bring the database to the newest schema; returns the names of the migrations that ran.

    *passwords* are given to the serving roles; without them a role that is new gets a random one that nobody knows.
    Raises `FairwayError` when a migration that has run was changed since.
    """
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        await make_roles(connection, passwords or {})
        await connection.execute(
            """CREATE TABLE IF NOT EXISTS migrations (
                 name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"""
        )
        await connection.execute(
            "GRANT SELECT ON migrations TO fairway_web"
        )  # it refuses to start on another schema
        done = {row["name"]: row["checksum"] for row in await connection.fetch("SELECT * FROM migrations")}
        ran = []
        for migration in migrations():
            if migration.name in done:
                _check(migration, done[migration.name])
                continue
            async with connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = '5s'")
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO migrations (name, checksum) VALUES ($1, $2)",
                    migration.name,
                    migration.checksum,
                )
            ran.append(migration.name)
        return ran
    finally:
        await connection.close()


def _check(migration: Migration, checksum: str) -> None:
    if migration.checksum != checksum:
        raise FairwayError(
            f"The migration {migration.name} has run here in another form.",
            fix="Migrations are never edited: put the change into a new file.",
        )


async def make_roles(connection: asyncpg.Connection[asyncpg.Record], passwords: Mapping[str, str]) -> None:
    """Make the roles that serve where they are missing; *passwords* are given to them."""
    for role in ROLES:
        known = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
        if not known or role in passwords:
            password = passwords.get(role) or secrets.token_urlsafe(24)
            quoted = await connection.fetchval("SELECT quote_literal($1::text)", password)
            verb = "ALTER" if known else "CREATE"
            await connection.execute(f"{verb} ROLE {role} LOGIN PASSWORD {quoted}")
        await connection.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
