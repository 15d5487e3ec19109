"""What a scenario asks of a hub's database while it runs and when it is over."""

from __future__ import annotations

from datetime import datetime

from core.store.database import Connection, Row
from core.store.stock import mark_dirty


async def all_dirty(tx: Connection, merchant_id: int, now: datetime) -> None:
    """Have every variant levelled anew."""
    rows = await tx.fetch("SELECT variant_id FROM variants WHERE merchant_id = $1", merchant_id)
    await mark_dirty(tx, {(merchant_id, row["variant_id"]) for row in rows}, now, sold=True)


async def stopped_since(tx: Connection, since: datetime) -> list[Row]:
    """Levels that may sell nothing since *since*: connection name, channel item, when that was wished."""
    return await tx.fetch(
        """SELECT c.name, l.channel_item_id, ll.desired_at FROM listing_levels ll
           JOIN listings l USING (merchant_id, connection_id, listing_id)
           JOIN connections c USING (merchant_id, connection_id)
           WHERE ll.desired = 0 AND ll.desired_at >= $1""",
        since,
    )


async def backlog(tx: Connection, connection_id: int) -> int:
    """Levels that a connection has still to be told, and deliveries not yet applied."""
    return int(
        await tx.fetchval(
            """SELECT (SELECT count(*) FROM listing_levels WHERE connection_id = $1 AND pending)
                 + (SELECT count(*) FROM todo WHERE connection_id = $1)
                 + (SELECT count(*) FROM connections WHERE connection_id = $1 AND status <> 'active')""",
            connection_id,
        )
    )


async def stored_orders(tx: Connection) -> dict[int, set[str]]:
    """Connection -> the channel's ids of the orders that are there."""
    found: dict[int, set[str]] = {}
    for row in await tx.fetch("SELECT connection_id, channel_order_id FROM orders"):
        found.setdefault(row["connection_id"], set()).add(row["channel_order_id"])
    return found


async def explained(tx: Connection) -> int:
    """Units that were short when their order came, with the second it was placed and that the unit was sold elsewhere."""
    return int(
        await tx.fetchval(
            """SELECT coalesce(sum(oversold), 0) FROM shortages WHERE oversold > 0 AND cause ->> 'kind' IS NOT NULL
               AND cause ->> 'placed_at' IS NOT NULL AND cause ->> 'competing_received_at' IS NOT NULL"""
        )
    )
