"""What each listing may sell and what its channel was told: levelled from stock, claimed and confirmed by pushes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.rules.levelling import PACE_HALVES
from core.rules.stock import LONGEST_CALL
from core.store.database import Connection, Row, columns

# How long after it was sent a write may still come about, and after which a sale counts half as much.
_LANDS = f"interval '{LONGEST_CALL.total_seconds()} seconds'"
_HALVES_S = PACE_HALVES.total_seconds()


# What was given up on may still write another number, or have written it since.
_TO_LOOK = "coalesce(ll.late_until > {now} AND (ll.strict OR ll.late <> ll.predicted), false)"
_TO_TELL = """(ll.predicted IS NULL OR ll.predicted <> greatest(0, r.q + ll.unshipped - ll.unseen)
               OR ll.maybe IS NOT NULL OR (r.s AND ll.possible > r.q))"""


async def put_desired(tx: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    """Set wishes; a level is pending unless the channel will show the wish by itself.

    From here on a channel may sell what it is granted. A strict level that may sell more than it should is pending
    until its channel has said what it shows. A wish that has changed is tried though its level was parked.
    """
    to_look = _TO_LOOK.format(now="$6::timestamptz")
    await tx.execute(
        f"""UPDATE listing_levels ll SET desired = r.q,
             desired_seq = ll.desired_seq + (ll.desired IS DISTINCT FROM r.q)::int,
             desired_at = CASE WHEN ll.desired IS DISTINCT FROM r.q THEN $6::timestamptz ELSE ll.desired_at END,
             possible = greatest(ll.possible, r.q), strict = r.s, ahead = r.a, stopped = r.st, frozen = r.f,
             wave = CASE WHEN NOT r.sold OR ll.wave = r.w THEN r.w END,
             parked_at = CASE WHEN ll.desired IS DISTINCT FROM r.q THEN NULL ELSE ll.parked_at END,
             next_at = CASE WHEN ll.failures > 0 THEN ll.next_at WHEN {to_look} AND NOT {_TO_TELL} THEN ll.late_until
               ELSE '-infinity' END,
             pending = {_TO_TELL} OR {to_look}
           FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::int[], $7::boolean[], $8::int[],
             $9::boolean[], $10::boolean[], $11::text[], $12::boolean[]) AS r (m, c, l, loc, q, s, a, st, f, w, sold)
           WHERE ll.merchant_id = r.m AND ll.connection_id = r.c AND ll.listing_id = r.l
             AND ll.channel_location_id = r.loc""",
        *columns(rows, "merchant_id", "connection_id", "listing_id", "channel_location_id", "desired"),
        now,
        *columns(rows, "strict", "ahead", "stopped", "frozen", "wave", "sold"),
    )


async def lock_of_listings(tx: Connection, merchants: Sequence[int], listings: Sequence[int]) -> list[Row]:
    """The levels of listings given as parallel arrays, locked in key order."""
    return await tx.fetch(
        """SELECT ll.merchant_id, ll.connection_id, ll.listing_id, ll.channel_location_id, ll.predicted, ll.unseen,
             ll.unshipped, ll.desired, ll.desired_at, ll.confirmed, ll.confirmed_at, ll.ahead
           FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, listing_id)
           JOIN listing_levels ll USING (merchant_id, listing_id)
           ORDER BY ll.merchant_id, ll.connection_id, ll.listing_id, ll.channel_location_id FOR UPDATE OF ll""",
        merchants,
        listings,
    )


async def sell_ahead(tx: Connection, sold: Sequence[tuple[int, int, int]]) -> None:
    """(merchant, listing, units): sold before they are there, so that many fewer may be until it is levelled anew."""
    await tx.execute(
        """UPDATE listing_levels ll SET ahead = ll.ahead - r.q
           FROM unnest($1::bigint[], $2::bigint[], $3::int[]) AS r (m, l, q)
           WHERE ll.merchant_id = r.m AND ll.listing_id = r.l""",
        [row[0] for row in sold],
        [row[1] for row in sold],
        [row[2] for row in sold],
    )


async def written_near(
    tx: Connection,
    spans: Sequence[tuple[int, int, datetime, datetime]],
    crossing: timedelta,
    longest_call: timedelta,
) -> set[int]:
    """Listings of (merchant, listing, since, until) that were being written, answered or not, in that span: within
    *crossing* of it, since it is two clocks' times that are compared.
    """
    rows = await tx.fetch(
        """SELECT DISTINCT k.listing_id
           FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[])
             AS k (merchant_id, listing_id, since, until)
           JOIN push_attempts a USING (merchant_id, listing_id)
           WHERE a.started_at <= k.until + $5::interval
             AND coalesce(a.finished_at, a.started_at + $6::interval) >= k.since - $5::interval""",
        [span[0] for span in spans],
        [span[1] for span in spans],
        [span[2] for span in spans],
        [span[3] for span in spans],
        crossing,
        longest_call,
    )
    return {row["listing_id"] for row in rows}


async def count_own(tx: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    """The channel changed its own count: `core.rules.stock.after_own_count`, for levels locked before.

    What it may sell goes down with it, in this transaction. *maybe* is what it may show instead, where a write of ours
    may have wiped the change out; then we look again. *sold* units are what its buyers ordered.
    """
    await tx.execute(
        f"""UPDATE listing_levels ll SET own_sales = ll.own_sales + r.q, unshipped = greatest(0, ll.unshipped + r.u),
             unseen = ll.unseen - greatest(0, least(ll.unseen, r.q)),
             assumed = least(ll.assumed, ll.unseen - greatest(0, least(ll.unseen, r.q))),
             predicted = ll.predicted - (r.q - greatest(0, least(ll.unseen, r.q))), maybe = coalesce(ll.maybe, r.y),
             possible = greatest(0, ll.possible - r.q - r.u,
               r.y - greatest(0, ll.unshipped + r.u) + ll.unseen - greatest(0, least(ll.unseen, r.q))),
             pace = CASE WHEN r.sold = 0 THEN ll.pace ELSE r.sold + CASE WHEN ll.pace_at IS NULL THEN 0
               ELSE ll.pace * power(0.5, least(1000,
                 greatest(0, extract(epoch FROM $9::timestamptz - ll.pace_at))::float8 / {_HALVES_S})) END END,
             pace_at = CASE WHEN r.sold = 0 THEN ll.pace_at ELSE $9::timestamptz END,
             own_moved_at = $9::timestamptz
           FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::int[], $6::int[], $7::int[], $8::int[])
             AS r (m, c, l, loc, q, u, y, sold)
           WHERE ll.merchant_id = r.m AND ll.connection_id = r.c AND ll.listing_id = r.l
             AND ll.channel_location_id = r.loc""",
        *columns(rows, "merchant_id", "connection_id", "listing_id", "channel_location_id", "lowered"),
        *columns(rows, "more_unshipped", "maybe", "sold"),
        now,
    )


# We only look again, since a sale may have been wiped out: no try is without an answer.
_ANSWERED = "coalesce(ll.maybe = ll.confirmed AND ll.confirmed_at >= ll.tried_at, false)"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom to tell what is pending, at most *limit* levels of it and none of waves that are *held* (zero, raise); *epoch* is
    that of the lease.
    """

    merchant_id: int
    connection_id: int
    epoch: int
    limit: int
    held: Collection[str] = ()


