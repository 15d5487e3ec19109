"""Deliveries and their todo: added by intake and pulls, claimed and finished by the drain."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.shares import EVERYBODY, Share
from core.store.database import Connection, Row, json_texts


@dataclass(frozen=True, slots=True)
class Incoming:
    """A delivery ready to be stored; *sealed* is its body, sealed under the merchant's data key."""

    merchant_id: int
    connection_id: int
    topic: str
    via: str
    dedupe_key: bytes
    sealed: bytes
    headers: Mapping[str, str]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Claimed:
    """A piece of todo that this worker holds until its lease ends."""

    merchant_id: int
    delivery_id: int
    connection_id: int
    epoch: int
    attempts: int


def dedupe_key(connection_id: int, topic: str, body: bytes) -> bytes:
    """The same bytes for the same topic of a connection are the same news; nothing else can be trusted to be."""
    return hashlib.sha256(b"%d\0%b\0%b" % (connection_id, topic.encode(), body)).digest()


def body_owner(connection_id: int, key: bytes) -> bytes:
    """The associated data a delivery's body is sealed with."""
    return b"delivery/%d/%b" % (connection_id, key)


async def add(tx: Connection, batch: Sequence[Incoming]) -> int:
    """Store what is new of *batch* together with its todo; returns how many were new."""
    return sum((await add_counted(tx, batch)).values())


async def add_counted(tx: Connection, batch: Sequence[Incoming]) -> dict[int, int]:
    """As `add`, for a batch of many merchants, which it declares itself: returns merchant -> how many were new."""
    rows = await tx.fetch(
        "SELECT merchant_id, added FROM store_deliveries($1, $2, $3, $4, $5, $6, $7, $8)",
        [item.merchant_id for item in batch],
        [item.connection_id for item in batch],
        [item.topic for item in batch],
        [item.via for item in batch],
        [item.dedupe_key for item in batch],
        json_texts([dict(item.headers) for item in batch]),
        [item.sealed for item in batch],
        [item.received_at for item in batch],
    )
    return {row["merchant_id"]: row["added"] for row in rows}


async def count_intake(tx: Connection, counts: Mapping[tuple[int, datetime], Sequence[int]]) -> None:
    """Add to the counters of intake: (merchant, full minute) -> accepted, duplicate, rejected."""
    keys = sorted(counts)  # one order for all processes, so that none waits for another in a circle
    await tx.execute(
        """INSERT INTO intake_counts AS c (merchant_id, minute, accepted, duplicate, rejected)
           SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[])
           ON CONFLICT (merchant_id, minute) DO UPDATE SET accepted = c.accepted + excluded.accepted,
             duplicate = c.duplicate + excluded.duplicate, rejected = c.rejected + excluded.rejected""",
        [merchant for merchant, _ in keys],
        [minute for _, minute in keys],
        *([counts[key][index] for key in keys] for index in range(3)),
    )


async def claim(
    tx: Connection, limit: int, lease_s: float, holder: int = 0, share: Share = EVERYBODY
) -> list[Claimed]:
    """Take up to *limit* pieces of todo nobody holds, of merchants of *share*, for *lease_s* seconds of the database's
    clock. Whoever outlives *holder* may give them back before that (`give_back_of`).

    Every merchant that has any gets its share, of its oldest; what the others leave of theirs goes to whoever has more.
    The attempt is counted here, before anything is read: a delivery that kills the process is counted, too.
    """
    shared = await tx.fetch(
        f"""WITH RECURSIVE merchant AS (
              (SELECT merchant_id FROM todo ORDER BY merchant_id LIMIT 1)
              UNION ALL
              SELECT (SELECT t.merchant_id FROM todo t WHERE t.merchant_id > m.merchant_id ORDER BY 1 LIMIT 1)
              FROM merchant m WHERE m.merchant_id IS NOT NULL),
            waiting AS (SELECT merchant_id FROM merchant WHERE queue_of(merchant_id, $4) = ANY ($5::int[])
              ORDER BY random() LIMIT $1),
            free AS (
              SELECT oldest.* FROM waiting w CROSS JOIN LATERAL (
                SELECT merchant_id, delivery_id FROM todo t
                WHERE t.merchant_id = w.merchant_id AND lease_until < clock_timestamp() ORDER BY delivery_id
                LIMIT $1 / (SELECT count(*) FROM waiting) FOR UPDATE SKIP LOCKED) oldest)
            {_TAKE}""",
        limit,
        lease_s,
        holder,
        share.queues,
        share.serves,
    )
    rest = []
    if shared and len(shared) < limit:
        rest = await tx.fetch(
            f"""WITH free AS (SELECT merchant_id, delivery_id FROM todo WHERE lease_until < clock_timestamp()
                  AND queue_of(merchant_id, $4) = ANY ($5::int[])
                  ORDER BY merchant_id, delivery_id LIMIT $1 FOR UPDATE SKIP LOCKED)
                {_TAKE}""",
            limit - len(shared),
            lease_s,
            holder,
            share.queues,
            share.serves,
        )
    return sorted((Claimed(**row) for row in (*shared, *rest)), key=lambda item: item.delivery_id)


