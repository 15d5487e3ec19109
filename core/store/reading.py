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


async def find_orders(tx: Connection, text: str) -> list[dict[str, Any]]:
    """Orders that a person may mean by *text*: the one with this id, else those with this number or channel id."""
    rows = await tx.fetch(
        """SELECT o.merchant_id, o.order_id, o.order_number, o.channel_order_id, c.name AS connection
           FROM orders o JOIN connections c USING (merchant_id, connection_id)
           WHERE o.order_id::text = $1 OR ltrim(o.order_number, '#') = ltrim($1, '#') OR o.channel_order_id = $1
           ORDER BY o.order_id""",
        text,
    )
    found = [dict(row) for row in rows]
    return [row for row in found if str(row["order_id"]) == text] or found


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
        (
            "parcels",
            """SELECT f.fulfillment_id, f.shipped_at, f.channel_fulfillment_ids, p.carrier, p.tracking_number,
                 p.tracking_url, p.status, p.incident, p.status_at,
                 (SELECT jsonb_object_agg(l.line_id, l.quantity) FROM fulfillment_lines l
                  WHERE l.merchant_id = f.merchant_id AND l.fulfillment_id = f.fulfillment_id) AS units
               FROM fulfillments f JOIN fulfillment_parcels USING (merchant_id, fulfillment_id)
               JOIN parcels p USING (merchant_id, parcel_id)
               WHERE f.merchant_id = $1 AND f.order_id = $2 ORDER BY f.fulfillment_id, p.parcel_id""",
        ),
        ("history", "SELECT * FROM order_events WHERE merchant_id = $1 AND order_id = $2 ORDER BY version"),
    ):
        found[name] = [dict(item) for item in await tx.fetch(statement, *key)]
    return found
