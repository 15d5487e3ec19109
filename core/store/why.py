"""What `fairway stock why` asks: everything stored between a shelf and what its listings show. Opens no sealed body."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.store.database import Connection

Rows = list[dict[str, Any]]


async def _rows(tx: Connection, sql: str, *arguments: object) -> Rows:
    return [dict(row) for row in await tx.fetch(sql, *arguments)]


async def listings_called(tx: Connection, name: str) -> Rows:
    """Listings of the declared merchants by their own id, their SKU, or that of their variant: merchant_id, listing_id,
    connection_id, variant_id, sku, title.
    """
    return await _rows(
        tx,
        """SELECT l.merchant_id, l.listing_id, l.connection_id, l.variant_id, coalesce(l.sku, v.sku) AS sku, l.title
           FROM listings l LEFT JOIN variants v USING (merchant_id, variant_id)
           WHERE l.sku = $1 OR v.sku = $1 OR l.listing_id::text = $1 ORDER BY l.listing_id""",
        name,
    )


async def variants_called(tx: Connection, merchant_id: int, variants: Sequence[int]) -> dict[int, str]:
    """Variant -> its SKU."""
    rows = await tx.fetch(
        "SELECT variant_id, sku FROM variants WHERE merchant_id = $1 AND variant_id = ANY ($2::bigint[])",
        merchant_id,
        variants,
    )
    return {row["variant_id"]: row["sku"] for row in rows}


async def balances(tx: Connection, merchant_id: int, variants: Sequence[int]) -> Rows:
    """sku, location, on_hand, reserved, free."""
    return await _rows(
        tx,
        """SELECT v.sku, p.name AS location, s.on_hand, s.reserved, s.on_hand - s.reserved AS free
           FROM stock s JOIN variants v USING (merchant_id, variant_id) JOIN locations p USING (merchant_id, location_id)
           WHERE s.merchant_id = $1 AND s.variant_id = ANY ($2::bigint[]) ORDER BY v.sku, p.name""",
        merchant_id,
        variants,
    )


async def reservations(tx: Connection, merchant_id: int, variants: Sequence[int], limit: int) -> Rows:
    """The newest reservations: sku, location, units, and the order they are for."""
    return await _rows(
        tx,
        """SELECT v.sku, p.name AS location, r.held AS units, o.order_id, coalesce(o.order_number, o.channel_order_id)
             AS "order", c.name AS connection, o.placed_at, count(*) OVER ()::int AS of
           FROM reservations r JOIN orders o USING (merchant_id, order_id)
           JOIN variants v ON v.merchant_id = r.merchant_id AND v.variant_id = r.variant_id
           JOIN locations p ON p.merchant_id = r.merchant_id AND p.location_id = r.location_id
           JOIN connections c ON c.merchant_id = o.merchant_id AND c.connection_id = o.connection_id
           WHERE r.merchant_id = $1 AND r.variant_id = ANY ($2::bigint[]) AND r.held > 0
           ORDER BY o.order_id DESC, r.line_id LIMIT $3""",
        merchant_id,
        variants,
        limit,
    )


async def levels(tx: Connection, merchant_id: int, listings: Sequence[int]) -> Rows:
    """Every level of *listings* as it is stored, with what its connection and its listing are like."""
    return await _rows(
        tx,
        """SELECT l.listing_id, l.connection_id, c.name AS connection, c.channel, c.status, c.push_stock, l.sku, l.title,
             l.channel_item_id, l.tracked, l.bundle, l.units, l.variant_id, ll.channel_location_id,
             ll.desired, ll.desired_at, ll.pending, ll.predicted, ll.unseen, ll.unseen_at, ll.maybe, ll.possible,
             ll.confirmed, ll.confirmed_at, ll.next_at, ll.failures, ll.error, ll.strict, ll.stopped, ll.frozen,
             ll.parked_at, ll.wave,
             EXISTS (SELECT FROM waves w WHERE w.merchant_id = ll.merchant_id AND w.connection_id = ll.connection_id
               AND w.kind = ll.wave AND w.decided_at IS NULL) AS held,
             EXISTS (SELECT FROM dirty d WHERE d.merchant_id = l.merchant_id AND d.variant_id = l.variant_id) AS dirty,
             (SELECT array_agg(p.name ORDER BY p.location_id) FROM connection_locations cl
               JOIN locations p USING (merchant_id, location_id) WHERE cl.merchant_id = ll.merchant_id
               AND cl.connection_id = ll.connection_id AND cl.channel_location_id = ll.channel_location_id) AS shelves
           FROM listings l JOIN connections c USING (merchant_id, connection_id)
           LEFT JOIN listing_levels ll USING (merchant_id, connection_id, listing_id)
           WHERE l.merchant_id = $1 AND l.listing_id = ANY ($2::bigint[])
           ORDER BY c.name, l.listing_id, ll.channel_location_id""",
        merchant_id,
        listings,
    )


async def attempts(
    tx: Connection, merchant_id: int, listing_id: int, channel_location_id: str, limit: int
) -> Rows:
    """The last tries to tell a level, the newest first; outcome null: no answer yet, or never."""
    return await _rows(
        tx,
        """SELECT started_at, finished_at, desired, predicted, outcome, written, message FROM push_attempts
           WHERE merchant_id = $1 AND listing_id = $2 AND channel_location_id = $3 ORDER BY started_at DESC LIMIT $4""",
        merchant_id,
        listing_id,
        channel_location_id,
        limit,
    )
