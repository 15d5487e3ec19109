"""Levels as a look at their channel compares them, and what a look changes of them. Rows are locked in key order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from core.store.database import Connection, Row, columns
from core.store.reconciles import COMPARED

# What `core.rules.drift.Known` is made of, with the difference that is open already.
_LEVEL = f"""SELECT ll.listing_id, ll.channel_location_id, l.channel_stock_id, ll.variant_id, l.units AS units_each,
    ll.desired, ll.predicted, ll.unseen - ll.assumed AS unseen, ll.unseen_at, ll.maybe,
    ll.own_sales, ll.own_moved_at, ll.confirmed_at,
    CASE WHEN l.matched_by = 'sku' THEN v.sku END AS matched_sku,
    ll.pending, ll.strict, ll.frozen,
    EXISTS (SELECT FROM dirty x WHERE x.merchant_id = ll.merchant_id AND x.variant_id = ll.variant_id) AS dirty,
    d.drift_id, d.kind, d.status, d.units, d.expected, d.looked_at, d.looks, d.undoes_write, d.since, d.found_at,
    d.own_sales AS own_sales_then, d.settled_at, d.healed_by, d.words
  FROM listing_levels ll JOIN listings l USING (merchant_id, connection_id, listing_id)
  JOIN variants v ON v.merchant_id = ll.merchant_id AND v.variant_id = ll.variant_id
  LEFT JOIN drifts d ON d.merchant_id = ll.merchant_id AND d.connection_id = ll.connection_id
    AND d.listing_id = ll.listing_id AND d.channel_location_id = ll.channel_location_id AND d.closed_at IS NULL
  WHERE ll.merchant_id = $1 AND ll.connection_id = $2 AND {COMPARED}"""
_ORDER = "ORDER BY ll.listing_id, ll.channel_location_id"
_LOCKED = "FOR UPDATE OF ll"


async def lock(
    tx: Connection, merchant_id: int, connection_id: int, items: Collection[tuple[str, str]]
) -> list[Row]:
    """The levels behind (stock id, location) pairs of a channel."""
    rows = await tx.fetch(
        f"""{_LEVEL} AND l.channel_stock_id = ANY ($3::text[]) AND ll.channel_location_id = ANY ($4::text[])
           {_ORDER} {_LOCKED}""",
        merchant_id,
        connection_id,
        [stock_id for stock_id, _ in items],
        list({location for _, location in items}),
    )
    return [row for row in rows if (row["channel_stock_id"], row["channel_location_id"]) in items]


async def listings_of(
    tx: Connection, merchant_id: int, connection_id: int, stock_ids: Sequence[str]
) -> dict[str, list[int]]:
    """The listings behind stock ids of a channel."""
    rows = await tx.fetch(
        """SELECT channel_stock_id, array_agg(listing_id ORDER BY listing_id) AS listings FROM listings
           WHERE merchant_id = $1 AND connection_id = $2 AND channel_stock_id = ANY ($3::text[]) GROUP BY 1""",
        merchant_id,
        connection_id,
        list(stock_ids),
    )
    return {row["channel_stock_id"]: row["listings"] for row in rows}


async def lock_unread(
    tx: Connection, merchant_id: int, connection_id: int, since: datetime, limit: int
) -> list[Row]:
    """Levels that the channel has shown to no page read *since*, though it had been told of them by then."""
    return await tx.fetch(
        f"""{_LEVEL} AND ll.predicted IS NOT NULL AND (ll.live_at IS NULL OR ll.live_at < $3) AND l.seen_at < $3
           {_ORDER} LIMIT $4 {_LOCKED}""",
        merchant_id,
        connection_id,
        since,
        limit,
    )


async def watched(
    tx: Connection, merchant_id: int, connection_id: int, *, locked: Sequence[int] = ()
) -> list[Row]:
    """Levels with an open difference, or of which a write noticed missing units; only those of *locked* listings, and
    these are locked, where there are any.
    """
    only, lock_them = ("AND ll.listing_id = ANY ($3::bigint[])", _LOCKED) if locked else ("", "")
    return await tx.fetch(
        f"""{_LEVEL} AND (ll.listing_id, ll.channel_location_id) IN (
             SELECT listing_id, channel_location_id FROM drifts
             WHERE merchant_id = $1 AND connection_id = $2 AND closed_at IS NULL
             UNION SELECT listing_id, channel_location_id FROM listing_levels
             WHERE merchant_id = $1 AND connection_id = $2 AND unseen > assumed) {only} {_ORDER} {lock_them}""",
        merchant_id,
        connection_id,
        *([list(locked)] if locked else []),
    )


async def last_writes(tx: Connection, merchant_id: int, connection_id: int, rows: Sequence[Row]) -> list[Row]:
    """The last try to write each of these levels: listing_id, channel_location_id, started_at, finished_at, predicted,
    written.
    """
    return await tx.fetch(
        """SELECT r.l AS listing_id, r.loc AS channel_location_id, a.started_at, a.finished_at, a.predicted, a.written
           FROM unnest($3::bigint[], $4::text[]) AS r (l, loc)
           CROSS JOIN LATERAL (SELECT * FROM push_attempts a WHERE a.merchant_id = $1 AND a.listing_id = r.l
             AND a.connection_id = $2 AND a.channel_location_id = r.loc
             ORDER BY a.started_at DESC, a.epoch DESC LIMIT 1) a""",
        merchant_id,
        connection_id,
        [row["listing_id"] for row in rows],
        [row["channel_location_id"] for row in rows],
    )


async def put_live(
    tx: Connection, merchant_id: int, connection_id: int, rows: Sequence[dict[str, Any]], at: datetime
) -> None:
    """What levels showed by a look that began *at*, and what that was taken for: rows of a level's key, live, live_as."""
    await tx.execute(
        """UPDATE listing_levels ll SET live = r.q, live_at = $7, live_as = r.k
           FROM unnest($3::bigint[], $4::text[], $5::int[], $6::text[]) AS r (l, loc, q, k)
           WHERE ll.merchant_id = $1 AND ll.connection_id = $2 AND ll.listing_id = r.l
             AND ll.channel_location_id = r.loc""",
        merchant_id,
        connection_id,
        *columns(rows, "listing_id", "channel_location_id", "live", "live_as"),
        at,
    )


