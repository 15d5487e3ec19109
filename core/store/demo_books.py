"""What a demo compares with the shops' books. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.store.database import Connection


async def stored_orders(tx: Connection) -> list[dict[str, Any]]:
    """Every order with the units it holds, has shipped or lacks, by SKU; lines that move nothing by their quantity."""
    rows = await tx.fetch(
        """SELECT o.connection_id, o.channel_order_id, o.cancelled_at IS NOT NULL AS cancelled,
             jsonb_object_agg(coalesce(u.sku, ''), u.units) AS units
           FROM orders o JOIN LATERAL (
             SELECT l.sku, sum(CASE WHEN l.variant_id IS NULL THEN l.quantity ELSE
               coalesce((SELECT sum(r.held + r.shipped) FROM reservations r WHERE r.merchant_id = l.merchant_id
                 AND r.order_id = l.order_id AND r.line_id = l.line_id), 0)
               + coalesce((SELECT sum(s.quantity) FROM shortages s WHERE s.merchant_id = l.merchant_id
                 AND s.order_id = l.order_id AND s.line_id = l.line_id), 0) END)::int AS units
             FROM order_lines l WHERE l.merchant_id = o.merchant_id AND l.order_id = o.order_id GROUP BY l.sku) u ON true
           GROUP BY o.merchant_id, o.order_id, o.connection_id, o.channel_order_id, o.cancelled_at"""
    )
    return [dict(row) for row in rows]


async def not_stored(tx: Connection, keys: Sequence[bytes]) -> int:
    """How many of the deliveries that these keys name (`core.store.deliveries.dedupe_key`) are not there."""
    found: int = await tx.fetchval(
        """SELECT count(*) FROM unnest($1::bytea[]) AS k (dedupe_key)
           WHERE NOT EXISTS (SELECT FROM deliveries d WHERE d.dedupe_key = k.dedupe_key)""",
        list(keys),
    )
    return found


async def explained_shortages(tx: Connection) -> dict[str, int]:
    """Units by SKU that were short when their order came, and for which a competing sale is named."""
    rows = await tx.fetch(
        """SELECT v.sku, sum(s.oversold)::int AS units FROM shortages s JOIN variants v USING (merchant_id, variant_id)
           WHERE s.oversold > 0 AND s.cause ->> 'kind' IN ('channel_lag', 'our_lag')
             AND s.cause ->> 'competing_order' IS NOT NULL GROUP BY v.sku"""
    )
    return {row["sku"]: row["units"] for row in rows}


async def story_of(tx: Connection, sku: str) -> dict[str, list[dict[str, Any]]]:
    """Everything that is known of how the listings of *sku* were told their counts, and how its units moved."""
    found = {}
    for name, query in (
        (
            "levels",
            "SELECT ll.* FROM listing_levels ll JOIN variants v USING (merchant_id, variant_id) WHERE v.sku = $1",
        ),
        (
            "attempts",
            """SELECT a.* FROM push_attempts a JOIN listings l USING (merchant_id, connection_id, listing_id)
               JOIN variants v USING (merchant_id, variant_id) WHERE v.sku = $1 ORDER BY a.started_at""",
        ),
        (
            "drifts",
            """SELECT d.* FROM drifts d JOIN listings l USING (merchant_id, connection_id, listing_id)
               JOIN variants v USING (merchant_id, variant_id) WHERE v.sku = $1 ORDER BY d.found_at""",
        ),
        (
            "shortages",
            """SELECT s.* FROM shortages s JOIN variants v USING (merchant_id, variant_id) WHERE v.sku = $1
               ORDER BY s.order_id, s.line_id""",
        ),
        (
            "ledger",
            """SELECT e.* FROM stock_ledger e JOIN variants v USING (merchant_id, variant_id) WHERE v.sku = $1
               ORDER BY e.entry_id""",
        ),
    ):
        found[name] = [dict(row) for row in await tx.fetch(query, sku)]
    return found


async def free_by_sku(tx: Connection) -> dict[str, int]:
    rows = await tx.fetch(
        """SELECT v.sku, sum(s.on_hand - s.reserved)::int AS free
           FROM stock s JOIN variants v USING (merchant_id, variant_id) GROUP BY v.sku"""
    )
    return {row["sku"]: row["free"] for row in rows}


async def covering_counts(tx: Connection) -> dict[str, int]:
    """By SKU, what the first shelf would hold if as many units came in as are short."""
    rows = await tx.fetch(
        """SELECT v.sku, (s.on_hand + m.missing)::int AS on_hand
           FROM (SELECT merchant_id, variant_id, sum(quantity) AS missing FROM shortages
                 WHERE quantity > 0 GROUP BY 1, 2) m
           JOIN variants v USING (merchant_id, variant_id)
           JOIN stock s USING (merchant_id, variant_id)
           WHERE s.location_id = (SELECT min(location_id) FROM locations)"""
    )
    return {row["sku"]: row["on_hand"] for row in rows}


async def orders_to_ship(tx: Connection, but: Sequence[str] = ()) -> list[int]:
    """Orders with something open, the oldest first, without those whose channel's id is in *but*."""
    rows = await tx.fetch(
        """SELECT order_id FROM orders o WHERE cancelled_at IS NULL AND gone_at IS NULL AND intake <> 'ignore'
             AND EXISTS (SELECT FROM order_lines l WHERE l.merchant_id = o.merchant_id AND l.order_id = o.order_id
               AND l.needs_parcel AND l.quantity - l.quantity_cancelled - l.quantity_fulfilled > 0)
             AND channel_order_id <> ALL ($1::text[]) ORDER BY order_id""",
        list(but),
    )
    return [row["order_id"] for row in rows]


