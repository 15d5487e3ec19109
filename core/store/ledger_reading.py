"""Asking the ledger: what was there at a moment, as we thought then and as we know now, and the entries that led to it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.store.database import Connection


async def balances_at(tx: Connection, merchant_id: int, sku: str, at: datetime) -> list[dict[str, Any]]:
    """Location by location, the buckets of a SKU at *at*: `thought_` of all that was recorded by then, `known_` of all
    that had occurred by then, whenever we heard of it.
    """
    sums = ", ".join(
        f"coalesce(sum(e.{bucket}_delta) FILTER (WHERE e.{by} <= $3), 0)::int AS {name}_{bucket}"
        for name, by in (("thought", "recorded_at"), ("known", "occurred_at"))
        for bucket in ("on_hand", "reserved", "quarantined", "incoming")
    )
    rows = await tx.fetch(
        f"""SELECT l.name AS location, {sums}
            FROM variants v JOIN stock_ledger e USING (merchant_id, variant_id)
            JOIN locations l USING (merchant_id, location_id)
            WHERE v.merchant_id = $1 AND v.sku = $2 AND least(e.recorded_at, e.occurred_at) <= $3
            GROUP BY l.location_id, l.name ORDER BY l.name""",
        merchant_id,
        sku,
        at,
    )
    return [dict(row) for row in rows]


async def entries_until(
    tx: Connection, merchant_id: int, sku: str, at: datetime | None, limit: int
) -> list[dict[str, Any]]:
    """The last entries of a SKU recorded by *at*, the newest first, each with what was on hand and reserved after it,
    the order whose units moved, and the delivery that its bytes came in.
    """
    rows = await tx.fetch(
        """SELECT * FROM (
             SELECT e.entry_id, e.recorded_at, e.occurred_at, l.name AS location, e.reason, e.on_hand_delta,
               e.reserved_delta, e.quarantined_delta, e.incoming_delta, e.actor, e.cause, e.order_id,
               sum(e.on_hand_delta) OVER so_far AS on_hand, sum(e.reserved_delta) OVER so_far AS reserved
             FROM variants v JOIN stock_ledger e USING (merchant_id, variant_id)
             JOIN locations l USING (merchant_id, location_id)
             WHERE v.merchant_id = $1 AND v.sku = $2 AND ($3::timestamptz IS NULL OR e.recorded_at <= $3)
             WINDOW so_far AS (PARTITION BY e.location_id ORDER BY e.recorded_at, e.entry_id)
             ORDER BY e.recorded_at DESC, e.entry_id DESC LIMIT $4) e
           LEFT JOIN LATERAL (SELECT o.order_number, o.channel_order_id, o.delivery_id AS order_delivery FROM orders o
             WHERE o.merchant_id = $1 AND o.order_id = e.order_id) o ON true
           ORDER BY e.recorded_at DESC, e.entry_id DESC""",
        merchant_id,
        sku,
        at,
        limit,
    )
    return [_opened(dict(row)) for row in rows]


def _opened(row: dict[str, Any]) -> dict[str, Any]:
    kind, _, number = row["cause"].partition(":")
    by_delivery = int(number) if kind == "delivery" and number.isdecimal() else None
    order_delivery = row.pop("order_delivery")
    return row | {"delivery_id": by_delivery or order_delivery}
