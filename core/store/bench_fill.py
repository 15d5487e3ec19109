"""What a bench stores beforehand, by the thousand: rows as the hub writes them, made by the server itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from core.store.database import Connection


async def bare_orders(
    tx: Connection, merchant_id: int, connection_id: int, name: str, count: int, now: datetime
) -> list[int]:
    """Orders without lines, numbered `name-0` and so on, each with its delivery and its history; returns their ids in
    that order.
    """
    rows = await tx.fetch(
        """WITH numbered AS (
             SELECT $3 || '-' || n AS id, n, sha256(($3 || '-' || n)::bytea) AS key FROM generate_series(0, $4 - 1) AS n
           ), delivered AS (
             INSERT INTO deliveries (merchant_id, connection_id, topic, via, dedupe_key, body, received_at)
             SELECT $1, $2, 'order.created', 'webhook', key, '', $5 FROM numbered ORDER BY n
             RETURNING delivery_id, dedupe_key
           ), ordered AS (
             INSERT INTO orders (merchant_id, connection_id, channel_order_id, order_number, placed_at, changed_at,
               stored_at, version, delivery_id, intake, fulfillment_status, currency, total, holds, flags,
               document_hash, document)
             SELECT $1, $2, id, n::text, $5, $5, $5, 1, delivery_id, 'ship', 'unfulfilled', 'EUR', 19.90, '[]', '{}',
               key, '' FROM numbered JOIN delivered ON dedupe_key = key ORDER BY n
             RETURNING order_id, delivery_id
           ), told AS (
             INSERT INTO order_events (merchant_id, order_id, version, kind, delivery_id, recorded_at)
             SELECT $1, order_id, 1, 'order_placed', delivery_id, $5 FROM ordered ORDER BY order_id
           )
           SELECT order_id FROM ordered ORDER BY order_id""",
        merchant_id,
        connection_id,
        name,
        count,
        now,
    )
    return [row["order_id"] for row in rows]


async def copy_orders(
    tx: Connection, merchant_id: int, ids: Sequence[int], first_copy: int, copies: int, age: timedelta
) -> int:
    """Store the orders *ids* once more for each of *copies*, as they were stored when they were drained: delivery, order,
    history, lines, reservations, entries of the ledger; `add_up` brings the balances to them. Sealed documents are copied
    as they are, so nobody can open those of a copy. Copies are *age* older than what they are copied from. Returns how many
    were stored.
    """
    copied: int = await tx.fetchval(
        """WITH wanted AS MATERIALIZED (
             SELECT o.order_id AS from_id, o.delivery_id AS from_delivery, o.channel_order_id || '-' || copy AS id,
               sha256((o.channel_order_id || '-' || copy)::bytea) AS key
             FROM orders o CROSS JOIN generate_series($3::int, $3::int + $4::int - 1) AS copy
             WHERE o.merchant_id = $1 AND o.order_id = ANY ($2::bigint[])
           ), delivered AS (
             INSERT INTO deliveries (merchant_id, connection_id, topic, via, dedupe_key, headers, body, received_at)
             SELECT $1, d.connection_id, d.topic, d.via, w.key, d.headers, d.body, d.received_at - $5::interval
             FROM wanted w JOIN deliveries d ON d.merchant_id = $1 AND d.delivery_id = w.from_delivery
             RETURNING delivery_id, dedupe_key
           ), ordered AS (
             INSERT INTO orders (merchant_id, connection_id, channel_order_id, order_number, placed_at, changed_at,
               fetched_at, stored_at, version, delivery_id, intake, channel_status, payment_status, fulfillment_status,
               currency, total, holds, flags, document_hash, document, ship_by)
             SELECT $1, o.connection_id, w.id, o.order_number, o.placed_at - $5::interval, o.changed_at - $5::interval,
               o.fetched_at, o.stored_at - $5::interval, 1, d.delivery_id, o.intake, o.channel_status,
               o.payment_status, o.fulfillment_status, o.currency, o.total, o.holds, o.flags, w.key, o.document, o.ship_by
             FROM wanted w JOIN delivered d ON d.dedupe_key = w.key
             JOIN orders o ON o.merchant_id = $1 AND o.order_id = w.from_id AND o.order_id = ANY ($2)
             RETURNING order_id, delivery_id, document_hash, stored_at
           ), made AS MATERIALIZED (
             SELECT w.from_id, o.* FROM ordered o JOIN wanted w ON w.key = o.document_hash
           ), told AS (
             INSERT INTO order_events (merchant_id, order_id, version, kind, delivery_id, detail, recorded_at)
             SELECT $1, m.order_id, 1, e.kind, m.delivery_id, e.detail, m.stored_at
             FROM made m JOIN order_events e ON e.merchant_id = $1 AND e.order_id = m.from_id AND e.order_id = ANY ($2)
           ), lined AS (
             INSERT INTO order_lines (merchant_id, order_id, line_id, position, sku, channel_item_id, title, listing_id,
               variant_id, moves_stock, quantity, quantity_cancelled, quantity_fulfilled, quantity_returned,
               unit_price, total, needs_parcel)
             SELECT $1, m.order_id, l.line_id, l.position, l.sku, l.channel_item_id, l.title, l.listing_id, l.variant_id,
               l.moves_stock, l.quantity, 0, 0, 0, l.unit_price, l.total, l.needs_parcel
             FROM made m JOIN order_lines l ON l.merchant_id = $1 AND l.order_id = m.from_id AND l.order_id = ANY ($2)
           ), reserved AS (
             INSERT INTO reservations (merchant_id, order_id, line_id, location_id, variant_id, held)
             SELECT $1, m.order_id, r.line_id, r.location_id, r.variant_id, r.held
             FROM made m JOIN reservations r ON r.merchant_id = $1 AND r.order_id = m.from_id AND r.order_id = ANY ($2)
           ), booked AS (
             INSERT INTO stock_ledger (merchant_id, op_key, variant_id, location_id, on_hand_delta, reserved_delta, reason,
               cause, recorded_at, occurred_at, order_id)
             SELECT $1, 'delivery:' || m.delivery_id || ':v1:' || m.order_id || ':' || r.line_id || ':' || r.location_id,
               r.variant_id, r.location_id, 0, r.held, 'reserve', 'delivery:' || m.delivery_id, m.stored_at, m.stored_at,
               m.order_id
             FROM made m JOIN reservations r ON r.merchant_id = $1 AND r.order_id = m.from_id AND r.order_id = ANY ($2)
           )
           SELECT count(*) FROM made""",
        merchant_id,
        list(ids),
        first_copy,
        copies,
        age,
    )
    return copied


async def add_up(tx: Connection, merchant_id: int) -> None:
    """Have balances know what the ledger says is reserved."""
    await tx.execute(
        """UPDATE stock s SET reserved = l.reserved
           FROM (SELECT variant_id, location_id, sum(reserved_delta)::int AS reserved FROM stock_ledger
             WHERE merchant_id = $1 GROUP BY 1, 2) l
           WHERE s.merchant_id = $1 AND s.variant_id = l.variant_id AND s.location_id = l.location_id""",
        merchant_id,
    )


async def orders_of(tx: Connection, merchant_id: int) -> list[int]:
    """The ids of a merchant's orders."""
    rows = await tx.fetch("SELECT order_id FROM orders WHERE merchant_id = $1 ORDER BY 1", merchant_id)
    return [row["order_id"] for row in rows]