async def shipped_parcels(tx: Connection) -> list[dict[str, Any]]:
    """Every parcel with its order's connection and where it is."""
    rows = await tx.fetch(
        """SELECT o.connection_id, o.channel_order_id, p.tracking_number, p.status
           FROM fulfillments f JOIN orders o USING (merchant_id, order_id)
           JOIN fulfillment_parcels fp USING (merchant_id, fulfillment_id) JOIN parcels p USING (merchant_id, parcel_id)"""
    )
    return [dict(row) for row in rows]


async def numbers(tx: Connection) -> dict[str, int]:
    """Counts for the last line of a demo."""
    row = await tx.fetchrow(
        """SELECT (SELECT count(*) FROM orders WHERE intake <> 'ignore') AS orders,
             (SELECT count(*) FROM orders WHERE holds <> '[]') AS holds,
             (SELECT count(*) FROM parked WHERE resolved_at IS NULL) AS parked,
             (SELECT count(*) FROM deliveries WHERE via = 'webhook' AND topic <> 'callback') AS webhooks"""
    )
    return dict(row) if row else {}


async def at_rest(tx: Connection) -> bool:
    """Whether nothing is left to do for anybody."""
    return bool(
        await tx.fetchval(
            """SELECT NOT EXISTS (SELECT FROM todo) AND NOT EXISTS (SELECT FROM dirty)
                 AND NOT EXISTS (SELECT FROM fetches)
                 AND NOT EXISTS (SELECT FROM listing_levels WHERE pending)
                 AND NOT EXISTS (SELECT FROM outbox WHERE status = 'pending')
                 AND NOT EXISTS (SELECT FROM shortages JOIN stock USING (merchant_id, variant_id)
                   WHERE quantity > 0 AND on_hand > reserved)
                 AND NOT EXISTS (SELECT FROM schedule WHERE lease_until > clock_timestamp()
                   OR (kind IN ('catalog', 'pull', 'push', 'fetch', 'effect', 'reconcile')
                     AND (due_at <= clock_timestamp() OR failures > 0)))"""
        )
    )