async def put_known(
    tx: Connection, merchant_id: int, connection_id: int, rows: Sequence[dict[str, Any]], now: datetime
) -> list[Row]:
    """What levels are known to show by now: rows of a level's key, predicted and unseen (without what is only
    assumed). *echoed*: its last try is known to have come through, so no answer is missing any more. *booked*: the ledger
    has changed with it, and it is levelled anew before it is told. Returns the levels' keys with whether they are *pending*.
    """
    return await tx.fetch(
        """UPDATE listing_levels ll SET predicted = r.p, unseen = r.u + ll.assumed,
             unseen_at = CASE WHEN r.u + ll.assumed = 0 THEN NULL WHEN r.u + ll.assumed > ll.unseen THEN $9::timestamptz
               ELSE ll.unseen_at END,
             maybe = CASE WHEN r.e THEN NULL ELSE ll.maybe END,
             confirmed = CASE WHEN r.e THEN r.p ELSE ll.confirmed END,
             confirmed_at = CASE WHEN r.e THEN $9::timestamptz ELSE ll.confirmed_at END,
             possible = greatest(ll.possible, r.p + r.u + ll.assumed - ll.unshipped),
             pending = (NOT r.b AND r.p <> greatest(0, ll.desired + ll.unshipped - r.u - ll.assumed))
               OR (ll.maybe IS NOT NULL AND NOT r.e)
               OR (ll.strict AND greatest(ll.possible, r.p + r.u + ll.assumed - ll.unshipped) > ll.desired)
           FROM unnest($3::bigint[], $4::text[], $5::int[], $6::int[], $7::boolean[], $8::boolean[])
             AS r (l, loc, p, u, e, b)
           WHERE ll.merchant_id = $1 AND ll.connection_id = $2 AND ll.listing_id = r.l
             AND ll.channel_location_id = r.loc
           RETURNING ll.listing_id, ll.channel_location_id, ll.pending""",
        merchant_id,
        connection_id,
        *columns(rows, "listing_id", "channel_location_id", "predicted", "unseen", "echoed", "booked"),
        now,
    )


async def may_sell(
    tx: Connection, merchant_id: int, connection_id: int, rows: Sequence[dict[str, Any]]
) -> None:
    """Strict levels that show more than they should may sell that much: their channel is told at once, whoever is right."""
    await tx.execute(
        """UPDATE listing_levels ll SET possible = greatest(ll.possible, r.q + ll.unseen - ll.unshipped),
             pending = ll.pending OR greatest(ll.possible, r.q + ll.unseen - ll.unshipped) > ll.desired
           FROM unnest($3::bigint[], $4::text[], $5::int[]) AS r (l, loc, q)
           WHERE ll.merchant_id = $1 AND ll.connection_id = $2 AND ll.listing_id = r.l
             AND ll.channel_location_id = r.loc AND ll.strict""",
        merchant_id,
        connection_id,
        *columns(rows, "listing_id", "channel_location_id", "live"),
    )


async def close_echoed(
    tx: Connection, merchant_id: int, connection_id: int, rows: Sequence[dict[str, Any]], now: datetime
) -> None:
    """Tries to write these levels that had no answer came through: a look saw what they wrote."""
    await tx.execute(
        """UPDATE push_attempts a SET outcome = 'ok', written = r.p, finished_at = $6, message = 'seen by a look'
           FROM unnest($3::bigint[], $4::text[], $5::int[]) AS r (l, loc, p)
           WHERE a.merchant_id = $1 AND a.connection_id = $2 AND a.listing_id = r.l AND a.channel_location_id = r.loc
             AND a.outcome IS NULL""",
        merchant_id,
        connection_id,
        *columns(rows, "listing_id", "channel_location_id", "predicted"),
        now,
    )
