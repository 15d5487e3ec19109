"""What levelling asks: the levels of variants, the shelves behind them, and what is there for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.store.database import Connection, Row

Pairs = Iterable[tuple[int, int]]  # (merchant, variant)


async def levels_of(tx: Connection, variants: Pairs) -> list[Row]:
    """Every level of *variants*, in key order, with what is known of it."""
    return await tx.fetch(
        """SELECT ll.merchant_id, ll.connection_id, ll.listing_id, ll.channel_location_id, ll.variant_id,
             ll.desired AS before, ll.predicted, ll.unseen, ll.unshipped, ll.maybe, ll.possible, ll.strict, ll.pace,
             ll.pace_at, ll.parked_at, ll.unsure
           FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, variant_id)
           JOIN listing_levels ll USING (merchant_id, variant_id)
           ORDER BY ll.merchant_id, ll.connection_id, ll.listing_id, ll.channel_location_id""",
        *_columns(variants),
    )


async def units_of(tx: Connection, variants: Pairs) -> dict[int, int]:
    """Listing -> units of its variant in one, for listings of *variants* that their channel keeps a count for.

    Asked for by itself: while the tables are young PostgreSQL joins this to the levels by going through all of them.
    """
    rows = await tx.fetch(
        """SELECT l.listing_id, l.units FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, variant_id)
           JOIN listings l USING (merchant_id, variant_id) WHERE l.tracked AND NOT l.bundle""",
        *_columns(variants),
    )
    return {row["listing_id"]: row["units"] for row in rows}


@dataclass(frozen=True, slots=True)
class Outlet:
    """A location of a *channel*: the *locations* behind it, and whether the channel may be *told* anything. *paused*: it
    may, but does not accept our credentials.
    """

    locations: tuple[int, ...]
    told: bool
    paused: bool = False
    channel: str = ""


async def outlets(tx: Connection, merchants: Iterable[int]) -> dict[tuple[int, int, str], Outlet]:
    """(merchant, connection, channel location) -> what stands behind it."""
    rows = await tx.fetch(
        """SELECT cl.merchant_id, cl.connection_id, cl.channel_location_id,
             array_agg(cl.location_id ORDER BY cl.location_id) AS behind,
             bool_and(c.push_stock AND c.status <> 'disconnected') AS told,
             bool_and(c.push_stock AND c.status = 'reauth_required') AS paused, min(c.channel) AS channel
           FROM connections c JOIN connection_locations cl USING (merchant_id, connection_id)
           WHERE c.merchant_id = ANY ($1::bigint[]) GROUP BY 1, 2, 3
           -- What a channel counts itself it is not told.
           HAVING NOT EXISTS (SELECT FROM connection_locations x JOIN locations l USING (merchant_id, location_id)
             WHERE (x.merchant_id, x.connection_id, x.channel_location_id)
               = (cl.merchant_id, cl.connection_id, cl.channel_location_id) AND l.connection_id = x.connection_id)""",
        sorted(set(merchants)),
    )
    return {
        (row["merchant_id"], row["connection_id"], row["channel_location_id"]): Outlet(
            tuple(row["behind"]), row["told"], row["paused"], row["channel"]
        )
        for row in rows
    }


async def forget_untold(tx: Connection, merchant_id: int) -> None:
    """Take back what levels wish for that are told nothing any more: no location stands behind them, or their channel
    counts it itself. What a channel may be selling there is bound by nothing of ours.
    """
    await tx.execute(
        """UPDATE listing_levels ll SET desired = NULL, pending = false
           WHERE ll.merchant_id = $1 AND (ll.desired IS NOT NULL OR ll.pending) AND (
             NOT EXISTS (SELECT FROM connection_locations x
               WHERE (x.merchant_id, x.connection_id, x.channel_location_id)
                 = (ll.merchant_id, ll.connection_id, ll.channel_location_id))
             OR EXISTS (SELECT FROM connection_locations x JOIN locations l USING (merchant_id, location_id)
               WHERE (x.merchant_id, x.connection_id, x.channel_location_id)
                 = (ll.merchant_id, ll.connection_id, ll.channel_location_id) AND l.connection_id = x.connection_id))""",
        merchant_id,
    )


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
