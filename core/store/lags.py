"""What was measured of sales: how long news of them took, how fast variants sell, which buffers followed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from core.rules.demand import Tally
from core.rules.lags import BUCKETS, LagModel
from core.store.database import Connection, Row

KEPT = timedelta(days=14)
_HALF = timedelta(days=2)  # what was measured so long ago counts half

TallyKey = tuple[int, int, int, timedelta]  # merchant, connection, variant, half-life
LagKey = tuple[int, int, str, datetime, int]  # merchant, connection, kind, hour, bucket
Passed = Literal["entry_id", "tallied_id"]  # of `measured_until`: up to where sales are measured, or counted


async def lock_progress(tx: Connection, merchants: Iterable[int], now: datetime) -> dict[int, Row]:
    """Merchant -> entry_id, tallied_id, since: how far its sales are measured and counted, and since when. Without those
    that somebody else is at.
    """
    wanted = sorted(set(merchants))
    await tx.execute(
        """INSERT INTO measured_until (merchant_id, entry_id, since)
           SELECT m, 0, $2::timestamptz FROM unnest($1::bigint[]) AS m ON CONFLICT DO NOTHING""",
        wanted,
        now,
    )
    rows = await tx.fetch(
        """SELECT u.merchant_id, u.entry_id, u.tallied_id, u.since
           FROM unnest($1::bigint[]) AS k (merchant_id) JOIN measured_until u USING (merchant_id)
           ORDER BY u.merchant_id FOR UPDATE OF u SKIP LOCKED""",
        wanted,
    )
    return {row["merchant_id"]: row for row in rows}


async def measured_since(tx: Connection, merchant_id: int) -> datetime | None:
    """When measuring a merchant's sales began; None before."""
    found: datetime | None = await tx.fetchval(
        "SELECT since FROM measured_until WHERE merchant_id = $1", merchant_id
    )
    return found


async def move_progress(tx: Connection, passed: Passed, until: Mapping[int, int]) -> None:
    """*until*: merchant -> the last entry of its ledger that was *passed*."""
    await tx.execute(
        f"""UPDATE measured_until u SET {passed} = r.e FROM unnest($1::bigint[], $2::bigint[]) AS r (m, e)
            WHERE u.merchant_id = r.m AND u.{passed} <> r.e""",
        list(until),
        list(until.values()),
    )


async def with_news(tx: Connection, passed: Passed, merchants: Sequence[int]) -> list[int]:
    """Those of *merchants* whose ledger goes on after what was *passed*."""
    rows = await tx.fetch(
        f"""SELECT m.merchant_id FROM unnest($1::bigint[]) AS m (merchant_id) LEFT JOIN measured_until u USING (merchant_id)
            WHERE coalesce(u.{passed}, 0) < (SELECT e.entry_id FROM stock_ledger e
              WHERE e.merchant_id = m.merchant_id ORDER BY e.entry_id DESC LIMIT 1) ORDER BY 1""",
        merchants,
    )
    return [row["merchant_id"] for row in rows]


async def last_entries(tx: Connection, merchants: Iterable[int], until: datetime) -> dict[int, int]:
    """Merchant -> the newest entry of its ledger that was known by *until*; without those that have none."""
    rows = await tx.fetch(
        """SELECT m.merchant_id, e.entry_id FROM unnest($1::bigint[]) AS m (merchant_id) CROSS JOIN LATERAL (
             SELECT entry_id FROM stock_ledger WHERE merchant_id = m.merchant_id AND recorded_at <= $2
             ORDER BY entry_id DESC LIMIT 1) e""",
        list(merchants),
        until,
    )
    return {row["merchant_id"]: row["entry_id"] for row in rows}


