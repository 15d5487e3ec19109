"""What an operator asks about deliveries: which are there, which wait for a person, what became of one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core.store.database import Connection, Row, columns

Rows = list[dict[str, Any]]


async def parked(tx: Connection, connection_id: int | None, limit: int) -> Rows:
    """Deliveries that wait for a person, the newest first."""
    rows = await tx.fetch(
        """SELECT p.delivery_id, c.name AS connection, p.topic, d.received_at, p.parked_at, p.attempts, p.reasons
           FROM parked p JOIN deliveries d USING (merchant_id, delivery_id)
           JOIN connections c ON c.merchant_id = p.merchant_id AND c.connection_id = p.connection_id
           WHERE p.resolved_at IS NULL AND ($1::bigint IS NULL OR p.connection_id = $1)
           ORDER BY p.delivery_id DESC LIMIT $2""",
        connection_id,
        limit,
    )
    return [dict(row) for row in rows]


async def resolve(
    tx: Connection, merchants: Sequence[int], delivery_id: int, note: str, now: datetime
) -> bool:
    """Close a parked delivery; *note* is kept after its reasons. False when it was not open."""
    status = await tx.execute(
        """UPDATE parked SET resolved_at = $4,
             reasons = reasons || jsonb_build_object('code', 'resolved', 'pointer', '', 'message', $3::text)
           WHERE merchant_id = ANY ($1::bigint[]) AND delivery_id = $2 AND resolved_at IS NULL""",
        list(merchants),
        delivery_id,
        note,
        now,
    )
    return status == "UPDATE 1"


async def parked_ids(tx: Connection, connection_id: int | None) -> list[int]:
    """Every delivery that waits for a person."""
    rows = await tx.fetch(
        """SELECT delivery_id FROM parked WHERE resolved_at IS NULL
             AND ($1::bigint IS NULL OR connection_id = $1) ORDER BY delivery_id""",
        connection_id,
    )
    return [row["delivery_id"] for row in rows]


async def ids_since(tx: Connection, merchant_id: int, connection_id: int, since: datetime) -> list[int]:
    """Deliveries of a connection received at or after *since*."""
    rows = await tx.fetch(
        """SELECT delivery_id FROM deliveries
           WHERE merchant_id = $1 AND connection_id = $2 AND received_at >= $3 ORDER BY delivery_id""",
        merchant_id,
        connection_id,
        since,
    )
    return [row["delivery_id"] for row in rows]


async def ids_above(tx: Connection, merchants: Sequence[int], above: int) -> list[int]:
    """Stored deliveries with higher ids than *above*."""
    rows = await tx.fetch(
        """SELECT d.delivery_id FROM unnest($1::bigint[]) AS m (id)
           JOIN deliveries d ON d.merchant_id = m.id AND d.delivery_id > $2 ORDER BY d.delivery_id""",
        list(merchants),
        above,
    )
    return [row["delivery_id"] for row in rows]


async def highest_id(tx: Connection, merchants: Sequence[int]) -> int:
    """The highest id a stored delivery has; 0 when there is none."""
    found: int = await tx.fetchval(
        """SELECT coalesce(max(n.delivery_id), 0) FROM unnest($1::bigint[]) AS m (id)
           CROSS JOIN LATERAL (SELECT delivery_id FROM deliveries WHERE merchant_id = m.id
             ORDER BY delivery_id DESC LIMIT 1) n""",
        list(merchants),
    )
    return found


async def load(tx: Connection, merchants: Sequence[int], ids: Sequence[int]) -> list[Row]:
    """Deliveries with their sealed bodies and where they stand: *waiting* is the tries so far, null when it was read."""
    return await tx.fetch(
        """SELECT d.merchant_id, d.delivery_id, d.connection_id, c.name AS connection, c.channel, d.topic, d.via,
             d.dedupe_key, d.headers, d.body, d.received_at, t.attempts AS waiting,
             p.reasons, p.attempts, p.parked_at, p.resolved_at
           FROM unnest($1::bigint[]) AS m (id)
           JOIN deliveries d ON d.merchant_id = m.id AND d.delivery_id = ANY ($2::bigint[])
           JOIN connections c ON c.merchant_id = d.merchant_id AND c.connection_id = d.connection_id
           LEFT JOIN todo t ON t.merchant_id = d.merchant_id AND t.delivery_id = d.delivery_id
           LEFT JOIN parked p ON p.merchant_id = d.merchant_id AND p.delivery_id = d.delivery_id
           ORDER BY d.delivery_id""",
        list(merchants),
        list(ids),
    )


async def still_waiting(tx: Connection, merchants: Sequence[int], ids: Sequence[int]) -> set[int]:
    """Which of *ids* no worker has read yet."""
    rows = await tx.fetch(
        "SELECT delivery_id FROM todo WHERE merchant_id = ANY ($1::bigint[]) AND delivery_id = ANY ($2::bigint[])",
        list(merchants),
        list(ids),
    )
    return {row["delivery_id"] for row in rows}


async def still_parked(tx: Connection, merchants: Sequence[int], ids: Sequence[int]) -> set[int]:
    """Which of *ids* wait for a person."""
    rows = await tx.fetch(
        """SELECT delivery_id FROM parked WHERE merchant_id = ANY ($1::bigint[])
             AND delivery_id = ANY ($2::bigint[]) AND resolved_at IS NULL""",
        list(merchants),
        list(ids),
    )
    return {row["delivery_id"] for row in rows}


async def orders_of(tx: Connection, named: Sequence[dict[str, Any]]) -> dict[int, Row]:
    """The orders that deliveries name, by delivery, each with the last event that this delivery made, if any.

    *named* has merchant_id, connection_id, channel_order_id, delivery_id.
    """
    rows = await tx.fetch(
        """SELECT n.delivery_id, o.order_id, o.order_number, o.changed_at, o.fetched_at, o.document_hash, e.version, e.kind
           FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[])
             AS n (merchant_id, connection_id, channel_order_id, delivery_id)
           JOIN orders o USING (merchant_id, connection_id, channel_order_id)
           LEFT JOIN LATERAL (SELECT version, kind FROM order_events e WHERE e.merchant_id = o.merchant_id
             AND e.order_id = o.order_id AND e.delivery_id = n.delivery_id ORDER BY version DESC LIMIT 1) e ON true""",
        *columns(named, "merchant_id", "connection_id", "channel_order_id", "delivery_id"),
    )
    return {row["delivery_id"]: row for row in rows}


async def by_key(tx: Connection, merchant_id: int, connection_id: int, dedupe_key: bytes) -> int | None:
    """The stored delivery of these bytes."""
    found: int | None = await tx.fetchval(
        """SELECT delivery_id FROM deliveries
           WHERE merchant_id = $1 AND connection_id = $2 AND dedupe_key = $3""",
        merchant_id,
        connection_id,
        dedupe_key,
    )
    return found


async def sessions(tx: Connection) -> dict[str, int]:
    """Sessions at this database by the name their process gave itself: fairway-web, fairway-worker."""
    rows = await tx.fetch(
        """SELECT application_name AS name, count(*) AS count FROM pg_stat_activity
           WHERE datname = current_database() AND application_name <> '' GROUP BY 1"""
    )
    return {row["name"]: row["count"] for row in rows}