_TAKE = """
UPDATE todo t SET lease_until = clock_timestamp() + make_interval(secs => $2),
  epoch = t.epoch + 1, attempts = t.attempts + 1, holder = $3
FROM free WHERE t.merchant_id = free.merchant_id AND t.delivery_id = free.delivery_id
RETURNING t.merchant_id, t.delivery_id, t.connection_id, t.epoch, t.attempts"""


async def claim_one(tx: Connection, merchant_id: int, delivery_id: int, lease_s: float) -> Claimed | None:
    """As `claim`, for one delivery and to the end of its lease; None when somebody holds it or it is done."""
    row = await tx.fetchrow(
        f"""WITH free AS (SELECT merchant_id, delivery_id FROM todo WHERE merchant_id = $1 AND delivery_id = $4
              AND lease_until < clock_timestamp() FOR UPDATE SKIP LOCKED)
            {_TAKE}""",
        merchant_id,
        lease_s,
        0,
        delivery_id,
    )
    return Claimed(**row) if row else None


async def load(tx: Connection, claimed: Sequence[Claimed]) -> list[Row]:
    """The claimed deliveries: merchant, delivery and connection id, topic, via, dedupe_key, headers, body, received_at."""
    return await tx.fetch(
        """SELECT d.merchant_id, d.delivery_id, d.connection_id, d.topic, d.via, d.dedupe_key, d.headers,
             d.body, d.received_at
           FROM unnest($1::bigint[], $2::bigint[]) AS c (merchant_id, delivery_id)
           JOIN deliveries d USING (merchant_id, delivery_id) ORDER BY d.delivery_id""",
        [item.merchant_id for item in claimed],
        [item.delivery_id for item in claimed],
    )


async def still_held(tx: Connection, claimed: Sequence[Claimed]) -> set[int]:
    """Which of *claimed* this worker still holds; their todo is locked until the transaction ends."""
    rows = await tx.fetch(
        """SELECT t.delivery_id FROM unnest($1::bigint[], $2::bigint[], $3::int[])
             AS c (merchant_id, delivery_id, epoch)
           JOIN todo t USING (merchant_id, delivery_id, epoch) ORDER BY t.delivery_id FOR UPDATE OF t""",
        [item.merchant_id for item in claimed],
        [item.delivery_id for item in claimed],
        [item.epoch for item in claimed],
    )
    return {row["delivery_id"] for row in rows}


async def finish(tx: Connection, claimed: Sequence[Claimed]) -> int:
    """Strike off what was applied, where the lease is still ours; returns how many were."""
    status = await tx.execute(
        """DELETE FROM todo t USING unnest($1::bigint[], $2::bigint[], $3::int[])
             AS c (merchant_id, delivery_id, epoch)
           WHERE t.merchant_id = c.merchant_id AND t.delivery_id = c.delivery_id AND t.epoch = c.epoch""",
        [item.merchant_id for item in claimed],
        [item.delivery_id for item in claimed],
        [item.epoch for item in claimed],
    )
    return int(status.rsplit(" ", 1)[-1])


async def give_back(tx: Connection, claimed: Sequence[Claimed]) -> None:
    """Let others have it at once, as if it had not been claimed: what failed was not the delivery."""
    await tx.execute(
        """UPDATE todo t SET lease_until = '-infinity', attempts = t.attempts - 1
           FROM unnest($1::bigint[], $2::bigint[], $3::int[]) AS c (merchant_id, delivery_id, epoch)
           WHERE t.merchant_id = c.merchant_id AND t.delivery_id = c.delivery_id AND t.epoch = c.epoch""",
        [item.merchant_id for item in claimed],
        [item.delivery_id for item in claimed],
        [item.epoch for item in claimed],
    )


async def set_back(tx: Connection, item: Claimed, pause_s: float) -> None:
    """Have it tried again after *pause_s* seconds; the try counts."""
    await tx.execute(
        """UPDATE todo SET lease_until = clock_timestamp() + make_interval(secs => $4)
           WHERE merchant_id = $1 AND delivery_id = $2 AND epoch = $3""",
        item.merchant_id,
        item.delivery_id,
        item.epoch,
        pause_s,
    )