async def sales_after(tx: Connection, after: Mapping[int, int], until: datetime, limit: int) -> list[Row]:
    """Units first set aside for orders *after* an entry of each merchant, known by *until*, in the order of the ledgers:
    merchant_id, entry_id, variant_id, units, known_at, connection_id, placed_at; *limit* of each merchant at most. What
    was set aside later, when stock came, is no sale.
    """
    return await tx.fetch(
        """SELECT m.merchant_id, s.* FROM unnest($1::bigint[], $2::bigint[]) AS m (merchant_id, passed) CROSS JOIN LATERAL (
             SELECT e.entry_id, e.variant_id, e.reserved_delta AS units, e.recorded_at AS known_at, o.connection_id,
               o.placed_at
             FROM stock_ledger e JOIN orders o USING (merchant_id, order_id)
             WHERE e.merchant_id = m.merchant_id AND e.entry_id > m.passed AND e.recorded_at <= $3
               AND e.reason = 'reserve' AND e.reserved_delta > 0
               AND e.op_key NOT LIKE 'fill:%' AND e.op_key NOT LIKE 'hand:%'
             ORDER BY e.entry_id LIMIT $4) s ORDER BY m.merchant_id, s.entry_id""",
        list(after),
        list(after.values()),
        until,
        limit,
    )


async def told_after(tx: Connection, sales: Sequence[Row], longest: timedelta) -> list[Row]:
    """For *sales* and each other connection that shows their variant: merchant_id, known_at, connection_id, told_at (None
    where it was not told within *longest*), pending; *sales* of which all that is true are one row.
    """
    return await tx.fetch(
        """SELECT merchant_id, known_at, connection_id, pending, told_at, count(*)::int AS sales FROM (
           SELECT s.merchant_id, s.known_at, l.connection_id, bool_or(ll.pending) AS pending,
             max((SELECT min(a.finished_at) FROM push_attempts a
              WHERE a.merchant_id = s.merchant_id AND a.listing_id = l.listing_id AND a.outcome = 'ok'
                AND a.started_at BETWEEN s.known_at AND s.known_at + $5::interval)) AS told_at
           FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[]) WITH ORDINALITY
             AS s (merchant_id, variant_id, connection_id, known_at, place)
           JOIN listings l ON l.merchant_id = s.merchant_id AND l.variant_id = s.variant_id
             AND l.connection_id <> s.connection_id
           JOIN connections c ON c.merchant_id = s.merchant_id AND c.connection_id = l.connection_id
           JOIN listing_levels ll ON ll.merchant_id = s.merchant_id AND ll.connection_id = l.connection_id
             AND ll.listing_id = l.listing_id
           WHERE l.tracked AND NOT l.bundle AND c.push_stock AND c.status <> 'disconnected'
           GROUP BY s.place, s.merchant_id, s.known_at, l.connection_id, l.listing_id) each GROUP BY 1, 2, 3, 4, 5""",
        *(
            [sale[name] for sale in sales]
            for name in ("merchant_id", "variant_id", "connection_id", "known_at")
        ),
        longest,
    )


async def add_lags(tx: Connection, counts: Mapping[LagKey, int]) -> None:
    """Add measurements: how many there were of each."""
    keys = sorted(counts)
    await tx.execute(
        """INSERT INTO lags (merchant_id, connection_id, kind, hour, bucket, seen)
           SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::smallint[], $6::bigint[])
           ON CONFLICT (merchant_id, connection_id, kind, hour, bucket) DO UPDATE SET seen = lags.seen + excluded.seen""",
        *([key[place] for key in keys] for place in range(5)),
        [counts[key] for key in keys],
    )


async def forget_lags(tx: Connection, merchants: Iterable[int], now: datetime) -> None:
    """Delete what was measured too long ago to count."""
    await tx.execute(
        "DELETE FROM lags WHERE merchant_id = ANY ($1::bigint[]) AND hour < $2", list(merchants), now - KEPT
    )


