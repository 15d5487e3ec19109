"""The catalogue: variants, listings, locations, and the matching of one to the other by SKU."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core.model.inventory import ListingSeen
from core.store.database import Connection, Row
from core.store.stock import mark_dirty


async def put_listings(
    tx: Connection, merchant_id: int, connection_id: int, seen: Sequence[ListingSeen], now: datetime
) -> None:
    """Store what a catalogue page shows. A match made before stays; the channel's facts are replaced."""
    await tx.execute(
        """INSERT INTO listings (merchant_id, connection_id, channel_item_id, channel_product_id, channel_stock_id,
             sku, gtin, title, tracked, bundle, seen_at)
           SELECT $1, $2, i, p, s, k, g, t, tr, b, $11
           FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::boolean[],
             $10::boolean[]) AS l (i, p, s, k, g, t, tr, b)
           ON CONFLICT (merchant_id, connection_id, channel_item_id) DO UPDATE SET
             channel_product_id = excluded.channel_product_id, channel_stock_id = excluded.channel_stock_id,
             sku = excluded.sku, gtin = excluded.gtin, title = excluded.title, tracked = excluded.tracked,
             bundle = excluded.bundle, seen_at = excluded.seen_at""",
        merchant_id,
        connection_id,
        [item.channel_item_id for item in seen],
        [item.channel_product_id for item in seen],
        [item.channel_stock_id for item in seen],
        [item.sku for item in seen],
        [item.gtin for item in seen],
        [item.title for item in seen],
        [item.tracked for item in seen],
        [item.bundle for item in seen],
        now,
    )


async def match_by_sku(tx: Connection, merchant_id: int, connection_id: int) -> int:
    """Match unmatched listings to variants by exact SKU, making the variant where there is none.

    A SKU that two variants of the channel share is never matched by itself: a person has to say which is meant,
    unless both are second listings of a variant that exists already. Bundles are not matched. Returns how many were.
    """
    await tx.execute(
        """INSERT INTO variants (merchant_id, sku, title, gtin)
           SELECT $1, sku, min(title), min(gtin) FROM listings
           WHERE merchant_id = $1 AND connection_id = $2 AND sku IS NOT NULL AND variant_id IS NULL AND NOT bundle
           GROUP BY sku ORDER BY sku
           ON CONFLICT (merchant_id, sku) DO NOTHING""",
        merchant_id,
        connection_id,
    )
    status = await tx.execute(
        """UPDATE listings l SET variant_id = v.variant_id, matched_by = 'sku' FROM variants v
           WHERE l.merchant_id = $1 AND l.connection_id = $2 AND l.variant_id IS NULL AND NOT l.bundle
             AND v.merchant_id = l.merchant_id AND v.sku = l.sku""",
        merchant_id,
        connection_id,
    )
    return int(status.rsplit(" ", 1)[-1])


async def put_levels(
    tx: Connection, merchant_id: int, connection_id: int, live: Sequence[tuple[str, str, int]], now: datetime
) -> None:
    """First looks at live quantities: (channel item, channel location, quantity). What is known already stays, and is
    compared by `core.usecases.reconcile`.
    """
    items = [row[0] for row in live]
    known = await tx.fetch(
        """SELECT DISTINCT variant_id FROM listings WHERE merchant_id = $1 AND connection_id = $2
           AND channel_item_id = ANY ($3::text[]) AND variant_id IS NOT NULL""",
        merchant_id,
        connection_id,
        items,
    )
    await mark_dirty(tx, {(merchant_id, row["variant_id"]) for row in known}, now, sold=True)
    await tx.execute(
        """INSERT INTO listing_levels AS ll (merchant_id, connection_id, listing_id, channel_location_id, variant_id,
             predicted, confirmed, confirmed_at, possible)
           SELECT $1, $2, l.listing_id, r.loc, l.variant_id, r.q, r.q, $6, greatest(0, r.q)
           FROM unnest($3::text[], $4::text[], $5::int[]) AS r (item, loc, q)
           JOIN listings l ON l.merchant_id = $1 AND l.connection_id = $2 AND l.channel_item_id = r.item
           WHERE l.tracked AND NOT l.bundle
           ORDER BY l.listing_id
           ON CONFLICT (merchant_id, connection_id, listing_id, channel_location_id) DO UPDATE SET
             variant_id = excluded.variant_id, predicted = coalesce(ll.predicted, excluded.predicted),
             possible = CASE WHEN ll.predicted IS NULL THEN greatest(ll.possible, excluded.possible) ELSE ll.possible END""",
        merchant_id,
        connection_id,
        [row[0] for row in live],
        [row[1] for row in live],
        [row[2] for row in live],
        now,
    )


