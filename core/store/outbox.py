"""What channels and carriers have to be told, and every attempt to tell them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.store.database import Connection, Row, columns


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing to tell. *entity* names what it is about: of one entity, one thing is told at a time. The same *op_key*
    twice is one wish.
    """

    connection_id: int
    kind: str
    entity: str
    subject_id: int
    op_key: str
    detail: dict[str, str]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A wish that is told now. *look_first*: there was an earlier attempt, or may have been one before a restore, and of a
    conversation of several calls some may have had their effect, however it ended; *vanished*: so many attempts in a row
    never said how they ended.
    """

    effect_id: int
    kind: str
    subject_id: int
    detail: dict[str, str]
    key: str
    created_at: datetime
    attempts: int
    attempt: int
    look_first: bool
    vanished: int


async def add(tx: Connection, merchant_id: int, wishes: Sequence[Wish], now: datetime) -> None:
    """Keep *wishes*; those that are kept already stay as they are."""
    await tx.execute(
        """INSERT INTO outbox (merchant_id, connection_id, kind, entity, subject_id, op_key, detail, key, next_at,
             created_at)
           SELECT $1, c, k, e, s, o, d, gen_random_uuid(), $2, $2
           FROM unnest($3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::jsonb[])
             AS w (c, k, e, s, o, d)
           ON CONFLICT (merchant_id, op_key) DO NOTHING""",
        merchant_id,
        now,
        [w.connection_id for w in wishes],
        [w.kind for w in wishes],
        [w.entity for w in wishes],
        [w.subject_id for w in wishes],
        [w.op_key for w in wishes],
        [w.detail for w in wishes],
    )


async def claim(
    tx: Connection,
    merchant_id: int,
    connection_id: int,
    epoch: int,
    kinds: Sequence[str],
    limit: int,
    now: datetime,
) -> list[Claimed]:
    """The oldest wish of each entity that is due, with an attempt written for it before anything is told.

    Only for the holder of the connection's lease. Where a newer word about a parcel waits, the older is not told.
    """
    await _supersede(tx, merchant_id, connection_id, now)
    rows = await tx.fetch(
        """WITH waiting AS (
             SELECT o.merchant_id, o.effect_id, o.next_at,
               -- What was told when its worker died may be why: it is told alone, after all others.
               o.attempts > 0 AND EXISTS (SELECT FROM effect_attempts a WHERE a.merchant_id = $1
                 AND a.effect_id = o.effect_id AND a.outcome IS NULL AND NOT EXISTS (
                   SELECT FROM effect_attempts s WHERE s.merchant_id = $1 AND s.effect_id = a.effect_id
                     AND s.attempt > a.attempt)) AS suspect
             FROM outbox o
             WHERE o.merchant_id = $1 AND o.connection_id = $2 AND o.status = 'pending' AND o.next_at <= $3
               AND o.kind = ANY ($4::text[]) AND NOT EXISTS (SELECT FROM outbox b WHERE b.merchant_id = $1
                 AND b.connection_id = $2 AND b.status = 'pending' AND b.entity = o.entity
                 AND b.effect_id < o.effect_id)
           ), due AS (
             SELECT merchant_id, effect_id FROM (SELECT w.*, row_number() OVER (
               ORDER BY w.suspect, w.next_at, w.effect_id) AS turn FROM waiting w) w
             WHERE turn <= $5 AND (NOT suspect OR turn = 1)
           ), counted AS (
             UPDATE outbox o SET attempts = o.attempts + 1 FROM due
             WHERE o.merchant_id = due.merchant_id AND o.effect_id = due.effect_id
             RETURNING o.effect_id, o.kind, o.subject_id, o.detail, o.key, o.created_at, o.attempts
           ), made AS (
             INSERT INTO effect_attempts (merchant_id, effect_id, attempt, connection_id, epoch, started_at)
             SELECT $1, c.effect_id, 1 + (SELECT count(*) FROM effect_attempts a
               WHERE a.merchant_id = $1 AND a.effect_id = c.effect_id), $2, $6, $3 FROM counted c
             RETURNING effect_id, attempt
           )
           SELECT c.*, c.key::text AS key, m.attempt,
             -- What is known again after a restore may have been told before it.
             m.attempt > 1 OR EXISTS (SELECT FROM connections n WHERE n.merchant_id = $1 AND n.connection_id = $2
               AND c.created_at < n.restored_at + interval '30 days') AS look_first,
             (SELECT count(*) FROM effect_attempts a WHERE a.merchant_id = $1 AND a.effect_id = c.effect_id
               AND a.outcome IS NULL AND a.attempt > coalesce((SELECT max(s.attempt) FROM effect_attempts s
                 WHERE s.merchant_id = $1 AND s.effect_id = c.effect_id AND s.outcome IS NOT NULL), 0)) AS vanished
           FROM counted c JOIN made m USING (effect_id) ORDER BY c.effect_id""",
        merchant_id,
        connection_id,
        now,
        list(kinds),
        limit,
        epoch,
    )
    return [_claimed(row) for row in rows]


async def _supersede(tx: Connection, merchant_id: int, connection_id: int, now: datetime) -> None:
    """Give up words about a parcel that a newer one replaces; an attempt that never ended stays unknown for good."""
    await tx.execute(
        """WITH old AS (
             UPDATE outbox o SET status = 'superseded', finished_at = $3
             WHERE o.merchant_id = $1 AND o.connection_id = $2 AND o.status = 'pending' AND o.kind = 'tracking'
               AND EXISTS (SELECT FROM outbox n WHERE n.merchant_id = $1 AND n.connection_id = $2
                 AND n.status = 'pending' AND n.kind = 'tracking' AND n.entity = o.entity
                 AND n.subject_id = o.subject_id AND n.detail ->> 'parcel_id' = o.detail ->> 'parcel_id'
                 AND n.effect_id > o.effect_id)
             RETURNING o.effect_id)
           UPDATE effect_attempts a SET outcome = 'unknown', finished_at = $3 FROM old
           WHERE a.merchant_id = $1 AND a.effect_id = old.effect_id AND a.outcome IS NULL""",
        merchant_id,
        connection_id,
        now,
    )


def _claimed(row: Row) -> Claimed:
    fields = {**dict(row), "key": str(row["key"])}
    return Claimed(**fields)


async def settle(tx: Connection, merchant_id: int, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    """Write down how attempts ended and what has become of their wishes.

    Each row: effect_id, attempt, outcome, repeated, message, status, next_at (None: over), counts.
    """
    await tx.execute(
        """UPDATE effect_attempts a SET finished_at = $2, outcome = r.o, repeated = r.p, message = r.m
           FROM unnest($3::bigint[], $4::int[], $5::text[], $6::boolean[], $7::text[]) AS r (e, n, o, p, m)
           WHERE a.merchant_id = $1 AND a.effect_id = r.e AND a.attempt = r.n""",
        merchant_id,
        now,
        *columns(rows, "effect_id", "attempt", "outcome", "repeated", "message"),
    )
    await tx.execute(
        """UPDATE outbox o SET status = r.s, next_at = coalesce(r.n, o.next_at), error = r.m,
             attempts = o.attempts - CASE WHEN r.c THEN 0 ELSE 1 END,
             finished_at = CASE WHEN r.s <> 'pending' THEN $2::timestamptz END
           FROM unnest($3::bigint[], $4::text[], $5::timestamptz[], $6::boolean[], $7::text[]) AS r (e, s, n, c, m)
           WHERE o.merchant_id = $1 AND o.effect_id = r.e AND o.status = 'pending'""",
        merchant_id,
        now,
        *columns(rows, "effect_id", "status", "next_at", "counts", "message"),
    )


async def next_due(
    tx: Connection, merchant_id: int, connection_id: int, kinds: Sequence[str]
) -> datetime | None:
    """When the next of these kinds of wishes may be told, what stands before it of its entity being over; None when
    none waits.
    """
    found: datetime | None = await tx.fetchval(
        """SELECT min(next_at) FROM (SELECT DISTINCT ON (entity) kind, next_at FROM outbox
             WHERE merchant_id = $1 AND connection_id = $2 AND status = 'pending' ORDER BY entity, effect_id) first
           WHERE kind = ANY ($3::text[])""",
        merchant_id,
        connection_id,
        list(kinds),
    )
    return found


async def ask_again(tx: Connection, merchant_id: int, effect_ids: Sequence[int], now: datetime) -> list[int]:
    """Let refused wishes be told once more; returns the connections concerned."""
    rows = await tx.fetch(
        """UPDATE outbox o SET status = 'pending', next_at = $3, finished_at = NULL, attempts = 0
           WHERE o.merchant_id = $1 AND o.status = 'rejected' AND (o.effect_id = ANY ($2::bigint[])
             -- Where a parcel is was refused because the channel had not taken the parcel.
             OR o.kind = 'tracking' AND EXISTS (SELECT FROM outbox f WHERE f.merchant_id = $1
               AND f.effect_id = ANY ($2::bigint[]) AND f.status = 'rejected' AND f.kind = 'fulfillment'
               AND f.subject_id = o.subject_id))
           RETURNING o.connection_id""",
        merchant_id,
        effect_ids,
        now,
    )
    return sorted({row["connection_id"] for row in rows})


async def fulfillment_subjects(tx: Connection, merchant_id: int, ids: Sequence[int]) -> dict[int, Row]:
    """What a channel is told of fulfillments: order, units by line, parcels, whether nothing is left to ship."""
    rows = await tx.fetch(
        """SELECT f.fulfillment_id, f.shipped_at, f.channel_fulfillment_ids, o.order_id, o.channel_order_id,
             (SELECT jsonb_agg(jsonb_build_object('line_id', l.line_id, 'quantity', l.quantity) ORDER BY l.line_id)
              FROM fulfillment_lines l WHERE l.merchant_id = f.merchant_id AND l.fulfillment_id = f.fulfillment_id)
               AS lines,
             (SELECT jsonb_agg(jsonb_build_object('carrier', p.carrier, 'tracking_number', p.tracking_number,
                'tracking_url', p.tracking_url) ORDER BY p.parcel_id)
              FROM fulfillment_parcels fp JOIN parcels p USING (merchant_id, parcel_id)
              WHERE fp.merchant_id = f.merchant_id AND fp.fulfillment_id = f.fulfillment_id) AS parcels,
             ARRAY(SELECT unnest(x.channel_fulfillment_ids) FROM fulfillments x WHERE x.merchant_id = f.merchant_id
               AND x.order_id = f.order_id AND x.fulfillment_id <> f.fulfillment_id) AS others,
             NOT EXISTS (SELECT FROM order_lines x WHERE x.merchant_id = o.merchant_id AND x.order_id = o.order_id
               AND x.needs_parcel AND x.quantity - x.quantity_cancelled - x.quantity_fulfilled > 0)
             -- Only the last of several parcels completes an order.
             AND NOT EXISTS (SELECT FROM fulfillments later WHERE later.merchant_id = f.merchant_id
               AND later.order_id = f.order_id AND later.fulfillment_id > f.fulfillment_id) AS completes
           FROM fulfillments f JOIN orders o USING (merchant_id, order_id)
           WHERE f.merchant_id = $1 AND f.fulfillment_id = ANY ($2::bigint[])""",
        merchant_id,
        ids,
    )
    return {row["fulfillment_id"]: row for row in rows}


async def parcel_subjects(tx: Connection, merchant_id: int, ids: Sequence[int]) -> dict[int, Row]:
    """Carrier and number of parcels."""
    rows = await tx.fetch(
        """SELECT parcel_id, carrier, tracking_number FROM parcels
           WHERE merchant_id = $1 AND parcel_id = ANY ($2::bigint[])""",
        merchant_id,
        ids,
    )
    return {row["parcel_id"]: row for row in rows}


async def open_wishes(tx: Connection, limit: int) -> list[dict[str, Any]]:
    """What was refused and waits for a person, then what waits to be told; the oldest first."""
    rows = await tx.fetch(
        """SELECT o.effect_id, c.name AS connection, o.kind, o.status, o.attempts, o.created_at, o.next_at, o.error,
             coalesce(f.order_id, (SELECT min(x.order_id) FROM fulfillment_parcels fp
               JOIN fulfillments x USING (merchant_id, fulfillment_id)
               WHERE fp.merchant_id = o.merchant_id AND fp.parcel_id = o.subject_id)) AS order_id
           FROM outbox o JOIN connections c USING (merchant_id, connection_id)
           LEFT JOIN fulfillments f ON o.kind <> 'tracker' AND f.merchant_id = o.merchant_id
             AND f.fulfillment_id = o.subject_id
           WHERE o.status IN ('pending', 'rejected') ORDER BY o.status DESC, o.effect_id LIMIT $1""",
        limit,
    )
    return [dict(row) for row in rows]
