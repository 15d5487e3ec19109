"""Orders as people and programs look at them. Reads only."""

from __future__ import annotations

from typing import Any

from core.store.database import Connection


async def newest_orders(tx: Connection, limit: int, *, held: bool = False) -> list[dict[str, Any]]:
    """The newest orders of the declared merchants; with *held*, only those that wait for a person."""
    rows = await tx.fetch(
        """SELECT o.order_id, c.name AS connection, o.channel_order_id, o.order_number, o.placed_at, o.changed_at,
             o.total, o.currency, o.payment_status, o.fulfillment_status, o.intake, o.holds, o.flags,
             jsonb_array_length(o.holds) AS held
           FROM orders o JOIN connections c USING (merchant_id, connection_id)
           WHERE o.intake <> 'ignore' AND (NOT $2 OR o.holds <> '[]')
           ORDER BY o.placed_at DESC NULLS LAST, o.order_id DESC LIMIT $1""",
        limit,
        held,
    )
    return [dict(row) for row in rows]


async def whole_order(tx: Connection, order_id: int) -> dict[str, Any] | None:
    """One order with lines, reservations, shortages and history; its sealed document is under "document"."""
    row = await tx.fetchrow("SELECT * FROM orders WHERE order_id = $1", order_id)
    if row is None:
        return None
    key = row["merchant_id"], order_id
    found = dict(row)
    for name, statement in (
        ("lines", "SELECT * FROM order_lines WHERE merchant_id = $1 AND order_id = $2 ORDER BY position"),
        (
            "reservations",
            "SELECT * FROM reservations WHERE merchant_id = $1 AND order_id = $2 ORDER BY line_id",
        ),
        ("shortages", "SELECT * FROM shortages WHERE merchant_id = $1 AND order_id = $2 ORDER BY line_id"),
        ("history", "SELECT * FROM order_events WHERE merchant_id = $1 AND order_id = $2 ORDER BY version"),
    ):
        found[name] = [dict(item) for item in await tx.fetch(statement, *key)]
    return found