async def list_variants(
    tx: Connection, merchant_id: int, location_id: int, numbers: range, units: int, now: datetime
) -> None:
    """Variants `SKU-n` for all *numbers*, *units* of each counted at a location."""
    await tx.execute(
        """WITH made AS (
             INSERT INTO variants (merchant_id, sku, title)
             SELECT $1, 'SKU-' || n, 'Thing ' || n FROM generate_series($3::int, $4::int) AS n ORDER BY n
             RETURNING variant_id
           ), counted AS (
             INSERT INTO stock_ledger (merchant_id, op_key, variant_id, location_id, on_hand_delta, reserved_delta, reason,
               cause, recorded_at, occurred_at)
             SELECT $1, 'bench:' || variant_id, variant_id, $2, $5, 0, 'count', 'bench', $6, $6 FROM made
           )
           INSERT INTO stock (merchant_id, variant_id, location_id, on_hand, counted_at)
           SELECT $1, variant_id, $2, $5, $6 FROM made""",
        merchant_id,
        location_id,
        numbers[0],
        numbers[-1],
        units,
        now,
    )


async def list_items(
    tx: Connection, merchant_id: int, connection_id: int, numbers: range, units: int, told_at: datetime
) -> None:
    """A listing of a connection for each variant `SKU-n` of *numbers*, item n + 1 there, that was told of *units* *told_at*
    and shows them since.
    """
    await tx.execute(
        """WITH made AS (
             INSERT INTO listings (merchant_id, connection_id, channel_item_id, channel_product_id, channel_stock_id, sku,
               title, tracked, bundle, variant_id, matched_by, seen_at)
             SELECT $1, $2, (n + 1)::text, (n + 1)::text, (n + 1)::text, v.sku, v.title, true, false, v.variant_id, 'sku',
               $6 FROM generate_series($3::int, $4::int) AS n
             JOIN variants v ON v.merchant_id = $1 AND v.sku = 'SKU-' || n ORDER BY n
             RETURNING listing_id, variant_id
           )
           INSERT INTO listing_levels (merchant_id, connection_id, listing_id, channel_location_id, variant_id, desired,
             desired_seq, desired_at, predicted, confirmed, confirmed_seq, confirmed_at, possible)
           SELECT $1, $2, listing_id, '', variant_id, $5::int, 1, $6::timestamptz, $5, $5, 1, $6, $5 FROM made""",
        merchant_id,
        connection_id,
        numbers[0],
        numbers[-1],
        units,
        told_at,
    )


async def count_orders(tx: Connection, merchant_id: int) -> int:
    """How many orders are stored."""
    found: int = await tx.fetchval("SELECT count(*) FROM orders WHERE merchant_id = $1", merchant_id)
    return found
