"""What a bench reads: how the server is set, how large things are, what became of what was sent. Reads only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.store.database import Connection

# What makes a committed row outlive a power cut.
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


async def server(tx: Connection) -> dict[str, str]:
    """The settings that durability hangs on, the version, the size of the cache."""
    names = ("server_version", *DURABLE, "shared_buffers", "track_commit_timestamp")
    return {name: await tx.fetchval("SELECT current_setting($1)", name) for name in names}


async def walled(tx: Connection) -> bool:
    """Whether this session's role is shown no other merchants' deliveries and orders: forced row security, no way round."""
    return bool(
        await tx.fetchval(
            """SELECT bool_and(c.relrowsecurity AND c.relforcerowsecurity) AND NOT bool_or(r.rolsuper OR r.rolbypassrls)
               FROM pg_class c, pg_roles r WHERE r.rolname = current_user
                 AND c.oid IN ('deliveries'::regclass, 'orders'::regclass)"""
        )
    )


async def size(tx: Connection) -> int:
    """Bytes of this database."""
    found: int = await tx.fetchval("SELECT pg_database_size(current_database())")
    return found


async def stored(tx: Connection) -> int:
    """How many deliveries that were sent are here."""
    found: int = await tx.fetchval("SELECT count(*) FROM deliveries WHERE via = 'webhook'")
    return found


async def legible(tx: Connection, words: bytes) -> int:
    """How many of a thousand stored bodies hold *words* unsealed."""
    found: int = await tx.fetchval(
        "SELECT count(*) FROM (SELECT body FROM deliveries LIMIT 1000) AS few WHERE position($1::bytea IN body) > 0",
        words,
    )
    return found


async def books(tx: Connection) -> dict[str, int]:
    """Deliveries that were sent, orders, orders there are twice; units sold, units held for them, units the shelves know as
    promised, units short, units promised that are not there; what waits for a person.
    """
    row = await tx.fetchrow(
        """SELECT (SELECT count(*) FROM deliveries WHERE via = 'webhook') AS deliveries,
             (SELECT count(*) FROM orders) AS orders,
             (SELECT count(*) - count(DISTINCT (merchant_id, connection_id, channel_order_id)) FROM orders) AS doubled,
             (SELECT coalesce(sum(quantity), 0) FROM order_lines)::bigint AS units,
             (SELECT coalesce(sum(held), 0) FROM reservations)::bigint AS held,
             (SELECT coalesce(sum(reserved), 0) FROM stock)::bigint AS reserved,
             (SELECT coalesce(sum(quantity), 0) FROM shortages)::bigint AS short,
             (SELECT coalesce(sum(greatest(reserved - on_hand, 0)), 0) FROM stock)::bigint AS oversold,
             (SELECT count(*) FROM parked WHERE resolved_at IS NULL) AS parked"""
    )
    return dict(row or {})


async def lag_ms(tx: Connection, since: datetime, share: float) -> float | None:
    """Milliseconds from the commit of a delivery to the commit of its order that *share* of those received *since* stay
    within. None without `track_commit_timestamp`, and of nothing.
    """
    if not await tx.fetchval("SELECT current_setting('track_commit_timestamp')::boolean"):
        return None
    found: float | None = await tx.fetchval(
        """SELECT percentile_cont($2) WITHIN GROUP (ORDER BY extract(epoch FROM
             pg_xact_commit_timestamp(o.xmin) - pg_xact_commit_timestamp(d.xmin))::double precision * 1000)
           FROM deliveries d JOIN orders o USING (merchant_id, delivery_id) WHERE d.received_at >= $1""",
        since,
        share,
    )
    return found


async def free_by_sku(tx: Connection) -> dict[tuple[int, str], int]:
    """Units that may still be sold, by merchant and SKU."""
    rows = await tx.fetch(
        """SELECT merchant_id, sku, sum(on_hand - reserved)::int AS free
           FROM stock JOIN variants USING (merchant_id, variant_id) GROUP BY merchant_id, sku"""
    )
    return {(row["merchant_id"], row["sku"]): row["free"] for row in rows}


async def settled(tx: Connection) -> bool:
    """Whether every delivery is applied, and every level made and confirmed by its channel."""
    return bool(
        await tx.fetchval(
            """SELECT NOT EXISTS (SELECT FROM todo) AND NOT EXISTS (SELECT FROM dirty)
                 AND NOT EXISTS (SELECT FROM listing_levels WHERE pending)"""
        )
    )


async def promised(tx: Connection, merchant_id: int, sku: str) -> dict[str, int]:
    """Units of *sku* that are there (`on_hand`), that its balance says are reserved, that reservations hold, and that
    orders lack (`short`).
    """
    row = await tx.fetchrow(
        """SELECT s.on_hand, s.reserved,
             (SELECT coalesce(sum(held), 0) FROM reservations r
              WHERE r.merchant_id = s.merchant_id AND r.variant_id = s.variant_id)::bigint AS held,
             (SELECT coalesce(sum(quantity), 0) FROM shortages h
              WHERE h.merchant_id = s.merchant_id AND h.variant_id = s.variant_id)::bigint AS short
           FROM stock s JOIN variants v USING (merchant_id, variant_id) WHERE s.merchant_id = $1 AND v.sku = $2""",
        merchant_id,
        sku,
    )
    return dict(row or {})


async def variant(tx: Connection, merchant_id: int, sku: str) -> int:
    """The id of the variant with this SKU."""
    found: int = await tx.fetchval(
        "SELECT variant_id FROM variants WHERE merchant_id = $1 AND sku = $2", merchant_id, sku
    )
    return found


async def sweeps(tx: Connection, merchant_id: int) -> dict[str, Any]:
    """Sweeps of a merchant that *ended*, *levels* that were compared, and how many were *found* of each kind."""
    row = await tx.fetchrow(
        """SELECT count(finished_at) AS ended, coalesce(sum(done), 0)::bigint AS levels,
             (SELECT coalesce(jsonb_object_agg(kind, n), '{}') FROM (
               SELECT f.key AS kind, sum(f.value::bigint) AS n FROM reconciles r, jsonb_each_text(r.found) f
               WHERE r.merchant_id = $1 GROUP BY 1) k) AS found
           FROM reconciles WHERE merchant_id = $1""",
        merchant_id,
    )
    return dict(row or {})


async def wal(tx: Connection) -> int:
    """How many bytes the server has written ahead so far. Statistics would say it as well, but sessions report to those
    when they have time.
    """
    written: int = await tx.fetchval("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")
    return written
