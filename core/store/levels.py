"""What each listing may sell and what its channel was told: levelled from stock, claimed and confirmed by pushes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from core.store.database import Connection, Row, columns
from core.store.stock import mark_dirty


async def take_dirty(tx: Connection, limit: int) -> list[tuple[int, int]]:
    """(merchant, variant) pairs to level; their marks are gone when this transaction commits."""
    rows = await tx.fetch(
        """DELETE FROM dirty d USING (SELECT merchant_id, variant_id FROM dirty
             ORDER BY merchant_id, variant_id LIMIT $1 FOR UPDATE SKIP LOCKED) free
           WHERE d.merchant_id = free.merchant_id AND d.variant_id = free.variant_id
           RETURNING d.merchant_id, d.variant_id""",
        limit,
    )
    return sorted((row["merchant_id"], row["variant_id"]) for row in rows)


async def free_by_level(tx: Connection, variants: Sequence[tuple[int, int]]) -> list[Row]:
    """For every level of (merchant, variant) pairs: its key, what is free behind it in units of the listing, and
    its state. Left out, so that nothing is told: a channel location without a shelf, a variant never counted.
    """
    return await tx.fetch(
        """SELECT ll.merchant_id, ll.connection_id, ll.listing_id, ll.channel_location_id, ll.desired AS before,
             ll.predicted, ll.unseen, ll.maybe,
             coalesce(floor(sum(s.on_hand - s.reserved)::numeric / l.units), 0)::int AS free
           FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, variant_id)
           JOIN listing_levels ll USING (merchant_id, variant_id)
           JOIN listings l USING (merchant_id, connection_id, listing_id)
           JOIN connection_locations cl USING (merchant_id, connection_id, channel_location_id)
           JOIN stock s ON s.merchant_id = ll.merchant_id AND s.variant_id = ll.variant_id
             AND s.location_id = cl.location_id
           WHERE l.tracked AND NOT l.bundle
           GROUP BY ll.merchant_id, ll.connection_id, ll.listing_id, ll.channel_location_id, ll.desired, ll.predicted,
             ll.unseen, ll.maybe, l.units
           ORDER BY ll.merchant_id, ll.connection_id, ll.listing_id, ll.channel_location_id""",
        [pair[0] for pair in variants],
        [pair[1] for pair in variants],
    )


async def put_desired(tx: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    """Set wishes; a level is pending unless the channel will show the wish by itself."""
    await tx.execute(
        """UPDATE listing_levels ll SET desired = r.q,
             desired_seq = ll.desired_seq + (ll.desired IS DISTINCT FROM r.q)::int,
             desired_at = CASE WHEN ll.desired IS DISTINCT FROM r.q THEN $6::timestamptz ELSE ll.desired_at END,
             pending = ll.predicted IS NULL OR ll.predicted <> greatest(0, r.q - ll.unseen)
               OR ll.maybe IS NOT NULL
           FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::int[]) AS r (m, c, l, loc, q)
           WHERE ll.merchant_id = r.m AND ll.connection_id = r.c AND ll.listing_id = r.l
             AND ll.channel_location_id = r.loc""",
        *columns(rows, "merchant_id", "connection_id", "listing_id", "channel_location_id", "desired"),
        now,
    )


async def lock_of_listings(tx: Connection, merchants: Sequence[int], listings: Sequence[int]) -> list[Row]:
    """The first level of each listing given as parallel arrays, locked in key order."""
    return await tx.fetch(
        """SELECT ll.merchant_id, ll.connection_id, ll.listing_id, ll.channel_location_id, ll.predicted, ll.unseen,
             ll.desired, ll.desired_at, ll.confirmed, ll.confirmed_at
           FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, listing_id)
           JOIN listing_levels ll USING (merchant_id, listing_id)
           ORDER BY ll.merchant_id, ll.connection_id, ll.listing_id, ll.channel_location_id FOR UPDATE OF ll""",
        merchants,
        listings,
    )


async def written_near(
    tx: Connection, sales: Sequence[tuple[int, int, datetime]], crossing: timedelta, longest_call: timedelta
) -> set[int]:
    """Listings of (merchant, listing, placed at) that were being written, answered or not, when they sold: within
    *crossing* of the time, since it is two clocks' times that are compared.
    """
    rows = await tx.fetch(
        """SELECT DISTINCT k.listing_id FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[])
             AS k (merchant_id, listing_id, placed_at)
           JOIN push_attempts a USING (merchant_id, listing_id)
           WHERE a.started_at <= k.placed_at + $4::interval
             AND coalesce(a.finished_at, a.started_at + $5::interval) >= k.placed_at - $4::interval""",
        [sale[0] for sale in sales],
        [sale[1] for sale in sales],
        [sale[2] for sale in sales],
        crossing,
        longest_call,
    )
    return {row["listing_id"] for row in rows}


async def count_own_sales(tx: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """The channel sold and lowered its own count: `core.rules.stock.after_own_sale`, for levels locked before.

    *maybe* is what it may show instead, where a write of ours may have wiped the sale out; then we look again.
    """
    await tx.execute(
        """UPDATE listing_levels ll SET own_sales = ll.own_sales + r.q,
             unseen = ll.unseen - least(ll.unseen, r.q),
             predicted = ll.predicted - (r.q - least(ll.unseen, r.q)), maybe = coalesce(ll.maybe, r.y)
           FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::int[], $6::int[])
             AS r (m, c, l, loc, q, y)
           WHERE ll.merchant_id = r.m AND ll.connection_id = r.c AND ll.listing_id = r.l
             AND ll.channel_location_id = r.loc""",
        *columns(
            rows, "merchant_id", "connection_id", "listing_id", "channel_location_id", "quantity", "maybe"
        ),
    )


async def claim(
    tx: Connection, merchant_id: int, connection_id: int, epoch: int, limit: int, now: datetime
) -> list[Row]:
    """Levels to tell this channel, hottest wish first; an attempt row is written for each before the call.

    *maybe* becomes the value about to be written, and the row returns what it was before: a value means that the
    last try never got its answer.
    """
    rows = await tx.fetch(
        """SELECT ll.listing_id, ll.channel_location_id, ll.desired, ll.desired_seq, ll.predicted, ll.unseen, ll.maybe,
             ll.own_sales, ll.confirmed_at, l.channel_stock_id
           FROM listing_levels ll JOIN listings l USING (merchant_id, connection_id, listing_id)
           WHERE ll.merchant_id = $1 AND ll.connection_id = $2 AND ll.pending AND ll.next_at <= $4
             AND ll.desired IS NOT NULL AND l.tracked AND NOT l.bundle
           ORDER BY ll.desired, ll.desired_at, ll.listing_id, ll.channel_location_id LIMIT $3
           FOR UPDATE OF ll""",
        merchant_id,
        connection_id,
        limit,
        now,
    )
    keys = [row["listing_id"] for row in rows], [row["channel_location_id"] for row in rows]
    await tx.execute(
        """UPDATE listing_levels ll SET maybe = greatest(0, ll.desired - ll.unseen)
           FROM unnest($3::bigint[], $4::text[]) AS r (l, loc)
           WHERE ll.merchant_id = $1 AND ll.connection_id = $2 AND ll.listing_id = r.l
             AND ll.channel_location_id = r.loc""",
        merchant_id,
        connection_id,
        *keys,
    )
    await tx.execute(
        """INSERT INTO push_attempts (merchant_id, connection_id, epoch, listing_id, channel_location_id, desired_seq,
             desired, predicted, started_at)
           SELECT $1, $2, $3, r.*, $9::timestamptz
           FROM unnest($4::bigint[], $5::text[], $6::bigint[], $7::int[], $8::int[]) AS r (l, loc, s, d, p)
           ON CONFLICT (merchant_id, connection_id, epoch, listing_id, channel_location_id) DO UPDATE SET
             desired_seq = excluded.desired_seq, desired = excluded.desired, predicted = excluded.predicted,
             finished_at = NULL, outcome = NULL, written = NULL, message = ''""",
        merchant_id,
        connection_id,
        epoch,
        *keys,
        [row["desired_seq"] for row in rows],
        [row["desired"] for row in rows],
        [row["predicted"] for row in rows],
        now,
    )
    return rows


async def confirm(
    tx: Connection,
    merchant_id: int,
    connection_id: int,
    rows: Sequence[dict[str, Any]],
    now: datetime,
    *,
    compares: bool,
) -> None:
    """The channel shows *written*; *unseen* units it has sold are still on their way, *fresh* of them since this call.

    Sales that were drained while the call was under way (own_sales grew) count first against the unseen ones; where
    the channel does not *compare* before it sets, the write may have wiped them out, so we look again.
    """
    await tx.execute(
        """UPDATE listing_levels ll SET confirmed = r.w, confirmed_seq = r.s, confirmed_at = $8::timestamptz,
             maybe = CASE WHEN ll.own_sales > r.o AND NOT $11 THEN r.w END,
             unseen = r.u - least(r.u, (ll.own_sales - r.o)::int),
             unseen_at = CASE WHEN r.u = 0 THEN NULL WHEN r.f > 0 THEN $8::timestamptz
               ELSE coalesce(ll.unseen_at, $8::timestamptz) END,
             predicted = r.w - ((ll.own_sales - r.o)::int - least(r.u, (ll.own_sales - r.o)::int)),
             pending = r.w - ((ll.own_sales - r.o)::int - least(r.u, (ll.own_sales - r.o)::int))
               <> greatest(0, ll.desired - r.u + least(r.u, (ll.own_sales - r.o)::int))
               OR (ll.own_sales > r.o AND NOT $11),
             failures = 0, error = '', next_at = '-infinity'
           FROM unnest($3::bigint[], $4::text[], $5::bigint[], $6::int[], $7::int[], $9::bigint[], $10::int[])
             AS r (l, loc, s, w, u, o, f)
           WHERE ll.merchant_id = $1 AND ll.connection_id = $2 AND ll.listing_id = r.l
             AND ll.channel_location_id = r.loc""",
        merchant_id,
        connection_id,
        *columns(rows, "listing_id", "channel_location_id", "desired_seq", "written", "unseen"),
        now,
        *columns(rows, "own_sales", "fresh"),
        compares,
    )


async def refuse(
    tx: Connection, merchant_id: int, connection_id: int, rows: Sequence[dict[str, Any]]
) -> None:
    """These were not written: *maybe* is forgotten where *sure*, the next try waits until *next_at*."""
    await tx.execute(
        """UPDATE listing_levels ll SET maybe = CASE WHEN r.sure THEN r.before ELSE ll.maybe END,
             failures = ll.failures + 1, error = r.e, next_at = r.n
           FROM unnest($3::bigint[], $4::text[], $5::boolean[], $6::int[], $7::text[], $8::timestamptz[])
             AS r (l, loc, sure, before, e, n)
           WHERE ll.merchant_id = $1 AND ll.connection_id = $2 AND ll.listing_id = r.l
             AND ll.channel_location_id = r.loc""",
        merchant_id,
        connection_id,
        *columns(rows, "listing_id", "channel_location_id", "sure", "maybe", "message", "next_at"),
    )


async def close_attempts(
    tx: Connection,
    merchant_id: int,
    connection_id: int,
    epoch: int,
    rows: Sequence[dict[str, Any]],
    now: datetime,
) -> None:
    """Write down how the attempts of this lease ended."""
    await tx.execute(
        """UPDATE push_attempts a SET finished_at = $8::timestamptz, outcome = r.o, written = r.w, message = r.e
           FROM unnest($4::bigint[], $5::text[], $6::text[], $7::int[], $9::text[]) AS r (l, loc, o, w, e)
           WHERE a.merchant_id = $1 AND a.connection_id = $2 AND a.epoch = $3 AND a.listing_id = r.l
             AND a.channel_location_id = r.loc""",
        merchant_id,
        connection_id,
        epoch,
        *columns(rows, "listing_id", "channel_location_id", "outcome", "written"),
        now,
        [row["message"] for row in rows],
    )


async def next_try(tx: Connection, merchant_id: int, connection_id: int) -> datetime | None:
    """When the next pending level may be tried; None when nothing is pending."""
    found: datetime | None = await tx.fetchval(
        """SELECT min(next_at) FROM listing_levels
           WHERE merchant_id = $1 AND connection_id = $2 AND pending AND desired IS NOT NULL""",
        merchant_id,
        connection_id,
    )
    return found


async def forget_unseen(
    tx: Connection, merchant_id: int, connection_id: int, before: datetime, now: datetime
) -> int:
    """Give up on sales that were to come since *before*: a pull has shown that there are none. Returns how many
    levels are levelled anew (somebody edited the count at the channel; the hub's count wins).
    """
    rows = await tx.fetch(
        """SELECT listing_id, channel_location_id, variant_id FROM listing_levels
           WHERE merchant_id = $1 AND connection_id = $2 AND unseen > 0 AND unseen_at < $3""",
        merchant_id,
        connection_id,
        before,
    )
    if not rows:
        return 0
    variants = {(merchant_id, row["variant_id"]) for row in rows if row["variant_id"] is not None}
    await mark_dirty(tx, variants, now)
    await tx.execute(
        """UPDATE listing_levels ll SET unseen = 0, unseen_at = NULL, pending = true
           FROM unnest($3::bigint[], $4::text[]) AS r (l, loc)
           WHERE ll.merchant_id = $1 AND ll.connection_id = $2 AND ll.listing_id = r.l
             AND ll.channel_location_id = r.loc AND ll.unseen_at < $5""",
        merchant_id,
        connection_id,
        [row["listing_id"] for row in rows],
        [row["channel_location_id"] for row in rows],
        before,
    )
    return len(rows)