async def claim(tx: Connection, wanted: Sequence[Wanted], now: datetime) -> list[Row]:
    """Levels to tell channels; an attempt row is written for each before the call. Left alone are frozen levels and parked
    ones.

    Of each channel first what a person stopped, then what goes down, then what goes up; of those the scarcest, of those
    what sells fastest. *maybe* becomes the value about to be written, and the row returns what it was before: a value means
    that the last try never got its answer, and may yet come about for a while, or that it was *answered* and a sale may
    have been wiped out. *late* is the most that one before it may have written, or may still write.
    """
    rows = await tx.fetch(
        f"""SELECT d.* FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::int[], $5::text[])
             AS w (merchant_id, connection_id, epoch, most, held)
           CROSS JOIN LATERAL (
             SELECT ll.merchant_id, ll.connection_id, w.epoch, ll.listing_id, ll.channel_location_id, ll.variant_id,
               ll.desired, ll.desired_seq, ll.predicted, ll.unseen, ll.unshipped, ll.maybe, ll.own_sales, ll.confirmed_at,
               ll.strict, ll.possible, l.channel_stock_id, {_ANSWERED} AS answered,
               CASE WHEN (ll.maybe IS NOT NULL AND NOT {_ANSWERED}) OR ll.late_until > $6 THEN ll.late END AS late
             FROM listing_levels ll JOIN listings l USING (merchant_id, connection_id, listing_id)
             WHERE ll.merchant_id = w.merchant_id AND ll.connection_id = w.connection_id AND ll.pending
               AND ll.next_at <= $6 AND ll.desired IS NOT NULL AND l.tracked AND NOT l.bundle
               AND NOT ll.frozen AND ll.parked_at IS NULL
               AND (ll.wave IS NULL OR ll.wave <> ALL (string_to_array(w.held, ',')))
             ORDER BY ll.stopped DESC, ll.predicted < greatest(0, ll.desired - ll.unseen), ll.desired, ll.pace DESC,
               ll.desired_at, ll.listing_id, ll.channel_location_id LIMIT w.most
             FOR UPDATE OF ll) d""",
        [one.merchant_id for one in wanted],
        [one.connection_id for one in wanted],
        [one.epoch for one in wanted],
        [one.limit for one in wanted],
        [",".join(one.held) for one in wanted],
        now,
    )
    if not rows:
        return rows
    keys = columns(rows, "merchant_id", "connection_id", "listing_id", "channel_location_id")
    await tx.execute(
        f"""UPDATE listing_levels ll SET maybe = greatest(0, ll.desired + ll.unshipped - ll.unseen),
             tried_at = $5::timestamptz,
             late = CASE WHEN ll.maybe IS NULL OR {_ANSWERED} THEN ll.late
               ELSE greatest(ll.maybe, CASE WHEN ll.strict OR ll.late_until > $5::timestamptz THEN ll.late END) END,
             late_until = CASE WHEN ll.maybe IS NULL OR {_ANSWERED} THEN ll.late_until
               ELSE greatest(ll.late_until, ll.tried_at + {_LANDS}) END
           FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) AS r (m, c, l, loc)
           WHERE ll.merchant_id = r.m AND ll.connection_id = r.c AND ll.listing_id = r.l
             AND ll.channel_location_id = r.loc""",
        *keys,
        now,
    )
    await tx.execute(
        """INSERT INTO push_attempts (merchant_id, connection_id, listing_id, channel_location_id, epoch, desired_seq,
             desired, predicted, started_at)
           SELECT r.*, $9::timestamptz FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[],
             $6::bigint[], $7::int[], $8::int[]) AS r
           ON CONFLICT (merchant_id, connection_id, epoch, listing_id, channel_location_id) DO UPDATE SET
             desired_seq = excluded.desired_seq, desired = excluded.desired, predicted = excluded.predicted,
             finished_at = NULL, outcome = NULL, written = NULL, message = ''""",
        *keys,
        *columns(rows, "epoch", "desired_seq", "desired", "predicted"),
        now,
    )
    return rows


