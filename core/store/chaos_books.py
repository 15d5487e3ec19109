"""What a chaos run asks of a hub's database while it goes on, and how it lets time pass."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.store.database import Connection


async def hasten(tx: Connection, within_s: float) -> None:
    """Let the time pass until what failed, or was put off, is due again, where that is within *within_s* seconds. A call
    that may still come about is given its time.
    """
    await tx.execute(
        """UPDATE circuits SET open_until = clock_timestamp()
           WHERE open_until > clock_timestamp() AND open_until < clock_timestamp() + make_interval(secs => $1)""",
        within_s,
    )
    await tx.execute(
        """UPDATE outbox SET next_at = clock_timestamp() FROM (
             SELECT o.merchant_id, o.effect_id FROM outbox o
             WHERE o.status = 'pending' AND o.next_at > clock_timestamp()
               AND o.next_at < clock_timestamp() + make_interval(secs => $1)
               AND (SELECT a.outcome FROM effect_attempts a WHERE a.merchant_id = o.merchant_id
                 AND a.effect_id = o.effect_id ORDER BY a.attempt DESC LIMIT 1) = 'throttled'
             FOR UPDATE OF o SKIP LOCKED) late
           WHERE outbox.merchant_id = late.merchant_id AND outbox.effect_id = late.effect_id""",
        within_s,
    )
    await tx.execute(
        """UPDATE schedule SET due_at = clock_timestamp() FROM (
             SELECT merchant_id, connection_id, kind FROM schedule
             WHERE last_error <> '' AND due_at > clock_timestamp()
               AND due_at < clock_timestamp() + make_interval(secs => $1) FOR UPDATE SKIP LOCKED) late
           WHERE schedule.merchant_id = late.merchant_id AND schedule.connection_id = late.connection_id
             AND schedule.kind = late.kind""",
        within_s,
    )


async def order_ids(tx: Connection, connection_id: int, channel_order_ids: Sequence[str]) -> dict[str, int]:
    """Ids by the channel's; of orders that are known."""
    rows = await tx.fetch(
        """SELECT channel_order_id, order_id FROM orders WHERE connection_id = $1
           AND channel_order_id = ANY ($2::text[])""",
        connection_id,
        list(channel_order_ids),
    )
    return {row["channel_order_id"]: row["order_id"] for row in rows}


async def newest_deliveries(tx: Connection, count: int) -> list[int]:
    rows = await tx.fetch("SELECT delivery_id FROM deliveries ORDER BY delivery_id DESC LIMIT $1", count)
    return [row["delivery_id"] for row in rows]


async def reconciled(tx: Connection) -> bool:
    """Whether everything was read back, and every difference is over or waits for a person."""
    found: bool = await tx.fetchval(
        """SELECT NOT EXISTS (SELECT FROM reconciles WHERE finished_at IS NULL)
             AND NOT EXISTS (SELECT FROM drifts WHERE status IN ('watching', 'told'))
             AND NOT EXISTS (SELECT FROM listing_levels ll WHERE pending OR (unseen > 0 AND NOT EXISTS (
               SELECT FROM drifts d WHERE d.merchant_id = ll.merchant_id AND d.connection_id = ll.connection_id
                 AND d.listing_id = ll.listing_id AND d.status = 'asked')))"""
    )
    return found


async def guessed(tx: Connection) -> bool:
    """Whether a try of which no answer came has left open what some channel shows."""
    found: bool = await tx.fetchval("SELECT EXISTS (SELECT FROM listing_levels WHERE maybe IS NOT NULL)")
    return found


async def sure(tx: Connection) -> bool:
    """Whether nothing is guessed any more of what channels show."""
    found: bool = await tx.fetchval(
        "SELECT NOT EXISTS (SELECT FROM listing_levels WHERE unsure_at IS NOT NULL)"
    )
    return found


async def land(tx: Connection) -> None:
    """Let the time pass in which a call without an answer may still come about; whoever asks knows that it has ended."""
    await tx.execute(
        """UPDATE listing_levels SET next_at = least(next_at, clock_timestamp()),
             late_until = least(late_until, clock_timestamp()) WHERE pending"""
    )


async def asked_drifts(tx: Connection) -> list[int]:
    """Differences that wait for a person."""
    rows = await tx.fetch("SELECT drift_id FROM drifts WHERE status = 'asked' ORDER BY drift_id")
    return [row["drift_id"] for row in rows]


async def open_incidents(tx: Connection) -> list[int]:
    rows = await tx.fetch(
        "SELECT incident_id FROM stock_incidents WHERE closed_at IS NULL ORDER BY incident_id"
    )
    return [row["incident_id"] for row in rows]


async def proposed(tx: Connection) -> int:
    """Orders whose cancellation the hub proposes."""
    found: int = await tx.fetchval(
        """SELECT count(*) FROM orders WHERE holds @> '[{"code": "cancel_proposed"}]'"""
    )
    return found


async def status_of(tx: Connection, connection_id: int) -> str:
    found: str = await tx.fetchval("SELECT status FROM connections WHERE connection_id = $1", connection_id)
    return found


async def lists(tx: Connection, connection_id: int, sku: str) -> bool:
    """Whether the connection is known to list *sku*."""
    found: bool = await tx.fetchval(
        """SELECT EXISTS (SELECT FROM listings l JOIN variants v USING (merchant_id, variant_id)
           WHERE l.connection_id = $1 AND v.sku = $2)""",
        connection_id,
        sku,
    )
    return found


async def open_windows(tx: Connection, connection_ids: Sequence[int], now: datetime) -> None:
    """As if *connection_ids* had been linked hours ago, and no hour of theirs were certified."""
    await tx.execute(
        """UPDATE connections SET created_at = least(created_at, $2::timestamptz - interval '3 hours')
           WHERE connection_id = ANY ($1::bigint[])""",
        list(connection_ids),
        now,
    )
    await tx.execute(
        """UPDATE certificates SET status = 'healing', next_at = $2 WHERE connection_id = ANY ($1::bigint[])""",
        list(connection_ids),
        now,
    )


async def certified(tx: Connection, connection_ids: Sequence[int]) -> bool:
    """Whether each of *connection_ids* has hours, all of them certified."""
    return bool(
        await tx.fetchval(
            """SELECT count(DISTINCT connection_id) = cardinality($1::bigint[]) AND bool_and(status = 'certified')
               FROM certificates WHERE connection_id = ANY ($1::bigint[])""",
            list(connection_ids),
        )
    )
