"""Differences between what channels showed and what they should have shown, from the first look to their end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.store.database import Connection, Row, columns


async def add(
    tx: Connection,
    merchant_id: int,
    connection_id: int,
    reconcile_id: int | None,
    rows: Sequence[dict[str, Any]],
) -> None:
    """New differences: rows of a level's key, kind, status, units, expected, live, undoes_write, own_sales, since,
    found_at, looked_at, closed_at, healed_by, words. A level has one open difference at a time: another is left out.
    """
    await tx.execute(
        """INSERT INTO drifts (merchant_id, connection_id, reconcile_id, listing_id, channel_location_id, kind, status,
             units, expected, live, undoes_write, own_sales, since, found_at, looked_at, closed_at, healed_by, words)
           SELECT $1, $2, $3, r.* FROM unnest($4::bigint[], $5::text[], $6::text[], $7::text[], $8::int[], $9::int[],
             $10::int[], $11::boolean[], $12::bigint[], $13::timestamptz[], $14::timestamptz[], $15::timestamptz[],
             $16::timestamptz[], $17::text[], $18::text[]) AS r
           ON CONFLICT (merchant_id, connection_id, listing_id, channel_location_id) WHERE closed_at IS NULL DO NOTHING""",
        merchant_id,
        connection_id,
        reconcile_id,
        *columns(rows, "listing_id", "channel_location_id", "kind", "status", "units", "expected", "live"),
        *columns(
            rows,
            "undoes_write",
            "own_sales",
            "since",
            "found_at",
            "looked_at",
            "closed_at",
            "healed_by",
            "words",
        ),
    )


async def change(tx: Connection, merchant_id: int, rows: Sequence[dict[str, Any]]) -> None:
    """What open differences are by now: rows of drift_id, kind, status, units, expected, live, looked_at, looks,
    undoes_write, settled_at, closed_at, healed_by, words. One that was closed meanwhile stays as it is.
    """
    await tx.execute(
        """UPDATE drifts d SET kind = r.k, status = r.s, units = r.n, expected = r.e, live = r.q, looked_at = r.at,
             looks = r.times, undoes_write = r.w, settled_at = r.settled, closed_at = r.closed, healed_by = r.by, words = r.t
           FROM unnest($2::bigint[], $3::text[], $4::text[], $5::int[], $6::int[], $7::int[], $8::timestamptz[], $9::int[],
             $10::boolean[], $11::timestamptz[], $12::timestamptz[], $13::text[], $14::text[])
             AS r (id, k, s, n, e, q, at, times, w, settled, closed, by, t)
           WHERE d.merchant_id = $1 AND d.drift_id = r.id AND d.closed_at IS NULL""",
        merchant_id,
        *columns(rows, "drift_id", "kind", "status", "units", "expected", "live", "looked_at", "looks"),
        *columns(rows, "undoes_write", "settled_at", "closed_at", "healed_by", "words"),
    )


async def close_told(tx: Connection, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Channels have confirmed a write to these levels: differences that were to be healed by one are closed."""
    await tx.execute(
        """UPDATE drifts d SET status = 'closed', closed_at = $5
           FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) AS r (m, c, l, loc)
           WHERE d.merchant_id = ANY ($1::bigint[]) AND d.merchant_id = r.m AND d.connection_id = r.c AND d.listing_id = r.l
             AND d.channel_location_id = r.loc AND d.status = 'told' AND d.closed_at IS NULL""",
        *columns(rows, "merchant_id", "connection_id", "listing_id", "channel_location_id"),
        now,
    )


