"""Who claims the units of a variant: order lines that hold some or miss some, with what makes it costly to let them down."""

from __future__ import annotations

from collections.abc import Sequence

from core.store.database import Connection, Row

_FACTS = """o.connection_id, c.channel, c.name AS connection, o.channel_order_id,
  coalesce(o.order_number, o.channel_order_id) AS name,
  coalesce(o.placed_at, o.stored_at) AS placed_at, o.ship_by, o.payment_status, o.currency, l.position, l.total AS value,
  EXISTS (SELECT FROM reservations x WHERE x.merchant_id = o.merchant_id AND x.order_id = o.order_id AND x.shipped > 0)
    AS partly_shipped"""

_SHORT = f"""SELECT il.incident_id, i.kind, i.location_id AS incident_at, i.variant_id, 0 AS location_id, il.order_id,
    il.line_id, il.missing AS units, il.policy, il.decided_by, il.decided_at, il.why, {_FACTS}
  FROM incident_lines il JOIN stock_incidents i USING (merchant_id, incident_id)
  JOIN orders o USING (merchant_id, order_id) JOIN connections c USING (merchant_id, connection_id)
  JOIN order_lines l USING (merchant_id, order_id, line_id)"""


async def holders(tx: Connection, merchant_id: int, shelves: Sequence[tuple[int, int]]) -> list[Row]:
    """Lines that hold units at (variant, location) pairs."""
    return await tx.fetch(
        f"""SELECT r.order_id, r.line_id, r.variant_id, r.location_id, r.held AS units, {_FACTS}
           FROM unnest($2::bigint[], $3::bigint[]) AS k (variant_id, location_id)
           JOIN reservations r ON r.merchant_id = $1 AND r.variant_id = k.variant_id AND r.location_id = k.location_id
             AND r.held > 0
           JOIN orders o USING (merchant_id, order_id) JOIN connections c USING (merchant_id, connection_id)
           JOIN order_lines l USING (merchant_id, order_id, line_id)""",
        merchant_id,
        [pair[0] for pair in shelves],
        [pair[1] for pair in shelves],
    )


async def short_of(tx: Connection, merchant_id: int, incident_id: int) -> list[Row]:
    """Lines that an incident misses units of, those that have to ship first before the others."""
    return await tx.fetch(
        f"""{_SHORT} WHERE il.merchant_id = $1 AND il.incident_id = $2 AND il.missing > 0
           ORDER BY o.ship_by NULLS LAST, coalesce(o.placed_at, o.stored_at), il.order_id, l.position""",
        merchant_id,
        incident_id,
    )


async def to_cancel(tx: Connection, merchant_id: int, limit: int) -> list[Row]:
    """Lines of open incidents whose merchant cancels by policy, and of which it is not decided which order that is."""
    return await tx.fetch(
        f"""{_SHORT} WHERE il.merchant_id = $1 AND il.missing > 0 AND il.policy = 'cancel' AND il.decided_at IS NULL
           ORDER BY il.incident_id, il.order_id, il.line_id LIMIT $2""",
        merchant_id,
        limit,
    )
