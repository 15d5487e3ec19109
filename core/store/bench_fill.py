"""What a bench stores beforehand, by the thousand: rows as the hub writes them, made by the server itself."""

from __future__ import annotations

from datetime import datetime

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
