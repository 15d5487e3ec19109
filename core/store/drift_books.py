"""What a simulation of drifts asks of a hub's database when it judges it. Reads only."""

from __future__ import annotations

from collections.abc import Sequence

from core.store.database import Connection, Row


async def looked(tx: Connection) -> list[Row]:
    """What each level showed by the last look, and what that was taken for: connection, sku, live, live_at, live_as."""
    return await tx.fetch(
        """SELECT c.name AS connection, v.sku, ll.live, ll.live_at, ll.live_as FROM listing_levels ll
           JOIN connections c USING (merchant_id, connection_id)
           JOIN variants v ON v.merchant_id = ll.merchant_id AND v.variant_id = ll.variant_id"""
    )


async def found_by(tx: Connection, sweeps: Sequence[int]) -> list[Row]:
    """The differences that *sweeps* found: connection, sku, kind, status, units, found_at, closed_at, healed_by, words."""
    return await tx.fetch(
        """SELECT c.name AS connection, v.sku, d.kind, d.status, d.units, d.found_at, d.closed_at, d.healed_by, d.words
           FROM drifts d JOIN connections c USING (merchant_id, connection_id)
           JOIN listings l USING (merchant_id, connection_id, listing_id)
           JOIN variants v ON v.merchant_id = l.merchant_id AND v.variant_id = l.variant_id
           WHERE d.reconcile_id = ANY ($1::bigint[]) ORDER BY d.drift_id""",
        list(sweeps),
    )


async def unsettled(tx: Connection) -> int:
    """How many differences are neither over nor a person's to decide, and how much there is still to apply and to tell."""
    found: int = await tx.fetchval(
        """SELECT (SELECT count(*) FROM drifts WHERE status IN ('watching', 'told'))
             + (SELECT count(*) FROM todo) + (SELECT count(*) FROM fetches) + (SELECT count(*) FROM dirty)
             + (SELECT count(*) FROM listing_levels ll JOIN listings l USING (merchant_id, connection_id, listing_id)
                WHERE ll.pending AND ll.parked_at IS NULL AND l.tracked)"""
    )
    return found


async def booked(tx: Connection) -> list[Row]:
    """What the ledger took over because of differences: sku, units."""
    return await tx.fetch(
        """SELECT v.sku, sum(g.on_hand_delta)::int AS units FROM stock_ledger g
           JOIN variants v USING (merchant_id, variant_id) WHERE g.cause LIKE 'drift:%' GROUP BY 1"""
    )
