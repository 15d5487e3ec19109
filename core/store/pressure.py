"""What a run under pressure looks at. Reads only."""

from __future__ import annotations

from collections.abc import Sequence

from core.store.database import Connection


async def visible(tx: Connection, keys: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Those of the orders (merchant, connection, channel's id) that are stored."""
    rows = await tx.fetch(
        """SELECT merchant_id, connection_id, channel_order_id
           FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS k (merchant_id, connection_id, channel_order_id)
           JOIN orders USING (merchant_id, connection_id, channel_order_id)""",
        [key[0] for key in keys],
        [key[1] for key in keys],
        [key[2] for key in keys],
    )
    return [tuple(row) for row in rows]


async def parked(tx: Connection) -> list[tuple[int, str]]:
    """Open deliveries that wait for a person: (delivery, code of the first reason)."""
    rows = await tx.fetch(
        """SELECT delivery_id, reasons -> 0 ->> 'code' AS code FROM parked WHERE resolved_at IS NULL
           ORDER BY delivery_id"""
    )
    return [(row["delivery_id"], row["code"]) for row in rows]


async def promised(tx: Connection, merchants: Sequence[int]) -> tuple[int, int]:
    """How many orders *merchants* have, and how many units are reserved for them."""
    row = await tx.fetchrow(
        """SELECT (SELECT count(*) FROM orders WHERE merchant_id = ANY ($1::bigint[])) AS orders,
             (SELECT coalesce(sum(reserved), 0)::bigint FROM stock WHERE merchant_id = ANY ($1::bigint[])) AS units""",
        list(merchants),
    )
    return (row["orders"], row["units"]) if row else (0, 0)