async def resolve(tx: Connection, wanted: Sequence[tuple[int, int, str | None, str | None]]) -> list[Row]:
    """Listings and variants behind order lines given as (merchant, connection, channel item, sku).

    Row n answers wanted n: listing_id, variant_id, tracked, bundle, units, kit (whether the variant is one). The
    channel's item wins; the SKU helps where the item is not known, first among the connection's listings, then among
    the merchant's variants.
    """
    return await tx.fetch(
        """SELECT w.n, coalesce(li.listing_id, ls.listing_id) AS listing_id, x.variant_id,
             coalesce(li.tracked, ls.tracked) AS tracked, coalesce(li.bundle, ls.bundle, false) AS bundle,
             coalesce(li.units, ls.units, 1) AS units, EXISTS (SELECT FROM kit_components k
               WHERE k.merchant_id = w.m AND k.kit_id = x.variant_id) AS kit
           FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[]) WITH ORDINALITY AS w (m, c, item, sku, n)
           LEFT JOIN listings li ON li.merchant_id = w.m AND li.connection_id = w.c AND li.channel_item_id = w.item
           LEFT JOIN LATERAL (SELECT * FROM listings x WHERE li.listing_id IS NULL AND x.merchant_id = w.m
             AND x.connection_id = w.c AND x.sku = w.sku ORDER BY x.listing_id LIMIT 1) ls ON true
           LEFT JOIN variants v ON v.merchant_id = w.m AND v.sku = w.sku
           CROSS JOIN LATERAL (SELECT coalesce(li.variant_id, ls.variant_id, v.variant_id) AS variant_id) x
           ORDER BY w.n""",
        [row[0] for row in wanted],
        [row[1] for row in wanted],
        [row[2] for row in wanted],
        [row[3] for row in wanted],
    )


async def default_location(tx: Connection, merchant_id: int) -> int:
    """The merchant's first location, made on first use; one that a channel counts only where there is no other."""
    await tx.execute(
        """INSERT INTO locations (merchant_id, name) SELECT $1, 'Main'
           WHERE NOT EXISTS (SELECT FROM locations WHERE merchant_id = $1) ON CONFLICT DO NOTHING""",
        merchant_id,
    )
    return int(
        await tx.fetchval(
            """SELECT location_id FROM locations WHERE merchant_id = $1
               ORDER BY (master = 'channel'), location_id LIMIT 1""",
            merchant_id,
        )
    )


async def locations_named(tx: Connection, merchant_id: int) -> dict[str, int]:
    """The merchant's locations by their names."""
    rows = await tx.fetch("SELECT name, location_id FROM locations WHERE merchant_id = $1", merchant_id)
    return {row["name"]: row["location_id"] for row in rows}


async def map_location_once(
    tx: Connection,
    merchant_id: int,
    connection_id: int,
    channel_location_id: str,
    location_id: int,
    name: str,
) -> None:
    """Put a shelf behind a channel's location when it is seen for the first time: later it is the merchant's choice.

    Its *name* is the channel's, as it was seen last.
    """
    await tx.execute(
        """WITH first AS (
             INSERT INTO channel_locations (merchant_id, connection_id, channel_location_id, name)
             VALUES ($1, $2, $3, $5)
             ON CONFLICT (merchant_id, connection_id, channel_location_id) DO NOTHING
             RETURNING channel_location_id),
           again AS (
             UPDATE channel_locations SET name = $5
             WHERE merchant_id = $1 AND connection_id = $2 AND channel_location_id = $3 AND name <> $5)
           INSERT INTO connection_locations (merchant_id, connection_id, channel_location_id, location_id)
           SELECT $1, $2, channel_location_id, $4 FROM first""",
        merchant_id,
        connection_id,
        channel_location_id,
        location_id,
        name,
    )


async def shelves_of(tx: Connection, connections: Sequence[tuple[int, int]]) -> dict[int, list[int]]:
    """Connection -> the locations its orders may take from, in order of preference."""
    rows = await tx.fetch(
        """SELECT cl.connection_id, cl.location_id, min(cl.channel_location_id) AS first
           FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, connection_id)
           JOIN connection_locations cl USING (merchant_id, connection_id)
           GROUP BY 1, 2 ORDER BY 1, 3, 2""",
        [pair[0] for pair in connections],
        [pair[1] for pair in connections],
    )
    found: dict[int, list[int]] = {}
    for row in rows:
        found.setdefault(row["connection_id"], []).append(row["location_id"])
    return found


