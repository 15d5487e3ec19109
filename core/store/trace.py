"""Opens a number to what it came from: an order, a variant's ledger, a delivery. Opens no sealed body."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.store.database import Connection

Rows = list[dict[str, Any]]


async def _rows(tx: Connection, sql: str, *arguments: object) -> Rows:
    return [dict(row) for row in await tx.fetch(sql, *arguments)]


async def order(tx: Connection, order_id: int) -> dict[str, Any] | None:
    """The state of an order without its document, or None where the declared merchants have no such order."""
    row = await tx.fetchrow(
        """SELECT o.order_id, o.connection_id, c.name AS connection, c.channel, o.channel_order_id,
             o.order_number,
             o.placed_at, o.changed_at, o.fetched_at, o.stored_at, o.version, o.delivery_id, o.intake,
               o.channel_status,
             o.payment_status, o.fulfillment_status, o.cancelled_at, o.gone_at, o.currency, o.total,
               o.holds, o.flags
           FROM orders o JOIN connections c USING (merchant_id, connection_id) WHERE o.order_id = $1""",
        order_id,
    )
    return dict(row) if row else None


async def lines(tx: Connection, order_id: int) -> Rows:
    """The lines of an order, each with its reservations as a list of {sku, location, held, shipped}; *sku* only where the
    line is of a kit: that of a component or of the kit itself.
    """
    return await _rows(
        tx,
        """SELECT l.line_id, l.sku, l.title, l.variant_id, l.moves_stock, l.quantity, l.quantity_cancelled,
             l.quantity_fulfilled, l.quantity_returned, l.unit_price, l.total,
             coalesce((SELECT jsonb_agg(jsonb_build_object('sku', CASE WHEN l.made_of IS NOT NULL THEN v.sku END,
                         'location', p.name, 'held', r.held, 'shipped', r.shipped) ORDER BY v.sku, r.location_id)
                       FROM reservations r JOIN locations p USING (merchant_id, location_id)
                       JOIN variants v USING (merchant_id, variant_id)
                       WHERE r.merchant_id = l.merchant_id AND r.order_id = l.order_id
                         AND r.line_id = l.line_id), '[]')
               AS reservations
           FROM order_lines l WHERE l.order_id = $1 ORDER BY l.position, l.line_id""",
        order_id,
    )


async def history(tx: Connection, order_id: int) -> Rows:
    """What happened to an order, the newest first."""
    return await _rows(
        tx,
        """SELECT version, kind, delivery_id, detail, recorded_at FROM order_events
           WHERE order_id = $1 ORDER BY version DESC, recorded_at DESC, kind""",
        order_id,
    )


async def delivery(tx: Connection, delivery_id: int) -> dict[str, Any] | None:
    """A delivery with where it stands (todo, parked); *size* is that of the sealed body, in bytes."""
    row = await tx.fetchrow(
        """SELECT d.delivery_id, d.connection_id, c.name AS connection, c.channel, d.topic, d.via,
             d.received_at,
             octet_length(d.body) AS size, encode(d.dedupe_key, 'hex') AS dedupe, t.attempts AS waiting,
             p.reasons, p.parked_at, p.resolved_at, p.attempts AS parked_attempts
           FROM deliveries d JOIN connections c USING (merchant_id, connection_id)
           LEFT JOIN todo t USING (merchant_id, delivery_id) LEFT JOIN parked p USING (merchant_id,
             delivery_id)
           WHERE d.delivery_id = $1""",
        delivery_id,
    )
    return dict(row) if row else None


async def changes_by(tx: Connection, delivery_id: int) -> Rows:
    """What a delivery changed: orders with the version it made."""
    return await _rows(
        tx,
        """SELECT e.order_id, e.version, e.kind, e.recorded_at, o.order_number, o.channel_order_id
           FROM order_events e JOIN orders o USING (merchant_id, order_id)
           WHERE e.delivery_id = $1 ORDER BY e.order_id, e.version""",
        delivery_id,
    )


async def newest_deliveries(tx: Connection, merchants: Sequence[int], limit: int, only: str | None) -> Rows:
    """The deliveries that came last; *only* "parked" or "waiting" ones, if given."""
    wanted = {
        "parked": "AND EXISTS (SELECT FROM parked p WHERE p.merchant_id = d.merchant_id AND"
        " p.delivery_id = d.delivery_id AND p.resolved_at IS NULL)",
        "waiting": "AND EXISTS (SELECT FROM todo t WHERE t.merchant_id = d.merchant_id AND"
        " t.delivery_id = d.delivery_id)",
    }.get(only or "", "")
    return await _rows(
        tx,
        f"""SELECT n.*, c.name AS connection, t.attempts AS waiting, p.parked_at, p.resolved_at
           FROM unnest($1::bigint[]) AS m (id)
           CROSS JOIN LATERAL (SELECT merchant_id, delivery_id, connection_id, topic, via, received_at,
             octet_length(body) AS size FROM deliveries d WHERE merchant_id = m.id {wanted}
             ORDER BY delivery_id DESC LIMIT $2) n
           JOIN connections c USING (merchant_id, connection_id)
           LEFT JOIN todo t USING (merchant_id, delivery_id) LEFT JOIN parked p USING (merchant_id,
             delivery_id)
           ORDER BY n.delivery_id DESC LIMIT $2""",
        list(merchants),
        limit,
    )


async def variant(tx: Connection, variant_id: int) -> dict[str, Any] | None:
    """A variant with its balances over all locations."""
    row = await tx.fetchrow(
        """SELECT v.variant_id, v.sku, v.title, coalesce(sum(s.on_hand), 0)::int AS on_hand,
             coalesce(sum(s.reserved), 0)::int AS reserved
           FROM variants v LEFT JOIN stock s USING (merchant_id, variant_id)
           WHERE v.variant_id = $1 GROUP BY 1, 2, 3""",
        variant_id,
    )
    return dict(row) if row else None


async def ledger(tx: Connection, variant_id: int, limit: int) -> Rows:
    """The last changes of a variant's stock; *delivery_id* is the delivery that caused one, where one did."""
    return await _rows(
        tx,
        """SELECT e.entry_id, l.name AS location, e.on_hand_delta, e.reserved_delta, e.reason, e.cause,
             e.recorded_at,
             substring(e.cause FROM '^delivery:([0-9]{1,18})$')::bigint AS delivery_id
           FROM stock_ledger e JOIN locations l USING (merchant_id, location_id)
           WHERE e.variant_id = $1 ORDER BY e.entry_id DESC LIMIT $2""",
        variant_id,
        limit,
    )