# By how much the channel lowered its count itself since the call began, and how much of it the call had noticed missing.
_LOWERED = "(ll.own_sales - r.o)::int"
_KNOWN = f"greatest(0, least(r.u, {_LOWERED}))"
_SHOWS = f"(r.w - ({_LOWERED} - {_KNOWN}))"
# What its number says of units whose orders may still come: it may include unshipped ones, and misses unseen ones.
_MORE = f"(r.u - {_KNOWN} - ll.unshipped)"
# An earlier try without an answer may still write another number, where the channel does not compare.
_LATE = f"(NOT r.cmp AND ll.late IS NOT NULL AND ll.late_until > $8::timestamptz AND (ll.strict OR ll.late <> {_SHOWS}))"


async def confirm(tx: Connection, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """The channel shows *written*; *unseen* units it has sold are still on their way, *fresh* of them since this call.

    What was drained while the call was under way (own_sales moved) counts first against the unseen units; where it is not
    so that the channel *compares* before it sets, the write may have wiped it out, so we look again. What it may sell is now
    what it shows and has sold unseen, unless more was granted meanwhile.

    *assumed* of the unseen units count as sold only because a try without an answer may have come about. *counted* are
    those that would be there if an older one had, which are not counted again if it does so yet. *unsure* ones may be on
    sale again though the channel had sold them during this call.
    """
    await tx.execute(
        f"""UPDATE listing_levels ll SET confirmed = r.w, confirmed_seq = r.s, confirmed_at = $8::timestamptz,
             maybe = CASE WHEN {_LOWERED} <> 0 AND NOT r.cmp THEN r.w END,
             unseen = r.u - {_KNOWN},
             unseen_at = CASE WHEN r.u = 0 THEN NULL WHEN r.f > 0 THEN $8::timestamptz
               ELSE coalesce(ll.unseen_at, $8::timestamptz) END,
             predicted = {_SHOWS},
             possible = greatest(0, {_SHOWS} + {_MORE}, CASE WHEN ll.desired_seq <> r.s THEN ll.desired END,
               CASE WHEN {_LOWERED} <> 0 AND NOT r.cmp THEN r.w + {_MORE} END,
               CASE WHEN {_LATE} THEN ll.late - r.co + {_MORE} END),
             late = CASE WHEN NOT r.cmp AND ll.late_until > $8::timestamptz THEN greatest(0, ll.late - r.co) END,
             assumed = least(ll.assumed + r.a, r.u - {_KNOWN}), unsure = greatest(ll.unsure, r.un),
             unsure_at = CASE WHEN r.un + r.a > 0 THEN $8::timestamptz ELSE ll.unsure_at END,
             pending = {_SHOWS} <> greatest(0, ll.desired + ll.unshipped - (r.u - {_KNOWN}))
               OR ({_LOWERED} <> 0 AND NOT r.cmp) OR {_LATE},
             wave = CASE WHEN ll.desired_seq <> r.s THEN ll.wave END, parked_at = NULL,
             failures = 0, error = '', next_at = CASE WHEN {_LATE} THEN ll.late_until ELSE '-infinity' END
           FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::int[], $7::int[],
             $9::bigint[], $10::int[], $11::boolean[], $12::int[], $13::int[], $14::int[])
             AS r (m, c, l, loc, s, w, u, o, f, cmp, a, co, un)
           WHERE ll.merchant_id = r.m AND ll.connection_id = r.c AND ll.listing_id = r.l
             AND ll.channel_location_id = r.loc""",
        *columns(rows, "merchant_id", "connection_id", "listing_id", "channel_location_id"),
        *columns(rows, "desired_seq", "written", "unseen"),
        now,
        *columns(rows, "own_sales", "fresh", "compares", "assumed", "counted", "unsure"),
    )


async def refuse(tx: Connection, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """These were not written: *maybe* is forgotten where *sure*, the next try waits until *next_at*, or until
    something changes where the level is *parked*. *unsure* units may come to be on sale again though they were sold.
    """
    await tx.execute(
        f"""UPDATE listing_levels ll SET maybe = CASE WHEN r.sure THEN r.before ELSE ll.maybe END,
             failures = ll.failures + 1, error = r.e, next_at = r.n, unsure = greatest(ll.unsure, r.un),
             unsure_at = CASE WHEN r.un > 0 THEN $9::timestamptz + {_LANDS} ELSE ll.unsure_at END,
             parked_at = CASE WHEN r.p AND ll.desired_seq = r.s THEN $9::timestamptz END
           FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::boolean[], $6::int[], $7::text[],
             $8::timestamptz[], $10::boolean[], $11::bigint[], $12::int[])
             AS r (m, c, l, loc, sure, before, e, n, p, s, un)
           WHERE ll.merchant_id = r.m AND ll.connection_id = r.c AND ll.listing_id = r.l
             AND ll.channel_location_id = r.loc""",
        *columns(rows, "merchant_id", "connection_id", "listing_id", "channel_location_id"),
        *columns(rows, "sure", "maybe", "message", "next_at"),
        now,
        *columns(rows, "parked", "desired_seq", "unsure"),
    )


async def close_attempts(tx: Connection, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Write down how the attempts of leases (by their *epoch*) ended."""
    await tx.execute(
        """UPDATE push_attempts a SET finished_at = $9::timestamptz, outcome = r.o, written = r.w, message = r.e
           FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::int[], $8::text[])
             AS r (m, c, l, loc, epoch, o, w, e)
           WHERE a.merchant_id = r.m AND a.connection_id = r.c AND a.epoch = r.epoch AND a.listing_id = r.l
             AND a.channel_location_id = r.loc""",
        *columns(rows, "merchant_id", "connection_id", "listing_id", "channel_location_id"),
        *columns(rows, "epoch", "outcome", "written", "message"),
        now,
    )


async def next_tries(
    tx: Connection, connections: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], datetime | None]:
    """When the next pending level of (merchant, connection) pairs may be tried; None when nothing is, or all of it waits
    for a person.
    """
    rows = await tx.fetch(
        """SELECT k.*, (SELECT min(ll.next_at) FROM listing_levels ll
             WHERE ll.merchant_id = k.m AND ll.connection_id = k.c AND ll.pending AND ll.desired IS NOT NULL
               AND NOT ll.frozen AND ll.parked_at IS NULL AND (ll.wave IS NULL OR NOT EXISTS (SELECT FROM waves w
                 WHERE w.merchant_id = k.m AND w.connection_id = k.c AND w.kind = ll.wave AND w.decided_at IS NULL)))
           FROM unnest($1::bigint[], $2::bigint[]) AS k (m, c)""",
        [merchant_id for merchant_id, _ in connections],
        [connection_id for _, connection_id in connections],
    )
    return {(row[0], row[1]): row[2] for row in rows}