async def add_unexplained(tx: Connection, merchant_id: int, connection_id: int, before: datetime) -> None:
    """Units that a write noticed missing *before*, and that nothing explains, become differences to be settled."""
    await tx.execute(
        """INSERT INTO drifts (merchant_id, connection_id, listing_id, channel_location_id, kind, status, units, expected,
             live, own_sales, since, found_at, looked_at, words)
           SELECT ll.merchant_id, ll.connection_id, ll.listing_id, ll.channel_location_id, 'unseen_order', 'watching',
             ll.assumed - ll.unseen, ll.predicted + ll.unseen - ll.assumed, ll.predicted, ll.own_sales, ll.confirmed_at,
             ll.unseen_at, ll.unseen_at,
             'a write found units missing there'
           FROM listing_levels ll WHERE ll.merchant_id = $1 AND ll.connection_id = $2 AND ll.unseen > ll.assumed
             AND ll.unseen_at <= $3 AND ll.variant_id IS NOT NULL
           ORDER BY ll.listing_id, ll.channel_location_id
           ON CONFLICT (merchant_id, connection_id, listing_id, channel_location_id) WHERE closed_at IS NULL DO NOTHING""",
        merchant_id,
        connection_id,
        before,
    )


async def complete_until(tx: Connection, merchant_id: int, connection_id: int) -> datetime | None:
    """Until when every order the channel listed is counted: the last pull found it and all it found is applied. None
    where that cannot be said.
    """
    found: datetime | None = await tx.fetchval(
        """SELECT c.finished_until FROM checkpoints c
           JOIN checkpoint_log l USING (merchant_id, connection_id, resource, epoch)
           WHERE c.merchant_id = $1 AND c.connection_id = $2 AND c.resource = 'orders'
             AND NOT EXISTS (SELECT FROM todo t JOIN deliveries d USING (merchant_id, delivery_id)
               WHERE t.merchant_id = $1 AND t.connection_id = $2 AND d.received_at <= l.recorded_at)
             AND NOT EXISTS (SELECT FROM fetches f WHERE f.merchant_id = $1 AND f.connection_id = $2
               AND f.wanted_at <= l.recorded_at AND f.attempts < 5)""",
        merchant_id,
        connection_id,
    )
    return found


async def evidence(
    tx: Connection, merchant_id: int, connection_id: int, rows: Sequence[Row]
) -> dict[int, Row]:
    """By listing of *rows*, levels with a difference: *restocked* units of its orders that were cancelled or returned
    since the write before it, those *released* of them that had not left by then and that our counts did not miss from the
    start, and whether anything the channel sent about then is *parked*.
    """
    found = await tx.fetch(
        """SELECT r.l AS listing_id, coalesce(back.restocked, 0)::int AS restocked,
             coalesce(back.released, 0)::int AS released,
             EXISTS (SELECT FROM parked p WHERE p.merchant_id = $1 AND p.connection_id = $2 AND p.resolved_at IS NULL
               AND p.parked_at > r.found - interval '1 hour') AS parked
           FROM unnest($3::bigint[], $4::timestamptz[], $5::timestamptz[]) AS r (l, since, found)
           CROSS JOIN LATERAL (
             SELECT sum(ol.quantity_cancelled + ol.quantity_returned) AS restocked,
               sum(greatest(0, least(ol.quantity_cancelled, ol.quantity - ol.quantity_fulfilled)))
                 FILTER (WHERE ol.moves_stock AND (o.intake IN ('ship', 'reserve_only')
                   OR o.placed_at >= date_trunc('second', c.stock_since))) AS released
             FROM order_lines ol JOIN orders o USING (merchant_id, order_id)
               JOIN connections c USING (merchant_id, connection_id)
             WHERE ol.merchant_id = $1 AND ol.listing_id = r.l AND (ol.quantity_cancelled > 0 OR ol.quantity_returned > 0)
               AND o.connection_id = $2 AND o.stored_at > coalesce(r.since, '-infinity')) back""",
        merchant_id,
        connection_id,
        *([row[name] for row in rows] for name in ("listing_id", "since", "found_at")),
    )
    return {row["listing_id"]: row for row in found}