async def lag_models(tx: Connection, merchant_id: int, now: datetime) -> dict[int, tuple[LagModel, LagModel]]:
    """Connection -> (news, publish) as measured, what is older counting less."""
    rows = await tx.fetch(
        """SELECT connection_id, kind, bucket,
             sum(seen * power(0.5, greatest(0, extract(epoch FROM $2 - hour)) / $3))::float8 AS weight
           FROM lags WHERE merchant_id = $1 GROUP BY 1, 2, 3""",
        merchant_id,
        now,
        _HALF.total_seconds(),
    )
    weights: dict[tuple[int, str], list[float]] = defaultdict(lambda: [0.0] * BUCKETS)
    for row in rows:
        weights[row["connection_id"], row["kind"]][row["bucket"]] = row["weight"]
    return {
        connection_id: (
            LagModel(tuple(weights[connection_id, "news"])),
            LagModel(tuple(weights[connection_id, "publish"])),
        )
        for connection_id in sorted({row["connection_id"] for row in rows})
    }


async def tallies_of(tx: Connection, variants: Iterable[tuple[int, int]]) -> dict[TallyKey, Tally]:
    """What was counted of (merchant, variant) pairs."""
    wanted = sorted(set(variants))
    rows = await tx.fetch(
        """SELECT v.* FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, variant_id)
           JOIN velocities v USING (merchant_id, variant_id)""",
        [merchant_id for merchant_id, _ in wanted],
        [variant_id for _, variant_id in wanted],
    )
    return {
        (row["merchant_id"], row["connection_id"], row["variant_id"], row["half_life"]): Tally(
            row["half_life"], row["since"], row["at"], row["units"], row["orders"], row["squares"]
        )
        for row in rows
    }


async def shares_of(tx: Connection, merchant_id: int) -> dict[int, float]:
    """Connection -> the part of everything the merchant sells that is sold there. One that has sold little yet is taken
    for a bit more; one that nothing is known of is not there.
    """
    rows = await tx.fetch(
        """SELECT connection_id, sum(units) + 1 AS units FROM velocities WHERE merchant_id = $1
           AND half_life = (SELECT max(half_life) FROM velocities WHERE merchant_id = $1) GROUP BY 1""",
        merchant_id,
    )
    everything = sum(row["units"] for row in rows)
    return {row["connection_id"]: row["units"] / everything for row in rows}


async def put_tallies(tx: Connection, tallies: Mapping[TallyKey, Tally]) -> None:
    keys = sorted(tallies)
    found = [tallies[key] for key in keys]
    await tx.execute(
        """INSERT INTO velocities (merchant_id, connection_id, variant_id, half_life, since, at, units, orders, squares)
           SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::interval[], $5::timestamptz[],
             $6::timestamptz[], $7::float8[], $8::float8[], $9::float8[])
           ON CONFLICT (merchant_id, variant_id, connection_id, half_life) DO UPDATE SET at = excluded.at,
             units = excluded.units, orders = excluded.orders, squares = excluded.squares""",
        *([key[place] for key in keys] for place in range(4)),
        [tally.since for tally in found],
        [tally.at for tally in found],
        [tally.units for tally in found],
        [tally.orders for tally in found],
        [tally.squares for tally in found],
    )


async def selling(
    tx: Connection, merchant_id: int, skus: Sequence[str], limit: int, now: datetime
) -> list[int]:
    """Variants that sell, the fastest first; only those of *skus* where some are given, whether they sell or not."""
    rows = await tx.fetch(
        """SELECT v.variant_id FROM variants v LEFT JOIN velocities s USING (merchant_id, variant_id)
           WHERE v.merchant_id = $1 AND CASE WHEN $2::text[] = '{}' THEN s.units > 0 ELSE v.sku = ANY ($2::text[]) END
           GROUP BY 1
           ORDER BY max(s.units * power(0.5, least(1000, extract(epoch FROM $4::timestamptz - s.at)
             / extract(epoch FROM s.half_life)))) DESC NULLS LAST, 1 LIMIT $3""",
        merchant_id,
        list(skus),
        limit,
        now,
    )
    return [row["variant_id"] for row in rows]


