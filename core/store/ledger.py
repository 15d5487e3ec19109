"""Booking operations into the ledger: each once, on locked balances, and counts as of their own instant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from core.rules.movements import Balance
from core.store.database import Connection, Row

Shelf = tuple[int, int]  # variant, location


async def lock_operation(tx: Connection, merchant_id: int, op_key: str) -> None:
    """Let nobody else book the same operation before this transaction ends.

    A key that another transaction has written is waited for, also where it has deleted it again.
    """
    await tx.execute("INSERT INTO operations (merchant_id, op_key) VALUES ($1, $2)", merchant_id, op_key)
    await tx.execute("DELETE FROM operations WHERE merchant_id = $1 AND op_key = $2", merchant_id, op_key)


async def booked_at(tx: Connection, merchant_id: int, op_keys: Sequence[str]) -> datetime | None:
    """When any of these entries was booked; None where none was."""
    found: datetime | None = await tx.fetchval(
        "SELECT min(recorded_at) FROM stock_ledger WHERE merchant_id = $1 AND op_key = ANY ($2::text[])",
        merchant_id,
        op_keys,
    )
    return found


async def lock_balances(tx: Connection, merchant_id: int, variants: Iterable[int]) -> dict[Shelf, Balance]:
    """What is there of *variants*, at every location that ever had some; locked in key order."""
    rows = await tx.fetch(
        """SELECT variant_id, location_id, on_hand, reserved, quarantined, incoming, counted_at FROM stock
           WHERE merchant_id = $1 AND variant_id = ANY ($2::bigint[])
           ORDER BY variant_id, location_id FOR UPDATE""",
        merchant_id,
        sorted(set(variants)),
    )
    return {
        (row["variant_id"], row["location_id"]): Balance(
            row["on_hand"], row["reserved"], row["quarantined"], row["incoming"], row["counted_at"]
        )
        for row in rows
    }


async def moved_since(
    tx: Connection, merchant_id: int, counts: Sequence[tuple[int, int, datetime]]
) -> dict[Shelf, int]:
    """Units that came (or, below zero, went) on hand after the instant of each (variant, location, instant)."""
    rows = await tx.fetch(
        """SELECT k.v, k.l, sum(e.on_hand_delta)::int AS moved
           FROM unnest($2::bigint[], $3::bigint[], $4::timestamptz[]) AS k (v, l, t)
           JOIN stock_ledger e ON e.merchant_id = $1 AND e.variant_id = k.v AND e.location_id = k.l
             AND e.occurred_at > k.t
           GROUP BY 1, 2""",
        merchant_id,
        [row[0] for row in counts],
        [row[1] for row in counts],
        [row[2] for row in counts],
    )
    return {(row["v"], row["l"]): row["moved"] for row in rows}


async def set_counted(tx: Connection, merchant_id: int, counts: Sequence[tuple[int, int, datetime]]) -> None:
    """Say of which instant the newest count of each (variant, location) is; call it after the counts were posted."""
    await tx.execute(
        """UPDATE stock s SET counted_at = k.t FROM unnest($2::bigint[], $3::bigint[], $4::timestamptz[]) AS k (v, l, t)
           WHERE s.merchant_id = $1 AND s.variant_id = k.v AND s.location_id = k.l""",
        merchant_id,
        [row[0] for row in counts],
        [row[1] for row in counts],
        [row[2] for row in counts],
    )


async def variants_of(tx: Connection, merchant_id: int, skus: Sequence[str]) -> dict[str, int]:
    """The ids of those SKUs that are known."""
    rows = await tx.fetch(
        "SELECT sku, variant_id FROM variants WHERE merchant_id = $1 AND sku = ANY ($2::text[])",
        merchant_id,
        skus,
    )
    return {row["sku"]: row["variant_id"] for row in rows}


async def listed(
    tx: Connection, merchant_id: int, connection_id: int, listing_ids: Sequence[int]
) -> dict[int, Row]:
    """Listing -> the SKU of its variant, its units, and the channel's name of its stock; matched ones only."""
    rows = await tx.fetch(
        """SELECT l.listing_id, v.sku, l.units, l.channel_stock_id
           FROM listings l JOIN variants v USING (merchant_id, variant_id)
           WHERE l.merchant_id = $1 AND l.connection_id = $2 AND l.listing_id = ANY ($3::bigint[])
             AND l.tracked AND NOT l.bundle""",
        merchant_id,
        connection_id,
        listing_ids,
    )
    return {row["listing_id"]: row for row in rows}


async def held_for(
    tx: Connection, merchant_id: int, connection_id: int, location_ids: Sequence[int]
) -> dict[tuple[str, int], int]:
    """(SKU, location) -> units set aside there for orders of one connection."""
    rows = await tx.fetch(
        """SELECT v.sku, r.location_id, sum(r.held)::int AS held FROM reservations r
           JOIN orders o ON o.merchant_id = r.merchant_id AND o.order_id = r.order_id AND o.connection_id = $2
           JOIN variants v ON v.merchant_id = r.merchant_id AND v.variant_id = r.variant_id
           WHERE r.merchant_id = $1 AND r.location_id = ANY ($3::bigint[]) AND r.held > 0 GROUP BY 1, 2""",
        merchant_id,
        connection_id,
        location_ids,
    )
    return {(row["sku"], row["location_id"]): row["held"] for row in rows}
