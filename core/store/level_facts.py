"""What levelling asks: the levels of variants, the shelves behind them, and what is there for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.store.database import Connection, Row

Pairs = Iterable[tuple[int, int]]  # (merchant, variant)


async def levels_of(tx: Connection, variants: Pairs) -> list[Row]:
    """Every level of *variants* that a channel keeps a count for, in key order, with what is known of it."""
    return await tx.fetch(
        """SELECT ll.merchant_id, ll.connection_id, ll.listing_id, ll.channel_location_id, ll.variant_id, l.units,
             ll.desired AS before, ll.predicted, ll.unseen, ll.maybe, ll.possible, ll.strict, ll.pace, ll.pace_at,
             c.push_stock AND c.status <> 'disconnected' AND ll.parked_at IS NULL AS told
           FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, variant_id)
           JOIN listing_levels ll USING (merchant_id, variant_id)
           JOIN listings l USING (merchant_id, connection_id, listing_id)
           JOIN connections c USING (merchant_id, connection_id)
           WHERE l.tracked AND NOT l.bundle
           ORDER BY ll.merchant_id, ll.connection_id, ll.listing_id, ll.channel_location_id""",
        *_columns(variants),
    )


async def shelves(tx: Connection, merchants: Iterable[int]) -> dict[tuple[int, int, str], tuple[int, ...]]:
    """(merchant, connection, channel location) -> the locations behind it."""
    rows = await tx.fetch(
        """SELECT merchant_id, connection_id, channel_location_id, array_agg(location_id ORDER BY location_id) AS behind
           FROM connection_locations WHERE merchant_id = ANY ($1::bigint[]) GROUP BY 1, 2, 3""",
        sorted(set(merchants)),
    )
    return {
        (row["merchant_id"], row["connection_id"], row["channel_location_id"]): tuple(row["behind"])
        for row in rows
    }


async def free_of(tx: Connection, variants: Pairs) -> list[Row]:
    """merchant_id, variant_id, location_id, free for every balance of *variants*."""
    return await tx.fetch(
        """SELECT s.merchant_id, s.variant_id, s.location_id, s.on_hand - s.reserved AS free
           FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, variant_id)
           JOIN stock s USING (merchant_id, variant_id)""",
        *_columns(variants),
    )


async def owed(tx: Connection, variants: Pairs) -> dict[int, int]:
    """Variant -> units of it that were sold and are still missing."""
    rows = await tx.fetch(
        """SELECT sh.variant_id, sum(sh.quantity)::int AS units
           FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, variant_id)
           JOIN shortages sh USING (merchant_id, variant_id) WHERE sh.quantity > 0 GROUP BY 1""",
        *_columns(variants),
    )
    return {row["variant_id"]: row["units"] for row in rows}


async def kin(tx: Connection, variants: Pairs) -> list[tuple[int, int]]:
    """*variants* and all that share a component with them, however many kits are between them."""
    rows = await tx.fetch(
        """WITH RECURSIVE near AS (
             SELECT m, v FROM unnest($1::bigint[], $2::bigint[]) AS k (m, v)
             UNION
             SELECT near.m, CASE WHEN c.kit_id = near.v THEN c.component_id ELSE c.kit_id END
             FROM near JOIN kit_components c ON c.merchant_id = near.m AND near.v IN (c.kit_id, c.component_id))
           SELECT m, v FROM near ORDER BY 1, 2""",
        *_columns(variants),
    )
    return [(row["m"], row["v"]) for row in rows]


async def lock_possible(tx: Connection, variants: Pairs) -> dict[tuple[int, int, int, str], int]:
    """The most that each level of *variants* may sell, by its key; the levels stay locked until the transaction ends."""
    rows = await tx.fetch(
        """SELECT ll.merchant_id, ll.connection_id, ll.listing_id, ll.channel_location_id, ll.possible
           FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, variant_id)
           JOIN listing_levels ll USING (merchant_id, variant_id)
           ORDER BY ll.merchant_id, ll.connection_id, ll.listing_id, ll.channel_location_id FOR UPDATE OF ll""",
        *_columns(variants),
    )
    return {tuple(row)[:4]: row["possible"] for row in rows}


def _columns(variants: Pairs) -> tuple[Sequence[int], Sequence[int]]:
    wanted = sorted(set(variants))
    return [pair[0] for pair in wanted], [pair[1] for pair in wanted]