async def left(tx: Connection) -> dict[str, int]:
    """What is still to do, by kind of work; only what is there at all."""
    rows = await tx.fetch(
        """SELECT 'todo' AS what, count(*) AS n FROM todo UNION ALL SELECT 'dirty', count(*) FROM dirty
           UNION ALL SELECT 'fetches', count(*) FROM fetches
           UNION ALL SELECT 'levels pending', count(*) FROM listing_levels WHERE pending
           UNION ALL SELECT 'levels unseen', count(*) FROM listing_levels WHERE unseen > 0
           UNION ALL SELECT 'outbox ' || status, count(*) FROM outbox WHERE status IN ('pending', 'rejected') GROUP BY status
           UNION ALL SELECT 'drifts ' || status, count(*) FROM drifts WHERE status IN ('watching', 'told') GROUP BY status
           UNION ALL SELECT 'connections ' || status, count(*) FROM connections WHERE status <> 'active' GROUP BY status
           UNION ALL SELECT 'failed ' || kind || ': ' || last_error, count(*) FROM schedule
             WHERE failures > 0 GROUP BY kind, last_error"""
    )
    return {row["what"]: row["n"] for row in rows if row["n"]}


async def newest_delivery(tx: Connection) -> int:
    """The id of the newest delivery; 0 when there is none."""
    return int(await tx.fetchval("SELECT coalesce(max(delivery_id), 0) FROM deliveries"))


async def understood(tx: Connection, newest: int) -> bool:
    """Whether no delivery up to *newest* waits any more."""
    return not await tx.fetchval("SELECT EXISTS (SELECT FROM todo WHERE delivery_id <= $1)", newest)


async def held(tx: Connection) -> dict[tuple[str, int, int], int]:
    """Pieces of work that somebody holds by a lease, with its epoch: (kind, merchant, delivery or connection)."""
    rows = await tx.fetch(
        """SELECT 'todo' AS kind, merchant_id, delivery_id AS id, epoch::bigint FROM todo
           WHERE lease_until > clock_timestamp()
           UNION ALL SELECT kind, merchant_id, connection_id, epoch FROM schedule WHERE lease_until > clock_timestamp()"""
    )
    return {(row["kind"], row["merchant_id"], row["id"]): row["epoch"] for row in rows}


async def still_held(tx: Connection, pieces: Mapping[tuple[str, int, int], int]) -> set[tuple[str, int, int]]:
    """Of *pieces* (`held`), those that nobody has taken over or done since."""
    rows = await tx.fetch(
        """SELECT k, m, i FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) AS p (k, m, i, e)
           WHERE CASE WHEN k = 'todo'
             THEN EXISTS (SELECT FROM todo WHERE merchant_id = m AND delivery_id = i AND epoch = e)
             ELSE EXISTS (SELECT FROM schedule WHERE merchant_id = m AND connection_id = i AND kind = k AND epoch = e)
           END""",
        [kind for kind, _, _ in pieces],
        [merchant_id for _, merchant_id, _ in pieces],
        [number for _, _, number in pieces],
        list(pieces.values()),
    )
    return {(row["k"], row["m"], row["i"]) for row in rows}


async def reconciled(tx: Connection) -> bool:
    """Whether everything was read back, and nothing is left that differs or is on its way."""
    return bool(
        await tx.fetchval(
            """SELECT NOT EXISTS (SELECT FROM reconciles WHERE finished_at IS NULL)
                 AND NOT EXISTS (SELECT FROM drifts WHERE status IN ('watching', 'told'))
                 AND NOT EXISTS (SELECT FROM listing_levels WHERE unseen > 0 OR pending)"""
        )
    )


async def cataloged(tx: Connection, connection_ids: list[int], listings: int) -> bool:
    """Whether the catalogues of *connection_ids* are known, with *listings* levelled each."""
    return bool(
        await tx.fetchval(
            """SELECT coalesce(bool_and(n >= $2), false) FROM unnest($1::bigint[]) AS k (c)
               CROSS JOIN LATERAL (SELECT count(*) AS n FROM listing_levels ll
                 WHERE ll.connection_id = k.c AND ll.variant_id IS NOT NULL AND ll.predicted IS NOT NULL) x""",
            connection_ids,
            listings,
        )
    )
