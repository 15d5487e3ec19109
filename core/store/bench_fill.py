"""What a bench stores beforehand, by the thousand: rows as the hub writes them, made by the server itself."""

from __future__ import annotations

from datetime import datetime

from core.store.database import Connection


async def bare_orders(
    tx: Connection, merchant_id: int, connection_id: int, name: str, count: int, now: datetime
) -> list[int]:
    """Orders without lines, numbered `name-0` and so on; returns their ids in that order."""
    rows = await tx.fetch(
        """INSERT INTO orders (merchant_id, connection_id, channel_order_id, order_number, placed_at, changed_at,
             stored_at, version, delivery_id, intake, fulfillment_status, currency, total, holds, flags, document_hash,
             document)
           SELECT $1, $2, $3 || '-' || n, n::text, $5, $5, $5, 1, 0, 'ship', 'unfulfilled', 'EUR', 19.90, '[]', '{}',
             sha256(n::text::bytea), '' FROM generate_series(0, $4 - 1) AS n ORDER BY n
           RETURNING order_id""",
        merchant_id,
        connection_id,
        name,
        count,
        now,
    )
    return [row["order_id"] for row in rows]
