"""What an operator looks at: read-only questions about the state of the hub. Opens no sealed body."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core.store.database import Connection

Rows = list[dict[str, Any]]

RECENT = 5000  # how far back a connection's last delivery and order are looked for: no index leads to them


async def _rows(tx: Connection, sql: str, *arguments: object) -> Rows:
    return [dict(row) for row in await tx.fetch(sql, *arguments)]


async def connections(tx: Connection, merchants: Sequence[int]) -> Rows:
    """Every connection with its newest delivery and order, its checkpoint and its count of pending levels."""
    return await _rows(
        tx,
        f"""WITH came AS (
             SELECT d.connection_id, max(d.received_at) AS at FROM unnest($1::bigint[]) AS m (id)
             CROSS JOIN LATERAL (SELECT connection_id, received_at FROM deliveries WHERE merchant_id = m.id
               ORDER BY delivery_id DESC LIMIT {RECENT}) d GROUP BY 1
           ), sold AS (
             SELECT o.connection_id, max(coalesce(o.placed_at, o.stored_at)) AS at
             FROM unnest($1::bigint[]) AS m (id)
             CROSS JOIN LATERAL (SELECT connection_id, placed_at, stored_at
             FROM orders WHERE merchant_id = m.id
               ORDER BY order_id DESC LIMIT {RECENT}) o GROUP BY 1
           )
           SELECT c.connection_id, c.merchant_id, m.name AS merchant, c.channel, c.name, c.status,
             c.status_message,
             c.push_stock, c.push_fulfillments, came.at AS last_delivery, sold.at AS last_order,
             (SELECT min(finished_until) FROM checkpoints k
              WHERE k.merchant_id = c.merchant_id AND k.connection_id = c.connection_id) AS checkpoint,
             (SELECT count(*) FROM listing_levels l WHERE l.merchant_id = c.merchant_id
              AND l.connection_id = c.connection_id AND l.pending) AS pending
           FROM connections c JOIN merchants m USING (merchant_id)
           LEFT JOIN came USING (connection_id) LEFT JOIN sold USING (connection_id)
           ORDER BY c.status = 'disconnected', m.name, c.name""",
        list(merchants),
    )


async def failing_work(tx: Connection) -> Rows:
    """Recurring work of active connections that failed the last time."""
    return await _rows(
        tx,
        """SELECT s.connection_id, s.kind, s.failures, s.last_error, s.due_at FROM schedule s
           JOIN connections c USING (merchant_id, connection_id)
           WHERE s.failures > 0 AND c.status = 'active' ORDER BY s.failures DESC, s.connection_id, s.kind""",
    )


async def parked_groups(tx: Connection) -> Rows:
    """What waits for a person, by connection and first reason; *deliveries* are the five newest."""
    return await _rows(
        tx,
        """SELECT connection_id, reasons -> 0 ->> 'code' AS code, min(reasons -> 0 ->> 'message') AS message,
             count(*) AS count, (array_agg(delivery_id ORDER BY delivery_id DESC))[1:5] AS deliveries
           FROM parked WHERE resolved_at IS NULL GROUP BY 1, 2 ORDER BY count DESC, 1, 2""",
    )


# A hold on an order that is over keeps nobody from anything.
_HELD = "holds <> '[]' AND cancelled_at IS NULL AND gone_at IS NULL AND intake IN ('ship', 'reserve_only')"


async def held_groups(tx: Connection) -> Rows:
    """Orders that may not ship, by the code of their hold; *orders* are the five newest."""
    return await _rows(
        tx,
        f"""SELECT code, count(*) AS count, (array_agg(order_id ORDER BY order_id DESC))[1:5] AS orders
           FROM (SELECT DISTINCT order_id, h ->> 'code' AS code FROM orders, jsonb_array_elements(holds) h
                 WHERE {_HELD}) held
           GROUP BY 1 ORDER BY count DESC, 1""",
    )


async def refused_pushes(tx: Connection) -> Rows:
    """Levels a channel did not take, by connection and its reason; *variants* are {id, sku} of up to five."""
    return await _rows(
        tx,
        """SELECT l.connection_id, l.error, count(*) AS count,
             to_jsonb((array_agg(DISTINCT jsonb_build_object('id', v.variant_id, 'sku', v.sku)))[1:5])
               AS variants
           FROM listing_levels l JOIN variants v USING (merchant_id, variant_id)
           WHERE l.pending AND l.failures > 0 GROUP BY 1, 2 ORDER BY count DESC, 1, 2""",
    )


async def asked_drifts(tx: Connection) -> Rows:
    """Counts at channels about which a person is asked, by connection and kind; *variants* are {id, sku} of up to five."""
    return await _rows(
        tx,
        """SELECT d.connection_id, d.kind, count(*) AS count,
             to_jsonb((array_agg(DISTINCT jsonb_build_object('id', v.variant_id, 'sku', v.sku)))[1:5])
               AS variants
           FROM drifts d JOIN listings l USING (merchant_id, connection_id, listing_id)
           JOIN variants v ON v.merchant_id = l.merchant_id AND v.variant_id = l.variant_id
           WHERE d.status = 'asked' GROUP BY 1, 2 ORDER BY count DESC, 1, 2""",
    )


async def newest_drifts(tx: Connection, merchants: Sequence[int], limit: int) -> Rows:
    """The differences between what channels showed and what they should have shown that were found last, open or over."""
    return await _rows(
        tx,
        """SELECT d.*, l.sku, l.title, l.variant_id FROM unnest($1::bigint[]) AS m (id)
           CROSS JOIN LATERAL (SELECT merchant_id, connection_id, listing_id, drift_id, kind, status, expected, live,
             found_at, closed_at, healed_by FROM drifts WHERE merchant_id = m.id ORDER BY drift_id DESC LIMIT $2) d
           JOIN listings l USING (merchant_id, connection_id, listing_id) ORDER BY d.drift_id DESC LIMIT $2""",
        list(merchants),
        limit,
    )


async def refused_effects(tx: Connection) -> Rows:
    """What channels and carriers refused to be told, by connection, kind and reason."""
    return await _rows(
        tx,
        """SELECT connection_id, kind, error, count(*) AS count FROM outbox WHERE status = 'rejected'
           GROUP BY 1, 2, 3 ORDER BY count DESC, 1, 2, 3""",
    )


async def late_todo(tx: Connection, before: datetime) -> dict[str, Any]:
    """Deliveries that came *before* and are not applied: count, the oldest and when it came."""
    row = await tx.fetchrow(
        """SELECT count(*) AS count, min(t.delivery_id) AS delivery_id, min(d.received_at) AS received_at
           FROM todo t JOIN deliveries d USING (merchant_id, delivery_id) WHERE d.received_at < $1""",
        before,
    )
    return dict(row) if row else {"count": 0}


async def numbers(tx: Connection, midnight: datetime) -> dict[str, int]:
    """Counters of intake since *midnight*, and how much there is of orders, parked deliveries and todo."""
    row = await tx.fetchrow(
        """SELECT coalesce(sum(accepted), 0)::bigint AS accepted, coalesce(sum(duplicate),
             0)::bigint AS duplicate,
             coalesce(sum(rejected), 0)::bigint AS rejected,
             (SELECT count(*) FROM orders) AS orders,
             (SELECT count(*) FROM parked WHERE resolved_at IS NULL) AS parked,
             (SELECT count(*) FROM todo) AS backlog
           FROM intake_counts WHERE minute >= $1""",
        midnight,
    )
    return dict(row) if row else {}


async def newest_orders(
    tx: Connection, merchants: Sequence[int], limit: int, hold: str | None = None
) -> Rows:
    """The orders that arrived last; only those that *hold* keeps from shipping, if given."""
    wanted = (
        f"AND {_HELD} AND holds @> jsonb_build_array(jsonb_build_object('code', $3::text))" if hold else ""
    )
    return await _rows(
        tx,
        f"""SELECT o.* FROM unnest($1::bigint[]) AS m (id)
           CROSS JOIN LATERAL (SELECT order_id, connection_id, channel_order_id, order_number, placed_at,
             stored_at,
             intake, payment_status, fulfillment_status, cancelled_at, gone_at, currency, total, holds
             FROM orders WHERE merchant_id = m.id {wanted} ORDER BY order_id DESC LIMIT $2) o
           ORDER BY o.order_id DESC LIMIT $2""",
        list(merchants),
        limit,
        *([hold] if hold else []),
    )


async def scarce_stock(tx: Connection, limit: int) -> Rows:
    """Variants with the least that is free, over all locations."""
    return await _rows(
        tx,
        """SELECT s.variant_id, v.sku, v.title, sum(s.on_hand) AS on_hand, sum(s.reserved) AS reserved,
             sum(s.on_hand - s.reserved) AS free
           FROM stock s JOIN variants v USING (merchant_id, variant_id)
           GROUP BY 1, 2, 3 ORDER BY free, v.sku LIMIT $1""",
        limit,
    )


async def levels_of(tx: Connection, variants: Sequence[int]) -> Rows:
    """What each listing of *variants* may sell, was told, and should show by itself."""
    return await _rows(
        tx,
        """SELECT variant_id, connection_id, listing_id, channel_location_id, desired, confirmed,
             confirmed_at,
             predicted, pending, error, failures
           FROM listing_levels WHERE variant_id = ANY ($1::bigint[])
           ORDER BY variant_id, connection_id, listing_id, channel_location_id""",
        list(variants),
    )


async def shortages(tx: Connection, limit: int, order_id: int | None = None) -> Rows:
    """Open shortages, the oldest first, with the order that took the units instead, where one did."""
    return await _rows(
        tx,
        """SELECT s.order_id, s.line_id, s.variant_id, s.quantity, s.cause, s.opened_at, v.sku,
             o.connection_id,
             o.channel_order_id, o.order_number, r.order_id AS rival_id, count(*) OVER () AS count
           FROM shortages s JOIN variants v USING (merchant_id, variant_id)
           JOIN orders o USING (merchant_id, order_id)
           LEFT JOIN orders r ON r.merchant_id = s.merchant_id
             AND r.connection_id = (s.cause ->> 'competing_connection')::bigint
             AND r.channel_order_id = s.cause ->> 'competing_order'
           WHERE s.quantity > 0 AND ($2::bigint IS NULL OR s.order_id = $2)
           ORDER BY s.opened_at, s.order_id, s.line_id LIMIT $1""",
        limit,
        order_id,
    )


async def names(tx: Connection) -> dict[int, str]:
    """The merchants' own words for their connections."""
    return {
        r["connection_id"]: r["name"] for r in await tx.fetch("SELECT connection_id, name FROM connections")
    }
