"""What a doctor asks PostgreSQL about itself, about the tenants' walls and about work that is left lying."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core.store.database import Connection, Row
from core.store.migrate import ROLES


async def server(tx: Connection) -> dict[str, Any]:
    """The server's settings as this session has them, and how full it is."""
    row = await tx.fetchrow(
        """SELECT current_setting('server_version_num')::int AS version_num, current_setting('server_version') AS version,
             current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
             current_setting('synchronous_commit') AS synchronous_commit,
             current_setting('data_checksums') AS data_checksums,
             current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS places,
             -- Whatever is at a database: what kind it is, is not shown to other roles.
             (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL) AS taken,
             pg_database_size(current_database()) AS size, current_user::text AS role, clock_timestamp() AS clock"""
    )
    return dict(row) if row else {}


async def weak_commits(tx: Connection) -> list[str]:
    """Whose commits are not waited for, by a setting of a role or of this database."""
    rows = await tx.fetch(
        """SELECT coalesce(r.rolname, 'every role') AS who FROM pg_db_role_setting s
           LEFT JOIN pg_roles r ON r.oid = s.setrole
           WHERE (s.setdatabase = 0 OR s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()))
             AND (s.setrole = 0 OR r.rolname = ANY ($1::text[]))
             AND lower(array_to_string(s.setconfig, ',')) ~ 'synchronous_commit=(off|false|no|0)(,|$)'
           ORDER BY 1""",
        list(ROLES),
    )
    return [row["who"] for row in rows]


async def roles(tx: Connection) -> dict[str, str]:
    """What is wrong with each serving role, "" where nothing is; one that does not exist is not in it."""
    rows = await tx.fetch(
        """SELECT r.rolname::text AS name, concat_ws(', ',
             CASE WHEN r.rolsuper THEN 'is a superuser' END,
             CASE WHEN r.rolbypassrls THEN 'bypasses row level security' END,
             CASE WHEN EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                               WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relowner = r.oid)
                  THEN 'owns tables' END,
             CASE WHEN NOT r.rolsuper AND EXISTS (
                    SELECT FROM pg_roles o WHERE o.oid <> r.oid AND pg_has_role(r.oid, o.oid, 'MEMBER')
                      AND (o.rolsuper OR o.rolbypassrls OR EXISTS (
                        SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relowner = o.oid)))
                  THEN 'may become a role that could' END) AS wrong
           FROM pg_roles r WHERE r.rolname = ANY ($1::text[])""",
        list(ROLES),
    )
    return {row["name"]: row["wrong"] for row in rows}


async def open_tables(tx: Connection) -> list[str]:
    """Tables of tenants whose rows are not kept apart by forced row level security with a policy."""
    rows = await tx.fetch(
        """SELECT c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'merchant_id' AND NOT a.attisdropped
           WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity
             AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)) ORDER BY 1"""
    )
    return [row["name"] for row in rows]


async def migrations(tx: Connection) -> dict[str, str] | None:
    """Names and checksums of what has run; None where nothing ever did."""
    if await tx.fetchval("SELECT to_regclass('public.migrations') IS NULL"):
        return None
    return {row["name"]: row["checksum"] for row in await tx.fetch("SELECT name, checksum FROM migrations")}


async def sealed_values(tx: Connection) -> list[Row]:
    """Every stored credential: merchant_id, connection_id, connection, field, ring, sealed."""
    return await tx.fetch(
        """SELECT k.merchant_id, k.connection_id, c.name AS connection, k.field, k.ring, k.sealed
           FROM credentials k JOIN connections c USING (merchant_id, connection_id)
           WHERE c.status <> 'disconnected' ORDER BY 1, 2, 4, k.position"""
    )


async def data_keys(tx: Connection) -> list[Row]:
    return await tx.fetch("SELECT merchant_id, name, data_key FROM merchants ORDER BY merchant_id")


async def work_left(tx: Connection, merchants: Sequence[int], late: datetime) -> dict[str, int]:
    """How much of each queue should have been done before *late*, and what waits for a person."""
    row = await tx.fetchrow(
        """SELECT
             (SELECT count(*) FROM dirty WHERE merchant_id = ANY ($1::bigint[]) AND since < $2) AS dirty,
             (SELECT count(*) FROM fetches f JOIN connections c USING (merchant_id, connection_id)
              WHERE c.status = 'active' AND f.next_at < $2) AS fetches,
             (SELECT count(*) FROM listing_levels l JOIN connections c USING (merchant_id, connection_id)
              WHERE l.pending AND c.push_stock AND c.status = 'active' AND NOT l.frozen AND l.parked_at IS NULL
                AND l.wave IS NULL
                AND greatest(l.next_at, l.desired_at) < $2) AS levels,
             (SELECT count(*) FROM listing_levels
              WHERE desired = 0 AND parked_at IS NOT NULL AND predicted > unshipped) AS kept,
             (SELECT count(*) FROM outbox o JOIN connections c USING (merchant_id, connection_id)
              WHERE o.status = 'pending' AND c.status = 'active' AND o.next_at < $2) AS effects,
             (SELECT count(*) FROM outbox WHERE status = 'rejected') AS rejected,
             (SELECT count(*) FROM listing_levels WHERE parked_at IS NOT NULL AND pending) AS refused_levels,
             (SELECT count(*) FROM waves WHERE decided_at IS NULL) AS waves,
             (SELECT count(*) FROM listing_levels WHERE frozen AND pending) AS frozen,
             (SELECT count(*) FROM parked WHERE resolved_at IS NULL) AS parked,
             (SELECT count(DISTINCT (merchant_id, incident_id)) FROM incident_lines
              WHERE missing > 0 AND decided_at IS NULL) AS incidents,
             (SELECT count(*) FROM drifts WHERE status = 'asked') AS drifts""",
        list(merchants),
        late,
    )
    return dict(row) if row else {}


async def open_circuits(tx: Connection, now: datetime) -> list[dict[str, Any]]:
    """Connections that are not called for a while, since calls failed."""
    rows = await tx.fetch(
        """SELECT c.name AS connection, x.failures, x.open_until, x.last_error FROM circuits x
           JOIN connections c USING (merchant_id, connection_id) WHERE x.open_until > $1 ORDER BY c.name""",
        now,
    )
    return [dict(row) for row in rows]


async def paused(tx: Connection) -> list[dict[str, Any]]:
    """Connections whose credentials their channel does not take any more."""
    rows = await tx.fetch(
        "SELECT name, status_message FROM connections WHERE status = 'reauth_required' ORDER BY name"
    )
    return [dict(row) for row in rows]
