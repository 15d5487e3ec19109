"""What is in doubt after a restore from a backup: all that a channel may have been told, or have sold, since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from core.store import deliveries, stock
from core.store.database import Connection

WORDS = "restored from a backup: it may have been told since"
LOOKED_AT = 3  # an order that could not be looked at so often is not waited for
PATIENCE = timedelta(hours=1)  # after that, a connection whose orders do not come holds up nobody else


async def doubt(tx: Connection, merchants: Sequence[int], now: datetime) -> dict[str, int]:
    """Mark everything of the declared *merchants* that may have happened since the backup; returns how much that is.

    Levels are known to nobody, and wait until orders are in (`core.usecases.pull_catalog`). Open effects have an attempt of
    unknown outcome, new ones look first as well. Every order that holds units is looked at, parcels under way are asked
    after, pulls are due: their checkpoints are as old as the backup. No lease is held.
    """
    counts = {
        "effects": await _effects(tx, now),
        "parcels": await _parcels(tx, now),
        "levels": await _levels(tx, now),
        "orders": await _orders(tx, now),
    }
    await tx.execute(
        """UPDATE connections c SET restored_at = $1, shown_at = NULL, doubted_at = CASE WHEN EXISTS (SELECT FROM schedule s
             WHERE s.merchant_id = c.merchant_id AND s.connection_id = c.connection_id AND s.kind = 'catalog')
             THEN $1::timestamptz END""",
        now,
    )
    await tx.execute(
        "UPDATE todo SET lease_until = '-infinity' WHERE merchant_id = ANY ($1::bigint[])", merchants
    )
    await tx.execute(
        """UPDATE schedule s SET lease_until = '-infinity', failures = 0, last_error = '', rung = s.rung + 1,
             due_at = CASE WHEN c.status = 'active' THEN least(s.due_at, $2) ELSE s.due_at END
           FROM connections c WHERE c.merchant_id = s.merchant_id AND c.connection_id = s.connection_id
             AND s.merchant_id = ANY ($1::bigint[])""",
        merchants,
        now,
    )
    await tx.execute("DELETE FROM circuits")
    return counts


async def _effects(tx: Connection, now: datetime) -> int:
    """Attempts that were under way, or came after the backup, ended nobody knows how."""
    await tx.execute(
        "UPDATE effect_attempts SET outcome = 'unknown', finished_at = $1, message = $2 WHERE outcome IS NULL",
        now,
        WORDS,
    )
    status = await tx.execute(
        """INSERT INTO effect_attempts (merchant_id, effect_id, attempt, connection_id, epoch, started_at, finished_at,
             outcome, message)
           SELECT o.merchant_id, o.effect_id, 1 + (SELECT count(*) FROM effect_attempts a
             WHERE a.merchant_id = o.merchant_id AND a.effect_id = o.effect_id), o.connection_id, 0, $1, $1, 'unknown', $2
           FROM outbox o WHERE o.status IN ('pending', 'rejected')""",
        now,
        WORDS,
    )
    await tx.execute("UPDATE outbox SET next_at = least(next_at, $1) WHERE status = 'pending'", now)
    return _count(status)


async def _parcels(tx: Connection, now: datetime) -> int:
    """Where each parcel under way is may have been told meanwhile: its carrier is read again."""
    status = await tx.execute(
        """WITH again AS (
             INSERT INTO outbox (merchant_id, connection_id, kind, entity, subject_id, op_key, detail, key, next_at,
               created_at)
             SELECT DISTINCT ON (o.merchant_id, o.connection_id, o.subject_id) o.merchant_id, o.connection_id, o.kind,
               o.entity, o.subject_id, 'restored ' || ($1::timestamptz)::text || ':' || o.op_key, o.detail,
               gen_random_uuid(), $1, $1
             FROM outbox o JOIN parcels p ON p.merchant_id = o.merchant_id AND p.parcel_id = o.subject_id
             WHERE o.kind = 'tracker' AND o.status = 'done' AND p.status NOT IN ('delivered', 'return_to_sender')
             ORDER BY o.merchant_id, o.connection_id, o.subject_id, o.effect_id
             RETURNING merchant_id, effect_id, connection_id)
           INSERT INTO effect_attempts (merchant_id, effect_id, attempt, connection_id, epoch, started_at, finished_at,
             outcome, message)
           SELECT merchant_id, effect_id, 1, connection_id, 0, $1, $1, 'unknown', $2 FROM again""",
        now,
        WORDS,
    )
    return _count(status)


async def _levels(tx: Connection, now: datetime) -> int:
    """What a channel shows is not known any more, nor what tries without an answer may have left."""
    await tx.execute(
        "UPDATE push_attempts SET outcome = 'unknown', finished_at = $1, message = $2 WHERE outcome IS NULL",
        now,
        WORDS,
    )
    await tx.execute(
        """UPDATE drifts SET status = 'closed', closed_at = $1, healed_by = 'itself', words = 'restored from a backup'
           WHERE closed_at IS NULL""",
        now,
    )
    await tx.execute("UPDATE reconciles SET cursor = NULL, done = 0, found = '{}' WHERE finished_at IS NULL")
    rows = await tx.fetch(
        "SELECT DISTINCT merchant_id, variant_id FROM listing_levels WHERE variant_id IS NOT NULL"
    )
    await stock.mark_dirty(tx, {(row["merchant_id"], row["variant_id"]) for row in rows}, now, sold=True)
    # confirmed_at: a write is another one than what was written then, though it says the same (see `push_stock`).
    status = await tx.execute(
        """UPDATE listing_levels SET predicted = NULL, unseen = 0, unseen_at = NULL, assumed = 0, unsure = 0,
             unsure_at = NULL, maybe = NULL, late = NULL, late_until = NULL, live = NULL, live_at = NULL, live_as = '',
             confirmed_at = $1, pending = pending OR desired IS NOT NULL, parked_at = NULL, next_at = '-infinity',
             failures = 0, error = ''""",
        now,
    )
    return _count(status)


async def _orders(tx: Connection, now: datetime) -> int:
    """Orders that hold units are looked at: a list of what changed does not name those that are gone."""
    rows = await tx.fetch(
        """SELECT DISTINCT o.merchant_id, o.connection_id, o.channel_order_id FROM orders o
           JOIN reservations r USING (merchant_id, order_id) WHERE r.held > 0 AND o.gone_at IS NULL"""
    )
    if rows:
        await deliveries.fetch_wanted(tx, [(*row.values(), "restored from a backup") for row in rows], now)
    return len(rows)


async def orders_are_in(tx: Connection, merchant_id: int, connection_id: int, now: datetime) -> bool:
    """Whether the connection, and every other one of its merchant that is in doubt and works, has been asked for its orders
    since, and all of what came, and was to be looked at, is applied.
    """
    return not await tx.fetchval(
        """SELECT EXISTS (SELECT FROM connections c
             LEFT JOIN LATERAL (SELECT max(recorded_at) AS at FROM checkpoint_log k WHERE k.merchant_id = c.merchant_id
               AND k.connection_id = c.connection_id AND k.recorded_at >= greatest(c.doubted_at, c.shown_at)) pulled ON true
             WHERE c.merchant_id = $1 AND c.status = 'active'
               AND (c.doubted_at > $2::timestamptz OR c.connection_id = $4 AND c.doubted_at IS NOT NULL)
               AND (pulled.at IS NULL
                 OR EXISTS (SELECT FROM todo t JOIN deliveries d USING (merchant_id, delivery_id)
                   WHERE t.merchant_id = c.merchant_id AND t.connection_id = c.connection_id
                     AND (d.received_at <= pulled.at OR d.via = 'fetch'))
                 OR EXISTS (SELECT FROM fetches f WHERE f.merchant_id = c.merchant_id
                   AND f.connection_id = c.connection_id AND f.wanted_at <= pulled.at AND f.attempts < $3)))""",
        merchant_id,
        now - PATIENCE,
        LOOKED_AT,
        connection_id,
    )


async def shown(tx: Connection, merchant_id: int, connection_id: int, now: datetime) -> None:
    """What the connection shows was read. A sale just before may still be on its way: orders are asked for once more."""
    await tx.execute(
        "UPDATE connections SET shown_at = $3 WHERE merchant_id = $1 AND connection_id = $2",
        merchant_id,
        connection_id,
        now,
    )


async def believe(tx: Connection, merchant_id: int, connection_id: int) -> None:
    """What the connection shows was read after its orders had come, and those from before are here: it may be told."""
    await tx.execute(
        "UPDATE connections SET doubted_at = NULL WHERE merchant_id = $1 AND connection_id = $2",
        merchant_id,
        connection_id,
    )


def _count(status: str) -> int:
    return int(status.rsplit(" ", 1)[-1])