async def measured_buffers(
    tx: Connection, merchants: Iterable[int], listings: Sequence[int]
) -> dict[int, int]:
    """Listing -> units to hold back, for those of *listings* that were measured."""
    rows = await tx.fetch(
        """SELECT listing_id, units FROM measured_buffers
           WHERE merchant_id = ANY ($1::bigint[]) AND listing_id = ANY ($2::bigint[])""",
        sorted(set(merchants)),
        listings,
    )
    return {row["listing_id"]: row["units"] for row in rows}


_AMONG = """(${n}::bigint[] IS NULL OR b.listing_id IN (SELECT listing_id FROM listings
             WHERE merchant_id = $1 AND variant_id = ANY (${n}::bigint[])))"""


async def put_measured_buffers(
    tx: Connection,
    merchant_id: int,
    rows: Sequence[tuple[int, int, float]],
    now: datetime,
    among: Iterable[int] | None = None,
) -> list[int]:
    """These (listing, units, expected oversold) are the measured buffers of a merchant, or of the variants *among* which
    was looked, and no others; returns the variants of listings whose buffer changed.
    """
    where = merchant_id, [row[0] for row in rows], [row[1] for row in rows]
    looked_at = None if among is None else sorted(among)
    changed = await tx.fetch(
        f"""SELECT DISTINCT l.variant_id
           FROM (SELECT * FROM measured_buffers b WHERE merchant_id = $1 AND {_AMONG.format(n=4)}) AS b
           FULL JOIN unnest($2::bigint[], $3::int[]) AS r (listing_id, units) USING (listing_id)
           JOIN listings l ON l.merchant_id = $1 AND l.listing_id = coalesce(b.listing_id, r.listing_id)
           WHERE b.units IS DISTINCT FROM r.units AND l.variant_id IS NOT NULL ORDER BY 1""",
        *where,
        looked_at,
    )
    await tx.execute(
        f"""DELETE FROM measured_buffers b WHERE merchant_id = $1 AND listing_id <> ALL ($2::bigint[])
           AND {_AMONG.format(n=3)}""",
        *where[:2],
        looked_at,
    )
    await tx.execute(
        """INSERT INTO measured_buffers (merchant_id, listing_id, units, expected_oversold, measured_at)
           SELECT $1, r.*, $5::timestamptz FROM unnest($2::bigint[], $3::int[], $4::float8[]) AS r
           ON CONFLICT (merchant_id, listing_id) DO UPDATE SET units = excluded.units,
             expected_oversold = excluded.expected_oversold, measured_at = excluded.measured_at""",
        *where,
        [row[2] for row in rows],
        now,
    )
    return [row["variant_id"] for row in changed]


async def with_measured_buffers(tx: Connection, merchants: Sequence[int]) -> list[int]:
    """Those of *merchants* that have any."""
    rows = await tx.fetch(
        """SELECT m FROM unnest($1::bigint[]) AS m
           WHERE EXISTS (SELECT FROM measured_buffers b WHERE b.merchant_id = m) ORDER BY 1""",
        merchants,
    )
    return [row["m"] for row in rows]


async def names_of_listings(tx: Connection, merchant_id: int, listings: Sequence[int]) -> dict[int, Row]:
    """Listing -> sku of its variant, connection name, title."""
    rows = await tx.fetch(
        """SELECT l.listing_id, v.sku, c.name AS connection, l.title FROM listings l
           JOIN variants v USING (merchant_id, variant_id) JOIN connections c USING (merchant_id, connection_id)
           WHERE l.merchant_id = $1 AND l.listing_id = ANY ($2::bigint[])""",
        merchant_id,
        listings,
    )
    return {row["listing_id"]: row for row in rows}


async def skus_of(tx: Connection, merchant_id: int, skus: Sequence[str]) -> set[str]:
    """Those of *skus* that a variant has."""
    rows = await tx.fetch(
        "SELECT sku FROM variants WHERE merchant_id = $1 AND sku = ANY ($2::text[])", merchant_id, list(skus)
    )
    return {row["sku"] for row in rows}