async def places(
    tx: Connection, merchant_id: int, connection_id: int, rows: Sequence[Row]
) -> dict[tuple[int, str], Row]:
    """Where a difference of a level would be booked: its first shelf. Rows of
    location_id and the connection's name by the level's key; none where it is no variant of its own.
    """
    found = await tx.fetch(
        """SELECT DISTINCT ON (r.l, r.loc) r.l AS listing_id, r.loc AS channel_location_id, cl.location_id,
             c.name AS connection
           FROM unnest($3::bigint[], $4::text[], $5::bigint[]) AS r (l, loc, v)
           JOIN connection_locations cl ON cl.merchant_id = $1 AND cl.connection_id = $2 AND cl.channel_location_id = r.loc
           JOIN connections c ON c.merchant_id = $1 AND c.connection_id = $2
           JOIN stock s ON s.merchant_id = $1 AND s.variant_id = r.v AND s.location_id = cl.location_id
           WHERE NOT EXISTS (SELECT FROM kit_components k WHERE k.merchant_id = $1 AND k.kit_id = r.v)
           ORDER BY r.l, r.loc, cl.location_id""",
        merchant_id,
        connection_id,
        *([row[name] for row in rows] for name in ("listing_id", "channel_location_id", "variant_id")),
    )
    return {(row["listing_id"], row["channel_location_id"]): row for row in found}


async def policies(tx: Connection, merchant_id: int) -> dict[tuple[int, str], str]:
    """Whose count wins, by (connection, kind); connection 0 speaks for those that have no word of their own."""
    rows = await tx.fetch(
        "SELECT connection_id, kind, wins FROM drift_policies WHERE merchant_id = $1", merchant_id
    )
    return {(row["connection_id"], row["kind"]): row["wins"] for row in rows}


async def policies_for_people(tx: Connection) -> list[dict[str, Any]]:
    """Every word about whose count wins, with names; "" for all connections."""
    rows = await tx.fetch(
        """SELECT m.name AS merchant, coalesce(c.name, '') AS connection, p.kind, p.wins, p.set_by, p.set_at
           FROM drift_policies p JOIN merchants m USING (merchant_id)
           LEFT JOIN connections c USING (merchant_id, connection_id) ORDER BY 1, 2, 3"""
    )
    return [dict(row) for row in rows]


async def put_policy(
    tx: Connection,
    merchant_id: int,
    connection_id: int,
    kinds: Sequence[str],
    wins: str,
    by: str,
    now: datetime,
) -> None:
    """Say whose count wins for *kinds* at a connection (0: at all); the word that was there is replaced."""
    await tx.execute(
        """INSERT INTO drift_policies SELECT $1, $2, k, $4, $5, $6 FROM unnest($3::text[]) AS x (k)
           ON CONFLICT (merchant_id, connection_id, kind) DO UPDATE SET wins = excluded.wins, set_by = excluded.set_by,
             set_at = excluded.set_at""",
        merchant_id,
        connection_id,
        list(kinds),
        wins,
        by,
        now,
    )


async def listed(
    tx: Connection,
    *,
    connection_id: int | None = None,
    drift_id: int | None = None,
    whole: bool = False,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Differences for people, the newest first: the open ones, or with *whole* those of the past as well. *heal_s* is from
    when one was found to its end, None while it is open.
    """
    rows = await tx.fetch(
        f"""SELECT d.drift_id, d.merchant_id, d.connection_id, c.name AS connection, l.sku, l.title, d.listing_id,
             d.channel_location_id, d.kind, d.status, d.units, d.expected, d.live, d.found_at, d.settled_at, d.closed_at,
             d.healed_by, d.words, extract(epoch FROM d.closed_at - d.found_at)::float8 AS heal_s
           FROM drifts d JOIN connections c USING (merchant_id, connection_id)
           JOIN listings l USING (merchant_id, connection_id, listing_id)
           WHERE {"true" if whole else "d.closed_at IS NULL"} AND ($1::bigint IS NULL OR d.connection_id = $1)
             AND ($2::bigint IS NULL OR d.drift_id = $2) ORDER BY d.found_at DESC, d.drift_id DESC LIMIT $3""",
        connection_id,
        drift_id,
        limit,
    )
    return [dict(row) for row in rows]


async def open_by_status(tx: Connection) -> list[dict[str, Any]]:
    """How many open differences there are, by connection and status."""
    rows = await tx.fetch(
        """SELECT c.name AS connection, d.status, count(*) AS count FROM drifts d
           JOIN connections c USING (merchant_id, connection_id) WHERE d.closed_at IS NULL GROUP BY 1, 2 ORDER BY 1, 2"""
    )
    return [dict(row) for row in rows]