async def match_report(tx: Connection, connection_id: int | None) -> dict[str, Any]:
    """What a person has to look at: listings without SKU, SKUs given twice, bundles, unmatched ones."""
    rows = await tx.fetch(
        """SELECT l.connection_id, c.name AS connection, l.channel_item_id, l.sku, l.title, l.tracked, l.bundle,
             l.variant_id IS NOT NULL AS matched,
             l.sku IS NOT NULL AND count(*) OVER (PARTITION BY l.connection_id, l.sku) > 1 AS duplicate
           FROM listings l JOIN connections c USING (merchant_id, connection_id)
           WHERE $1::bigint IS NULL OR l.connection_id = $1 ORDER BY l.connection_id, l.listing_id""",
        connection_id,
    )
    plain = [dict(row) for row in rows]
    return {
        "listings": len(plain),
        "matched": sum(row["matched"] for row in plain),
        "blank_sku": [row for row in plain if row["sku"] is None],
        "duplicate_sku": [row for row in plain if row["duplicate"]],
        "bundles": sum(row["bundle"] for row in plain),
        "untracked": sum(not row["tracked"] for row in plain),
    }


async def catalog_rows(tx: Connection) -> list[dict[str, Any]]:
    """Every listing with its match and levels, for people and for CSV."""
    rows = await tx.fetch(
        """SELECT c.name AS connection, l.channel_item_id, l.channel_product_id, l.sku, l.gtin, l.title, l.tracked,
             l.bundle, v.sku AS variant, l.units, l.matched_by, ll.channel_location_id, ll.desired, ll.confirmed,
             ll.predicted, ll.unseen, ll.pending, ll.error
           FROM listings l JOIN connections c USING (merchant_id, connection_id)
           LEFT JOIN variants v USING (merchant_id, variant_id)
           LEFT JOIN listing_levels ll USING (merchant_id, connection_id, listing_id)
           ORDER BY c.name, l.listing_id, ll.channel_location_id"""
    )
    return [dict(row) for row in rows]


async def match_by_hand(
    tx: Connection, merchant_id: int, rows: Sequence[tuple[int, str, str, int]], now: datetime
) -> int:
    """A merchant's own matches: (connection, channel item, variant SKU, units). Returns how many listings it met."""
    await _make_variants(tx, merchant_id, [row[2] for row in rows])
    found = await tx.fetch(
        """UPDATE listings l SET variant_id = v.variant_id, units = r.u, matched_by = 'merchant'
           FROM unnest($2::bigint[], $3::text[], $4::text[], $5::int[]) AS r (c, i, s, u)
           JOIN variants v ON v.merchant_id = $1 AND v.sku = r.s
           WHERE l.merchant_id = $1 AND l.connection_id = r.c AND l.channel_item_id = r.i
           RETURNING l.listing_id, l.variant_id""",
        merchant_id,
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        [row[3] for row in rows],
    )
    await mark_dirty(tx, {(merchant_id, row["variant_id"]) for row in found}, now)
    await tx.execute(
        """UPDATE listing_levels ll SET variant_id = l.variant_id FROM listings l
           WHERE ll.merchant_id = $1 AND l.merchant_id = $1 AND l.listing_id = ll.listing_id
             AND ll.listing_id = ANY ($2::bigint[])""",
        merchant_id,
        [row["listing_id"] for row in found],
    )
    return len(found)


async def put_variants(tx: Connection, merchant_id: int, skus: Sequence[str]) -> dict[str, int]:
    """The ids of SKUs, made where new."""
    await _make_variants(tx, merchant_id, skus)
    rows = await tx.fetch(
        "SELECT sku, variant_id FROM variants WHERE merchant_id = $1 AND sku = ANY ($2::text[])",
        merchant_id,
        skus,
    )
    return {row["sku"]: row["variant_id"] for row in rows}


async def _make_variants(tx: Connection, merchant_id: int, skus: Sequence[str]) -> None:
    """In the order of their SKUs, as `match_by_sku` makes them: two who make the same ones wait for each other."""
    await tx.execute(
        """INSERT INTO variants (merchant_id, sku)
           SELECT $1, s FROM (SELECT DISTINCT s FROM unnest($2::text[]) AS k (s)) AS wanted ORDER BY s
           ON CONFLICT (merchant_id, sku) DO NOTHING""",
        merchant_id,
        skus,
    )