async def give_back_of(tx: Connection, holder: int) -> int:
    """Let others have at once what *holder*, which is dead, claimed; returns how much that was. The tries count."""
    status = await tx.execute(
        """WITH held AS (SELECT merchant_id, delivery_id FROM todo
             WHERE holder = $1 AND lease_until > clock_timestamp() ORDER BY merchant_id, delivery_id FOR UPDATE)
           UPDATE todo t SET lease_until = '-infinity' FROM held
           WHERE t.merchant_id = held.merchant_id AND t.delivery_id = held.delivery_id""",
        holder,
    )
    return int(status.rsplit(" ", 1)[-1])


async def park(
    tx: Connection, items: Sequence[tuple[Claimed, str, Sequence[Mapping[str, str]]]], now: datetime
) -> None:
    """Set deliveries aside for a person: (claimed, topic, reasons). One that waits already keeps its first reasons;
    one that was resolved and read again waits anew, for the new ones.
    """
    await tx.execute(
        """INSERT INTO parked AS p (merchant_id, delivery_id, connection_id, topic, reasons, attempts, parked_at)
           SELECT m, d, c, t, r::jsonb, a, $7 FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[],
             $6::int[]) AS n (m, d, c, t, r, a)
           ON CONFLICT (merchant_id, delivery_id) DO UPDATE SET reasons = excluded.reasons,
             attempts = excluded.attempts, parked_at = excluded.parked_at, resolved_at = NULL
             WHERE p.resolved_at IS NOT NULL""",
        [item.merchant_id for item, _, _ in items],
        [item.delivery_id for item, _, _ in items],
        [item.connection_id for item, _, _ in items],
        [topic for _, topic, _ in items],
        json_texts([[dict(reason) for reason in reasons] for _, _, reasons in items]),
        [item.attempts for item, _, _ in items],
        now,
    )


async def put_back(tx: Connection, merchants: Sequence[int], ids: Sequence[int], now: datetime) -> list[int]:
    """Have stored deliveries read again, with all their tries; returns which did not wait to be read already.

    One that was parked is no longer open while it waits: if it is not understood again, `park` opens it anew.
    """
    rows = await tx.fetch(
        """INSERT INTO todo (merchant_id, delivery_id, connection_id)
           SELECT d.merchant_id, d.delivery_id, d.connection_id FROM unnest($1::bigint[]) AS m (id)
           JOIN deliveries d ON d.merchant_id = m.id AND d.delivery_id = ANY ($2::bigint[])
           ORDER BY d.merchant_id, d.delivery_id
           ON CONFLICT (merchant_id, delivery_id) DO NOTHING RETURNING delivery_id""",
        list(merchants),
        list(ids),
    )
    await tx.execute(
        """UPDATE parked SET resolved_at = $3 WHERE merchant_id = ANY ($1::bigint[])
             AND delivery_id = ANY ($2::bigint[]) AND resolved_at IS NULL""",
        list(merchants),
        list(ids),
        now,
    )
    return sorted(row["delivery_id"] for row in rows)


async def backlog(tx: Connection) -> int:
    """How much todo there is."""
    return int(await tx.fetchval("SELECT count(*) FROM todo"))


async def fetch_wanted(tx: Connection, wants: Sequence[tuple[int, int, str, str]], now: datetime) -> None:
    """Ask for orders to be looked at again: (merchant, connection, channel order id, reason)."""
    rows = sorted(set(wants))
    await tx.execute(
        """INSERT INTO fetches AS f (merchant_id, connection_id, channel_order_id, reason, wanted_at, next_at)
           SELECT m, c, o, r, $5, $5 FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[]) AS w (m, c, o, r)
           ON CONFLICT (merchant_id, connection_id, channel_order_id)
           DO UPDATE SET reason = excluded.reason, wanted_at = excluded.wanted_at, next_at = excluded.next_at""",
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        [row[3] for row in rows],
        now,
    )


async def note_unread(tx: Connection, seen: Mapping[tuple[int, int, str, str], int]) -> None:
    """Count fields that no mapping knows: (merchant, connection, topic, path) -> the sample's delivery."""
    keys = sorted(seen)
    await tx.execute(
        """INSERT INTO unread_fields AS u (merchant_id, connection_id, topic, path, seen, delivery_id)
           SELECT m, c, t, p, 1, d FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[])
             AS f (m, c, t, p, d)
           ON CONFLICT (merchant_id, connection_id, topic, path)
           DO UPDATE SET seen = u.seen + 1, delivery_id = excluded.delivery_id""",
        *([key[index] for key in keys] for index in range(4)),
        [seen[key] for key in keys],
    )
